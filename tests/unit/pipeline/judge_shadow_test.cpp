// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include "models/shadow.h"
#include "tests/unit/pipeline/watch.h"

namespace ringfence::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

const ShadowProfile* profile_of(const AgentState& agent) {
  return static_cast<const ShadowProfile*>(agent.memory[static_cast<std::size_t>(ChannelId::Shadow)].get());
}

Call stranger(std::string tool = "files/read") { return {.tool = std::move(tool), .agent = "stranger-1", .ref = "a"}; }

TEST(Shadow, RefusalsLoopsAndSweepsOfAnAgentWithoutAJobAreNeverMoreThanAnAlert) {
  Watch watch("mode: enforce");
  Level highest = Level::Observe;
  for (int i = 0; i < 60; ++i) {
    Call call = stranger(i % 2 == 0 ? "files/read" : "files/delete_all");
    call.effect = i % 2 == 0 ? "" : "delete";
    call.outcome = i % 3 == 0 ? "denied" : "ok";
    const Judgement judgement = watch.see(call);
    highest = std::max(highest, judgement.verdict.level);
    EXPECT_THAT(judgement.containments, IsEmpty());
  }
  EXPECT_EQ(highest, Level::Alert);
}

TEST(Shadow, FindingSaysTheJobOnceThereIsEnoughToSay) {
  Watch watch("mode: enforce");
  std::vector<std::string> sentences;
  for (int i = 0; i < 120; ++i)
    for (const FindingRecord& record : watch.see(stranger()).findings) sentences.push_back(record.sentence);
  ASSERT_EQ(sentences.size(), 3U) << "created, at tenfold, at a hundredfold";
  EXPECT_THAT(sentences.back(), HasSubstr("files/read (100 %)"));
  EXPECT_THAT(sentences.back(), HasSubstr("That is the job clerk@1"));
}

TEST(Shadow, RequestAndItsCompletionCountOnce) {
  Watch watch("mode: enforce");
  for (const char* phase : {"request", "complete"}) {
    Call call = stranger();
    call.id = "same";
    call.phase = phase;
    (void)watch.see(call);
  }
  EXPECT_EQ(profile_of(watch.agent("stranger-1"))->calls, 1U);
}

TEST(Shadow, AgentWithAJobIsNotCounted) {
  Watch watch("mode: enforce");
  (void)watch.see({});
  EXPECT_EQ(profile_of(watch.agent()), nullptr);
}

TEST(Shadow, ProfileIsBoundedAndReadsBackAsItWasWritten) {
  ShadowProfile profile;
  for (int i = 0; i < 5000; ++i) {
    const std::string name = std::string(static_cast<std::size_t>(i % 300), 'x') + std::to_string(i), host = "h" + name + ".example";
    const std::array<std::string_view, 1> hosts{host};
    Event event;
    event.tool.name = name;
    event.destination.hosts = hosts;
    event.destination.accounts = hosts;
    event.credential.fingerprint = name;
    event.delegation.parent = name;
    event.time = EventTime{(i - 2500) * hours(1).value};
    profile.note(event);
  }
  EXPECT_LT(profile.bytes(), 64'000U);
  Writer out, again;
  profile.encode(out);
  Reader in(out.bytes());
  const auto decoded = ShadowProfile::decode(in);
  ASSERT_NE(decoded, nullptr);
  EXPECT_TRUE(in.at_end());
  decoded->encode(again);
  EXPECT_EQ(again.bytes(), out.bytes());
  for (std::size_t cut = 0; cut < out.bytes().size(); cut += 7) {
    Reader part(std::string_view(out.bytes()).substr(0, cut));
    EXPECT_EQ(ShadowProfile::decode(part), nullptr) << cut;
  }
}

}  // namespace
}  // namespace ringfence::testing
