// SPDX-License-Identifier: Apache-2.0
// What is refused, why, and what of the record is still shown.
#include <gmock/gmock.h>

#include "engine/event/decode_salvage.h"
#include "engine/event/limits.h"
#include "tests/unit/event/events.h"

namespace ringfence {
namespace {

using namespace testing_events;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

struct Case {
  std::string why;
  std::string bytes;
  RefusalReason reason;
  std::string field;  // the detail starts with it and a colon
};

void PrintTo(const Case& c, std::ostream* out) { *out << c.why; }

class RefusedEvent : public ::testing::TestWithParam<Case> {};

TEST_P(RefusedEvent, IsRefusedForItsReasonAndNamesItsField) {
  Decoding decode;
  const auto event = decode(GetParam().bytes);
  ASSERT_FALSE(event.has_value());
  EXPECT_EQ(name_of(event.error().reason), name_of(GetParam().reason)) << event.error().detail;
  EXPECT_EQ(event.error().stage, "decode");
  EXPECT_THAT(event.error().detail, StartsWith(GetParam().field + ": "));
}

std::string nested(std::size_t levels) { return std::string(levels, '[') + std::string(levels, ']'); }

std::string repeated(std::string_view piece, std::size_t times) {
  std::string out;
  for (std::size_t i = 0; i < times; ++i) out += piece;
  return out;
}

std::string added(std::string_view members) { return std::string(kAct.substr(0, kAct.size() - 1)) + ',' + std::string(members) + '}'; }

using enum RefusalReason;

TEST(RefusedRecord, SaysWhetherItEndsTooEarlyOrSomethingStandsBehind) {
  EventDecoder decoder;
  const auto detail = [&](const std::string& text) {
    EventArena arena;
    const auto event = decoder.decode(text, std::nullopt, arena);
    return event ? "" : event.error().detail;
  };
  for (const char* behind : {"x", "]", " 1", ",", "\"x\"", " {\"v\":1", "}x"})
    EXPECT_EQ(detail(std::string(kAct) + behind), "record: expected nothing behind the object") << behind;
  for (const char* cut : {R"({"v":1)", R"({"v":1,"args":{"x":[1,2])"})
    EXPECT_EQ(detail(cut), "record: ends within an object or array") << cut;
}

INSTANTIATE_TEST_SUITE_P(
    Record, RefusedEvent,
    ::testing::Values(Case{"nothing", "", Empty, "record"}, Case{"white space", " \t\r\n", Empty, "record"},
                      Case{"over 1 MiB", with("/result", str("x")) + std::string(limits::kEventBytes, ' '), TooLarge, "record"},
                      Case{"a byte order mark", "\xEF\xBB\xBF" + std::string(kAct), InvalidJson, "record"},
                      Case{"an array", "[1]", WrongType, "record"}, Case{"a string", "\"x\"", WrongType, "record"},
                      Case{"a number", "17", WrongType, "record"}, Case{"null", "null", WrongType, "record"},
                      Case{"no JSON", "hello", InvalidJson, "record"}, Case{"a bare minus", "-", InvalidJson, "record"},
                      Case{"a second document", std::string(kAct) + " {}", InvalidJson, "record"},
                      Case{"garbage behind", std::string(kAct) + "x", InvalidJson, "record"},
                      Case{"a bracket too many", std::string(kAct) + "}", InvalidJson, "record"},
                      Case{"an end too early", std::string(kAct.substr(0, kAct.size() - 1)), InvalidJson, "record"},
                      Case{"a trailing comma", std::string(kAct.substr(0, kAct.size() - 1)) + ",}", InvalidJson, "record"},
                      Case{"a missing comma", R"({"v":1 "kind":"signal"})", InvalidJson, "record"},
                      Case{"a missing colon", R"({"v" 1})", InvalidJson, "record"},
                      Case{"a key that is no string", R"({v:1})", InvalidJson, "record"},
                      Case{"a single-quoted string", "{'v':1}", InvalidJson, "record"},
                      Case{"a control character in a string", added("\"x\":\"a\nb\""), InvalidJson, "record"},
                      Case{"a NUL between tokens", added(std::string_view("\"x\":\0 1", 7)), InvalidJson, "unknown field"},
                      Case{"invalid UTF-8 in a value", added("\"x\":\"\xFF\""), InvalidUtf8, "record"},
                      Case{"an overlong form", added("\"x\":\"\xC0\xAF\""), InvalidUtf8, "record"},
                      Case{"a surrogate in UTF-8", added("\"x\":\"\xED\xA0\x80\""), InvalidUtf8, "record"},
                      Case{"a cut UTF-8 sequence in args", added("\"args\":{\"x\":\"\xE2\x82\"}"), InvalidUtf8, "record"}));

INSTANTIATE_TEST_SUITE_P(
    Required, RefusedEvent,
    ::testing::Values(Case{"no version", without("/v"), MissingField, "v"}, Case{"no kind", without("/kind"), MissingField, "kind"},
                      Case{"no id", without("/id"), MissingField, "id"}, Case{"no time", without("/time"), MissingField, "time"},
                      Case{"no agent", without("/agent"), MissingField, "agent.id"},
                      Case{"a null agent", with("/agent", "null"), MissingField, "agent.id"},
                      Case{"a null agent id", with("/agent/id", "null"), MissingField, "agent.id"},
                      Case{"no tool name", without("/tool/name"), MissingField, "tool.name"},
                      Case{"no outcome", without("/outcome"), MissingField, "outcome.status"},
                      Case{"an outcome without status", with("/outcome", R"({"code":"200"})"), MissingField, "outcome.status"},
                      Case{"a request without status", without("/outcome", with("/phase", R"("request")")), MissingField, "outcome.status"},
                      Case{"a definition of no tool", with("/kind", R"("tool_definition")", kTaskStart), MissingField, "tool.name"},
                      Case{"a task of no agent", without("/agent", kTaskStart), MissingField, "agent.id"},
                      Case{"a change without scope", without("/scope", kChange), MissingField, "scope"},
                      Case{"a change of nothing", without("/change", kChange), MissingField, "change"}));

INSTANTIATE_TEST_SUITE_P(
    OtherFormats, RefusedEvent,
    ::testing::Values(Case{"an empty object", "{}", Unmapped, "record"},
                      Case{"a log line whose scope is another", R"({"level":"info","scope":"request","http.status":200})", Unmapped,
                           "record"},
                      Case{"a log line whose outcome is a word", R"({"type":"mcp_tool_call","outcome":"success"})", Unmapped, "record"},
                      Case{"one of our fields twice", R"({"id":"1","id":"2","method":"tools/call"})", Unmapped, "record"},
                      Case{"a kind without version is ours", R"({"kind":"tool_call","scope":1})", WrongType, "scope"},
                      Case{"broken, whatever it is", R"({"level":"info",})", InvalidJson, "record"}));

INSTANTIATE_TEST_SUITE_P(
    Types, RefusedEvent,
    ::testing::Values(
        Case{"another version", with("/v", "2"), UnsupportedVersion, "v"}, Case{"version 0", with("/v", "0"), UnsupportedVersion, "v"},
        Case{"a version with a point", with("/v", "1.0"), WrongType, "v"}, Case{"a version as text", with("/v", R"("1")"), WrongType, "v"},
        Case{"an id that is a number", with("/id", "5"), WrongType, "id"},
        Case{"an agent that is a string", with("/agent", R"("a")"), WrongType, "agent"},
        Case{"a tool that is a list", with("/tool", "[]"), WrongType, "tool"},
        Case{"args that are a list", with("/args", "[1]"), WrongType, "args"},
        Case{"args that are a string", with("/args", R"("{}")"), WrongType, "args"},
        Case{"args that are broken", with("/args", "nope"), InvalidJson, "args"},
        Case{"a name that is an object", with("/tool/name", R"({"a":1})"), WrongType, "tool.name"},
        Case{"a name that is broken", with("/tool/name", "tru"), InvalidJson, "tool.name"},
        Case{"a code that is a number", with("/outcome/code", "403"), WrongType, "outcome.code"},
        Case{"untrusted as text", with("/data", R"({"untrusted":"yes"})"), WrongType, "data.untrusted"},
        Case{"untrusted as a number", with("/data", R"({"untrusted":1})"), WrongType, "data.untrusted"},
        Case{"classes as a string", with("/data", R"({"classes":"pii"})"), WrongType, "data.classes"},
        Case{"a class that is a number", with("/data", R"({"classes":["pii",1]})"), WrongType, "data.classes"},
        Case{"a class that is null", with("/data", R"({"classes":[null]})"), WrongType, "data.classes"},
        Case{"identifiers as a string", with("/arg_ids", R"("dec-5:0123456789abcdef")"), WrongType, "arg_ids"},
        Case{"result identifiers as an object", with("/result_ids", "{}"), WrongType, "result_ids"},
        Case{"a host that is a number", with("/destination", R"({"host":1})"), WrongType, "destination.host"},
        Case{"an account list with an object", with("/destination", R"({"account":["a",{}]})"), WrongType, "destination.account"},
        Case{"a charter that is not hex", with("/agent/charter_sha256", R"("xyz")"), WrongType, "agent.charter_sha256"},
        Case{"a definition that is not hex", with("/tool/definition_sha256", R"("")"), WrongType, "tool.definition_sha256"},
        Case{"a trace that is not hex", with("/trace", R"({"span_id":"g"})"), WrongType, "trace.span_id"},
        Case{"a time without offset", with("/time", R"("2026-11-20T10:20:00")"), WrongType, "time"},
        Case{"a time as a number", with("/time", "1763634000"), WrongType, "time"},
        Case{"ten fraction digits", with("/time", R"("2026-11-20T10:20:00.1234567890Z")"), WrongType, "time"},
        Case{"an approval at no time", with("/approval", R"({"at":"yesterday"})"), WrongType, "approval.at"},
        Case{"an expiry at no time", with("/task", R"({"expires":""})"), WrongType, "task.expires"},
        Case{"another kind", with("/kind", R"("tool-call")"), UnknownValue, "kind"},
        Case{"another phase", with("/phase", R"("started")"), UnknownValue, "phase"},
        Case{"another effect", with("/tool/effect", R"("Read")"), UnknownValue, "tool.effect"},
        Case{"another outcome", with("/outcome/status", R"("success")"), UnknownValue, "outcome.status"},
        Case{"another trust", with("/agent/trust", R"("")"), UnknownValue, "agent.trust"},
        Case{"another claim", with("/task", R"({"claim":"ok"})"), UnknownValue, "task.claim"},
        Case{"another change", with("/change", R"("maintenance")", kChange), UnknownValue, "change"},
        Case{"a bare scope", with("/scope", R"("erp")", kChange), UnknownValue, "scope"},
        Case{"a scope of nothing", with("/scope", R"("agent:")", kChange), UnknownValue, "scope"},
        Case{"a tool scope without server", with("/scope", R"("tool:/x")", kChange), UnknownValue, "scope"},
        Case{"a tool scope without name", with("/scope", R"("tool:erp/")", kChange), UnknownValue, "scope"},
        Case{"a tool scope without slash", with("/scope", R"("tool:erp")", kChange), UnknownValue, "scope"},
        Case{"an unknown scope type", with("/scope", R"("user:u")", kChange), UnknownValue, "scope"}));

INSTANTIATE_TEST_SUITE_P(
    Ranges, RefusedEvent,
    ::testing::Values(
        Case{"a negative count", with("/bytes", R"({"request":-1})"), OutOfRange, "bytes.request"},
        Case{"a count with a point", with("/bytes", R"({"response":1.0})"), WrongType, "bytes.response"},
        Case{"a count with an exponent", with("/records", R"({"returned":1e3})"), WrongType, "records.returned"},
        Case{"a count over 2^63-1", with("/records", R"({"matched":9223372036854775808})"), OutOfRange, "records.matched"},
        Case{"a count with a leading zero", with("/records", R"({"population":01})"), InvalidJson, "records.population"},
        Case{"a count with a plus", with("/records", R"({"population":+1})"), InvalidJson, "records.population"},
        Case{"a count as text", with("/records", R"({"population":"1"})"), WrongType, "records.population"},
        Case{"negative tokens", with("/tokens", R"({"input":-1})"), OutOfRange, "tokens.input"},
        Case{"an infinite cost", with("/cost_usd", "1e400"), OutOfRange, "cost_usd"},
        Case{"a negative cost", with("/cost_usd", "-0.01"), OutOfRange, "cost_usd"},
        Case{"an integer cost over 2^63-1", with("/cost_usd", "9223372036854775808"), OutOfRange, "cost_usd"},
        Case{"a cost that is no number", with("/cost_usd", "NaN"), InvalidJson, "cost_usd"},
        Case{"a duration as text", with("/duration_ms", R"("41")"), WrongType, "duration_ms"},
        Case{"a score above 1", with("/signal", R"({"score":1.0001})"), OutOfRange, "signal.score"},
        Case{"a score below 0", with("/signal", R"({"score":-1})"), OutOfRange, "signal.score"},
        Case{"an empty id", with("/id", R"("")"), OutOfRange, "id"},
        Case{"an id of 129 characters", with("/id", str(std::string(129, 'x'))), OutOfRange, "id"},
        Case{"an empty tenant", with("/tenant", R"("")"), OutOfRange, "tenant"},
        Case{"a tenant of 129 characters", with("/tenant", str(repeated("\xC3\xA9", 129))), OutOfRange, "tenant"},
        Case{"an empty agent id", with("/agent/id", R"("")"), OutOfRange, "agent.id"},
        Case{"an agent id of 513 characters", with("/agent/id", str(std::string(513, 'x'))), OutOfRange, "agent.id"},
        Case{"65 hosts", with("/destination", R"({"host":["h")" + repeated(",\"h\"", 64) + "]}"), OutOfRange, "destination.host"},
        Case{"a chain of 65", with("/delegation", R"({"chain":["h")" + repeated(",\"h\"", 64) + "]}"), OutOfRange, "delegation.chain"},
        Case{"a string over 64 KiB", with("/outcome/reason", str(std::string(limits::kStringBytes + 1, 'x'))), StringTooLong,
             "outcome.reason"},
        Case{"a string over 64 KiB in args", with("/args", R"({"x":)" + str(std::string(limits::kStringBytes + 1, 'x')) + "}"),
             StringTooLong, "args"},
        Case{"a key over 64 KiB in result", with("/result", "{" + str(std::string(limits::kStringBytes + 1, 'x')) + ":1}"), StringTooLong,
             "result"},
        Case{"an unknown string over 64 KiB", with("/other", str(std::string(limits::kStringBytes + 1, 'x'))), StringTooLong,
             "unknown field"},
        Case{"nesting of 33 in args", with("/args", R"({"x":)" + nested(31) + "}"), TooDeep, "args"},
        Case{"nesting of 33 in result", with("/result", nested(32)), TooDeep, "result"},
        Case{"nesting of 33 in an unknown field", with("/other", nested(32)), TooDeep, "unknown field"},
        Case{"nesting of 100,000", with("/result", nested(100'000)), TooDeep, "result"},
        Case{"too many values", with("/args", R"({"a":[0)" + repeated(",0", limits::kLeavesPerValue) + "]}"), TooLarge, "args"},
        Case{"long keys above a long list", with("/args", "{" + str(std::string(60'000, 'k')) + ":[0" + repeated(",0", 1000) + "]}"),
             TooLarge, "args"}));

INSTANTIATE_TEST_SUITE_P(
    Duplicates, RefusedEvent,
    ::testing::Values(Case{"two ids", added(R"("id":"call-1")"), DuplicateField, "id"},
                      Case{"two agents", added(R"("agent":{"id":"agent-1"})"), DuplicateField, "agent"},
                      Case{"two args", with("/args", R"({},"args":{})"), DuplicateField, "args"},
                      Case{"a null before a value", with("/args", R"(null,"args":{})"), DuplicateField, "args"},
                      Case{"two statuses", with("/outcome", R"({"status":"denied","status":"ok"})"), DuplicateField, "outcome.status"},
                      Case{"a name written otherwise", with("/agent", R"({"id":"a","\u0069d":"b"})"), DuplicateField, "agent.id"}));

INSTANTIATE_TEST_SUITE_P(
    Escapes, RefusedEvent,
    ::testing::Values(Case{"a lone high surrogate", with("/agent/id", R"("a\ud800")"), InvalidUtf8, "agent.id"},
                      Case{"a lone low surrogate", with("/tool/name", R"("\udc00x")"), InvalidUtf8, "tool.name"},
                      Case{"two high surrogates", with("/id", R"("\ud800\ud800")"), InvalidUtf8, "id"},
                      Case{"a lone surrogate in a list", with("/data", R"({"classes":["\ud800"]})"), InvalidUtf8, "data.classes"},
                      Case{"a lone surrogate in an identifier", with("/arg_ids", R"(["\ud800"])"), InvalidUtf8, "arg_ids"},
                      Case{"a lone surrogate in a name of a field", added(R"("\ud800":1)"), InvalidUtf8, "unknown field"},
                      Case{"an unknown escape", with("/id", R"("\q")"), InvalidJson, "id"},
                      Case{"a short escape", with("/id", R"("\u12")"), InvalidJson, "id"},
                      Case{"a signed escape", with("/id", R"("\u+123")"), InvalidJson, "id"},
                      Case{"an unknown escape in args", with("/args", R"({"a":"\x41"})"), InvalidJson, "args"},
                      Case{"an unknown escape in a key of args", with("/args", R"({"\x41":1})"), InvalidJson, "args"},
                      Case{"an unknown escape in an unknown field", added(R"("x":["\x41"])"), InvalidJson, "unknown field"}));

INSTANTIATE_TEST_SUITE_P(Syntax, RefusedEvent,
                         ::testing::Values(Case{"a broken literal in args", with("/args", R"({"a":tru})"), InvalidJson, "args"},
                                           Case{"a long literal in args", with("/args", R"({"a":nullx})"), InvalidJson, "args"},
                                           Case{"a leading zero in args", with("/args", R"({"a":00})"), InvalidJson, "args"},
                                           Case{"a bare point in args", with("/args", R"({"a":1.})"), InvalidJson, "args"},
                                           Case{"a bare exponent in args", with("/args", R"({"a":1e})"), InvalidJson, "args"},
                                           Case{"hex in args", with("/args", R"({"a":0x10})"), InvalidJson, "args"},
                                           Case{"a string behind a number in args", with("/args", R"({"a":1"b"})"), InvalidJson, "args"},
                                           Case{"a number behind a string in args", with("/args", R"({"a":"b"1})"), InvalidJson, "record"},
                                           Case{"no value in args", with("/args", R"({"a":})"), InvalidJson, "args"},
                                           Case{"a comma too many in a result", with("/result", "[1,]"), InvalidJson, "result"},
                                           Case{"a key in a list", with("/result", R"(["a":1])"), InvalidJson, "record"},
                                           Case{"a key in a list of names", with("/data", R"({"classes":["a":1]})"), InvalidJson, "record"},
                                           Case{"a key in an unknown list", added(R"("x":["a":1])"), InvalidJson, "record"},
                                           Case{"a key as a value", added(R"("x":"a":1)"), InvalidJson, "record"},
                                           Case{"no comma in a result", with("/result", "[1 2]"), InvalidJson, "record"},
                                           Case{"the wrong bracket in a result", with("/result", "[1}"), InvalidJson, "record"},
                                           Case{"a broken unknown field", added(R"("x":{"y":[1,-]})"), InvalidJson, "unknown field"},
                                           Case{"an unknown field without value", added(R"("x":)"), InvalidJson, "unknown field"}));

TEST(Refusal, ATimeNoActCanHaveIsRefused) {
  Decoding decode;
  for (const char* time : {"1677-10-01T00:00:00Z", "1970-01-01T00:00:00Z", "1999-12-31T23:59:59.999999999Z", "2000-01-01T00:59:59+01:00",
                           "2200-01-01T00:00:00Z", "2262-04-11T00:00:00Z"}) {
    const auto event = decode(with("/time", str(time)));
    ASSERT_FALSE(event.has_value()) << time;
    EXPECT_EQ(event.error().reason, RefusalReason::OutOfRange) << time;
    EXPECT_EQ(event.error().detail, "time: expected a time from 2000 to 2199") << time;
  }
  for (const char* time : {"2000-01-01T00:00:00Z", "2199-12-31T23:59:59.999999999Z"})
    EXPECT_TRUE(decode(with("/time", str(time))).has_value()) << time;
}

TEST(Refusal, ARecordMoreThanAnHourAheadOfItsArrivalIsRefused) {
  Decoding decode;
  const EventTime act = *parse_rfc3339("2026-11-20T10:20:00Z");
  const auto event = decode(kAct, act - hours(1) - Nanos{1});
  ASSERT_FALSE(event.has_value());
  EXPECT_EQ(event.error().reason, RefusalReason::FromTheFuture);
  EXPECT_THAT(event.error().detail, StartsWith("time: "));
  EXPECT_FALSE(decode(kAct, EventTime{std::numeric_limits<std::int64_t>::min()}).has_value());
}

TEST(Refusal, TheDetailNeverRepeatsTheRecord) {
  Decoding decode;
  for (const std::string& bytes :
       {with("/outcome/status", R"("hunter2")"), with("/hunter2", "tru"), with("/args", R"({"hunter2":hunter2})"),
        with("/scope", R"("hunter2")", kChange), with("/time", R"("hunter2")"), with("/cost_usd", "-4711")}) {
    const auto event = decode(bytes);
    ASSERT_FALSE(event.has_value()) << bytes;
    EXPECT_THAT(event.error().detail, Not(::testing::AnyOf(HasSubstr("hunter2"), HasSubstr("4711"))));
  }
}

struct Shown {
  const char* why;
  std::string bytes, agent, tenant;
};

TEST(Refusal, ShowsTheAgentAndTenantThatCouldBeRead) {
  const std::string agent = R"("agent":{"name":"n","id":"spiffe://a/\u0062"})";
  const std::vector<Shown> cases{
      {"a later field breaks", "{\"tenant\":\"corp\"," + agent + ",\"kind\":5}", "spiffe://a/b", "corp"},
      {"an earlier field breaks", "{\"kind\":5," + agent + ",\"tenant\":\"corp\"}", "spiffe://a/b", "corp"},
      {"an earlier value is no JSON", "{\"kind\":tru[{\"x\":1}]," + agent + ",\"tenant\":\"corp\"}", "spiffe://a/b", "corp"},
      {"cut behind the agent", "{\"tenant\":\"corp\"," + agent + ",\"args\":{\"x\":[1,{\"y\":\"", "spiffe://a/b", "corp"},
      {"cut before the tenant", "{" + agent + ",\"args\":{\"x", "spiffe://a/b", ""},
      {"invalid UTF-8 elsewhere", "{" + agent + ",\"x\":\"\xFF\"}", "spiffe://a/b", "default"},
      {"no tenant", "{" + agent + "}", "spiffe://a/b", "default"},
      {"a null tenant", "{\"tenant\":null," + agent + "}", "spiffe://a/b", "default"},
      {"a byte order mark", "\xEF\xBB\xBF{" + agent + "}", "spiffe://a/b", "default"},
      {"an agent inside args only", R"({"args":{"agent":{"id":"forged"},"tenant":"forged"}})", "", "default"},
      {"an agent inside a string only", R"({"x":"\",\"agent\":{\"id\":\"forged\"}"})", "", "default"},
      {"the first of two", R"({"agent":{"id":"first","id":"second"},"tenant":"a","tenant":"b"})", "first", "a"},
      {"an agent id that is too long", R"({"agent":{"id":")" + std::string(513, 'x') + "\"}}", "", "default"},
      {"an agent id of invalid UTF-8", "{\"agent\":{\"id\":\"\xFF\"}}", "", "default"},
      {"an agent id with half a surrogate", R"({"agent":{"id":"\ud800"}})", "", "default"},
      {"a cut agent id", R"({"agent":{"id":"spiffe://a)", "", ""},
      {"an array", "[" + agent + "]", "", ""},
      {"no JSON", "hello", "", ""},
  };
  Decoding decode;
  for (const Shown& c : cases) {
    const auto event = decode(c.bytes);
    ASSERT_FALSE(event.has_value()) << c.why;
    EXPECT_EQ(event.error().agent_id, c.agent) << c.why;
    EXPECT_EQ(event.error().tenant, c.tenant) << c.why;
  }
}

TEST(Refusal, ARecordTooLargeToHoldStillShowsItsAgent) {
  Record record;
  record.bytes = R"({"agent":{"id":"a"},"tenant":"corp","args":{"x":")";
  const Refusal refusal = too_large(record);
  EXPECT_EQ(refusal.reason, RefusalReason::TooLarge);
  EXPECT_EQ(refusal.agent_id, "a");
  EXPECT_EQ(refusal.tenant, "corp");
}

TEST(Refusal, TheAgentOfARecordTooLargeToHoldIsFoundWhereverItStands) {
  const std::string record = R"({"args":{"agent":{"id":"forged"},"x":")" + std::string(3U << 20U, 'x') +
                             R"(\"}},\"agent\":{\"id\":\"forged\"}"},"tenant":"corp","agent":{"name":"n","id":"spiffe:\/\/a"}})";
  for (const std::size_t piece : {std::size_t{7}, std::size_t{1} << 16U, record.size()}) {
    decoding::AgentSearch search;
    for (std::size_t at = 0; at < record.size(); at += piece) search.read(std::string_view(record).substr(at, piece));
    const ringfence::Shown shown = search.shown();
    EXPECT_EQ(shown.agent_id, "spiffe://a");
    EXPECT_EQ(shown.tenant, "corp");
    Record cut;
    cut.shown = &shown;
    EXPECT_EQ(too_large(cut).agent_id, "spiffe://a");
  }
}

TEST(Refusal, EveryReasonHasItsOwnName) {
  std::set<std::string_view> names;
  for (int i = 0; i <= static_cast<int>(RefusalReason::Unmapped); ++i) names.insert(name_of(static_cast<RefusalReason>(i)));
  EXPECT_EQ(names.size(), 15U);
}

}  // namespace
}  // namespace ringfence
