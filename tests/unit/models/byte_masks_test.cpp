// SPDX-License-Identifier: Apache-2.0
#include "models/byte_masks.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace ringfence::testing {
namespace {

constexpr std::string_view kMembers = " \t\r\n/0123456789_az\x7f";
constexpr bytes::Set kSet(kMembers);

bool member(char c) { return kMembers.find(c) != std::string_view::npos; }

/// Any bytes, members more often than not.
std::string text_of(std::mt19937_64& random, std::size_t size) {
  std::string text(size, ' ');
  for (char& c : text) c = random() % 3 == 0 ? static_cast<char>(random() % 256) : kMembers[random() % kMembers.size()];
  return text;
}

TEST(ByteMasks, SayOfEveryByteWhetherItIsInTheSetAndNothingOfWhatIsNotThere) {
  std::mt19937_64 random(3);  // NOLINT: seeded
  for (std::size_t size = 0; size <= bytes::kBlock; ++size) {
    for (int times = 0; times < 50; ++times) {
      const std::string text = text_of(random, size);
      std::uint64_t expected = 0;
      for (std::size_t at = 0; at < size; ++at) expected |= std::uint64_t{member(text[at]) ? 1U : 0U} << at;
      ASSERT_EQ(bytes::where_in<kSet>(text), expected) << size;
    }
  }
}

TEST(ByteMasks, KnowWhetherAllOfATextIsInTheSet) {
  std::mt19937_64 random(4);  // NOLINT: seeded
  EXPECT_TRUE(bytes::all_in<kSet>(""));
  for (std::size_t size = 1; size < 100; ++size) {
    std::string text(size, 'a');
    EXPECT_TRUE(bytes::all_in<kSet>(text)) << size;
    text[random() % size] = static_cast<char>(0x80 + random() % 128);
    EXPECT_FALSE(bytes::all_in<kSet>(text)) << size;
  }
}

TEST(ByteMasks, ReadZerosBehindTheEndOfAShortText) {
  const std::string_view text = "abcdefghijklmnopq";
  for (std::size_t size = 0; size <= bytes::kLane; ++size) {
    const bytes::Lane here = bytes::lane(&text.front(), size);
    for (std::size_t at = 0; at < bytes::kLane; ++at) EXPECT_EQ(here[at], at < size ? text[at] : 0) << size << " " << at;
  }
}

TEST(ByteMasks, FindTheFirstByteOfASetFromAnyPlace) {
  std::mt19937_64 random(5);  // NOLINT: seeded
  for (std::size_t size = 0; size < 90; ++size) {
    std::string text(size, 'x');
    for (int marks = 0; marks < 3 && size > 0; ++marks) text[random() % size] = kMembers[random() % kMembers.size()];
    for (std::size_t from = 0; from <= size; ++from) {
      const auto found = std::find_if(text.begin() + static_cast<std::ptrdiff_t>(from), text.end(), member);
      EXPECT_EQ(bytes::find_in<kSet>(text, from), static_cast<std::size_t>(found - text.begin()));
    }
  }
}

TEST(ByteMasks, PiecesAreWhatStandsBetweenBytesOfTheSet) {
  std::mt19937_64 random(6);  // NOLINT: seeded
  for (int times = 0; times < 500; ++times) {
    const std::string text = text_of(random, random() % 200);
    std::vector<std::string> expected(1), pieces;
    for (const char c : text) {
      if (member(c)) {
        expected.emplace_back();
      } else {
        expected.back() += c;
      }
    }
    std::erase(expected, "");
    bytes::each_piece<kSet>(text, [&](std::string_view piece) { pieces.emplace_back(piece); });
    EXPECT_EQ(pieces, expected);
  }
}

TEST(ByteMasks, RangesEndWhereTheyEnd) {
  constexpr bytes::Set kLow("\x01\x02\x03"), kHigh("\x7d\x7e\x7f"), kDigits("0123456789");
  for (int c = -128; c < 128; ++c) {
    const std::string text(20, static_cast<char>(c));
    EXPECT_EQ(bytes::all_in<kLow>(text), c >= 1 && c <= 3) << c;
    EXPECT_EQ(bytes::all_in<kHigh>(text), c >= 0x7d) << c;
    EXPECT_EQ(bytes::all_in<kDigits>(text), c >= '0' && c <= '9') << c;
  }
}

TEST(ByteMasks, TheFirstOfEqualNumbersIsFound) {
  std::mt19937_64 random(7);  // NOLINT: seeded
  for (std::size_t size = 0; size < 70; ++size) {
    std::vector<std::uint32_t> numbers(size);
    for (std::uint32_t& number : numbers) number = static_cast<std::uint32_t>(random() % 40);
    for (std::uint32_t wanted = 0; wanted < 41; ++wanted)
      EXPECT_EQ(bytes::find_equal(numbers, wanted), static_cast<std::size_t>(std::ranges::find(numbers, wanted) - numbers.begin()));
  }
}

}  // namespace
}  // namespace ringfence::testing
