// SPDX-License-Identifier: Apache-2.0
// What every channel's marks cost: the calls of agents that upgrade code, that all succeed, and the calls that follow a refusal. Time a
// channel and call, the longest hundredth left out, where the machine did other things; with bytes an agent at the end. Prints a hash of
// every reading; `--tiny` checks it against the known one.
// `--success` and `--refused` read one mix without looking at the clock. Instructions by channel, decoding and start left out:
//   valgrind --tool=callgrind --toggle-collect='*read_all*' build/release/bench/bench_marks --success
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <numeric>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "engine/event/decode.h"
#include "engine/persona/load.h"
#include "engine/pipeline/rulebook.h"
#include "models/channel.h"

namespace {

using namespace ringfence;
using Clock = std::chrono::steady_clock;

constexpr std::uint64_t kTinyHash = 0x59a434483037c8d2;
constexpr std::size_t kAgents = 50;

/// One in `refusals` calls is refused, 0: none; the object is another each time.
std::vector<std::string> calls(std::size_t count, unsigned refusals) {
  std::mt19937_64 random(1);  // NOLINT: seeded, the corpus is part of the answer
  std::vector<std::string> events;
  EventTime now = *parse_rfc3339("2026-11-20T00:00:00Z");
  for (std::size_t i = 0; i < count; ++i) {
    now = now + Nanos{seconds(15).value / static_cast<std::int64_t>(kAgents)};
    const std::string agent = std::to_string(i % kAgents), number = std::to_string(i);
    const std::string run = agent + "-" + std::to_string(i / kAgents / 60);
    const std::string file = "src/part" + std::to_string(random() % 97) + "/ledger_" + std::to_string(random() % 90) + ".cpp";
    const bool refused = refusals > 0 && i / kAgents % refusals == 0, list = random() % 6 == 0;
    std::string result = R"({"content":"Amount rounded(Amount amount) {\n  return Amount(amount.cents() / )" +
                         std::to_string(random() % 1000) + R"( * 5);\n}\n","lines":)" + std::to_string(random() % 500) + "}";
    if (list) result = R"({"files":[")" + file + R"(","src/part3/ledger_7.cpp","src/part3/ledger_12.cpp"]})";
    events.push_back(R"({"v":1,"kind":"tool_call","id":"call-)" + number + R"(","time":")" + format_rfc3339(now) +
                     R"(","tenant":"corp","agent":{"id":"spiffe://corp.example/agent/code-)" + agent + R"(","instance":"run-)" + run +
                     R"(","trust":"verified","persona":"code-maintainer"},"user":{"id":"u-17"},"session":{"id":"run-)" + run +
                     R"(","kind":"background"},"tool":{"server":"git","name":")" + (list ? "list_files" : "get_file") +
                     (list ? R"("},"args":{"directory":"src"})" : R"("},"args":{"path":")" + file + R"(","branch":"main"})") +
                     R"(,"resource":{"uri":"repos/billing-core/files/)" + file + R"("},"destination":{"host":"git.corp.example"},)" +
                     (refused ? R"("outcome":{"status":"denied","code":"403","reason":"no access"})"
                              : R"("outcome":{"status":"ok","code":"200"},"result":)" + result) +
                     R"(,"bytes":{"request":212,"response":300},"duration_ms":41,"source":{"product":"agentgateway"}})");
  }
  return events;
}

class Fleet {
 public:
  Fleet(const Rulebook& rules, std::vector<std::string> records) : rules_(rules), records_(std::move(records)), arenas_(records_.size()) {
    for (std::size_t i = 0; i < records_.size(); ++i) {
      auto event = decoder_.decode(records_[i], std::nullopt, arenas_[i]);
      if (!event) std::abort();
      events_.push_back(*event);
    }
    persona_ = rules_.match(events_.front());
    if (persona_ == Rulebook::kNoPersona) std::abort();
  }

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
    std::array<bool, kAgents> refused{};
    for (std::size_t i = 0; i < events_.size(); ++i) {
      Act act = act_of(i);
      const bool counts = clock && (!after_refusal || refused[i % kAgents]);
      refused[i % kAgents] = act.event.outcome.status == Outcome::Denied;
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
    for (const AgentState& agent : agents_) bytes += agent.bytes();
    return bytes / agents_.size();
  }
  /// Of it what the channel remembers, of the agent and of its sessions.
  [[nodiscard]] std::size_t bytes_of(ChannelId channel) const {
    std::size_t bytes = 0;
    const auto add = [&](const auto& memory) {
      if (const auto& slot = memory[static_cast<std::size_t>(channel)]) bytes += slot->bytes();
    };
    for (const AgentState& agent : agents_) {
      add(agent.memory);
      for (const SessionState& session : agent.sessions) add(session.memory);
    }
    return bytes / agents_.size();
  }

 private:
  Act act_of(std::size_t i) {
    const Event& event = events_[i];
    const Persona& persona = rules_.persona(persona_);
    AgentState& agent = agents_[i % kAgents];
    const std::uint64_t key = hash64(*event.session.id);
    if (agent.sessions.empty() || agent.sessions.front().key != key) {
      agent.sessions.clear();
      agent.sessions.emplace_back();
      agent.sessions.front().id = *event.session.id;
      agent.sessions.front().key = key;
    }
    agent.id = event.agent.id;
    agent.tenant = event.tenant;
    agent.last_time = event.time;
    ++agent.arrivals;
    const ActionMatch match = match_action(persona, event);
    return {.event = event,
            .persona = persona,
            .set = rules_.set(),
            .match = match,
            .effect = effect_of(persona, match.action, event),
            .agent = agent,
            .session = agent.sessions.front(),
            .plans = rules_.plans(persona_)};
  }
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
  std::vector<std::string> records_;
  std::vector<EventArena> arenas_;
  EventDecoder decoder_;
  std::vector<Event> events_;
  std::vector<AgentState> agents_{kAgents};
  std::size_t persona_ = 0;
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
}

}  // namespace

int main(int argc, char** argv) {
  PersonaLoad load = load_personas(std::filesystem::path(RINGFENCE_SOURCE_DIR) / "config/personas", std::nullopt);
  if (!load.set) return EXIT_FAILURE;
  const Rulebook rules(std::move(*load.set), all_channels());
  const std::string_view mode = argc > 1 ? argv[1] : "";
  const std::size_t count = mode == "--tiny" ? 1'000 : 20'000;
  Fleet working(rules, calls(count, 0)), refused(rules, calls(count, 2));
  if (mode != "--refused") {
    const Fleet::Cost cost = working.run(mode.empty(), false);
    if (mode.empty()) print("calls that succeed", cost, working, rules);
  }
  if (mode != "--success") {
    const Fleet::Cost cost = refused.run(mode.empty(), true);
    if (mode.empty()) print("calls after a refusal", cost, refused, rules);
  }
  const std::uint64_t hash = working.hash() ^ refused.hash() * 3;
  std::printf("hash %016llx\n", static_cast<unsigned long long>(hash));
  if (mode == "--tiny" && hash != kTinyHash) {
    std::fprintf(stderr, "readings differ from the known %016llx\n", static_cast<unsigned long long>(kTinyHash));
    return EXIT_FAILURE;
  }
  return EXIT_SUCCESS;
}
