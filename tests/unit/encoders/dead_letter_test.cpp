// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "connectors/encoders/dead_letter.h"
#include "engine/event/limits.h"
#include "engine/event/sha256.h"

namespace ringfence {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

Record record_of(std::string_view bytes) { return {bytes, {Partition{3}, Offset{41}}, std::nullopt, {}, bytes.size(), {}}; }

const Refusal kRefusal{RefusalReason::MissingField, "decode", "outcome.status: required", "spiffe://a/b", "corp"};

TEST(DeadLetters, SayWhereWhyAndWhat) {
  const std::string encoded = encode_dead_letter(dead_letter(record_of("{\"a\":\"x\n\"}"), kRefusal, "in.ndjson", InputKind::File));
  EXPECT_EQ(
      encoded,
      R"({"topic":"in.ndjson","partition":3,"offset":41,"line":42,"stage":"decode","reason":"missing_field","detail":"outcome.status: required",)"
      R"("agent_id":"spiffe://a/b","tenant":"corp","size":10,"record":"{\"a\":\"x\n\"}"})");
}

TEST(DeadLetters, ReadBackAsTheRecordThatWasRefused) {
  std::string every_byte;
  for (int c = 0; c < 256; ++c) every_byte.push_back(static_cast<char>(c));
  for (const std::string& bytes : {std::string("{\"v\":1}"), std::string("\xC3\xA9\n\0\"\\", 6), std::string("\xFF"),
                                   std::string("\xFF\xFE"), std::string("\xFF\xFE\xFD"), every_byte}) {
    Record record = record_of(bytes);
    record.arrival = parse_rfc3339("2026-11-20T10:20:00.001Z");
    record.key = "agent\xFF";
    const DeadLetter sent = dead_letter(record, kRefusal, "ringfence.events", InputKind::Topic);
    const std::string encoded = encode_dead_letter(sent);
    EXPECT_TRUE(nlohmann::json::accept(encoded));
    EXPECT_THAT(encoded, Not(HasSubstr("\n")));
    const auto letter = parse_dead_letter(encoded);
    ASSERT_TRUE(letter.has_value()) << letter.error() << encoded;
    EXPECT_EQ(letter->record, bytes);
    EXPECT_EQ(letter->key, record.key);
    EXPECT_EQ(letter->arrival, record.arrival);
    EXPECT_EQ(letter->position, record.position);
    EXPECT_FALSE(letter->line);
    EXPECT_EQ(letter->agent_id, "spiffe://a/b");
    EXPECT_TRUE(letter->whole());
    EXPECT_EQ(encode_dead_letter(*letter), encoded);
  }
}

TEST(DeadLetters, WhatFitsStaysWhole) {
  const std::string large(880'000, 'x'), escaped(880'000, '\n'), largest(limits::kEventBytes, '\n');
  EXPECT_TRUE(dead_letter(record_of(large), kRefusal, "t", InputKind::Topic).whole());
  const DeadLetter cut = dead_letter(record_of(escaped), kRefusal, "t", InputKind::Topic);
  EXPECT_FALSE(cut.whole()) << "it doubles where it is written down";
  EXPECT_LT(encode_dead_letter(cut).size(), 1'000'000U);
  const std::string in_file = encode_dead_letter(dead_letter(record_of(largest), kRefusal, "f", InputKind::File));
  const auto letter = parse_dead_letter(in_file);
  ASSERT_TRUE(letter);
  EXPECT_TRUE(letter->whole());
  EXPECT_EQ(letter->record, largest);
}

TEST(DeadLetters, WhatIsTooLargeForTheTopicIsItsFirst64KiBWithSizeAndHash) {
  const std::string bytes(900'001, 'x');
  const auto letter = parse_dead_letter(encode_dead_letter(dead_letter(record_of(bytes), kRefusal, "t", InputKind::Topic)));
  ASSERT_TRUE(letter.has_value());
  EXPECT_FALSE(letter->whole());
  EXPECT_EQ(letter->record, bytes.substr(0, limits::kDeadLetterExcerpt));
  EXPECT_EQ(letter->size, bytes.size());
  EXPECT_EQ(letter->sha256, sha256_hex(bytes));
}

TEST(DeadLetters, AnExcerptDoesNotEndWithinACharacter) {
  const std::string bytes = std::string(limits::kDeadLetterExcerpt - 1, 'x') + "\xE2\x82\xAC" + std::string(1'000'000, 'y');
  const DeadLetter letter = dead_letter(record_of(bytes), kRefusal, "t", InputKind::Topic);
  EXPECT_EQ(letter.record.size(), limits::kDeadLetterExcerpt - 1);
  EXPECT_THAT(encode_dead_letter(letter), HasSubstr("\"record\":\"xxx"));
}

TEST(DeadLetters, ARecordTooLongToHoldKeepsTheSizeAndHashItsSourceGave) {
  Record record = record_of("begin");
  record.size = 7'000'000;
  const std::string sha256(64, 'a');
  record.sha256 = sha256;
  const auto letter = parse_dead_letter(encode_dead_letter(dead_letter(record, too_large(record), "f", InputKind::File)));
  ASSERT_TRUE(letter.has_value());
  EXPECT_EQ(letter->reason, "too_large");
  EXPECT_EQ(letter->size, 7'000'000U);
  EXPECT_EQ(letter->sha256, sha256);
}

TEST(DeadLetters, WhatIsNoDeadLetterIsSaidToBeNone) {
  const std::string good = R"({"topic":"t","partition":0,"offset":1,"stage":"decode","reason":"empty","size":1,"record":"x","later":true})";
  EXPECT_TRUE(parse_dead_letter(good).has_value());
  const std::vector<std::pair<std::string, std::string>> broken{
      {"", "object"},
      {"[]", "object"},
      {"{", "object"},
      {"{}", "topic"},
      {R"({"topic":1,"partition":0,"offset":1,"stage":"d","reason":"r","size":1,"record":"x"})", "topic"},
      {R"({"topic":"t","partition":-1,"offset":1,"stage":"d","reason":"r","size":1,"record":"x"})", "partition"},
      {R"({"topic":"t","partition":0,"offset":1e3,"stage":"d","reason":"r","size":1,"record":"x"})", "offset"},
      {R"({"topic":"t","partition":0,"offset":99999999999999999999,"stage":"d","reason":"r","size":1,"record":"x"})", "offset"},
      {R"({"topic":"t","partition":0,"offset":1,"stage":"d","reason":"r","size":1})", "record"},
      {R"({"topic":"t","partition":0,"offset":1,"stage":"d","reason":"r","size":2,"record":"x"})", "size"},
      {R"({"topic":"t","partition":0,"offset":1,"stage":"d","reason":"r","size":-1,"record":"x"})", "size"},
      {R"({"topic":"t","partition":0,"offset":1,"stage":"d","reason":"r","size":1,"record_base64":"*"})", "record_base64"},
      {R"({"topic":"t","partition":0,"offset":1,"stage":"d","reason":"r","size":1,"record":"x","arrival":"today"})", "arrival"}};
  for (const auto& [json, named] : broken) {
    const auto letter = parse_dead_letter(json);
    ASSERT_FALSE(letter.has_value()) << json;
    EXPECT_THAT(letter.error(), HasSubstr(named)) << json;
  }
}

TEST(DeadLetters, AreKeyedByTheirSourcePosition) {
  EXPECT_EQ(dead_letter_key(dead_letter(record_of("x"), kRefusal, "ringfence.events", InputKind::Topic)), "ringfence.events/3/41");
}

}  // namespace
}  // namespace ringfence
