// SPDX-License-Identifier: Apache-2.0
// Compressed files as sources: whole, in parts, cut, damaged, and made to explode.
#include <gmock/gmock.h>

#include <sys/resource.h>

#include "engine/event/limits.h"
#include "tests/unit/connectors/source_files.h"

namespace ringfence {
namespace {

using namespace testing_files;
using namespace std::chrono_literals;
using ::testing::AnyOf;
using ::testing::ElementsAre;
using ::testing::Eq;
using ::testing::FieldsAre;
using ::testing::HasSubstr;
using ::testing::Optional;

struct Format {
  const char* ending;
  std::string (*compress)(std::string_view);
};

void PrintTo(const Format& format, std::ostream* out) { *out << format.ending; }

class Archive : public ::testing::TestWithParam<Format> {
 protected:
  std::string write(std::string_view bytes) { return directory_.write("a.ndjson" + std::string(GetParam().ending), bytes); }
  std::string compress(std::string_view text) { return GetParam().compress(text); }
  TemporaryDirectory directory_;
};

std::string numbered(int lines) {
  std::string text;
  for (int i = 0; i < lines; ++i)
    text += "{\"n\":" + std::to_string(i) + ",\"noise\":" + std::to_string(std::hash<int>{}(i) * 2654435761U) + "}\n";
  return text;
}

TEST_P(Archive, ReadsAsThePlainFileDoes) {
  const std::string text = numbered(30'000);
  const ReadAll packed = read_all(write(compress(text)));
  EXPECT_EQ(packed.lines, read_all(directory_.write("plain.ndjson", text)).lines);
  EXPECT_EQ(packed.lines.size(), 30'000U);
  EXPECT_THAT(packed.error, Eq(std::nullopt));
}

TEST_P(Archive, ProgressIsInBytesOfTheArchive) {
  const std::string packed = compress(numbered(30'000));
  const auto source = open_file_source(write(packed)).value();
  EXPECT_THAT(source->progress(), FieldsAre(0U, Optional(packed.size())));
  std::size_t records = 0;
  std::uint64_t before = 0;
  for (auto batch = source->next(100, 20s); batch && batch->state == Batch::State::More; batch = source->next(100, 20s)) {
    records += batch->records.size();
    const auto [read, size] = source->progress();
    ASSERT_LE(before, read);
    ASSERT_NEAR(static_cast<double>(read) / static_cast<double>(size.value()), static_cast<double>(records) / 30'000, 0.1) << records;
    before = read;
  }
  EXPECT_THAT(source->progress(), FieldsAre(packed.size(), Optional(packed.size())));
}

TEST_P(Archive, AllItsPartsAreOneInput) {
  EXPECT_THAT(read_all(write(compress("0\n1") + compress("") + compress("1\n2\n") + compress("3"))).lines,
              ElementsAre(Line{0, "0"}, Line{1, "11"}, Line{2, "2"}, Line{3, "3"}));
  EXPECT_THAT(read_all(write(compress(""))).error, Eq(std::nullopt));
}

TEST_P(Archive, CutAnywhereItGivesEveryCompleteRecordAndThenTheError) {
  const std::string text = numbered(40);
  const std::string whole = compress(text);
  const auto all = read_all(write(whole)).lines;
  for (std::size_t length = 0; length < whole.size(); length += length < 32 || whole.size() - length < 32 ? 1U : 7U) {
    const ReadAll cut = read_all(write(std::string_view(whole).substr(0, length)));
    ASSERT_THAT(cut.error, Optional(SourceError::Kind::CutArchive)) << length;
    ASSERT_LE(cut.lines.size(), all.size());
    ASSERT_TRUE(std::equal(cut.lines.begin(), cut.lines.end(), all.begin())) << length;
  }
  const std::string longer = whole + compress("tail\n");
  const ReadAll late = read_all(write(std::string_view(longer).substr(0, longer.size() - 1)));
  EXPECT_GE(late.lines.size(), all.size()) << "the first part is whole";
  EXPECT_THAT(late.message, HasSubstr("a.ndjson"));
}

TEST_P(Archive, CutBetweenPartsItIsWholeAndCutInASecondPartItIsNot) {
  const std::string parts = compress("0\n1\n") + compress("2\n3\n");
  const ReadAll cut = read_all(write(std::string_view(parts).substr(0, parts.size() - 6)));
  EXPECT_THAT(cut.error, Optional(SourceError::Kind::CutArchive));
  EXPECT_THAT(cut.lines, ::testing::Contains(Line{1, "1"}));
}

TEST_P(Archive, DamageIsAnErrorAfterTheRecordsBeforeIt) {
  std::string damaged = compress(numbered(3000));
  damaged[damaged.size() / 2] = static_cast<char>(damaged[damaged.size() / 2] ^ 0x55);
  const ReadAll read = read_all(write(damaged));
  EXPECT_THAT(read.error, Optional(AnyOf(SourceError::Kind::CorruptArchive, SourceError::Kind::CutArchive)));
  EXPECT_THAT(read_all(write("this is no archive")).error, Optional(SourceError::Kind::CorruptArchive));
  const ReadAll garbage = read_all(write(compress("0\n") + "garbage behind it"));
  EXPECT_THAT(garbage.lines, ElementsAre(Line{0, "0"}));
  EXPECT_THAT(garbage.error, Optional(SourceError::Kind::CorruptArchive));
}

TEST_P(Archive, TheErrorStays) {
  const auto source = open_file_source(write("this is no archive")).value();
  EXPECT_FALSE(source->next(10, 1s).has_value());
  EXPECT_FALSE(source->next(10, 1s).has_value());
}

TEST_P(Archive, SeekingSkipsFromTheStart) {
  const auto source = open_file_source(write(compress("0\n1\n2\n"))).value();
  ASSERT_TRUE(source->seek(Offset{2}));
  EXPECT_THAT(read_all(*source).lines, ElementsAre(Line{2, "2"}));
  ASSERT_TRUE(source->seek(Offset{1}));
  EXPECT_THAT(read_all(*source).lines, ElementsAre(Line{1, "1"}, Line{2, "2"}));
}

long resident_kib_at_most() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss;
}

TEST_P(Archive, ABombIsOneTooLongRecordAndCostsNoMemory) {
  constexpr std::uint64_t kPart = 16U << 20U;
  constexpr std::uint64_t kParts = 8;
  const std::string part = compress(std::string(kPart, '0'));
  std::string bomb = compress("before\n");
  for (std::uint64_t i = 0; i < kParts; ++i) bomb += part;
  bomb += compress("\nafter\n");
  const std::string path = write(bomb);
  const auto source = open_file_source(path).value();
  const long before = resident_kib_at_most();
  std::vector<std::uint64_t> sizes;
  for (auto batch = source->next(10, 1s).value(); batch.state != Batch::State::Ended; batch = source->next(10, 1s).value()) {
    for (const Record& record : batch.records) {
      sizes.push_back(record.size);
      EXPECT_LE(record.bytes.size(), limits::kDeadLetterExcerpt);
    }
  }
  EXPECT_THAT(sizes, ElementsAre(6, kPart * kParts, 5));
  EXPECT_LT(resident_kib_at_most() - before, 24 * 1024);
}

INSTANTIATE_TEST_SUITE_P(Formats, Archive,
                         ::testing::Values(Format{".gz", [](std::string_view text) { return gzip(text); }}, Format{".zst", zstd}));

TEST(ZstdArchive, AWindowNoMachineHasToAffordIsRefused) {
  // Frame header that asks for a window of 2 GiB: magic number, descriptor with a window byte, exponent 21 (RFC 8878, 3.1.1.1.2).
  const std::string frame{"\x28\xB5\x2F\xFD\x00\xA8\x01\x00\x00", 9};
  TemporaryDirectory directory;
  EXPECT_THAT(read_all(directory.write("w.zst", frame)).error, Optional(SourceError::Kind::CorruptArchive));
}

}  // namespace
}  // namespace ringfence
