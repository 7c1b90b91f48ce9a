// SPDX-License-Identifier: Apache-2.0
// A replay in a process of its own, for tests that kill it: as `ringfence replay`, but for how often it checkpoints.
//   simulation_replayer RECORDS_PER_CUT SHARDS PERSONAS DIRECTORY FILE [WRITE]
// With WRITE it is killed where it would write to its store's log for that time, counted from 1.
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "engine/app/file_run.h"
#include "engine/persona/load.h"

namespace {

std::atomic<int> writes_left{0};  // to the log; 0: it is not killed

bool is_log(int file) {
  std::array<char, 4096> name{};
  const ssize_t size = readlink(("/proc/self/fd/" + std::to_string(file)).c_str(), name.data(), name.size());
  return size > 0 && std::string_view(name.data(), static_cast<std::size_t>(size)).ends_with(".log");
}

}  // namespace

/// In the place of the C library's, for whoever writes in this process.
extern "C" ssize_t write(int file, const void* bytes, size_t size) {
  if (writes_left > 0 && is_log(file) && --writes_left == 0) kill(getpid(), SIGKILL);
  return syscall(SYS_write, file, bytes, size);
}

namespace ringfence {
namespace {

int replay(std::int64_t records_per_cut, std::size_t shards, const std::string& personas, const std::string& directory,
           const std::string& file) {
  PersonaLoad load = load_personas(personas, std::nullopt);
  if (!load.set) return EXIT_FAILURE;
  auto run = FileRun::open({.files = {file},
                            .state_directory = directory + "/state",
                            .records_per_cut = records_per_cut,
                            .shards = shards,
                            .outputs = {.findings = directory + "/findings",
                                        .control = directory + "/control",
                                        .verdicts = directory + "/verdicts",
                                        .dead_letter = directory + "/dead"}},
                           std::make_shared<const Rulebook>(std::move(*load.set), all_channels()));
  if (!run) {
    std::fprintf(stderr, "%s\n", run.error().message.c_str());
    return EXIT_FAILURE;
  }
  return (*run)->run().error ? EXIT_FAILURE : EXIT_SUCCESS;
}

}  // namespace
}  // namespace ringfence

int main(int count, char** words) {
  if (count < 6) return EXIT_FAILURE;
  if (count > 6) writes_left = std::atoi(words[6]);
  return ringfence::replay(std::atoll(words[1]), std::strtoull(words[2], nullptr, 10), words[3], words[4], words[5]);
}
