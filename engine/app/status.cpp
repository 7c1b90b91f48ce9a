// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

#include "connectors/encoders/strict_json.h"
#include "connectors/sinks/enforcement_board.h"
#include "engine/app/commands.h"
#include "engine/app/control_places.h"
#include "engine/app/enforcement_feed.h"
#include "engine/app/http_ask.h"
#include "engine/app/live_state.h"
#include "engine/event/decode.h"
#include "engine/event/escape.h"
#include "engine/pipeline/operate.h"
#include "engine/verdict/command.h"

namespace ringfence {
namespace {

constexpr std::size_t kBatch = 1000;
constexpr std::size_t kScopeChars = 8192;  // whole: it is what a release names
constexpr std::chrono::seconds kReadWithin{15};
constexpr std::chrono::milliseconds kAcksWait{200};
constexpr std::chrono::milliseconds kServiceWithin{1000};

struct Options {
  std::string config, trusted;
  bool json = false;
};

ExitCode fail(ExitCode exit, const std::string& message) {
  std::fprintf(stderr, "status: %s\n", printable(message, kMessageChars).c_str());
  return exit;
}

/// Calls by tenant and agent that succeeded though what contains it denies them.
using Passed = std::map<std::pair<std::string, std::string>, std::uint64_t>;

/// The board with what is known of calls: by the states, where nobody holds them, else by the service that does.
struct Sight {
  EnforcementBoard board;
  std::unique_ptr<LiveState> states;
  Passed told;
};

/// What a service on this machine says of the agents in its live view; nothing where none answers.
Passed told_by_service(const Address& at) {
  Passed out;
  const auto reply = http_ask(at, "/top", kServiceWithin);
  if (!reply || reply->status != 200) return out;
  const auto view = parse_strict_json(reply->body);
  if (!view) return out;
  try {
    for (const auto& row : view->at("agents"))
      out[{row.at("tenant").get<std::string>(), row.at("agent").get<std::string>()}] = row.at("passed").get<std::uint64_t>();
  } catch (const nlohmann::json::exception&) {
    out.clear();
  }
  return out;
}

/// Calls that succeeded since the containment though it denies them, as of the last checkpoint; where a service tells, those of an agent by
/// all that contains it. Nothing where that cannot be known now, or the scope is wider than an agent and its tree.
std::optional<std::uint64_t> passed_since(const Sight& sight, const std::string& key, const ContainmentRecord& record) {
  const auto scope = parse_scope(record.scope);
  if (!scope || !record.contained || is_wide(*scope)) return std::nullopt;
  if (const auto told = sight.told.find({scope->tenant, scope->id}); told != sight.told.end() && scope->session.empty())
    return told->second;
  if (!sight.states) return std::nullopt;
  const auto agent = sight.states->find(scope->tenant, scope->id);
  if (!agent || *agent == nullptr) return std::nullopt;
  const auto& entries = (*agent)->containments;
  auto entry = std::ranges::find(entries, record.scope, &Containment::scope);
  if (entry == entries.end()) entry = std::ranges::find(entries, key, &Containment::scope);  // another writer's
  return entry == entries.end() ? std::nullopt : std::optional(entry->passed.count);
}

/// A person has released what an engine had contained; the record names who answers for that.
bool released_by_person(const ContainmentRecord& record) {
  return !record.contained && !record.approver.empty() && !is_halted_by_person(record.finding_uid);
}

/// True where a person contained or freed it and the record has that name: of a person's halt that another approved it has the approver's
/// only.
bool names_who_did_it(const ContainmentRecord& record) {
  return released_by_person(record) || record.finding_uid == halted_by(record.approver);
}

/// What it goes back to: a finding, or a person.
std::string origin_of(const ContainmentRecord& record) {
  if (names_who_did_it(record)) return "by " + printable(record.approver, 40);
  if (!is_halted_by_person(record.finding_uid) || record.approver.empty()) return printable(record.finding_uid, 40);
  return "approved by " + printable(record.approver, 40);
}

nlohmann::ordered_json json_of(const Sight& sight, const std::string& key, const EnforcementBoard::Row& row) {
  const ContainmentRecord& r = row.record;
  nlohmann::ordered_json gates = nlohmann::ordered_json::array();
  for (const auto& [gate, word] : sight.board.words(key)) {
    nlohmann::ordered_json said{{"gate", gate}, {"status", static_cast<int>(word.status)}};
    if (word.applied_at) said["applied_at"] = format_rfc3339(*word.applied_at);
    if (!word.unsupported.empty()) said["unsupported"] = word.unsupported;
    gates.push_back(std::move(said));
  }
  nlohmann::ordered_json out{{"scope", r.scope},
                             {"writer", row.writer},
                             {"state", r.contained ? "contained" : "released"},
                             {"enforcement", name_of(sight.board.state(key))},
                             {"level", name_of(r.level)},
                             {"since", format_rfc3339(r.effective_at)},
                             {"kid", row.kid},
                             {"finding", r.finding_uid},
                             {"epoch", r.epoch},
                             {"reason", r.reason},
                             {"approver", r.approver},
                             {"pending", r.pending_approval},
                             {"gates", std::move(gates)}};
  if (const auto passed = passed_since(sight, key, r)) out["passed_since"] = *passed;
  if (names_who_did_it(r)) out["by"] = r.approver;
  return out;
}

/// `edge since 2026-…, other 401`.
std::string gates_of(const Sight& sight, const std::string& key) {
  std::string out;
  for (const auto& [gate, word] : sight.board.words(key)) {
    out += (out.empty() ? "" : ", ") + printable(gate, 40) + " ";
    out += word.status == AckStatus::Applied && word.applied_at ? "since " + format_rfc3339(*word.applied_at)
                                                                : std::to_string(static_cast<int>(word.status));
  }
  return out.empty() ? "-" : out;
}

/// How many containments of each writer stand under which key: whose key is withdrawn too early loses them.
void print_keys(const EnforcementBoard& board) {
  std::map<std::string, std::map<std::string, std::size_t>> keys;
  for (const auto& [key, row] : board.rows())
    if (row.record.contained) ++keys[row.writer][row.kid];
  for (const auto& [writer, of_writer] : keys)
    for (const auto& [kid, count] : of_writer)
      std::printf("%zu by %s under key %s\n", count, printable(writer, 200).c_str(), printable(kid, 80).c_str());
}

void print(const Sight& sight, bool json) {
  const auto& rows = sight.board.rows();
  if (json) {
    nlohmann::ordered_json out = nlohmann::ordered_json::array();
    for (const auto& [key, row] : rows) out.push_back(json_of(sight, key, row));
    std::printf("%s\n", out.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace).c_str());
    return;
  }
  std::printf("%-60s %-18s %-9s %-24s %-20s %-6s %-40s %s\n", "scope", "state", "level", "since", "finding", "passed", "gates", "reason");
  for (const auto& [key, row] : rows) {
    const ContainmentRecord& r = row.record;
    const auto passed = passed_since(sight, key, r);
    std::printf("%-60s %-18s %-9s %-24s %-20s %-6s %-40s %s%s\n", printable(r.scope, kScopeChars).c_str(),
                std::string(name_of(sight.board.state(key))).c_str(), std::string(name_of(r.level)).c_str(),
                format_rfc3339(r.effective_at).c_str(), origin_of(r).c_str(), passed ? std::to_string(*passed).c_str() : "-",
                gates_of(sight, key).c_str(), printable(r.reason, 80).c_str(), r.pending_approval ? " (pending approval)" : "");
  }
  const auto contained = static_cast<std::size_t>(std::ranges::count_if(rows, [](const auto& row) { return row.second.record.contained; }));
  std::printf("%zu containments, %zu released, %zu writers alive, %llu records refused\n", contained, rows.size() - contained,
              sight.board.heartbeats().size(), static_cast<unsigned long long>(sight.board.refused()));
  print_keys(sight.board);
}

/// What gates are pinned to; where that file is not, the own key under any writer.
std::expected<TrustedKeys, std::string> trusted_keys(const Options& options, const Settings& settings) {
  std::error_code unknown;
  const std::filesystem::path pinned = options.trusted.empty() ? settings.gate.keys_file : std::filesystem::path(options.trusted);
  if (!options.trusted.empty() || std::filesystem::exists(pinned, unknown)) {
    auto keys = TrustedKeys::load(pinned);
    if (!keys) return std::unexpected(keys.error().message);
    return std::move(*keys);
  }
  const auto key = SigningKey::load(settings.control.key_file);
  if (!key) return std::unexpected(key.error().message);
  TrustedKeys keys;
  keys.add(*key, {"engine-*", "operator"});
  return keys;
}

/// What gates have acknowledged, as far as it can be read: a log that is not there leaves every containment requested.
void hear_gates(const Settings& settings, EnforcementBoard& board, std::chrono::steady_clock::time_point deadline) {
  if (settings.gate.acks.topic != settings.outputs.control.topic) return;
  const std::unique_ptr<ControlFeed> acks = std::move(enforcement_logs(settings).acks);
  while (std::chrono::steady_clock::now() < deadline) {
    const auto batch = acks->read(kBatch, kAcksWait);
    if (!batch) return;
    for (const ControlEntry& entry : batch->entries) board.acknowledge(entry, WallTime{});
    if (batch->caught_up && batch->entries.empty()) return;
  }
}

ExitCode status(const Options& options) {
  const SettingsLoad load = load_settings(options.config);
  for (const SettingsError& e : load.errors) std::fprintf(stderr, "%s\n", to_string(e).c_str());
  if (!load.settings) return ExitCode::Unusable;
  const auto trusted = trusted_keys(options, *load.settings);
  if (!trusted) return fail(ExitCode::Unusable, trusted.error());
  auto log = open_control_log(*load.settings, ControlUse::Reads);
  if (!log) return fail(log.error().exit, log.error().message);
  Sight sight{EnforcementBoard(board_settings(*load.settings, *trusted)), nullptr, {}};
  const auto deadline = std::chrono::steady_clock::now() + kReadWithin;
  for (bool at_end = false; !at_end;) {
    const auto batch = (*log)->read(kBatch);
    if (!batch) return fail(ExitCode::Unreachable, batch.error().message);
    for (const ControlEntry& entry : batch->entries) sight.board.observe(entry, WallTime{});
    at_end = batch->caught_up && batch->entries.empty();
    if (!at_end && std::chrono::steady_clock::now() > deadline)
      return fail(ExitCode::Unreachable, "the end of the control log was not reached in time");
  }
  hear_gates(*load.settings, sight.board, deadline);
  if (auto states = LiveState::open(load.settings->state.directory.string()))
    sight.states = std::move(*states);
  else
    sight.told = told_by_service(load.settings->http.listen);
  print(sight, options.json);
  return ExitCode::Done;
}

}  // namespace

void add_status(CLI::App& app, Subcommand& action) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand(
      "status", "What is contained, since when, by whom, by which finding and at which gates; every record's signature is checked");
  command->add_option("--config", options->config, "Settings file: names the control topic or file and the keys")
      ->required()
      ->type_name("FILE");
  command
      ->add_option("--trusted", options->trusted,
                   "JWKS of the keys to trust (default: gate.keys_file; where there is none, the public part of control.key_file)")
      ->type_name("FILE");
  command->add_flag("--json", options->json, "One line of JSON instead of a table");
  command->footer(
      "finding: what it goes back to; where a person halted or released, `by NAME`, or `approved by NAME` where another approved the "
      "halt;\n"
      "of an engine's containment that was released, who answers for that: its approver, where it had one.\n"
      "passed: calls that succeeded since though the level denies them, those under way among them; - where a service holds the states "
      "and\n"
      "does not tell (`top`), or nothing is known.\n"
      "Exit codes: 0 done; 2 wrong settings or keys; 3 the control log is not reachable.");
  command->callback([options, &action] { action = [options] { return status(*options); }; });
}

}  // namespace ringfence
