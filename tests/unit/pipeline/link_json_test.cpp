// SPDX-License-Identifier: Apache-2.0
#include "engine/pipeline/link_json.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "engine/event/limits.h"
#include "tests/unit/pipeline/watch.h"

namespace ringfence {
namespace {

using testing::Call;
using testing::near_miss;
using testing::Watch;

constexpr auto kEnforced = "mode: enforce";

/// What makes a call one of a root session.
std::string delegated() { return R"(,"delegation":{"root":"chief","parent":"chief","session":"root-run"})"; }

TEST(Links, ComeBackFromTheTopicAsTheyWentThere) {
  Watch watch(kEnforced);
  Call call{.agent = "clerk-1", .outcome = "denied", .ref = near_miss(0)};
  call.more = delegated() + R"(,"user":{"id":"u\u0007\"7"})";
  const Judgement judgement = watch.see(call);
  std::vector<Link> links = judgement.links;
  ASSERT_EQ(links.size(), 3U) << "root session, user and the tree above it";
  links.push_back(links.back());
  links.back().deed = Deed::Stop;
  links.back().level = Level::Halt;
  links.back().what = "rf-1";
  for (const Link& link : links) {
    const std::string text = encode_link(link);
    EXPECT_EQ(text.find('\n'), std::string::npos);
    const auto back = decode_link(text);
    ASSERT_TRUE(back) << back.error();
    EXPECT_EQ(encode_link(*back), text);
    EXPECT_EQ(subject_key(*back), subject_key(link));
    EXPECT_EQ(back->marks, link.marks);
    EXPECT_EQ(back->level, link.level);
  }
}

TEST(Links, ComeBackHoweverLongTheNamesAre) {
  const std::string longest(limits::kStringBytes, 's'), other = longest.substr(1) + "t";
  std::string bell;  // as a record and a link write it
  while (bell.size() < 6 * limits::kStringBytes) bell += R"(\u0007)";
  std::string labels = "[";
  for (int i = 0; i < 70; ++i) labels += (i > 0 ? ",\"l" : "\"l") + std::to_string(10 + i) + std::string(5000, 'x') + "\"";
  labels += "]";
  const auto named = [](const std::string& name) {
    return R"(,"user":{"id":")" + name + R"("},"delegation":{"root":")" + name + R"(","session":"x"})";
  };
  std::set<std::string> subjects;
  for (const std::string& more : {named(longest), named(other), named(bell), R"(,"data":{"classes":)" + labels + "}" + delegated(),
                                  R"(,"resource":{"uri":"doc:)" + longest.substr(4) + R"("})" + delegated()}) {
    Watch watch(kEnforced);
    Call call{.session = longest, .outcome = "denied", .ref = near_miss(0)};
    if (more.size() > limits::kEventBytes / 2) call.session = "s";
    call.more = more;
    const Judgement judgement = watch.see(call);
    ASSERT_FALSE(judgement.links.empty());
    for (const Link& link : judgement.links) {
      subjects.insert(subject_name(link));
      const std::string text = encode_link(link);
      const auto back = decode_link(text);
      ASSERT_TRUE(back) << back.error() << " " << subject_name(link).substr(0, 40);
      EXPECT_EQ(encode_link(*back), text);
      EXPECT_EQ(subject_key(*back), subject_key(link));
      EXPECT_LE(link.labels.size(), kLinkElements);
    }
  }
  EXPECT_GE(subjects.size(), 9U) << "two long names are two subjects";
}

TEST(Links, OfAnotherFormAreRefusedByName) {
  EXPECT_EQ(decode_link("").error(), "no JSON object");
  EXPECT_EQ(decode_link(R"({"v":2})").error(), "v: absent or not of its form");
  EXPECT_EQ(decode_link(R"({"v":1,"kind":"planet","deed":"act"})").error(), "kind: absent or not of its form");
  EXPECT_EQ(decode_link(std::string(kLinkBytes + 1, ' ')).error(), "larger than 768 KiB");
  Watch watch(kEnforced);
  Call call{.agent = "clerk-1"};
  call.more = delegated();
  std::string text = encode_link(watch.see(call).links.at(0));
  const auto marks = text.find("\"marks\":[[") + 10;
  text.replace(marks, 1, "99");
  EXPECT_EQ(decode_link(text).error(), "marks: absent or not of its form");
}

}  // namespace
}  // namespace ringfence
