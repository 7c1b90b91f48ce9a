// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <csignal>
#include <future>

#include "connectors/sinks/file_control_log.h"
#include "connectors/sinks/file_sink.h"
#include "tests/unit/connectors/sink_fakes.h"

namespace ringfence {
namespace {

using ::testing::HasSubstr;
using testing::TemporaryDirectory;
using testing::text_of;

Position at(std::int32_t partition, std::int64_t offset) { return {Partition{partition}, Offset{offset}}; }
constexpr Nanos kNow = seconds(1);

/// Limits the size of files of this process, so that a write stops in the middle of a line as it does on a full disk.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    handler_ = std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{bytes, before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;

 private:
  rlimit before_{};
  void (*handler_)(int) = nullptr;
};

TEST(FileSinkOutput, a_record_counts_as_acknowledged_only_after_a_flush) {
  const TemporaryDirectory dir("ringfence-sink");
  auto sink = *FileSink::open(dir.file("f.ndjson"));
  EXPECT_EQ(sink->acknowledged(Partition{3}), kAllAcknowledged);
  ASSERT_TRUE(sink->publish(R"({"a":1})", "k", at(3, 17)).has_value());
  ASSERT_TRUE(sink->publish(R"({"a":2})", "k", at(3, 18)).has_value());
  ASSERT_TRUE(sink->publish(R"({"b":1})", "k", at(4, 5)).has_value());
  EXPECT_EQ(sink->acknowledged(Partition{3}), Offset{17});
  EXPECT_EQ(sink->acknowledged(Partition{4}), Offset{5});
  EXPECT_EQ(sink->acknowledged(Partition{5}), kAllAcknowledged);
  EXPECT_EQ(sink->size(), 0U);
  ASSERT_TRUE(sink->flush(kNow).has_value());
  EXPECT_EQ(sink->acknowledged(Partition{3}), kAllAcknowledged);
  EXPECT_EQ(sink->size(), 24U);
  EXPECT_EQ(text_of(dir.file("f.ndjson")), "{\"a\":1}\n{\"a\":2}\n{\"b\":1}\n");
}

TEST(FileSinkOutput, a_new_file_is_its_owners_alone) {
  const TemporaryDirectory dir("ringfence-sink");
  auto sink = *FileSink::open(dir.file("f"));
  struct stat status{};
  ASSERT_EQ(::stat(dir.file("f").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
}

TEST(FileSinkOutput, what_a_crash_left_of_a_line_is_cut_off_when_it_is_opened_again) {
  const TemporaryDirectory dir("ringfence-sink");
  const std::string whole = "{\"a\":1}\n{\"long\":\"" + std::string(200'000, 'x') + "\"}\n";
  for (const std::string& torn : {std::string("{\"b\""), "{" + std::string(150'000, 'y')}) {
    std::ofstream(dir.file("f"), std::ios::binary) << whole << torn;
    auto sink = *FileSink::open(dir.file("f"));
    EXPECT_EQ(sink->size(), whole.size());
    ASSERT_TRUE(sink->publish("{}", "", at(0, 1)).has_value());
    ASSERT_TRUE(sink->flush(kNow).has_value());
    EXPECT_EQ(text_of(dir.file("f")), whole + "{}\n");
  }
}

TEST(FileSinkOutput, a_file_that_is_not_ours_is_left_alone) {
  const TemporaryDirectory dir("ringfence-sink");
  std::ofstream(dir.file("letter.txt")) << "Dear Sir or Madam";
  EXPECT_EQ(FileSink::open(dir.file("letter.txt")).error().kind, SinkError::Kind::Refused);
  EXPECT_EQ(text_of(dir.file("letter.txt")), "Dear Sir or Madam");
}

TEST(FileSinkOutput, a_run_cut_at_any_point_and_continued_leaves_the_same_bytes) {
  const TemporaryDirectory dir("ringfence-sink");
  const auto record = [](int i) {
    return "{\"n\":" + std::to_string(i) + ",\"pad\":\"" + std::string(static_cast<std::size_t>(i * 7 % 40), 'p') + "\"}";
  };
  std::string undisturbed;
  for (int i = 0; i < 60; ++i) undisturbed += record(i) + "\n";
  for (int cut = 0; cut < 60; cut += 7) {
    const std::string path = dir.file("f" + std::to_string(cut));
    int checkpoint = 0;
    std::uint64_t size = 0;
    {
      auto sink = *FileSink::open(path, 64);
      for (int i = 0; i < cut; ++i) {
        ASSERT_TRUE(sink->publish(record(i), "", at(0, i)).has_value());
        if (i % 5 == 4) {
          ASSERT_TRUE(sink->flush(kNow).has_value());
          checkpoint = i + 1;
          size = sink->size();
        }
      }
    }
    std::ofstream(path, std::ios::app) << "{\"torn";
    auto sink = *FileSink::open(path, 64);
    ASSERT_TRUE(sink->resume(size).has_value());
    for (int i = checkpoint; i < 60; ++i) ASSERT_TRUE(sink->publish(record(i), "", at(0, i)).has_value());
    ASSERT_TRUE(sink->flush(kNow).has_value());
    EXPECT_EQ(text_of(path), undisturbed) << cut;
  }
}

TEST(FileSinkOutput, resuming_refuses_a_file_that_lost_records_or_is_another_one) {
  const TemporaryDirectory dir("ringfence-sink");
  std::ofstream(dir.file("f")) << "{\"a\":1}\n{\"a\":2}\n";
  auto sink = *FileSink::open(dir.file("f"));
  EXPECT_EQ(sink->resume(17).error().kind, SinkError::Kind::Refused) << "shorter than the checkpoint says";
  EXPECT_EQ(sink->resume(5).error().kind, SinkError::Kind::Refused) << "no line ends there";
  EXPECT_EQ(text_of(dir.file("f")).size(), 16U) << "a refusal changes nothing";
  EXPECT_TRUE(sink->resume(8).has_value());
  EXPECT_EQ(text_of(dir.file("f")), "{\"a\":1}\n");
  ASSERT_TRUE(sink->publish("{}", "", at(0, 1)).has_value());
  EXPECT_EQ(sink->resume(8).error().kind, SinkError::Kind::Refused) << "too late";
}

TEST(FileSinkOutput, a_full_disk_is_an_error_that_passes_and_loses_nothing) {
  const TemporaryDirectory dir("ringfence-sink");
  auto sink = *FileSink::open(dir.file("f"), 0);
  {
    const FileSizeLimit full(20);
    for (int i = 0; i < 4; ++i) ASSERT_TRUE(sink->publish("{\"n\":" + std::to_string(i) + "}", "", at(0, i)).has_value());
    const auto flushed = sink->flush(kNow);
    ASSERT_FALSE(flushed.has_value());
    EXPECT_EQ(flushed.error().kind, SinkError::Kind::NoSpace);
    EXPECT_EQ(text_of(dir.file("f")), "{\"n\":0}\n{\"n\":1}\n") << "whole lines only";
    EXPECT_EQ(sink->acknowledged(Partition{0}), Offset{0});
  }
  ASSERT_TRUE(sink->flush(kNow).has_value());
  EXPECT_EQ(text_of(dir.file("f")), "{\"n\":0}\n{\"n\":1}\n{\"n\":2}\n{\"n\":3}\n");
  EXPECT_EQ(sink->acknowledged(Partition{0}), kAllAcknowledged);
}

TEST(FileSinkOutput, memory_is_bounded_while_the_disk_is_full) {
  auto sink = *FileSink::open("/dev/full", 1 << 20);
  const std::string record = "{\"x\":\"" + std::string(1 << 20, 'x') + "\"}";
  int accepted = 0;
  while (accepted < 200 && sink->publish(record, "", at(0, accepted)).has_value()) ++accepted;
  EXPECT_EQ(accepted, 63);
  EXPECT_EQ(sink->publish(record, "", at(0, 99)).error().kind, SinkError::Kind::NoSpace);
}

TEST(FileSinkOutput, two_processes_cannot_write_one_file_and_a_directory_is_none) {
  const TemporaryDirectory dir("ringfence-sink");
  auto sink = *FileSink::open(dir.file("f"));
  EXPECT_EQ(FileSink::open(dir.file("f")).error().kind, SinkError::Kind::InUse);
  EXPECT_EQ(FileSink::open(dir.file("")).error().kind, SinkError::Kind::Io);
  EXPECT_THAT(FileSink::open(dir.file("no/such\x1b/f")).error().message, HasSubstr("\\x1B")) << "names are escaped";
}

TEST(FileSinkOutput, who_comes_second_may_wait_for_its_turn) {
  const TemporaryDirectory dir("ringfence-sink");
  auto first = *FileSink::open(dir.file("f"));
  EXPECT_EQ(FileSink::open(dir.file("f"), 0, milliseconds(20)).error().kind, SinkError::Kind::InUse) << "not for ever";
  auto second = std::async(std::launch::async, [&] { return FileSink::open(dir.file("f"), 0, seconds(60)); });
  ASSERT_TRUE(first->publish("{\"n\":1}", "", at(0, 0)).has_value());
  first.reset();
  auto sink = second.get();
  ASSERT_TRUE(sink.has_value());
  ASSERT_TRUE((*sink)->publish("{\"n\":2}", "", at(0, 1)).has_value());
  EXPECT_EQ(text_of(dir.file("f")), "{\"n\":1}\n{\"n\":2}\n");
}

TEST(FileSinkOutput, a_record_of_two_lines_is_refused) {
  const TemporaryDirectory dir("ringfence-sink");
  auto sink = *FileSink::open(dir.file("f"));
  EXPECT_EQ(sink->publish("{}\n{}", "", at(0, 0)).error().kind, SinkError::Kind::Refused);
  EXPECT_EQ(sink->publish("", "", at(0, 0)).error().kind, SinkError::Kind::Refused);
  EXPECT_EQ(sink->acknowledged(Partition{0}), kAllAcknowledged);
}

TEST(FileSinkOutput, a_device_takes_records_and_has_nothing_to_resume) {
  auto sink = *FileSink::open("/dev/null");
  EXPECT_TRUE(sink->resume(1234).has_value());
  EXPECT_TRUE(sink->publish("{}", "", at(0, 0)).has_value());
  EXPECT_TRUE(sink->flush(kNow).has_value());
}

TEST(FileControl, a_reader_follows_what_writers_append_in_order) {
  const TemporaryDirectory dir("ringfence-control");
  auto one = *FileControlLog::open(dir.file("c")), two = *FileControlLog::open(dir.file("c"));
  EXPECT_EQ(one->append("a#w", "jws-1"), 1U);
  EXPECT_EQ(two->append("b#w", "jws-2"), 1U);
  EXPECT_EQ(one->append("a#w", ""), 2U);
  EXPECT_EQ(one->acknowledged(), 2U);
  auto batch = *one->read(2);
  EXPECT_EQ(batch.entries, (std::vector<ControlEntry>{{"a#w", "jws-1"}, {"b#w", "jws-2"}}));
  EXPECT_FALSE(batch.caught_up);
  batch = *one->read(10);
  EXPECT_EQ(batch.entries, (std::vector<ControlEntry>{{"a#w", ""}})) << "a null value is a tombstone";
  EXPECT_TRUE(batch.caught_up);
  EXPECT_EQ(two->append("c\"\n#w", "jws-3"), 2U);
  EXPECT_EQ(one->read(10)->entries, (std::vector<ControlEntry>{{"c\"\n#w", "jws-3"}}));
  EXPECT_EQ(text_of(dir.file("c")).substr(0, 31), "{\"key\":\"a#w\",\"value\":\"jws-1\"}\n{");
}

TEST(FileControl, a_torn_line_is_neither_read_nor_allowed_to_swallow_the_next) {
  const TemporaryDirectory dir("ringfence-control");
  auto log = *FileControlLog::open(dir.file("c"));
  ASSERT_TRUE(log->append("a#w", "1").has_value());
  std::ofstream(dir.file("c"), std::ios::app) << "{\"key\":\"b#w\",\"val";
  EXPECT_EQ(log->read(10)->entries.size(), 1U);
  ASSERT_TRUE(log->append("c#w", "3").has_value());
  EXPECT_EQ(log->read(10)->entries, (std::vector<ControlEntry>{{"c#w", "3"}}));
}

TEST(FileControl, lines_that_are_no_entries_are_skipped_and_counted) {
  const TemporaryDirectory dir("ringfence-control");
  std::ofstream(dir.file("c"))
      << "{}\n{\"key\":1,\"value\":\"x\"}\n{\"key\":\"a\",\"key\":\"b\",\"value\":\"x\"}\nnonsense\n{\"key\":\"a#w\",\"value\":\"x\"}\n";
  auto log = *FileControlLog::open(dir.file("c"));
  EXPECT_EQ(log->read(10)->entries, (std::vector<ControlEntry>{{"a#w", "x"}}));
  EXPECT_EQ(log->malformed(), 4U);
}

TEST(FileControl, a_line_that_is_longer_than_any_record_keeps_nobody_from_the_next) {
  const TemporaryDirectory dir("ringfence-control");
  auto log = *FileControlLog::open(dir.file("c"));
  ASSERT_TRUE(log->append("a#w", "1").has_value());
  std::ofstream(dir.file("c"), std::ios::app) << "{\"key\":\"" << std::string(9 << 20, 'x');
  auto batch = *log->read(10);
  EXPECT_EQ(batch.entries.size(), 1U);
  EXPECT_TRUE(batch.caught_up) << "its end has not come";
  std::ofstream(dir.file("c"), std::ios::app) << std::string(5 << 20, 'y') << "\n";
  ASSERT_TRUE(log->append("b#w", "2").has_value());
  EXPECT_EQ(log->read(10)->entries, (std::vector<ControlEntry>{{"b#w", "2"}}));
  EXPECT_EQ(log->malformed(), 1U) << "counted like any other that is no entry";
  EXPECT_EQ((*FileControlLog::open(dir.file("c")))->read(10)->entries.size(), 2U);
}

TEST(FileControl, large_records_pass_and_too_large_ones_are_refused) {
  const TemporaryDirectory dir("ringfence-control");
  auto log = *FileControlLog::open(dir.file("c"));
  const std::string large(300'000, 'x');
  ASSERT_TRUE(log->append("a#w", large).has_value());
  ASSERT_TRUE(log->append("b#w", "1").has_value());
  const auto batch = *log->read(10);
  ASSERT_EQ(batch.entries.size(), 2U);
  EXPECT_EQ(batch.entries[0].value.size(), large.size());
  EXPECT_EQ(log->append("a#w", std::string(5 << 20, 'x')).error().kind, SinkError::Kind::Refused);
}

TEST(FileControl, a_full_disk_takes_nothing_rather_than_half) {
  const TemporaryDirectory dir("ringfence-control");
  auto log = *FileControlLog::open(dir.file("c"));
  ASSERT_TRUE(log->append("a#w", "1").has_value());
  const std::string before = text_of(dir.file("c"));
  {
    const FileSizeLimit full(before.size() + 10);
    EXPECT_EQ(log->append("b#w", "2").error().kind, SinkError::Kind::NoSpace);
  }
  EXPECT_EQ(text_of(dir.file("c")), before);
  EXPECT_EQ(log->append("b#w", "2"), 2U);
}

}  // namespace
}  // namespace ringfence
