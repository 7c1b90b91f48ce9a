// SPDX-License-Identifier: Apache-2.0
#include "models/shadow.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "engine/event/escape.h"
#include "models/scope_destination.h"
#include "models/scope_job.h"

namespace ringfence {
namespace {

constexpr std::uint8_t kVersion = 2;
constexpr std::uint8_t kWithoutUnsaid = 1;  // a list that could not say one counted as full
constexpr std::size_t kPersonas = 64;
constexpr std::size_t kTopsTold = 5;
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

std::string tool_name(const ShadowProfile::Tool& tool) { return tool.server.empty() ? tool.name : tool.server + "/" + tool.name; }

std::string percent(std::uint64_t count, std::uint64_t of) {
  char text[16];
  std::snprintf(text, sizeof text, "%.0f %%", 100. * static_cast<double>(count) / static_cast<double>(std::max<std::uint64_t>(of, 1)));
  return text;
}

/// The most frequent, with their share of all calls.
std::string tops(std::vector<ShadowProfile::Seen> seen, std::uint64_t calls) {
  std::ranges::stable_sort(seen, std::greater{}, &ShadowProfile::Seen::count);
  std::string out;
  for (std::size_t i = 0; i < std::min(seen.size(), kTopsTold); ++i)
    out += (i == 0 ? "" : ", ") + printable(seen[i].text, 64) + " (" + percent(seen[i].count, calls) + ")";
  if (seen.size() > kTopsTold) out += " and " + std::to_string(seen.size() - kTopsTold) + " more";
  return out;
}

std::string hours_in_words(const ShadowProfile& profile) {
  const auto active = [](std::uint64_t n) { return n > 0; };
  const auto first = std::ranges::find_if(profile.hours, active);
  if (first == profile.hours.end()) return {};
  auto last = first;
  for (auto hour = first; hour != profile.hours.end(); ++hour)
    if (active(*hour)) last = hour;
  char text[48];
  std::snprintf(text, sizeof text, "%02d:00-%02d:59 UTC", static_cast<int>(first - profile.hours.begin()),
                static_cast<int>(last - profile.hours.begin()));
  return text;
}

/// What the name's verb says where nobody declared an effect; a draft is held to be checked.
Effect guessed_effect(std::string_view name) {
  struct Verb {
    std::string_view word;
    Effect effect;
  };
  static constexpr auto kVerbs = std::to_array<Verb>({
      {"get", Effect::Read},        {"list", Effect::Read},         {"read", Effect::Read},    {"search", Effect::Read},
      {"find", Effect::Read},       {"query", Effect::Read},        {"fetch", Effect::Read},   {"describe", Effect::Read},
      {"show", Effect::Read},       {"status", Effect::Read},       {"check", Effect::Read},   {"lookup", Effect::Read},
      {"delete", Effect::Delete},   {"remove", Effect::Delete},     {"purge", Effect::Delete}, {"drop", Effect::Delete},
      {"send", Effect::Send},       {"post", Effect::Send},         {"publish", Effect::Send}, {"upload", Effect::Send},
      {"pay", Effect::Transfer},    {"transfer", Effect::Transfer}, {"run", Effect::Execute},  {"exec", Effect::Execute},
      {"execute", Effect::Execute}, {"grant", Effect::Admin},       {"invite", Effect::Admin},
  });
  for (std::size_t at = 0; at < name.size();) {
    const std::size_t end = std::min(name.find_first_of("_-./:", at), name.size());
    const auto verb = std::ranges::find(kVerbs, name.substr(at, end - at), &Verb::word);
    if (verb != kVerbs.end()) return verb->effect;
    at = end + 1;
  }
  return Effect::Write;
}

Effect effect_of(const ShadowProfile::Tool& tool) { return tool.effect.value_or(guessed_effect(tool.name)); }

/// Small letters, digits and single dashes; `agent` where nothing is left.
std::string slug(std::string_view text) {
  std::string out;
  for (char c : text.substr(0, 48)) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    const bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    if (plain) out += c;
    if (!plain && !out.empty() && out.back() != '-') out += '-';
  }
  while (!out.empty() && out.back() == '-') out.pop_back();
  return out.empty() ? "agent" : out;
}

/// In a persona it would stand for every name that matches it, and there is no way to say the name alone.
bool is_glob(std::string_view name) { return name.contains('*'); }

std::string quoted_list(const std::vector<ShadowProfile::Seen>& seen) {
  std::string out = "[";
  for (const auto& one : seen) out += (out.size() == 1 ? "" : ", ") + json_quoted(one.text);
  return out + "]";
}

std::string quoted_globs(std::vector<ShadowProfile::Seen> seen) {
  std::erase_if(seen, [](const auto& one) { return is_glob(one.text); });
  return quoted_list(seen);
}

/// Why a tool stays undeclared, as the draft's comment says it; empty where the persona can name it alone.
std::string_view why_undeclared(const ShadowProfile::Tool& tool) {
  if (tool.name.empty()) return "# Some of its calls named no tool: they stay undeclared.\n";
  if (is_glob(tool_name(tool))) return "# It used tools with a * in their names, which would admit others too: they stay undeclared.\n";
  if (tool.server.empty())
    return "# It used tools that named no server; their names would admit those of every server: they stay undeclared.\n";
  return {};
}

/// What the draft leaves out or lets in beyond what was seen, a line each.
std::string comments_of(const ShadowProfile& profile, bool loose) {
  std::string out;
  if (!profile.all_tools) out += "# It used more tools than are kept: those beyond stay undeclared.\n";
  for (const auto& tool : profile.tools)
    if (const std::string_view why = why_undeclared(tool); out.find(why) == std::string::npos) out += why;
  if (std::ranges::any_of(profile.parents.seen, is_glob, &ShadowProfile::Seen::text))
    out += "# It acted for agents with a * in their names, which would admit others too: they stay undeclared.\n";
  if (loose) return out + "# It reached more places than are kept, so the draft admits any.\n";
  if (profile.hosts.unsaid) out += "# It reached hosts that no list can say, such as one with a * in it: they stay undeclared.\n";
  if (profile.accounts.unsaid) out += "# It reached accounts that are empty or too long to be kept: they stay undeclared.\n";
  return out;
}

/// One action per server and effect, in order of first sight.
std::string actions_of(const ShadowProfile& profile) {
  struct Group {
    std::string server, tools;
    Effect effect{};
    std::uint64_t count = 0;
  };
  std::vector<Group> groups;
  for (const auto& tool : profile.tools) {
    if (!why_undeclared(tool).empty()) continue;
    auto group = std::ranges::find_if(groups, [&](const Group& g) { return g.server == tool.server && g.effect == effect_of(tool); });
    if (group == groups.end()) group = groups.insert(groups.end(), {tool.server, {}, effect_of(tool), 0});
    group->tools += (group->tools.empty() ? "" : ", ") + json_quoted(tool_name(tool));
    group->count += tool.count;
  }
  std::string out = groups.empty() ? "actions: []\n" : "actions:\n";
  for (std::size_t i = 0; i < groups.size(); ++i) {
    const Group& group = groups[i];
    out += "  - id: " + slug(group.server) + "-" + std::string(name_of(group.effect)) + "-" + std::to_string(i + 1) + "  # " +
           percent(group.count, profile.calls) + " of its calls\n    tools: [" + group.tools +
           "]\n    effect: " + std::string(name_of(group.effect)) + "\n";
  }
  return out;
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
  ++calls;
  refused += call.outcome.status == Outcome::Denied ? 1 : 0;
  const std::string_view server = call.tool.server.value_or(""), name = call.tool.name.value_or("");
  const auto known = std::ranges::find_if(tools, [&](const Tool& tool) { return tool.server == server && tool.name == name; });
  if (known != tools.end()) {
    ++known->count;
    if (call.tool.effect) known->effect = call.tool.effect;
  } else if (tools.size() < kTools && server.size() <= kTextBytes && name.size() <= kTextBytes) {
    tools.push_back({std::string(server), std::string(name), call.tool.effect, 1});
  } else {
    all_tools = false;
  }
  for (const std::string_view text : call.destination.hosts)
    for (const auto& host : scope::hosts_to_list(text)) hosts.note(host.value_or(""), kPlaces);
  for (const std::string_view account : call.destination.accounts) accounts.note(account, kPlaces);
  for (const std::string_view label : call.data.classes) classes.note(label, kFew);
  const auto ancestors = scope::ancestors_of(call);
  if (!ancestors.empty()) parents.note(ancestors.front(), kFew);
  depth = std::max(depth, static_cast<std::uint32_t>(ancestors.size()));
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
  if (const std::uint8_t version = in.u8(); version != kVersion && version != kWithoutUnsaid) return nullptr;
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

std::string job_in_words(const ShadowProfile& profile) {
  std::vector<ShadowProfile::Seen> tools;
  for (const auto& tool : profile.tools) tools.push_back({tool_name(tool), tool.count});
  std::string out = std::to_string(profile.calls) + " calls: " + tops(tools, profile.calls);
  const auto part = [&](std::string_view what, const ShadowProfile::List& list) {
    if (!list.seen.empty()) out += "; " + std::string(what) + " " + tops(list.seen, profile.calls);
  };
  part("to", profile.hosts);
  part("accounts", profile.accounts);
  part("data", profile.classes);
  part("on behalf of", profile.parents);
  if (!profile.keys.seen.empty())
    out += "; with " + std::to_string(profile.keys.seen.size()) + (profile.keys.seen.size() == 1 ? " key" : " keys");
  if (const std::string hours = hours_in_words(profile); !hours.empty()) out += "; between " + hours;
  if (profile.refused > 0) out += "; " + percent(profile.refused, profile.calls) + " refused";
  return out;
}

std::string draft_persona(const ShadowProfile& profile, std::string_view tenant, std::string_view agent) {
  const bool loose = !profile.hosts.whole || !profile.accounts.whole;
  std::string out =
      "# A draft from what the agent was seen to do, not from what it should do: narrow it, name an owner, then put it in force.\n";
  out += comments_of(profile, loose) + "schema: ringfence/persona/v1\nid: draft-" + slug(agent) +
         "\nversion: \"0.1.0\"\ntitle: " + json_quoted("Draft for " + printable(agent, 80)) +
         "\njob: " + json_quoted("Seen in " + job_in_words(profile) + ".") +
         "\nowner: {team: to-be-named, contact: to-be-named}\nmaturity: junior\nconfidence: sketch\napplies_to: {agents: [" +
         json_quoted(agent) + "]" + (tenant == "default" ? std::string() : ", tenants: [" + json_quoted(tenant) + "]") + "}\n" +
         actions_of(profile);
  out += "destinations: {hosts: " + quoted_list(profile.hosts.seen);
  if (!profile.accounts.seen.empty()) out += ", accounts: " + quoted_list(profile.accounts.seen);
  out += std::string(", external: ") + (loose ? "any" : "listed") + "}\n";
  char share[16];
  const double refused = 1.5 * static_cast<double>(profile.refused) / static_cast<double>(std::max<std::uint64_t>(profile.calls, 1));
  std::snprintf(share, sizeof share, "%.2f", std::clamp(refused, .10, 1.));
  out += std::string("barriers: {denials: ") + share + "}\n";
  if (!profile.parents.seen.empty()) {
    const bool delegates = std::ranges::any_of(profile.tools, [](const auto& tool) { return effect_of(tool) == Effect::Delegate; });
    out += "delegation: {from: " + (profile.parents.complete() ? quoted_globs(profile.parents.seen) : std::string("[\"**\"]")) +
           (delegates ? ", to: [\"**\"]" : "") + ", max_depth: " + std::to_string(profile.depth + (delegates ? 1 : 0)) + "}\n";
  }
  if (profile.keys.seen.size() > 1 && profile.keys.complete())
    out += "credentials: {fingerprints: " + quoted_list(profile.keys.seen) + "}\n";
  if (const std::string hours = hours_in_words(profile); !hours.empty()) out += "# seen between " + hours + "\n";
  return out + "response: {mode: observe}\n";
}

}  // namespace ringfence
