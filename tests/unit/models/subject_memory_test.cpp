// SPDX-License-Identifier: Apache-2.0
#include "models/subject_memory.h"

#include <gmock/gmock.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine/state/codec.h"

namespace ringfence {
namespace {

/// As it is read back from its own bytes; null where they cannot be read to their end.
std::unique_ptr<ChannelMemory> written_and_read(const SubjectMemory& memory) {
  Writer out;
  memory.encode(out);
  Reader in(out.bytes());
  auto back = SubjectMemory::decode(in);
  return in.at_end() ? std::move(back) : nullptr;
}

TEST(SubjectMemory, ComesBackAsItWasWritten) {
  SubjectMemory memory;
  ASSERT_TRUE(memory.news({3, 10, 1}));
  ASSERT_TRUE(memory.news({-1, 4, 0}));
  (void)memory.join("a");
  memory.store(std::vector<std::string>{"secret", "pii"});
  const auto back = written_and_read(memory);
  ASSERT_NE(back, nullptr);
  Writer out, again;
  memory.encode(out);
  back->encode(again);
  EXPECT_EQ(again.bytes(), out.bytes());
  auto& read = static_cast<SubjectMemory&>(*back);
  EXPECT_FALSE(read.news({3, 10, 1}));
  EXPECT_FALSE(read.news({3, 9, 5}));
  EXPECT_TRUE(read.news({3, 10, 2}));
  EXPECT_EQ(read.first_of(std::vector<std::string>{"internal", "pii"}), "pii");
  EXPECT_FALSE(read.join("a"));
  EXPECT_TRUE(read.join("b"));
  EXPECT_FALSE(read.join("b"));
}

TEST(SubjectMemory, OfAReaderComesBackToo) {
  SubjectMemory memory;
  memory.store(std::vector<std::string>{"secret"}, "share/plan.txt");
  memory.store(std::vector<std::string>{"pii", "secret"}, "share/list.txt");
  memory.did({.time = EventTime{7}, .sent = true, .what = "to an external host", .labels = {"internal", "pii"}});
  const auto back = written_and_read(memory);
  ASSERT_NE(back, nullptr);
  auto& read = static_cast<SubjectMemory&>(*back);
  EXPECT_EQ(read.from("secret"), "share/plan.txt") << "where it was read first";
  EXPECT_EQ(read.from("pii"), "share/list.txt");
  ASSERT_EQ(read.deeds().size(), 1U);
  EXPECT_EQ(read.deeds().front().what, "to an external host");
  EXPECT_THAT(read.deeds().front().labels, ::testing::ElementsAre("internal", "pii"));
}

TEST(SubjectMemory, IsBounded) {
  SubjectMemory memory;
  for (int i = 0; i < 1000; ++i) (void)memory.join("agent-" + std::to_string(i));
  EXPECT_EQ(memory.members().size(), limits::kChildrenDeclared + 2) << "a root, its children and the one too many";
  const auto back = written_and_read(memory);
  ASSERT_NE(back, nullptr);
  EXPECT_EQ(static_cast<const SubjectMemory&>(*back).members().size(), memory.members().size());
}

TEST(SubjectMemory, ComesBackHoweverManyLabelsItsDeedsWereToCarry) {
  SubjectMemory memory;
  std::vector<std::string> many;
  for (int i = 100; i < 200; ++i) many.push_back("l" + std::to_string(i));
  memory.did({.time = EventTime{1}, .sent = true, .what = "out", .labels = many});
  memory.did({.time = EventTime{2}, .sent = false, .what = "doc", .labels = {"l150"}});
  EXPECT_EQ(SubjectMemory::carry(memory.deeds().at(1), many).size(), SubjectMemory::kLabels - 1);
  EXPECT_TRUE(SubjectMemory::carry(memory.deeds().at(1), many).empty());
  Writer out;
  memory.encode(out);
  Reader in(out.bytes());
  const auto back = SubjectMemory::decode(in);
  ASSERT_TRUE(back);
  Writer again;
  static_cast<const SubjectMemory&>(*back).encode(again);
  EXPECT_EQ(again.bytes(), out.bytes());
}

}  // namespace
}  // namespace ringfence
