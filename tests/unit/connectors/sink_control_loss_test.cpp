// SPDX-License-Identifier: Apache-2.0
// The control log is lost, replaced or restored from an older backup: what stands must hold at gates that remember, and at new ones.
#include <filesystem>
#include <set>

#include "connectors/sinks/file_control_log.h"
#include "tests/unit/connectors/sink_control_process.h"

namespace ringfence {
namespace {

using namespace testing;  // NOLINT(google-build-using-namespace): the process and its helpers
using ::testing::Contains;
using ::testing::Key;

/// What outlives both the process and the log.
struct Disk {
  std::vector<ControlEntry> entries;
  bool full = false;
};
class FakeMemory final : public ControlMemory {
 public:
  explicit FakeMemory(Disk& disk) : disk_(disk) {}
  [[nodiscard]] std::vector<ControlEntry> entries() const override {
    SharedTopic kept{disk_.entries};
    kept.compact();
    return kept.entries;
  }
  std::expected<void, SinkError> keep(std::span<const ControlEntry> entries) override {
    if (disk_.full) return std::unexpected(SinkError{SinkError::Kind::NoSpace, "full"});
    disk_.entries.insert(disk_.entries.end(), entries.begin(), entries.end());
    return {};
  }

 private:
  Disk& disk_;
};
std::unique_ptr<ControlMemory> memory_on(Disk& disk) { return std::make_unique<FakeMemory>(disk); }

/// A gate that has followed the log and remembers.
struct Gate {
  ControlOrder order;
  std::map<std::string, LiveRecord> holds;
  std::size_t read = 0;

  void follow(const SharedTopic& topic) {
    for (; read < topic.entries.size(); ++read) {
      const ControlEntry& entry = topic.entries[read];
      const auto message = verify_control(entry.key, entry.value, trusted(), kAudience);
      if (!message || !order.admit(entry.key, *message)) continue;
      if (const auto* said = std::get_if<SignedContainment>(&message->body))
        holds[entry.key] = {said->record.epoch, said->record.contained, said->record.level};
    }
  }
  [[nodiscard]] bool agrees_with(const Heartbeat& beat) const {
    return order.generation(kWriter) == beat.generation && ControlDigest{beat.count, beat.state_hash} == digest_of(holds);
  }
};

TEST(ControlLogLost, an_engines_next_halt_holds_at_a_gate_that_remembers_its_generations) {
  SharedTopic topic;
  Gate gate;
  for (int start = 1; start <= 3; ++start) {
    Process engine(topic, "start-" + std::to_string(start));
    engine.start(std::int64_t{start} * 1000);
  }
  gate.follow(topic);
  topic.entries.clear();
  gate.read = 0;
  Process engine(topic, "after the loss");  // and it has no memory either
  engine.start(10'000);
  engine.publish(halt(1));
  gate.follow(topic);
  EXPECT_THAT(gate.holds, Contains(Key(key_of(halt(1))))) << "else its calls pass";
}

TEST(ControlLogLost, a_clock_that_runs_behind_the_former_owners_takes_the_next_generation_of_the_log) {
  SharedTopic topic;
  Process ahead(topic, "clock ahead");
  ahead.start(3'600'000);
  Process behind(topic, "clock behind");
  behind.start(0);
  ahead.poll(3'601'000);
  EXPECT_EQ(behind.writers.state(kPartition), State::Speaking);
  EXPECT_EQ(*behind.writers.speaking(kPartition), generation_at(3'600'000) + 1);
  EXPECT_EQ(ahead.writers.state(kPartition), State::Fenced);
}

TEST(ControlLogLost, what_stood_is_said_again_under_its_epochs_by_the_next_start) {
  SharedTopic topic;
  Gate old_gate;
  Disk disk;
  ContainmentRecord released = halt(2, 4);
  released.contained = false;
  released.approver = "bob";
  {
    Process engine(topic, "first", {}, memory_on(disk));
    engine.start();
    engine.publish(halt(1, 3));
    engine.publish(released);
    engine.poll(200);
  }
  old_gate.follow(topic);
  topic.entries.clear();
  old_gate.read = 0;

  Process engine(topic, "second", {}, memory_on(disk));
  engine.start(5000);
  EXPECT_TRUE(read_as_gate(topic, key_of(halt(1))).record.contained);
  EXPECT_EQ(read_as_gate(topic, key_of(halt(1))).record.epoch, 3U);
  Gate new_gate;
  old_gate.follow(topic);
  new_gate.follow(topic);
  EXPECT_TRUE(new_gate.holds[key_of(halt(1))].contained) << "a gate that begins now must not let it pass";
  EXPECT_FALSE(new_gate.holds[key_of(released)].contained);
  EXPECT_TRUE(new_gate.agrees_with(last_beat(topic)));
  EXPECT_TRUE(old_gate.agrees_with(last_beat(topic))) << "else it would not be ready for good";
}

TEST(ControlLogLost, of_a_log_restored_from_an_older_backup_the_later_words_are_said_again) {
  SharedTopic topic;
  Disk disk;
  ContainmentRecord released = halt(1, 2);
  released.contained = false;
  released.approver = "bob";
  std::vector<ControlEntry> backup;
  {
    Process engine(topic, "first", {}, memory_on(disk));
    engine.start();
    engine.publish(halt(1));
    engine.poll(200);
    backup = topic.entries;
    engine.publish(released, 300);
    engine.publish(halt(2), 300);
    engine.poll(400);
  }
  topic.entries = backup;
  Process engine(topic, "second", {}, memory_on(disk));
  engine.start(5000);
  EXPECT_FALSE(read_as_gate(topic, key_of(halt(1))).record.contained);
  EXPECT_TRUE(read_as_gate(topic, key_of(halt(2))).record.contained);
  EXPECT_EQ(last_beat(topic).count, 1U);
}

TEST(ControlLogLost, a_log_that_is_replaced_while_the_engine_runs_has_all_of_it_said_again) {
  SharedTopic topic;
  Process engine(topic, "one");
  engine.start();
  engine.publish(halt(1));
  engine.poll(200);
  topic.entries.clear();
  engine.log.lost = true;
  engine.poll(300);
  EXPECT_TRUE(read_as_gate(topic, key_of(halt(1))).record.contained);
  EXPECT_NE(topic.last_value(claim_key(kWriter)), "");
  EXPECT_EQ(last_beat(topic).count, 1U);
  engine.publish(halt(2), 400);
  Gate gate;
  gate.follow(topic);
  EXPECT_EQ(gate.holds.size(), 2U);
  const std::size_t size = topic.entries.size();
  engine.poll(500);
  EXPECT_EQ(topic.entries.size(), size) << "once";
}

TEST(ControlLogLost, a_claim_that_went_with_the_log_is_made_again_at_once) {
  SharedTopic topic;
  Process engine(topic, "one");
  engine.poll(0);
  topic.entries.clear();
  engine.log.lost = true;
  engine.poll(10);
  engine.poll(20);
  EXPECT_EQ(engine.writers.state(kPartition), State::Speaking);
}

TEST(ControlLogLost, halts_go_out_though_they_cannot_be_kept_and_are_kept_when_they_can) {
  SharedTopic topic;
  Disk disk;
  disk.full = true;
  Process engine(topic, "one", {}, memory_on(disk));
  EXPECT_TRUE(engine.writers.poll(at_ms(0)).has_value());
  EXPECT_EQ(engine.writers.poll(at_ms(1)).error().kind, SinkError::Kind::NoSpace) << "its own claim was read";
  engine.publish(halt(1));
  EXPECT_FALSE(engine.writers.poll(at_ms(200)).has_value());
  EXPECT_TRUE(read_as_gate(topic, key_of(halt(1))).record.contained);
  EXPECT_EQ(engine.writers.acknowledged(kPartition), kAllAcknowledged);
  EXPECT_TRUE(disk.entries.empty());
  disk.full = false;
  engine.poll(300);
  EXPECT_EQ(FakeMemory(disk).entries().size(), 2U) << "the claim and the halt";
}

TEST(ControlLogLost, what_others_put_under_its_keys_is_not_kept) {
  SharedTopic topic;
  Disk disk;
  Process engine(topic, "one", {}, memory_on(disk));
  engine.start();
  engine.publish(halt(1));
  topic.entries.push_back({key_of(halt(1)), "a.b.c"});
  topic.entries.push_back({key_of(halt(2)), "a.b.c"});
  topic.entries.push_back({"agent:corp/agent-1#operator", "x"});
  engine.poll(200);
  engine.poll(300);
  std::set<std::string> keys;
  for (const ControlEntry& entry : disk.entries) {
    keys.insert(entry.key);
    EXPECT_NE(entry.value, "a.b.c");
  }
  EXPECT_EQ(keys, (std::set<std::string>{claim_key(kWriter), key_of(halt(1))}));
}

TEST(FileControl, a_log_that_moves_with_its_path_is_read_and_written_where_readers_follow_it) {
  const TemporaryDirectory dir("ringfence-control-loss");
  const std::string path = dir.file("c");
  auto log = *FileControlLog::open(path, FileControlLog::WhenReplaced::Moves);
  ASSERT_TRUE(log->append("a#w", "1").has_value());
  EXPECT_EQ(log->read(10)->entries.size(), 1U);
  std::filesystem::rename(path, dir.file("kept"));
  ASSERT_TRUE(log->append("b#w", "2").has_value());
  EXPECT_EQ(text_of(path), "{\"key\":\"b#w\",\"value\":\"2\"}\n") << "not into the file that nobody follows";
  auto batch = *log->read(10);
  EXPECT_TRUE(batch.anew);
  EXPECT_EQ(batch.entries, (std::vector<ControlEntry>{{"b#w", "2"}}));
  EXPECT_FALSE(log->read(10)->anew) << "told once";

  std::filesystem::remove(path);
  EXPECT_TRUE(log->read(10)->anew);
  EXPECT_TRUE(std::filesystem::exists(path)) << "others may append to it";
  std::ofstream(path) << "{\"key\":\"c#w\",\"value\":\"3\"}\n";
  EXPECT_EQ(log->read(10)->entries, (std::vector<ControlEntry>{{"c#w", "3"}}));
  std::filesystem::resize_file(path, 0);
  EXPECT_TRUE(log->read(10)->anew) << "cut";
}

TEST(FileControl, a_log_that_stays_keeps_to_the_file_it_opened) {
  const TemporaryDirectory dir("ringfence-control-loss");
  auto log = *FileControlLog::open(dir.file("c"));
  std::filesystem::rename(dir.file("c"), dir.file("kept"));
  ASSERT_TRUE(log->append("a#w", "1").has_value());
  EXPECT_FALSE(std::filesystem::exists(dir.file("c")));
  EXPECT_FALSE(log->read(10)->anew);
}

}  // namespace
}  // namespace ringfence
