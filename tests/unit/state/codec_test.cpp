// SPDX-License-Identifier: Apache-2.0
#include "engine/state/codec.h"

#include <gmock/gmock.h>

#include <array>
#include <cmath>
#include <limits>

namespace ringfence {
namespace {

TEST(Codec, EveryKindOfNumberComesBackBitForBit) {
  Writer out;
  const std::array<std::uint64_t, 6> unsigneds{0, 127, 128, 16384, std::uint64_t{1} << 63U, std::numeric_limits<std::uint64_t>::max()};
  const std::array<std::int64_t, 5> signeds{0, -1, 63, std::numeric_limits<std::int64_t>::min(), std::numeric_limits<std::int64_t>::max()};
  for (const auto v : unsigneds) out.varint(v), out.u64(v);
  for (const auto v : signeds) out.svarint(v);
  out.f32(-0.0F);
  out.f64(std::bit_cast<double>(std::uint64_t{0x7FF8000000000123}));
  out.text(std::string_view("a\0b", 3));

  Reader in(out.bytes());
  for (const auto v : unsigneds) {
    EXPECT_EQ(in.varint(), v);
    EXPECT_EQ(in.u64(), v);
  }
  for (const auto v : signeds) EXPECT_EQ(in.svarint(), v);
  EXPECT_TRUE(std::signbit(in.f32()));
  EXPECT_EQ(std::bit_cast<std::uint64_t>(in.f64()), 0x7FF8000000000123);
  EXPECT_EQ(in.text(), std::string_view("a\0b", 3));
  EXPECT_TRUE(in.ok() && in.at_end());
}

TEST(Codec, NumbersAreLittleEndianOnEveryMachine) {
  Writer out;
  out.u64(0x0102030405060708);
  out.varint(300);
  out.f32(1.0F);
  EXPECT_EQ(out.bytes(), std::string_view("\x08\x07\x06\x05\x04\x03\x02\x01\xAC\x02\x00\x00\x80\x3F", 14));
}

TEST(Codec, AfterTheFirstFaultEverythingReadsAsNothing) {
  Reader in(
      std::string_view("\x05"
                       "abc",
                       4));
  EXPECT_EQ(in.text(), "");
  EXPECT_FALSE(in.ok());
  EXPECT_EQ(in.u8(), 0);
  EXPECT_EQ(in.varint(), 0U);
  EXPECT_EQ(in.left(), 0U);
}

TEST(Codec, ANumberHasOneFormOnly) {
  for (const std::string_view bytes : {std::string_view("\x80\x00", 2), std::string_view("\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x02", 10),
                                       std::string_view("\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01", 11)}) {
    Reader in(bytes);
    in.varint();
    EXPECT_FALSE(in.ok());
  }
}

TEST(Codec, ACountBeyondTheBytesAtHandIsRefusedBeforeAnythingIsAllocated) {
  Writer out;
  out.varint(1'000'000);
  out.raw("0123456789");
  Reader in(out.bytes());
  EXPECT_EQ(in.count(1, 10'000'000), 0U);
  EXPECT_FALSE(in.ok());
  Writer fits;
  fits.varint(5);
  fits.raw("0123456789");
  Reader good(fits.bytes());
  EXPECT_EQ(good.count(2, 5), 5U);
  Reader limited(fits.bytes());
  EXPECT_EQ(limited.count(2, 4), 0U);
  EXPECT_FALSE(limited.ok());
}

}  // namespace
}  // namespace ringfence
