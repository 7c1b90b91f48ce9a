// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "models/breadth.h"
#include "models/detector.h"
#include "models/limits_channel.h"
#include "models/totals_channel.h"
#include "models/volume.h"
#include "tests/unit/models/scope_world.h"

/// One agent under one job before the channels that judge amounts, with the evidence they move: what the pipeline does, without findings.
namespace ringfence::testing {

inline constexpr std::array<ChannelId, 4> kAmountChannels{ChannelId::Limits, ChannelId::Volume, ChannelId::Breadth, ChannelId::Totals};

class Amounts {
 public:
  Amounts() {
    job.id = "clerk";
    job.version = "1.0.0";
    job.confidence = Confidence::Reviewed;
    job.agents = GlobSet({"agent-*"});
    job.actions.push_back(action("read", {"files/read"}));
    job.destinations.external = External::Any;
  }

  Persona job;  // changed before the first read
  AgentState agent;
  std::map<std::string, SessionState> sessions;

  /// Readings by channel, in order of `kAmountChannels`.
  std::map<ChannelId, Reading> read(Made made) {
    settle();
    const Event& event = made.done();
    const Persona& persona = set_->personas().front();
    SessionState& session = sessions[std::string(event.session.id.value_or("-"))];
    session.key = hash64(event.session.id.value_or("-"));
    const ActionMatch match = event.kind == EventKind::ToolCall ? match_action(persona, event) : ActionMatch{};
    const Act act{.event = event,
                  .persona = persona,
                  .set = *set_,
                  .match = match,
                  .effect = effect_of(persona, match.action, event),
                  .agent = agent,
                  .session = session,
                  .plans = plans_};
    std::map<ChannelId, Reading> readings;
    for (const Channel* channel : kChannelsAsked) readings.emplace(channel->info().id, channel->read(act));
    move(readings, session);
    return readings;
  }

  /// Wagers of one threat in one reading; nothing where it made none.
  static std::optional<Wager> wager(const std::map<ChannelId, Reading>& readings, Threat threat) {
    for (const auto& [id, reading] : readings)
      for (const Wager& made : reading.wagers)
        if (made.threat == threat) return made;
    return std::nullopt;
  }

  [[nodiscard]] double score(Null null) {
    settle();
    double sum = scope_score(agent.evidence, *tables_, null);
    for (const auto& [id, session] : sessions) sum += scope_score(session.evidence, *tables_, null);
    return .5 * sum;
  }
  [[nodiscard]] const Tables& tables() {
    settle();
    return *tables_;
  }

  void restart() {
    for (const Channel* channel : kChannelsAsked) {
      const auto slot = static_cast<std::size_t>(channel->info().id);
      again(*channel, agent.memory.at(slot), MemoryScope::Agent);
      for (auto& [id, session] : sessions) again(*channel, session.memory.at(slot), MemoryScope::Session);
    }
  }

 private:
  inline static const std::array<const Channel*, 4> kChannelsAsked{&limits_channel(), &volume_channel(), &breadth_channel(),
                                                                   &totals_channel()};

  static void again(const Channel& channel, std::unique_ptr<ChannelMemory>& memory, MemoryScope scope) {
    if (!memory) return;
    Writer out;
    memory->encode(out);
    Reader in(out.bytes());
    memory = channel.decode_memory(scope, in);
  }

  void settle() {
    if (set_) return;
    set_.emplace(std::vector<Persona>{job}, std::map<std::string, Entitlement>{}, false);
    const Persona& persona = set_->personas().front();
    plans_.resize(kChannels);
    for (const Channel* channel : kChannelsAsked)
      plans_.at(static_cast<std::size_t>(channel->info().id)) = channel->prepare(persona, *set_);
    tables_.emplace(persona, kChannelsAsked);
  }

  void move(const std::map<ChannelId, Reading>& readings, SessionState& session) {
    std::vector<RowId> marks;
    std::vector<Wagered> all, shared;
    for (const auto& [id, reading] : readings) {
      if (reading.kind == Reading::Kind::Marked) marks.push_back({id, reading.context, reading.cls});
      for (const Reading::Mark& next : reading.further) marks.push_back({id, next.context, next.cls});
      for (const Wager& made : reading.wagers) {
        all.push_back({id, made});
        if (!made.agent_only) shared.push_back({id, made});
      }
    }
    update(agent.evidence, *tables_, marks, all);
    update(session.evidence, *tables_, marks, shared);
  }

  std::optional<PersonaSet> set_;
  std::vector<std::unique_ptr<const ChannelPlan>> plans_;
  std::optional<Tables> tables_;
};

inline Ladder ladder(std::optional<double> p50, std::optional<double> p99, std::optional<double> max = std::nullopt) {
  return {p50, p99, max};
}

/// What is declared: half of all calls above p50, one in a hundred above p99, and nothing of how they lie between and beyond.
struct BetweenTheRungs {
  std::mt19937_64 rng{26};
  std::uniform_real_distribution<double> chance;
  /// 49 in 100 just under p99, one far above it, the others within p50.
  double draw(double p50, double p99) {
    const double u = chance(rng);
    return u < .01 ? 100 * p99 : u < .5 ? p99 : p50;
  }
};

}  // namespace ringfence::testing
