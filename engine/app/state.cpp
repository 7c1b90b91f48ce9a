// SPDX-License-Identifier: Apache-2.0
#include <chrono>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "engine/app/audit_trail.h"
#include "engine/app/live_state.h"
#include "engine/app/operators.h"
#include "engine/app/wall_clock.h"
#include "engine/event/decode.h"
#include "engine/event/escape.h"
#include "engine/state/borrowed_session.h"
#include "engine/verdict/contain.h"
#include "engine/verdict/containment.h"
#include "engine/verdict/policy.h"
#include "models/flow.h"
#include "models/flow_memory.h"

namespace ringfence {
namespace {

using nlohmann::ordered_json;

struct Options {
  std::string subject, tenant = "default", directory, config, reason, by;
  bool json = false;
};

ExitCode fail(const std::string& message) {
  std::fprintf(stderr, "state: %s\n", message.c_str());
  return ExitCode::Unusable;
}

/// Of a session's flow memory the calls by class, and what had to go for want of room: from then on less can be told of where values come
/// from (docs/design/flow.md §3).
ordered_json describe_flow(const std::string& session, const flow::FlowSession& memory) {
  ordered_json classes = ordered_json::object();
  const ChannelInfo& info = flow_channel().info();
  for (std::size_t cls = 0; cls < memory.seen.size(); ++cls)
    if (memory.seen.at(cls) > 0) classes[std::string(info.classes.at(cls))] = memory.seen.at(cls);
  return {{"session", session},
          {"calls", memory.calls},
          {"results", memory.results},
          {"without_result", memory.unheard},
          {"classes", std::move(classes)},
          {"lost_records", memory.lost_leaves},
          {"lost_orders", memory.lost_orders},
          {"lost_values", memory.lost_values},
          {"lost_task_words", memory.lost_task}};
}

ordered_json describe(const AgentState& agent) {
  ordered_json out;
  out["agent"] = agent.id;
  out["tenant"] = agent.tenant;
  out["level"] = name_of(standing_level(agent));
  out["events"] = agent.arrivals;
  out["first_time"] = format_rfc3339(agent.first_time);
  out["last_time"] = format_rfc3339(agent.last_time);
  out["lsn"] = agent.lsn;
  out["known_acts"] = agent.acts.size();
  out["acts_forgotten_early"] = agent.acts_forgotten_early;
  out["bytes"] = agent.bytes();
  out["sessions"] = ordered_json::array();
  for (const SessionState& session : agent.sessions) {
    out["sessions"].push_back({{stands_for_credential(session) ? "credential" : "id", session.id},
                               {"borrowed", session.borrowed},
                               {"last", format_rfc3339(session.last)},
                               {"held_acts", session.held_acts},
                               {"ledger_open", session.ledger != nullptr}});
  }
  out["flow"] = ordered_json::array();
  for (const SessionState& session : agent.sessions)
    if (const auto& memory = session.memory.at(static_cast<std::size_t>(ChannelId::Flow)))
      out["flow"].push_back(describe_flow(session.id, static_cast<const flow::FlowSession&>(*memory)));
  out["findings"] = ordered_json::array();
  for (const OpenFinding& f : agent.findings) {
    out["findings"].push_back({{"uid", f.uid},
                               {"analytic", uid_of(f.analytic)},
                               {"level", name_of(f.level)},
                               {"count", f.count},
                               {"last_seen", format_rfc3339(f.last_seen)}});
  }
  out["containments"] = ordered_json::array();
  for (const Containment& c : agent.containments) {
    out["containments"].push_back({{"scope", c.scope},
                                   {"state", is_foreign(c) ? "by another writer"
                                             : c.contained ? "contained"
                                                           : "released"},
                                   {"level", name_of(c.level)},
                                   {"epoch", c.epoch},
                                   {"since", format_rfc3339(c.since)},
                                   {"finding", c.finding_uid}});
  }
  return out;
}

void print_table(const ordered_json& state) {
  for (const auto& [key, value] : state.items()) {
    if (!value.is_array()) {
      std::printf("%-22s %s\n", key.c_str(), printable(value.is_string() ? value.get<std::string>() : value.dump()).c_str());
      continue;
    }
    std::printf("%-22s %zu\n", key.c_str(), value.size());
    for (const auto& row : value) {
      std::string line;
      for (const auto& [name, cell] : row.items())
        line += "  " + name + " " + printable(cell.is_string() ? cell.get<std::string>() : cell.dump(), 80);
      std::printf(" %s\n", line.c_str());
    }
  }
}

ExitCode show(const Options& options) {
  auto live = LiveState::open(options.directory);
  if (!live) return fail(live.error());
  const auto agent = (*live)->find(options.tenant, options.subject);
  if (!agent) return fail(agent.error());
  if (*agent == nullptr) return fail("no such agent in this state: " + printable(options.subject));
  const ordered_json state = describe(**agent);
  if (options.json) {
    std::printf("%s\n", state.dump(-1, ' ', true).c_str());
  } else {
    print_table(state);
  }
  return ExitCode::Done;
}

ExitCode purge(const Options& options) {
  const auto scope = parse_scope(options.subject);
  if (!scope || scope->type != "agent") return fail("a scope is agent:TENANT/ID with both parts percent-encoded, as `status` prints it");
  auto live = LiveState::open(options.directory);
  if (!live) return fail(live.error());
  const auto agent = (*live)->find(scope->tenant, scope->id);
  if (!agent) return fail(agent.error());
  if (*agent == nullptr) return fail("no such agent in this state: " + printable(scope->id));
  if ((*agent)->contained()) return fail("the agent is contained: release it first, or its gates would keep what the engine has forgotten");
  const auto purged = (*live)->purge(scope->tenant, scope->id);
  if (!purged) return fail(purged.error());
  if (const auto noted = note_purge(options.directory, options.subject, wall_now()); !noted)
    std::fprintf(stderr, "state: forgotten, and not on record: %s\n", noted.error().message.c_str());
  std::printf("forgot %s\n", printable(options.subject).c_str());
  if (*purged)
    std::fputs(
        "state: the changelog of states hears of it with the next start on this directory; if another host has taken the partition over\n"
        "by then, or has it now, the agent is known there: purge it with --config\n",
        stderr);
  return ExitCode::Done;
}

}  // namespace

void add_state(CLI::App& app, Subcommand& action) {
  auto options = std::make_shared<Options>();
  CLI::App* state = app.add_subcommand("state", "What is known of an agent");
  state->require_subcommand(1);
  CLI::App* look =
      state->add_subcommand("show", "Level, sessions, open findings and containments, from a state directory that no process holds");
  look->add_option("AGENT", options->subject, "Agent id")->required();
  look->add_option("--state", options->directory, "State directory")->required()->type_name("DIR");
  look->add_option("--tenant", options->tenant, "Tenant of the agent")->capture_default_str();
  look->add_flag("--json", options->json, "One line of JSON instead of a table");
  look->footer("Exit codes: 0 done; 2 no such directory or agent, or another process holds the directory; 3 the output cannot be written.");
  look->callback([options, &action] { action = [options] { return show(*options); }; });
  CLI::App* forget = state->add_subcommand(
      "purge",
      "Forgets an agent that is not contained: by a signed command to running engines, or in a state directory that no process holds");
  forget->add_option("SCOPE", options->subject, "agent:TENANT/ID, percent-encoded")->required();
  auto* directory = forget->add_option("--state", options->directory, "State directory")->type_name("DIR");
  auto* config = forget->add_option("--config", options->config, "Settings file: the command goes to its engines")->type_name("FILE");
  directory->excludes(config);
  forget->add_option("--reason", options->reason, "Why; with --config")->type_name("TEXT");
  forget->add_option("--by", options->by, "Who gives the command; with --config")->type_name("WHO");
  forget->footer(
      "Exit codes: 0 done, or the command is stored; 2 no such directory or agent, the agent is contained, another process holds the\n"
      "directory, wrong settings or key; 3 the cluster is not reachable.");
  forget->callback([options, &action] {
    action = [options] {
      if (options->config.empty() == options->directory.empty()) return fail("one of --state and --config");
      if (options->config.empty()) return purge(*options);
      return give_command({"purge", options->subject, options->reason, options->by, "", ""}, options->config);
    };
  });
}

}  // namespace ringfence
