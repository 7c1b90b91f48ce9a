// SPDX-License-Identifier: Apache-2.0
// The tenant and the names of drills: nobody else stands there, and nobody hides there.
#include <gmock/gmock.h>

#include "engine/event/drill.h"
#include "tests/unit/event/events.h"

namespace ringfence {
namespace {

using namespace testing_events;
using ::testing::HasSubstr;

constexpr std::string_view kDrill =
    R"({"v":1,"kind":"tool_call","id":"d","time":"2026-11-20T10:20:00Z","tenant":"ringfence-drill","agent":{"id":"urn:ringfence:drill:a","trust":"verified"},"tool":{"server":"ringfence-drill","name":"forbidden"},"outcome":{"status":"ok"}})";
constexpr std::string_view kDrillEnd =
    R"({"v":1,"kind":"task_end","id":"e","time":"2026-11-20T10:20:00Z","tenant":"ringfence-drill","agent":{"id":"urn:ringfence:drill:a"},"task":{"id":"drill","claim":"done"}})";

TEST(DrillEvent, IsReadLikeAnyOther) {
  Decoding decode;
  EXPECT_TRUE(decode(kDrill));
  EXPECT_TRUE(decode(kDrillEnd));
}

TEST(DrillEvent, WhatIsNoneAndClaimsToBeOneIsRefusedAndShowsItsAgent) {
  const std::string real_in_the_tenant = with("/agent/id", str("payer-1"), kDrill);
  const std::string real_act_in_the_tenant = with("/tool/name", str("payments.create"), kDrill);
  const std::string real_server = with("/tool/server", str("erp"), kDrill);
  const std::string drill_elsewhere = with("/tenant", str("corp"), kDrill);
  const std::string drill_without_tenant = without("/tenant", kDrill);
  for (const std::string& record :
       {real_in_the_tenant, real_act_in_the_tenant, real_server, drill_elsewhere, drill_without_tenant,
        with("/tenant", str("corp"), kDrillEnd), with("/agent/id", str("urn:ringfence:drill:a")), with("/tenant", str("ringfence-drill")),
        with("/tenant", str("ringfence-drill"), kTaskStart), with("/tenant", str("ringfence-drill"), kChange)}) {
    Decoding decode;
    const auto event = decode(record);
    ASSERT_FALSE(event) << record;
    EXPECT_EQ(event.error().reason, RefusalReason::UnknownValue);
    EXPECT_THAT(event.error().detail, HasSubstr("reserved for drills"));
  }
  Decoding decode;
  EXPECT_EQ(decode(real_in_the_tenant).error().agent_id, "payer-1");
}

TEST(DrillEvent, SpeaksOfNobodyElse) {
  for (const auto& [field, value] : std::initializer_list<std::pair<const char*, std::string>>{{"/user/id", str("u-1")},
                                                                                               {"/user/email", str("u@corp.example")},
                                                                                               {"/credential/fingerprint", str("9f86d0")},
                                                                                               {"/delegation/parent", str("payer-1")},
                                                                                               {"/delegation/root", str("payer-1")},
                                                                                               {"/delegation/session", str("s-1")},
                                                                                               {"/delegation/chain", R"(["payer-1"])"}}) {
    Decoding decode;
    EXPECT_FALSE(decode(with(field, value, kDrill))) << field;
  }
}

}  // namespace
}  // namespace ringfence
