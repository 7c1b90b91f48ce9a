// SPDX-License-Identifier: Apache-2.0
// The example personas of the contract load unchanged and mean what it says.
#include "tests/unit/persona/persona_fixture.h"

namespace ringfence::testing_persona {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

Level undeclared(const Persona& p, Effect effect) { return p.response.undeclared[static_cast<std::size_t>(effect)]; }

class ContractExamples : public ::testing::Test {
 protected:
  static const PersonaLoad& examples() {
    static const PersonaLoad load = load_personas(kSource / "tests/data/contracts");
    return load;
  }
  static const Persona& named(std::string_view id) {
    for (const Persona& p : examples().set->personas())
      if (p.id == id) return p;
    throw std::runtime_error("no such persona");
  }
};

TEST_F(ContractExamples, LoadWithoutErrorOrDoubt) {
  ASSERT_TRUE(examples().set.has_value()) << ::testing::PrintToString(messages(examples()));
  EXPECT_THAT(examples().set->personas(), SizeIs(3));
  EXPECT_THAT(messages(examples(), Diagnostic::Kind::Warning), IsEmpty());
}

TEST_F(ContractExamples, TheirFolderAloneLoadsWithListsFromElsewhere) {
  const PersonaLoad load = load_personas(kSource / "tests/data/contracts/personas", kSource / "tests/data/contracts/lists");
  ASSERT_TRUE(load.set.has_value()) << ::testing::PrintToString(messages(load));
  EXPECT_EQ(load.set->sha256(), examples().set->sha256()) << "where a file lies is no part of what it says";
}

TEST_F(ContractExamples, ApInvoiceMeansWhatThePageSays) {
  const Persona& p = named("ap-invoice");
  EXPECT_EQ(p.reference(), "ap-invoice@1.4.0");
  EXPECT_EQ(p.maturity, Maturity::Junior);
  EXPECT_EQ(p.tier, 4);
  EXPECT_DOUBLE_EQ(p.tolerance(), 1.5);
  EXPECT_DOUBLE_EQ(p.response.scores.alert, 1e4);
  EXPECT_DOUBLE_EQ(p.response.scores.throttle, 1e6);
  EXPECT_DOUBLE_EQ(p.response.scores.halt, 1e8);
  EXPECT_EQ(undeclared(p, Effect::Read), Level::Alert);
  EXPECT_EQ(undeclared(p, Effect::Write), Level::Halt);
  EXPECT_EQ(p.response.undeclared_default, Level::Halt);
  EXPECT_EQ(p.response.never, Level::Halt);
  EXPECT_EQ(p.response.hard_limit, Level::Hold);
  EXPECT_EQ(p.response.holds_to_halt, 3);
  EXPECT_EQ(p.response.mode, Mode::Enforce);
  EXPECT_EQ(p.response.scope, HaltScope::Agent);
  EXPECT_DOUBLE_EQ(p.barriers.denials, .05);
  EXPECT_EQ(p.barriers.retries, 2);
  ASSERT_THAT(p.actions, SizeIs(5));
  EXPECT_EQ(p.barriers.then, 0b10100U) << "ask_approval and read_policy";
  EXPECT_EQ(p.workflow.start, 0b00001U);
  EXPECT_EQ(p.workflow.next.at(1), 0b00111U);
  EXPECT_EQ(p.workflow.before.at(3), 0b00110U) << "pay needs match_invoice and ask_approval";
  EXPECT_TRUE(p.workflow.declared);
  EXPECT_TRUE(p.actions[4].anytime);
  EXPECT_DOUBLE_EQ(*p.actions[0].share, .5);
  EXPECT_DOUBLE_EQ(*p.actions[3].share, .1);
  EXPECT_THAT(p.actions[0].returns, ElementsAre("untrusted", "internal"));
  const ArgumentRule& account = p.actions[3].arguments[0];
  EXPECT_EQ(account.pointer, "/destination_account");
  EXPECT_TRUE(account.destination);
  EXPECT_THAT(account.in_list->values,
              UnorderedElementsAre("GB29NWBK60161331926819", "DE89370400440532013000", "FR1420041010050500013M02606"));
  EXPECT_EQ(p.destinations.accounts->list, "approved_suppliers");
  EXPECT_EQ(p.destinations.external, External::None);
  EXPECT_FALSE(p.destinations.internal.has_value());
  EXPECT_DOUBLE_EQ(*p.actions[3].arguments[1].max, 50000);
  EXPECT_EQ(p.actions[1].arguments[0].identifier_kind, "invoice");
  EXPECT_DOUBLE_EQ(*p.per_call.bytes->p99, 65536);
  EXPECT_DOUBLE_EQ(*p.per_call.bytes->max, 4.0 * 1024 * 1024);
  EXPECT_FALSE(p.per_session.records->p50.has_value());
  EXPECT_DOUBLE_EQ(*p.per_session.entities_by_kind.at("invoice").p99, 60);
  EXPECT_FALSE(p.per_session.entities.has_value());
  EXPECT_DOUBLE_EQ(*p.per_day.records->max, 60000);
  EXPECT_DOUBLE_EQ(*p.calls_per_minute->p50, 8);
  ASSERT_THAT(p.flows, SizeIs(1));
  EXPECT_EQ(p.flows[0].to, FlowRule::To::External);
  EXPECT_FALSE(p.flows[0].allow);
  EXPECT_TRUE(p.delegation.declared);
  EXPECT_EQ(p.delegation.max_depth, 0);
  ASSERT_THAT(p.never, SizeIs(2));
  EXPECT_EQ(p.never[0].severity, Severity::Critical);
  EXPECT_TRUE(p.never[1].effects[static_cast<std::size_t>(Effect::Admin)]);
  EXPECT_EQ(p.schedule.timezone, "UTC");
  EXPECT_EQ(p.never[1].severity, Severity::High);
  ASSERT_THAT(p.tests, SizeIs(1));
  EXPECT_EQ(std::ranges::count(p.tests[0].events, '\n'), 6);
  EXPECT_THAT(*p.tests[0].findings, IsEmpty());
  EXPECT_THAT(p.sha256, ::testing::MatchesRegex("[0-9a-f]{64}"));
}

TEST_F(ContractExamples, CodeMaintainerTakesTierThreeAndItsOwnLevels) {
  const Persona& p = named("code-maintainer");
  EXPECT_EQ(p.maturity, Maturity::Senior);
  EXPECT_DOUBLE_EQ(p.response.scores.halt, 1e9);
  EXPECT_EQ(undeclared(p, Effect::Read), Level::Alert);
  EXPECT_EQ(undeclared(p, Effect::Write), Level::Halt) << "the file's own default speaks for what it does not name";
  EXPECT_FALSE(p.workflow.declared) << "before alone gives no order of steps";
  EXPECT_EQ(p.workflow.before.at(3), 0b0010U);
  EXPECT_EQ(p.actions[1].arguments[0].identifier_kind, "ref");
  EXPECT_FALSE(p.delegation.declared);
}

TEST_F(ContractExamples, ReconcilerIsSelectiveAndWatchesCoverage) {
  const Persona& p = named("reconciler");
  EXPECT_TRUE(p.actions[1].arguments[0].selective);
  EXPECT_DOUBLE_EQ(*p.coverage->p99, .01);
  EXPECT_DOUBLE_EQ(*p.coverage->max, .2);
  EXPECT_FALSE(p.coverage->p50.has_value());
  EXPECT_EQ(p.response.scope, HaltScope::Subtree);
}

TEST_F(ContractExamples, AgentsFindTheirPersona) {
  const auto match = [](std::string_view agent, Text bound = {}) {
    Event event;
    event.tenant = "corp";
    event.agent.id = agent;
    event.agent.persona = bound;
    const Persona* p = examples().set->match(event);
    return p == nullptr ? std::string("-") : p->id;
  };
  EXPECT_EQ(match("spiffe://corp.example/agent/ap-invoice"), "ap-invoice");
  EXPECT_EQ(match("ap-invoice-7"), "ap-invoice");
  EXPECT_EQ(match("code-12"), "code-maintainer");
  EXPECT_EQ(match("code-12", "reconciler"), "reconciler") << "the gateway's binding goes before applies_to";
  EXPECT_EQ(match("code-12", "gone"), "code-maintainer") << "a binding to nothing must not be a way out of the job";
  EXPECT_EQ(match("stranger"), "-");
}

TEST(Defaults, FollowMaturityTierAndConfidence) {
  const Loaded intern(
      persona_text("maturity: intern\nconfidence: measured\ntier: 1\nactions: [{id: r, tools: [a], effect: read}, {id: w, tools: [b], "
                   "effect: write}, {id: o, tools: [c]}]\n"));
  EXPECT_EQ(undeclared(intern.persona(), Effect::Read), Level::Halt);
  EXPECT_FALSE(intern.persona().actions[0].approval);
  EXPECT_TRUE(intern.persona().actions[1].approval) << "every effect but read";
  EXPECT_FALSE(intern.persona().actions[2].approval) << "the event may say that it is a read";
  EXPECT_DOUBLE_EQ(intern.persona().tolerance(), 1.2);
  EXPECT_DOUBLE_EQ(intern.persona().response.scores.halt, 1e12);
  const Loaded plain(persona_text());
  EXPECT_EQ(plain.persona().maturity, Maturity::Junior);
  EXPECT_EQ(plain.persona().tier, 2);
  EXPECT_DOUBLE_EQ(plain.persona().tolerance(), 2.0);
  EXPECT_DOUBLE_EQ(plain.persona().response.scores.throttle, 1e7);
  EXPECT_EQ(undeclared(plain.persona(), Effect::Read), Level::Alert);
  EXPECT_EQ(undeclared(plain.persona(), Effect::Send), Level::Halt);
  EXPECT_EQ(plain.persona().response.mode, Mode::Observe);
  EXPECT_DOUBLE_EQ(plain.persona().barriers.denials, .10);
  const Loaded senior(persona_text("maturity: senior\nresponse: {undeclared: {send: halt}}\n"));
  EXPECT_EQ(undeclared(senior.persona(), Effect::Write), Level::Alert) << "without a default in the file the maturity's levels stay";
  EXPECT_EQ(undeclared(senior.persona(), Effect::Send), Level::Halt);
  EXPECT_EQ(undeclared(senior.persona(), Effect::Delete), Level::Hold);
  EXPECT_EQ(Loaded(persona_text("maturity: principal\n")).persona().response.undeclared_default, Level::Alert);
}

TEST(Meaning, EveryKeyOfTheFormatReachesThePersona) {
  const Loaded loaded(persona_text(R"(
charter_sha256: "ABCDEFabcdef0123456789000000000000000000000000000000000000000000"
actions:
  - id: look
    tools: ["crm/get"]
    effect: read
    words: [look up]
    arguments:
      /filter/id: {identifier: true, shape: [dec-6, uuid], required: true}
      mode: {one_of: [fast, 5], max_length: 12, glob: ["f*", "5"]}
      a/b: {glob: "x*", min: -1.5}
    data: {per_call: {records: {max: 3}}, per_day: {bytes: {p99: 1.5MiB}}}
    approval: true
  - {id: tell, tools: ["mail/send"], effect: send, arguments: {to: {destination: true}}}
destinations: {hosts: [a.example], accounts: [X, Y], agents: ["peer-*"], external: grounded, internal: ["*.corp.example"], new_per_day: 4}
decoys: [{tools: ["crm/dump"], resources: ["vault/**"]}]
workflow: {at_most: {tell: 2}, after: {look: {do: tell, within: 90m}}}
data:
  per_call: {entities: {p99: 3}, tokens: {max: 1000}, cost_usd: {p50: 0.02}}
  flows: [{from: secret, to: "*.partner.example", allow: true}, {from: pii, to: "account:DE*", allow: false}]
delegation: {to: ["child-*"], from: ["boss"], max_depth: 1, max_children: 3}
credentials: {fingerprints: [f1], rotation: 12h}
schedule: {timezone: Europe/Berlin, active: ["Mon-Fri 07:00-19:00", "Sat 22:00-02:00"]}
lifetime: {max_age: 30d, max_idle: 500ms}
response: {analytics: {limit.hard: halt}, never: revoke, hard_limit: alert, scores: {alert: 1e3}, holds_to_halt: 0, scope: session}
privacy: {show: [mode], keep_text: false}
exceptions: [{id: e1, analytic: limit.hard, match: {action: look, destination: "*.example"}, reason: r, approved_by: b, expires: 2026-12-01}]
tests:
  - name: inline
    events: [{v: 1, kind: tool_call, "id": '7', ok: true, n: 1.50, t: 2026-11-20T10:00:00Z, none: null, args: {a: [1, "2"]}}]
    expect: {findings: [limit.hard], level: hold, max_score: 10}
)"));
  const Persona& p = loaded.persona();
  EXPECT_EQ(p.charter_sha256->substr(0, 12), "abcdefabcdef");
  ASSERT_THAT(p.actions[0].arguments, SizeIs(3));
  EXPECT_EQ(p.actions[0].arguments[0].pointer, "/filter/id");
  EXPECT_THAT(p.actions[0].arguments[0].shapes, ElementsAre("dec-6", "uuid"));
  EXPECT_TRUE(p.actions[0].arguments[0].required);
  EXPECT_TRUE(p.actions[0].arguments[1].one_of->contains("5"));
  EXPECT_EQ(p.actions[0].arguments[2].pointer, "/a~1b");
  EXPECT_DOUBLE_EQ(*p.actions[0].arguments[2].min, -1.5);
  EXPECT_DOUBLE_EQ(*p.actions[0].per_call->records->max, 3);
  EXPECT_DOUBLE_EQ(*p.actions[0].per_day->bytes->p99, 1.5 * 1024 * 1024);
  EXPECT_TRUE(p.actions[0].approval);
  EXPECT_THAT(p.actions[0].words, ElementsAre("look up"));
  EXPECT_TRUE(p.destinations.accounts->contains("Y"));
  EXPECT_EQ(p.destinations.external, External::Grounded);
  EXPECT_TRUE(p.destinations.internal->matches("x.corp.example"));
  EXPECT_EQ(p.destinations.new_per_day, 4);
  EXPECT_TRUE(p.decoys[0].resources.matches("vault/a/b"));
  EXPECT_EQ(p.workflow.at_most.at(1), 2);
  EXPECT_EQ(p.workflow.after.at(0).action, 1);
  EXPECT_EQ(p.workflow.after.at(0).within, minutes(90));
  EXPECT_DOUBLE_EQ(*p.per_call.entities->p99, 3);
  EXPECT_DOUBLE_EQ(*p.per_call.cost_usd->p50, .02);
  EXPECT_EQ(p.flows[0].to, FlowRule::To::Host);
  EXPECT_EQ(p.flows[1].to, FlowRule::To::Account);
  EXPECT_EQ(p.flows[1].glob->pattern(), "DE*");
  EXPECT_EQ(p.delegation.max_children, 3);
  EXPECT_EQ(p.credential_rotation, hours(12));
  EXPECT_EQ(p.max_age, days(30));
  EXPECT_EQ(p.max_idle, milliseconds(500));
  EXPECT_EQ(p.response.analytics.at("limit.hard"), Level::Halt);
  EXPECT_EQ(p.response.never, Level::Revoke);
  EXPECT_DOUBLE_EQ(p.response.scores.alert, 1e3);
  EXPECT_DOUBLE_EQ(p.response.scores.halt, 1e10);
  EXPECT_EQ(p.response.holds_to_halt, 0);
  EXPECT_EQ(p.response.scope, HaltScope::Session);
  EXPECT_EQ(p.exceptions[0].expires, *parse_rfc3339("2026-12-01T23:59:59.999999999Z")) << "a date holds until its end in UTC";
  EXPECT_TRUE(p.exceptions[0].action->matches("look"));
  EXPECT_EQ(p.tests[0].events,
            "{\"v\":1,\"kind\":\"tool_call\",\"id\":\"7\",\"ok\":true,\"n\":1.50,\"t\":\"2026-11-20T10:00:00Z\",\"none\":null,\"args\":{"
            "\"a\":[1,\"2\"]}}\n");
  EXPECT_EQ(p.tests[0].level, Level::Hold);
  EXPECT_DOUBLE_EQ(*p.tests[0].max_score, 10);
}

TEST(Digest, IsOfTheMeaningNotOfTheWriting) {
  const auto digest = [](const std::string& text, const std::string& list = "a\nb\n") {
    return Loaded(FileTree{{{"clerk.yaml", text}, {"lists/l.txt", list}}}).persona().sha256;
  };
  const std::string with_list = persona_text("destinations: {accounts: {list: l}}\ntier: 3\n");
  EXPECT_EQ(digest(with_list), digest(persona_text("# a remark\ntier: 3   # three\ndestinations:\n  accounts:\n    list: 'l'\n")));
  EXPECT_EQ(digest(with_list), digest(with_list, "# c\n b \na\r\nb"));
  EXPECT_NE(digest(with_list), digest(with_list, "a\nc\n"));
  EXPECT_NE(digest(with_list), digest(persona_text("destinations: {accounts: {list: l}}\ntier: 2\n")));
}

}  // namespace
}  // namespace ringfence::testing_persona
