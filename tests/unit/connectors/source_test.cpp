// SPDX-License-Identifier: Apache-2.0
// Files and pipes as sources of records.
#include <gmock/gmock.h>

#include <fcntl.h>
#include <unistd.h>

#include <thread>

#include "engine/event/limits.h"
#include "engine/event/sha256.h"
#include "tests/unit/connectors/source_files.h"

namespace ringfence {
namespace {

using namespace testing_files;
using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Optional;

class FileOfRecords : public ::testing::Test {
 protected:
  TemporaryDirectory directory_;
};

TEST_F(FileOfRecords, LinesAreNumberedFromZeroAndEmptyOnesCountWithoutBeingRecords) {
  EXPECT_THAT(read_all(directory_.write("a.ndjson", "one\n\ntwo\r\n\r\nthree")).lines,
              ElementsAre(Line{0, "one"}, Line{2, "two"}, Line{4, "three"}));
  EXPECT_THAT(read_all(directory_.write("b.ndjson", "one\n")).lines, ElementsAre(Line{0, "one"}));
  EXPECT_THAT(read_all(directory_.write("c.ndjson", "")).lines, IsEmpty());
  EXPECT_THAT(read_all(directory_.write("d.ndjson", "\n\n\n")).lines, IsEmpty());
  EXPECT_THAT(read_all(directory_.write("e.ndjson", " \na\rb\r")).lines, ElementsAre(Line{0, " "}, Line{1, "a\rb"}));
}

TEST_F(FileOfRecords, BatchesAreNoLargerThanAskedForAndMissNothing) {
  std::string text;
  for (int i = 0; i < 50'000; ++i) text += "{\"n\":" + std::to_string(i) + "}\n";
  const std::string path = directory_.write("many.ndjson", text);
  const auto source = open_file_source(path).value();
  std::int64_t expected = 0;
  while (true) {
    const auto batch = source->next(7, 1s).value();
    if (batch.state == Batch::State::Ended) break;
    ASSERT_LE(batch.records.size(), 7U);
    for (const Record& record : batch.records) {
      ASSERT_EQ(record.bytes, "{\"n\":" + std::to_string(expected) + "}");
      ASSERT_EQ(record.position, (Position{Partition{0}, Offset{expected}}));
      ASSERT_FALSE(record.cut() || record.arrival);
      ++expected;
    }
  }
  EXPECT_EQ(expected, 50'000);
  EXPECT_EQ(source->next(7, 1s)->state, Batch::State::Ended) << "the end stays the end";
}

TEST_F(FileOfRecords, ALineOverTheLimitComesAsItsBeginningSizeAndHash) {
  const std::string longest(limits::kEventBytes, 'x');
  const std::string over = longest + "y";
  const std::string huge(5 * limits::kEventBytes + 3, 'z');
  const std::string path =
      directory_.write("long.ndjson", "before\n" + longest + "\r\n" + over + "\r\nbetween\n" + huge + "\nafter\n" + over);
  const auto source = open_file_source(path).value();
  struct Seen {
    std::int64_t number;
    std::size_t bytes;
    std::uint64_t size;
    std::string sha256;
    bool operator==(const Seen&) const = default;
  };
  std::vector<Seen> seen;
  for (auto batch = source->next(100, 1s).value(); batch.state == Batch::State::More || batch.state == Batch::State::Idle;
       batch = source->next(100, 1s).value()) {
    for (const Record& r : batch.records) {
      seen.push_back({r.position.offset.value, r.bytes.size(), r.size, std::string(r.sha256)});
      EXPECT_EQ(r.cut(), r.size > limits::kEventBytes);
    }
  }
  const std::size_t excerpt = limits::kDeadLetterExcerpt;
  EXPECT_THAT(seen,
              ElementsAre(Seen{0, 6, 6, ""}, Seen{1, longest.size(), longest.size(), ""}, Seen{2, excerpt, over.size(), sha256_hex(over)},
                          Seen{3, 7, 7, ""}, Seen{4, excerpt, huge.size(), sha256_hex(huge)}, Seen{5, 5, 5, ""},
                          Seen{6, excerpt, over.size(), sha256_hex(over)}));
}

TEST_F(FileOfRecords, ALineOverTheLimitShowsItsAgentThoughThatStandsBehind) {
  const std::string large = R"({"args":")" + std::string(3 * limits::kEventBytes, 'x') + R"(","agent":{"id":"a-)";
  const auto source =
      open_file_source(directory_.write("agents.ndjson", large + "1\"}}\n" + large + "2\"},\"tenant\":\"corp\"}\n")).value();
  std::vector<std::string> seen;
  for (auto batch = source->next(100, 1s).value(); batch.state == Batch::State::More || batch.state == Batch::State::Idle;
       batch = source->next(100, 1s).value())
    for (const Record& r : batch.records) seen.push_back(r.shown->tenant + "/" + r.shown->agent_id);
  EXPECT_THAT(seen, ElementsAre("default/a-1", "corp/a-2"));
}

TEST_F(FileOfRecords, SeekingGoesOnWithThatRecord) {
  const std::string path = directory_.write("s.ndjson", "0\n1\n\n3\n4\n");
  const auto source = open_file_source(path).value();
  ASSERT_TRUE(source->seek(Offset{3}));
  EXPECT_THAT(read_all(*source).lines, ElementsAre(Line{3, "3"}, Line{4, "4"}));
  ASSERT_TRUE(source->seek(Offset{1}));
  EXPECT_THAT(read_all(*source).lines, ElementsAre(Line{1, "1"}, Line{3, "3"}, Line{4, "4"}));
  ASSERT_TRUE(source->seek(Offset{5}));
  EXPECT_THAT(read_all(*source).error, std::nullopt);
  ASSERT_TRUE(source->seek(Offset{6}));
  EXPECT_THAT(read_all(*source).error, Optional(SourceError::Kind::CannotSeek));
}

TEST_F(FileOfRecords, WhatCannotBeReadIsAnErrorThatNamesTheFile) {
  const auto missing = open_file_source(directory_.path("no\x1bsuch"));
  ASSERT_FALSE(missing.has_value());
  EXPECT_EQ(missing.error().kind, SourceError::Kind::Unreadable);
  EXPECT_THAT(missing.error().message, HasSubstr("no\\x1Bsuch: No such file"));
  const auto directory = open_file_source(directory_.path("."));
  ASSERT_FALSE(directory.has_value());
  EXPECT_EQ(directory.error().kind, SourceError::Kind::Directory);
}

TEST_F(FileOfRecords, AFileIsTheSameByNameAndBeginning) {
  const auto identity = [&](const std::string& path, std::uint64_t bytes = kIdentityBytes) {
    return open_file_source(path).value()->identity(bytes).value();
  };
  const std::string path = directory_.write("id.ndjson", "abc\n");
  const auto first = identity(path);
  ASSERT_TRUE(first);
  EXPECT_EQ(first->name, "id.ndjson");
  EXPECT_EQ(first->bytes, 4U);
  EXPECT_NE(identity(directory_.write("other.ndjson", "abc\n")), first);
  directory_.append("id.ndjson", std::string(100'000, 'x'));
  EXPECT_NE(identity(path), first);
  EXPECT_EQ(identity(path, first->bytes), first) << "grown since, still the same";
  EXPECT_EQ(identity(path)->bytes, kIdentityBytes);
  directory_.write("id.ndjson", "abd\n");
  EXPECT_NE(identity(path, first->bytes), first);
}

TEST_F(FileOfRecords, LookingAtTheIdentityReadsNothingAway) {
  const auto source = open_file_source(directory_.write("i.ndjson", "a\nb\n")).value();
  EXPECT_EQ(source->next(1, 1s)->records[0].bytes, "a");
  ASSERT_TRUE(source->identity(kIdentityBytes));
  EXPECT_EQ(source->next(1, 1s)->records[0].bytes, "b");
}

TEST_F(FileOfRecords, TheIdentityOfALongFileIsOfBothItsEnds) {
  std::string text(5 * kIdentityBytes, 'x');
  const auto identity = [&](const std::string& bytes) {
    return open_file_source(directory_.write("long.ndjson", bytes)).value()->identity(text.size()).value().value();
  };
  const SourceIdentity first = identity(text);
  EXPECT_EQ(first.bytes, text.size());
  EXPECT_EQ(identity(text + "more"), first);
  for (const std::size_t at : {std::size_t{0}, text.size() - 1}) {
    std::string other = text;
    other[at] = 'y';
    EXPECT_NE(identity(other).beginning, first.beginning) << at;
  }
}

TEST_F(FileOfRecords, TheIdentityOfWhatWasReadEndsWithALine) {
  const auto source = open_file_source(directory_.write("w.ndjson", "a\n\nb\ntor"), {.leave_unfinished = true}).value();
  const auto read = [&] { return source->identity(kReadSoFar).value()->bytes; };
  EXPECT_EQ(read(), 0U);
  EXPECT_EQ(source->next(1, 1s)->records[0].bytes, "a");
  EXPECT_EQ(read(), 2U);
  EXPECT_EQ(read_all(*source).lines.size(), 1U);
  EXPECT_EQ(read(), 5U) << "who writes it may take its torn last line back";
  EXPECT_EQ(source->identity(kReadSoFar).value(), source->identity(5).value());
  ASSERT_TRUE(source->seek(Offset{2}));
  EXPECT_EQ(read(), 0U);
  EXPECT_EQ(source->next(1, 1s)->records[0].bytes, "b");
  EXPECT_EQ(read(), 5U) << "lines that were passed over are read too";
}

TEST_F(FileOfRecords, AFileIsItselfUnderEveryName) {
  const auto file = [&](const char* name) { return open_file_source(directory_.path(name)).value()->identity(0).value()->file; };
  directory_.write("one.ndjson", "");
  directory_.write("two.ndjson", "");
  const Hash128 one = file("one.ndjson");
  EXPECT_NE(file("two.ndjson"), one);
  std::filesystem::rename(directory_.path("one.ndjson"), directory_.path("three.ndjson"));
  EXPECT_EQ(file("three.ndjson"), one);
}

/// Standard input replaced by a pipe for the length of a test.
class StandardInput : public ::testing::Test {
 protected:
  void SetUp() override {
    std::array<int, 2> ends{};
    ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
    saved_ = ::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
    ::dup2(ends[0], STDIN_FILENO);
    ::close(ends[0]);
    writer_ = ends[1];
    source_ = open_file_source("-").value();
  }
  void TearDown() override {
    hang_up();
    if (saved_ >= 0) {
      ::dup2(saved_, STDIN_FILENO);
      ::close(saved_);
    } else {
      ::close(STDIN_FILENO);
    }
  }
  void send(std::string_view bytes) const { ASSERT_EQ(::write(writer_, bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size())); }
  void hang_up() {
    if (writer_ >= 0) ::close(writer_);
    writer_ = -1;
  }
  std::unique_ptr<Source> source_;

 private:
  int saved_ = -1, writer_ = -1;
};

TEST_F(StandardInput, GivesRecordsAsTheyComeAndEndsWhenTheWriterDoes) {
  EXPECT_EQ(source_->next(10, 0ms)->state, Batch::State::Idle);
  send("one\ntw");
  EXPECT_EQ(source_->next(10, 20s)->records[0].bytes, "one");
  EXPECT_EQ(source_->next(10, 0ms)->state, Batch::State::Idle) << "half a record is none";
  send("o");
  hang_up();
  EXPECT_THAT(read_all(*source_).lines, ElementsAre(Line{1, "two"}));
}

TEST_F(StandardInput, CanSkipAheadButNotGoBack) {
  send("0\n1\n2\n");
  hang_up();
  ASSERT_TRUE(source_->seek(Offset{1}));
  EXPECT_THAT(read_all(*source_).lines, ElementsAre(Line{1, "1"}, Line{2, "2"}));
  const auto back = source_->seek(Offset{0});
  ASSERT_FALSE(back.has_value());
  EXPECT_EQ(back.error().kind, SourceError::Kind::CannotSeek);
}

TEST_F(StandardInput, HasNoIdentityFromAPipe) { EXPECT_THAT(source_->identity(kIdentityBytes).value(), ::testing::Eq(std::nullopt)); }

TEST_F(StandardInput, AWaitEndsWhenAnotherThreadSaysStop) {
  Batch::State state{};
  std::thread reader([&] { state = source_->next(10, 60s)->state; });
  source_->stop();
  reader.join();
  EXPECT_EQ(state, Batch::State::Stopped);
  send("late\n");
  EXPECT_EQ(source_->next(10, 60s)->state, Batch::State::Stopped) << "a stop stands";
}

class FollowedFile : public FileOfRecords {
 protected:
  std::unique_ptr<Source> follow(const std::string& path) { return open_file_source(path, {.follow = true}).value(); }
};

TEST_F(FollowedFile, GivesWhatIsAppendedOnceItsLineIsComplete) {
  const auto source = follow(directory_.write("f.ndjson", "0\n"));
  EXPECT_EQ(source->next(10, 20s)->records[0].bytes, "0");
  EXPECT_EQ(source->next(10, 0ms)->state, Batch::State::Idle);
  directory_.append("f.ndjson", "1");
  EXPECT_EQ(source->next(10, 0ms)->state, Batch::State::Idle);
  directory_.append("f.ndjson", "1\n2\n");
  const auto batch = source->next(10, 20s).value();
  ASSERT_EQ(batch.records.size(), 2U);
  EXPECT_EQ(batch.records[0].bytes, "11");
  EXPECT_EQ(batch.records[1].position.offset, Offset{2});
}

TEST_F(FollowedFile, AWaitEndsWhenSomethingIsAppended) {
  const auto source = follow(directory_.write("w.ndjson", ""));
  std::string got;
  std::thread reader([&] {
    const auto batch = source->next(10, 60s).value();
    if (!batch.records.empty()) got = batch.records[0].bytes;
  });
  directory_.append("w.ndjson", "woken\n");
  reader.join();
  EXPECT_EQ(got, "woken");
}

TEST_F(FollowedFile, AWaitEndsWhenAnotherThreadSaysStop) {
  const auto source = follow(directory_.write("t.ndjson", "half"));
  Batch::State state{};
  std::thread reader([&] { state = source->next(10, 60s)->state; });
  source->stop();
  reader.join();
  EXPECT_EQ(state, Batch::State::Stopped);
}

TEST_F(FollowedFile, EndsWithTheFileWhenItIsRemovedOrRenamed) {
  const auto removed = follow(directory_.write("r.ndjson", "0\nlast"));
  EXPECT_EQ(removed->next(10, 20s)->records[0].bytes, "0");
  std::filesystem::remove(directory_.path("r.ndjson"));
  EXPECT_THAT(read_all(*removed).lines, ElementsAre(Line{1, "last"}));

  const auto renamed = follow(directory_.write("n.ndjson", "0\n"));
  EXPECT_EQ(renamed->next(10, 20s)->records[0].bytes, "0");
  directory_.append("n.ndjson", "1\n");
  std::filesystem::rename(directory_.path("n.ndjson"), directory_.path("n.ndjson.1"));
  EXPECT_THAT(read_all(*renamed).lines, ElementsAre(Line{1, "1"}));
}

TEST_F(FollowedFile, WhatItsWriterAppendsAfterItWasRenamedIsRead) {
  const auto source = follow(directory_.write("l.ndjson", "0\n"));
  EXPECT_EQ(source->next(10, 20s)->records[0].bytes, "0");
  std::filesystem::rename(directory_.path("l.ndjson"), directory_.path("l.ndjson.1"));
  EXPECT_EQ(source->next(10, 0ms)->state, Batch::State::Idle);
  EXPECT_EQ(source->next(10, 0ms)->state, Batch::State::Idle);
  directory_.append("l.ndjson.1", "1\n");
  EXPECT_EQ(source->next(10, 20s)->records[0].bytes, "1");
  directory_.write("l.ndjson", "new\n");
  directory_.append("l.ndjson.1", "2\n3");
  EXPECT_THAT(read_all(*source).lines, ElementsAre(Line{2, "2"}, Line{3, "3"})) << "and the new file is another";
}

TEST_F(FileOfRecords, AnUnfinishedLastLineIsLeftForALaterRunWhereThatIsAskedFor) {
  const auto lines = [&](const std::string& name, bool leave = true) {
    return read_all(*open_file_source(directory_.path(name), {.leave_unfinished = leave}).value()).lines;
  };
  directory_.write("u.ndjson", "0\n{\"v\":1,\"ki");
  EXPECT_THAT(lines("u.ndjson"), ElementsAre(Line{0, "0"}));
  EXPECT_THAT(lines("u.ndjson", false), ElementsAre(Line{0, "0"}, Line{1, "{\"v\":1,\"ki"}));
  directory_.append("u.ndjson", "nd\":2}");
  EXPECT_THAT(lines("u.ndjson"), ElementsAre(Line{0, "0"}, Line{1, "{\"v\":1,\"kind\":2}"})) << "whole, if without line feed";
  directory_.write("x.ndjson", "12");
  EXPECT_THAT(lines("x.ndjson"), ElementsAre());
  directory_.append("x.ndjson", "3\n");
  EXPECT_THAT(lines("x.ndjson"), ElementsAre(Line{0, "123"}));
}

TEST_F(FollowedFile, AFileThatBecameShorterIsAnErrorAndNotReadAgainFromTheStart) {
  const auto source = follow(directory_.write("s.ndjson", "0\n1\n"));
  EXPECT_EQ(source->next(10, 20s)->records.size(), 2U);
  std::filesystem::resize_file(directory_.path("s.ndjson"), 1);
  EXPECT_THAT(read_all(*source).error, Optional(SourceError::Kind::Shrunk));
}

}  // namespace
}  // namespace ringfence
