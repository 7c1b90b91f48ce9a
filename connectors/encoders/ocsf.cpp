// SPDX-License-Identifier: Apache-2.0
#include "connectors/encoders/ocsf.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>
#include <ranges>

#include "connectors/encoders/explain.h"
#include "connectors/encoders/numbers.h"
#include "connectors/encoders/ocsf_ours.h"
#include "engine/verdict/analytics.h"

namespace ringfence {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kClass = 2004;
constexpr int kApiActivityOther = 600399;
/// A row stands among the related events and anomalies if it carries at least this share of ln S; all rows stand in the evidence.
constexpr double kNotableShare = 0.1;

bool is_ip(const std::string& address) {
  std::array<unsigned char, sizeof(in6_addr)> parsed{};
  return inet_pton(AF_INET, address.c_str(), parsed.data()) == 1 || inet_pton(AF_INET6, address.c_str(), parsed.data()) == 1;
}

OcsfChoice choice_of(Severity severity) {
  static constexpr std::array<OcsfChoice, kSeverities> kChoices{
      {{1, "Informational"}, {2, "Low"}, {3, "Medium"}, {4, "High"}, {5, "Critical"}}};
  return kChoices[static_cast<std::size_t>(severity)];
}

OcsfChoice risk_level_of(Level level) {
  static constexpr std::array<OcsfChoice, kLevels> kByLevel{
      {{0, "Info"}, {2, "Medium"}, {3, "High"}, {3, "High"}, {4, "Critical"}, {4, "Critical"}}};
  return kByLevel[static_cast<std::size_t>(level)];
}

/// A declared breach is a fact; evidence under the declared null is bounded by the declaration, under the tighter one partly by the past.
OcsfChoice confidence_of(const FindingRecord& record) {
  if (record.explanation && record.level < Level::Throttle)
    return record.level == Level::Observe ? OcsfChoice{1, "Low"} : OcsfChoice{2, "Medium"};
  return {3, "High"};
}

std::string_view activity_name(FindingRecord::Activity activity) {
  switch (activity) {
    case FindingRecord::Activity::Create:
      return "Create";
    case FindingRecord::Activity::Update:
      return "Update";
    case FindingRecord::Activity::Close:
      return "Close";
  }
  return "Create";
}

std::string_view kind_of_finding(Analytic analytic) {
  const std::string_view family = family_of(analytic);
  if (family == "feed") return "Telemetry fault";
  if (family == "gate" || family == "containment") return "Enforcement";
  return "Persona deviation";
}

std::string tool_of(const FindingRecord& record) {
  return record.tool_server.empty() ? record.tool_name : record.tool_server + "/" + record.tool_name;
}

/// "git/get_commit refused (403)".
std::string act_title(const FindingRecord& record) {
  static constexpr std::array<std::string_view, 4> kVerbs{" succeeded", " refused", " failed", ""};
  std::string out = tool_of(record) + std::string(kVerbs[static_cast<std::size_t>(record.outcome)]);
  if (!record.outcome_code.empty()) out += " (" + record.outcome_code + ")";
  return out;
}

std::string row_name(const EvidenceRow& row) { return row.channel + ": " + row.cls; }

std::vector<std::size_t> notable_rows(const Explanation& explanation) {
  std::vector<std::size_t> out;
  for (std::size_t i = 0; i < explanation.rows.size(); ++i)
    if (i == 0 || explanation.rows[i].nats >= kNotableShare * explanation.ln_score) out.push_back(i);
  return out;
}

Json attacks_of(const AnalyticInfo& info) {
  Json out = Json::array();
  for (const TechniqueTag& tag : info.techniques) {
    Json attack{{"version", tag.taxonomy}};
    if (!tag.tactic_uid.empty()) attack["tactic"] = {{"uid", tag.tactic_uid}, {"name", tag.tactic_name}};
    if (!tag.technique_uid.empty()) attack["technique"] = {{"uid", tag.technique_uid}, {"name", tag.technique_name}};
    out.push_back(std::move(attack));
  }
  return out;
}

/// The row's first sample stands for it; the tool of the causing act is named only where that act is one of the row's samples.
Json related_events_of(const FindingRecord& record, const PrintedTerms& printed) {
  Json out = Json::array();
  for (const std::size_t i : notable_rows(*record.explanation)) {
    const EvidenceRow& row = record.explanation->rows[i];
    if (row.samples.empty()) continue;
    const bool own = !record.tool_name.empty() && std::ranges::find(row.samples, record.event_id) != row.samples.end();
    const std::string sign = printed.rows[i] < 0 ? "" : "+";
    out.push_back({{"uid", ocsf_text(row.samples.front())},
                   {"type_uid", kApiActivityOther},
                   {"title", ocsf_text(own ? act_title(record) : row_name(row))},
                   {"count", row.count},
                   {"traits", Json::array({{{"name", row_name(row)},
                                            {"category", "evidence"},
                                            {"type", "contributing"},
                                            {"values", Json::array({sign + hundredths(printed.rows[i]) + " nats"})}}})}});
  }
  return out;
}

std::string description(const FindingRecord& record) {
  std::string out = record.sentence.size() <= 4 * kOcsfTextBytes ? record.sentence : ocsf_text(record.sentence);
  if (record.explanation) out += (out.empty() ? "" : " ") + score_sentence(*record.explanation);
  return out;
}

std::string title_of(const FindingRecord& record) { return of_drill(record) ? "Drill: " + record.title : record.title; }

Json finding_info(const FindingRecord& record, const PrintedTerms& printed) {
  const AnalyticInfo& info = info_of(record.analytic);
  Json out{{"uid", record.uid},
           {"title", ocsf_text(title_of(record))},
           {"desc", description(record)},
           {"types", Json::array({kind_of_finding(record.analytic)})},
           {"created_time", to_milliseconds(record.created)},
           {"first_seen_time", to_milliseconds(record.first_seen)},
           {"last_seen_time", to_milliseconds(record.last_seen)},
           {"analytic",
            {{"uid", uid_of(record.analytic)},
             {"name", info.name},
             {"version", "1"},
             {"type_id", static_cast<int>(info.kind)},
             {"type", info.kind == AnalyticKind::Rule ? "Rule" : "Statistical"},
             {"category", family_of(record.analytic)}}},
           {"related_analytics", Json::array()},
           {"attacks", attacks_of(info)},
           {"related_events", record.explanation ? related_events_of(record, printed) : Json::array()},
           {"related_events_count", record.count}};
  if (!info.owasp_asi.empty()) out["tags"] = Json::array({{{"name", "owasp_asi"}, {"values", info.owasp_asi}}});
  return out;
}

Json api_of(const FindingRecord& record) {
  Json api{{"operation", ocsf_text(record.tool_name)}};
  if (!record.tool_server.empty()) api["service"] = {{"name", ocsf_text(record.tool_server)}};
  api["request"] = {{"uid", ocsf_text(record.event_id)}};
  if (record.outcome_code.empty()) return api;
  std::int32_t code = 0;
  const char* end = record.outcome_code.data() + record.outcome_code.size();
  const auto [stop, error] = std::from_chars(record.outcome_code.data(), end, code);
  if (error == std::errc{} && stop == end)
    api["response"] = {{"code", code}};
  else
    api["response"] = {{"error", ocsf_text(record.outcome_code)}};
  return api;
}

/// The act that caused the record; empty where it has none (an alarm about silence).
Json evidences_of(const FindingRecord& record) {
  if (record.event_id.empty()) return Json::array();
  Json evidence{{"uid", ocsf_text(record.event_id)}, {"name", record.tool_name.empty() ? "event" : "tool_call"}};
  Json actor = Json::object();
  if (!record.agent_name.empty()) actor["app_name"] = ocsf_text(record.agent_name);
  if (!record.agent_id.empty()) actor["app_uid"] = ocsf_text(record.agent_id);
  if (!record.session_id.empty()) actor["session"]["uid"] = ocsf_text(record.session_id);
  if (!record.credential_fingerprint.empty()) actor["session"]["credential_uid"] = ocsf_text(record.credential_fingerprint);
  if (!record.user_id.empty()) actor["user"] = {{"uid", ocsf_text(record.user_id)}};
  if (!actor.empty()) evidence["actor"] = std::move(actor);
  if (!record.tool_name.empty()) evidence["api"] = api_of(record);
  if (is_ip(record.client_address)) evidence["src_endpoint"] = {{"ip", record.client_address}};
  Json data = Json::object();
  if (!record.identifier_shape.empty()) data["identifier"] = ocsf_text(record.identifier_shape);
  if (record.grounded) data["grounded"] = *record.grounded;
  if (!data.empty()) evidence["data"] = std::move(data);
  if (evidence.size() == 2) return Json::array();  // the schema wants one thing beside the names
  return Json::array({std::move(evidence)});
}

std::string observed(const EvidenceRow& row) { return row.seen ? seen_text(row) : std::to_string(row.count); }

Json anomalies_of(const FindingRecord& record) {
  Json anomalies = Json::array(), baselines = Json::array();
  for (const std::size_t i : notable_rows(*record.explanation)) {
    const EvidenceRow& row = record.explanation->rows[i];
    const std::string name = row_name(row);
    anomalies.push_back({{"observation_parameter", name},
                         {"observation_type", (row.seen ? "share of calls " : "times ") + row.context},
                         {"observations", Json::array({{{"value", observed(row)}, {"count", row.count}}})}});
    baselines.push_back({{"observation_parameter", name},
                         {"observation_type", record.explanation->null == "alert" ? "cap of alerts" : "declared cap times tolerance"},
                         {"observations", Json::array({{{"value", percent_text(row.cap, 3)}}})}});
  }
  return Json::array({{{"analysis_targets", Json::array({{{"name", ocsf_text(record.agent_id)}, {"type", "AI Agent"}}})},
                       {"anomalies", std::move(anomalies)},
                       {"baselines", std::move(baselines)}}});
}

Json resources_of(const FindingRecord& record) {
  Json agent{{"uid", ocsf_text(record.agent_id)},
             {"name", ocsf_text(record.agent_name.empty() ? record.agent_id : record.agent_name)},
             {"type", "AI Agent"},
             {"role_id", 2},
             {"role", "Actor"}};
  if (!record.owner_team.empty())
    agent["owner"] = {{"uid", ocsf_text(record.owner_team)}, {"name", ocsf_text(record.owner_team)}, {"type_id", 99}, {"type", "Team"}};
  return Json::array({std::move(agent)});
}

/// Names point at attributes of this very record, so each is made only where its attribute was.
Json observables_of(const FindingRecord& record, const Json& evidences) {
  Json out = Json::array();
  const auto add = [&out](std::string_view name, int id, std::string_view caption, std::string value) {
    out.push_back({{"name", name}, {"type_id", id}, {"type", caption}, {"value", std::move(value)}});
  };
  if (!record.agent_id.empty()) add("resources[0].uid", 10, "Resource UID", ocsf_text(record.agent_id));
  if (evidences.empty()) return out;
  if (is_ip(record.client_address)) add("evidences[0].src_endpoint.ip", 2, "IP Address", record.client_address);
  if (!record.credential_fingerprint.empty())
    add("evidences[0].actor.session.credential_uid", 19, "User Credential ID", ocsf_text(record.credential_fingerprint));
  return out;
}

Json metadata_of(const FindingRecord& record) {
  Json out{{"version", "1.8.0"},
           {"uid", record.uid + "-" + std::to_string(record.number)},
           {"product", {{"name", "ringfence"}, {"vendor_name", "ringfence"}, {"version", RINGFENCE_VERSION}}},
           {"profiles", Json::array({"security_control"})},
           {"log_name", "ringfence.findings"},
           {"event_code", name_of(record.level)}};
  if (!record.agent_id.empty()) out["correlation_uid"] = ocsf_text(record.agent_id);
  if (!record.tenant.empty()) out["tenant_uid"] = ocsf_text(record.tenant);
  return out;
}

void add_classification(Json& out, const FindingRecord& record) {
  const int activity = static_cast<int>(record.activity);
  out["class_uid"] = kClass;
  out["class_name"] = "Detection Finding";
  out["category_uid"] = 2;
  out["category_name"] = "Findings";
  out["activity_id"] = activity;
  out["activity_name"] = activity_name(record.activity);
  out["type_uid"] = kClass * 100 + activity;
  out["type_name"] = "Detection Finding: " + std::string(activity_name(record.activity));
  out["time"] = to_milliseconds(record.time);
  out["start_time"] = to_milliseconds(record.first_seen);
  out["end_time"] = to_milliseconds(record.last_seen);
}

void add_assessment(Json& out, const FindingRecord& record) {
  const auto put = [&out](const std::string& name, const OcsfChoice& choice) {
    out[name + "_id"] = choice.id;
    out[name] = choice.caption;
  };
  const bool closed = record.activity == FindingRecord::Activity::Close;
  // A persona that only observes has findings to read, none to act on.
  const bool drill = of_drill(record), observed = record.applied == Level::Observe || drill;
  put("severity", choice_of(observed ? Severity::Informational : record.severity.value_or(severity_of(record.level))));
  const OcsfChoice open = drill ? OcsfChoice{3, "Suppressed"} : OcsfChoice{1, "New"};
  put("status", closed ? OcsfChoice{4, "Resolved"} : open);
  if (!record.close_reason.empty()) out["status_detail"] = ocsf_text(record.close_reason);
  out["is_alert"] = record.level >= Level::Alert && !observed;
  put("confidence", confidence_of(record));
  put("risk_level", risk_level_of(drill ? Level::Observe : record.level));
  out["risk_score"] = drill ? 0 : risk_score_of(record);
  out["count"] = record.count;
  out["message"] = ocsf_text(title_of(record));
  // Published is not enforced: until the gates have said so the act was only observed.
  put("action", record.enforced ? OcsfChoice{2, "Denied"} : OcsfChoice{3, "Observed"});
  put("disposition", record.enforced ? OcsfChoice{4, "Isolated"} : OcsfChoice{19, "Alert"});
  if (!record.persona_id.empty())
    out["policy"] = {{"uid", "persona:" + record.persona_id + "@" + record.persona_version},
                     {"name", record.persona_id},
                     {"version", record.persona_version},
                     {"type", "Agent persona"},
                     {"is_applied", record.policy_applied}};
}

/// 100 from the threshold of a halt on, else the share of the way there that ln S is.
int share_of_halt(const Explanation& explanation) {
  const double score = explanation.score, halt = explanation.halt_threshold;
  if (!(score > 1) || !(halt > 1)) return 0;
  if (score >= halt) return 100;
  return static_cast<int>(std::clamp(std::floor(100 * std::log10(score) / std::log10(halt)), 0.0, 99.0));
}

}  // namespace

int risk_score_of(const FindingRecord& record) {
  static constexpr std::array<int, kLevels> kByLevel{0, 50, 70, 85, 100, 100};
  const int declared = kByLevel[static_cast<std::size_t>(record.level)];
  if (!record.explanation) return declared;
  const int evident = share_of_halt(*record.explanation);
  return record.breaches.empty() ? evident : std::max(declared, evident);
}

std::string encode_finding(const FindingRecord& record) {
  const PrintedTerms printed = record.explanation ? printed_terms(*record.explanation) : PrintedTerms{};
  Json out;
  add_classification(out, record);
  add_assessment(out, record);
  out["finding_info"] = finding_info(record, printed);
  Json evidences = evidences_of(record);
  Json observables = observables_of(record, evidences);
  if (!evidences.empty()) out["evidences"] = std::move(evidences);
  if (record.explanation && !record.explanation->rows.empty() && !record.agent_id.empty()) out["anomaly_analyses"] = anomalies_of(record);
  if (!record.agent_id.empty()) out["resources"] = resources_of(record);
  if (!observables.empty()) out["observables"] = std::move(observables);
  out["metadata"] = metadata_of(record);
  out["unmapped"]["ringfence"] = ocsf_ours(record, printed);
  return out.dump(-1, ' ', /*ensure_ascii=*/true, Json::error_handler_t::replace);
}

}  // namespace ringfence
