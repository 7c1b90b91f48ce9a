// SPDX-License-Identifier: Apache-2.0
#include "engine/app/command_book.h"

#include <gtest/gtest.h>

namespace ringfence {
namespace {

using Sighting = CommandBook::Sighting;

const std::string kScope = "agent:corp/a";

/// The book after a restart of its process.
CommandBook restarted(const CommandBook& book) {
  CommandBook again;
  EXPECT_TRUE(again.restore(book.encode()));
  return again;
}

TEST(CommandBook, ACommandCountsOnce) {
  CommandBook book;
  EXPECT_EQ(book.see("ctl-1", 100, kScope, Offset{7}).sighting, Sighting::Counts);
  EXPECT_EQ(book.see("ctl-1", 100, kScope, Offset{8}).sighting, Sighting::Again);
  EXPECT_EQ(book.see("ctl-2", 100, kScope, Offset{9}).sighting, Sighting::Counts) << "the same words given again are another command";
}

TEST(CommandBook, AfterARestartACommandStandsWhereItFirstStood) {
  CommandBook book;
  (void)book.see("ctl-1", 100, kScope, Offset{7});
  CommandBook compacted = restarted(book);
  const CommandBook::Answer answer = compacted.see("ctl-1", 100, kScope, Offset{50});
  EXPECT_EQ(answer.sighting, Sighting::Counts) << "for partitions that had not obeyed it yet";
  EXPECT_EQ(answer.first, Offset{7});
  EXPECT_EQ(compacted.see("ctl-1", 100, kScope, Offset{51}).sighting, Sighting::Again);
}

TEST(CommandBook, ACommandHeldBackUntilANewerOneOfItsScopeIsLate) {
  CommandBook book;
  (void)book.see("ctl-2", 1000, kScope, Offset{7});
  EXPECT_EQ(book.see("ctl-1", 939, kScope, Offset{8}).sighting, Sighting::Late);
  EXPECT_EQ(book.see("ctl-3", 940, kScope, Offset{9}).sighting, Sighting::Counts) << "two people's clocks differ a little";
  EXPECT_EQ(book.see("ctl-4", 1, "agent:corp/b", Offset{10}).sighting, Sighting::Counts);
  EXPECT_EQ(restarted(book).see("ctl-5", 939, kScope, Offset{11}).sighting, Sighting::Late);
}

TEST(CommandBook, WhatItHasForgottenDoesNotComeBack) {
  CommandBook book;
  for (int i = 0; i < 16'386; ++i) (void)book.see("ctl-" + std::to_string(i), 100 + i, "agent:corp/" + std::to_string(i), Offset{i});
  CommandBook later = restarted(book);
  EXPECT_EQ(later.see("ctl-0", 100, "agent:corp/0", Offset{20'000}).sighting, Sighting::Late);
  EXPECT_EQ(later.see("ctl-1", 101, "agent:corp/1", Offset{20'001}).sighting, Sighting::Late);
  EXPECT_EQ(later.see("ctl-2", 102, "agent:corp/2", Offset{20'002}).first, Offset{2});
}

TEST(CommandBook, RefusesBytesThatAreNoBook) {
  CommandBook book;
  (void)book.see("ctl-1", 100, kScope, Offset{7});
  const std::string bytes = book.encode();
  for (std::size_t cut = 0; cut < bytes.size(); ++cut) EXPECT_FALSE(CommandBook().restore(bytes.substr(0, cut))) << cut;
}

}  // namespace
}  // namespace ringfence
