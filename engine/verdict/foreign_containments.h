// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/event/event.h"
#include "engine/verdict/command.h"
#include "engine/verdict/containment.h"
#include "engine/verdict/enforcement.h"

namespace ringfence {

/// A containment by another writer than the one that speaks for the agents of a partition: of a person, with any scope, or of a subject of
/// links, with the agents that it stops.
struct ForeignContainment {
  std::string key;  // `scope#writer`
  ScopeParts scope;
  std::uint64_t number = 0;  // tells it from an earlier one of the same key, in this partition
  bool gone = false;         // released; what it led to may still have to be freed
  bool lifted = false;       // gone by the control log's word alone, ahead of the command that released it
  Level level = Level::Halt;
  std::string finding_uid;  // what it goes back to: of a person's, who gave it (halted_by)
  std::string by, reason;   // of the command; empty where only gates' word tells of it
  EventTime effective_at;   // of the record that gates have confirmed last
  Level enforced = Level::Observe;
  EventTime from;  // no call that started later can have passed by what stood before
  std::vector<Enforcement::Gate> gates;
  /// Agents of this partition whose calls went around the gates that have it in force, and of a tree those it has contained: what it led to
  /// at them ends with it. A key too many is harmless.
  std::set<AgentKey> members;

  [[nodiscard]] std::string_view scope_text() const { return std::string_view(key).substr(0, key.find('#')); }
  [[nodiscard]] std::string_view writer() const { return std::string_view(key).substr(key.find('#') + 1); }
};

/// The containments of other writers that stand over the agents of one partition, by what the partition has been told behind recorded
/// places: operators' commands and what gates have confirmed. Kept with the partition. Plain values, one thread; at most `kMost`, and
/// `kMembersMost` members of their trees, so that all of it is one record: what is beyond is neither watched nor contained here, gates hold
/// it all the same.
class ForeignContainments {
 public:
  static constexpr std::size_t kMost = 4096, kMembersMost = 65'536;

  /// What gates' word on another writer's containment is here: never Unasked.
  [[nodiscard]] EnforcementIs look_at(const Enforcement& word) const;
  /// Takes it; true where it was news.
  bool take(const Enforcement& word);
  /// Takes a checked `halt` or `release`; true where it changed something here.
  bool obey(const Command& command, const ScopeParts& scope);

  [[nodiscard]] bool empty() const { return standing_ == 0; }
  /// Those whose scope a call of this event is matched by at gates, in a fixed order. Pointers last until something is taken or obeyed.
  /// A few hundred ns for each kind of scope that stands.
  [[nodiscard]] std::vector<const ForeignContainment*> over(const Event& event) const;
  /// Those of people over a tree that the agent of this event works in, below its root.
  [[nodiscard]] std::vector<const ForeignContainment*> trees_over(const Event& event, std::span<const std::string_view> ancestors) const;
  /// The one that stands under the key; null where none does.
  [[nodiscard]] const ForeignContainment* find(std::string_view key) const;

  /// A person has contained the scope, now or before.
  [[nodiscard]] bool knows(const std::string& scope) const;
  [[nodiscard]] bool room_for_member() const { return members_ < kMembersMost; }
  /// Notes an agent of this partition as one of its members.
  void join(const std::string& key, const AgentKey& member);
  /// The tree of a scope that a person has halted; null where none stands.
  [[nodiscard]] const ForeignContainment* tree_of_person(std::string_view scope) const;
  /// Those of a scope, stood or gone, that have members.
  [[nodiscard]] std::vector<const ForeignContainment*> with_members(std::string_view scope) const;
  /// True where a tree that stands has contained the agent, under this uid.
  [[nodiscard]] bool holds(const AgentKey& member, std::string_view finding_uid) const;

  /// True where something has changed since this was last asked: then it is to be kept.
  [[nodiscard]] bool take_changed() { return std::exchange(changed_, false); }
  [[nodiscard]] std::string encode() const;
  /// Takes over what stands there; unreadable bytes change nothing.
  void restore(std::string_view bytes);
  /// Takes in the members of the other's trees: of several shards over one partition each knows its own.
  void take_members(const ForeignContainments& other);

 private:
  static constexpr std::size_t kTypes = 8;
  ForeignContainment* open(const std::string& key, const ScopeParts& scope);
  void end(ForeignContainment& standing);
  void begin(ForeignContainment& standing);
  void forget_freed(const ForeignContainment& but);
  [[nodiscard]] bool make_room();

  std::map<std::string, ForeignContainment, std::less<>> all_;  // by key
  std::array<std::size_t, kTypes> of_type_{};                   // that stand
  std::size_t standing_ = 0;
  std::size_t members_ = 0;  // of all trees
  std::uint64_t numbers_ = 0;
  bool changed_ = false;
};

}  // namespace ringfence
