// SPDX-License-Identifier: Apache-2.0
// Same input, same answer, however it is run: killed and continued, over one shard or three.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/inotify.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iomanip>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "engine/state/inputs.h"
#include "engine/state/keyspace.h"
#include "engine/state/records.h"
#include "engine/state/store.h"
#include "tests/simulation/fleet.h"

namespace ringfence::simulation {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kRecords = 200'000;
constexpr std::size_t kAgents = 400;
constexpr int kKills = 20;
/// Of a run that is to be killed: so many of its records lie between two checkpoints that most kills find some behind them.
constexpr int kRecordsPerCut = 5'000;

std::string contents(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

/// What a run leaves.
struct Left {
  std::string findings, verdicts, control, dead_letters;
  std::map<std::string, std::string> states;
};

/// When to kill: the verdicts have grown to so many bytes, and the store has then been written to so many times. With writes to wait for,
/// the kill falls into a checkpoint: some states are in the store and others are not.
struct Moment {
  std::uintmax_t verdict_bytes = 0;
  int state_writes = 0;
};

class ReplayRun {
 public:
  explicit ReplayRun(fs::path directory) : directory_(std::move(directory)) { fs::create_directories(directory_); }

  /// Checkpoints come every so many records, not as rarely as in a user's replay.
  void cut_every(int records) { records_per_cut_ = records; }
  void judge_by(const std::string& personas) { personas_ = RINGFENCE_SOURCE_DIR + ("/" + personas); }
  /// Of the next run: it is killed at its so many-th write to the store's log; 0: it is not. Only where checkpoints come often.
  void kill_at(int write) { killed_at_ = write; }

  std::vector<std::string> command(const fs::path& input, int shards) const {
    if (records_per_cut_ > 0)
      return {RINGFENCE_REPLAYER, std::to_string(records_per_cut_), std::to_string(shards), personas_, directory_.string(),
              input.string(),     std::to_string(killed_at_)};
    const auto at = [&](const char* name) { return (directory_ / name).string(); };
    const std::string program = RINGFENCE_BINARY_DIR "/ringfence";
    return {program,       "replay",       "--personas", personas_,     "--state",       at("state"), "--findings", at("findings"),
            "--verdicts",  at("verdicts"), "--control",  at("control"), "--dead-letter", at("dead"),  "--shards",   std::to_string(shards),
            input.string()};
  }

  /// Runs to the end, or until it is killed. True if it ended by itself.
  bool go(const fs::path& input, int shards = 1, std::optional<Moment> moment = std::nullopt) {
    const int changes = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    const fs::path verdicts = directory_ / "verdicts";
    if (!fs::exists(verdicts)) std::ofstream(verdicts).put('\n'), fs::resize_file(verdicts, 0);
    fs::create_directories(directory_ / "state");
    inotify_add_watch(changes, verdicts.c_str(), IN_MODIFY);
    const int state = inotify_add_watch(changes, (directory_ / "state").c_str(), IN_MODIFY);
    const pid_t child = start(command(input, shards));
    int writes = 0;
    while (moment && waitpid(child, &status_, WNOHANG) == 0) {
      pollfd wait{changes, POLLIN, 0};
      poll(&wait, 1, 20);
      const bool late = fs::file_size(verdicts) >= moment->verdict_bytes;
      const int written = state_writes(changes, state);
      writes += late ? written : 0;
      if (!late || writes < moment->state_writes) continue;
      kill(child, SIGKILL);
      moment.reset();
    }
    if (!moment) waitpid(child, &status_, 0);
    close(changes);
    return WIFEXITED(status_) && WEXITSTATUS(status_) == 0;
  }

  /// The record with which the next run goes on; 0: the first.
  std::int64_t goes_on_at() const {
    if (!fs::exists(directory_ / "state")) return 0;
    auto store = rocksdb_store((directory_ / "state").string());
    EXPECT_TRUE(store);
    const auto low = read_low(**store, Partition{0});
    EXPECT_TRUE(low);
    return *low ? to_input_position(**low).record : 0;
  }

  Left left() const {
    Left out{contents(directory_ / "findings"),
             contents(directory_ / "verdicts"),
             contents(directory_ / "control"),
             contents(directory_ / "dead"),
             {}};
    auto store = rocksdb_store((directory_ / "state").string());
    EXPECT_TRUE(store);
    for (const Partition partition : {Partition{0}, kLinksPartition}) {
      const auto scanned = (*store)->scan(partition_prefix(partition), [&](std::string_view key, std::string_view value) {
        if (key.size() > 10) out.states.emplace(key, value);  // agents' parts; the low-water marks are the run's own affair
        return true;
      });
      EXPECT_TRUE(scanned);
    }
    return out;
  }

 private:
  /// Changes of the store's write-ahead log that were seen since the last look.
  static int state_writes(int changes, int state) {
    int writes = 0;
    alignas(inotify_event) std::array<char, 16384> events{};
    for (ssize_t got = 0; (got = read(changes, events.data(), events.size())) > 0;) {
      for (std::size_t at = 0; at + sizeof(inotify_event) <= static_cast<std::size_t>(got);) {
        const auto* const event = reinterpret_cast<const inotify_event*>(events.data() + at);
        if (event->wd == state && event->len > 0 && std::string_view(event->name).ends_with(".log")) ++writes;
        at += sizeof(inotify_event) + event->len;
      }
    }
    return writes;
  }

  static pid_t start(const std::vector<std::string>& words) {
    std::vector<char*> argv;
    for (const std::string& word : words) argv.push_back(const_cast<char*>(word.c_str()));
    argv.push_back(nullptr);
    const pid_t child = fork();
    if (child == 0) {
      if (freopen("/dev/null", "w", stderr) == nullptr) _exit(127);
      execv(argv[0], argv.data());
      _exit(127);
    }
    return child;
  }

  fs::path directory_;
  std::string personas_ = RINGFENCE_SOURCE_DIR "/config/personas";
  int records_per_cut_ = 0, killed_at_ = 0;
  int status_ = 0;
};

void expect_equal(const Left& seen, const Left& reference) {
  EXPECT_TRUE(seen.findings == reference.findings) << "findings differ";
  EXPECT_TRUE(seen.verdicts == reference.verdicts) << "verdicts differ";
  EXPECT_TRUE(seen.control == reference.control) << "control records differ";
  EXPECT_TRUE(seen.dead_letters == reference.dead_letters) << "dead letters differ";
  EXPECT_EQ(seen.states.size(), reference.states.size());
  EXPECT_TRUE(seen.states == reference.states) << "states differ";
}

class Replay : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    root_ = fs::temp_directory_path() / ("ringfence-replay-" + std::to_string(getpid()));
    fs::remove_all(root_);
    fs::create_directories(root_);
    std::ofstream(root_ / "fleet.ndjson") << fleet(7, kRecords, kAgents);
    ReplayRun straight(root_ / "straight");
    ASSERT_TRUE(straight.go(input()));
    reference_ = std::make_unique<Left>(straight.left());
  }
  static void TearDownTestSuite() {
    reference_.reset();
    fs::remove_all(root_);
  }
  static fs::path input() { return root_ / "fleet.ndjson"; }

  static void expect_equal(const Left& seen) { simulation::expect_equal(seen, *reference_); }

  static inline fs::path root_;
  static inline std::unique_ptr<Left> reference_;
};

TEST_F(Replay, FindsHaltsAndRefusesEnoughToBeWorthComparing) {
  EXPECT_GT(reference_->findings.size(), 10'000U);
  EXPECT_THAT(reference_->control, testing::HasSubstr("\"level\":\"halt\""));
  EXPECT_GT(reference_->dead_letters.size(), 1'000U);
  EXPECT_GE(reference_->states.size(), kAgents);
}

TEST_F(Replay, IsTheSameOverThreeShards) {
  ReplayRun run(root_ / "shards");
  ASSERT_TRUE(run.go(input(), 3));
  expect_equal(run.left());
}

TEST_F(Replay, IsTheSameAfterBeingKilledAtTwentyMomentsAndContinued) {
  ReplayRun run(root_ / "killed");
  run.cut_every(kRecordsPerCut);
  std::mt19937_64 random(20);
  const std::uintmax_t whole = reference_->verdicts.size();
  int killed = 0, from_the_middle = 0;
  for (int i = 0; i < kKills; ++i) {
    const std::uintmax_t at = whole * static_cast<std::uintmax_t>(i) / kKills + random() % (whole / kKills / 2);
    const int writes = i % 2 == 0 ? 0 : 1 + static_cast<int>(random() % 6);
    const std::int64_t begins = run.goes_on_at();
    if (begins > 0 && begins < static_cast<std::int64_t>(kRecords)) ++from_the_middle;
    if (!run.go(input(), i % 3 == 2 ? 3 : 1, Moment{at, writes})) ++killed;
  }
  EXPECT_GE(killed, kKills - 2) << "the kills must hit a run under way";
  EXPECT_GE(from_the_middle, kKills / 2) << "what a run remembers beside its agents counts only where it goes on from the middle";
  ASSERT_TRUE(run.go(input()));
  expect_equal(run.left());
}

TEST_F(Replay, SaysNothingMoreWhenTheSameFileIsReadAgain) {
  ReplayRun run(root_ / "again");
  ASSERT_TRUE(run.go(input()));
  ASSERT_TRUE(run.go(input()));
  expect_equal(run.left());
}

/// What a run remembers of more files than one batch of a checkpoint holds: one agent files what is confidential, another reads it, and
/// mails outside once all of that was to be stored.
class LabelsOverACheckpoint : public testing::Test {
 protected:
  static constexpr int kFiles = 3'000;

  void SetUp() override {
    fs::create_directories(root_);
    std::ofstream out(root_ / "in.ndjson");
    int n = 0;
    const auto act = [&](const char* agent, const char* server, const char* tool, const std::string& more) {
      ++n;
      out << R"({"v":1,"kind":"tool_call","id":"e)" << n << R"(","time":"2026-11-18T)" << std::setfill('0') << std::setw(2) << 8 + n / 3600
          << ':' << std::setw(2) << n / 60 % 60 << ':' << std::setw(2) << n % 60 << R"(Z","agent":{"id":")" << agent
          << R"(","trust":"verified"},"session":{"id":"s"},"tool":{"server":")" << server << R"(","name":")" << tool << R"("},"args":{"n":)"
          << n << R"(},)" << more << R"("outcome":{"status":"ok"}})" << '\n';
    };
    const auto file = [](const std::string& name) { return R"("resource":{"uri":"files/)" + name + R"("},)"; };
    act("filer-1", "people", "get_record", "");
    act("filer-1", "files", "save", file("share/plan.txt"));
    for (int i = 0; i < kFiles; ++i) act("filer-1", "files", "save", file("other/" + std::to_string(i)));
    act("filer-2", "files", "read", file("share/plan.txt"));
    for (int i = 0; i < 100; ++i) act("filer-1", "files", "save", file("other/" + std::to_string(i)));
    act("filer-2", "mail", "send", R"("destination":{"host":"mail.elsewhere.example"},)");
  }
  void TearDown() override { fs::remove_all(root_); }

  [[nodiscard]] ReplayRun run(const std::string& name) const {
    ReplayRun made(root_ / name);
    made.judge_by("tests/scenario/personas");
    made.cut_every(kFiles + 3);
    return made;
  }

  fs::path root_ = fs::temp_directory_path() / ("ringfence-labels-" + std::to_string(getpid()));
};

TEST_F(LabelsOverACheckpoint, AreLostByNoKill) {
  ReplayRun straight = run("straight");
  ASSERT_TRUE(straight.go(root_ / "in.ndjson"));
  const Left reference = straight.left();
  ASSERT_THAT(reference.findings, testing::HasSubstr("flow.toxic"));
  ASSERT_THAT(reference.control, testing::HasSubstr("filer-2"));
  int write = 1;
  for (bool ended = false; !ended; ++write) {
    SCOPED_TRACE("killed at write " + std::to_string(write));
    ReplayRun killed = run("killed-" + std::to_string(write));
    killed.kill_at(write);
    ended = killed.go(root_ / "in.ndjson");
    killed.kill_at(0);
    ASSERT_TRUE(killed.go(root_ / "in.ndjson"));
    expect_equal(killed.left(), reference);
  }
  EXPECT_GT(write, 8) << "both checkpoints were hit";
}

}  // namespace
}  // namespace ringfence::simulation
