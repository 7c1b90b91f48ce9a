// SPDX-License-Identifier: Apache-2.0
// Which action an act is, what its arguments are, who may do it.
#include "engine/persona/argument.h"
#include "engine/persona/tool_name.h"
#include "tests/unit/persona/persona_fixture.h"

namespace ringfence::testing_persona {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::string action_of(const Persona& p, const Event& event) {
  const ActionMatch match = match_action(p, event);
  return match.action ? p.actions[*match.action].id : match.tool_declared ? "(tool only)" : "-";
}

TEST(MatchAction, ToolsAreServerAndNameOrTheBareName) {
  const Loaded loaded(
      persona_text("actions: [{id: a, tools: [\"mail/read\"], effect: read}, {id: b, tools: [\"po.*\"], effect: read}, {id: c, tools: "
                   "[\"*/x\"], effect: read}]\n"));
  const Persona& p = loaded.persona();
  EXPECT_EQ(action_of(p, Call("mail/read").event), "a");
  EXPECT_EQ(action_of(p, Call("read").event), "a") << "an absent server is not a foreign one";
  EXPECT_EQ(action_of(p, Call("write").event), "-");
  EXPECT_EQ(action_of(p, Call("files/read").event), "-");
  EXPECT_EQ(action_of(p, Call("erp/po.get").event), "b") << "a bare name holds on every server";
  EXPECT_EQ(action_of(p, Call("po.get").event), "b");
  EXPECT_EQ(action_of(p, Call("any/x").event), "c");
  EXPECT_EQ(action_of(p, Call("erp/poget").event), "-");
  EXPECT_EQ(action_of(p, Call(std::string(400, 's') + "/x").event), "c") << "longer than the buffer on the stack";
}

TEST(MatchAction, WithoutAServerAGlobsNameDecidesAlone) {
  const GlobSet tools({"io.github.corp/desk/ticket.*", "kb/**"});
  EXPECT_TRUE(matches_tool(tools, Call("ticket.get").event));
  Call slashed("ticket.get");
  slashed.event.tool.name = "desk/ticket.get";
  EXPECT_TRUE(matches_tool(GlobSet({"io.github.corp/desk/ticket.*"}), slashed.event)) << "a name may hold a slash";
  EXPECT_TRUE(matches_tool(tools, Call("anything").event)) << "the whole of some server is permitted";
  EXPECT_FALSE(matches_tool(GlobSet({"io.github.corp/desk/ticket.*"}), Call("order.get").event));
  EXPECT_TRUE(server_undecided(tools, Call("ticket.get").event));
  EXPECT_FALSE(server_undecided(tools, Call("kb/search").event));
  EXPECT_FALSE(server_undecided(GlobSet({"kb/search", "search"}), Call("search").event)) << "a glob that needs no server has it";
  EXPECT_FALSE(server_undecided(GlobSet({"kb/search"}), Call("read").event));
}

TEST(MatchAction, WithoutAServerTheEffectThatTheEventStatesIsTheOne) {
  const Loaded loaded(persona_text("actions: [{id: look, tools: [\"crm/*\"], effect: read}, {id: find, tools: [find], effect: read}]\n"));
  const auto effect = [&](Call act, std::optional<Effect> stated) {
    act.event.tool.effect = stated;
    return effect_of(loaded.persona(), match_action(loaded.persona(), act.event).action, act.event);
  };
  EXPECT_EQ(effect(Call("grant_role"), Effect::Admin), Effect::Admin) << "nobody declared what the grant_role of another server does";
  EXPECT_EQ(effect(Call("grant_role"), std::nullopt), Effect::Read);
  EXPECT_EQ(effect(Call("crm/grant_role"), Effect::Admin), Effect::Read) << "the persona's declaration wins";
  EXPECT_EQ(effect(Call("find"), Effect::Admin), Effect::Read);
}

TEST(MatchAction, WithoutAServerWhatIsForbiddenIsForbiddenByAName) {
  const auto forbidden = [](const char* glob, const char* tool, std::vector<std::string> permitted = {}) {
    Persona job;
    job.actions.emplace_back().tools = GlobSet(permitted);
    return forbids_tool(GlobSet({glob}), Call(tool).event, job);
  };
  EXPECT_EQ(forbidden("git/force_push", "git/force_push"), Forbidden::Yes);
  EXPECT_EQ(forbidden("git/force_push", "force_push"), Forbidden::Yes);
  EXPECT_EQ(forbidden("git/force_push", "svn/force_push"), Forbidden::No);
  EXPECT_EQ(forbidden("git/delete_*", "delete_tag", {"git/*"}), Forbidden::Yes);
  EXPECT_EQ(forbidden("prod/query", "query", {"test/query"}), Forbidden::Unknown) << "the permitted one of that name";
  EXPECT_EQ(forbidden("*/query", "query", {"test/query"}), Forbidden::Yes);
  EXPECT_EQ(forbidden("git/delete_*", "delete_tag", {"git/*", "kb/*"}), Forbidden::Unknown) << "it may be of the other";
  EXPECT_EQ(forbidden("prod/query", "query", {"query"}), Forbidden::Unknown);
  EXPECT_EQ(forbidden("iam/**", "query"), Forbidden::Unknown) << "says nothing of a name";
  EXPECT_EQ(forbidden("iam/**", "iam/query"), Forbidden::Yes);
  EXPECT_EQ(forbidden("iam/grant", "query"), Forbidden::No);
}

TEST(MatchAction, TheNarrowerResourcesDecideAndAnActWithoutOneIsDecidedByItsTool) {
  const Loaded loaded(
      persona_text("actions:\n  - {id: any, tools: [\"git/get\"], effect: read}\n  - {id: billing, tools: [\"git/get\"], effect: write, "
                   "resources: [\"repos/billing-*/**\"]}\n"
                   "  - {id: only, tools: [\"git/put\"], effect: write, resources: [\"repos/**\"]}\n"));
  const Persona& p = loaded.persona();
  EXPECT_EQ(action_of(p, Call("git/get").on("repos/billing-a/x").event), "billing");
  EXPECT_EQ(action_of(p, Call("git/get").on("repos/other/x").event), "any");
  EXPECT_EQ(action_of(p, Call("git/put").on("wiki/x").event), "(tool only)");
  Call bare("git/put");
  EXPECT_EQ(action_of(p, bare.event), "only");
  EXPECT_FALSE(match_action(p, bare.event).resource_evaluable);
  EXPECT_TRUE(match_action(p, Call("git/put").on("repos/a").event).resource_evaluable);
  EXPECT_TRUE(match_action(p, Call("git/put").on("wiki/x").event).tool_declared);
}

TEST(MatchAction, ArgumentsTellTwoActionsOfOneToolApart) {
  const Loaded loaded(persona_text(
      "actions:\n  - {id: query, tools: [db], effect: write}\n  - {id: look, tools: [db], effect: read, arguments: {verb: {one_of: "
      "[select]}}}\n"
      "  - {id: small, tools: [pay], effect: transfer, arguments: {amount: {max: 100}, to: {destination: true}}}\n"
      "  - {id: big, tools: [pay], effect: transfer, arguments: {amount: {max: 5000, min: 100.01}, to: {destination: true}}}\n"));
  const Persona& p = loaded.persona();
  EXPECT_EQ(action_of(p, Call("db").with("/verb", "select").event), "look");
  EXPECT_EQ(action_of(p, Call("db").with("/verb", "drop").event), "query");
  EXPECT_EQ(action_of(p, Call("db").event), "look") << "what cannot be evaluated leaves the narrower one";
  EXPECT_EQ(action_of(p, Call("pay").with("/amount", "99", JsonLeaf::Kind::Number).event), "small");
  EXPECT_EQ(action_of(p, Call("pay").with("/amount", "2000", JsonLeaf::Kind::Number).event), "big");
  EXPECT_EQ(action_of(p, Call("pay").with("/amount", "9000", JsonLeaf::Kind::Number).event), "small")
      << "no limit holds: one of them judges the breach";
}

TEST(MatchAction, OfTwoEquallyNarrowOnesTheFirstInTheFileDecides) {
  const PersonaLoad load =
      load_text(persona_text("actions: [{id: one, tools: [\"g*\"], effect: read}, {id: two, tools: [\"*t\"], effect: write}]\n"));
  EXPECT_EQ(action_of(load.set->personas()[0], Call("get").event), "one");
  EXPECT_THAT(messages(load, Diagnostic::Kind::Warning), ElementsAre(::testing::HasSubstr("equally narrow")));
}

TEST(EffectOf, ThePersonaWinsThenTheEventThenNothing) {
  const Loaded loaded(persona_text("actions: [{id: a, tools: [x], effect: read}, {id: b, tools: [y]}]\n"));
  Call x("x"), y("y");
  x.event.tool.effect = y.event.tool.effect = Effect::Delete;
  EXPECT_EQ(effect_of(loaded.persona(), ActionIndex{0}, x.event), Effect::Read);
  EXPECT_EQ(effect_of(loaded.persona(), ActionIndex{1}, y.event), Effect::Delete);
  EXPECT_EQ(effect_of(loaded.persona(), std::nullopt, x.event), Effect::Delete);
  EXPECT_EQ(effect_of(loaded.persona(), ActionIndex{1}, Call("y").event), std::nullopt) << "read is never assumed";
}

TEST(ArgumentLeaves, AreTheNamedOneAndAllBelowWithArraysFlattened) {
  Call call("x");
  call.with("", "to", JsonLeaf::Kind::Key)
      .with("/to/0", "a")
      .with("/to/1/mail", "b")
      .with("/tone", "c")
      .with("/items/0/to", "d")
      .with("/items/1/to/x", "e")
      .with("/a~1b", "f");
  call.with("/to", "key below", JsonLeaf::Kind::Key);
  const auto leaves = [&](const std::string& pointer) {
    ArgumentRule rule;
    rule.pointer = pointer;
    std::vector<std::string> out;
    for (const JsonLeaf* leaf : argument_leaves(call.event, rule)) out.emplace_back(leaf->text);
    return out;
  };
  EXPECT_THAT(leaves("/to"), ElementsAre("a", "b"));
  EXPECT_THAT(leaves("/items/to"), ElementsAre("d", "e")) << "a pointer need not count an array's elements";
  EXPECT_THAT(leaves("/items/1/to"), ElementsAre("e"));
  EXPECT_THAT(leaves("/a~1b"), ElementsAre("f"));
  EXPECT_THAT(leaves("/to/1"), ElementsAre("b"));
  EXPECT_THAT(leaves("/none"), IsEmpty());
}

TEST(ArgumentFaults, NameTheLimitThatBroke) {
  const Loaded loaded(FileTree{
      {{"clerk.yaml",
        persona_text(
            "actions:\n  - id: a\n    tools: [x]\n    effect: read\n    arguments:\n      acc: {in_list: l}\n      n: {max: 10, min: 1}\n"
            "      len: {max_length: 3}\n      q: {selective: true}\n      ref: {shape: [hex-40]}\n      g: {glob: \"a/*\"}\n")},
       {"lists/l.txt", "ONE\n"}}});
  const auto fault = [&](std::size_t rule, std::string_view text, JsonLeaf::Kind kind = JsonLeaf::Kind::String) {
    return fault_of(loaded.persona().actions[0].arguments[rule], JsonLeaf{"/x", text, kind});
  };
  EXPECT_EQ(fault(0, "ONE"), std::nullopt);
  EXPECT_EQ(fault(0, "TWO"), ArgumentFault::NotListed);
  EXPECT_EQ(fault(1, "10", JsonLeaf::Kind::Number), std::nullopt);
  EXPECT_EQ(fault(1, "10.5"), ArgumentFault::AboveMax) << "a number written as a text is still that much";
  EXPECT_EQ(fault(1, "0"), ArgumentFault::BelowMin);
  EXPECT_EQ(fault(1, "many"), ArgumentFault::NotANumber);
  EXPECT_EQ(fault(1, "1e400"), ArgumentFault::NotANumber);
  EXPECT_EQ(fault(2, "\xC3\xA9\xC3\xA9\xC3\xA9"), std::nullopt) << "characters, not bytes";
  EXPECT_EQ(fault(2, "abcd"), ArgumentFault::TooLong);
  EXPECT_EQ(fault(3, ".*"), ArgumentFault::NotSelective);
  EXPECT_EQ(fault(3, "null", JsonLeaf::Kind::Null), std::nullopt) << "absent";
  EXPECT_EQ(fault(3, "smith"), std::nullopt);
  EXPECT_EQ(fault(4, "9fceb02d0ae598e95dc970b74767f19372d61af"), ArgumentFault::OtherShape);
  EXPECT_EQ(fault(5, "a/b/c"), ArgumentFault::NoGlob);
}

TEST(PersonaSet, TheMostSpecificAppliesToWinsAndTenantsNeverMeet) {
  const auto text = [](const std::string& id, const std::string& applies) {
    return "schema: ringfence/persona/v1\nid: " + id + "\nversion: \"1\"\njob: j\nowner: {team: t, contact: c}\napplies_to: " + applies +
           "\n";
  };
  const PersonaLoad load = load_personas(FileTree{{{"a.yaml", text("any", "{agents: [\"**\"]}")},
                                                   {"b.yaml", text("code", "{agents: [\"code-*\"]}")},
                                                   {"c.yaml", text("code-labs", "{agents: [\"code-*\"], tenants: [labs]}")},
                                                   {"d.yaml", text("code-7", "{agents: [\"code-7*\", \"x\"]}")},
                                                   {"e.yaml", text("corp-only", "{agents: [\"corp-*\"], tenants: [corp]}")}}});
  ASSERT_TRUE(load.set.has_value()) << ::testing::PrintToString(messages(load));
  const auto match = [&](std::string_view tenant, std::string_view agent, Text bound = {}) {
    Event event;
    event.tenant = tenant;
    event.agent.id = agent;
    event.agent.persona = bound;
    return load.set->match(event)->id;
  };
  EXPECT_EQ(match("corp", "code-1"), "code");
  EXPECT_EQ(match("labs", "code-1"), "code-labs");
  EXPECT_EQ(match("labs", "code-70"), "code-7");
  EXPECT_EQ(match("labs", "corp-1"), "any");
  EXPECT_EQ(match("labs", "a", "corp-only"), "any") << "a persona of another tenant cannot be bound";
  EXPECT_EQ(match("corp", "a", "corp-only"), "corp-only");
}

TEST(Entitlements, AbsentPartsDoNotNarrowAndEmptyOnesAllowNothing) {
  const auto tree = [](const std::string& entitlements, const std::string& more = "users: {}\n") {
    return FileTree{{{"clerk.yaml", persona_text()}, {"entitlements/a.yaml", entitlements}, {"entitlements/b.yaml", more}}};
  };
  const PersonaLoad load =
      load_personas(tree("require_entitlements: true\nusers:\n  u-1: {tools: [\"crm/*\"]}\n  u-2: {tools: [], resources: [\"a/**\"]}\n"));
  ASSERT_TRUE(load.set.has_value()) << ::testing::PrintToString(messages(load));
  const Entitlement* one = load.set->entitlement("u-1");
  ASSERT_NE(one, nullptr);
  EXPECT_TRUE(one->tools_declared);
  EXPECT_FALSE(one->resources_declared);
  EXPECT_TRUE(load.set->entitlement("u-2")->tools_declared);
  EXPECT_TRUE(load.set->entitlement("u-2")->tools.empty());
  EXPECT_EQ(load.set->entitlement("u-3"), nullptr);
  EXPECT_TRUE(load.set->require_entitlements());
  EXPECT_THAT(messages(load_personas(tree("users: {u: {tols: []}}\n"))),
              ElementsAre(::testing::HasSubstr("entitlements/a.yaml:1:13: unknown key 'tols'")));
  EXPECT_THAT(messages(load_personas(tree("users: {u: {}}\n", "users: {u: {}}\n"))),
              ElementsAre(::testing::HasSubstr("entitlements/b.yaml:1:9: user 'u'")));
  EXPECT_THAT(messages(load_personas(tree("users:\n  u: {}\n  u: {}\n"))),
              ElementsAre("entitlements/a.yaml:3:3: duplicate key 'u', first on line 2"))
      << "there is no other file";
  EXPECT_NE(load_personas(tree("users: {u: {}}\n")).set->sha256(), load_personas(tree("users: {u: {tools: []}}\n")).set->sha256())
      << "entitlements are part of the set";
}

}  // namespace
}  // namespace ringfence::testing_persona
