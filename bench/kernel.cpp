// SPDX-License-Identifier: Apache-2.0
// The evidence kernel with every channel on: what the marks and wagers of a real act do to its two scopes under two nulls, and the score.
// Acts are calls of agents that upgrade code under the shipped persona, every eighth round refused. Hot (1,000 agents) and cold (100,000
// agents in random order).
// `--tiny` checks that the answer is the known one and exits; `--hot N` runs N events on 1,000 agents only, for `bench/instructions.sh`.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <random>
#include <string>
#include <vector>

#include "bench/coders.h"
#include "engine/persona/load.h"
#include "engine/pipeline/judge_act.h"
#include "models/channel.h"
#include "models/detector.h"

namespace {

using namespace ringfence;

/// FNV-1a of the final values of the threats in use, of all agents in order.
constexpr std::uint64_t kTinyHash = 0xeccec055865c1a3dULL;
constexpr std::size_t kActs = 2000;

struct Scopes {
  Evidence agent, session;
};

/// What moves the evidence of one act's scopes; `of_agent`: wagers that concern the agent alone and do not move its session.
struct Moves {
  std::vector<RowId> marks;
  std::vector<Wagered> of_session, of_agent;
};

std::vector<Moves> moves_of(bench::Coders& coders, const Rulebook& rules) {
  std::vector<Moves> out;
  for (std::size_t i = 0; i < coders.size(); ++i) {
    Readings readings;
    for (const Channel* const channel : rules.channels()) ask_channel(*channel, coders.act(i), Sighting::Whole, readings);
    Moves& moves = out.emplace_back();
    moves.marks = readings.marks;
    for (const Wagered& made : readings.wagers) (made.wager.agent_only ? moves.of_agent : moves.of_session).push_back(made);
  }
  return out;
}

struct Run {
  double nanoseconds_per_event = 0;
  double greatest = 0;
  std::uint64_t hash = 14695981039346656037ULL;
};

/// In what order agents act: their numbers at random, moved on by `kRound` each time the list begins again, so that a cold run is not
/// warmed by its own repetition. Without a division, which would count as the kernel's.
class Turns {
 public:
  explicit Turns(std::size_t agents) : agents_(agents) {
    std::mt19937_64 rng(1);  // NOLINT: seeded, the order is part of the answer
    for (std::uint32_t& agent : order_) agent = static_cast<std::uint32_t>(rng() % agents);
  }
  std::size_t next() {
    const std::size_t agent = order_[at_] + moved_;
    if (++at_ == order_.size()) {
      at_ = 0;
      moved_ = (moved_ + kRound) % agents_;
    }
    return agent < agents_ ? agent : agent - agents_;
  }

 private:
  static constexpr std::size_t kRound = 7919;
  std::size_t agents_, at_ = 0, moved_ = 0;
  std::vector<std::uint32_t> order_ = std::vector<std::uint32_t>(1U << 16U);
};

/// Greatest score on the way. Not inlined, so that its instructions can be counted alone.
[[gnu::noinline]] double run_events(const Tables& tables, const std::vector<Moves>& acts, Turns& turns, std::size_t events,
                                    std::vector<Scopes>& states) {
  double greatest = 0;
  auto act = acts.begin();
  for (std::size_t i = 0; i < events; ++i) {
    Scopes& scopes = states[turns.next()];
    Step step = step_of(tables, act->marks);
    for (const Wagered& made : act->of_session) stake(step, tables, made);
    advance(scopes.session, step);
    for (const Wagered& made : act->of_agent) stake(step, tables, made);
    advance(scopes.agent, step);
    double score = 0;
    for (const Null null : {Null::Alert, Null::Declared})
      score += .5 * (scope_score(scopes.agent, tables, null) + scope_score(scopes.session, tables, null));
    greatest = std::max(greatest, score);
    if (++act == acts.end()) act = acts.begin();
  }
  return greatest;
}

Run run(const Tables& tables, const std::vector<Moves>& acts, std::size_t agents, std::size_t events) {
  std::vector<Scopes> states(agents);
  Turns turns(agents);
  Run result;
  const std::clock_t begin = std::clock();  // processor time: other work on the machine does not count
  result.greatest = run_events(tables, acts, turns, events, states);
  const double seconds = static_cast<double>(std::clock() - begin) / static_cast<double>(CLOCKS_PER_SEC);
  result.nanoseconds_per_event = seconds * 1e9 / static_cast<double>(events);
  for (const Scopes& scopes : states)
    for (const auto* values : {&scopes.agent.alert, &scopes.agent.declared, &scopes.session.alert, &scopes.session.declared})
      for (std::size_t slot = 0; slot < kThreats.size(); ++slot)
        result.hash = (result.hash ^ std::bit_cast<std::uint32_t>((*values)[slot])) * 1099511628211ULL;
  return result;
}

void print(const char* name, const Run& run) {
  std::printf("%-24s %8.1f ns/event   greatest %.3e   hash %016llx\n", name, run.nanoseconds_per_event, run.greatest,
              static_cast<unsigned long long>(run.hash));
}

void print_moves(const std::vector<Moves>& acts) {
  std::size_t marks = 0, wagers = 0, twice = 0;
  for (const Moves& act : acts) {
    marks += act.marks.size();
    wagers += act.of_session.size() + act.of_agent.size();
    if (!act.of_agent.empty()) ++twice;
  }
  const auto an_act = [&](std::size_t all) { return static_cast<double>(all) / static_cast<double>(acts.size()); };
  std::printf("an act: %.1f marks, %.1f wagers; %.0f %% move the agent otherwise than the session\n", an_act(marks), an_act(wagers),
              100 * an_act(twice));
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("The evidence kernel with every channel on, hot and cold");
  bool only_tiny = false;
  std::size_t only_hot = 0;
  app.add_flag("--tiny", only_tiny, "few events, checked against the known hash");
  app.add_option("--hot", only_hot, "so many events on 1,000 agents alone, for instructions.sh");
  CLI11_PARSE(app, argc, argv);
  PersonaLoad load = load_personas(std::filesystem::path(RINGFENCE_SOURCE_DIR) / "config/personas", std::nullopt);
  if (!load.set) return EXIT_FAILURE;
  const Rulebook rules(std::move(*load.set), all_channels());
  bench::Coders coders(rules, bench::coders_calls(kActs, 8));
  const std::vector<Moves> acts = moves_of(coders, rules);
  const auto measured = [&](std::size_t agents, std::size_t events) { return run(coders.tables(), acts, agents, events); };
  print_moves(acts);
  if (only_tiny) {
    const Run tiny = measured(100, 20'000);
    print("tiny", tiny);
    if (tiny.hash == kTinyHash) return EXIT_SUCCESS;
    std::fprintf(stderr, "expected hash %016llx\n", static_cast<unsigned long long>(kTinyHash));
    return EXIT_FAILURE;
  }
  if (only_hot > 0) {
    print("hot, 1,000 agents", measured(1000, only_hot));
    return EXIT_SUCCESS;
  }
  print("hot, 1,000 agents", measured(1000, 20'000'000));
  print("cold, 100,000 agents", measured(100'000, 5'000'000));
  return EXIT_SUCCESS;
}
