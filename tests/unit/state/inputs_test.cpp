// SPDX-License-Identifier: Apache-2.0
#include "engine/state/inputs.h"

#include <gmock/gmock.h>

#include "engine/event/event.h"
#include "engine/event/hash.h"
#include "engine/state/codec.h"
#include "engine/state/records.h"

namespace ringfence {
namespace {

constexpr Partition kP{0};
using enum InputReading;

/// A file where it lies, of which each record is a byte, so that a position and a number of bytes are the same.
struct File {
  std::string name;
  std::uint64_t inode = 0;
  std::string bytes;
};
File file(std::uint64_t inode, std::size_t records) {
  const std::string name(1, static_cast<char>('a' + inode - 1));
  return {name, inode, std::string(records, name[0])};
}

class Inputs : public ::testing::Test {
 protected:
  InputPlan begin(const std::vector<File>& files) {
    std::vector<InputFile> run;
    for (const File& f : files) {
      run.push_back({.name = f.name, .file = {0, f.inode}, .size = f.bytes.size(), .beginning = [&f](std::uint64_t bytes) {
                       return hash128(std::string_view(f.bytes).substr(0, bytes));
                     }});
    }
    auto plan = begin_inputs(*store_, kP, run, 1);
    EXPECT_TRUE(plan);
    EXPECT_EQ(read_low(*store_, kP).value(), plan->low);
    return *plan;
  }
  static InputProof proof(const File& f, std::int64_t records) {
    const std::string_view read = std::string_view(f.bytes).substr(0, static_cast<std::size_t>(records));
    return {read.size(), hash128(read)};
  }
  /// Records of the file up to there may be in states.
  void reached(const InputStart& at, const File& f, std::int64_t record) {
    ASSERT_TRUE(store_->write({reached_write({at.ordinal, record}, proof(f, record))}));
  }
  /// And are.
  void written_to(const InputStart& at, const File& f, std::int64_t record) {
    reached(at, f, record);
    ASSERT_TRUE(store_->write({low_write(kP, 0, *to_offset({at.ordinal, record}))}));
  }
  void ended(const InputStart& at, const File& f) {
    const auto records = static_cast<std::int64_t>(f.bytes.size());
    if (records > at.first_record) written_to(at, f, records);
    ASSERT_TRUE(end_input(*store_, kP, {at.ordinal, records}, proof(f, records), f.bytes.size()));
  }
  /// Reads all of them to their ends.
  InputPlan read(const std::vector<File>& files) {
    InputPlan plan = begin(files);
    for (std::size_t i = 0; i < files.size(); ++i)
      if (!plan.inputs[i].done()) ended(plan.inputs[i], files[i]);
    return plan;
  }
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
  const auto plan = read({file(1, 10), file(2, 0)});
  EXPECT_EQ(plan.inputs[0].ordinal, 0);
  EXPECT_EQ(plan.inputs[1].ordinal, 1);
  EXPECT_EQ(plan.inputs[1].first_record, 0);
  EXPECT_EQ(plan.low, Offset{0});
  EXPECT_EQ(begin({file(3, 5)}).inputs[0].ordinal, 2);
}

TEST_F(Inputs, TheSameFileKilledHalfWayGoesOnFromItsLow) {
  const File a = file(1, 900);
  written_to(begin({a}).inputs[0], a, 500);
  const auto plan = begin({a});
  EXPECT_EQ(plan.inputs[0].ordinal, 0);
  EXPECT_EQ(plan.inputs[0].first_record, 500);
  EXPECT_EQ(plan.inputs[0].reading, On);
}

TEST_F(Inputs, AFileThatWasEmptyWhenItWasBegunIsKnownByWhatWasReadOfIt) {
  const InputStart first = begin({file(1, 0)}).inputs[0];
  ended(first, file(1, 5));
  EXPECT_EQ(begin({file(1, 5)}).inputs[0].first_record, 5);
  const File rotated{"a", 2, ""};
  const InputStart next = begin({rotated}).inputs[0];
  EXPECT_EQ(next.first_record, 0) << "another file of that name, and empty as the first one was";
  EXPECT_GT(next.ordinal, first.ordinal);
  EXPECT_EQ(begin({{"a", 1, ""}}).inputs[0].first_record, 0) << "what was read is no longer there";
}

TEST_F(Inputs, AFileThatGrewIsTheSameHoweverSmallItWas) {
  read({file(1, 3)});
  EXPECT_EQ(begin({file(1, 4)}).inputs[0].first_record, 3);
  EXPECT_EQ(begin({{"a", 9, "aaaaaa"}}).inputs[0].first_record, 3) << "copied to another place";
  EXPECT_EQ(begin({{"a.1", 9, "aaaaaa"}}).inputs[0].first_record, 3) << "and renamed there";
}

TEST_F(Inputs, AFileOfOtherContentIsNewWhateverItsNameAndPlace) {
  read({file(1, 3)});
  EXPECT_EQ(begin({{"a", 1, "xaaa"}}).inputs[0].first_record, 0);
  EXPECT_EQ(begin({{"a", 1, "aa"}}).inputs[0].first_record, 0) << "shorter than what was read";
  EXPECT_EQ(begin({{"b", 2, "aaaa"}}).inputs[0].first_record, 0) << "another name elsewhere";
}

TEST_F(Inputs, TwoFilesOfOneNameAndBeginningAreBothRead) {
  const File monday{"a", 1, "aaa"}, tuesday{"a", 2, "aaaaaaaaa"};
  const auto plan = read({monday, tuesday});
  EXPECT_EQ(plan.inputs[1].reading, On);
  EXPECT_EQ(plan.inputs[1].first_record, 0);
  const auto again = begin({tuesday, monday});
  EXPECT_EQ(again.inputs[0].first_record, 9) << "each is the one that lies there";
  EXPECT_EQ(again.inputs[1].first_record, 3);
}

TEST_F(Inputs, WhatCannotBeReadAgainIsNewEachTime) {
  const File pipe{"", 0, ""};
  const auto first = begin({pipe}).inputs[0], second = begin({pipe}).inputs[0];
  EXPECT_GT(second.ordinal, first.ordinal);
  EXPECT_EQ(begin({pipe, pipe}).inputs[0].reading, On) << "and none is another";
}

TEST_F(Inputs, TheSameListKilledInItsSecondFileGoesOnThere) {
  const std::vector<File> files{file(1, 900), file(2, 90), file(3, 5)};
  const auto first = begin(files);
  ended(first.inputs[0], files[0]);
  written_to(first.inputs[1], files[1], 70);
  const auto plan = begin(files);
  EXPECT_EQ(plan.inputs[0].reading, Passed);
  EXPECT_EQ(plan.inputs[1].first_record, 70);
  EXPECT_EQ(plan.inputs[1].ordinal, 1);
  EXPECT_EQ(plan.inputs[2].ordinal, 2);
  EXPECT_EQ(plan.inputs[2].first_record, 0);
  EXPECT_EQ(plan.low, *to_offset({1, 70}));
}

TEST_F(Inputs, TheSameListKilledBeforeAnythingOfItWasStoredKeepsItsOrdinals) {
  begin({file(1, 900), file(2, 90)});
  const auto plan = begin({file(1, 900), file(2, 90)});
  EXPECT_EQ(plan.inputs[0].ordinal, 0);
  EXPECT_EQ(plan.inputs[1].ordinal, 1);
  EXPECT_EQ(plan.low, Offset{0});
}

TEST_F(Inputs, AListKilledWhileStatesOfItsSecondFileWereWrittenGoesOnThereAndWhatTheFirstGrewByWaits) {
  const File a = file(1, 300), b = file(2, 300), grown = file(1, 350);
  const auto first = begin({a, b});
  ended(first.inputs[0], a);
  reached(first.inputs[1], b, 300);  // some states hold records of B, and none of them can take one of A any more
  const auto plan = begin({grown, b});
  EXPECT_EQ(plan.inputs[0].reading, Waiting);
  EXPECT_EQ(plan.inputs[1].ordinal, 1);
  EXPECT_EQ(plan.inputs[1].first_record, 0);
  EXPECT_EQ(plan.low, *to_offset({0, 300}));
  ended(plan.inputs[1], b);
  const auto next = begin({grown, b});
  EXPECT_EQ(next.inputs[0].first_record, 300);
  EXPECT_EQ(next.inputs[0].reading, On);
  EXPECT_GT(next.inputs[0].ordinal, 1) << "above all that states and outputs hold";
  EXPECT_EQ(next.inputs[1].first_record, 300);
}

TEST_F(Inputs, HowFarAKilledRunHadComeIsKnownToTheOneThatGoesOn) {
  const File a = file(1, 300);
  const InputStart first = begin({a}).inputs[0];
  EXPECT_EQ(begin({a}).reached.ordinal, -1) << "nothing was read";
  written_to(first, a, 100);
  reached(first, a, 200);
  const auto plan = begin({a});
  EXPECT_EQ(plan.reached, (InputPosition{0, 200}));
  EXPECT_EQ(plan.inputs[0].proof.bytes, 200U) << "what this run cuts before is no less known";
  ended(plan.inputs[0], a);
  EXPECT_EQ(begin({a}).reached, (InputPosition{0, 300}));
}

TEST_F(Inputs, AFileThatWasLeftOutOfAListThatWasCutIsReadWhenItComesBack) {
  const File a = file(1, 300), b = file(2, 300), c = file(3, 300);
  written_to(begin({a, b, c}).inputs[0], a, 100);
  const auto without = read({a, c});
  EXPECT_EQ(without.inputs[0].first_record, 100);
  EXPECT_EQ(without.inputs[1].ordinal, 2) << "nothing was read under it yet";
  const auto plan = begin({a, b, c});
  for (const InputStart& input : plan.inputs) EXPECT_EQ(input.reading, On);
  EXPECT_EQ(plan.inputs[0].first_record, 300);
  EXPECT_EQ(plan.inputs[1].first_record, 0);
  EXPECT_EQ(plan.inputs[2].first_record, 300);
  EXPECT_LT(plan.inputs[0].ordinal, plan.inputs[1].ordinal);
  EXPECT_LT(plan.inputs[1].ordinal, plan.inputs[2].ordinal);
}

TEST_F(Inputs, AFileThatWasBegunAndLeftOutIsReadOnWhenItComesBack) {
  const File a = file(1, 300), b = file(2, 300), c = file(3, 300);
  const auto first = begin({a, b, c});
  ended(first.inputs[0], a);
  written_to(first.inputs[1], b, 70);
  read({a, c});
  const auto plan = begin({a, b, c});
  EXPECT_EQ(plan.inputs[1].first_record, 70);
  EXPECT_EQ(plan.inputs[1].reading, On) << "no state holds more of it";
}

TEST_F(Inputs, AFinishedFileThatGrewIsReadOnFromItsEnd) {
  read({file(1, 900), file(2, 50)});
  const auto plan = begin({file(1, 950)});
  EXPECT_EQ(plan.inputs[0].ordinal, 2) << "states hold records of B above those of A";
  EXPECT_EQ(plan.inputs[0].first_record, 900);
  EXPECT_EQ(plan.inputs[0].reading, On);
  EXPECT_EQ(begin({file(1, 950)}).inputs[0].first_record, 900) << "killed before its first record";
}

TEST_F(Inputs, AFileReadOnUnderANewOrdinalAndNotReachedBeginsThereAgain) {
  read({file(1, 900)});
  begin({file(2, 5), file(1, 950)});
  const auto plan = begin({file(2, 5), file(1, 950)});  // killed in B
  EXPECT_EQ(plan.inputs[1].first_record, 900);
  EXPECT_GT(plan.inputs[1].ordinal, plan.inputs[0].ordinal);
}

TEST_F(Inputs, AnotherFileAfterAKillMovesOnAndTheFirstIsMarkedWhenItComesBack) {
  const File a = file(1, 900), c = file(3, 20);
  const InputStart first = begin({a}).inputs[0];
  written_to(first, a, 500);
  reached(first, a, 600);
  const auto other = read({c});
  EXPECT_EQ(other.inputs[0].ordinal, 1);
  EXPECT_EQ(other.low, *to_offset({1, 0})) << "A's remainder is given up";
  const auto back = begin({a});
  EXPECT_EQ(back.inputs[0].ordinal, 2);
  EXPECT_EQ(back.inputs[0].first_record, 500);
  EXPECT_EQ(back.inputs[0].reading, Overlapping);
}

TEST_F(Inputs, AFileNamedTwiceIsReadOnceWhereItStandsLast) {
  const auto plan = begin({file(1, 5), file(2, 5), file(1, 5)});
  EXPECT_EQ(plan.inputs[0].reading, NamedAgain);
  EXPECT_EQ(plan.inputs[1].reading, On);
  EXPECT_EQ(plan.inputs[2].reading, On);
}

TEST_F(Inputs, ListsInAnotherOrderNeverGoBackUnderAnOlderOrdinal) {
  const File a = file(1, 9), b = file(2, 9);
  const auto first = begin({a, b});
  ended(first.inputs[0], a);
  written_to(first.inputs[1], b, 5);
  const auto plan = begin({b, a});
  EXPECT_EQ(plan.inputs[0].ordinal, 1);
  EXPECT_EQ(plan.inputs[0].first_record, 5);
  EXPECT_GT(plan.inputs[1].ordinal, 1);
  EXPECT_EQ(plan.inputs[1].first_record, 9);
}

TEST_F(Inputs, AFileThatGrewIsReadOnWhereverItStandsInTheList) {
  read({file(1, 900), file(2, 50), file(3, 0)});
  const std::vector<File> grown{file(1, 950), file(2, 50), file(3, 0)};
  const auto plan = read(grown);
  EXPECT_EQ(plan.inputs[0].first_record, 900);
  EXPECT_EQ(plan.inputs[1].first_record, 50);
  EXPECT_EQ(plan.inputs[2].first_record, 0);
  EXPECT_GT(plan.inputs[0].ordinal, 2) << "above all that the states hold";
  EXPECT_LT(plan.inputs[0].ordinal, plan.inputs[1].ordinal);
  EXPECT_EQ(plan.low, *to_offset({plan.inputs[0].ordinal, 900}));
  for (const InputStart& input : plan.inputs) EXPECT_EQ(input.reading, On);
  const auto again = begin(grown);
  EXPECT_EQ(again.inputs[0].first_record, 950);
  EXPECT_EQ(again.inputs[0].reading, Passed) << "nothing came to it since";
}

TEST_F(Inputs, AFileThatGrewBeforeOneThatIsFollowedIsReadOnWithTheNextStart) {
  const File a = file(1, 900), b = file(2, 90);
  const auto first = begin({a, b});
  ended(first.inputs[0], a);
  written_to(first.inputs[1], b, 70);  // and stopped there: a run that follows never comes to its end
  const auto plan = begin({file(1, 950), b});
  EXPECT_EQ(plan.inputs[0].reading, On);
  EXPECT_EQ(plan.inputs[0].first_record, 900);
  EXPECT_EQ(plan.inputs[1].reading, On);
  EXPECT_EQ(plan.inputs[1].first_record, 70);
  EXPECT_GT(plan.inputs[1].ordinal, plan.inputs[0].ordinal);
}

TEST_F(Inputs, ARunOverMoreFilesThanAreRememberedKnowsAllItsOwn) {
  std::vector<File> many;
  for (std::uint64_t i = 0; i < kInputsRemembered + 10; ++i) many.push_back({"f" + std::to_string(i), i + 10, "xyz"});
  read({file(1, 5)});
  const auto plan = begin(many);
  written_to(plan.inputs.front(), many.front(), 2);
  EXPECT_EQ(begin(many).inputs.back().ordinal, plan.inputs.back().ordinal) << "the same list goes on";
  EXPECT_EQ(begin({file(1, 5)}).inputs[0].first_record, 0) << "the longest ago is forgotten";
}

/// As the first release wrote it: name and beginning in one hash, over as many bytes as there were at the start, and no version.
class InputsOfAFormerRelease : public Inputs {
 protected:
  struct Entry {
    File file;
    std::int64_t ordinal = 0, first = 0, records = -1;
  };
  void wrote(const std::vector<Entry>& entries, InputPosition low) {
    Writer out;
    out.varint(entries.size());
    for (const Entry& entry : entries) {
      const Hash128 beginning = hash128(std::string_view(entry.file.bytes).substr(0, 64U << 10U));
      out.u64(hash64(entry.file.name, beginning.high));
      out.u64(hash64(entry.file.name, beginning.low));
      out.svarint(entry.ordinal);
      out.svarint(entry.first);
      out.svarint(entry.records);
      out.u8(0);
    }
    ASSERT_TRUE(store_->write({record_write("inputs", out.bytes()), low_write(kP, 0, *to_offset(low))}));
  }
};

TEST_F(InputsOfAFormerRelease, AreGoneOnWith) {
  const File a = file(1, 100'000), b = file(2, 100'000);
  wrote({{a, 0, 0, 100'000}, {b, 1}}, {1, 70});
  const File grown = file(1, 100'500);
  const auto plan = begin({grown, b});
  EXPECT_EQ(plan.inputs[0].reading, Waiting) << "how large it was nobody noted";
  EXPECT_EQ(plan.inputs[1].ordinal, 1);
  EXPECT_EQ(plan.inputs[1].first_record, 70);
  ended(plan.inputs[1], b);
  EXPECT_EQ(begin({grown, b}).inputs[0].first_record, 100'000);
}

TEST_F(InputsOfAFormerRelease, ThatWereEmptyWhenTheyWereOpenedProveNothing) {
  wrote({{file(1, 0), 0, 0, 5}}, {0, 5});
  EXPECT_EQ(begin({file(1, 0)}).inputs[0].first_record, 0);
}

TEST_F(InputsOfAFormerRelease, MayHoldMoreThanTheySayWhereTheyWereCut) {
  const File a = file(1, 900);
  wrote({{a, 0}}, {0, 500});
  read({file(3, 20)});
  const auto back = begin({a});
  EXPECT_EQ(back.inputs[0].first_record, 500);
  EXPECT_EQ(back.inputs[0].reading, Overlapping);
}

}  // namespace
}  // namespace ringfence
