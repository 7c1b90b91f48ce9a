// SPDX-License-Identifier: Apache-2.0
#include "models/recurrence.h"

#include <algorithm>
#include <array>
#include <bit>

#include "engine/event/char_set.h"
#include "engine/event/escape.h"
#include "engine/event/short_list.h"
#include "models/byte_masks.h"
#include "models/recurrence_memory.h"
#include "models/scope_destination.h"
#include "models/scope_memory.h"

namespace ringfence {
namespace {

using recurrence::AgentRecurrence;
using recurrence::SessionRecurrence;

constexpr auto kSlot = static_cast<std::size_t>(ChannelId::Recurrence);
constexpr std::uint8_t kFirstCalls = 5;
constexpr std::size_t kWordsOfText = 64;
constexpr std::size_t kLeaves = 64;
constexpr std::size_t kLeastBytes = 5, kMostBytes = 256;
constexpr std::string_view kSignCharacters = ".@:/_0123456789";
constexpr CharSet kBreaks(" \t\r\n\v\f,;<>\"'()[]{}|"), kStops(".,:;!?"), kSigns(kSignCharacters);
constexpr bytes::Set kSignBytes(kSignCharacters);

std::uint32_t short_hash(std::string_view text) { return static_cast<std::uint32_t>(hash64(text)); }

/// What names a place, a person or a thing has a sign in it that plain words have not.
bool names_something(std::string_view word) { return word.size() >= kLeastBytes && word.size() <= kMostBytes && kSigns.any_in(word); }

/// The hashes of the names in a text, in lower case and without the stops around them, each with its name; of an address its host too.
template <class Use>
void each_name(std::string_view text, std::size_t& left, const Use& use) {
  std::array<char, kMostBytes> lowered;  // NOLINT(cppcoreguidelines-pro-type-member-init): written before it is read
  // Only words with a sign are looked for.
  std::size_t behind = 0;  // the last one
  const auto each = [&](std::size_t sign) {
    if (sign < behind) return;
    const std::size_t end = kBreaks.find(text, sign);
    while (sign > behind && !kBreaks.has(text[sign - 1])) --sign;
    behind = end;
    std::string_view word = text.substr(sign, end - sign);
    while (!word.empty() && kStops.has(word.back())) word.remove_suffix(1);
    if (left == 0 || !names_something(word)) return;
    --left;
    std::ranges::transform(word, lowered.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
    const std::string_view small(lowered.data(), word.size());
    use(short_hash(small), small);
    if (const auto host = scope::host_of(small); host && *host != small) use(short_hash(*host), std::string_view(*host));
  };
  for (std::size_t from = 0; from < text.size() && left > 0; from += bytes::kBlock)
    for (std::uint64_t signs = bytes::where_in<kSignBytes>(text.substr(from, bytes::kBlock)); signs != 0; signs &= signs - 1)
      each(from + static_cast<std::size_t>(std::countr_zero(signs)));
}

template <class Use>
void each_name_of_act(const Event& event, const Use& use) {
  std::size_t left = kWordsOfText;
  for (const std::string_view host : event.destination.hosts) each_name(host, left, use);
  for (const std::string_view account : event.destination.accounts) each_name(account, left, use);
  if (event.resource.uri) each_name(*event.resource.uri, left, use);
  if (!event.args) return;
  for (const JsonLeaf& leaf : event.args->leaves.first(std::min(event.args->leaves.size(), kLeaves)))
    if (leaf.kind == JsonLeaf::Kind::String) each_name(leaf.text, left, use);
}

bool untrusted(const Act& act) {
  if (act.event.data.untrusted) return *act.event.data.untrusted;
  if (!act.match.action) return false;
  const auto& returns = act.persona.actions[*act.match.action].returns;
  return std::ranges::find(returns, "untrusted") != returns.end();
}

bool outward(Effect effect) { return effect == Effect::Send || effect == Effect::Transfer || effect == Effect::Delegate; }

void learn_content(const Act& act) {
  const Event& event = act.event;
  if (event.outcome.status != Outcome::Ok || !untrusted(act)) return;
  auto& agent = scope::memory_in<AgentRecurrence>(act.past(ChannelId::Recurrence));
  if (agent.first_reader == 0) agent.first_reader = std::max<std::uint64_t>(act.session.key, 1);
  if (!event.result) {
    agent.blind = true;
    return;
  }
  std::optional<ShortList<std::uint32_t, 32>> own;  // a result that repeats the question gives nothing
  const auto is_own = [&](std::uint32_t hash) {
    if (!own) {
      own.emplace();
      each_name_of_act(event, [&](std::uint32_t mine, std::string_view) { own->push_back(mine); });
    }
    return std::ranges::find(*own, hash) != own->end();
  };
  std::size_t left = kWordsOfText;
  for (const JsonLeaf& leaf : event.result->leaves) {
    if (leaf.kind != JsonLeaf::Kind::String || left == 0) continue;
    each_name(leaf.text, left, [&](std::uint32_t hash, std::string_view) {
      if (!is_own(hash)) agent.give(hash, act.session.key);
    });
  }
}

/// A read that names what the session's task names is the user's: what it gave explains the acts behind it in this session.
void learn_pointed_at(const Act& act) {
  const Event& event = act.event;
  if (!act.session.memory[kSlot] || event.outcome.status != Outcome::Ok || act.effect != Effect::Read || !event.result) return;
  auto& session = scope::memory_in<SessionRecurrence>(act.session.memory[kSlot]);
  if (session.asked.empty() || session.asked.size() == SessionRecurrence::kAsked) return;  // no task names anything, or no more is kept
  bool pointed = false;
  each_name_of_act(event, [&](std::uint32_t hash, std::string_view) {
    pointed = pointed || std::ranges::find(session.asked, hash) != session.asked.end();
  });
  if (!pointed) return;
  std::size_t left = kWordsOfText;
  for (const JsonLeaf& leaf : event.result->leaves) {
    if (leaf.kind != JsonLeaf::Kind::String || left == 0) continue;
    each_name(leaf.text, left, [&](std::uint32_t hash, std::string_view) { session.ask(hash); });
  }
}

/// The job itself goes there.
bool on_own_host(const Act& act, std::string_view name) {
  return scope::host_of(name) && scope::listed(act, {scope::Target::Kind::Host, {}, name, name, nullptr});
}

/// What of this act came from content read in an earlier session, as one hash; nothing where none of it did.
std::optional<std::uint64_t> carried(const Act& act, const AgentRecurrence& agent, const SessionRecurrence& session) {
  std::optional<std::uint64_t> found;
  const auto asked = [&](std::uint32_t hash) { return std::ranges::find(session.asked, hash) != session.asked.end(); };
  each_name_of_act(act.event, [&](std::uint32_t hash, std::string_view name) {
    if (!found && !asked(hash) && agent.gave(hash, act.session.key) && !on_own_host(act, name)) found = hash;
  });
  if (found || !agent.blind || agent.first_reader == act.session.key || !act.effect || !outward(*act.effect)) return found;
  for (const scope::Target& target : scope::targets_of(act).first) {
    const std::uint32_t hash = short_hash(target.value);
    if (!asked(hash) && !on_own_host(act, target.value)) return hash;
  }
  return std::nullopt;
}

void judge_recurrence(const Act& act, Reading& reading) {
  auto& slot = act.past(ChannelId::Recurrence);
  auto& session = scope::memory_in<SessionRecurrence>(act.session.memory[kSlot]);
  if (session.calls > kFirstCalls) return;
  ++session.calls;
  if (session.calls > kFirstCalls || !act.effect || *act.effect == Effect::Read || act.event.outcome.status == Outcome::Denied) return;
  auto& agent = static_cast<AgentRecurrence&>(*slot);
  const auto value = carried(act, agent, session);
  if (!value) return;
  AgentRecurrence::Recurring& entry = agent.recurring(hash64(act.event.tool.name.value_or(""), *value));
  if (std::ranges::find(entry.keys, act.session.key) != entry.keys.end()) return;
  ++entry.count;
  if (entry.keys.size() == AgentRecurrence::kSessions) {
    entry.keys.erase(entry.keys.begin());
    entry.sessions.erase(entry.sessions.begin());
  }
  entry.keys.push_back(act.session.key);
  entry.sessions.push_back(printable(act.event.session.id.value_or("-"), AgentRecurrence::kSessionBytes));
  if (entry.count < AgentRecurrence::kSessions) return;
  reading.breaches.push_back({Analytic::MemoryRecurring, "a call to " + scope::tool_words(act.event) +
                                                             " with a value that untrusted content gave came back at the beginning of " +
                                                             std::to_string(entry.count) + " sessions, lately " +
                                                             scope::joined(entry.sessions, ", ")});
}

class RecurrenceChannel final : public Channel {
 public:
  [[nodiscard]] const ChannelInfo& info() const override {
    static const ChannelInfo kInfo{ChannelId::Recurrence, "recurrence", {}, {}, {}, false};
    return kInfo;
  }
  [[nodiscard]] std::vector<std::vector<double>> caps(const Persona& /*persona*/) const override { return {}; }
  [[nodiscard]] std::span<const Bet> bets() const override { return {}; }
  [[nodiscard]] std::unique_ptr<ChannelMemory> decode_memory(MemoryScope scope, Reader& in) const override {
    return scope == MemoryScope::Agent ? AgentRecurrence::decode(in) : SessionRecurrence::decode(in);
  }

  [[nodiscard]] Reading read(const Act& act) const override {
    Reading reading = Reading::of(Reading::Kind::Silent);
    const Event& event = act.event;
    const bool carries = act.past(ChannelId::Recurrence) != nullptr && event.session.id.has_value();
    if (event.kind == EventKind::TaskStart && carries && event.task.text && event.source.product.value_or("") != "agent") {
      auto& session = scope::memory_in<SessionRecurrence>(act.session.memory[kSlot]);
      std::size_t left = SessionRecurrence::kAsked - session.asked.size();
      each_name(*event.task.text, left, [&](std::uint32_t hash, std::string_view) { session.ask(hash); });
    }
    if (event.kind != EventKind::ToolCall || event.phase != Phase::Complete) return reading;
    if (carries) judge_recurrence(act, reading);
    learn_content(act);
    learn_pointed_at(act);
    return reading;
  }

  [[nodiscard]] Description describe(const Act& /*act*/, Threat /*threat*/) const override { return {}; }
};

}  // namespace

const Channel& recurrence_channel() {
  static const RecurrenceChannel kChannel;
  return kChannel;
}

}  // namespace ringfence
