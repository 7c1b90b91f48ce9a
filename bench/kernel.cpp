// SPDX-License-Identifier: Apache-2.0
// The evidence kernel: two scopes and two nulls of one event, hot (1,000 agents) and cold (100,000 agents in random order).
// `--tiny` checks that the answer is the known one and exits; `--hot N` runs N events on 1,000 agents only, for callgrind.
#include <array>
#include <bit>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <random>
#include <string>
#include <vector>

#include "models/barrier.h"
#include "models/detector.h"

namespace {

using namespace ringfence;

/// FNV-1a of the final values of the threats in use, of all agents in order: equal on every machine, for the tables are compiled in double
/// precision and the kernel has one order of operations.
constexpr std::uint64_t kTinyHash = 0x4fdf4e3ac4d19cd5ULL;

struct Scopes {
  Evidence agent, session;
};

struct Run {
  double nanoseconds_per_event = 0;
  double greatest = 0;
  std::uint64_t hash = 14695981039346656037ULL;
};

Run run(std::size_t agents, std::size_t events) {
  Persona persona;
  persona.confidence = Confidence::Reviewed;
  const std::array<const Channel*, 1> channels{&barrier_channel()};
  const Tables tables(persona, channels);
  std::vector<Scopes> states(agents);
  std::vector<std::uint32_t> order(1U << 16U);
  std::vector<RowId> marks(order.size());
  std::mt19937_64 rng(1);
  for (std::size_t i = 0; i < order.size(); ++i) {
    order[i] = static_cast<std::uint32_t>(rng() % agents);
    const bool refused = rng() % 8 == 0;
    marks[i] = {ChannelId::Barrier, static_cast<std::uint8_t>(rng() % 2), static_cast<std::uint8_t>(refused ? rng() % 8 : 0)};
  }
  Run result;
  const std::clock_t begin = std::clock();  // processor time: other work on the machine does not count
  for (std::size_t i = 0; i < events; ++i) {
    const std::size_t at = i % order.size();
    // Later rounds visit other agents, so that the cold run is not warmed by its own repetition.
    Scopes& scopes = states[(order[at] + i / order.size() * 7919) % agents];
    const std::span<const RowId> mark(&marks[at], 1);
    update(scopes.agent, tables, mark);
    update(scopes.session, tables, mark);
    double score = 0;
    for (const Null null : {Null::Alert, Null::Declared})
      score += .5 * (scope_score(scopes.agent, tables, null) + scope_score(scopes.session, tables, null));
    if (score > result.greatest) result.greatest = score;
  }
  const double seconds = static_cast<double>(std::clock() - begin) / static_cast<double>(CLOCKS_PER_SEC);
  result.nanoseconds_per_event = seconds * 1e9 / static_cast<double>(events);
  for (const Scopes& scopes : states)
    for (const auto* values : {&scopes.agent.alert, &scopes.agent.declared})
      for (std::size_t slot = 0; slot < kThreats.size(); ++slot)
        result.hash = (result.hash ^ std::bit_cast<std::uint32_t>((*values)[slot])) * 1099511628211ULL;
  return result;
}

void print(const char* name, const Run& run) {
  std::printf("%-24s %8.1f ns/event   greatest %.3e   hash %016llx\n", name, run.nanoseconds_per_event, run.greatest,
              static_cast<unsigned long long>(run.hash));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1 && std::strcmp(argv[1], "--tiny") == 0) {
    const Run tiny = run(100, 20'000);
    print("tiny", tiny);
    if (tiny.hash == kTinyHash) return 0;
    std::fprintf(stderr, "expected hash %016llx\n", static_cast<unsigned long long>(kTinyHash));
    return 1;
  }
  if (argc > 2 && std::strcmp(argv[1], "--hot") == 0) {
    print("hot, 1,000 agents", run(1000, static_cast<std::size_t>(std::stoull(argv[2]))));
    return 0;
  }
  print("hot, 1,000 agents", run(1000, 20'000'000));
  print("cold, 100,000 agents", run(100'000, 5'000'000));
  return 0;
}
