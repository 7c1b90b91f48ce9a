// SPDX-License-Identifier: Apache-2.0
#include "connectors/encoders/ocsf.h"

#include <gmock/gmock.h>

#include <cmath>
#include <memory>
#include <nlohmann/json.hpp>
#include <random>

#include "engine/verdict/analytics.h"
#include "tests/schema/json_schema.h"
#include "tests/unit/encoders/findings.h"

namespace ringfence {
namespace {

using Json = nlohmann::ordered_json;
using ::testing::AllOf;
using testing::breach_record;
using testing::finding_schema;
using testing::golden_record;
using ::testing::HasSubstr;
using ::testing::Not;

/// Captions of an enumeration attribute as the schema's annotations give them.
std::string caption(const nlohmann::json& attributes, const std::string& name, int id) {
  return attributes.at(name).at("x-ocsf-enum").at(std::to_string(id)).get<std::string>();
}

/// The attribute that an observable's name points at: "evidences[0].src_endpoint.ip".
const Json* attribute(const Json& finding, const std::string& name) {
  std::string pointer = "/" + name;
  for (char& c : pointer)
    if (c == '.' || c == '[') c = '/';
  std::erase(pointer, ']');
  const Json::json_pointer path(pointer);
  return finding.contains(path) ? &finding.at(path) : nullptr;
}

void expect_rules_beyond_the_schema(const Json& finding) {
  const nlohmann::json& top = finding_schema().document().at("properties");
  for (const std::string name : {"severity", "status", "confidence", "risk_level", "action", "disposition"})
    EXPECT_EQ(finding.at(name), caption(top, name + "_id", finding.at(name + "_id"))) << name;
  EXPECT_EQ(finding.at("activity_name"), caption(top, "activity_id", finding.at("activity_id")));
  EXPECT_EQ(finding.at("class_name"), caption(top, "class_uid", finding.at("class_uid")));
  EXPECT_EQ(finding.at("category_name"), caption(top, "category_uid", finding.at("category_uid")));
  EXPECT_EQ(finding.at("type_name"), caption(top, "type_uid", finding.at("type_uid")));
  EXPECT_EQ(finding.at("type_uid").get<int>(), finding.at("class_uid").get<int>() * 100 + finding.at("activity_id").get<int>());
  const nlohmann::json& defs = finding_schema().document().at("$defs");
  const Json& analytic = finding.at("finding_info").at("analytic");
  EXPECT_EQ(analytic.at("type"), caption(defs.at("analytic").at("properties"), "type_id", analytic.at("type_id")));
  for (const Json& resource : finding.value("resources", Json::array()))
    EXPECT_EQ(resource.at("role"), caption(defs.at("resource_details").at("properties"), "role_id", resource.at("role_id")));
  for (const Json& observable : finding.value("observables", Json::array())) {
    EXPECT_EQ(observable.at("type"), caption(defs.at("observable").at("properties"), "type_id", observable.at("type_id")));
    const Json* target = attribute(finding, observable.at("name"));
    ASSERT_NE(target, nullptr) << observable;
    EXPECT_EQ(*target, observable.at("value"));
  }
  EXPECT_GT(finding.at("time").get<std::int64_t>(), 1'700'000'000'000) << "milliseconds";
}

std::int64_t cents(const Json& value) { return std::llround(value.get<double>() * 100); }

void expect_terms_add_up(const Json& finding) {
  const Json& ours = finding.at("unmapped").at("ringfence");
  if (!ours.contains("terms")) return;
  std::int64_t sum = 0;
  for (const auto& [name, term] : ours.at("terms").items()) sum += cents(term);
  for (const Json& row : ours.at("evidence")) sum += cents(row.at("nats"));
  EXPECT_EQ(sum, cents(ours.at("ln_score"))) << ours.dump(1);
  EXPECT_GE(ours.at("terms").at("others").get<double>(), 0);
}

TEST(OcsfFinding, writes_the_contracts_example_to_the_byte_of_every_value) {
  const Json golden = Json::parse(testing::read_text("tests/data/findings/golden.json"));
  EXPECT_EQ(Json::parse(encode_finding(golden_record())).dump(1), golden.dump(1));
}

TEST(OcsfFinding, is_accepted_by_the_schema_for_every_analytic_level_and_activity) {
  using Activity = FindingRecord::Activity;
  for (const AnalyticInfo& info : all_analytics()) {
    for (std::size_t level = 0; level < kLevels; ++level) {
      for (const Activity activity : {Activity::Create, Activity::Update, Activity::Close}) {
        const bool statistical = info.kind == AnalyticKind::Statistical;
        FindingRecord record = statistical ? golden_record() : breach_record();
        record.analytic = info.analytic;
        record.title = info.title;
        record.level = static_cast<Level>(level);
        record.activity = activity;
        record.enforced = level >= static_cast<std::size_t>(Level::Halt) && activity == Activity::Update;
        if (record.enforced) record.gates = {{"edge \x1b", EventTime{1'795'170'000'131'000'000}}};
        if (activity == Activity::Close) record.close_reason = "released by a person";
        const std::string line = encode_finding(record);
        ASSERT_EQ(finding_schema().faults(nlohmann::json::parse(line)), "") << line;
        const Json finding = Json::parse(line);
        expect_rules_beyond_the_schema(finding);
        expect_terms_add_up(finding);
        EXPECT_EQ(finding["finding_info"]["analytic"]["uid"], uid_of(info.analytic));
        EXPECT_EQ(finding["metadata"]["event_code"], name_of(record.level));
      }
    }
  }
}

TEST(OcsfFinding, the_schema_check_itself_can_fail) {
  Json finding = Json::parse(encode_finding(golden_record()));
  finding["severity_id"] = 17;
  EXPECT_NE(finding_schema().faults(finding), "");
  finding = Json::parse(encode_finding(golden_record()));
  finding["metadata"].erase("profiles");
  EXPECT_NE(finding_schema().faults(finding), "") << "policy and action belong to the profile security_control";
}

TEST(OcsfFinding, severity_follows_the_level) {
  const auto severity = [](Level level) {
    FindingRecord record = golden_record();
    record.level = level;
    return Json::parse(encode_finding(record))["severity_id"].get<int>();
  };
  EXPECT_EQ(severity(Level::Observe), 1);
  EXPECT_EQ(severity(Level::Alert), 3);
  EXPECT_EQ(severity(Level::Throttle), 4);
  EXPECT_EQ(severity(Level::Hold), 4);
  EXPECT_EQ(severity(Level::Halt), 5);
  EXPECT_EQ(severity(Level::Revoke), 5);
}

TEST(OcsfFinding, severity_is_the_one_that_the_broken_rule_declares) {
  FindingRecord record = golden_record();
  const auto severity = [&record](std::optional<Severity> declared) {
    record.severity = declared;
    const Json finding = Json::parse(encode_finding(record));
    expect_rules_beyond_the_schema(finding);
    EXPECT_EQ(finding["metadata"]["event_code"], "halt") << "the response stays";
    return std::pair{finding["severity_id"].get<int>(), finding["severity"].get<std::string>()};
  };
  EXPECT_EQ(severity(Severity::Low), (std::pair{2, std::string("Low")}));
  EXPECT_EQ(severity(Severity::Medium), (std::pair{3, std::string("Medium")}));
  EXPECT_EQ(severity(Severity::High), (std::pair{4, std::string("High")}));
  EXPECT_EQ(severity(Severity::Critical), (std::pair{5, std::string("Critical")}));
  EXPECT_EQ(severity(std::nullopt), (std::pair{5, std::string("Critical")}));
  record.applied = Level::Observe;
  EXPECT_EQ(severity(Severity::Critical), (std::pair{1, std::string("Informational")})) << "a persona that only observes";
}

TEST(OcsfFinding, a_persona_that_only_observes_has_informational_findings) {
  FindingRecord record = golden_record();
  record.applied = Level::Observe;
  Json finding = Json::parse(encode_finding(record));
  EXPECT_EQ(finding["severity_id"], 1);
  EXPECT_EQ(finding["is_alert"], false);
  EXPECT_EQ(finding["metadata"]["event_code"], "halt") << "what the evidence says stays";
  expect_rules_beyond_the_schema(finding);
  record.applied = Level::Alert;
  EXPECT_EQ(Json::parse(encode_finding(record))["severity_id"], 5) << "mode alert: findings as they are";
}

TEST(OcsfFinding, a_published_halt_is_observed_and_an_acknowledged_one_denied) {
  FindingRecord record = golden_record();
  Json finding = Json::parse(encode_finding(record));
  EXPECT_EQ(finding["action_id"], 3);
  EXPECT_EQ(finding["disposition_id"], 19);
  record.enforced = true;
  finding = Json::parse(encode_finding(record));
  EXPECT_EQ(finding["action_id"], 2);
  EXPECT_EQ(finding["disposition_id"], 4);
}

TEST(OcsfFinding, risk_is_the_share_of_the_log_evidence_for_a_halt) {
  FindingRecord record = golden_record();
  record.explanation->halt_threshold = 1e10;
  record.explanation->threshold = 1e5;  // the level's own
  const auto risk = [&record](double score) {
    record.explanation->score = score;
    return risk_score_of(record);
  };
  EXPECT_EQ(risk(1e5), 50);
  EXPECT_EQ(risk(9.99e9), 99) << "100 says that the threshold was reached";
  EXPECT_EQ(risk(1e10), 100);
  EXPECT_EQ(risk(1e30), 100);
  EXPECT_EQ(risk(0.3), 0);
  EXPECT_EQ(risk(std::nan("")), 0);
}

TEST(OcsfFinding, risk_of_what_was_broken_is_at_least_that_of_its_level) {
  FindingRecord record = golden_record();
  record.explanation->halt_threshold = 1e10;
  record.explanation->score = 1e3;
  record.level = Level::Hold;
  EXPECT_EQ(risk_score_of(record), 30) << "evidence alone";
  record.breaches = {"tool a/b is not among the declared actions"};
  EXPECT_EQ(risk_score_of(record), 85);
  record.explanation->score = 1e9;
  EXPECT_EQ(risk_score_of(record), 90) << "the greater of the two";
  record.explanation.reset();
  EXPECT_EQ(risk_score_of(record), 85);
}

TEST(OcsfFinding, the_score_is_said_of_every_judged_act) {
  FindingRecord record = golden_record();
  record.explanation.reset();
  record.score = 1234.5;
  Json ours = Json::parse(encode_finding(record))["unmapped"]["ringfence"];
  EXPECT_EQ(ours["score"], 1230);
  EXPECT_FALSE(ours.contains("terms")) << "no ledger is behind it";
  record.score.reset();
  EXPECT_FALSE(Json::parse(encode_finding(record))["unmapped"]["ringfence"].contains("score"));
}

TEST(OcsfFinding, the_promise_is_rounded_down_so_that_it_stays_true) {
  FindingRecord record = golden_record();
  record.explanation->score = 7.899e10;
  EXPECT_THAT(encode_finding(record), HasSubstr("at most once per 7.8e10 calls"));
  record.explanation->score = 123456;
  EXPECT_THAT(encode_finding(record), HasSubstr("at most once per 1.2e5 calls"));
}

TEST(OcsfFinding, printed_terms_add_up_whatever_the_fractions) {
  std::mt19937 random(20261120);
  std::uniform_real_distribution<double> nats(-3, 9);
  for (int round = 0; round < 2000; ++round) {
    FindingRecord record = golden_record();
    Explanation& e = *record.explanation;
    e.rows.assign(1 + random() % 12, e.rows[0]);
    e.start = std::abs(nats(random));
    e.late_starts = random() % 2 == 0 ? 0 : std::abs(nats(random));
    e.others = random() % 3 == 0 ? 0 : std::abs(nats(random)) / 100;
    e.ln_score = e.prior + e.start + e.late_starts + e.others;
    for (EvidenceRow& row : e.rows) e.ln_score += row.nats = nats(random);
    std::ranges::sort(e.rows, std::greater{}, &EvidenceRow::nats);
    e.score = std::exp(e.ln_score);
    expect_terms_add_up(Json::parse(encode_finding(record)));
  }
}

TEST(OcsfFinding, says_where_only_the_alert_null_crossed_and_prints_both_scores) {
  FindingRecord record = golden_record();
  record.level = Level::Alert;
  record.explanation->null = "alert";
  record.explanation->score = 4321;
  record.explanation->alert_score = 123456;
  const Json finding = Json::parse(encode_finding(record));
  const Json& ours = finding["unmapped"]["ringfence"];
  EXPECT_EQ(ours["null"], "alert");
  EXPECT_EQ(ours["score"].get<double>(), 4320);
  EXPECT_EQ(ours["alert_score"].get<double>(), 123000);
  EXPECT_THAT(finding["finding_info"]["desc"].get<std::string>(),
              HasSubstr("without tolerance) reaches this at most once per 1.2e5 calls"));
}

TEST(OcsfFinding, claims_no_bound_where_the_null_was_learned) {
  FindingRecord record = golden_record();
  record.explanation->bounded = false;
  record.explanation->null = "alert";
  record.explanation->alert_score = 123456;
  const Json finding = Json::parse(encode_finding(record));
  EXPECT_THAT(finding["finding_info"]["desc"].get<std::string>(),
              AllOf(HasSubstr("an estimate against its declaration and its own past"), Not(HasSubstr("at most once per"))));
}

TEST(OcsfFinding, hostile_identifiers_cannot_break_the_line_the_json_or_the_terminal) {
  FindingRecord record = golden_record();
  const std::string hostile = "a\"b\\c\n\r\t\x1b[2J\x7f\xc2\x9b\xe2\x80\xae\xff\xfe";
  record.agent_id = record.agent_name = record.user_id = record.session_id = record.tool_name = record.tool_server = hostile;
  record.event_id = record.tenant = record.outcome_code = record.identifier_shape = hostile;
  record.client_address = "1.2.3.4; rm";
  record.credential_fingerprint = hostile;
  record.explanation->rows[0].samples = {hostile};
  const std::string line = encode_finding(record);
  EXPECT_EQ(finding_schema().faults(nlohmann::json::parse(line)), "");
  EXPECT_TRUE(std::ranges::all_of(line, [](char c) { return c >= 0x20 && c < 0x7f; })) << "printable ASCII only";
  const Json finding = Json::parse(line);
  expect_rules_beyond_the_schema(finding);
  EXPECT_FALSE(finding["evidences"][0].contains("src_endpoint")) << "no address, no ip attribute";
}

TEST(OcsfFinding, stays_small_whatever_the_length_of_names) {
  FindingRecord record = golden_record();
  const std::string huge(64 << 10, '\x01');
  record.agent_name = record.user_id = record.session_id = record.tool_name = record.tool_server = record.title = record.sentence = huge;
  record.outcome_code = record.credential_fingerprint = huge;
  record.breaches.assign(1000, huge);
  const std::string line = encode_finding(record);
  EXPECT_LT(line.size(), 900U << 10U) << "must fit a broker's default limit of 1 MiB";
  EXPECT_EQ(finding_schema().faults(nlohmann::json::parse(line)), "");
}

TEST(OcsfFinding, address_and_credential_are_observables_that_point_at_their_attributes) {
  FindingRecord record = golden_record();
  record.client_address = "2001:db8::7";
  record.credential_fingerprint = "9f86d081884c7d65";
  const Json finding = Json::parse(encode_finding(record));
  EXPECT_EQ(finding["observables"].size(), 3U);
  expect_rules_beyond_the_schema(finding);
  EXPECT_EQ(finding_schema().faults(finding), "");
}

TEST(OcsfFinding, an_alarm_about_silence_needs_no_agent_event_or_persona) {
  FindingRecord record;
  record.activity = FindingRecord::Activity::Create;
  record.uid = "rf-feed";
  record.analytic = Analytic::FeedSilent;
  record.level = Level::Alert;
  record.title = "gateway gw-eu-1 has fallen silent";
  record.count = 1;
  record.time = record.created = record.first_seen = record.last_seen = testing::at_ms(1795170360187);
  const std::string line = encode_finding(record);
  EXPECT_EQ(finding_schema().faults(nlohmann::json::parse(line)), "") << line;
  expect_rules_beyond_the_schema(Json::parse(line));
}

TEST(OcsfFinding, our_sensor_is_never_presented_as_the_agent) {
  EXPECT_THAT(encode_finding(golden_record()), Not(HasSubstr("agent_list")));
}

TEST(Ocsf, AFindingOfADrillIsMarkedAndNoIncident) {
  for (FindingRecord record : {golden_record(), breach_record()}) {
    record.tenant = "ringfence-drill";
    const Json finding = Json::parse(encode_finding(record));
    EXPECT_EQ(finding_schema().faults(finding), "");
    EXPECT_EQ(finding.at("unmapped").at("ringfence").at("drill"), true);
    EXPECT_EQ(finding.at("severity_id"), 1);
    EXPECT_EQ(finding.at("status_id"), 3);
    EXPECT_EQ(finding.at("is_alert"), false);
    EXPECT_EQ(finding.at("risk_level_id"), 0);
    EXPECT_EQ(finding.at("risk_score"), 0);
    EXPECT_THAT(finding.at("message").get<std::string>(), ::testing::StartsWith("Drill: "));
    record.activity = FindingRecord::Activity::Close;
    EXPECT_EQ(Json::parse(encode_finding(record)).at("status_id"), 4);
  }
  FindingRecord refused = breach_record();
  refused.tenant = "ringfence-drill";
  refused.analytic = Analytic::FeedRefused;
  const Json finding = Json::parse(encode_finding(refused));
  EXPECT_FALSE(finding.at("unmapped").at("ringfence").contains("drill")) << "who only claims to be one is an incident";
  EXPECT_EQ(finding.at("is_alert"), true);
  EXPECT_FALSE(Json::parse(encode_finding(golden_record())).at("unmapped").at("ringfence").contains("drill"));
}

}  // namespace
}  // namespace ringfence
