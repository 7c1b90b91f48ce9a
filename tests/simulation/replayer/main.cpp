// SPDX-License-Identifier: Apache-2.0
// A replay in a process of its own, for tests that kill it: as `ringfence replay`, but for how often it checkpoints.
//   simulation_replayer RECORDS_PER_CUT SHARDS DIRECTORY FILE
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>

#include "engine/app/file_run.h"
#include "engine/persona/load.h"

namespace ringfence {
namespace {

int replay(std::int64_t records_per_cut, std::size_t shards, const std::string& directory, const std::string& file) {
  PersonaLoad load = load_personas(RINGFENCE_SOURCE_DIR "/config/personas", std::nullopt);
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
  if (count != 5) return EXIT_FAILURE;
  return ringfence::replay(std::atoll(words[1]), std::strtoull(words[2], nullptr, 10), words[3], words[4]);
}
