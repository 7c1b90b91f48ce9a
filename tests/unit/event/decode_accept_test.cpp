// SPDX-License-Identifier: Apache-2.0
// What a canonical event may say, and what the core then reads.
#include <gmock/gmock.h>

#include "engine/event/limits.h"
#include "tests/unit/event/events.h"

namespace ringfence {
namespace {

using namespace testing_events;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Optional;
using ::testing::UnorderedElementsAre;

class AcceptedEvent : public ::testing::Test {
 protected:
  Event accept(std::string_view bytes, std::optional<EventTime> arrival = std::nullopt) {
    auto event = decode_(bytes, arrival);
    EXPECT_TRUE(event.has_value()) << event.error().detail << " in " << bytes.substr(0, 300);
    return event ? *event : Event{};
  }
  Decoding decode_;
};

TEST_F(AcceptedEvent, TheExampleOfTheContractIsReadFieldByField) {
  const std::string bytes = data_file("event-example.json");
  const Event e = accept(bytes);
  EXPECT_EQ(e.kind, EventKind::ToolCall);
  EXPECT_EQ(e.phase, Phase::Complete);
  EXPECT_EQ(e.id, "call-55102");
  EXPECT_EQ(format_rfc3339(e.time), "2026-11-20T10:20:00.123456Z");
  EXPECT_EQ(e.tenant, "corp");
  EXPECT_EQ(e.agent.id, "spiffe://corp.example/agent/ap-invoice");
  EXPECT_THAT(e.agent.instance, Optional(std::string_view("run-8841")));
  EXPECT_EQ(e.agent.trust, Trust::Verified);
  EXPECT_THAT(e.agent.persona, Optional(std::string_view("ap-invoice")));
  EXPECT_THAT(e.user.id, Optional(std::string_view("u-2207")));
  EXPECT_THAT(e.session.id, Optional(std::string_view("run-8841")));
  EXPECT_THAT(e.session.kind, Optional(std::string_view("conversation")));
  EXPECT_THAT(e.task.id, Optional(std::string_view("t-77")));
  EXPECT_THAT(e.tool.server, Optional(std::string_view("erp")));
  EXPECT_THAT(e.tool.name, Optional(std::string_view("payments.create")));
  EXPECT_THAT(e.tool.call_id, Optional(std::string_view("call-55102")));
  ASSERT_TRUE(e.args);
  EXPECT_TRUE(e.args->raw.starts_with("{\"destination_account\"") && e.args->raw.ends_with("\"GBP\"}"));
  EXPECT_THAT(e.destination.hosts, ElementsAre("erp.corp.example"));
  EXPECT_THAT(e.destination.accounts, ElementsAre("GB29NWBK60161331926819"));
  EXPECT_EQ(e.outcome.status, Outcome::Ok);
  EXPECT_THAT(e.outcome.code, Optional(std::string_view("200")));
  EXPECT_THAT(e.bytes.request, Optional(212));
  EXPECT_THAT(e.bytes.response, Optional(480));
  EXPECT_THAT(e.duration_ms, Optional(41.0));
  EXPECT_THAT(e.source.product, Optional(std::string_view("agentgateway")));
  EXPECT_EQ(e.unknown_fields, 0U);
  EXPECT_EQ(e.ignored_elements, 0U);
}

TEST_F(AcceptedEvent, EveryEventOfThePersonaExampleIsAccepted) {
  std::istringstream lines(data_file("ap-ordinary.ndjson"));
  std::size_t count = 0;
  for (std::string line; std::getline(lines, line); ++count) EXPECT_EQ(accept(line).tenant, "corp") << line;
  EXPECT_EQ(count, 6U);
}

TEST_F(AcceptedEvent, AbsentIsNeitherEmptyNorZero) {
  const Event e = accept(kAct);
  EXPECT_EQ(e.tenant, "default");
  EXPECT_EQ(e.agent.trust, Trust::Asserted);
  EXPECT_FALSE(e.args || e.result || e.arg_ids || e.result_ids || e.task.actions || e.tool.effect || e.data.untrusted);
  EXPECT_FALSE(e.bytes.request || e.records.returned || e.tokens.input || e.cost_usd || e.duration_ms || e.outcome.code);
}

TEST_F(AcceptedEvent, NullMeansAbsentWhateverTheField) {
  for (const char* field : {"tenant", "user", "session", "args", "result", "arg_ids", "destination", "bytes", "cost_usd", "phase",
                            "approval", "task", "scope", "change"}) {
    const std::string bytes = with('/' + std::string(field), "null");
    const Event e = accept(bytes);
    EXPECT_EQ(e.unknown_fields, 0U) << field;
    EXPECT_FALSE(e.args || e.result || e.arg_ids || e.cost_usd) << field;
    EXPECT_EQ(e.tenant, "default") << field;
  }
  EXPECT_FALSE(accept(with("/agent/trust", "null")).agent.name);
}

TEST_F(AcceptedEvent, AnEmptyListAllowsNothingAndIsNotAnAbsentOne) {
  const std::string bytes =
      with("/task", R"({"id":"t","actions":[],"resources":["a","b/**"],"expires":"2026-11-21T00:00:00+01:00"})", kTaskStart);
  const Event e = accept(bytes);
  ASSERT_TRUE(e.task.actions);
  EXPECT_THAT(*e.task.actions, IsEmpty());
  EXPECT_FALSE(e.task.destinations);
  EXPECT_THAT(*e.task.resources, ElementsAre("a", "b/**"));
  EXPECT_EQ(format_rfc3339(*e.task.expires), "2026-11-20T23:00:00Z");
}

TEST_F(AcceptedEvent, UnknownFieldsAreCountedInEveryObjectTheContractKnows) {
  const std::string bytes =
      with("/agent", R"({"id":"a","colour":{"id":1,"deep":[{"x":1e999}]},"colour":2})", with("/extra", R"(["\u00e9",true,null,-0.5e+3])"));
  EXPECT_EQ(accept(bytes).unknown_fields, 3U);
}

TEST_F(AcceptedEvent, TheFirstUnknownFieldsAreNamedAsTheContractNamesFields) {
  const std::string bytes = with("/agent", R"({"trsut":"verified","id":"a"})", with("/outcme", "{}"));
  EXPECT_THAT(accept(bytes).unknown_names, UnorderedElementsAre("agent.trsut", "outcme"));
  std::string more = std::string(kAct.substr(0, kAct.size() - 1)) + R"(,"k\u0061":1)";
  for (int i = 10; i < 50; ++i) more += ",\"k" + std::to_string(i) + "\":1";
  const Event e = accept(more + "}");
  EXPECT_EQ(e.unknown_fields, 41U);
  ASSERT_EQ(e.unknown_names.size(), 32U);
  EXPECT_EQ(e.unknown_names.front(), "ka");
  EXPECT_EQ(e.unknown_names.back(), "k40");
  EXPECT_THAT(accept(kAct).unknown_names, IsEmpty());
}

TEST_F(AcceptedEvent, FieldsAreFoundInAnyOrderAndWithEscapedNames) {
  const std::string bytes =
      R"( {"outcome":{"status":"denied"},"\u0074ool":{"na\u006de":"get"},"agent":{"\u0069d":"agent\u002d1"},"time":"2026-11-20T10:20:00Z","id":"x","kind":"tool_call","v":1} )";
  const Event e = accept(bytes);
  EXPECT_EQ(e.agent.id, "agent-1");
  EXPECT_THAT(e.tool.name, Optional(std::string_view("get")));
  EXPECT_EQ(e.outcome.status, Outcome::Denied);
  EXPECT_EQ(e.unknown_fields, 0U);
}

TEST_F(AcceptedEvent, ControlCharactersAndEscapesInIdentifiersAreLegal) {
  const std::string bytes = with("/agent/id", R"("a\u0000\n\"\\\/\b\f\r\t\ud83d\ude00")");
  using namespace std::string_view_literals;
  EXPECT_EQ(accept(bytes).agent.id, "a\0\n\"\\/\b\f\r\t\xF0\x9F\x98\x80"sv);
}

TEST_F(AcceptedEvent, LengthsCountUnicodeCharacters) {
  std::string letters;
  for (std::size_t i = 0; i < limits::kEventIdChars; ++i) letters += "\xC3\xA9";
  EXPECT_EQ(accept(with("/id", str(letters))).id.size(), 256U);
  EXPECT_EQ(accept(with("/tenant", str(letters))).tenant.size(), 256U);
  std::string longest;
  for (std::size_t i = 0; i < limits::kAgentIdChars; ++i) longest += "\\uD83D\\uDE00";
  EXPECT_EQ(accept(with("/agent/id", str(longest))).agent.id.size(), 2048U);
}

TEST_F(AcceptedEvent, ADestinationIsOneStringOrUpTo64) {
  std::string many = "[\"h\"";
  for (std::size_t i = 1; i < limits::kDestinations; ++i) many += ",\"h\"";
  EXPECT_EQ(accept(with("/destination", R"({"host":)" + many + R"(],"account":"acc"})")).destination.hosts.size(), 64U);
  EXPECT_THAT(accept(with("/destination", R"({"account":[]})")).destination.accounts, IsEmpty());
}

TEST_F(AcceptedEvent, NumbersKeepTheirWholeRange) {
  EXPECT_THAT(accept(with("/bytes", R"({"request":9223372036854775807,"response":0})")).bytes.request,
              Optional(std::numeric_limits<std::int64_t>::max()));
  EXPECT_THAT(accept(with("/records", R"({"matched":-0})")).records.matched, Optional(0));
  EXPECT_THAT(accept(with("/cost_usd", "1.25e-3")).cost_usd, Optional(0.00125));
  EXPECT_THAT(accept(with("/cost_usd", "1e-400")).cost_usd, Optional(0.0));
  EXPECT_FALSE(std::signbit(*accept(with("/duration_ms", "-0.0")).duration_ms));
  EXPECT_THAT(accept(with("/tokens", R"({"input":12,"output":1.7976931348623157e308})")).tokens.output, Optional(1.7976931348623157e308));
}

TEST_F(AcceptedEvent, EveryEnumerationIsReadByItsName) {
  const std::vector<std::pair<const char*, Effect>> effects{
      {"read", Effect::Read},         {"write", Effect::Write},     {"delete", Effect::Delete}, {"send", Effect::Send},
      {"transfer", Effect::Transfer}, {"execute", Effect::Execute}, {"admin", Effect::Admin},   {"delegate", Effect::Delegate}};
  for (const auto& [name, effect] : effects) EXPECT_THAT(accept(with("/tool/effect", str(name))).tool.effect, Optional(effect)) << name;
  const std::vector<std::pair<const char*, Outcome>> outcomes{
      {"ok", Outcome::Ok}, {"denied", Outcome::Denied}, {"error", Outcome::Error}, {"unknown", Outcome::Unknown}};
  for (const auto& [name, outcome] : outcomes) EXPECT_EQ(accept(with("/outcome/status", str(name))).outcome.status, outcome) << name;
  const std::vector<std::pair<const char*, ChangeKind>> changes{{"outage_start", ChangeKind::OutageStart},
                                                                {"outage_end", ChangeKind::OutageEnd},
                                                                {"policy", ChangeKind::Policy},
                                                                {"credential", ChangeKind::Credential},
                                                                {"deploy", ChangeKind::Deploy}};
  for (const auto& [name, change] : changes) EXPECT_EQ(accept(with("/change", str(name), kChange)).change, change) << name;
  const std::vector<std::pair<const char*, TaskClaim>> claims{
      {"done", TaskClaim::Done}, {"failed", TaskClaim::Failed}, {"refused", TaskClaim::Refused}};
  for (const auto& [name, claim] : claims)
    EXPECT_THAT(accept(with("/task", R"({"claim":)" + str(name) + "}")).task.claim, Optional(claim)) << name;
  EXPECT_EQ(accept(with("/phase", R"("request")")).phase, Phase::Request);
  EXPECT_EQ(accept(with("/phase", R"("complete")")).phase, Phase::Complete);
  EXPECT_EQ(accept(with("/agent/trust", R"("asserted")")).agent.trust, Trust::Asserted);
}

TEST_F(AcceptedEvent, EachKindNeedsOnlyWhatItsMeaningNeeds) {
  EXPECT_EQ(accept(kTaskStart).kind, EventKind::TaskStart);
  EXPECT_EQ(accept(with("/kind", R"("task_end")", kTaskStart)).kind, EventKind::TaskEnd);
  EXPECT_EQ(accept(with("/kind", R"("tool_definition")", kAct)).kind, EventKind::ToolDefinition);
  const std::string signal = with("/signal", R"({"name":"dlp","score":1,"detail":"x"})", with("/kind", R"("signal")", kTaskStart));
  EXPECT_THAT(accept(signal).signal.score, Optional(1.0));
  EXPECT_EQ(accept(kChange).agent.id, "");
}

TEST_F(AcceptedEvent, AContextChangeHasAScopeOfAKnownForm) {
  for (const char* scope :
       {"agent:spiffe://x/y", "persona:ap", "server:erp", "tool:erp/payments.create", "tool:a/b/c", "tenant:corp", "*"}) {
    EXPECT_EQ(accept(with("/scope", str(scope), kChange)).scope, scope);
  }
}

TEST_F(AcceptedEvent, AnApprovalAfterTheActCountsAsAbsent) {
  EXPECT_TRUE(accept(with("/approval", R"({"by":"u","at":"2026-11-20T10:20:00Z"})")).approval.at);
  const Event late = accept(with("/approval", R"({"by":"u","at":"2026-11-20T10:20:00.000000001Z"})"));
  EXPECT_FALSE(late.approval.at);
  EXPECT_THAT(late.approval.by, Optional(std::string_view("u")));
}

TEST_F(AcceptedEvent, AnHourAheadOfArrivalIsStillAccepted) {
  const EventTime act = *parse_rfc3339("2026-11-20T10:20:00Z");
  accept(kAct, act - hours(1));
  accept(kAct, act + days(400));
  accept(kAct, EventTime{std::numeric_limits<std::int64_t>::max()});
}

TEST_F(AcceptedEvent, IdentifiersOfTheWrongFormAreIgnoredAndCounted) {
  const std::string bytes =
      with("/arg_ids", R"(["id=dec-5:0123456789abcdef","word.hex-40:fedcba9876543210","dec-5:0123456789ABCDEF",7,{"a":[1]},null,""])");
  const Event e = accept(bytes);
  EXPECT_THAT(*e.arg_ids, ElementsAre("id=dec-5:0123456789abcdef", "word.hex-40:fedcba9876543210"));
  EXPECT_EQ(e.ignored_elements, 5U);
  EXPECT_FALSE(e.result_too_large);
}

TEST_F(AcceptedEvent, TheOtherCommonFieldsHaveTheirPlaces) {
  const std::string bytes =
      with("/delegation", R"({"parent":"p","root":"r","session":"s","chain":["a","b"]})",
           with("/client", R"({"address":"10.0.0.1","name":"n","version":"v","fingerprint":"f"})",
                with("/credential", R"({"kind":"token","fingerprint":"fp"})",
                     with("/trace", R"({"trace_id":"0aF","span_id":"12"})",
                          with("/data", R"({"classes":["pii","secret"],"untrusted":true})",
                               with("/resource", R"({"uri":"u","type":"t"})", with("/agent/charter_sha256", R"("ABCDEFabcdef0123")")))))));
  const Event e = accept(bytes);
  EXPECT_THAT(e.delegation.chain, ElementsAre("a", "b"));
  EXPECT_THAT(e.delegation.parent, Optional(std::string_view("p")));
  EXPECT_THAT(e.client.address, Optional(std::string_view("10.0.0.1")));
  EXPECT_THAT(e.credential.fingerprint, Optional(std::string_view("fp")));
  EXPECT_THAT(e.trace.trace_id, Optional(std::string_view("0aF")));
  EXPECT_THAT(e.data.classes, ElementsAre("pii", "secret"));
  EXPECT_THAT(e.data.untrusted, Optional(true));
  EXPECT_THAT(e.resource.type, Optional(std::string_view("t")));
  EXPECT_THAT(e.agent.charter_sha256, Optional(std::string_view("ABCDEFabcdef0123")));
}

TEST_F(AcceptedEvent, TheLargestRecordAndStringAreAccepted) {
  const std::string text(limits::kStringBytes, 'x');
  EXPECT_EQ(accept(with("/outcome/reason", str(text))).outcome.reason->size(), limits::kStringBytes);
  std::string bytes = with("/result", str(text));
  bytes += std::string(limits::kEventBytes - bytes.size(), ' ');
  EXPECT_TRUE(accept(bytes).result);
}

TEST(Miss, OnlyAnErrorWhoseCodeSaysNotThereIsOne) {
  Decoding decode;
  for (const char* code : {"404", "410", "-32602", "not_found", "unknown_tool"}) {
    EXPECT_TRUE(is_miss(*decode(with("/outcome", R"({"status":"error","code":)" + str(code) + "}")))) << code;
    EXPECT_FALSE(is_miss(*decode(with("/outcome", R"({"status":"denied","code":)" + str(code) + "}")))) << code;
  }
  EXPECT_FALSE(is_miss(*decode(with("/outcome", R"({"status":"error","code":"403"})"))));
  EXPECT_FALSE(is_miss(*decode(with("/outcome", R"({"status":"error"})"))));
}

}  // namespace
}  // namespace ringfence
