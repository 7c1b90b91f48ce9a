// SPDX-License-Identifier: Apache-2.0
#include "connectors/encoders/explain.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>
#include <set>

#include "connectors/encoders/finding_account.h"
#include "connectors/encoders/ocsf.h"
#include "connectors/encoders/report.h"
#include "engine/event/decode.h"
#include "tests/unit/encoders/findings.h"

namespace ringfence {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kGoldenTable =
    R"(agent      spiffe://corp.example/agent/code-maintainer  (tenant corp)
persona    code-maintainer@2.0.0
level      halt
finding    barrier.guessing  Agent guesses commit identifiers after refusals
threat     guess (barrier), 100 % of the score, scope agent
score      7.87e10 under the declared caps times 1.5; halt at 1e9

7 of the last 7 calls to git/get_commit were refused on repos/billing-core/commits/{hex}; 5 identifiers of 39 or 41 characters lie within two edits of the refused one and stood in nothing the agent had read. ln score 25.09: a compliant agent (declared caps times 1.5) reaches this at most once per 7.8e10 calls.

what                                                        count      nats cap x tol    seen   samples
prior                                                                 -3.00
start                                                                  0.67
barrier: denied, near-miss, after a refusal                     5     24.21     0.3 %    83 %   call-1041 call-1042 call-1046
barrier: denied, guess-shaped, after a refusal                  1      1.90       3 %    17 %   call-1045
barrier: denied, new plausible target, after a success          1      0.29     7.5 %   100 %   call-1040
late starts                                                            0.33
other threats and scopes                                               0.69
ln score                                                              25.09

If this agent's behaviour, given everything before, never exceeds 1.5x its declared caps, the expected number of false halts is at most one per 1e9 of its calls, whatever the dependence, however often the score is read.
)";

TEST(Explain, shows_the_whole_sum_of_the_contracts_example) {
  const auto account = account_of_finding(testing::read_text("tests/data/findings/golden.json"));
  ASSERT_TRUE(account.has_value()) << account.error();
  EXPECT_EQ(account_table(*account), kGoldenTable);
}

TEST(Explain, says_the_same_of_a_live_record_as_of_its_finding) {
  const FindingRecord record = testing::golden_record();
  const auto read_back = account_of_finding(encode_finding(record));
  ASSERT_TRUE(read_back.has_value()) << read_back.error();
  EXPECT_EQ(account_table(account_of(record)), account_table(*read_back));
  EXPECT_EQ(account_json(account_of(record)), account_json(*read_back));
}

TEST(Explain, a_declared_breach_has_no_ledger_and_no_promise) {
  const auto account = account_of_finding(encode_finding(testing::breach_record()));
  ASSERT_TRUE(account.has_value()) << account.error();
  const std::string table = account_table(*account);
  EXPECT_THAT(table, HasSubstr("breach     tool shell/run is not declared"));
  EXPECT_THAT(table, Not(HasSubstr("ln score")));
  EXPECT_THAT(table, Not(HasSubstr("If this agent")));
}

TEST(Explain, a_declared_breach_names_its_acts) {
  const FindingRecord record = testing::breach_record();
  auto account = account_of_finding(encode_finding(record));
  ASSERT_TRUE(account.has_value()) << account.error();
  EXPECT_THAT(account_table(*account), HasSubstr("\nact        " + format_rfc3339(record.time) + "  " + record.tool_server + "/" +
                                                 record.tool_name + "  " + record.event_id + "\n"));
  EXPECT_EQ(account_table(account_of(record)), account_table(*account));
  EXPECT_EQ(nlohmann::json::parse(account_json(*account))["acts"][0]["event"], record.event_id);
}

TEST(Explain, a_hostile_finding_cannot_speak_to_the_terminal) {
  FindingRecord record = testing::golden_record();
  const std::string hostile = "x\x1b[2J\x07\xc2\x9b\xe2\x80\xae\n\r\x7f";
  record.agent_id = record.tenant = record.title = record.sentence = hostile;
  record.persona_id = record.explanation->threat = record.explanation->rows[0].cls = hostile;
  record.explanation->rows[0].samples = {hostile};
  record.breaches = {hostile};
  const auto account = account_of_finding(encode_finding(record));
  ASSERT_TRUE(account.has_value()) << account.error();
  for (const Account& shown : {*account, account_of(record)}) {
    const std::string table = account_table(shown);
    EXPECT_THAT(table, Not(HasSubstr("\x1b")));
    EXPECT_THAT(table, Not(HasSubstr("\r")));
    EXPECT_THAT(table, Not(HasSubstr("\xe2\x80\xae")));
    EXPECT_THAT(table, Not(HasSubstr("\x07")));
    EXPECT_THAT(table, Not(HasSubstr("\x7f")));
  }
}

TEST(Explain, what_is_no_finding_is_an_error_and_not_a_guess) {
  for (const char* text : {"", "{", "[]", "null", "{}", R"({"unmapped":{}})", R"({"unmapped":{"ringfence":[]},"finding_info":{}})",
                           R"({"unmapped":{"ringfence":{"agent":1}},"finding_info":{}})", R"({"unmapped":{},"unmapped":{}})"})
    EXPECT_FALSE(account_of_finding(text).has_value()) << text;
  EXPECT_FALSE(account_of_finding(std::string(2 << 20, ' ')).has_value());
}

/// What it cannot do without is missed by name; what it never reads may be anything; nothing half-read comes out.
TEST(Explain, any_field_of_a_finding_may_be_missing_or_of_another_type) {
  const std::set<std::string> unread{"position", "engine_version"}, unshown{"persona_sha256", "would_differ"}, dispensable{"persona", "terms"};
  const auto golden = nlohmann::ordered_json::parse(testing::read_text("tests/data/findings/golden.json"));
  const auto& ours = golden["unmapped"]["ringfence"];
  const std::string whole = account_table(*account_of_finding(golden.dump()));
  for (const auto& [name, value] : ours.items()) {
    auto without = golden, other = golden;
    without["unmapped"]["ringfence"].erase(name);
    other["unmapped"]["ringfence"][name] = nlohmann::ordered_json::array({1, "x"});
    const auto missing = account_of_finding(without.dump()), broken = account_of_finding(other.dump());
    EXPECT_EQ(missing.has_value(), unread.contains(name) || unshown.contains(name) || dispensable.contains(name)) << name;
    EXPECT_EQ(broken.has_value(), unread.contains(name)) << name;
    if (missing) {
      EXPECT_EQ(account_table(*missing) == whole, unread.contains(name) || unshown.contains(name)) << name;
    }
    if (broken) {
      EXPECT_EQ(account_table(*broken), whole) << name;
    }
  }
}

TEST(Explain, the_promise_names_this_personas_tolerance_and_threshold) {
  Explanation e = testing::golden_explanation();
  e.tolerance = 1.2;
  e.threshold = e.halt_threshold = 1e10;
  EXPECT_EQ(
      promise_sentence(e),
      "If this agent's behaviour, given everything before, never exceeds 1.2x its declared caps, the expected number of false halts is at "
      "most one per 1e10 of its calls, whatever the dependence, however often the score is read.");
}

/// A finding of an alert under the caps without tolerance, as policy gives it.
FindingRecord alert_record() {
  FindingRecord record = testing::golden_record();
  record.level = record.applied = Level::Alert;
  Explanation& e = *record.explanation;
  e.null = "alert";
  e.tolerance = 1;
  e.declared_tolerance = 1.2;
  e.threshold = 1e5;
  e.halt_threshold = 1e10;
  e.score = 3.45;
  e.alert_score = 1.47e5;
  return record;
}

TEST(Explain, an_alert_promises_alarms_of_its_level_and_no_halts) {
  const std::string promise = promise_sentence(*alert_record().explanation);
  EXPECT_THAT(promise, HasSubstr("never exceeds the caps of alerts, the expected number of false alarms at this level is at most one per "
                                 "1e5"));
  EXPECT_THAT(promise, Not(HasSubstr("halt")));
}

TEST(Explain, what_bounds_nothing_promises_nothing_in_a_file_of_findings_either) {
  FindingRecord record = alert_record();
  record.explanation->bounded = false;
  EXPECT_EQ(promise_sentence(*record.explanation), "");
  const auto read = account_of_finding(encode_finding(record));
  ASSERT_TRUE(read);
  EXPECT_THAT(account_table(*read), Not(HasSubstr("at most one per")));
  EXPECT_FALSE(nlohmann::json::parse(account_json(*read))["ledger"].contains("promise"));
  EXPECT_THAT(report_html({.account = *read}), Not(HasSubstr("at most one per")));
}

TEST(Explain, what_an_act_weighs_more_in_alerts_is_read_back) {
  FindingRecord record = testing::golden_record();
  record.explanation->rows[1].alerts_more = 2.5;
  const auto read = account_of_finding(encode_finding(record));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->explanation->rows[0].alerts_more, 0);
  EXPECT_EQ(read->explanation->rows[1].alerts_more, 2.5);
}

TEST(Explain, each_score_is_named_with_the_caps_it_is_under) {
  const auto read = account_of_finding(encode_finding(alert_record()));
  ASSERT_TRUE(read);
  EXPECT_THAT(account_table(*read), HasSubstr("score      3.45 under the declared caps times 1.2; alert at 1e5; 1.47e5 under the caps "
                                              "without tolerance"));
  EXPECT_EQ(read->explanation->halt_threshold, 1e10);
}

TEST(Explain, claims_no_share_of_what_is_counted_for_each_rung_it_passes) {
  FindingRecord record = testing::golden_record();
  record.explanation->rows[0].seen.reset();
  const std::string written = encode_finding(record);
  const nlohmann::json finding = nlohmann::json::parse(written);
  EXPECT_FALSE(finding["unmapped"]["ringfence"]["evidence"][0].contains("seen"));
  const auto& observed = finding["anomaly_analyses"][0]["anomalies"][0];
  EXPECT_EQ(observed["observation_type"], "times after a refusal");
  EXPECT_EQ(observed["observations"][0]["value"], "5");
  const auto read = account_of_finding(written);
  ASSERT_TRUE(read) << read.error();
  EXPECT_EQ(read->explanation->rows[0].seen, std::nullopt);
  EXPECT_THAT(account_table(*read), HasSubstr("24.21     0.3 %           call-1041"));
  EXPECT_FALSE(nlohmann::json::parse(account_json(*read))["ledger"]["evidence"][0].contains("seen"));
}

TEST(Explain, json_holds_the_ledger_with_terms_that_add_up) {
  const auto json = nlohmann::json::parse(account_json(account_of(testing::golden_record())));
  double sum = json["ledger"]["prior"].get<double>() + json["ledger"]["start"].get<double>() + json["ledger"]["late_starts"].get<double>() +
               json["ledger"]["others"].get<double>();
  for (const auto& row : json["ledger"]["evidence"]) sum += row["nats"].get<double>();
  EXPECT_NEAR(sum, json["ledger"]["ln_score"].get<double>(), 1e-9);
  EXPECT_THAT(json["ledger"]["promise"].get<std::string>(), HasSubstr("1.5x"));
}

TEST(Explain, says_what_would_have_to_differ_where_that_is_known) {
  Account account = account_of(testing::golden_record());
  EXPECT_THAT(account_table(account), Not(HasSubstr("have to differ")));
  EXPECT_FALSE(nlohmann::json::parse(account_json(account)).contains("would_differ"));
  account.would_differ = {"without 2 of the 5 \"barrier: denied, near-miss\x1b[2J\": about 3.1e6, throttle"};
  EXPECT_THAT(account_table(account), HasSubstr("\nWhat would have to differ:\n- without 2 of the 5"));
  EXPECT_THAT(account_table(account), Not(HasSubstr("\x1b")));
  EXPECT_EQ(nlohmann::json::parse(account_json(account))["would_differ"].size(), 1U);
}

TEST(Explain, of_an_agent_that_did_nothing_shows_its_scopes_and_what_would_come_next) {
  Account account{.agent = "reader-1", .tenant = "default", .persona = "reader@1", .level = "observe", .applied = "observe"};
  account.title = "nothing is held against it by evidence";
  account.next = "alert at 1e5: S is 0.31, 12.68 nats short (caps without tolerance)";
  account.scopes = {{.name = "agent", .score = .21, .alert_score = .2, .level = "observe", .threat = "slow"},
                    {.name = "session s\x1b[2J", .borrowed = true, .score = .1, .alert_score = .11, .level = "observe"}};
  const std::string table = account_table(account);
  EXPECT_THAT(table, HasSubstr("state      nothing is held against it by evidence\n"));
  EXPECT_THAT(table, HasSubstr("next       alert at 1e5"));
  EXPECT_THAT(table, HasSubstr("\nscope                                                    S   no tol.   stands    leading threat\n"
                               "agent                                                 0.21       0.2   observe   slow\n"));
  EXPECT_THAT(table, HasSubstr("borrowed name"));
  EXPECT_THAT(table, Not(HasSubstr("\x1b")));
  EXPECT_THAT(table, Not(HasSubstr("ln score")));
  const auto json = nlohmann::json::parse(account_json(account));
  EXPECT_EQ(json["scopes"][0]["threat"], "slow");
  EXPECT_EQ(json["scopes"][1]["borrowed"], true);
  EXPECT_EQ(json["next"], account.next);
}

TEST(Explain, a_finding_names_the_level_its_threshold_is_of) {
  FindingRecord record = testing::golden_record();
  record.level = record.applied = Level::Alert;
  record.explanation->threshold = 1e5;
  EXPECT_THAT(account_table(account_of(record)), HasSubstr("; alert at 1e5"));
}

/// A finding of three records: what it was raised for, the gates' word that its halt is in force, and its release.
std::vector<std::string> told_and_released() {
  FindingRecord raised = testing::breach_record();
  FindingRecord confirmed = raised;
  confirmed.activity = FindingRecord::Activity::Update;
  ++confirmed.number;
  confirmed.event_id.clear();
  confirmed.breaches.clear();
  confirmed.sentence = "Contained: halt is in force at gw-eu-1.";
  FindingRecord closed = confirmed;
  closed.activity = FindingRecord::Activity::Close;
  ++closed.number;
  closed.sentence = "Released by two people.";
  return {encode_finding(raised), encode_finding(confirmed), encode_finding(closed)};
}

TEST(AccountOfRecords, StillSaysWhyOnceGatesHaveConfirmedAndPeopleReleased) {
  const auto account = account_of_records(told_and_released());
  ASSERT_TRUE(account.has_value()) << account.error();
  EXPECT_EQ(account->breaches, testing::breach_record().breaches);
  EXPECT_EQ(account->sentence, account_of(testing::breach_record()).sentence);
  ASSERT_EQ(account->acts.size(), 1U);
  ASSERT_EQ(account->since.size(), 2U);
  EXPECT_THAT(account->since.front(), HasSubstr("Contained: halt is in force at gw-eu-1."));
  EXPECT_THAT(account_table(*account), HasSubstr("since      "));
}

TEST(AccountOfRecords, KeepsTheLedgerAndGathersWhatWasBroken) {
  FindingRecord first = testing::breach_record(), later = testing::golden_record();
  later.uid = first.uid;
  later.number = first.number + 1;
  FindingRecord last = first;
  last.number = later.number + 1;
  last.event_id = "another-call";
  last.breaches = {"another limit"};
  const std::vector<std::string> records{encode_finding(first), encode_finding(later), encode_finding(last)};
  const auto account = account_of_records(records);
  ASSERT_TRUE(account.has_value()) << account.error();
  ASSERT_TRUE(account->explanation.has_value());
  EXPECT_EQ(account->explanation->threshold_of, Level::Halt);
  EXPECT_EQ(account->acts.size(), 2U);
  EXPECT_EQ(account->breaches.back(), "another limit");
  EXPECT_EQ(account->breaches.size(), first.breaches.size() + 1);
}

/// What the persona says of an analytic may halt at a lower threshold than that of halts.
TEST(AccountOfRecords, NamesTheThresholdThatWasReached) {
  FindingRecord record = testing::golden_record();
  record.explanation->threshold = 1e5;
  record.explanation->threshold_of = Level::Alert;
  const auto account = account_of_records(std::vector<std::string>{encode_finding(record)});
  ASSERT_TRUE(account.has_value()) << account.error();
  EXPECT_EQ(account->level, "halt");
  EXPECT_THAT(account_table(*account), HasSubstr("; alert at 1e5"));
}

}  // namespace
}  // namespace ringfence
