// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "engine/persona/persona.h"
#include "engine/state/channel_memory.h"
#include "models/moment.h"

namespace ringfence {

/// Acts that were taken to come behind a step which was still open. Such a step may never happen: steps that have not, or not yet, may
/// stand for 16 acts and one more for each session that is kept, and ten that happened make up for one that did not.
class WorkflowTrust {
 public:
  static constexpr std::size_t kMost = 16;
  /// Takes one more act so; false where too many wait, or waited in vain.
  [[nodiscard]] bool lend(std::size_t sessions);
  /// The step behind which this many were taken to come happened.
  void keep(std::uint32_t acts);
  void encode(Writer& out) const { out.varint(owed_); }
  void decode(Reader& in) { owed_ = in.varint32(); }

 private:
  static constexpr std::uint32_t kTenths = 10;
  std::uint32_t owed_ = 0;  // tenths of an act
};

/// Where a session stands in its workflow. Actions are named by the hash of their id, so a new version of the persona reads it too.
class WorkflowSession final : public ChannelMemory {
 public:
  static constexpr std::size_t kClasses = 6;

  bool refused = false;                          // the call before met a refusal that was not ours
  std::array<std::uint32_t, kClasses> judged{};  // acts by class, for the finding's words

  WorkflowTrust trust;  // of a borrowed name's session; else the agent's counts

  /// An act of the workflow that was asked for: done, or not known to be over.
  struct Step {
    std::uint64_t event = 0;  // hash of its id; 0 where done
    std::uint64_t action = 0;
    Moment asked;
    bool done = false;
    bool moves = false;      // the workflow, where it happens
    std::uint32_t lent = 0;  // acts that were taken to come behind it while it was open
  };
  static constexpr std::size_t kOpen = 16;
  /// Keeps it open; the one asked for first of more than 16 open ones leaves.
  void ask(Step step);
  /// Hands out the open act of this event, once.
  [[nodiscard]] std::optional<Step> take(std::uint64_t event);
  /// It happened, and moves the workflow.
  void move_to(std::uint64_t action, Moment asked);
  /// The last action that happened of those asked for before; 0: none.
  [[nodiscard]] std::uint64_t before(Moment asked) const;
  /// The first action that happened of those asked for later and kept, which are those behind an open one; 0: none.
  [[nodiscard]] std::uint64_t after(Moment asked) const;
  /// The newest open step of another action, asked for since `before(asked)` was; null: none. Valid until the next change.
  [[nodiscard]] Step* awaited(Moment asked, std::uint64_t action);
  /// The action that the next one asked for comes behind if all that is open happens; 0: none.
  [[nodiscard]] std::uint64_t latest() const;

  /// How often an action happened in this session, and when it first did by its own time.
  struct Done {
    std::uint64_t action = 0;
    EventTime first;
    std::uint32_t times = 0;
  };
  [[nodiscard]] const Done* done(std::uint64_t action) const;
  /// Books one more act. Beyond 128 distinct actions (two versions of a persona) a new one is not kept.
  void book(std::uint64_t action, EventTime time);

  void encode(Writer& out) const override;
  [[nodiscard]] std::size_t bytes() const override;
  void fetch_parts() const override { fetch_ahead(done_); }
  [[nodiscard]] static std::unique_ptr<ChannelMemory> decode(Reader& in);

 private:
  void insert(const Step& step);

  std::vector<Done> done_;   // in order of first arrival
  std::uint64_t last_ = 0;   // the last action that moved the workflow and lies before all `steps_`; 0: none yet
  Moment last_asked_;        // when that was asked for
  std::vector<Step> steps_;  // in the order in which they were asked for; the first is open
};

/// Follow-ups an agent still owes, and what was taken on trust of it.
class WorkflowAgent final : public ChannelMemory {
 public:
  static constexpr std::size_t kMost = 64;

  struct Due {
    std::uint64_t action = 0, followup = 0;  // hashes of action ids
    EventTime since, deadline;
    std::uint64_t event = 0;  // hash of the first act's id
  };
  std::vector<Due> due;  // in order of arrival
  WorkflowTrust trust;

  void encode(Writer& out) const override;
  [[nodiscard]] std::size_t bytes() const override;
  [[nodiscard]] static std::unique_ptr<ChannelMemory> decode(Reader& in);
};

}  // namespace ringfence
