// SPDX-License-Identifier: Apache-2.0
// A partition that another host takes over: the changelog of states against a log in memory that can delay, compact and lose what was not
// acknowledged.
#include "engine/state/changelog.h"

#include <gmock/gmock.h>

#include "engine/state/changelog_record.h"
#include "tests/unit/state/changelog_hosts.h"

namespace ringfence {
namespace {

using namespace takeover;
using testing::Eq;
using testing::Optional;
struct Changelogs : testing::Test {
  LogInMemory log;
  Host one{log, "one"}, two{log, "two"};

  /// Another host that has taken the partition over.
  Host taken_over_by(const std::string& name) {
    Host host(log, name);
    host.takes_on();
    return host;
  }
  /// `two` took over from `one` and went on to 50 with agent 1; then `one`, which was paused and does not know yet, wrote its state of 15.
  void one_writes_late() {
    one.takes_on();
    one.publishes({state_row(1, 10), state_row(2, 11)}, 12);
    two.takes_on();
    two.publishes({state_row(1, 40)}, 50);
    one.publishes({state_row(1, 15)}, 16);
  }
};

TEST_F(Changelogs, AnotherHostHasTheStatesAndGoesOnWhereTheFirstEnded) {
  EXPECT_EQ(one.takes_on(), Changelog::Arrival::Local);
  one.stores({state_row(1, 10), state_row(2, 12)}, 13);
  one.stores({state_row(1, 20)}, 21);
  one.ends_cleanly();

  EXPECT_EQ(two.takes_on(), Changelog::Arrival::Restored);
  EXPECT_THAT(two.low(), Optional(Offset{21}));
  EXPECT_THAT(two.lsn(1), Optional(20));
  EXPECT_THAT(two.lsn(2), Optional(12));
}

TEST_F(Changelogs, TheSameHostGoesOnWithItsOwnStatesAndRepeatsNothing) {
  one.takes_on();
  one.stores({state_row(1, 10)}, 11);
  one.ends_cleanly();
  const std::size_t before = log.size();
  EXPECT_EQ(one.restarts(), Changelog::Arrival::Local);
  EXPECT_THAT(one.lsn(1), Optional(10));
  one.ends_cleanly();
  EXPECT_EQ(log.size(), before + 2) << "a claim and the low-water mark, no state";
}

TEST_F(Changelogs, AHostThatComesBackTakesWhatTheOtherDidMeanwhile) {
  one.takes_on();
  one.stores({state_row(1, 10), state_row(2, 11)}, 12);
  one.ends_cleanly();
  two.takes_on();
  two.stores({state_row(1, 30)}, 31);
  two.ends_cleanly();

  EXPECT_EQ(one.takes_on(), Changelog::Arrival::Restored);
  EXPECT_THAT(one.lsn(1), Optional(30));
  EXPECT_THAT(one.lsn(2), Optional(11));
  EXPECT_THAT(one.low(), Optional(Offset{31}));
}

TEST_F(Changelogs, TheLowWaterMarkWaitsForTheStatesBeforeIt) {
  one.takes_on();
  log.holding = true;
  one.stores({state_row(1, 10)}, 11);
  log.crash();  // the states were under way, the mark had not been sent
  log.holding = false;

  EXPECT_EQ(two.takes_on(), Changelog::Arrival::Restored);
  EXPECT_THAT(two.low(), Eq(std::nullopt)) << "the new owner reads from the beginning";
  EXPECT_THAT(two.lsn(1), Eq(std::nullopt));
}

TEST_F(Changelogs, WhatACrashKeptFromTheLogIsSentWithTheNextStart) {
  one.takes_on();
  one.publishes({state_row(1, 10), state_row(2, 11)}, 12);
  log.holding = true;
  one.stores({state_row(1, 20)}, 21);  // on disk, not in the log
  log.crash();
  log.holding = false;
  EXPECT_EQ(one.restarts(), Changelog::Arrival::Local);
  one.stores({state_row(2, 30)}, 31);
  one.ends_cleanly();

  two.takes_on();
  EXPECT_THAT(two.low(), Optional(Offset{31}));
  EXPECT_THAT(two.lsn(1), Optional(20)) << "below the mark and not lost";
  EXPECT_THAT(two.lsn(2), Optional(30));
}

TEST_F(Changelogs, WhatWasStoredWithoutMovingTheMarkIsSentWithTheNextStart) {
  one.takes_on();
  one.publishes({state_row(1, 10)}, 11);
  log.holding = true;
  ASSERT_TRUE(one.process->write({state_row(2, 13)}));  // agent 1 is held at 11, for an output of its own
  log.crash();
  log.holding = false;
  EXPECT_EQ(one.restarts(), Changelog::Arrival::Local);
  one.stores({state_row(3, 40)}, 41);
  one.ends_cleanly();

  two.takes_on();
  EXPECT_THAT(two.low(), Optional(Offset{41}));
  EXPECT_THAT(two.lsn(2), Optional(13)) << "below the mark and not lost";
}

TEST_F(Changelogs, WhatTwoCrashesKeptFromTheLogIsSentWithTheStartAfterThem) {
  one.takes_on();
  one.publishes({state_row(1, 10)}, 11);
  log.holding = true;
  one.stores({state_row(2, 13)}, 14);
  log.crash();
  EXPECT_EQ(one.restarts(), Changelog::Arrival::Local);
  log.crash();  // the claim has reached the log, the state has not
  two.takes_on();
  EXPECT_THAT(two.low(), Optional(Offset{11})) << "who takes over now reads from where the log is whole";

  LogInMemory other_log;
  Host alone(other_log, "alone");
  alone.takes_on();
  alone.publishes({state_row(1, 10)}, 11);
  other_log.holding = true;
  alone.stores({state_row(2, 13)}, 14);
  other_log.crash();
  EXPECT_EQ(alone.restarts(), Changelog::Arrival::Local);
  other_log.crash();
  other_log.holding = false;
  EXPECT_EQ(alone.restarts(), Changelog::Arrival::Local);
  alone.stores({state_row(3, 40)}, 41);
  alone.ends_cleanly();
  Host next(other_log, "next");
  next.takes_on();
  EXPECT_THAT(next.low(), Optional(Offset{41}));
  EXPECT_THAT(next.lsn(2), Optional(13));
}

TEST_F(Changelogs, ALogWithoutRoomIsMadeUpForLater) {
  one.takes_on();
  log.refusing = true;
  one.stores({state_row(1, 10)}, 11);
  one.stores({state_row(2, 12)}, 13);
  EXPECT_EQ(one.process->unpublished(), 2U);
  log.refusing = false;
  one.ends_cleanly();
  two.takes_on();
  EXPECT_THAT(two.lsn(1), Optional(10));
  EXPECT_THAT(two.lsn(2), Optional(12));
  EXPECT_THAT(two.low(), Optional(Offset{13}));
}

TEST_F(Changelogs, AStateTooLargeForTheLogStopsNothingButTheMark) {
  one.takes_on();
  one.publishes({state_row(1, 10)}, 11);
  log.too_large = agent_prefix(kFirst, agent(2));
  one.stores({state_row(2, 12)}, 13);
  one.stores({state_row(1, 20), state_row(3, 14)}, 21);
  EXPECT_TRUE(one.process->settle(kSoon));
  EXPECT_EQ(one.process->unpublished(), 0U);
  EXPECT_EQ(one.process->passed_over(), 1U);
  {
    Host taker = taken_over_by("taker");
    EXPECT_THAT(taker.lsn(1), Optional(20));
    EXPECT_THAT(taker.lsn(3), Optional(14));
    EXPECT_THAT(taker.low(), Optional(Offset{11})) << "what agent 2 did is judged again";
  }
  EXPECT_EQ(one.restarts(), Changelog::Arrival::Restored);
  log.too_large.clear();
  one.stores({state_row(2, 30)}, 31);  // it has become smaller
  one.ends_cleanly();
  EXPECT_EQ(one.process->passed_over(), 0U);
  two.takes_on();
  EXPECT_THAT(two.low(), Optional(Offset{31}));
  EXPECT_THAT(two.lsn(2), Optional(30));
}

TEST_F(Changelogs, AStateTheLogTakesAfterAllLetsTheMarkGoOn) {
  one.takes_on();
  log.too_large = agent_prefix(kFirst, agent(2));
  one.stores({state_row(2, 12)}, 13);
  one.stores({state_row(1, 20)}, 21);
  log.too_large.clear();
  ASSERT_TRUE(one.process->write({state_row(2, 22)}));
  EXPECT_EQ(one.process->passed_over(), 0U);
  one.ends_cleanly();
  two.takes_on();
  EXPECT_THAT(two.low(), Optional(Offset{21}));
  EXPECT_THAT(two.lsn(2), Optional(22));
}

TEST_F(Changelogs, WhatAPausedFormerOwnerWritesLateDoesNoHarm) {
  one_writes_late();

  Host three = taken_over_by("three");
  EXPECT_THAT(three.lsn(1), Optional(40)) << "both are in the log: the one that is further on counts";
  EXPECT_THAT(three.low(), Optional(Offset{50}));

  log.compact();  // now the late one alone is left, and so is its mark
  Host four = taken_over_by("four");
  EXPECT_THAT(four.lsn(1), Optional(15));
  ASSERT_TRUE(four.low().has_value());
  EXPECT_LE(*four.low(), Offset{16}) << "what happened since is judged again";
}

TEST_F(Changelogs, AStateWrittenLateIsKnownOnceTheClaimBeforeItHasGone) {
  one_writes_late();
  two.stores({state_row(2, 60)}, 61);
  two.ends_cleanly();
  for (int start = 0; start < 2; ++start) {
    EXPECT_EQ(two.restarts(), Changelog::Arrival::Local);
    two.ends_cleanly();
  }
  log.compact();

  Host three = taken_over_by("three");
  EXPECT_THAT(three.lsn(1), Optional(15));
  EXPECT_LE(*three.low(), Offset{16}) << "what happened since is judged again";
}

TEST_F(Changelogs, AClaimThatHadToGoBackHoldsUntilItsOwnerHasSaidMore) {
  one_writes_late();
  two.stores({state_row(2, 60)}, 61);
  two.ends_cleanly();
  log.compact();
  Host three = taken_over_by("three");
  EXPECT_LE(*three.low(), Offset{16});
  log.compact();  // it says nothing more
  Host four = taken_over_by("four");
  EXPECT_LE(*four.low(), Offset{16});
  four.stores({state_row(1, 70)}, 71);
  four.ends_cleanly();
  log.compact();
  Host five = taken_over_by("five");
  EXPECT_THAT(five.low(), Optional(Offset{71}));
}

TEST_F(Changelogs, ALateStateOfAQuietAgentIsGoneBackForOnce) {
  one.takes_on();
  one.publishes({state_row(1, 10)}, 12);
  two.takes_on();
  two.publishes({state_row(2, 50)}, 51);
  one.publishes({state_row(1, 10)}, 12);  // says again what it had said
  Host three = taken_over_by("three");
  EXPECT_THAT(three.low(), Optional(Offset{11}));
  three.stores({state_row(2, 60)}, 61);
  three.ends_cleanly();
  log.compact();
  Host four = taken_over_by("four");
  EXPECT_THAT(four.low(), Optional(Offset{61}));
  EXPECT_THAT(four.lsn(1), Optional(10));
}

TEST_F(Changelogs, AClaimOfAFormerBuildStandsUnderItsOneKey) {
  const auto say = [&](std::string_view key, const std::string& value) { ASSERT_TRUE(log.publish(kFirst, key, value, 0)); };
  const std::string first = agent_prefix(kFirst, agent(1));
  say(claim_key(kFirst), encode_claim_record(1, {"former", std::nullopt}));
  say(first, encode_state_record(1, 10, first, {state_row(1, 10)}));
  say(claim_key(kFirst), encode_claim_record(2, {"other", Offset{11}}));
  const StoreWrite low = low_write(kFirst, 0, Offset{50});
  say(low.key, encode_row_record(2, low.value));
  say(first, encode_state_record(1, 15, first, {state_row(1, 15)}));
  EXPECT_EQ(one.takes_on(), Changelog::Arrival::Restored);
  EXPECT_THAT(one.low(), Optional(Offset{16}));
}

TEST_F(Changelogs, AnAgentThatWasDeletedStaysDeleted) {
  one.takes_on();
  one.stores({state_row(1, 10), state_row(2, 11)}, 12);
  one.stores({{StoreWrite::Kind::Delete, part_key(kFirst, agent(1), {}), {}}}, 13);
  one.ends_cleanly();
  two.takes_on();
  EXPECT_THAT(two.lsn(1), Eq(std::nullopt));
  EXPECT_THAT(two.lsn(2), Optional(11));
}

TEST_F(Changelogs, AnAgentForgottenWhileNoProcessRanIsDeletedWithTheNextStart) {
  one.takes_on();
  one.publishes({state_row(1, 10), state_row(2, 11), state_row(3, 11)}, 12);
  one.ends_cleanly();
  EXPECT_THAT(one.forgets(1), Eq(true));
  EXPECT_THAT(one.forgets(2), Eq(true));
  ASSERT_TRUE(one.disk->write({state_row(2, 30)}));
  EXPECT_EQ(one.restarts(), Changelog::Arrival::Local);
  log.crash();
  EXPECT_THAT(forgotten_agents(*one.disk, kFirst).value(), testing::IsEmpty()) << "the log has heard of it";
  Host next = taken_over_by("next");
  EXPECT_THAT(next.lsn(1), Eq(std::nullopt));
  EXPECT_THAT(next.lsn(2), Optional(30)) << "it has come back";
  EXPECT_THAT(next.lsn(3), Optional(11));
}

TEST_F(Changelogs, AnAgentForgottenOnADiskThatIsNoOwnersAnyMoreStays) {
  EXPECT_THAT(one.forgets(1), Eq(false)) << "no log has it";
  one.takes_on();
  one.publishes({state_row(1, 10)}, 12);
  two.takes_on();
  two.publishes({state_row(1, 40)}, 50);
  EXPECT_THAT(one.forgets(1), Eq(true));
  EXPECT_EQ(one.restarts(), Changelog::Arrival::Restored);
  EXPECT_THAT(one.lsn(1), Optional(40));
  EXPECT_EQ(one.restarts(), Changelog::Arrival::Local);
  one.ends_cleanly();
  two.start();
  two.takes_on();
  EXPECT_THAT(two.lsn(1), Optional(40)) << "nor is it deleted later";
}

TEST_F(Changelogs, RecordsOfThePartitionTravelAndThoseOfTheProcessStay) {
  one.takes_on();
  ASSERT_TRUE(one.process->write({record_write(partition_record("facts", kFirst), "outage"), record_write("observer", "mine")}));
  one.stores({}, 5);
  one.ends_cleanly();
  two.takes_on();
  EXPECT_THAT(get_record(*two.disk, partition_record("facts", kFirst)).value(), Optional(std::string("outage")));
  EXPECT_THAT(get_record(*two.disk, "observer").value(), Eq(std::nullopt));
}

TEST_F(Changelogs, AStoreFromBeforeTheChangelogIsSentWhole) {
  one.process->leave(kFirst);
  ASSERT_TRUE(one.disk->write({state_row(1, 10), state_row(2, 11), low_write(kFirst, 0, Offset{12})}));
  EXPECT_EQ(one.takes_on(), Changelog::Arrival::Local);
  one.ends_cleanly();
  two.takes_on();
  EXPECT_THAT(two.lsn(1), Optional(10));
  EXPECT_THAT(two.lsn(2), Optional(11));
  EXPECT_THAT(two.low(), Optional(Offset{12}));
}

TEST_F(Changelogs, ATopicMadeAnewGetsEverythingAgain) {
  one.takes_on();
  one.stores({state_row(1, 10)}, 11);
  one.ends_cleanly();
  log.forget_everything();
  EXPECT_EQ(one.restarts(), Changelog::Arrival::Local);
  one.ends_cleanly();
  two.takes_on();
  EXPECT_THAT(two.lsn(1), Optional(10));
  EXPECT_THAT(two.low(), Optional(Offset{11}));
}

TEST_F(Changelogs, PartitionsOfOthersAreNotPublished) {
  one.takes_on();
  const std::size_t before = log.size();
  ASSERT_TRUE(one.process->write({state_row(1, 10, Partition{4})}));
  EXPECT_EQ(log.size(), before);
}

TEST(ChangelogRecords, BytesThatAreNoRecordAreRefused) {
  const std::string key = agent_prefix(kFirst, agent(1));
  const std::string good = encode_state_record(7, 10, key, {state_row(1, 10)});
  ASSERT_TRUE(decode_changelog_record(key, good));
  for (std::size_t cut = 0; cut < good.size(); ++cut) EXPECT_FALSE(decode_changelog_record(key, good.substr(0, cut))) << cut;
  EXPECT_FALSE(decode_changelog_record(key, good + "x"));
  EXPECT_FALSE(decode_changelog_record(key, "\x02" + good.substr(1)));
}

}  // namespace
}  // namespace ringfence
