// SPDX-License-Identifier: Apache-2.0
#include "connectors/encoders/explain.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "connectors/encoders/finding_account.h"
#include "connectors/encoders/numbers.h"
#include "connectors/encoders/would_differ.h"
#include "engine/app/commands.h"
#include "engine/app/file_clash.h"
#include "engine/app/finding_file.h"
#include "engine/app/finding_persona.h"
#include "engine/app/live_state.h"
#include "engine/event/escape.h"
#include "engine/persona/load.h"
#include "engine/pipeline/rulebook.h"
#include "engine/state/borrowed_session.h"
#include "engine/verdict/counterfactual.h"
#include "engine/verdict/ledger.h"
#include "engine/verdict/policy.h"
#include "models/shadow.h"

namespace ringfence {
namespace {

struct Options {
  std::string finding, uid, agent, tenant = "default", state, personas, lists, draft;
  bool json = false;
};

PersonaLoad load_set(const Options& options) {
  return load_personas(options.personas, options.lists.empty() ? std::nullopt : std::optional<std::filesystem::path>(options.lists));
}

ExitCode fail(const std::string& message) {
  std::fprintf(stderr, "explain: %s\n", message.c_str());
  return ExitCode::Unusable;
}

void print(const Account& account, bool json) {
  std::fputs(json ? (account_json(account) + "\n").c_str() : account_table(account).c_str(), stdout);
}

/// The finding itself says what would have to differ; persona files that are given and declare something else than it was made under are
/// told of.
std::expected<void, std::string> compare_persona(const Account& account, const Options& options) {
  if (options.personas.empty()) return {};
  const PersonaLoad load = load_set(options);
  if (!load.set) return std::unexpected("the persona set has errors: ringfence validate names them");
  const FindingPersona job = persona_of(account, *load.set);
  if (!job.is_its_own()) std::fprintf(stderr, "explain: warning: %s: its thresholds are not used\n", job.doubt.c_str());
  return {};
}

ExitCode from_finding(const Options& options) {
  const auto records = records_of_finding(options.finding, options.uid);
  if (!records) return fail(records.error());
  auto account = account_of_records(*records);
  if (!account) return fail(account.error());
  if (const auto compared = compare_persona(*account, options); !compared) return fail(compared.error());
  say_what_would_differ(*account);
  print(*account, options.json);
  return ExitCode::Done;
}

std::string_view level_of(const Standing& standing) {
  const Level by_score = standing.throttle ? Level::Throttle : standing.alert ? Level::Alert : Level::Observe;
  return name_of(std::max(by_score, standing.held.value_or(Level::Observe)));
}

/// The threat that holds most of a scope's evidence.
std::string leading_threat(const Evidence& evidence, const Tables& tables) {
  std::size_t best = 0;
  const auto held = [&](std::size_t slot) { return tables.prior(Null::Declared)[slot] * evidence.declared[slot]; };
  for (std::size_t slot = 1; slot < kThreats.size(); ++slot)
    if (held(slot) > held(best)) best = slot;
  return held(best) > 0 ? std::string(kThreats[best].id) : std::string();
}

ScopePart part_of(const Evidence& evidence, const Standing& standing, const Tables& tables) {
  return {.score = scope_score(evidence, tables, Null::Declared) / 2,
          .alert_score = scope_score(evidence, tables, Null::Alert) / 2,
          .level = std::string(level_of(standing)),
          .threat = leading_threat(evidence, tables)};
}

std::vector<ScopePart> scopes_of(const AgentState& agent, const Tables& tables) {
  std::vector<ScopePart> parts{part_of(agent.evidence, agent.standing, tables)};
  parts.front().name = "agent";
  for (const SessionState& session : agent.sessions) {
    parts.push_back(part_of(session.evidence, session.standing, tables));
    parts.back().name = (stands_for_credential(session) ? "credential " : "session ") + session.id;
    parts.back().borrowed = session.borrowed;
  }
  return parts;
}

/// `heard`: the threats that S is of.
std::string distance(double score, double threshold, ThreatSet heard) {
  const std::string s =
      "S is " + score_text(score) + (heard == kAllThreats ? "" : " without the threats that the persona's response keeps below it");
  if (score >= threshold) return s + ", enough";
  if (!(score > 0)) return s + ", no evidence at all";
  return s + ", " + hundredths(std::llround(std::log(threshold / score) * 100)) + " nats short";
}

/// Which level the evidence would reach next: of the threats that the persona lets go so far.
std::string next_of(const AgentState& agent, const Persona& persona, const Tables& tables) {
  const Thresholds& t = persona.response.scores;
  const Level level = standing_level(agent);
  const Reached reached = reached_by(agent, persona, tables);
  if (level >= Level::Halt) return "nothing: a release ends it";
  if (level == Level::Observe) {
    const double most = std::max(reached.alert.declared, reached.alert.alert);
    return "alert at " + score_text(t.alert) + ": " + distance(most, t.alert, reached.heard.alert) + " (caps without tolerance)";
  }
  if (level == Level::Alert)
    return "throttle at " + score_text(t.throttle) + ": " + distance(reached.throttle, t.throttle, reached.heard.throttle);
  return "halt at " + score_text(t.halt) + ": " + distance(reached.halt, t.halt, reached.heard.halt) +
         "; one dangerous family must hold 80 % of it";
}

/// The highest level by score that the persona lets the leading threat go to, and its threshold.
std::pair<Level, double> most_of(const AgentState& agent, const Persona& persona, const Tables& tables) {
  const Thresholds& t = persona.response.scores;
  const Heard heard = reached_by(agent, persona, tables).heard;
  const ThreatSet leading = only(leader(agent, tables, Null::Declared).threat);
  if ((heard.halt & leading) != 0) return {Level::Halt, t.halt};
  if ((heard.throttle & leading) != 0) return {Level::Throttle, t.throttle};
  return {Level::Alert, t.alert};
}

/// The ledger as it stands, with what would have to differ.
std::optional<Explanation> explanation_of(const AgentState& agent, const Persona& persona, const Tables& tables) {
  const Scored scored{agent, tables, Null::Declared};
  const auto [level, threshold] = most_of(agent, persona, tables);
  std::optional<Explanation> out = explain(scored, persona, threshold, all_channels());
  if (!out) return out;
  out->threshold_of = level;
  out->would_differ = what_would_differ(scored, persona, all_channels());
  return out;
}

Account account_of_state(const AgentState& agent, const Persona& persona, const Tables& tables, const Options& options) {
  Account account{.agent = options.agent, .tenant = options.tenant, .persona = persona.reference()};
  const Level level = standing_level(agent);
  account.level = name_of(level);
  account.applied = name_of(applied_level(level, persona.response.mode));
  account.explanation = explanation_of(agent, persona, tables);
  account.title = level == Level::Observe ? "nothing stands against it" : "what stands against it now";
  account.scopes = scopes_of(agent, tables);
  account.next = next_of(agent, persona, tables);
  say_what_would_differ(account);
  for (const OpenFinding& open : agent.findings)
    account.open_findings.push_back(open.uid + "  " + std::string(uid_of(open.analytic)) + ", " + std::string(name_of(open.level)));
  return account;
}

/// `[{"name": …, "calls": n}, …]`.
std::string counted_json(const std::vector<ShadowProfile::Seen>& seen) {
  std::string out;
  for (const auto& one : seen)
    out += (out.empty() ? "" : ",") + ("{\"name\":" + json_quoted(one.text)) + ",\"calls\":" + std::to_string(one.count) + "}";
  return "[" + out + "]";
}

/// What is known of an agent without a persona, as one line.
std::string unclassified_json(const ShadowProfile& profile, const ShadowFit& fit, std::string_view like, const Options& options) {
  std::vector<ShadowProfile::Seen> tools;
  for (const auto& tool : profile.tools) tools.push_back({tool.server.empty() ? tool.name : tool.server + "/" + tool.name, tool.count});
  const bool compared = profile.calls >= kShadowCalls;
  std::string out = "{\"agent\":" + json_quoted(options.agent) + ",\"tenant\":" + json_quoted(options.tenant) + ",\"persona\":null";
  out += ",\"calls\":" + std::to_string(profile.calls) + ",\"refused\":" + std::to_string(profile.refused);
  out += ",\"tools\":" + counted_json(tools);
  for (const auto& [name, list] :
       {std::pair{"hosts", &profile.hosts}, {"accounts", &profile.accounts}, {"data", &profile.classes}, {"parents", &profile.parents}})
    out += std::string(",\"") + name + "\":" + counted_json(list->seen);
  out += ",\"keys\":" + std::to_string(profile.keys.seen.size()) + ",\"seen\":" + json_quoted(job_in_words(profile));
  out += ",\"fits\":" + (compared && fit.fits() ? json_quoted(fit.persona->reference()) : "null");
  return out + ",\"compared\":" + json_quoted(like) + "}";
}

/// An agent without a persona: what job its calls tell of, and a persona file for it where one is asked for.
ExitCode from_calls(const AgentState& agent, const PersonaSet& set, const Options& options) {
  const auto* profile = static_cast<const ShadowProfile*>(agent.memory[static_cast<std::size_t>(ChannelId::Shadow)].get());
  if (profile == nullptr) return fail("no persona applies to this agent, and no call of it is known");
  if (options.draft.empty()) {
    const ShadowFit fit = fit_shadow(*profile, set, options.tenant);
    const std::string like = profile->calls < kShadowCalls ? "too few calls to compare with known jobs"
                             : fit.fits()                  ? "that is the job " + printable(fit.persona->reference())
                                                           : "no known job explains it";
    if (options.json) {
      std::printf("%s\n", unclassified_json(*profile, fit, like, options).c_str());
      return ExitCode::Done;
    }
    std::printf("No persona applies to agent %s.\nSeen: %s.\nCompared: %s.\n", printable(options.agent).c_str(),
                job_in_words(*profile).c_str(), like.c_str());
    return ExitCode::Done;
  }
  if (options.agent.contains('*')) return fail("a draft names its agent, and this name with a * in it would stand for others too");
  const std::string draft = draft_persona(*profile, options.tenant, options.agent);
  if (options.draft == "-") {
    std::fputs(draft.c_str(), stdout);
    return ExitCode::Done;
  }
  std::vector<FileInUse> inputs;
  add_set_files(inputs, options.personas, options.lists);
  add_state_files(inputs, options.state);
  const std::array<FileInUse, 1> outputs{{{"--draft", options.draft}}};
  if (const auto clash = clash_of(inputs, outputs)) return fail(*clash);
  std::ofstream file(options.draft, std::ios::binary | std::ios::trunc);
  if (!file) return fail(printable(options.draft) + ": cannot be written");
  file << draft;
  file.close();
  if (file) return ExitCode::Done;
  fail(printable(options.draft) + ": could not be written whole");
  return ExitCode::Unreachable;
}

ExitCode from_state(const Options& options) {
  if (options.state.empty() || options.personas.empty()) return fail("--agent needs --state DIR and --personas DIR");
  PersonaLoad load = load_set(options);
  if (!load.set) return fail("the persona set has errors: ringfence validate names them");
  const Rulebook rules(std::move(*load.set), all_channels());
  auto live = LiveState::open(options.state);
  if (!live) return fail(live.error());
  const auto agent = (*live)->find(options.tenant, options.agent);
  if (!agent) return fail(agent.error());
  if (*agent == nullptr) return fail("no such agent in this state: " + printable(options.agent));
  Event probe;
  probe.kind = EventKind::ToolCall;
  probe.tenant = options.tenant;
  probe.agent.id = options.agent;
  // As its events last said, which no applies_to need say too.
  const std::size_t bound = rules.persona_named((*agent)->persona);
  const std::size_t index = bound != Rulebook::kNoPersona ? bound : rules.match(probe);
  if (index == Rulebook::kNoPersona) return from_calls(**agent, rules.set(), options);
  if (!options.draft.empty()) return fail("a persona applies to this agent: a draft is for agents without one");
  print(account_of_state(**agent, rules.persona(index), rules.tables_named(index, (*agent)->persona), options), options.json);
  return ExitCode::Done;
}

}  // namespace

void add_explain(CLI::App& app, Subcommand& action) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("explain", "Why a level was reached: the ledger as a table whose terms add up to ln score");
  CLI::Option* const finding =
      command->add_option("--finding", options->finding, "A findings file, the finding of its last record; - is standard input")
          ->type_name("FILE");
  command->add_option("--uid", options->uid, "This finding instead (finding_info.uid)")->needs(finding);
  CLI::Option* const agent =
      command->add_option("--agent", options->agent, "An agent of a state directory that no process holds")->type_name("ID");
  command->add_option("--tenant", options->tenant, "Its tenant")->capture_default_str()->needs(agent);
  command->add_option("--state", options->state, "State directory")->type_name("DIR")->needs(agent);
  command->add_option("--personas", options->personas, "Persona directory; a finding needs none")->type_name("DIR");
  command->add_option("--lists", options->lists, "Directory of lists (default: lists below --personas)")->type_name("DIR");
  command
      ->add_option("--draft", options->draft,
                   "Write a persona file for an agent without one, from what it was seen to do; - is standard output")
      ->type_name("FILE");
  command->add_flag("--json", options->json, "One line of JSON instead of a table");
  command->footer("Exit codes: 0 done; 2 no such finding or agent, unreadable input; 3 the output could not be written whole.");
  command->callback([options, &action] {
    action = [options] {
      if (!options->draft.empty() && options->agent.empty()) return fail("--draft needs --agent ID");
      if (options->finding.empty() == options->agent.empty()) return fail("give --finding FILE or --agent ID");
      return options->finding.empty() ? from_state(*options) : from_finding(*options);
    };
  });
}

}  // namespace ringfence
