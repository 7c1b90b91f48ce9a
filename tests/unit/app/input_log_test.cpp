// SPDX-License-Identifier: Apache-2.0
#include "engine/app/input_log.h"

#include <gmock/gmock.h>

#include "engine/event/limits.h"

namespace ringfence {
namespace {

Record record(std::int64_t offset, std::string_view key, std::string_view bytes) {
  return {.bytes = bytes, .position = {Partition{0}, Offset{offset}}, .arrival = {}, .key = key, .size = bytes.size(), .sha256 = {}};
}

TEST(InputLog, AMarkIsReadBackAsItWasWritten) {
  const LogMark mark = mark_of(record(12, "code-1", "{}"));
  EXPECT_EQ(parse_mark(encode_mark(mark)), mark);
  EXPECT_EQ(parse_mark(""), std::nullopt);
  EXPECT_EQ(parse_mark("12 x 3"), std::nullopt);
}

TEST(InputLog, AMarkTellsRecordsApartByKeyBytesAndSize) {
  const Hash128 digest = mark_of(record(12, "code-1", "{}")).digest;
  EXPECT_EQ(mark_of(record(99, "code-1", "{}")).digest, digest);
  EXPECT_NE(mark_of(record(12, "code-2", "{}")).digest, digest);
  EXPECT_NE(mark_of(record(12, "code-1", "{ }")).digest, digest);
  EXPECT_NE(mark_of(record(12, "code-1{", "}")).digest, digest);
}

TEST(InputLog, OfARecordThatIsNotHereWholeTheBeginningAndTheSizeCount) {
  const std::string whole(limits::kEventBytes + 1, 'x');
  Record cut = record(1, "k", std::string_view(whole).substr(0, limits::kDeadLetterExcerpt));
  cut.size = whole.size();
  EXPECT_EQ(mark_of(cut).digest, mark_of(record(1, "k", whole)).digest);
}

TEST(InputLog, APositionFitsTheLogItWasReadFrom) {
  const LogMark mark = mark_of(record(99, "code-1", "{}"));
  const LogLook same{Offset{0}, Offset{120}, mark.digest};
  EXPECT_EQ(fit_of(Offset{100}, mark, same), LogFit::Fits);
  EXPECT_EQ(fit_of(Offset{100}, std::nullopt, same), LogFit::Fits);
  EXPECT_EQ(fit_of(Offset{100}, mark, {Offset{100}, Offset{100}, {}}), LogFit::Fits) << "all of it was judged and is deleted";
  EXPECT_EQ(fit_of(Offset{100}, mark, {Offset{101}, Offset{120}, {}}), LogFit::Cut);
}

TEST(InputLog, ATopicThatWasMadeAnewIsKnownHoweverFarItHasGrown) {
  const LogMark mark = mark_of(record(99, "code-1", "{}"));
  EXPECT_EQ(fit_of(Offset{100}, mark, {Offset{0}, Offset{20}, {}}), LogFit::Anew) << "shorter than what was read";
  EXPECT_EQ(fit_of(Offset{100}, std::nullopt, {Offset{0}, Offset{20}, {}}), LogFit::Anew);
  EXPECT_EQ(fit_of(Offset{50}, mark, {Offset{0}, Offset{99}, {}}), LogFit::Anew) << "read ahead of what is stored";
  EXPECT_EQ(fit_of(Offset{100}, mark, {Offset{0}, Offset{500}, mark_of(record(99, "code-2", "{}")).digest}), LogFit::Anew);
}

}  // namespace
}  // namespace ringfence
