// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <expected>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/event/ids.h"

namespace ringfence {

/// Where records come from.
enum class SourceKind : std::uint8_t { Kafka, File, Stdin };
/// Where persona sets, facts and operators' commands come from; where it is the topic, the topic alone counts.
enum class ContextSource : std::uint8_t { Files, Topic };
/// What a gate does without a fresh word of its engines: stays with what it knows, or refuses all.
enum class GateFail : std::uint8_t { Static, Closed };
enum class LogLevel : std::uint8_t { Debug, Info, Warning, Error };
enum class LogFormat : std::uint8_t { Json, Plain };

/// A TCP address to listen at. Port 0 lets the system choose.
struct Address {
  std::string host;  // a name or a number, an IPv6 number without its brackets
  std::uint16_t port = 0;
};

/// Where an output goes: its Kafka topic (the name stands in `topics`) or a file of one JSON object a line.
struct OutputTarget {
  bool topic = true;
  std::filesystem::path file;  // where not `topic`
};

/// How an installation runs. What an agent may do is no setting: that is its persona.
/// Members mirror the paths of docs/settings.md one to one; a value is only ever made by the functions below, which fill in the defaults.
struct Settings {
  struct {
    SourceKind kind{};
    std::vector<std::filesystem::path> files;
    bool follow = false;
  } input;
  struct {
    std::string bootstrap, group;
    std::string instance_id;  // empty: the host's name
    std::map<std::string, std::string> client;
    std::map<std::string, std::filesystem::path> client_secret_files;
    bool holes_expected = false;
    std::map<std::string, std::string> move_on;
  } kafka;
  struct {
    std::string events, findings, control, acks, verdicts, links, state, context, audit, dead_letter;
  } topics;
  struct {
    std::filesystem::path directory;
    std::filesystem::path lists;  // empty: `lists` below `directory`
  } personas;
  struct {
    ContextSource source{};
    std::filesystem::path log;       // empty: `context.ndjson` in `state.directory`
    std::filesystem::path commands;  // empty: `commands.ndjson` in `state.directory`
  } context;
  std::vector<std::string> internal_hosts;
  struct {
    std::filesystem::path directory;
    std::uint64_t memory_limit = 0;  // bytes
    std::int64_t shards = 0;         // 0: one per processor
    Nanos expiry;
    Nanos flush_age;
    bool changelog = false;
  } state;
  struct {
    OutputTarget findings, control, dead_letter, audit;
  } outputs;
  struct {
    std::filesystem::path key_file;
    std::string issuer;
    std::vector<std::string> audience, gates;
    Nanos clock_skew;
    std::int64_t max_halts_per_minute = 0;
    double max_halted_share = 0;
  } control;
  struct {
    std::string name;  // empty: the host's name
    Address listen;
    std::filesystem::path state;
    std::filesystem::path keys_file;
    OutputTarget acks;
    std::string audience;
    GateFail fail{};
    Nanos heartbeat_age;
    std::vector<std::string> writers;  // names, or a prefix and `*`; empty: every one that was heard
    std::map<std::string, std::string> subject;
    bool allow_unidentified = false;
    std::string jwt_header, jwt_issuer, jwt_audience;
    std::filesystem::path jwks_file;  // empty: the gateway alone verifies tokens
    std::vector<std::string> read_tools;
    std::filesystem::path toolhive_secret_file;  // empty: webhooks are not signed
    std::int64_t connections = 0;
    std::uint64_t body_limit = 0;                                   // bytes
    std::filesystem::path tls_certificate, tls_key, tls_client_ca;  // empty: without
  } gate;
  struct {
    std::map<std::string, std::string> tiers;  // empty: nothing is asked
    std::vector<std::string> effects;
    Nanos deadline;
    std::int64_t waiting = 0;
    std::string server, act;  // places; empty: nowhere
  } ask;
  struct {
    std::map<std::string, std::string> ask, headers;
    std::filesystem::path ca_file;  // empty: those of the system
    Nanos within, every;            // every: 0 never
  } drill;
  struct {
    Address listen;
  } http;
  struct {
    LogLevel level{};
    LogFormat format{};
  } log;
};

/// One thing wrong in a settings file.
struct SettingsError {
  std::string file;
  int line = 0, column = 0;  // from 1; 0: the file as a whole
  std::string message;
};
/// `file:line:column: message`, escaped for a terminal.
[[nodiscard]] std::string to_string(const SettingsError& error);

/// Line and column of every setting the file named, by path; of an entry of a map, `path/key`.
using SettingPlaces = std::map<std::string, std::pair<int, int>, std::less<>>;

/// Settings, or everything wrong with them in order of place: all errors in one pass, and no settings where there is one.
struct SettingsLoad {
  std::optional<Settings> settings;
  std::vector<SettingsError> errors;
  SettingPlaces places;
};
/// Something wrong with a setting, at its place in the file, or at the file where only a default stands there.
[[nodiscard]] SettingsError settings_error(const SettingPlaces& places, const std::string& file, std::string_view path,
                                           std::string message);

/// Reads a settings file of at most 1 MiB. Unknown and repeated keys, aliases, tags, values of another type or out of range are errors;
/// what the file leaves out has its default. Nothing comes from the environment. Relative paths mean the working directory.
[[nodiscard]] SettingsLoad load_settings(const std::filesystem::path& file);
/// The same for a text in memory; `file` is what errors call it.
[[nodiscard]] SettingsLoad parse_settings(std::string_view yaml, const std::string& file);
/// What an empty file means.
[[nodiscard]] Settings default_settings();

/// A secret from a file of at most 64 KiB that others cannot read, without the line end behind it; or why not.
/// Secrets are never settings, arguments or environment: only the names of their files are.
[[nodiscard]] std::expected<std::string, std::string> read_secret_file(const std::filesystem::path& file);

/// The default file with every setting, its meaning and its bounds; it loads to `default_settings()`.
[[nodiscard]] std::string default_settings_yaml();
/// The reference page, a table a section.
[[nodiscard]] std::string settings_reference_markdown();
/// JSON Schema (draft 2020-12) of the file, for editors.
[[nodiscard]] std::string settings_json_schema();

}  // namespace ringfence
