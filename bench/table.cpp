// SPDX-License-Identifier: Apache-2.0
// The table of agents: one lookup and touch, in the cache, beyond it with and without a prefetched window, and from the store; one state
// encoded and queued; memory of an idle agent. All in CPU time of the shard's thread. Prints a hash of every state at the end; `--tiny`
// checks it against the known one. `bench_table [AGENTS]`.
#include <unistd.h>
#include <CLI/CLI.hpp>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "engine/state/checkpoint.h"

namespace {

using namespace ringfence;

/// CPU time of this thread: what the shard pays, whatever else the machine does.
struct Clock {
  using duration = std::chrono::nanoseconds;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<Clock>;
  static constexpr bool is_steady = true;
  static time_point now() {
    timespec t{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return time_point(std::chrono::seconds(t.tv_sec) + std::chrono::nanoseconds(t.tv_nsec));
  }
};

constexpr std::uint64_t kTinyHash = 0x0fac5905b11530a0;
constexpr std::string_view kId = "spiffe://corp.example/agent/ap-invoice";
constexpr std::size_t kWindow = 32;
constexpr Partition kPartition{0};

class NoMemories final : public MemoryFactory {
 public:
  [[nodiscard]] std::unique_ptr<ChannelMemory> decode(ChannelId, MemoryScope, Reader&) const override { return nullptr; }
};

std::uint64_t mix(std::uint64_t v) {
  v = (v ^ v >> 32U) * 0xD6E8FEB86659FD93ULL;
  v = (v ^ v >> 32U) * 0xD6E8FEB86659FD93ULL;
  return v ^ v >> 32U;
}

AgentKey key_of(std::uint64_t agent) { return {{mix(agent * 2), mix(agent * 2 + 1)}}; }

[[noreturn]] void give_up(const StoreError& error) {
  std::fprintf(stderr, "%s\n", error.message.c_str());
  std::exit(1);
}

std::size_t resident_bytes() {
  std::size_t pages = 0, resident = 0;
  std::ifstream("/proc/self/statm") >> pages >> resident;
  return resident * static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
}

struct Bench {
  Bench(Store& store, std::size_t agents, std::size_t budget)
      : table(store, memories, {.budget_bytes = budget, .expected_agents = agents}),
        flusher(store, {}),
        checkpoint(table, flusher, store),
        count(agents) {
    checkpoint.assign(kPartition, Offset{0});
  }

  void event(std::uint64_t agent) {
    const Offset at{offset++};
    auto state = table.open({kPartition, at}, key_of(agent), "corp", kId, EventTime{at.value});
    if (!state) give_up(state.error());
    AgentState& s = **state;
    s.persona = mix(s.persona ^ static_cast<std::uint64_t>(at.value));
    ++s.arrivals;
    s.evidence.alert[0] += 1;
    table.touch(s, at);
  }

  /// Nanoseconds an event over `events` random ones among the first `among` agents.
  double run(std::size_t events, std::size_t among, bool prefetched) {
    std::vector<std::uint64_t> window(kWindow);
    std::vector<AgentTable::Probe> probes(kWindow);
    const auto start = Clock::now();
    for (std::size_t done = 0; done < events; done += kWindow) {
      for (std::size_t i = 0; i < kWindow; ++i) {
        window[i] = dice() % among;
        probes[i] = {kPartition, key_of(window[i])};
      }
      if (prefetched) table.prefetch(probes);
      for (const std::uint64_t agent : window) event(agent);
    }
    return std::chrono::duration<double, std::nano>(Clock::now() - start).count() / static_cast<double>(events);
  }

  /// Nanoseconds of this thread a state, to write everything dirty.
  double drip() {
    const auto dirty = static_cast<double>(table.dirty());
    const Horizon all{kPartition, Offset{offset - 1}};
    const auto start = Clock::now();
    checkpoint.mark();
    while (table.dirty() > 0)
      if (checkpoint.step({&all, 1}).store_behind)
        if (auto drained = flusher.drain(std::chrono::seconds(60)); !drained) give_up(drained.error());
    if (auto done = checkpoint.flush({&all, 1}, std::chrono::seconds(60)); !done) give_up(done.error());
    return std::chrono::duration<double, std::nano>(Clock::now() - start).count() / dirty;
  }

  std::uint64_t hash() {
    std::uint64_t h = 0;
    for (std::uint64_t agent = 0; agent < count; ++agent) {
      const auto state = table.find(kPartition, key_of(agent));
      if (!state) give_up(state.error());
      if (*state) h = mix(h ^ (*state)->persona) + mix(static_cast<std::uint64_t>((*state)->lsn) ^ (*state)->arrivals);
      table.trim();
    }
    return h;
  }

  NoMemories memories;
  AgentTable table;
  Flusher flusher;
  Checkpoint checkpoint;
  std::mt19937_64 dice{1};  // NOLINT: seeded, the order is part of the answer
  std::size_t count;
  std::int64_t offset = 0;
};

std::uint64_t measure(Store& store, std::size_t agents, bool report) {
  const std::size_t before = resident_bytes();
  std::uint64_t hash = 0;
  std::int64_t offset = 0;
  {
    Bench bench(store, agents, std::size_t{8} << 30U);
    for (std::uint64_t agent = 0; agent < agents; ++agent) bench.event(agent);
    const std::size_t held = resident_bytes() - before;
    const double drip_ns = bench.drip();
    const std::size_t hot = std::min<std::size_t>(agents, 256), events = agents * 4;
    const double hot_ns = bench.run(events, hot, false), plain_ns = bench.run(events, agents, false),
                 window_ns = bench.run(events, agents, true);
    if (report) {
      std::printf("agents                         %zu\n", agents);
      std::printf("bytes an idle agent            %zu counted, %zu resident\n", bench.table.bytes() / agents, held / agents);
      std::printf("open+touch, %3zu agents         %.0f ns\n", hot, hot_ns);
      std::printf("open+touch, all agents         %.0f ns\n", plain_ns);
      std::printf("open+touch, all, prefetched    %.0f ns\n", window_ns);
      std::printf("encode and queue a state       %.0f ns\n", drip_ns);
    }
    bench.drip();
    offset = bench.offset;
  }
  // A table without room: every lookup comes from the store.
  Bench cold(store, agents, 1);
  cold.offset = offset;
  const std::size_t lookups = std::min<std::size_t>(agents, 20'000);
  const auto start = Clock::now();
  for (std::size_t i = 0; i < lookups; ++i) {
    if (const auto state = cold.table.find(kPartition, key_of(cold.dice() % agents)); !state) give_up(state.error());
    cold.table.trim();
  }
  if (report)
    std::printf("open from the store            %.1f us\n",
                std::chrono::duration<double, std::micro>(Clock::now() - start).count() / static_cast<double>(lookups));
  hash = cold.hash();
  return hash;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("The table of agents: bytes an agent, look-ups in memory and behind it");
  bool tiny = false;
  std::size_t agents = 200'000;
  app.add_option("AGENTS", agents, "how many")->check(CLI::PositiveNumber)->capture_default_str();
  app.add_flag("--tiny", tiny, "1,000 agents, checked against the known hash");
  CLI11_PARSE(app, argc, argv);
  if (tiny) agents = 1'000;
  std::string directory = (std::filesystem::temp_directory_path() / "ringfence-bench-XXXXXX").string();
  if (!mkdtemp(directory.data())) return 3;
  int result = 0;
  {
    auto store = rocksdb_store(directory);
    if (!store) give_up(store.error());
    const std::uint64_t hash = measure(**store, agents, !tiny);
    std::printf("hash                           %016llx\n", static_cast<unsigned long long>(hash));
    if (tiny && hash != kTinyHash) {
      std::printf("expected                       %016llx\n", static_cast<unsigned long long>(kTinyHash));
      result = 1;
    }
  }
  std::filesystem::remove_all(directory);
  return result;
}
