// SPDX-License-Identifier: Apache-2.0
#include "engine/pipeline/admit.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <optional>
#include <utility>

#include "engine/event/short_hash.h"

namespace ringfence {
namespace {

constexpr std::uint8_t kRequestSeen = 1;
constexpr std::uint8_t kCompleteSeen = 2;
constexpr std::uint8_t kHoldRaised = 4, kLimitsForeseen = 8, kResourceNamed = 16, kHoldCounted = 32;
/// In the place of the action that a request was matched with: there was none. Names of actions are above it.
constexpr std::uint32_t kNoAction = 1;
/// Acts leave in blocks, so that a busy agent does not move its whole memory at each call.
constexpr std::size_t kBlock = 256;
/// Below this many acts a byte of each beats a table.
constexpr std::size_t kIndexFrom = 48;
static_assert(kIndexFrom <= AgentState::Derived::kTags);
constexpr std::uint16_t kFree = 0xFFFF;
static_assert(limits::kActsPerAgent < kFree);
static_assert(limits::kActsPerAgent % kBlock == 0);

std::uint8_t bit_of(const Event& event) {
  return event.kind == EventKind::ToolCall && event.phase == Phase::Request ? kRequestSeen : kCompleteSeen;
}

std::uint64_t content_of(const Event& event) {
  const auto kind = static_cast<std::uint64_t>(event.kind) + 1;
  return short_hash::of(event.tool.name.value_or(""), short_hash::of(event.tool.server.value_or(""), kind));
}

/// Ways to remember args, in the two lowest bits: never 0, which says that there were none. Releases before hashed the bytes as they came.
constexpr std::uint64_t kWays = 3, kByLeaves = 2;

/// What the args say, however they are spelled: order of members, white space and escapes change nothing, nor do empty arrays and objects
/// in the place of one another. The leaves' hashes are added up, and their squares, so that no order counts and equal ones still do.
std::uint64_t args_of(const Event& event) {
  if (!event.args) return 0;
  std::uint64_t sum = 0, squares = 0;
  for (const JsonLeaf& leaf : event.args->leaves) {
    const std::uint64_t one = short_hash::of(leaf.pointer, short_hash::of(leaf.text, static_cast<std::uint64_t>(leaf.kind) + 1));
    sum += one;
    squares += one * one;
  }
  const std::array<std::uint64_t, 3> all{event.args->leaves.size(), sum, squares};
  return (hash64({reinterpret_cast<const char*>(all.data()), sizeof all}) & ~kWays) | kByLeaves;
}

/// What was remembered in another way cannot be compared.
bool comparable(std::uint64_t known, std::uint64_t args) { return known != 0 && args != 0 && (known & kWays) == (args & kWays); }

void place(std::vector<std::uint16_t>& slots, const std::vector<KnownAct>& acts, std::size_t index) {
  const std::size_t mask = slots.size() - 1;
  std::size_t at = acts[index].id & mask;
  while (slots[at] != kFree) at = (at + 1) & mask;
  slots[at] = static_cast<std::uint16_t>(index);
}

void rebuild(AgentState& agent) {
  std::vector<std::uint16_t>& slots = agent.derived.act_slots;
  slots.assign(std::bit_ceil(agent.acts.size() * 2 + kBlock), kFree);
  for (std::size_t i = 0; i < agent.acts.size(); ++i) place(slots, agent.acts, i);
}

/// Not of the low bits, by which the table places an act.
std::uint8_t tag_of(std::uint64_t id) { return static_cast<std::uint8_t>(id >> 56U); }

KnownAct* find_among_few(AgentState& agent, std::uint64_t id) {
  AgentState::Derived& derived = agent.derived;
  if (derived.tagged > agent.acts.size()) derived.tagged = 0;
  for (std::size_t i = derived.tagged; i < agent.acts.size(); ++i) derived.act_tags[i] = tag_of(agent.acts[i].id);
  derived.tagged = static_cast<std::uint8_t>(agent.acts.size());
  const std::uint8_t* const tags = derived.act_tags.data();
  const std::uint8_t* const end = tags + derived.tagged;
  for (const std::uint8_t* at = tags; at != end; ++at) {
    at = static_cast<const std::uint8_t*>(std::memchr(at, tag_of(id), static_cast<std::size_t>(end - at)));
    if (at == nullptr) return nullptr;
    if (KnownAct& act = agent.acts[static_cast<std::size_t>(at - tags)]; act.id == id) return &act;
  }
  return nullptr;
}

KnownAct* find(AgentState& agent, std::uint64_t id) {
  if (agent.acts.size() < kIndexFrom) return find_among_few(agent, id);
  std::vector<std::uint16_t>& slots = agent.derived.act_slots;
  if (slots.size() < agent.acts.size() * 2) rebuild(agent);
  const std::size_t mask = slots.size() - 1;
  for (std::size_t at = id & mask; slots[at] != kFree; at = (at + 1) & mask) {
    KnownAct& act = agent.acts[slots[at]];
    if (act.id == id) return &act;
  }
  return nullptr;
}

void make_room(AgentState& agent) {
  if (agent.acts.size() < limits::kActsPerAgent) return;
  const auto end = agent.acts.begin() + static_cast<std::ptrdiff_t>(kBlock);
  agent.acts_forgotten_early += static_cast<std::uint64_t>(
      std::count_if(agent.acts.begin(), end, [&](const KnownAct& act) { return agent.last_time - act.time <= limits::kActMemory; }));
  agent.forget_oldest_acts(kBlock);
  agent.derived.act_slots.clear();
}

std::uint32_t name_of(const Action& action) { return std::max(kNoAction + 1, static_cast<std::uint32_t>(hash64(action.id))); }

/// The action of the job that the name is of, and that has the act's tool.
std::optional<ActionIndex> action_named(std::uint32_t name, const Persona& job, const Event& event) {
  const auto found =
      std::ranges::find_if(job.actions, [&](const Action& action) { return name_of(action) == name && matches_tool(action.tools, event); });
  if (found == job.actions.end()) return std::nullopt;
  return static_cast<ActionIndex>(found - job.actions.begin());
}

}  // namespace

bool has_raised_hold(const KnownAct& act) { return (act.seen & kHoldRaised) != 0; }
void note_hold(KnownAct& act, bool counted) { act.seen |= counted ? kHoldRaised | kHoldCounted : kHoldRaised; }
bool take_back_hold(KnownAct& act) {
  const bool counted = (act.seen & kHoldCounted) != 0;
  act.seen = static_cast<std::uint8_t>(act.seen & ~unsigned{kHoldCounted});
  return counted;
}
bool has_foreseen_limits(const KnownAct& act) { return (act.seen & kLimitsForeseen) != 0; }
void note_foreseen_limits(KnownAct& act) { act.seen |= kLimitsForeseen; }

ActionMatch match_known(const Persona& job, const Event& event, Sighting sighting, KnownAct& act) {
  ActionMatch match = match_action(job, event);
  if (sighting == Sighting::Request && (event.args || event.resource.uri)) {
    act.action = match.action ? name_of(job.actions[*match.action]) : kNoAction;
    if (event.resource.uri) act.seen |= kResourceNamed;
  }
  if (sighting != Sighting::Outcome || act.action == 0) return match;
  const std::uint32_t asked = std::exchange(act.action, 0);
  const bool args_left_out = act.args != 0 && !event.args;
  const bool resource_left_out = (act.seen & kResourceNamed) != 0 && !event.resource.uri;
  if (!args_left_out && !resource_left_out) return match;
  if (asked == kNoAction) {
    match.action.reset();
  } else if (const auto known = action_named(asked, job, event)) {
    match.action = known;
  }
  match.resource_evaluable = match.resource_evaluable || resource_left_out;
  return match;
}

std::expected<Admission, Refusal> admit(AgentState& agent, const Event& event) {
  const std::uint64_t id = hash64(event.id);
  const std::uint64_t content = content_of(event);
  const std::uint64_t args = args_of(event);
  const std::uint8_t bit = bit_of(event);

  KnownAct* known = find(agent, id);
  const EventTime now = std::max(agent.last_time, event.time);
  if (known != nullptr && now - known->time > limits::kActMemory) {
    *known = {.id = id, .content = content, .args = args, .time = now, .seen = 0};
  }
  if (known == nullptr) {
    make_room(agent);
    agent.acts.push_back({.id = id, .content = content, .args = args, .time = now, .seen = 0});
    known = &agent.acts.back();
    std::vector<std::uint16_t>& slots = agent.derived.act_slots;
    if (agent.acts.size() >= kIndexFrom) {
      if (slots.size() < agent.acts.size() * 2) {
        rebuild(agent);
      } else {
        place(slots, agent.acts, agent.acts.size() - 1);
      }
    }
  }

  const bool other_args = comparable(known->args, args) && known->args != args;
  if (known->content != content || other_args) {
    return std::unexpected(Refusal{.reason = RefusalReason::IdConflict,
                                   .stage = "admit",
                                   .detail = other_args ? "id: other args under a known id" : "id: another tool or kind under a known id",
                                   .agent_id = std::string(event.agent.id),
                                   .tenant = std::string(event.tenant)});
  }
  if (args != 0) known->args = args;

  Admission admission{.sighting = Sighting::Copy, .first_seen = known->time, .act = static_cast<std::size_t>(known - agent.acts.data())};
  const bool requested = (known->seen & kRequestSeen) != 0, completed = (known->seen & kCompleteSeen) != 0;
  if (completed || (requested && bit == kRequestSeen)) return admission;
  known->seen |= bit;
  admission.sighting = bit == kRequestSeen ? Sighting::Request : requested ? Sighting::Outcome : Sighting::Whole;
  return admission;
}

}  // namespace ringfence
