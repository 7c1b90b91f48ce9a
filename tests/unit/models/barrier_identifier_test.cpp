// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <random>
#include <string>

#include "models/identifier.h"

namespace ringfence {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::SizeIs;

const std::string kUuid = "550e8400-e29b-41d4-a716-446655440000";

TEST(IdentifierShape, IsTheContractsPieceByPiece) {
  EXPECT_EQ(shape_text(read_shape("INV-20441")), "word.dec5");
  EXPECT_EQ(shape_text(read_shape("9fceb02d0ae598e95dc970b74767f19372d61af8")), "hex40");
  EXPECT_EQ(shape_text(read_shape("deadbeef")), "hex8") << "hex before word";
  EXPECT_EQ(shape_text(read_shape("deadbee")), "word");
  EXPECT_EQ(shape_text(read_shape("users/" + kUuid + "/profile")), "word.uuid.word");
  EXPECT_EQ(shape_text(read_shape("#W7619352")), "mixed");
  EXPECT_EQ(shape_text(read_shape("--//..")), "") << "empty pieces vanish";
  EXPECT_EQ(shape_text(read_shape("größe")), "word");
}

TEST(IdentifierShape, KnowsWhatBreaksTheFormOfItsKind) {
  const auto malformed = [](const std::string& id) { return read_shape(id).malformed; };
  for (const std::size_t length : {30U, 31U, 33U, 39U, 41U, 50U}) EXPECT_TRUE(malformed(std::string(length - 1, 'a') + "1")) << length;
  for (const std::size_t length : {8U, 29U, 32U, 40U, 51U, 64U}) EXPECT_FALSE(malformed(std::string(length - 1, 'a') + "1")) << length;
  EXPECT_FALSE(malformed(kUuid));
  EXPECT_TRUE(malformed("550e8400-e29b-41d4-a716-44665544000"));
  EXPECT_TRUE(malformed("550e8400-e29b41d4-a716-446655440000")) << "four groups";
  EXPECT_FALSE(malformed("2026-11-20T10-20-00"));
  EXPECT_TRUE(malformed("repos/x/commits/9fceb02d0ae598e95dc970b74767f19372d61af")) << "as a piece of a path";
}

TEST(CheckDigits, OfIbansWhoseCountryIsKnown) {
  EXPECT_EQ(iban_valid("GB29NWBK60161331926819"), std::optional(true));
  EXPECT_EQ(iban_valid("GB29 NWBK 6016 1331 9268 19"), std::optional(true));
  EXPECT_EQ(iban_valid("CH9300762011623852957"), std::optional(true));
  EXPECT_EQ(iban_valid("GB29NWBK60161331926818"), std::optional(false));
  EXPECT_EQ(iban_valid("GB29NWBK6016133192681"), std::optional(false)) << "one too short";
  EXPECT_EQ(iban_valid("US122000000121212121212"), std::nullopt) << "no IBAN country";
  EXPECT_EQ(iban_valid("BUILD20261120"), std::nullopt);
}

TEST(CheckDigits, OfPaymentCardsByIssuerAndLength) {
  EXPECT_EQ(card_valid("4111111111111111"), std::optional(true));
  EXPECT_EQ(card_valid("4111111111111112"), std::optional(false));
  EXPECT_EQ(card_valid("378282246310005"), std::optional(true));
  EXPECT_EQ(card_valid("1795170360187000"), std::nullopt) << "a time in microseconds";
  EXPECT_EQ(card_valid("12345"), std::nullopt);
}

TEST(IdentifierTemplate, IsTheSameWhateverTheLengths) {
  const auto hash = [](const std::string& id) { return read_shape(id).template_hash(); };
  EXPECT_EQ(hash(std::string(39, 'a')), hash(std::string(41, 'b')));
  EXPECT_EQ(hash(kUuid), hash("550e8400-e29b-41d4-a716-44665544000"));
  EXPECT_NE(hash("INV-1"), hash("1-INV"));
}

TEST(HashedIdentifier, IsReadInTheContractsFormOnly) {
  const auto id = read_hashed("ref=word.hex-41:00000000000000ff");
  ASSERT_TRUE(id);
  EXPECT_EQ(id->name, "ref");
  EXPECT_EQ(shape_text(id->shape), "word.hex41");
  EXPECT_TRUE(id->shape.malformed);
  EXPECT_EQ(id->hash, 0xffU);
  for (const std::string bad :
       {"", ":0123456789abcdef", "hex-40:0123", "hex40:0123456789abcdef", "hex-:0123456789abcdef", "hex-40 0123456789abcdef",
        "hex-40:0123456789abcdeg", "blob:0123456789abcdef", "hex-99999999:0123456789abcdef"})
    EXPECT_FALSE(read_hashed(bad)) << bad;
}

TEST(TemplateText, ShowsTheSkeletonAndNoValue) {
  const std::string uri = "repos/billing-core/commits/9fceb02d0ae598e95dc970b74767f19372d61af8";
  EXPECT_EQ(template_text(uri, uri.rfind('/') + 1), "repos/billing-core/commits/{hex}");
  EXPECT_EQ(template_text("vault/users/4711/hunter", 17), "vault/users/{dec}/{word}") << "words of the identifier are its value";
  EXPECT_EQ(template_text("a/" + kUuid + "/b2x", 40), "a/{uuid}/{mixed}");
  EXPECT_THAT(template_text(std::string("s/\x1b[31m/") + std::string(200, 'p') + "/q", 400),
              AllOf(Not(HasSubstr("\x1b")), Not(HasSubstr("pp"))));
  std::string deep;
  for (int i = 0; i < 1000; ++i) deep += "abc/";
  EXPECT_THAT(template_text(deep, deep.size()), SizeIs(testing::Le(120U)));
}

TEST(LastSegment, IsWhatIsReachedFor) {
  EXPECT_EQ(last_segment("repos/x/commits/abc"), "abc");
  EXPECT_EQ(last_segment("https://host/a/b/?q=/c#d"), "b");
  EXPECT_EQ(last_segment("urn:isbn:123"), "123");
  EXPECT_EQ(last_segment("plain"), "plain");
  EXPECT_EQ(last_segment("///"), "");
}

/// The textbook table, to hold the bit-parallel one against.
std::size_t plain_distance(const std::string& a, const std::string& b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t above = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1)});
      diagonal = above;
    }
  }
  return row[b.size()];
}

TEST(EditDistance, EqualsTheTextbookTable) {
  std::mt19937_64 rng(9);
  for (int i = 0; i < 20000; ++i) {
    std::string a(rng() % 65, 'x'), b;
    for (char& c : a) c = static_cast<char>('a' + rng() % 3);
    b = a;
    for (std::size_t edits = rng() % 4; edits > 0; --edits) {
      if (rng() % 2 == 0 && !b.empty()) {
        b.erase(rng() % b.size(), 1);
      } else if (b.size() < 64) {
        b.insert(rng() % (b.size() + 1), 1, static_cast<char>('a' + rng() % 3));
      }
    }
    const std::size_t plain = plain_distance(a, b);
    ASSERT_EQ(edit_distance(a, b, 64), plain) << a << " " << b;
    for (const std::size_t limit : {0U, 2U, 5U}) {
      const std::size_t near = edit_distance(a, b, limit);
      ASSERT_TRUE(near == plain || (near > limit && plain > limit)) << a << " " << b << " within " << limit;
    }
  }
}

}  // namespace
}  // namespace ringfence
