// SPDX-License-Identifier: Apache-2.0
#include "models/byte_masks.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <string_view>

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
  const bytes::Lane here = bytes::lane("abcdef", 3);
  EXPECT_EQ(bytes::tops(here == 0), 0xFFF8U);
}

}  // namespace
}  // namespace ringfence::testing
