// SPDX-License-Identifier: Apache-2.0
#include "engine/pipeline/fact_journal.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <tuple>

#include "engine/state/codec.h"

namespace ringfence {
namespace {

constexpr std::int64_t kMany = 5000;  // more than a journal or Facts keep

std::string fact(std::string_view change, std::string_view scope, std::string_view time = "2026-11-18T08:05:00Z") {
  return R"({"v":1,"kind":"context_change","id":"f","time":")" + std::string(time) + R"(","change":")" + std::string(change) +
         R"(","scope":")" + std::string(scope) + R"("})";
}

/// A journal, and the facts as a shard has them that was never restarted.
class JournalledFacts : public ::testing::Test {
 protected:
  void add(const std::string& record) {
    journal_.add(next_++, record);
    facts_.apply(*decoder_.decode(record, std::nullopt, arena_));
  }
  /// What a shard has that goes on behind the last of them.
  [[nodiscard]] Facts restored() const {
    Facts facts;
    FactJournal().restore(journal_.encode(), next_, {&facts});
    return facts;
  }
  void expect_restored() const {
    const auto told = [](const Facts::Fact& fact) {
      return std::tuple(fact.change, fact.tenant, fact.scope_type, fact.scope_id, fact.from, fact.until, fact.observed);
    };
    const Facts left = restored();
    EXPECT_TRUE(std::ranges::equal(left.all(), facts_.all(), {}, told, told)) << left.all().size() << " of " << facts_.all().size();
  }

  EventDecoder decoder_;
  EventArena arena_;
  FactJournal journal_;
  Facts facts_;
  std::int64_t next_ = 0;
};

TEST_F(JournalledFacts, AnOutageIsNotForgottenForEndsOfOthers) {
  add(fact("outage_start", "server:git"));
  for (std::int64_t i = 0; i < kMany; ++i) add(fact("outage_end", "server:other"));
  ASSERT_EQ(restored().all().size(), 1U);
  expect_restored();
}

TEST_F(JournalledFacts, AnEndIsNotForgottenForWhatCameSince) {
  add(fact("outage_start", "server:git"));
  add(fact("outage_end", "server:git", "2026-11-18T08:06:00Z"));
  for (std::int64_t i = 0; i < kMany; ++i) add(fact(i % 2 == 0 ? "outage_end" : "deploy", "server:other"));
  expect_restored();
  for (std::int64_t i = 0; i < kMany; ++i) add(fact("policy", "server:s" + std::to_string(i)));
  ASSERT_EQ(facts_.all().size(), 4096U);
  expect_restored();
}

TEST_F(JournalledFacts, AreKnownBehindASecondRestart) {
  add(fact("outage_start", "server:git"));
  for (std::int64_t i = 0; i < kMany; ++i) add(fact("outage_end", "server:other"));
  Facts once, twice;
  FactJournal next, last;
  next.restore(journal_.encode(), next_, {&once});
  last.restore(next.encode(), next_, {&twice});
  EXPECT_EQ(twice.all().size(), 1U);
}

TEST_F(JournalledFacts, ThatLieBehindWhereARestartBeginsComeByAgain) {
  add(fact("deploy", "server:git"));
  add(fact("policy", "server:git"));
  Facts facts;
  FactJournal().restore(journal_.encode(), 1, {&facts});
  ASSERT_EQ(facts.all().size(), 1U);
  EXPECT_EQ(facts.all().front().change, ChangeKind::Deploy);
}

TEST_F(JournalledFacts, OfAFormerBuildAreRead) {
  Writer former;
  former.varint(1);
  former.svarint(3);
  former.text(fact("deploy", "server:git"));
  Facts facts;
  FactJournal().restore(former.bytes(), 4, {&facts});
  EXPECT_EQ(facts.all().size(), 1U);
}

TEST_F(JournalledFacts, ThatCannotBeReadAreNone) {
  add(fact("outage_start", "server:git"));
  for (std::int64_t i = 0; i < kMany; ++i) add(fact("deploy", "server:git"));
  const std::string whole = journal_.encode();
  for (const std::size_t left : {whole.size() - 1, whole.size() / 2, std::size_t{1}}) {
    Facts facts;
    FactJournal().restore(std::string_view(whole).substr(0, left), next_, {&facts});
    EXPECT_TRUE(facts.empty()) << left;
  }
}

}  // namespace
}  // namespace ringfence
