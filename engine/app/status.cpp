// SPDX-License-Identifier: Apache-2.0
#include <chrono>
#include <cstdio>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "connectors/encoders/control.h"
#include "connectors/encoders/control_order.h"
#include "engine/app/commands.h"
#include "engine/app/control_places.h"
#include "engine/event/decode.h"
#include "engine/event/escape.h"

namespace ringfence {
namespace {

constexpr std::size_t kBatch = 1000;
constexpr std::chrono::seconds kReadWithin{15};

struct Options {
  std::string config, trusted;
  bool json = false;
};

ExitCode fail(ExitCode exit, const std::string& message) {
  std::fprintf(stderr, "status: %s\n", printable(message).c_str());
  return exit;
}

/// The latest record of every key that verifies and is not older than one before it.
struct Board {
  std::map<std::string, SignedContainment> rows;
  std::map<std::string, Heartbeat> heartbeats;
  std::uint64_t refused = 0;

  void take(const ControlEntry& entry, const TrustedKeys& trusted, const std::string& audience, ControlOrder& order) {
    if (entry.value.empty()) return;
    const auto message = verify_control(entry.key, entry.value, trusted, audience);
    if (!message) {
      ++refused;
      return;
    }
    if (!order.admit(entry.key, *message)) {
      ++refused;
      return;
    }
    if (const auto* beat = std::get_if<Heartbeat>(&message->body)) heartbeats[beat->writer] = *beat;
    if (const auto* contained = std::get_if<SignedContainment>(&message->body)) rows[entry.key] = *contained;
  }
};

void print(const Board& board, bool json) {
  if (json) {
    nlohmann::ordered_json out = nlohmann::ordered_json::array();
    for (const auto& [key, row] : board.rows) {
      const ContainmentRecord& r = row.record;
      out.push_back({{"scope", r.scope},
                     {"writer", row.writer},
                     {"state", r.contained ? "contained" : "released"},
                     {"level", name_of(r.level)},
                     {"since", format_rfc3339(r.effective_at)},
                     {"finding", r.finding_uid},
                     {"epoch", r.epoch},
                     {"reason", r.reason},
                     {"pending", r.pending_approval}});
    }
    std::printf("%s\n", out.dump(-1, ' ', true).c_str());
    return;
  }
  std::printf("%-60s %-10s %-9s %-24s %-20s %s\n", "scope", "state", "level", "since", "finding", "reason");
  for (const auto& [key, row] : board.rows) {
    const ContainmentRecord& r = row.record;
    std::printf("%-60s %-10s %-9s %-24s %-20s %s%s\n", printable(r.scope, 60).c_str(), r.contained ? "contained" : "released",
                std::string(name_of(r.level)).c_str(), format_rfc3339(r.effective_at).c_str(), r.finding_uid.c_str(),
                printable(r.reason, 80).c_str(), r.pending_approval ? " (pending approval)" : "");
  }
  std::printf("%zu containments, %zu writers alive, %llu records refused\n", board.rows.size(), board.heartbeats.size(),
              static_cast<unsigned long long>(board.refused));
}

std::expected<TrustedKeys, std::string> trusted_keys(const Options& options, const Settings& settings) {
  if (!options.trusted.empty()) {
    auto keys = TrustedKeys::load(options.trusted);
    if (!keys) return std::unexpected(keys.error().message);
    return std::move(*keys);
  }
  const auto key = SigningKey::load(settings.control.key_file);
  if (!key) return std::unexpected(key.error().message);
  TrustedKeys keys;
  keys.add(*key, {"engine-*", "operator"});
  return keys;
}

ExitCode status(const Options& options) {
  const SettingsLoad load = load_settings(options.config);
  for (const SettingsError& e : load.errors) std::fprintf(stderr, "%s\n", to_string(e).c_str());
  if (!load.settings) return ExitCode::Unusable;
  const auto trusted = trusted_keys(options, *load.settings);
  if (!trusted) return fail(ExitCode::Unusable, trusted.error());
  auto log = open_control_log(*load.settings);
  if (!log) return fail(ExitCode::Unreachable, log.error());
  Board board;
  ControlOrder order;
  const std::string audience = load.settings->control.audience.empty() ? "" : load.settings->control.audience.front();
  const auto deadline = std::chrono::steady_clock::now() + kReadWithin;
  for (bool at_end = false; !at_end;) {
    const auto batch = (*log)->read(kBatch);
    if (!batch) return fail(ExitCode::Unreachable, batch.error().message);
    for (const ControlEntry& entry : batch->entries) board.take(entry, *trusted, audience, order);
    at_end = batch->caught_up && batch->entries.empty();
    if (!at_end && std::chrono::steady_clock::now() > deadline)
      return fail(ExitCode::Unreachable, "the end of the control log was not reached in time");
  }
  print(board, options.json);
  return ExitCode::Done;
}

}  // namespace

void add_status(CLI::App& app, Subcommand& action) {
  auto options = std::make_shared<Options>();
  CLI::App* command =
      app.add_subcommand("status", "What is contained, since when, by whom and by which finding; every record's signature is checked");
  command->add_option("--config", options->config, "Settings file: names the control topic or file and the key")
      ->required()
      ->type_name("FILE");
  command->add_option("--trusted", options->trusted, "JWKS of the keys to trust (default: the public part of control.key_file)")
      ->type_name("FILE");
  command->add_flag("--json", options->json, "One line of JSON instead of a table");
  command->footer("Exit codes: 0 done; 2 wrong settings or keys; 3 the control log is not reachable.");
  command->callback([options, &action] { action = [options] { return status(*options); }; });
}

}  // namespace ringfence
