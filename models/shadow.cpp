// SPDX-License-Identifier: Apache-2.0
#include "models/shadow.h"

#include <algorithm>
#include <cmath>

#include "models/scope_destination.h"
#include "models/scope_job.h"

namespace ringfence {
namespace {

constexpr std::uint8_t kVersion = 3;
constexpr std::uint8_t kWithoutRefused = 2;  // of a single tool: none is known
constexpr std::uint8_t kWithoutUnsaid = 1;   // a list that could not say one counted as full
constexpr std::size_t kPersonas = 64;
// Naive Bayes: how likely a job's agent makes a call of a kind.
constexpr double kUndeclaredShare = .2, kForeignTool = .0005;
constexpr double kOwnHost = .5, kAnyHost = .1, kForeignHost = .005;
// Box { 1, .02 } against .3: factors of a call inside and outside the job.
constexpr double kInsideFactor = .7 / .98, kOutsideFactor = .3 / .02;

Event probe(const ShadowProfile::Tool& tool) {
  Event event;
  event.kind = EventKind::ToolCall;
  if (!tool.server.empty()) event.tool.server = tool.server;
  event.tool.name = tool.name;
  return event;
}

double tool_likelihood(const Persona& persona, const ShadowProfile::Tool& tool) {
  const ActionMatch match = match_action(persona, probe(tool));
  if (!match.action) return kForeignTool;
  double sum = 0;
  for (const Action& action : persona.actions) sum += action.share.value_or(kUndeclaredShare);
  return std::max(persona.actions[*match.action].share.value_or(kUndeclaredShare) / std::max(sum, 1e-9), kForeignTool * 2);
}

double host_likelihood(const Persona& persona, const std::string& host) {
  const Destinations& declared = persona.destinations;
  if (declared.hosts.matches(host) || (declared.internal && declared.internal->matches(host))) return kOwnHost;
  return declared.external == External::Any ? kAnyHost : kForeignHost;
}

double log_likelihood(const Persona& persona, const ShadowProfile& profile) {
  double sum = 0;
  for (const auto& tool : profile.tools) sum += static_cast<double>(tool.count) * std::log(tool_likelihood(persona, tool));
  for (const auto& host : profile.hosts.seen) sum += static_cast<double>(host.count) * std::log(host_likelihood(persona, host.text));
  return sum;
}

double outside_job(const Persona& persona, const ShadowProfile& profile) {
  double nats = 0;
  for (const auto& tool : profile.tools) {
    const bool inside = match_action(persona, probe(tool)).action.has_value();
    nats += static_cast<double>(tool.count) * std::log(inside ? kInsideFactor : kOutsideFactor);
  }
  return std::exp(std::min(nats, 600.));
}

void encode_list(Writer& out, const ShadowProfile::List& list) {
  out.u8(static_cast<std::uint8_t>((list.whole ? 1U : 0U) | (list.unsaid ? 2U : 0U)));
  out.varint(list.seen.size());
  for (const auto& one : list.seen) {
    out.text(one.text);
    out.varint(one.count);
  }
}

std::string bounded(Reader& in) {
  const std::string_view text = in.text();
  if (text.size() > ShadowProfile::kTextBytes) in.fail();
  return std::string(text.substr(0, ShadowProfile::kTextBytes));
}

void decode_list(Reader& in, ShadowProfile::List& list, std::size_t most) {
  const std::uint8_t told = in.u8();
  if (told > 3) in.fail();
  list.whole = (told & 1U) != 0;
  list.unsaid = (told & 2U) != 0;
  list.seen.resize(in.count(2, most));
  for (auto& one : list.seen) {
    one.text = bounded(in);
    one.count = in.varint();
  }
}

}  // namespace

void ShadowProfile::List::note(std::string_view text, std::size_t most) {
  const auto known = std::ranges::find(seen, text, &Seen::text);
  if (known != seen.end()) {
    ++known->count;
  } else if (text.empty() || text.size() > kTextBytes) {
    unsaid = true;
  } else if (seen.size() < most) {
    seen.push_back({std::string(text), 1});
  } else {
    whole = false;
  }
}

void ShadowProfile::note(const Event& call) {
  const std::uint64_t denied = call.outcome.status == Outcome::Denied ? 1 : 0;
  ++calls;
  refused += denied;
  const std::string_view server = call.tool.server.value_or(""), name = call.tool.name.value_or("");
  const auto known = std::ranges::find_if(tools, [&](const Tool& tool) { return tool.server == server && tool.name == name; });
  if (known != tools.end()) {
    ++known->count;
    known->refused += denied;
    if (call.tool.effect) known->effect = call.tool.effect;
  } else if (tools.size() < kTools && server.size() <= kTextBytes && name.size() <= kTextBytes) {
    tools.push_back({std::string(server), std::string(name), call.tool.effect, 1, denied});
  } else {
    all_tools = false;
  }
  for (const std::string_view text : call.destination.hosts)
    for (const auto& host : scope::hosts_to_list(text)) hosts.note(host.value_or(""), kPlaces);
  for (const std::string_view account : call.destination.accounts) accounts.note(account, kPlaces);
  for (const std::string_view label : call.data.classes) classes.note(label, kFew);
  if (const Text parent = scope::parent_of(call)) parents.note(*parent, kFew);
  depth = std::max(depth, static_cast<std::uint32_t>(scope::ancestors_of(call).size()));
  if (call.credential.fingerprint) keys.note(*call.credential.fingerprint, kFew);
  const std::int64_t hour = call.time.value / ringfence::hours(1).value;
  ++hours[static_cast<std::size_t>(((hour % 24) + 24) % 24)];
}

void ShadowProfile::encode(Writer& out) const {
  out.u8(kVersion);
  out.varint(calls);
  out.varint(refused);
  out.varint(depth);
  out.u8(all_tools ? 1 : 0);
  out.varint(tools.size());
  for (const Tool& tool : tools) {
    out.text(tool.server);
    out.text(tool.name);
    out.u8(tool.effect ? static_cast<std::uint8_t>(*tool.effect) + 1 : 0);
    out.varint(tool.count);
    out.varint(tool.refused);
  }
  for (const List* list : {&hosts, &accounts, &classes, &parents, &keys}) encode_list(out, *list);
  for (const std::uint64_t count : hours) out.varint(count);
}

std::size_t ShadowProfile::bytes() const {
  const auto heap = [](const std::string& text) { return text.capacity() > 15 ? text.capacity() + 1 : 0; };
  std::size_t bytes = sizeof(*this) + tools.capacity() * sizeof(Tool);
  for (const Tool& tool : tools) bytes += heap(tool.server) + heap(tool.name);
  for (const List* list : {&hosts, &accounts, &classes, &parents, &keys}) {
    bytes += list->seen.capacity() * sizeof(Seen);
    for (const Seen& one : list->seen) bytes += heap(one.text);
  }
  return bytes;
}

std::unique_ptr<ChannelMemory> ShadowProfile::decode(Reader& in) {
  const std::uint8_t version = in.u8();
  if (version < kWithoutUnsaid || version > kVersion) return nullptr;
  auto memory = std::make_unique<ShadowProfile>();
  memory->calls = in.varint();
  memory->refused = in.varint();
  memory->depth = static_cast<std::uint32_t>(std::min<std::uint64_t>(in.varint(), 1000));
  memory->all_tools = in.u8() == 1;
  memory->tools.resize(in.count(4, kTools));
  for (Tool& tool : memory->tools) {
    tool.server = bounded(in);
    tool.name = bounded(in);
    const std::uint8_t effect = in.u8();
    if (effect > kEffects) in.fail();
    if (effect > 0 && effect <= kEffects) tool.effect = static_cast<Effect>(effect - 1);
    tool.count = in.varint();
    if (version > kWithoutRefused) tool.refused = in.varint();
  }
  decode_list(in, memory->hosts, kPlaces);
  decode_list(in, memory->accounts, kPlaces);
  for (List* list : {&memory->classes, &memory->parents, &memory->keys}) decode_list(in, *list, kFew);
  for (std::uint64_t& count : memory->hours) count = in.varint();
  return in.ok() ? std::move(memory) : nullptr;
}

ShadowFit fit_shadow(const ShadowProfile& profile, const PersonaSet& set, std::string_view tenant) {
  ShadowFit fit;
  std::vector<const Persona*> known;
  for (const Persona& persona : set.personas())
    if (known.size() < kPersonas && (persona.tenants.empty() || persona.tenants.matches(tenant))) known.push_back(&persona);
  if (known.empty() || profile.tools.empty()) return fit;
  std::vector<double> logs;
  for (const Persona* const persona : known) logs.push_back(log_likelihood(*persona, profile));
  const auto best = std::ranges::max_element(logs);
  double sum = 0;
  for (const double one : logs) sum += std::exp(one - *best);
  fit.persona = known[static_cast<std::size_t>(best - logs.begin())];
  fit.posterior = 1 / sum;
  fit.outside = outside_job(*fit.persona, profile);
  return fit;
}

}  // namespace ringfence
