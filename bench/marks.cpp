// SPDX-License-Identifier: Apache-2.0
// What every channel's marks cost: the calls of agents that upgrade code, that all succeed, and the calls that follow a refusal. Time a
// channel and call, the longest hundredth left out, where the machine did other things; with bytes an agent, of each channel, in all, and
// of these what is counted apart. Prints a hash of every reading; `--tiny` checks it against the known one.
// `--success` and `--refused` read one mix without looking at the clock. Instructions by channel, decoding and start left out:
//   valgrind --tool=callgrind --toggle-collect='*read_all*' build/release/bench/bench_marks --success
#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <numeric>
#include <string>
#include <vector>

#include "bench/coders.h"
#include "engine/persona/load.h"
#include "engine/pipeline/rulebook.h"

namespace {

using namespace ringfence;
using Clock = std::chrono::steady_clock;

constexpr std::uint64_t kTinyHash = 0x59a434483037c8d2;

class Fleet {
 public:
  Fleet(const Rulebook& rules, std::vector<std::string> records) : rules_(rules), coders_(rules, std::move(records)) {}

  struct Cost {
    std::array<std::vector<float>, kChannels> ns;  // a call each
    /// The mean without the longest hundredth.
    [[nodiscard]] double usual(ChannelId channel) const {
      std::vector<float> all = ns[static_cast<std::size_t>(channel)];
      std::ranges::sort(all);
      all.resize(all.size() - all.size() / 100);
      return std::accumulate(all.begin(), all.end(), 0.) / static_cast<double>(std::max<std::size_t>(all.size(), 1));
    }
  };

  /// Every call by every channel; with the clock, what each took of the calls whose agent's call before was refused, or of all.
  Cost run(bool clock, bool after_refusal) {
    Cost cost;
    const auto channels = rules_.channels();
    std::array<bool, bench::kCoders> refused{};
    for (std::size_t i = 0; i < coders_.size(); ++i) {
      const Act act = coders_.act(i);
      const bool counts = clock && (!after_refusal || refused[i % bench::kCoders]);
      refused[i % bench::kCoders] = act.event.outcome.status == Outcome::Denied;
      if (!counts) {
        read_all(act);
        continue;
      }
      for (const Channel* channel : channels) {
        const auto begin = Clock::now();
        const Reading reading = channel->read(act);
        const auto end = Clock::now();
        cost.ns[static_cast<std::size_t>(channel->info().id)].push_back(static_cast<float>((end - begin).count()));
        take(reading);
      }
    }
    return cost;
  }
  [[nodiscard]] std::uint64_t hash() const { return hash_; }
  [[nodiscard]] std::size_t bytes_an_agent() const {
    std::size_t bytes = 0;
    for (const AgentState& agent : coders_.agents()) bytes += agent.bytes();
    return bytes / bench::kCoders;
  }
  /// Of it what docs/design/detection.md §3.7 counts apart, an agent: live sessions with what they remember, the agent's own labels and
  /// artefacts of flow, and the ids of known acts.
  struct Apart {
    std::size_t sessions = 0, flow = 0, acts = 0;
  };
  [[nodiscard]] Apart bytes_apart() const {
    Apart out;
    for (const AgentState& agent : coders_.agents()) {
      out.sessions += agent.sessions.capacity() * sizeof(SessionState);
      for (const SessionState& session : agent.sessions) {
        out.sessions += session.id.capacity() + (session.ledger ? session.ledger->bytes() : 0);
        for (const auto& memory : session.memory) out.sessions += memory ? memory->bytes() : 0;
      }
      if (const auto& flow = agent.memory[static_cast<std::size_t>(ChannelId::Flow)]) out.flow += flow->bytes();
      out.acts += agent.acts.capacity() * sizeof(KnownAct);
    }
    return {out.sessions / bench::kCoders, out.flow / bench::kCoders, out.acts / bench::kCoders};
  }
  /// Of it what the channel remembers, of the agent and of its sessions.
  [[nodiscard]] std::size_t bytes_of(ChannelId channel) const {
    std::size_t bytes = 0;
    const auto add = [&](const auto& memory) {
      if (const auto& slot = memory[static_cast<std::size_t>(channel)]) bytes += slot->bytes();
    };
    for (const AgentState& agent : coders_.agents()) {
      add(agent.memory);
      for (const SessionState& session : agent.sessions) add(session.memory);
    }
    return bytes / bench::kCoders;
  }

 private:
  [[gnu::noinline]] void read_all(const Act& act) {
    for (const Channel* channel : rules_.channels()) take(channel->read(act));
  }
  void take(const Reading& reading) {
    for (const std::uint64_t part : {std::uint64_t{static_cast<std::uint8_t>(reading.kind)}, std::uint64_t{reading.context},
                                     std::uint64_t{reading.cls}, std::uint64_t{reading.lacking}, std::uint64_t{reading.breaches.size()},
                                     std::uint64_t{reading.wagers.size()}, std::uint64_t{reading.links.size()}})
      hash_ = (hash_ ^ part) * 1099511628211ULL;
  }

  const Rulebook& rules_;
  bench::Coders coders_;
  std::uint64_t hash_ = 14695981039346656037ULL;
};

/// What looking at the clock twice costs, to be taken off.
double clock_ns() {
  double least = 1e9;
  for (int i = 0; i < 1000; ++i) {
    const auto begin = Clock::now();
    least = std::min(least, static_cast<double>((Clock::now() - begin).count()));
  }
  return least;
}

void print(const char* what, const Fleet::Cost& cost, const Fleet& fleet, const Rulebook& rules) {
  const double clock = clock_ns();
  double all = 0;
  std::printf("%s\n", what);
  for (const Channel* channel : rules.channels()) {
    const double ns = cost.usual(channel->info().id) - clock;
    std::printf("  %-14.*s %8.0f ns %8zu bytes\n", static_cast<int>(channel->info().name.size()), channel->info().name.data(), ns,
                fleet.bytes_of(channel->info().id));
    all += ns;
  }
  std::printf("  %-14s %8.0f ns a call, %zu bytes an agent\n", "all", all, fleet.bytes_an_agent());
  const Fleet::Apart apart = fleet.bytes_apart();
  std::printf("  %-14s %zu bytes an agent; apart: live sessions %zu, flow %zu, ids of known acts %zu\n", "of interest",
              fleet.bytes_an_agent() - apart.sessions - apart.flow - apart.acts, apart.sessions, apart.flow, apart.acts);
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("What every channel's marks cost");
  bool tiny = false, success = false, after_refusals = false;
  app.add_flag("--tiny", tiny, "few calls, checked against the known hash");
  app.add_flag("--success", success, "calls that succeed alone, without looking at the clock, for instructions.sh");
  app.add_flag("--refused", after_refusals, "the same of agents every second call of which is refused");
  CLI11_PARSE(app, argc, argv);
  const bool timed = !tiny && !success && !after_refusals;
  PersonaLoad load = load_personas(std::filesystem::path(RINGFENCE_SOURCE_DIR) / "config/personas", std::nullopt);
  if (!load.set) return EXIT_FAILURE;
  const Rulebook rules(std::move(*load.set), all_channels());
  const std::size_t count = tiny ? 1'000 : 20'000;
  Fleet working(rules, bench::coders_calls(count, 0)), refused(rules, bench::coders_calls(count, 2));
  if (!after_refusals) {
    const Fleet::Cost cost = working.run(timed, false);
    if (timed) print("calls that succeed", cost, working, rules);
  }
  if (!success) {
    const Fleet::Cost cost = refused.run(timed, true);
    if (timed) print("calls after a refusal", cost, refused, rules);
  }
  const std::uint64_t hash = working.hash() ^ refused.hash() * 3;
  std::printf("hash %016llx\n", static_cast<unsigned long long>(hash));
  if (tiny && hash != kTinyHash) {
    std::fprintf(stderr, "readings differ from the known %016llx\n", static_cast<unsigned long long>(kTinyHash));
    return EXIT_FAILURE;
  }
  return EXIT_SUCCESS;
}
