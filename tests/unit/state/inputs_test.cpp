// SPDX-License-Identifier: Apache-2.0
#include "engine/state/inputs.h"

#include <gmock/gmock.h>

#include "engine/state/records.h"

namespace ringfence {
namespace {

constexpr Partition kP{0};
constexpr Hash128 kA{1, 1}, kB{2, 2}, kC{3, 3};

class Inputs : public ::testing::Test {
 protected:
  InputPlan begin(std::vector<Hash128> files) {
    auto plan = begin_inputs(*store_, kP, files, 1);
    EXPECT_TRUE(plan);
    EXPECT_EQ(read_low(*store_, kP).value(), plan->low);
    return *plan;
  }
  void written_to(std::int64_t ordinal, std::int64_t record) {
    ASSERT_TRUE(store_->write({low_write(kP, 0, *to_offset({ordinal, record}))}));
  }
  void ended(std::int64_t ordinal, std::int64_t records) { ASSERT_TRUE(end_input(*store_, ordinal, records)); }
  std::unique_ptr<Store> store_ = memory_store();
};

TEST(InputPosition, IsOneOffsetAndBack) {
  const InputPosition last{kOrdinalMax, kRecordMax};
  for (const InputPosition position : {InputPosition{0, 0}, InputPosition{0, 7}, InputPosition{1, 0}, last}) {
    const auto offset = to_offset(position);
    ASSERT_TRUE(offset);
    EXPECT_EQ(to_input_position(*offset), position);
  }
  EXPECT_EQ(to_offset(last)->value, std::numeric_limits<std::int64_t>::max());
  EXPECT_LT(*to_offset({0, kRecordMax}), *to_offset({1, 0})) << "a later file is above all of an earlier one";
  EXPECT_FALSE(to_offset({kOrdinalMax + 1, 0}));
  EXPECT_FALSE(to_offset({0, kRecordMax + 1}));
  EXPECT_FALSE(to_offset({0, -1}));
}

TEST_F(Inputs, ANewFileBeginsAtItsFirstRecordUnderTheNextOrdinal) {
  const auto plan = begin({kA, kB});
  EXPECT_EQ(plan.inputs[0].ordinal, 0);
  EXPECT_EQ(plan.inputs[1].ordinal, 1);
  EXPECT_EQ(plan.inputs[1].first_record, 0);
  EXPECT_EQ(plan.low, Offset{0});
  written_to(0, 10);
  ended(0, 10);
  ended(1, 0);
  written_to(1, 0);
  EXPECT_EQ(begin({kC}).inputs[0].ordinal, 2);
}

TEST_F(Inputs, TheSameFileKilledHalfWayGoesOnFromItsLow) {
  begin({kA});
  written_to(0, 500);
  const auto plan = begin({kA});
  EXPECT_EQ(plan.inputs[0].ordinal, 0);
  EXPECT_EQ(plan.inputs[0].first_record, 500);
  EXPECT_FALSE(plan.inputs[0].overlaps);
}

TEST_F(Inputs, TheSameListKilledInItsSecondFileGoesOnThere) {
  begin({kA, kB, kC});
  ended(0, 900);
  written_to(1, 70);
  const auto plan = begin({kA, kB, kC});
  EXPECT_TRUE(plan.inputs[0].done);
  EXPECT_EQ(plan.inputs[1].first_record, 70);
  EXPECT_EQ(plan.inputs[1].ordinal, 1);
  EXPECT_EQ(plan.inputs[2].ordinal, 2);
  EXPECT_EQ(plan.inputs[2].first_record, 0);
  EXPECT_EQ(plan.low, *to_offset({1, 70}));
}

TEST_F(Inputs, TheSameListKilledWhileTheFirstFileWasNotAllWrittenReadsTheSecondAgainUnderItsOrdinal) {
  begin({kA, kB});
  ended(0, 900);
  written_to(0, 880);  // records of B are in some states already
  const auto plan = begin({kA, kB});
  EXPECT_EQ(plan.inputs[0].first_record, 880);
  EXPECT_EQ(plan.inputs[1].ordinal, 1);
  EXPECT_EQ(plan.inputs[1].first_record, 0);
}

TEST_F(Inputs, AFinishedFileThatGrewIsReadOnFromItsEnd) {
  begin({kA, kB});
  ended(0, 900);
  ended(1, 50);
  written_to(1, 50);
  const auto plan = begin({kA});
  EXPECT_EQ(plan.inputs[0].ordinal, 2) << "states hold records of B above those of A";
  EXPECT_EQ(plan.inputs[0].first_record, 900);
  EXPECT_FALSE(plan.inputs[0].overlaps);
  EXPECT_EQ(begin({kA}).inputs[0].first_record, 900) << "killed before its first record";
}

TEST_F(Inputs, AFileReadOnUnderANewOrdinalAndNotReachedBeginsThereAgain) {
  begin({kA});
  ended(0, 900);
  written_to(0, 900);
  begin({kB, kA});
  const auto plan = begin({kB, kA});  // killed in B
  EXPECT_EQ(plan.inputs[1].first_record, 900);
  EXPECT_GT(plan.inputs[1].ordinal, plan.inputs[0].ordinal);
}

TEST_F(Inputs, AnotherFileAfterAKillMovesOnAndTheFirstIsMarkedWhenItComesBack) {
  begin({kA});
  written_to(0, 500);
  const auto other = begin({kC});
  EXPECT_EQ(other.inputs[0].ordinal, 1);
  EXPECT_EQ(other.low, *to_offset({1, 0})) << "A's remainder is given up";
  ended(1, 20);
  written_to(1, 20);
  const auto back = begin({kA});
  EXPECT_EQ(back.inputs[0].ordinal, 2);
  EXPECT_EQ(back.inputs[0].first_record, 500);
  EXPECT_TRUE(back.inputs[0].overlaps);
}

TEST_F(Inputs, AFileNamedTwiceIsReadOnce) {
  const auto plan = begin({kA, kA, kB});
  EXPECT_FALSE(plan.inputs[0].done);
  EXPECT_TRUE(plan.inputs[1].done);
  EXPECT_FALSE(plan.inputs[2].done);
}

TEST_F(Inputs, ListsInAnotherOrderNeverGoBackUnderAnOlderOrdinal) {
  begin({kA, kB});
  ended(0, 9);
  written_to(1, 5);
  const auto plan = begin({kB, kA});
  EXPECT_EQ(plan.inputs[0].ordinal, 1);
  EXPECT_EQ(plan.inputs[0].first_record, 5);
  EXPECT_GT(plan.inputs[1].ordinal, 1);
  EXPECT_EQ(plan.inputs[1].first_record, 9);
}

TEST_F(Inputs, AFileThatGrewIsReadOnWhereverItStandsInTheList) {
  begin({kA, kB, kC});
  ended(0, 900);
  ended(1, 50);
  written_to(1, 50);
  ended(2, 0);  // nothing in it
  const auto plan = begin({kA, kB, kC});
  EXPECT_FALSE(plan.inputs[0].done);
  EXPECT_EQ(plan.inputs[0].first_record, 900);
  EXPECT_EQ(plan.inputs[1].first_record, 50);
  EXPECT_EQ(plan.inputs[2].first_record, 0);
  EXPECT_GT(plan.inputs[0].ordinal, 2) << "above all that the states hold";
  EXPECT_LT(plan.inputs[0].ordinal, plan.inputs[1].ordinal);
  EXPECT_EQ(plan.low, *to_offset({plan.inputs[0].ordinal, 900}));
  for (const InputStart& input : plan.inputs) EXPECT_FALSE(input.overlaps);
  ended(plan.inputs[0].ordinal, 950);
  ended(plan.inputs[1].ordinal, 50);
  ended(plan.inputs[2].ordinal, 0);
  written_to(plan.inputs[0].ordinal, 950);
  EXPECT_EQ(begin({kA, kB, kC}).inputs[0].first_record, 950);
}

TEST_F(Inputs, AFileThatGrewWaitsForARunThatWasCut) {
  begin({kA, kB});
  ended(0, 900);
  written_to(1, 70);
  EXPECT_TRUE(begin({kA, kB}).inputs[0].done);
  ended(1, 80);
  written_to(1, 80);
  const auto plan = begin({kA, kB});
  EXPECT_EQ(plan.inputs[0].first_record, 900);
  EXPECT_FALSE(plan.inputs[0].done);
  EXPECT_EQ(plan.inputs[1].first_record, 80);
}

TEST_F(Inputs, ARunOverMoreFilesThanAreRememberedKnowsAllItsOwn) {
  std::vector<Hash128> many;
  for (std::uint64_t i = 0; i < kInputsRemembered + 10; ++i) many.push_back({9, i});
  begin({kA});
  ended(0, 5);
  written_to(0, 5);
  const auto plan = begin(many);
  ended(plan.inputs.front().ordinal, 3);
  ended(plan.inputs.back().ordinal, 3);
  written_to(plan.inputs.front().ordinal, 2);
  EXPECT_EQ(begin(many).inputs.back().ordinal, plan.inputs.back().ordinal) << "the same list goes on";
  EXPECT_EQ(begin({kA}).inputs[0].first_record, 0) << "the longest ago is forgotten";
}

TEST_F(Inputs, OnlySoManyAreRemembered) {
  std::vector<Hash128> many;
  for (std::uint64_t i = 0; i < kInputsRemembered + 10; ++i) many.push_back({9, i});
  begin(many);
  const auto last = static_cast<std::int64_t>(many.size());
  EXPECT_EQ(begin({kA}).inputs[0].ordinal, last);
}

}  // namespace
}  // namespace ringfence
