// SPDX-License-Identifier: Apache-2.0
#include "connectors/encoders/control.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "engine/event/sha256.h"

namespace ringfence {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kContainmentUri = "https://ringfence.dev/secevent/containment/v1";
constexpr std::string_view kClaimUri = "https://ringfence.dev/secevent/claim/v1";
constexpr std::string_view kHeartbeatUri = "https://ringfence.dev/secevent/heartbeat/v1";
constexpr std::string_view kCommandUri = "https://ringfence.dev/secevent/command/v1";

constexpr int kDeniedCode = -32010, kHeldCode = -32011, kThrottledCode = -32012;

std::string jti_over(std::initializer_list<std::string_view> parts) {
  std::string text;
  for (const std::string_view part : parts) {
    text += std::to_string(part.size());
    text += ':';
    text += part;
  }
  return "ctl-" + sha256_hex(text).substr(0, 16);
}

Json opaque(std::string_view id) { return {{"format", "opaque"}, {"id", id}}; }

/// Complex subject of the parts of the scope, as the shared signals framework writes it.
Json subject_of(const ContainmentRecord& record) {
  Json out{{"format", "complex"}};
  if (!record.agent_id.empty()) out["agent"] = opaque(record.agent_id);
  if (!record.session_id.empty()) out["session"] = opaque(record.session_id);
  const auto scope = parse_scope(record.scope);
  if (scope && scope->type == "global") return opaque("global");
  if (scope && scope->type == "borrowed") {
    out["credential"] = opaque(scope->session);
  } else if (scope && scope->type != "agent" && scope->type != "session" && scope->type != "tenant") {
    out[scope->type] = opaque(scope->id);
  }
  if (!record.tenant.empty()) out["tenant"] = opaque(record.tenant);
  return out;
}

Json actions_of(const ContainmentRecord& record) {
  if (!record.contained) return Json::array();
  switch (record.level) {
    case Level::Throttle:
      return Json::array({"limit_calls"});
    case Level::Hold:
      return Json::array({"deny_changes"});
    case Level::Revoke:
      return Json::array({"deny_calls", "revoke_credential"});
    default:
      return Json::array({"deny_calls"});
  }
}

Json denial_of(Level level) {
  switch (level) {
    case Level::Throttle:
      return {{"http_status", 429}, {"jsonrpc_code", kThrottledCode}, {"message", "agent throttled by security policy"}};
    case Level::Hold:
      return {{"http_status", 403},
              {"jsonrpc_code", kHeldCode},
              {"message", "agent held by security policy: what is not a read needs the confirmation of a person"}};
    default:
      return {{"http_status", 403}, {"jsonrpc_code", kDeniedCode}, {"message", "agent contained by security policy"}};
  }
}

std::int64_t floor_seconds(std::int64_t nanos) {
  const std::int64_t whole = nanos / 1'000'000'000;
  return nanos % 1'000'000'000 < 0 ? whole - 1 : whole;
}

/// What all kinds have in common, before the event.
Json envelope(const Issuer& issuer, std::string jti, std::int64_t iat) {
  return {{"iss", issuer.iss}, {"jti", std::move(jti)}, {"iat", iat}, {"aud", issuer.aud}};
}

std::string written(const Json& payload) { return payload.dump(-1, ' ', /*ensure_ascii=*/true, Json::error_handler_t::replace); }

}  // namespace

std::string control_key(std::string_view scope, std::string_view writer) { return std::string(scope) + "#" + std::string(writer); }
std::string claim_key(std::string_view writer) { return control_key("~claim", writer); }
std::string heartbeat_key(std::string_view writer) { return control_key("~heartbeat", writer); }
std::string engine_writer(std::string_view topic, Partition partition) {
  std::string name = "engine-";
  if (partition < kLinksPartition)
    name += topic;
  else
    name.append(kLinksTopic).append(topic.substr(std::min(topic.find('@'), topic.size())));
  return name + "-" + std::to_string(partition_in_topic(partition).value);
}

std::string control_jti(std::string_view cause_event_id, std::string_view key, std::uint64_t epoch) {
  return jti_over({cause_event_id, key, std::to_string(epoch)});
}

std::string encode_containment(const ContainmentRecord& record, const Issuer& issuer, std::string_view jti) {
  Json select = Json::array();
  for (const auto& [field, equals] : record.select) select.push_back({{"field", field}, {"equals", equals}});

  Json event{{"writer", issuer.writer},
             {"generation", issuer.generation},
             {"epoch", record.epoch},
             {"scope", record.scope},
             {"state", record.contained ? "contained" : "released"},
             {"level", name_of(record.level)},
             {"select", std::move(select)},
             {"actions", actions_of(record)}};
  if (record.credits_start || record.credits_ceiling) {
    Json credits = Json::object();
    if (record.credits_start) credits["start"] = *record.credits_start;
    if (record.credits_ceiling) credits["ceiling"] = *record.credits_ceiling;
    event["credits"] = std::move(credits);
  }
  event["effective_at"] = to_milliseconds(record.effective_at);
  event["expires_at"] = nullptr;
  event["release"] = record.release_auto ? "auto" : "manual";
  event["finding_uid"] = record.finding_uid;
  event["reason"] = record.reason;
  if (!record.approver.empty()) event["approver"] = record.approver;
  event["persona"] = record.persona;
  if (record.pending_approval) event["pending"] = name_of(record.wanted);
  if (record.contained) event["deny"] = denial_of(record.level);
  event["ack"] = {{"requested", true}, {"within_ms", issuer.ack_within_ms}};

  const std::string derived = control_jti(record.cause_event_id, control_key(record.scope, issuer.writer), record.epoch);
  Json payload = envelope(issuer, jti.empty() ? derived : std::string(jti), floor_seconds(record.effective_at.value));
  payload["txn"] = record.finding_uid;
  payload["sub_id"] = subject_of(record);
  payload["events"][std::string(kContainmentUri)] = std::move(event);
  return written(payload);
}

std::string encode_claim(const Claim& claim, const Issuer& issuer) {
  Json payload =
      envelope(issuer, jti_over({claim_key(claim.writer), std::to_string(claim.generation), claim.claimant}), claim.time_ms / 1000);
  payload["events"][std::string(kClaimUri)] = {
      {"writer", claim.writer}, {"generation", claim.generation}, {"claimant", claim.claimant}, {"time", claim.time_ms}};
  return written(payload);
}

std::string encode_heartbeat(const Heartbeat& heartbeat, const Issuer& issuer) {
  Json payload =
      envelope(issuer, jti_over({heartbeat_key(heartbeat.writer), std::to_string(heartbeat.generation), std::to_string(heartbeat.time_ms)}),
               heartbeat.time_ms / 1000);
  payload["events"][std::string(kHeartbeatUri)] = {{"writer", heartbeat.writer},
                                                   {"generation", heartbeat.generation},
                                                   {"count", heartbeat.count},
                                                   {"state_hash", heartbeat.state_hash},
                                                   {"time", heartbeat.time_ms}};
  return written(payload);
}

std::string encode_command(const Command& command, const Issuer& issuer, WallTime now) {
  Json payload = envelope(
      issuer,
      jti_over({command.command, command.scope, command.reason, command.by, command.approver, command.ticket, std::to_string(now.value)}),
      floor_seconds(now.value));
  payload["events"][std::string(kCommandUri)] = {{"command", command.command}, {"scope", command.scope},       {"reason", command.reason},
                                                 {"by", command.by},           {"approver", command.approver}, {"ticket", command.ticket}};
  return written(payload);
}

}  // namespace ringfence
