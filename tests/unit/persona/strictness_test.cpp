// SPDX-License-Identifier: Apache-2.0
// What a persona file must not say, and where the loader says so.
#include "tests/unit/persona/persona_fixture.h"

namespace ringfence::testing_persona {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

struct Refused {
  const char *more, *at, *says;
};

TEST(Strictness, EachRuleSaysWhereAndWhat) {
  const Refused kCases[] = {
      {"barriers: {dailials: 0.1}\n", "7:12", "unknown key 'dailials' in barriers; did you mean 'denials'?"},
      {"respons: {mode: enforce}\n", "7:1", "unknown key 'respons'; did you mean 'response'?"},
      {"tier: 2\ntier: 3\n", "8:1", "duplicate key 'tier', first on line 7"},
      {"barriers: {retries: 1, retries: 2}\n", "7:24", "duplicate key 'retries'"},
      {"title: &t x\n", "7:8", "anchor '&t' is not allowed"},
      {"title: &t x\nprivacy: {show: [*t]}\n", "8:18", "aliases are not allowed"},
      {"title: !!str x\n", "7:8", "tags are not allowed"},
      {"title: ! x\n", "7:8", "tags are not allowed"},
      {"title: !mine {a: b}\n", "7:8", "tags are not allowed"},
      {"---\nid: second\n", "7:1", "a second document"},
      {"title: [x\n", "8:1", "not YAML"},
      {"title: \"x\n", "7:8", "unterminated quoted text"},
      {"title: 'it''s x\ntier: 4\nresponse: {mode: enforce}\n", "7:8", "unterminated quoted text"},
      {"title: \"an \\\" x\n\n", "7:8", "unterminated quoted text"},
      {"actions: [{id: é, tools: [\"x]}]\n", "7:27", "unterminated quoted text"},
      {"\"title: x\ntier: 4\n", "7:1", "unterminated quoted text"},
      {"title: {a: b}\n", "7:8", "title: expected a single value, found a mapping"},
      {"title:\n", "7:1", "title: expected a single value, found nothing"},
      {"maturity: junoir\n", "7:11", "unknown value 'junoir' for maturity; did you mean 'junior'?"},
      {"tier: 5\n", "7:7", "tier: greater than 4"},
      {"tier: \"2\"\n", "7:7", "tier: expected a whole number, found the text '2'"},
      {"tier: 2.5\n", "7:7", "tier: expected a whole number"},
      {"charter_sha256: abc\n", "7:17", "expected 64 hex digits"},
      {"actions:\n  - {id: read, tools: [x], share: frequently}\n", "8:35", "always, often, sometimes, rarely, never"},
      {"actions:\n  - {id: read, tools: [x], share: 1.5}\n", "8:35", "a number from 0 to 1"},
      {"actions:\n  - {id: read, tools: [x], effect: raed}\n", "8:36", "did you mean 'read'?"},
      {"actions:\n  - {id: read, tools: [x], returns: [secrets]}\n", "8:38", "did you mean 'secret'?"},
      {"actions:\n  - {id: read, tools: []}\n", "8:23", "actions[0].tools: empty list"},
      {"actions:\n  - {tools: [x]}\n", "8:5", "actions[0]: missing key 'id'"},
      {"actions:\n  - {id: a b, tools: [x]}\n", "8:10", "expected an id"},
      {"actions:\n  - {id: a, tools: [x]}\n  - {id: a, tools: [y]}\n", "9:10", "action 'a' is declared twice, first on line 8"},
      {"actions:\n  - {id: a, tools: [x], arguments: {to: {in_list: suppliers}}}\n", "8:51", "unknown list 'suppliers'"},
      {"actions:\n  - {id: a, tools: [x], arguments: {to: {max: 1, min: 2}}}\n", "8:47", "less than min"},
      {"actions:\n  - {id: a, tools: [x], arguments: {to: {}}}\n", "8:41", "empty"},
      {"actions:\n  - {id: a, tools: [x], arguments: {/a~2: {required: true}}}\n", "8:37", "JSON Pointer"},
      {"actions:\n  - {id: a, tools: [x], arguments: {to: {shape: [hex-4]}}}\n", "8:50", "expected a shape"},
      {"actions:\n  - {id: a, tools: [x], arguments: {to: {required: yes}}}\n", "8:52", "expected true or false"},
      {"actions:\n  - {id: pay, tools: [x]}\nworkflow: {before: {pay: [apporve]}}\n", "9:27", "unknown action 'apporve'"},
      {"actions:\n  - {id: approve, tools: [x]}\nbarriers: {then: [apporve]}\n", "9:19", "did you mean 'approve'?"},
      {"actions:\n  - {id: approve, tools: [x]}\nworkflow: {at_most: {aprove: 1}}\n", "9:22", "did you mean 'approve'?"},
      {"never:\n  - {severity: low}\n", "8:5", "expected tools, effects or resources"},
      {"destinations: {external: all}\n", "7:26", "unknown value 'all' for destinations.external"},
      {"destinations: {hosts: [erp, \"x.example:443\"]}\n", "7:29", "destinations.hosts[1]: expected a bare host"},
      {"destinations: {internal: [\"https://*.x.example/\"]}\n", "7:27", "write '*.x.example'"},
      {"data: {flows: [{from: pii, to: \"bob@x.example\", allow: false}]}\n", "7:32", "data.flows[0].to: expected a bare host"},
      {"data: {flows: [{from: pii, to: \"account:\", allow: false}]}\n", "7:32", "a host glob or account:GLOB"},
      {"destinations: {accounts: {lst: x}}\n", "7:27", "did you mean 'list'?"},
      {"destinations: {accounts: one}\n", "7:26", "destinations.accounts: expected a list or {list: NAME}"},
      {"data: {per_call: {bytes: {max: 4KB}}}\n", "7:32", "a size in B, KiB, MiB or GiB"},
      {"data: {per_call: {records: {p50: 9, p99: 3}}}\n", "7:42", "data.per_call.records.p99: less than p50"},
      {"data: {per_call: {records: {p50: 9, p90: 8, p99: 30}}}\n", "7:42", "data.per_call.records.p90: less than p50"},
      {"data: {per_call: {records: {p50: 9, p90: 31, p99: 30}}}\n", "7:51", "data.per_call.records.p99: less than p90"},
      {"data: {per_session: {records: {p90: 8}}}\n", "7:32", "unknown key 'p90' in data.per_session.records"},
      {"data: {per_call: {records: {}}}\n", "7:28", "empty"},
      {"data: {per_session: {entities: {customer: {max: 3}}}}\n", "7:33",
       "unknown KIND 'customer' in data.per_session.entities: no argument is marked identifier"},
      {"data: {per_day: {entities: {custmer: {max: 3}}}}\nactions: [{id: a, tools: [x], arguments: {c: {identifier: customer}}}]\n", "7:29",
       "unknown KIND 'custmer' in data.per_day.entities; did you mean 'customer'?"},
      {"actions:\n  - {id: a, tools: [x], arguments: {c: {identifier: true}}}\n"
       "  - {id: b, tools: [y], arguments: {d: {identifier: true}}, data: {per_call: {entities: {c: {max: 3}}}}}\n",
       "9:90", "unknown KIND 'c' in actions[1].data.per_call.entities; known: d"},
      {"delegation: {to: [\"b-*\"]}\ndata: {per_day: {entities: {customer: {max: 3}}}}\n", "8:29",
       "unknown KIND 'customer' in data.per_day.entities"},
      {"data: {per_session: {entities: {max: 4097}}}\n", "7:38", "greater than 4096"},
      {"data: {per_session: {entities: {invoice: {max: 5000}}}}\n", "7:48", "greater than 4096"},
      {"data: {coverage: {p50: 0.1}}\n", "7:19", "unknown key 'p50' in data.coverage"},
      {"data: {rate: {per_hour: {max: 3}}}\n", "7:15", "unknown key 'per_hour'"},
      {"delegation: {max_children: 257}\n", "7:28", "greater than 256"},
      {"data: {flows: [{from: pii, to: external}]}\n", "7:16", "missing key 'allow'"},
      {"lifetime: {max_age: 30 days}\n", "7:21", "a duration in ms, s, m, h or d"},
      {"lifetime: {max_age: 30}\n", "7:21", "a duration"},
      {"schedule: {timezone: Europe/Lodnon}\n", "7:22", "an IANA time zone"},
      {"schedule: {timezone: ../../etc/passwd}\n", "7:22", "an IANA time zone"},
      {"schedule: {active: [\"Mon-Fry 07:00-19:00\"]}\n", "7:21", "a window such as"},
      {"schedule: {active: [\"Mon 07:00-07:00\"]}\n", "7:21", "a window such as"},
      {"response: {mode: enforced}\n", "7:18", "did you mean 'enforce'?"},
      {"response: {undeclared: {raed: alert}}\n", "7:25", "did you mean 'read'?"},
      {"response: {undeclared: {read: alarm}}\n", "7:31", "unknown value 'alarm'"},
      {"response: {analytics: {barrier.guesing: halt}}\n", "7:24", "did you mean 'barrier.guessing'?"},
      {"response: {scores: {alert: 1e9, throttle: 1e6}}\n", "7:43", "less than alert"},
      {"response: {scores: {alert: 1e9}}\n", "7:20", "do not rise"},
      {"exceptions: [{id: e, analytic: limit.hard, match: {}, reason: r, approved_by: b, expires: 2026-12-01}]\n", "7:51",
       "empty; expected at least one of agent"},
      {"exceptions: [{id: e, analytic: limit.hard, match: {tool: x}, reason: r, approved_by: b}]\n", "7:14", "missing key 'expires'"},
      {"exceptions: [{id: e, analytic: limit.hard, match: {tool: x}, reason: r, approved_by: b, expires: 2026-02-30}]\n", "7:98",
       "a date such as"},
      {"tests: [{name: t, events: tests/none.ndjson, expect: {findings: []}}]\n", "7:27", "no file 'tests/none.ndjson'"},
      {"tests: [{name: t, events: [], expect: {findings: []}}]\n", "7:27", "tests[0].events: empty list"},
      {"tests: [{name: t, events: ../../x.ndjson, expect: {findings: []}}]\n", "7:27", "leaves the persona set"},
      {"tests: [{name: t, events: [{v: 1}], expect: {findings: [scope.nevr]}}]\n", "7:57", "did you mean 'scope.never'?"},
      {"? [a, b]\n: c\n", "7:3", "a key must be a word or a quoted string"},
      {"title: \xC3\xA9\xC3\xA9 {\nprivacy: {sho: []}\n", "8:11", "did you mean 'show'?"},
      {"privacy: {\"\xC3\xA9\xC3\xA9\": 1, shwo: []}\n", "7:20", "did you mean 'show'?"},
  };
  for (const Refused& c : kCases) {
    const PersonaLoad load = load_text(persona_text(c.more));
    EXPECT_FALSE(load.set.has_value()) << c.more;
    EXPECT_THAT(messages(load), Contains(AllOf(StartsWith(std::string("clerk.yaml:") + c.at + ": "), HasSubstr(c.says)))) << c.more;
  }
}

TEST(Strictness, AnIdThatIsDeclaredTwiceIsKnownOnce) {
  EXPECT_THAT(messages(load_text(persona_text("actions: [{id: a, tools: [x]}, {id: a, tools: [y]}]\nbarriers: {then: [quarrel]}\n"))),
              Contains(AllOf(HasSubstr("unknown action 'quarrel'"), ::testing::EndsWith("; known: a"))));
}

TEST(Strictness, OwnerJobAndIdentityAreRequiredAndVersionIsQuoted) {
  EXPECT_THAT(messages(load_text("tier: 2\n")),
              ElementsAre(HasSubstr("missing key 'schema'"), HasSubstr("missing key 'id'"), HasSubstr("missing key 'version'"),
                          HasSubstr("missing key 'job'"), HasSubstr("missing key 'owner'")));
  std::string unquoted = persona_text();
  unquoted.replace(unquoted.find("\"1\""), 3, "1.0");
  EXPECT_THAT(messages(load_text(unquoted)), ElementsAre("clerk.yaml:3:10: version: expected a quoted text, found '1.0'"));
}

TEST(Strictness, AllErrorsOfAllFilesComeInOnePassInOrder) {
  const PersonaLoad load = load_personas(FileTree{{{"a.yaml", persona_text("tier: 9\nbarriers: {denails: 2}\nmaturity: old\n", "a")},
                                                   {"b.yaml", persona_text("title: x\n", "b")},
                                                   {"c/d.yml", persona_text("tear: 1\n", "d")}}});
  EXPECT_THAT(messages(load),
              ElementsAre(StartsWith("a.yaml:7:7:"), StartsWith("a.yaml:8:12:"), StartsWith("a.yaml:9:11:"), StartsWith("c/d.yml:7:1:")));
  EXPECT_FALSE(load.set.has_value()) << "one bad file, no set";
}

TEST(Strictness, TwoPersonasOfOneIdNameBothFiles) {
  const PersonaLoad load = load_personas(FileTree{{{"a.yaml", persona_text()}, {"b.yaml", persona_text()}}});
  EXPECT_THAT(messages(load), Contains("b.yaml:2:5: persona 'clerk' is declared in a.yaml as well"));
}

TEST(Strictness, PersonasThatTieOverAnAgentAreRefusedNamingBoth) {
  const auto text = [](const std::string& id, const std::string& applies) {
    return "schema: ringfence/persona/v1\nid: " + id + "\nversion: \"1\"\njob: j\nowner: {team: t, contact: c}\napplies_to: " + applies +
           "\n";
  };
  const auto load = [&](const std::string& a, const std::string& b) {
    return messages(load_personas(FileTree{{{"a.yaml", text("a", a)}, {"b.yaml", text("b", b)}}}));
  };
  EXPECT_THAT(load("{agents: [\"x-*\"]}", "{agents: [\"*-y\"]}"),
              ElementsAre(AllOf(StartsWith("b.yaml:6:13: "), HasSubstr("'b' and of 'a' (a.yaml) tie"))));
  EXPECT_THAT(load("{agents: [\"x-*\"]}", "{agents: [\"y-*\"]}"), IsEmpty()) << "no agent is both";
  EXPECT_THAT(load("{agents: [\"x-*\"]}", "{agents: [\"x-y*\"]}"), IsEmpty()) << "the second is more specific";
  EXPECT_THAT(load("{agents: [\"x-*\"], tenants: [corp]}", "{agents: [\"x-*\"], tenants: [labs]}"), IsEmpty()) << "no tenant is both";
  EXPECT_THAT(load("{agents: [\"x-*\"]}", "{agents: [\"x-*\"], tenants: [labs]}"), IsEmpty()) << "one names its tenant";
}

TEST(Strictness, BombsAreRefusedBeforeTheyGoOff) {
  EXPECT_THAT(messages(load_text(persona_text() + std::string(1 << 20, '#'))), ElementsAre("clerk.yaml: larger than 1 MiB"));
  EXPECT_THAT(messages(load_text(std::string(500000, '['))), ElementsAre(HasSubstr("nested deeper")));
  EXPECT_THAT(messages(load_text("a: " + std::string(60, '[') + std::string(60, ']'))), ElementsAre(HasSubstr("nested deeper")));
  std::string dashes;
  for (int i = 0; i < 100000; ++i) dashes += "- ";
  EXPECT_FALSE(load_text(dashes).set);
  std::string wide = "tests: [";
  for (int i = 0; i < 400000; ++i) wide += "1,";
  EXPECT_THAT(messages(load_text(wide + "]")), Contains(HasSubstr("values in one file")));
}

TEST(Strictness, TextThatIsNoCleanUtf8IsRefusedWithItsPlace) {
  EXPECT_THAT(messages(load_text(persona_text("title: \xFF\n"))), ElementsAre("clerk.yaml:7:8: not valid UTF-8"));
  EXPECT_THAT(messages(load_text("\xEF\xBB\xBF" + persona_text())), ElementsAre(HasSubstr("byte order mark")));
  EXPECT_THAT(messages(load_text(persona_text("title: x") + std::string(1, '\0'))), ElementsAre(HasSubstr("NUL")));
  EXPECT_THAT(messages(load_text("")), ElementsAre(HasSubstr("empty")));
  EXPECT_FALSE(load_text("title: \"\\0\"\n").set);
}

TEST(Strictness, NothingFromAFileReachesTheTerminalRaw) {
  EXPECT_THAT(messages(load_text(persona_text("\"\\e[2J\": 1\n"))),
              ElementsAre(AllOf(HasSubstr("[2J"), ::testing::Not(HasSubstr("\x1b")))));
}

TEST(Strictness, MoreThanSixtyFourActionsAreRefused) {
  std::string more = "actions:\n";
  for (int i = 0; i < 65; ++i) more += "  - {id: a" + std::to_string(i) + ", tools: [t" + std::to_string(i) + "]}\n";
  EXPECT_THAT(messages(load_text(persona_text(more))), ElementsAre("clerk.yaml:72:5: more than 64 actions"));
}

TEST(Lint, WarnsOfWhatIsProbablyNotMeant) {
  const auto warnings = [](const std::string& more) {
    const PersonaLoad load = load_text(persona_text(more));
    EXPECT_TRUE(load.set.has_value()) << more;
    return messages(load, Diagnostic::Kind::Warning);
  };
  EXPECT_THAT(warnings("actions: [{id: a, tools: [x], effect: read, share: rarely}, {id: b, tools: [y], effect: read, share: .3}]\n"),
              ElementsAre(HasSubstr("declared shares sum to less than 1")));
  EXPECT_THAT(warnings("actions:\n  - {id: a, tools: [\"g/*\"], effect: read}\n  - {id: b, tools: [\"g/get\"], effect: read}\n"),
              ElementsAre(AllOf(HasSubstr(":9:5: warning: "), HasSubstr("equally narrow: the first in the file decides"))));
  EXPECT_THAT(warnings("actions:\n  - {id: a, tools: [g], effect: read}\n  - {id: b, tools: [g], effect: write}\n"),
              ElementsAre(HasSubstr("'b' is never chosen")));
  EXPECT_THAT(warnings("actions:\n  - {id: a, tools: [g], effect: read, resources: [\"a/**\"]}\n  - {id: b, tools: [g], effect: write, "
                       "resources: [\"b/**\"]}\n"),
              IsEmpty());
  EXPECT_THAT(warnings("tier: 4\nactions: [{id: a, tools: [x]}]\n"),
              ElementsAre(HasSubstr("tier 4 without response.mode enforce"), HasSubstr("declares no effect")));
  EXPECT_THAT(warnings("actions: [{id: a, tools: [x], effect: read}]\nresponse: {scores: {halt: 1e28}}\n"),
              ElementsAre(HasSubstr("halt is out of reach")));
  EXPECT_THAT(warnings("actions: [{id: a, tools: [x], effect: read}]\nresponse: {scores: {halt: 5e27}}\n"), IsEmpty());
  EXPECT_THAT(warnings("actions: [{id: a, tools: [x], effect: delete}]\nnever: [{effects: [delete]}]\n"),
              ElementsAre(HasSubstr("forbids what action 'a' declares")));
  EXPECT_THAT(warnings("actions: [{id: a, tools: [x], effect: read}, {id: b, tools: [y], effect: read}]\nworkflow: {start: [a]}\n"),
              ElementsAre(HasSubstr("'b' has no place in the workflow")));
  const std::string three =
      "actions: [{id: a, tools: [x], effect: read}, {id: b, tools: [y], effect: read}, {id: c, tools: [z], effect: read}]\n";
  EXPECT_THAT(warnings(three + "workflow: {before: {a: [b], b: [c], c: [a]}}\n"),
              ElementsAre(HasSubstr("'a' must come after 'b', and that after it"), HasSubstr("'b' must come after 'c', and that after it"),
                          HasSubstr("'c' must come after 'a', and that after it")));
  EXPECT_THAT(warnings(three + "workflow: {before: {a: [a]}}\n"), ElementsAre(HasSubstr("'a' must precede itself")));
  EXPECT_THAT(warnings(three + "workflow: {before: {a: [b, c], b: [c]}}\n"), IsEmpty());
}

/// The warnings on a job with one action that reads, and `more`.
std::vector<std::string> warned_of(const std::string& more) {
  const PersonaLoad load = load_text(persona_text("actions: [{id: a, tools: [x], effect: read}]\n" + more));
  EXPECT_TRUE(load.set.has_value()) << more;
  return messages(load, Diagnostic::Kind::Warning);
}

TEST(Lint, WarnsOfWhatHasNoEffect) {
  const std::string rest = ", match: {agent: x}, reason: r, approved_by: b, expires: 2099-01-01}]\n";
  for (const char* analytic : {"containment.unacked", "containment.violated", "containment.blast_radius", "gate.stale",
                               "agent.unclassified", "agent.unattributed", "feed.silent", "feed.lag", "feed.gap", "feed.field_vanished"}) {
    EXPECT_THAT(warned_of("response: {analytics: {" + std::string(analytic) + ": halt}}\n"),
                ElementsAre(HasSubstr(std::string(analytic) + " is not about a job: its level here has no effect")));
    EXPECT_THAT(warned_of("exceptions: [{id: e, analytic: " + std::string(analytic) + rest),
                ElementsAre(HasSubstr("exception 'e' has no effect")));
  }
  EXPECT_THAT(warned_of("response: {analytics: {feed.refused: hold, barrier.guessing: halt, scope.never: alert}}\n"), IsEmpty());
  EXPECT_THAT(warned_of("exceptions: [{id: e, analytic: feed.refused" + rest), ElementsAre(HasSubstr("exception 'e' has no effect")));
  EXPECT_THAT(warned_of("exceptions: [{id: e, analytic: scope.never" + rest), IsEmpty());
  const auto of_a_claim = [&](const char* match) {
    return warned_of("exceptions: [{id: e, analytic: outcome.contradiction, match: {" + std::string(match) +
                     "}, reason: r, approved_by: b, expires: 2099-01-01}]\n");
  };
  EXPECT_THAT(of_a_claim("agent: x, action: a"), IsEmpty());
  for (const char* match : {"action: a, tool: x", "resource: x", "destination: x"})
    EXPECT_THAT(of_a_claim(match), ElementsAre(HasSubstr("exception 'e' matches nothing"))) << match;
  EXPECT_THAT(warned_of("privacy: {keep_text: true}\n"), ElementsAre(HasSubstr("keep_text: true keeps nothing more")));
  EXPECT_THAT(warned_of("privacy: {keep_text: false}\n"), IsEmpty());
}

TEST(Lint, AKindThatOnlyDelegatesMayMarkIsDoubtful) {
  EXPECT_THAT(
      warned_of("delegation: {to: [\"b-*\"]}\ndata: {per_session: {entities: {customer: {max: 3}}}}\n"),
      ElementsAre(AllOf(HasSubstr(":9:33: warning: unknown KIND 'customer' in data.per_session.entities: no argument is marked identifier"),
                        HasSubstr("; only arguments of delegates that are marked so count"))));
}

TEST(Lint, P90IsForAlertsAloneUntilEveryLadderOfCallsDeclaresIt) {
  const auto told = HasSubstr("p90 raises alerts alone");
  EXPECT_THAT(warned_of("data: {per_call: {tokens: {p50: 1, p90: 3, p99: 9}}}\n"), IsEmpty());
  EXPECT_THAT(warned_of("data: {per_call: {tokens: {p50: 1, p90: 3, p99: 9}, cost_usd: {p99: 1}}}\n"), ElementsAre(told));
  EXPECT_THAT(warned_of("data: {per_call: {tokens: {p50: 1, p90: 3, p99: 9}, cost_usd: {max: 1}}}\n"), IsEmpty());
  const std::string kinds = "data: {per_call: {entities: {invoice: {p90: 3}, customer: {p99: 1}}}}\n";
  const PersonaLoad marked = load_text(persona_text(
      "actions: [{id: a, tools: [x], effect: read, arguments: {i: {identifier: invoice}, c: {identifier: customer}}}]\n" + kinds));
  EXPECT_THAT(messages(marked, Diagnostic::Kind::Warning), ElementsAre(told));
}

TEST(Lint, LabelsAndTargetsOfFlowsThatAreNearlyKnownOnes) {
  const auto flow = [](const std::string& from, const std::string& to) {
    return warned_of("data: {flows: [{from: " + from + ", to: \"" + to + "\", allow: false}]}\n");
  };
  EXPECT_THAT(
      flow("pi", "external"),
      ElementsAre(AllOf(HasSubstr(":8:23: warning: no action can return 'pi': it comes with events whose data.classes say so alone"),
                        HasSubstr("; did you mean 'pii'?"))));
  EXPECT_THAT(flow("card-numbers", "external"), ElementsAre(::testing::EndsWith("data.classes say so alone")));
  for (const char* known : {"untrusted", "internal", "confidential", "secret", "pii", "public", "restricted"})
    EXPECT_THAT(flow(known, "external"), IsEmpty()) << known;
  EXPECT_THAT(flow("pii", "extern"), ElementsAre(HasSubstr("'extern' is taken for a host; did you mean 'external'?")));
  EXPECT_THAT(flow("pii", "Internal"), ElementsAre(HasSubstr("did you mean 'internal'?")));
  EXPECT_THAT(flow("pii", "accounts:DE*"), ElementsAre(HasSubstr("'accounts:DE*' is taken for a host; did you mean 'account:'?")));
  for (const char* good : {"internal", "localhost", "x.example", "*.x.example", "account:DE*", "fe80::1"})
    EXPECT_THAT(flow("pii", good), IsEmpty()) << good;
}

TEST(Lint, AnExceptionThatExpiredIsToldWithItsReasonAndWhoApprovedIt) {
  const PersonaLoad load =
      load_text(persona_text("exceptions: [{id: e, analytic: scope.never, match: {agent: x}, reason: \"the audit\\e[2J\", approved_by: "
                             "grace, expires: 2026-12-01}]\n"));
  ASSERT_TRUE(load.set.has_value());
  const auto told = expired(*load.set, *parse_rfc3339("2026-12-02T00:00:00Z"));
  ASSERT_EQ(told.size(), 1U);
  EXPECT_THAT(told[0].message, HasSubstr("exception 'e' (the audit\\x1B[2J; approved by grace) expired on 2026-12-01T"));
}

}  // namespace
}  // namespace ringfence::testing_persona
