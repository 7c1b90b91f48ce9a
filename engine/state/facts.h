// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/event/event.h"

namespace ringfence {

/// Facts about the fleet in force (context_change records): what explains a barrier that is not the agent's fault.
/// A fact holds in its own tenant; `tenant:ID` and `*` of tenant `default` hold everywhere. An outage holds until its end, at most 4 h,
/// the others 15 min. Copied on write: a shard reads the copy that was in force at its record. Bounded to 4,096 facts, oldest out.
class Facts {
 public:
  /// Applies one context_change event; a malformed scope changes nothing and gives false.
  bool apply(const Event& change);
  /// A fact that a person or system announced, in force at `event.time`, covers this act: its agent, persona, server or tool.
  [[nodiscard]] bool explains(const Event& event, std::string_view persona_id) const;
  /// A fact that the fleet observer found covers it: an outage made out from the failures of agents, which agents might bring about.
  [[nodiscard]] bool seems_out(const Event& event, std::string_view persona_id) const;
  /// When the latest `credential` fact that covers this act began, at or before it; such a fact is remembered beyond its muting, for
  /// rotations that declare a longer window.
  [[nodiscard]] std::optional<EventTime> credential_changed(const Event& event, std::string_view persona_id) const;
  [[nodiscard]] bool empty() const { return facts_.empty(); }

  struct Fact {
    ChangeKind change{};
    std::string tenant, scope_type, scope_id;
    EventTime from, until;
    bool observed = false;  // by the fleet observer; announced otherwise
  };
  [[nodiscard]] const std::vector<Fact>& all() const { return facts_; }
  void restore(std::vector<Fact> facts) { facts_ = std::move(facts); }

 private:
  [[nodiscard]] bool covered(const Event& event, std::string_view persona_id, bool observed) const;

  std::vector<Fact> facts_;
};

}  // namespace ringfence
