// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <expected>
#include <map>
#include <string>
#include <string_view>

#include "engine/event/decode.h"
#include "engine/pipeline/judge.h"
#include "engine/pipeline/operate.h"
#include "engine/pipeline/rulebook.h"
#include "engine/state/agent_state.h"
#include "engine/state/facts.h"
#include "engine/verdict/enforcement.h"

namespace ringfence {

/// The pipeline one record at a time over plain memory: for the tests of personas, scenarios and benchmarks. Judges what is admitted
/// exactly as the service does, because both call `judge`; a refusal is handed back and makes no finding here. Keeps no position and writes
/// nothing. Not thread-safe.
class Rehearsal {
 public:
  explicit Rehearsal(const Rulebook& rules, std::string topic = "rehearsal", bool assume_gate = false)
      : rules_(rules), topic_(std::move(topic)), assume_gate_(assume_gate) {}

  /// Judges one canonical event as the next record of the input. A copy of a known act gives a judgement with `copy` set;
  /// a context_change gives one without an agent.
  [[nodiscard]] std::expected<Judgement, Refusal> feed(std::string_view record);
  /// The same at a position of the caller's.
  [[nodiscard]] std::expected<Judgement, Refusal> feed(std::string_view record, Position position);

  /// An operator's command behind the last record.
  [[nodiscard]] Operated operate(const Command& command);

  /// Every expected gate has confirmed a containment, behind the last record; what is found by it.
  [[nodiscard]] std::vector<FindingRecord> enforce(const Enforcement& enforcement);

  /// What is known of an agent, or null.
  [[nodiscard]] const AgentState* agent(std::string_view tenant, std::string_view id) const;

 private:
  const Rulebook& rules_;
  std::string topic_;
  bool assume_gate_;
  EventDecoder decoder_;
  EventArena arena_;
  Facts facts_;
  ForeignContainments foreign_;
  TreeMembers trees_;
  std::map<AgentKey, AgentState> agents_;
  std::map<AgentKey, AgentState> subjects_;
  std::int64_t records_ = 0;
};

}  // namespace ringfence
