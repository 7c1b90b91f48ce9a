// SPDX-License-Identifier: Apache-2.0
#include "engine/app/transcript.h"

#include <gmock/gmock.h>

#include <cstdio>
#include <memory>
#include <string>

namespace ringfence {
namespace {

using ::testing::Eq;
using ::testing::HasSubstr;

TEST(Transcript, BarShowsTheShareOfWhatIsToBeRead) {
  EXPECT_THAT(bar_line(0, 200, 0), Eq("[..............................]   0 %  0 events"));
  EXPECT_THAT(bar_line(99, 200, 7), Eq("[##############................]  49 %  7 events"));
  EXPECT_THAT(bar_line(200, 200, 2603), Eq("[##############################] 100 %  2603 events"));
}

TEST(Transcript, BarIsFullWhereTheFileHasGrownSince) {
  EXPECT_THAT(bar_line(300, 200, 9), Eq("[##############################] 100 %  9 events"));
}

/// Whoever chose the name: agents of two tenants are two agents.
TEST(Transcript, TakesNoAgentForOneOfAnotherTenant) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> out(std::tmpfile(), std::fclose);
  ASSERT_NE(out, nullptr);
  Transcript transcript(out.get(), false);
  Judgement halted, fine;
  halted.verdict.tenant = "corp";
  halted.verdict.agent_id = "code-4";
  halted.verdict.level = Level::Halt;
  fine.verdict.tenant = "default";
  fine.verdict.agent_id = "corp:code-4";
  transcript.tell(halted);
  transcript.tell(fine);
  transcript.table();
  std::rewind(out.get());
  std::string text(4096, '\0');
  text.resize(std::fread(text.data(), 1, text.size(), out.get()));
  EXPECT_THAT(text, HasSubstr("\ncorp:code-4                              halt "));
  EXPECT_THAT(text, HasSubstr("\ndefault:corp:code-4                      observe "));
}

TEST(Transcript, WithoutATotalThereAreOnlyEvents) { EXPECT_THAT(bar_line(300, 0, 2048), Eq("2048 events")); }

}  // namespace
}  // namespace ringfence
