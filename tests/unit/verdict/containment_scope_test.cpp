// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include "engine/verdict/act_scopes.h"
#include "engine/verdict/containment.h"

namespace ringfence {
namespace {

TEST(ContainmentScope, parts_are_percent_encoded_so_that_an_id_cannot_reach_into_another_scope) {
  EXPECT_EQ(scope_key("agent", "corp", "spiffe://corp.example/agent/ap-invoice"),
            "agent:corp/spiffe%3A%2F%2Fcorp.example%2Fagent%2Fap-invoice");
  EXPECT_EQ(scope_key("agent", "corp/agent:evil", "a#w"), "agent:corp%2Fagent%3Aevil/a%23w");
  EXPECT_EQ(scope_key("tenant", "corp", "corp"), "tenant:corp/corp");
  EXPECT_EQ(scope_key("global", "", ""), "global:");
  EXPECT_EQ(session_scope_key("corp", "a/b", "s/1"), "session:corp/a%2Fb/s%2F1");
  EXPECT_EQ(borrowed_scope_key("corp", "a/b", "k/1"), "borrowed:corp/a%2Fb/k%2F1");
}

TEST(ContainmentScope, is_read_back_as_it_was_written) {
  EXPECT_EQ(parse_scope("agent:corp/spiffe%3A%2F%2Fx"), (ScopeParts{"agent", "corp", "spiffe://x", ""}));
  EXPECT_EQ(parse_scope("session:corp/a%2Fb/s%2F1"), (ScopeParts{"session", "corp", "a/b", "s/1"}));
  EXPECT_EQ(parse_scope("borrowed:corp/a%2Fb/k%2F1"), (ScopeParts{"borrowed", "corp", "a/b", "k/1"}));
  EXPECT_EQ(parse_scope("global:"), (ScopeParts{"global", "", "", ""}));
}

TEST(ContainmentScope, has_one_spelling_only) {
  for (const char* text : {"",
                           "agent",
                           "agent:",
                           "agent:corp",
                           "agent:corp/",
                           "agent:/x",
                           "agent:corp/a/b",
                           "robot:corp/a",
                           "global:x",
                           "agent:corp/a:b",
                           "agent:corp/%3a",
                           "agent:corp/%61",
                           "agent:corp/%",
                           "agent:corp/%3",
                           "agent:corp/a b",
                           "session:corp/a",
                           "session:corp/a/b/c",
                           "borrowed:corp/a",
                           "tenant:corp/other",
                           "agent:corp/a#w"})
    EXPECT_EQ(parse_scope(text), std::nullopt) << text;
}

}  // namespace
}  // namespace ringfence
