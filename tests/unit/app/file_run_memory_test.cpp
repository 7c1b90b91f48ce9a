// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#include "engine/app/file_run.h"
#include "engine/persona/load.h"

namespace ringfence {
namespace {

namespace fs = std::filesystem;

/// A run over one file, of agents that are permitted long lists.
class FileRunMemory : public ::testing::Test {
 protected:
  static constexpr std::size_t kAgents = 800, kLimit = std::size_t{4} << 20U;

  void SetUp() override {
    // The threads that the store starts, and keeps, leave signals to others, as those of a service do.
    ::sigset_t all;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_BLOCK, &all, &mask_);
    fs::create_directories(root_);
    std::string destinations;
    for (int i = 0; i < 600; ++i)
      destinations += (i > 0 ? ",\"h" : "\"h") + std::to_string(10'000 + i) + "-" + std::string(30, 'x') + ".corp.example\"";
    std::ofstream in(root_ / "in.ndjson");
    for (std::size_t i = 0; i < kAgents; ++i)
      in << R"({"v":1,"kind":"task_start","id":"t","time":"2026-11-18T08:00:00Z","agent":{"id":"coder-)" << i
         << R"("},"session":{"id":"s"},"task":{"id":"t","text":"x","destinations":[)" << destinations << "]}}\n";
  }
  void TearDown() override {
    fs::remove_all(root_);
    ::pthread_sigmask(SIG_SETMASK, &mask_, nullptr);
  }

  /// The most agents there were in memory at once.
  std::uint64_t most(bool keep_state) {
    auto run =
        FileRun::open({.files = {(root_ / "in.ndjson").string()},
                       .state_directory = (root_ / (keep_state ? "kept" : "scratch")).string(),
                       .keep_state = keep_state,
                       .memory_limit = kLimit},
                      std::make_shared<const Rulebook>(
                          std::move(*load_personas(RINGFENCE_SOURCE_DIR "/tests/scenario/personas", std::nullopt).set), all_channels()));
    if (!run) throw std::runtime_error(run.error().message);
    std::uint64_t agents = 0;
    (*run)->on_standing = [&agents](const RunStanding& now) { agents = std::max(agents, now.agents); };
    const RunEnd end = (*run)->run();
    EXPECT_FALSE(end.error);
    EXPECT_EQ(end.report.agents, kAgents);
    return agents;
  }

  ::sigset_t mask_{};
  fs::path root_ = fs::temp_directory_path() / ("ringfence-run-memory-" + std::to_string(getpid()));
};

TEST_F(FileRunMemory, IsHeldWhereRecordsAreFewAndLarge) {
  for (const bool keep_state : {false, true}) EXPECT_LT(most(keep_state), kAgents / 2) << "each takes some 40 KiB";
}

}  // namespace
}  // namespace ringfence
