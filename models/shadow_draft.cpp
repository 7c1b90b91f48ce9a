// SPDX-License-Identifier: Apache-2.0
// What a shadow profile says in words, and as a persona to be narrowed.
#include <algorithm>
#include <cstdio>

#include "engine/event/escape.h"
#include "models/shadow.h"

namespace ringfence {
namespace {

constexpr std::size_t kTopsTold = 5;
// Of its calls a draft lets half again as many be denied as were, within these.
constexpr double kDenialsLeast = .10, kDenialsMost = .50;

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

/// The strict reader takes none, however it is written.
bool has_nul(std::string_view text) { return text.contains('\0'); }

/// The profile without the accounts and keys that no persona can name; its lists say that some are missing.
ShadowProfile sayable(ShadowProfile profile) {
  for (ShadowProfile::List* const list : {&profile.accounts, &profile.keys})
    if (std::erase_if(list->seen, [](const auto& one) { return has_nul(one.text); }) > 0) list->unsaid = true;
  return profile;
}

std::string quoted_list(const std::vector<ShadowProfile::Seen>& seen) {
  std::string out = "[";
  for (const auto& one : seen) out += (out.size() == 1 ? "" : ", ") + json_quoted(one.text);
  return out + "]";
}

std::string quoted_globs(std::vector<ShadowProfile::Seen> seen) {
  std::erase_if(seen, [](const auto& one) { return is_glob(one.text) || has_nul(one.text); });
  return quoted_list(seen);
}

/// Why a tool stays undeclared, as the draft's comment says it; empty where the persona can name it alone.
std::string_view why_undeclared(const ShadowProfile::Tool& tool) {
  if (tool.name.empty()) return "# Some of its calls named no tool: they stay undeclared.\n";
  if (has_nul(tool_name(tool))) return "# It used tools with a NUL in their names, which no persona can say: they stay undeclared.\n";
  if (is_glob(tool_name(tool))) return "# It used tools with a * in their names, which would admit others too: they stay undeclared.\n";
  if (tool.server.empty())
    return "# It used tools that named no server; their names would admit those of every server: they stay undeclared.\n";
  return {};
}

/// An action of the draft has it, on a server that other calls named.
bool drafted_by_name(const ShadowProfile& profile, const ShadowProfile::Tool& tool) {
  return tool.server.empty() && std::ranges::any_of(profile.tools, [&](const ShadowProfile::Tool& other) {
           return other.name == tool.name && why_undeclared(other).empty();
         });
}

/// What the draft leaves out or lets in beyond what was seen, a line each.
std::string comments_of(const ShadowProfile& profile, bool loose) {
  std::string out;
  if (!profile.all_tools) out += "# It used more tools than are kept: those beyond stay undeclared.\n";
  for (const auto& tool : profile.tools)
    if (const std::string_view why = why_undeclared(tool); !drafted_by_name(profile, tool) && out.find(why) == std::string::npos)
      out += why;
  if (std::ranges::any_of(profile.parents.seen, is_glob, &ShadowProfile::Seen::text))
    out += "# It acted for agents with a * in their names, which would admit others too: they stay undeclared.\n";
  if (std::ranges::any_of(profile.parents.seen, has_nul, &ShadowProfile::Seen::text))
    out += "# It acted for agents with a NUL in their names, which no persona can say: they stay undeclared.\n";
  if (loose) return out + "# It reached more places than are kept, so the draft admits any.\n";
  if (profile.hosts.unsaid) out += "# It reached hosts that no list can say, such as one with a * in it: they stay undeclared.\n";
  if (profile.accounts.unsaid)
    out += "# It reached accounts that are empty, hold a NUL or are too long to be kept: they stay undeclared.\n";
  return out;
}

/// One action per server and effect, in order of first sight; what was only ever refused is another, to be struck out by itself.
std::string actions_of(const ShadowProfile& profile) {
  struct Group {
    std::string server, tools;
    Effect effect{};
    bool refused = false;  // each time
    std::uint64_t count = 0;
  };
  std::vector<Group> groups;
  for (const auto& tool : profile.tools) {
    if (!why_undeclared(tool).empty()) continue;
    const bool refused = tool.refused == tool.count;
    const auto same = [&](const Group& g) { return g.server == tool.server && g.effect == effect_of(tool) && g.refused == refused; };
    auto group = std::ranges::find_if(groups, same);
    if (group == groups.end()) group = groups.insert(groups.end(), {tool.server, {}, effect_of(tool), refused, 0});
    group->tools += (group->tools.empty() ? "" : ", ") + json_quoted(tool_name(tool));
    group->count += tool.count;
  }
  std::string out = groups.empty() ? "actions: []\n" : "actions:\n";
  for (std::size_t i = 0; i < groups.size(); ++i) {
    const Group& group = groups[i];
    out += "  - id: " + slug(group.server) + "-" + std::string(name_of(group.effect)) + "-" + std::to_string(i + 1) + "  # " +
           percent(group.count, profile.calls) + " of its calls" +
           (group.refused ? ", only ever refused: " + std::to_string(group.count) + " of " + std::to_string(group.count) +
                                "; strike it out unless the job needs it"
                          : "") +
           "\n    tools: [" + group.tools + "]\n    effect: " + std::string(name_of(group.effect)) + "\n";
  }
  return out;
}

std::string barriers_of(const ShadowProfile& profile) {
  const double refused = static_cast<double>(profile.refused) / static_cast<double>(std::max<std::uint64_t>(profile.calls, 1));
  char share[16];
  std::snprintf(share, sizeof share, "%.2f", std::clamp(1.5 * refused, kDenialsLeast, kDenialsMost));
  std::string out;
  if (refused > kDenialsMost)
    out = "# " + percent(profile.refused, profile.calls) +
          " of its calls were refused, more than any draft allows: find out why; on its own history it need not be silent.\n";
  return out + "barriers: {denials: " + share + "}\n";
}

}  // namespace

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

std::string draft_persona(const ShadowProfile& seen, std::string_view tenant, std::string_view agent) {
  const ShadowProfile profile = sayable(seen);
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
  out += barriers_of(profile);
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
