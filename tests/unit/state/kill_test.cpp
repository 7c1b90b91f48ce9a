// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <fstream>

#include "tests/unit/state/child_process.h"
#include "tests/unit/state/thread_sanitizer.h"
#include "tests/unit/state/toy_engine.h"

namespace ringfence {
namespace {

using testing_support::ChildProcess;
using testing_support::TemporaryDirectory;

constexpr std::size_t kPartitions = 2;
constexpr std::size_t kAgents = 40;
constexpr int kKills = 10;

toy::Log the_log() { return toy::log_of(4242, kPartitions, 1500, kAgents); }

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

/// One life over the database on disk, in a process that the test below kills. Every act is told to the parent; every delivery is a line of
/// a file.
TEST(KilledEngine, DISABLED_OneLife) {
  const std::string directory = variable("RINGFENCE_TEST_STATE");
  ASSERT_FALSE(directory.empty()) << "run by KilledEngine.ContinuesAsIfNothingHadHappened";
  auto store = rocksdb_store(directory);
  ASSERT_TRUE(store) << store.error().message;
  const auto log = the_log();
  const int outputs = open(variable("RINGFENCE_TEST_OUTPUTS").c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  ASSERT_GE(outputs, 0);
  toy::World world;
  world.witness = [&](const toy::Output& output) {
    const std::string line =
        std::to_string(std::get<0>(output)) + " " + std::to_string(std::get<1>(output)) + " " + std::to_string(std::get<2>(output)) + "\n";
    if (write(outputs, line.data(), line.size()) != static_cast<ssize_t>(line.size())) std::abort();
  };
  sample::Dice dice(std::stoull(variable("RINGFENCE_TEST_SEED")));
  toy::Life life(log, **store, world, {.lanes = 2, .budget_bytes = 60'000, .threaded = true});
  while (!life.read_all()) {
    life.act(dice);
    if (write(3, ".", 1) != 1) std::abort();
  }
  life.finish();
}

TEST(KilledEngine, ContinuesAsIfNothingHadHappened) {
  const auto log = the_log();
  toy::World undisturbed;
  const auto memory = memory_store();
  {
    toy::Life life(log, *memory, undisturbed, {});
    life.finish();
  }

  const TemporaryDirectory directory;
  const std::string state = directory / "state", outputs = directory / "outputs";
  const auto child = [&](int life) {
    return std::make_unique<ChildProcess>("KilledEngine.DISABLED_OneLife",
                                          std::vector<std::string>{"RINGFENCE_TEST_STATE=" + state, "RINGFENCE_TEST_OUTPUTS=" + outputs,
                                                                   "RINGFENCE_TEST_SEED=" + std::to_string(life)});
  };
  sample::Dice moments(99);
  int kills = 0;
  for (int life = 0; life < kKills; ++life) {
    const auto process = child(life);
    if (!process->await(50 + moments.below(700))) break;
    process->kill_now();
    ++kills;
  }
  EXPECT_EQ(kills, kKills) << "the log is too short for so many kills";
  EXPECT_EQ(child(kKills)->wait_end(), 0);

  std::set<toy::Output> delivered;
  std::ifstream lines(outputs);
  for (toy::Output output; lines >> std::get<0>(output) >> std::get<1>(output) >> std::get<2>(output);) delivered.insert(output);
  EXPECT_EQ(delivered, undisturbed.delivered);
  auto store = rocksdb_store(state);
  ASSERT_TRUE(store) << store.error().message;
  EXPECT_EQ(toy::states_in(**store, kPartitions, kAgents), toy::states_in(*memory, kPartitions, kAgents));
}

}  // namespace
}  // namespace ringfence
