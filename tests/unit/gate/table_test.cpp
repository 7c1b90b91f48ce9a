// SPDX-License-Identifier: Apache-2.0
#include "engine/gate/table.h"

#include <gmock/gmock.h>

#include <atomic>
#include <thread>

#include "engine/verdict/act_scopes.h"

namespace ringfence {
namespace {

constexpr std::uint32_t kMinute = 7;

/// Containments as an enforcement point that sees every field holds them.
class Held {
 public:
  ContainmentRecord record(Level level, std::vector<ContainmentRecord::Select> select, const std::string& id = "bot") {
    ContainmentRecord out;
    out.scope = scope_key("agent", "corp", id);
    out.tenant = "corp";
    out.agent_id = id;
    out.level = level;
    out.select = std::move(select);
    return out;
  }
  Held& add(const ContainmentRecord& record, std::optional<EventTime> expires_at = std::nullopt) {
    auto compiled = compile(record.scope + "#writer-" + std::to_string(all_.size()), record, {}, expires_at, visible, kMinute);
    EXPECT_TRUE(compiled.enforceable);
    all_.push_back(compiled.containment);
    return *this;
  }
  [[nodiscard]] GateTable table() const { return GateTable(all_); }

  VisibleFields visible = VisibleFields().set();

 private:
  std::vector<std::shared_ptr<const GateContainment>> all_;
};

Call call_by(SubjectField field, std::string_view value, std::optional<Effect> effect = std::nullopt) {
  Call call;
  call.subject[field] = value;
  call.effect = [effect] { return effect; };
  call.minute = kMinute;
  return call;
}

TEST(GateTable, an_empty_table_lets_every_call_pass) { EXPECT_TRUE(GateTable().decide(call_by(SubjectField::Agent, "bot")).allowed); }

TEST(GateTable, a_call_is_denied_by_any_select_entry_it_meets) {
  Held held;
  const auto table = held.add(held.record(Level::Halt, {{"agent.id", "bot"}, {"credential.fingerprint", "9f86"}})).table();
  EXPECT_FALSE(table.decide(call_by(SubjectField::Agent, "bot")).allowed);
  EXPECT_FALSE(table.decide(call_by(SubjectField::Credential, "9f86")).allowed);
  EXPECT_TRUE(table.decide(call_by(SubjectField::Agent, "9f86")).allowed) << "a value counts in its own field only";
  EXPECT_TRUE(table.decide(call_by(SubjectField::Agent, "bo")).allowed);
  EXPECT_TRUE(table.decide(call_by(SubjectField::Agent, "bot2")).allowed);
}

TEST(GateTable, every_field_a_gate_sees_can_be_contained) {
  for (std::size_t i = 0; i < kSubjectFields; ++i) {
    const auto field = static_cast<SubjectField>(i);
    EXPECT_EQ(subject_field_named(name_of(field)), field);
    Held held;
    const auto table = held.add(held.record(Level::Halt, {{std::string(name_of(field)), "corp"}})).table();
    EXPECT_FALSE(table.decide(call_by(field, "corp")).allowed) << name_of(field);
  }
}

TEST(GateTable, a_contained_session_is_its_agents_and_not_anothers_of_the_same_id) {
  Held held;
  ContainmentRecord record = held.record(Level::Halt, {{"session.id", "s-1"}});
  record.scope = session_scope_key("corp", "bot", "s-1");
  const auto table = held.add(record).table();
  Call call = call_by(SubjectField::Session, "s-1");
  EXPECT_FALSE(table.decide(call).allowed) << "whose it is cannot be told here";
  call.subject[SubjectField::Agent] = "bot";
  EXPECT_FALSE(table.decide(call).allowed);
  call.subject[SubjectField::Agent] = "sibling";
  EXPECT_TRUE(table.decide(call).allowed);
  EXPECT_EQ(table.strictest(call.subject, call.now), nullptr);
}

TEST(GateTable, what_borrowed_a_name_is_matched_by_its_credential_also_where_no_select_says_so) {
  for (const bool said : {true, false}) {
    Held held;
    ContainmentRecord record = held.record(Level::Halt, {});
    if (said) record.select = {{"credential.fingerprint", "k-1"}};
    record.scope = borrowed_scope_key("corp", "bot", "k-1");
    const auto table = held.add(record).table();
    EXPECT_FALSE(table.decide(call_by(SubjectField::Credential, "k-1")).allowed);
    EXPECT_TRUE(table.decide(call_by(SubjectField::Credential, "k-2")).allowed);
    EXPECT_TRUE(table.decide(call_by(SubjectField::Agent, "bot")).allowed) << "the name alone is its owner's";
  }
}

TEST(GateTable, hold_lets_reads_pass_and_denies_what_is_not_known_to_be_one) {
  Held held;
  const auto table = held.add(held.record(Level::Hold, {{"agent.id", "bot"}})).table();
  EXPECT_TRUE(table.decide(call_by(SubjectField::Agent, "bot", Effect::Read)).allowed);
  EXPECT_FALSE(table.decide(call_by(SubjectField::Agent, "bot", Effect::Send)).allowed);
  EXPECT_FALSE(table.decide(call_by(SubjectField::Agent, "bot")).allowed);
}

TEST(GateTable, halt_and_revoke_deny_reads_too) {
  for (const Level level : {Level::Halt, Level::Revoke}) {
    Held held;
    const auto table = held.add(held.record(level, {{"agent.id", "bot"}})).table();
    EXPECT_FALSE(table.decide(call_by(SubjectField::Agent, "bot", Effect::Read)).allowed);
  }
}

TEST(GateTable, of_several_writers_the_strictest_counts) {
  Held held;
  held.add(held.record(Level::Throttle, {{"agent.id", "bot"}}));
  held.add(held.record(Level::Halt, {{"agent.id", "bot"}}));
  held.add(held.record(Level::Hold, {{"agent.id", "bot"}}));
  const auto table = held.table();
  const auto decision = table.decide(call_by(SubjectField::Agent, "bot", Effect::Read));
  EXPECT_FALSE(decision.allowed);
  EXPECT_EQ(decision.level, Level::Halt);
}

TEST(GateTable, a_read_under_a_hold_still_pays_for_a_throttle) {
  Held held;
  auto throttle = held.record(Level::Throttle, {{"agent.id", "bot"}});
  throttle.credits_start = 1;
  held.add(throttle).add(held.record(Level::Hold, {{"agent.id", "bot"}}));
  const auto table = held.table();
  const Call call = call_by(SubjectField::Agent, "bot", Effect::Read);
  EXPECT_TRUE(table.decide(call).allowed);
  const auto second = table.decide(call);
  EXPECT_FALSE(second.allowed);
  EXPECT_EQ(second.level, Level::Throttle);
}

TEST(GateTable, throttled_subjects_of_one_record_have_credits_of_their_own) {
  Held held;
  auto throttle = held.record(Level::Throttle, {{"agent.id", "bot"}, {"session.id", "s-1"}});
  throttle.credits_start = 1;
  const auto table = held.add(throttle).table();
  EXPECT_TRUE(table.decide(call_by(SubjectField::Agent, "bot")).allowed);
  EXPECT_TRUE(table.decide(call_by(SubjectField::Session, "s-1")).allowed);
  EXPECT_FALSE(table.decide(call_by(SubjectField::Agent, "bot")).allowed);
  table.settle(call_by(SubjectField::Session, "s-1").subject, false, kMinute);
  EXPECT_TRUE(table.decide(call_by(SubjectField::Session, "s-1")).allowed);
}

TEST(GateTable, credits_survive_a_new_table) {
  Held held;
  auto throttle = held.record(Level::Throttle, {{"agent.id", "bot"}});
  throttle.credits_start = 1;
  held.add(throttle);
  EXPECT_TRUE(held.table().decide(call_by(SubjectField::Agent, "bot")).allowed);
  EXPECT_FALSE(held.add(held.record(Level::Halt, {{"agent.id", "other"}})).table().decide(call_by(SubjectField::Agent, "bot")).allowed);
}

TEST(GateTable, agents_of_two_tenants_never_meet_where_the_gate_sees_tenants) {
  Held held;
  const auto table = held.add(held.record(Level::Halt, {{"agent.id", "bot"}})).table();
  Call call = call_by(SubjectField::Agent, "bot");
  call.subject[SubjectField::Tenant] = "other";
  EXPECT_TRUE(table.decide(call).allowed);
  call.subject[SubjectField::Tenant] = "corp";
  EXPECT_FALSE(table.decide(call).allowed);
  call.subject[SubjectField::Tenant] = "";
  EXPECT_FALSE(table.decide(call).allowed) << "an unknown tenant is every tenant";
}

TEST(GateTable, the_agent_of_a_drill_is_refused_whichever_tenant_its_callers_are_of_and_nobody_else_is) {
  Held held;
  ContainmentRecord drill = held.record(Level::Halt, {{"agent.id", "urn:ringfence:drill:a"}});
  drill.tenant = "ringfence-drill";
  const auto table = held.add(drill).table();
  for (const std::string_view tenant : {"corp", "", "ringfence-drill"}) {
    Call call = call_by(SubjectField::Agent, "urn:ringfence:drill:a");
    call.subject[SubjectField::Tenant] = tenant;
    EXPECT_FALSE(table.decide(call).allowed) << tenant;
    call.subject[SubjectField::Agent] = "bot";
    EXPECT_TRUE(table.decide(call).allowed) << tenant;
  }
}

TEST(GateTable, the_global_scope_stops_everyone) {
  ContainmentRecord record;
  record.scope = "global:";
  const auto compiled = compile("global:#operator", record, {}, std::nullopt, VisibleFields().set(), kMinute);
  const GateTable table({compiled.containment});
  EXPECT_FALSE(table.decide(call_by(SubjectField::Agent, "anyone")).allowed);
  EXPECT_FALSE(table.decide({}).allowed);
}

TEST(GateTable, a_tenant_that_a_gate_cannot_see_is_every_tenant) {
  ContainmentRecord record;
  record.scope = scope_key("tenant", "corp", "corp");
  record.tenant = "corp";
  const auto seen = compile("k", record, {}, std::nullopt, VisibleFields().set(), kMinute);
  Call call = call_by(SubjectField::Tenant, "other");
  EXPECT_TRUE(GateTable({seen.containment}).decide(call).allowed);
  call.subject[SubjectField::Tenant] = "corp";
  EXPECT_FALSE(GateTable({seen.containment}).decide(call).allowed);
  const auto unseen = compile("k", record, {}, std::nullopt, VisibleFields(), kMinute);
  EXPECT_FALSE(GateTable({unseen.containment}).decide(call_by(SubjectField::Agent, "bot")).allowed);
}

TEST(GateTable, a_scope_without_select_entries_stands_for_itself) {
  for (const auto& [type, field] : std::vector<std::pair<std::string, SubjectField>>{{"agent", SubjectField::Agent},
                                                                                     {"subtree", SubjectField::Agent},
                                                                                     {"instance", SubjectField::Instance},
                                                                                     {"credential", SubjectField::Credential},
                                                                                     {"user", SubjectField::User}}) {
    ContainmentRecord record;
    record.scope = scope_key(type, "corp", "a b/c");
    record.tenant = "corp";
    const auto compiled = compile("k", record, {}, std::nullopt, VisibleFields().set(), kMinute);
    EXPECT_FALSE(GateTable({compiled.containment}).decide(call_by(field, "a b/c")).allowed) << type;
  }
  ContainmentRecord record;
  record.scope = session_scope_key("corp", "bot", "s/1");
  record.tenant = "corp";
  const auto compiled = compile("k", record, {}, std::nullopt, VisibleFields().set(), kMinute);
  EXPECT_FALSE(GateTable({compiled.containment}).decide(call_by(SubjectField::Session, "s/1")).allowed);
  EXPECT_TRUE(GateTable({compiled.containment}).decide(call_by(SubjectField::Agent, "bot")).allowed);
}

TEST(GateTable, a_halted_tree_stops_its_root_and_descendants_that_nobody_knew_of_and_no_sibling) {
  Held held;
  const auto table = held.add(held.record(Level::Halt, {{"agent.id", "chief"}, {"delegation.root", "chief"}})).table();
  EXPECT_FALSE(table.decide(call_by(SubjectField::Agent, "chief")).allowed);
  Call descendant = call_by(SubjectField::Agent, "born-later");
  descendant.subject[SubjectField::Root] = "chief";
  EXPECT_FALSE(table.decide(descendant).allowed);
  Call sibling = call_by(SubjectField::Agent, "born-later");
  sibling.subject[SubjectField::Root] = "another-chief";
  EXPECT_TRUE(table.decide(sibling).allowed);
  EXPECT_TRUE(table.decide(call_by(SubjectField::Agent, "born-later")).allowed) << "who works for nobody";
}

TEST(GateTable, what_a_gate_cannot_see_it_says_it_cannot_enforce) {
  ContainmentRecord record;
  record.scope = session_scope_key("corp", "bot", "s-1");
  record.select = {{"session.id", "s-1"}, {"weather", "rain"}};
  const auto compiled = compile("k", record, {}, std::nullopt, VisibleFields().set(static_cast<std::size_t>(SubjectField::Agent)), kMinute);
  EXPECT_FALSE(compiled.enforceable);
  EXPECT_THAT(compiled.unseen, ::testing::ElementsAre("session.id", "weather"));
}

TEST(GateTable, a_throttle_ends_at_its_time) {
  Held held;
  auto throttle = held.record(Level::Throttle, {{"agent.id", "bot"}});
  throttle.credits_start = 0;
  const auto table = held.add(throttle, EventTime{100}).table();
  Call call = call_by(SubjectField::Agent, "bot");
  call.now = EventTime{99};
  EXPECT_FALSE(table.decide(call).allowed);
  call.now = EventTime{100};
  EXPECT_TRUE(table.decide(call).allowed);
}

TEST(GateTable, ten_thousand_containments_are_each_found_and_nobody_else) {
  Held held;
  for (int i = 0; i < 10'000; ++i) held.add(held.record(Level::Halt, {{"agent.id", "bot-" + std::to_string(i)}}, std::to_string(i)));
  const auto table = held.table();
  for (int i = 0; i < 10'000; ++i) {
    ASSERT_FALSE(table.decide(call_by(SubjectField::Agent, "bot-" + std::to_string(i))).allowed);
    ASSERT_TRUE(table.decide(call_by(SubjectField::Agent, "bat-" + std::to_string(i))).allowed);
  }
}

TEST(GateTable, several_threads_share_one_subjects_credits_exactly) {
  Held held;
  auto throttle = held.record(Level::Throttle, {{"agent.id", "bot"}});
  throttle.credits_start = 1000;
  throttle.credits_ceiling = 1000;
  const auto table = held.add(throttle).table();
  std::atomic<int> passed{0};
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t)
      threads.emplace_back([&] {
        for (int i = 0; i < 1000; ++i) passed += table.decide(call_by(SubjectField::Agent, "bot")).allowed ? 1 : 0;
      });
  }
  EXPECT_EQ(passed, 1000);
}

}  // namespace
}  // namespace ringfence
