// SPDX-License-Identifier: Apache-2.0
#include "connectors/encoders/ocsf_ours.h"

#include <nlohmann/json.hpp>
#include <ranges>

#include "engine/event/drill.h"

namespace ringfence {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kBreaches = 32;

Json differences(const Differences& all) {
  Json ways = Json::array();
  for (const Difference& way : all.ways) {
    Json without = Json::array();
    for (const Difference::Acts& acts : way.acts)
      without.push_back(
          {{"channel", acts.channel}, {"class", acts.cls}, {"context", acts.context}, {"acts", acts.without}, {"of", acts.of}});
    ways.push_back({{"without", std::move(without)}, {"score", significant(way.score, 6)}, {"level", name_of(way.level)}});
    if (way.at_most) ways.back()["at_most"] = true;
  }
  return {{"level", name_of(all.level)}, {"ways", std::move(ways)}};
}

void add_ledger(Json& out, const FindingRecord& record, const PrintedTerms& printed) {
  const Explanation& explanation = *record.explanation;
  out["ln_score"] = static_cast<double>(printed.ln_score) / 100;
  out["null"] = explanation.null;
  out["tolerance"] = explanation.tolerance;
  out["threshold"] = explanation.threshold;
  if (explanation.threshold_of && *explanation.threshold_of != by_score(record.level))
    out["threshold_of"] = name_of(*explanation.threshold_of);
  if (explanation.halt_threshold != explanation.threshold) out["halt_threshold"] = explanation.halt_threshold;
  if (explanation.declared_tolerance != explanation.tolerance) out["declared_tolerance"] = explanation.declared_tolerance;
  if (!explanation.bounded) out["bounded"] = false;
  out["family"] = explanation.family;
  out["scope"] = explanation.scope;
  out["terms"] = {{"prior", static_cast<double>(printed.prior) / 100},
                  {"start", static_cast<double>(printed.start) / 100},
                  {"late_starts", static_cast<double>(printed.late_starts) / 100},
                  {"others", static_cast<double>(printed.others) / 100}};
  if (explanation.alert_score) out["alert_score"] = significant(*explanation.alert_score, 3);
  if (explanation.clamped) out["clamped"] = true;
  if (explanation.would_differ) out["would_differ"] = differences(*explanation.would_differ);
}

Json evidence_rows(const Explanation& explanation, const PrintedTerms& printed) {
  Json out = Json::array();
  for (std::size_t i = 0; i < explanation.rows.size(); ++i) {
    const EvidenceRow& row = explanation.rows[i];
    Json samples = Json::array();
    for (const std::string& sample : row.samples) samples.push_back(ocsf_text(sample));
    Json& one = out.emplace_back(Json{{"channel", row.channel},
                                      {"class", row.cls},
                                      {"context", row.context},
                                      {"count", row.count},
                                      {"nats", static_cast<double>(printed.rows[i]) / 100},
                                      {"cap", significant(row.cap, 3)}});
    if (row.seen) one["seen"] = significant(*row.seen, 2);
    one["samples"] = std::move(samples);
    if (row.alerts_more > 0) one["alerts_more"] = significant(row.alerts_more, 3);
  }
  return out;
}

}  // namespace

std::string ocsf_text(std::string_view value) {
  if (value.size() <= kOcsfTextBytes) return std::string(value);
  std::size_t end = kOcsfTextBytes;
  while (end > 0 && (static_cast<unsigned char>(value[end]) & 0xC0U) == 0x80U) --end;
  return std::string(value.substr(0, end)) + "\u2026";
}

bool of_drill(const FindingRecord& record) { return is_drill(record.tenant) && record.analytic != Analytic::FeedRefused; }

nlohmann::ordered_json ocsf_ours(const FindingRecord& record, const PrintedTerms& printed) {
  Json out{{"agent", ocsf_text(record.agent_id)}, {"level", name_of(record.level)}};
  if (record.explanation || record.score) out["score"] = significant(record.explanation ? record.explanation->score : *record.score, 3);
  if (record.explanation) {
    out["threat"] = record.explanation->threat;
    out["share"] = significant(record.explanation->share, 3);
    out["evidence"] = evidence_rows(*record.explanation, printed);
  }
  if (!record.persona_id.empty()) out["persona"] = record.persona_id + "@" + record.persona_version;
  if (!record.persona_sha256.empty()) out["persona_sha256"] = record.persona_sha256;
  if (!record.topic.empty())
    out["position"] = {{"topic", record.topic},
                       {"partition", partition_in_topic(record.position.partition).value},
                       {"offset", record.position.offset.value}};
  out["engine_version"] = RINGFENCE_VERSION;
  out["tenant"] = ocsf_text(record.tenant);
  out["applied"] = name_of(record.applied);
  if (of_drill(record)) out["drill"] = true;
  if (record.explanation) add_ledger(out, record, printed);
  if (!record.breaches.empty()) {
    Json& breaches = out["breaches"] = Json::array();
    for (const std::string& breach : record.breaches | std::views::take(kBreaches)) breaches.push_back(ocsf_text(breach));
    out["breaches_count"] = record.breaches.size();
  }
  if (record.held_acts > 0) out["held_acts"] = record.held_acts;
  if (!record.gates.empty()) {
    Json& gates = out["gates"] = Json::array();
    for (const FindingRecord::Gate& gate : record.gates)
      gates.push_back({{"gate", ocsf_text(gate.name)}, {"applied_at", to_milliseconds(gate.applied_at)}});
  }
  if (!record.close_reason.empty()) out["close_reason"] = ocsf_text(record.close_reason);
  return out;
}

}  // namespace ringfence
