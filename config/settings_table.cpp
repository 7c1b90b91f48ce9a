// SPDX-License-Identifier: Apache-2.0
#include "config/settings_table.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>
#include <vector>

namespace ringfence {
namespace {

constexpr double kTiB = kMiB * kMiB;

constexpr std::array<std::string_view, 3> kInputKinds = {"kafka", "file", "stdin"};
constexpr std::array<std::string_view, 2> kContextSources = {"files", "topic"};
constexpr std::array<std::string_view, 4> kLogLevels = {"debug", "info", "warning", "error"};
constexpr std::array<std::string_view, 2> kLogFormats = {"json", "text"};

constexpr std::array<std::pair<std::string_view, std::string_view>, 14> kSections = {{
    {"input", "What is judged."},
    {"kafka", "The cluster, for every topic. Names of topics stand in `topics`."},
    {"topics", "Names of the topics, for installations that prefix theirs. No two may be equal."},
    {"personas", "The declared jobs."},
    {"context", "Facts and commands for every instance."},
    {"", "What counts as inside."},
    {"state", "What is remembered of each agent."},
    {"outputs", "Where results go: `topic`, or `file:PATH` with one JSON object a line."},
    {"control", "How a halt is signed, whom it addresses, and how many may go out without a person."},
    {"gate", "The enforcement point, `ringfence gate`: it follows `outputs.control` and answers gateways."},
    {"ask", "How a gate asks the engine about acts before they happen; over Kafka only."},
    {"drill", "The way from a forbidden call to its refusal, tried with an agent that nobody has (`ringfence drill`)."},
    {"http", "The endpoint for Prometheus and health probes. It has no authentication."},
    {"log", "Messages on standard error."},
}};

const Setting kTable[] = {
    {.path = "input.kind",
     .type = SettingType::Choice,
     .fallback = "kafka",
     .slot = [](Settings& s, std::size_t i) { s.input.kind = static_cast<SourceKind>(i); },
     .doc = "The topic `topics.events`, the files of `input.files`, or standard input.",
     .choices = kInputKinds},
    {.path = "input.files",
     .type = SettingType::PathList,
     .fallback = "[]",
     .slot = [](Settings& s) -> auto& { return s.input.files; },
     .doc =
         "NDJSON files in the order they are read, plain, `.gz` or `.zst`; for `kind: file`. Of a directory its files at the start, in the "
         "order of their names."},
    {.path = "input.follow",
     .type = SettingType::Flag,
     .fallback = "false",
     .slot = [](Settings& s) -> auto& { return s.input.follow; },
     .doc = "Wait for what is appended to the last file instead of ending; plain files only."},

    {.path = "kafka.bootstrap",
     .type = SettingType::Text,
     .fallback = "127.0.0.1:9092",
     .slot = [](Settings& s) -> auto& { return s.kafka.bootstrap; },
     .doc = "Brokers to ask first, `host:port` separated by commas."},
    {.path = "kafka.group",
     .type = SettingType::Text,
     .fallback = "ringfence",
     .slot = [](Settings& s) -> auto& { return s.kafka.group; },
     .doc = "Consumer group that shares the partitions. A second group is an independent twin, with a `topics.state` of its own: "
            "docs/kafka.md §5."},
    {.path = "kafka.instance_id",
     .type = SettingType::Text,
     .fallback = "\"\"",
     .slot = [](Settings& s) -> auto& { return s.kafka.instance_id; },
     .doc = "Static member name, the same after a restart so that no partition moves. Empty: the name of the host.",
     .may_be_empty = true},
    {.path = "kafka.client",
     .type = SettingType::TextMap,
     .fallback = "{}",
     .slot = [](Settings& s) -> auto& { return s.kafka.client; },
     .doc = "librdkafka properties passed through to every client, such as `security.protocol`. Secrets and properties the engine "
            "relies on are refused here. docs/kafka.md shows TLS with a password or a certificate, and what a refusal says."},
    {.path = "kafka.client_secret_files",
     .type = SettingType::PathMap,
     .fallback = "{}",
     .slot = [](Settings& s) -> auto& { return s.kafka.client_secret_files; },
     .doc = "librdkafka properties whose value is the content of a file, such as `sasl.password`, without the line feed at its end.",
     .names_secret = true},
    {.path = "kafka.holes_expected",
     .type = SettingType::Flag,
     .fallback = "false",
     .slot = [](Settings& s) -> auto& { return s.kafka.holes_expected; },
     .doc = "Feeders write in transactions: their markers, and what was aborted, leave offsets of `topics.events` without a record. Such "
            "holes are then passed over at once; without it each is looked for again by a seek and logged."},
    {.path = "kafka.move_on",
     .type = SettingType::TextMap,
     .fallback = "{}",
     .slot = [](Settings& s) -> auto& { return s.kafka.move_on; },
     .doc = "Lets partitions go on that stand still: `TOPIC/PARTITION@OFFSET`, the place that `/readyz` and `feed.gap` name, to `oldest` "
            "or to an offset behind it. What lies between is never judged. It counts at the next start, for that place alone, and is put "
            "on record. docs/kafka.md says when."},

    {.path = "topics.events",
     .type = SettingType::Topic,
     .fallback = "ringfence.events",
     .slot = [](Settings& s) -> auto& { return s.topics.events; },
     .doc = "Input: canonical events."},
    {.path = "topics.findings",
     .type = SettingType::Topic,
     .fallback = "ringfence.findings",
     .slot = [](Settings& s) -> auto& { return s.topics.findings; },
     .doc = "OCSF Detection Findings."},
    {.path = "topics.control",
     .type = SettingType::Topic,
     .fallback = "ringfence.control",
     .slot = [](Settings& s) -> auto& { return s.topics.control; },
     .doc = "Signed containment records, compacted."},
    {.path = "topics.acks",
     .type = SettingType::Topic,
     .fallback = "ringfence.control.acks",
     .slot = [](Settings& s) -> auto& { return s.topics.acks; },
     .doc = "Acknowledgements of gates."},
    {.path = "topics.verdicts",
     .type = SettingType::Topic,
     .fallback = "ringfence.verdicts",
     .slot = [](Settings& s) -> auto& { return s.topics.verdicts; },
     .doc = "Answers to acts that a gate asked about beforehand."},
    {.path = "topics.links",
     .type = SettingType::Topic,
     .fallback = "ringfence.links",
     .slot = [](Settings& s) -> auto& { return s.topics.links; },
     .doc = "Marks from agents' streams, keyed by a wider scope."},
    {.path = "topics.state",
     .type = SettingType::Topic,
     .fallback = "ringfence.state",
     .slot = [](Settings& s) -> auto& { return s.topics.state; },
     .doc = "Changelog of states, compacted."},
    {.path = "topics.context",
     .type = SettingType::Topic,
     .fallback = "ringfence.context",
     .slot = [](Settings& s) -> auto& { return s.topics.context; },
     .doc = "Persona sets, facts and operators' commands."},
    {.path = "topics.audit",
     .type = SettingType::Topic,
     .fallback = "ringfence.audit",
     .slot = [](Settings& s) -> auto& { return s.topics.audit; },
     .doc = "Hash-chained record of halts, releases and persona changes."},
    {.path = "topics.dead_letter",
     .type = SettingType::Topic,
     .fallback = "ringfence.deadletter",
     .slot = [](Settings& s) -> auto& { return s.topics.dead_letter; },
     .doc = "Refused records with position, stage and reason."},

    {.path = "personas.directory",
     .type = SettingType::Path,
     .fallback = "/etc/ringfence/personas",
     .slot = [](Settings& s) -> auto& { return s.personas.directory; },
     .doc = "Persona files, read recursively, at start and on SIGHUP."},
    {.path = "personas.lists",
     .type = SettingType::Path,
     .fallback = "\"\"",
     .slot = [](Settings& s) -> auto& { return s.personas.lists; },
     .doc = "Value lists the personas name. Empty: `lists` below `personas.directory`.",
     .may_be_empty = true},

    {.path = "context.source",
     .type = SettingType::Choice,
     .fallback = "files",
     .slot = [](Settings& s, std::size_t i) { s.context.source = static_cast<ContextSource>(i); },
     .doc =
         "Files and SIGHUP, or the topic `topics.context`; the topic, where chosen, alone counts. For a gate that asks, where its personas "
         "come from.",
     .choices = kContextSources},
    {.path = "context.log",
     .type = SettingType::Path,
     .fallback = "\"\"",
     .slot = [](Settings& s) -> auto& { return s.context.log; },
     .doc = "Where `run` writes what took effect behind which offset of each partition (persona sets and facts over Kafka, operators' "
            "commands, what gates have confirmed), for `replay --context`. Empty: `context.ndjson` in `state.directory`.",
     .may_be_empty = true},
    {.path = "context.commands",
     .type = SettingType::Path,
     .fallback = "\"\"",
     .slot = [](Settings& s) -> auto& { return s.context.commands; },
     .doc =
         "Without Kafka: the file on which `halt`, `approve`, `release` and `state purge` put their signed commands, and from which `run` "
         "takes them. Empty: `commands.ndjson` in `state.directory`.",
     .may_be_empty = true},

    {.path = "internal_hosts",
     .type = SettingType::TextList,
     .fallback = "[]",
     .slot = [](Settings& s) -> auto& { return s.internal_hosts; },
     .doc = "Globs over hosts that are internal where a persona names none of its own, such as `\"**.corp.example\"`."},

    {.path = "state.directory",
     .type = SettingType::Path,
     .fallback = "/var/lib/ringfence",
     .slot = [](Settings& s) -> auto& { return s.state.directory; },
     .doc = "The RocksDB database, made with mode 0700. One process at a time."},
    {.path = "state.memory_limit",
     .type = SettingType::Bytes,
     .fallback = "2GiB",
     .slot = [](Settings& s) -> auto& { return s.state.memory_limit; },
     .doc = "Memory for states over all shards. At the limit clean states leave and come back from disk.",
     .least = 64 * kMiB,
     .most = kTiB},
    {.path = "state.shards",
     .type = SettingType::Integer,
     .fallback = "0",
     .slot = [](Settings& s) -> auto& { return s.state.shards; },
     .doc = "Threads that judge, each owning its partitions; results do not depend on it. 0: one per processor.",
     .least = 0,
     .most = 256},
    {.path = "state.expiry",
     .type = SettingType::Duration,
     .fallback = "30d",
     .slot = [](Settings& s) -> auto& { return s.state.expiry; },
     .doc = "How long after its last event, by event time, an agent is forgotten. Contained agents never are.",
     .least = in_ns(days(1)),
     .most = in_ns(days(3660))},
    {.path = "state.flush_age",
     .type = SettingType::Duration,
     .fallback = "1s",
     .slot = [](Settings& s) -> auto& { return s.state.flush_age; },
     .doc = "How long a changed state may wait to be written; bounds what is judged again after a crash.",
     .least = in_ns(milliseconds(100)),
     .most = in_ns(minutes(1))},
    {.path = "state.changelog",
     .type = SettingType::Flag,
     .fallback = "true",
     .slot = [](Settings& s) -> auto& { return s.state.changelog; },
     .doc =
         "Whether states go to the topic `topics.state` too, from which another host takes over a partition without this one's directory."},

    {.path = "outputs.findings",
     .type = SettingType::Output,
     .fallback = "topic",
     .slot = [](Settings& s) -> auto& { return s.outputs.findings; },
     .doc = "Findings for analysts and the SIEM."},
    {.path = "outputs.control",
     .type = SettingType::Output,
     .fallback = "topic",
     .slot = [](Settings& s) -> auto& { return s.outputs.control; },
     .doc = "Containment records for gates."},
    {.path = "outputs.dead_letter",
     .type = SettingType::Output,
     .fallback = "topic",
     .slot = [](Settings& s) -> auto& { return s.outputs.dead_letter; },
     .doc = "Records that were refused."},
    {.path = "outputs.audit",
     .type = SettingType::Output,
     .fallback = "topic",
     .slot = [](Settings& s) -> auto& { return s.outputs.audit; },
     .doc = "Signed chain of what was done. Without Kafka `topic` is `audit.ndjson` in `state.directory`."},

    {.path = "control.key_file",
     .type = SettingType::Path,
     .fallback = "/etc/ringfence/control.key",
     .slot = [](Settings& s) -> auto& { return s.control.key_file; },
     .doc = "Ed25519 private key that signs containment records, mode 0600 (`ringfence keys generate`).",
     .names_secret = true},
    {.path = "control.issuer",
     .type = SettingType::Text,
     .fallback = "urn:ringfence:engine",
     .slot = [](Settings& s) -> auto& { return s.control.issuer; },
     .doc = "`iss` of every record; gates check it."},
    {.path = "control.audience",
     .type = SettingType::TextList,
     .fallback = "[ringfence-gates]",
     .slot = [](Settings& s) -> auto& { return s.control.audience; },
     .doc = "`aud` of every record; a gate takes only what names it."},
    {.path = "control.gates",
     .type = SettingType::TextList,
     .fallback = "[]",
     .slot = [](Settings& s) -> auto& { return s.control.gates; },
     .doc = "Enforcement points that must acknowledge a halt, by their `gate.name`. One that stays silent is a finding. Empty: the word of "
            "any gate is enough."},
    {.path = "control.clock_skew",
     .type = SettingType::Duration,
     .fallback = "2s",
     .slot = [](Settings& s) -> auto& { return s.control.clock_skew; },
     .doc =
         "By how much the clocks of gates and of what reports calls may differ: a call that succeeded has gone around a containment only "
         "if it started this much after the last gate had it.",
     .least = 0,
     .most = in_ns(hours(1))},
    {.path = "control.max_halts_per_minute",
     .type = SettingType::Integer,
     .fallback = "20",
     .slot = [](Settings& s) -> auto& { return s.control.max_halts_per_minute; },
     .doc = "Halts beyond it become holds that wait for approval.",
     .least = 1,
     .most = 100000},
    {.path = "control.max_halted_share",
     .type = SettingType::Share,
     .fallback = "0.10",
     .slot = [](Settings& s) -> auto& { return s.control.max_halted_share; },
     .doc = "Share of the agents active in the last hour (and at least 3 agents) that may be halted without a person.",
     .least = 0,
     .most = 1},

    {.path = "http.listen",
     .type = SettingType::Listen,
     .fallback = "127.0.0.1:9464",
     .slot = [](Settings& s) -> auto& { return s.http.listen; },
     .doc = "`/metrics`, `/healthz`, `/readyz`. Loopback by default; port 0 lets the system choose."},

    {.path = "log.level",
     .type = SettingType::Choice,
     .fallback = "info",
     .slot = [](Settings& s, std::size_t i) { s.log.level = static_cast<LogLevel>(i); },
     .doc = "Least level that is written.",
     .choices = kLogLevels},
    {.path = "log.format",
     .type = SettingType::Choice,
     .fallback = "json",
     .slot = [](Settings& s, std::size_t i) { s.log.format = static_cast<LogFormat>(i); },
     .doc = "One JSON object a line, or plain text.",
     .choices = kLogFormats},
};

}  // namespace

std::string_view Setting::section() const {
  const auto dot = path.find('.');
  return dot == std::string_view::npos ? std::string_view{} : path.substr(0, dot);
}

std::string_view Setting::key() const {
  const auto dot = path.find('.');
  return dot == std::string_view::npos ? path : path.substr(dot + 1);
}

std::span<const Setting> settings_table() {
  static const std::vector<Setting> all = [] {
    std::vector<Setting> out(std::begin(kTable), std::end(kTable));
    for (const auto& of_gates : {gate_settings(), ask_settings(), drill_settings()})
      out.insert(std::ranges::find(out, "http", &Setting::section), of_gates.begin(), of_gates.end());
    return out;
  }();
  return all;
}

std::string_view section_doc(std::string_view section) {
  for (const auto& [name, doc] : kSections) {
    if (name == section) return doc;
  }
  return {};
}

}  // namespace ringfence
