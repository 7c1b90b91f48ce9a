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

/// Where a session stands in its workflow. Actions are named by the hash of their id, so a new version of the persona reads it too.
class WorkflowSession final : public ChannelMemory {
 public:
  static constexpr std::size_t kClasses = 6;

  std::uint64_t last = 0;                        // the last act that moved the workflow, as they were asked for; 0: none yet
  Moment last_asked;                             // when that was asked for
  bool refused = false;                          // the call before met a refusal that was not ours
  std::array<std::uint32_t, kClasses> judged{};  // acts by class, for the finding's words

  /// An act of the workflow that was asked for and is not known to be over.
  struct Open {
    std::uint64_t event = 0;  // hash of its id
    std::uint64_t action = 0;
    std::uint64_t behind = 0;  // the act it was asked for behind; 0: none
    Moment asked;
    bool moves = false;  // the workflow, if it happens
  };
  static constexpr std::size_t kOpen = 16;
  /// Keeps it; the one asked for first of more than 16 leaves.
  void keep(Open act);
  /// Hands out the act of this event, once.
  [[nodiscard]] std::optional<Open> take(std::uint64_t event);
  /// The act that the next one asked for comes behind, whether it is over or not; 0: none.
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
  std::vector<Done> done_;  // in order of first arrival
  std::vector<Open> open_;  // in the order in which they were asked for
};

/// Follow-ups an agent still owes.
class WorkflowAgent final : public ChannelMemory {
 public:
  static constexpr std::size_t kMost = 64;

  struct Due {
    std::uint64_t action = 0, followup = 0;  // hashes of action ids
    EventTime since, deadline;
    std::uint64_t event = 0;  // hash of the first act's id
  };
  std::vector<Due> due;  // in order of arrival

  void encode(Writer& out) const override;
  [[nodiscard]] std::size_t bytes() const override;
  [[nodiscard]] static std::unique_ptr<ChannelMemory> decode(Reader& in);
};

}  // namespace ringfence
