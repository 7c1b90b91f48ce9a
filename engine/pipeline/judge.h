// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/event/event.h"
#include "engine/pipeline/admit.h"
#include "engine/pipeline/link.h"
#include "engine/pipeline/rulebook.h"
#include "engine/state/agent_state.h"
#include "engine/state/facts.h"
#include "engine/verdict/containment.h"
#include "engine/verdict/finding.h"
#include "engine/verdict/foreign_containments.h"
#include "engine/verdict/verdict.h"

namespace ringfence {

/// The decision on one event, and everything that leaves because of it.
struct Judgement {
  Position position;
  Verdict verdict;
  std::vector<FindingRecord> findings;
  std::vector<ContainmentRecord> containments;
  std::vector<RowId> marks;  // that moved the evidence, those of wagers too
  std::vector<ChannelId> not_evaluable;
  std::uint32_t lacking = 0;        // `Lacking` bits of constraints that could not be judged
  std::vector<Link> links;          // what the act means for subjects wider than its agent, judged apart from it
  std::vector<std::string> joined;  // containments of others (ForeignContainment::key) that the agent is a member of from now on
  std::uint64_t passed = 0;         // calls of the agent so far that succeeded though what contains it denies them
  bool copy = false;                // a known act: nothing else is set
  bool fact = false;                // a fact about the fleet: no agent, no verdict
  bool stopped = false;             // a gate that had applied the standing containment would have denied this call

  /// As new; the memory of what every event fills stays.
  void clear();
};

/// What a judgement depends on beside the event and the agent's state.
struct Circumstances {
  const Rulebook& rules;
  const Facts& facts;
  std::string_view topic;
  Position position;
  std::int64_t lsn = -1;  // of the record in its partition's states; names the links that come of it
  /// Every containment counts as applied at once, so a call that went through is containment.violated (replay --assume-gate).
  bool assume_gate = false;
  const ForeignContainments* foreign = nullptr;  // what other writers have put over agents of the partition; null: nothing
};

/// Judges admitted events of different agents against their states: channels, evidence, ledger, policy, findings, containment, in this
/// order, each stage and each channel over the whole batch before the next. An event passes through more code than a processor keeps at
/// hand; side by side the events fetch it once together. The judgements are those of one event after the other, because all that agents of
/// a partition share (facts, containments of other writers) is looked at by `add` alone. Pure; one thread.
class JudgeBatch {
 public:
  JudgeBatch();
  ~JudgeBatch();
  JudgeBatch(const JudgeBatch&) = delete;
  JudgeBatch& operator=(const JudgeBatch&) = delete;

  /// Opens the case of an event of an agent that the batch does not hold; the rulebook is the same for all. `out` is a new judgement;
  /// what is `joined` is complete on return, the rest after `judge`. Until then all arguments but the admission and the circumstances
  /// stay where they are.
  void add(const Event& event, const Admission& admission, AgentState& agent, const Circumstances& circumstances, Judgement& out);
  /// Judges what was added; the batch is empty then.
  void judge();

 private:
  struct Hearing;
  std::vector<std::unique_ptr<Hearing>> hearings_;
  std::size_t size_ = 0;  // of them in use
};

/// Judges one event: a batch of its own. Same state, event and circumstances give the same judgement and the same next state.
[[nodiscard]] Judgement judge(const Event& event, const Admission& admission, AgentState& agent, const Circumstances& circumstances);

/// The job of an agent of which no more than its name is at hand: the one it was last judged by, else the one that applies to the name.
[[nodiscard]] const Persona* known_persona(const AgentState& agent, const Rulebook& rules);

/// A refused record that still shows its agent is a finding too: what cannot be read must not be a way to act unseen.
[[nodiscard]] Judgement judge_refused(const Refusal& refusal, EventTime time, AgentState& agent, const Circumstances& circumstances);

}  // namespace ringfence
