// SPDX-License-Identifier: Apache-2.0
#include "models/limits_totals.h"

#include <gmock/gmock.h>

#include <limits>

#include "models/limits_channel.h"

namespace ringfence::testing {
namespace {

using ::testing::SizeIs;

struct LimitsMemory : ::testing::Test {
  static std::unique_ptr<ChannelMemory> decoded(std::string_view bytes, MemoryScope scope) {
    Reader in(bytes);
    return limits_channel().decode_memory(scope, in);
  }
};

TEST_F(LimitsMemory, EveryCutOfItsBytesIsRefused) {
  totals::AgentTotals memory;
  memory.days.at(20'000)->sums(7) = {1, 2, 3, 4};
  EXPECT_TRUE(memory.days.at(20'001)->fits(1, 2, 10));
  *memory.minutes.at(5) = 9;
  Writer out;
  memory.encode(out);
  EXPECT_NE(decoded(out.bytes(), MemoryScope::Agent), nullptr);
  for (std::size_t length = 0; length < out.bytes().size(); ++length)
    EXPECT_EQ(decoded(out.bytes().substr(0, length), MemoryScope::Agent), nullptr) << length;
}

TEST_F(LimitsMemory, WhatVersionOneWroteIsRead) {
  Writer out;  // a row, and a KIND with two values
  out.u8(1);
  out.varint(1);
  out.u64(0);
  for (const double sum : {1., 2., 3., 4.}) out.f64(sum);
  out.varint(1);
  out.u64(9);
  out.varint(2);
  out.u64(5);
  out.u64(6);
  const auto memory = decoded(out.bytes(), MemoryScope::Session);
  ASSERT_NE(memory, nullptr);
  const auto& totals = static_cast<const totals::SessionTotals&>(*memory).totals;
  EXPECT_EQ(totals.sum(0, envelope::Unit::Bytes), 2);
  EXPECT_EQ(totals.distinct(9), 2U);
}

TEST_F(LimitsMemory, BytesOfAnotherVersionAndNonsenseAreRefused) {
  EXPECT_EQ(decoded("\x7f", MemoryScope::Agent), nullptr);
  EXPECT_EQ(decoded(std::string("\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11), MemoryScope::Agent), nullptr);
  EXPECT_EQ(decoded(std::string("\x01\xff\xff\xff\xff\x0f", 6), MemoryScope::Session), nullptr);
  Writer out;  // one row whose sum is not a number
  out.u8(2);
  out.varint(1);
  out.u64(0);
  out.f64(std::numeric_limits<double>::quiet_NaN());
  for (int i = 0; i < 3; ++i) out.f64(0);
  out.varint(0);
  EXPECT_EQ(decoded(out.bytes(), MemoryScope::Session), nullptr);
}

// What requests named, until their completions come

TEST_F(LimitsMemory, OfOpenRequestsTheLastEightAreKept) {
  totals::SessionTotals session;
  for (std::uint64_t event = 0; event < 9; ++event) session.keep({.event = event, .ids = {{7, event}}});
  EXPECT_EQ(session.named(0), nullptr);
  session.answer(3);
  EXPECT_NE(session.named(3), nullptr) << "until the session's next act";
  Writer out;
  session.encode(out);
  const auto read = decoded(out.bytes(), MemoryScope::Session);
  ASSERT_NE(read, nullptr);
  auto& again = static_cast<totals::SessionTotals&>(*read);
  ASSERT_NE(again.named(8), nullptr);
  EXPECT_EQ(again.named(8)->ids.front().value, 8U);
  again.keep({.event = 9, .ids = {{7, 9}}});
  EXPECT_THAT(again.open, SizeIs(8));
  EXPECT_EQ(again.named(3), nullptr);
  EXPECT_NE(again.named(1), nullptr) << "what has been answered makes room first";
  for (std::size_t length = 0; length < out.bytes().size(); ++length)
    EXPECT_EQ(decoded(out.bytes().substr(0, length), MemoryScope::Session), nullptr) << length;
}

TEST_F(LimitsMemory, OfARequestThatNamesAHundred64AreKept) {
  totals::SessionTotals session;
  session.keep({.event = 1, .ids = std::vector<totals::NamedIds::Id>(100)});
  EXPECT_THAT(session.named(1)->ids, SizeIs(64));
}

}  // namespace
}  // namespace ringfence::testing
