// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <fstream>
#include <iterator>
#include <span>

#include "engine/state/agent_table.h"
#include "tests/unit/state/golden_states.h"

namespace ringfence {
namespace {

using ::testing::ElementsAre;
using ::testing::SizeIs;

const sample::TextMemories kMemories;

std::string file(const std::string& name) {
  std::ifstream in(RINGFENCE_SOURCE_DIR "/tests/data/" + name, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

/// What the parts decode to, as today's bytes.
std::string read_back(const AgentKey& key, std::span<const PartView> parts) {
  const auto decoded = decode_agent(key, parts, kMemories);
  return decoded ? sample::bytes_of(decoded->state) : decoded.error().message;
}

TEST(StateSchema, WhatIsWrittenTodayIsVersionSixToTheByte) {
  ASSERT_EQ(kStateSchema, 6) << "a new schema needs golden files of its own; this test then stays with the old encoder";
  const AgentState small = golden::small(golden::state_of_six());
  EXPECT_EQ(golden::file_of(sample::parts_of(golden::state_of_six())), file("state_v6.bin"));
  EXPECT_EQ(golden::file_of(sample::parts_of(small)), file("state_v6_whole.bin"));
  EXPECT_THAT(sample::parts_of(small), SizeIs(1));
}

TEST(StateSchema, TheFilesOfVersionSixDecodeForEver) {
  const AgentState expected = golden::state_of_six(), small = golden::small(golden::state_of_six());
  const std::string in_parts = file("state_v6.bin"), whole = file("state_v6_whole.bin");
  EXPECT_EQ(read_back(expected.key, golden::parts_in(in_parts)), sample::bytes_of(expected));
  EXPECT_EQ(read_back(small.key, golden::parts_in(whole)), sample::bytes_of(small));
}

TEST(StateSchema, TheFilesOfVersionFiveReadWithoutAPastOfBorrowedNames) {
  const std::string in_parts = file("state_v5.bin"), whole = file("state_v5_whole.bin");
  const AgentState large = golden::state(), small = golden::small_state();
  ASSERT_EQ(golden::file_of(golden::encode_old_whole(small, 5)), whole) << "the file is no longer what this schema wrote";
  EXPECT_EQ(read_back(large.key, golden::parts_in(in_parts)), sample::bytes_of(large));
  EXPECT_EQ(read_back(small.key, golden::parts_in(whole)), sample::bytes_of(small));
}

TEST(StateSchema, TheFilesOfVersionFourReadWithTheSeverityOfTheLevel) {
  const std::string in_parts = file("state_v4.bin"), whole = file("state_v4_whole.bin");
  const AgentState large = golden::state(), small = golden::small_state();
  ASSERT_EQ(golden::file_of(golden::encode_old(large, 4)), in_parts) << "the file is no longer what this schema wrote";
  ASSERT_EQ(golden::file_of(golden::encode_old_whole(small, 4)), whole) << "the file is no longer what this schema wrote";
  EXPECT_EQ(read_back(large.key, golden::parts_in(in_parts)), sample::bytes_of(golden::as_known_to(golden::state(), 4)));
  EXPECT_EQ(read_back(small.key, golden::parts_in(whole)), sample::bytes_of(golden::as_known_to(golden::small_state(), 4)));
}

TEST(StateSchema, TheFilesOfVersionThreeReadWithNothingKeptOfRequests) {
  const std::string in_parts = file("state_v3.bin"), whole = file("state_v3_whole.bin");
  const AgentState large = golden::state(), small = golden::small_state();
  ASSERT_EQ(golden::file_of(golden::encode_old(large, 3)), in_parts) << "the file is no longer what this schema wrote";
  ASSERT_EQ(golden::file_of(golden::encode_old_whole(small, 3)), whole) << "the file is no longer what this schema wrote";
  EXPECT_EQ(read_back(large.key, golden::parts_in(in_parts)), sample::bytes_of(golden::as_known_to(golden::state(), 3)));
  EXPECT_EQ(read_back(small.key, golden::parts_in(whole)), sample::bytes_of(golden::as_known_to(golden::small_state(), 3)));
}

TEST(StateSchema, TheFilesOfVersionTwoReadWithNothingConfirmedByGates) {
  const std::string in_parts = file("state_v2.bin"), whole = file("state_v2_whole.bin");
  const AgentState large = golden::state(), small = golden::small_state();
  ASSERT_EQ(golden::file_of(golden::encode_old(large, 2)), in_parts) << "the file is no longer what this schema wrote";
  ASSERT_EQ(golden::file_of(golden::encode_old_whole(small, 2)), whole) << "the file is no longer what this schema wrote";
  EXPECT_EQ(read_back(large.key, golden::parts_in(in_parts)), sample::bytes_of(golden::as_known_to(golden::state(), 2)));
  EXPECT_EQ(read_back(small.key, golden::parts_in(whole)), sample::bytes_of(golden::as_known_to(golden::small_state(), 2)));
}

TEST(StateSchema, TheFileOfVersionOneDecodesForEver) {
  const std::string stored = file("state_v1.bin");
  const AgentState written = golden::state();
  ASSERT_EQ(golden::file_of(golden::encode_old(written, 1)), stored) << "the file is no longer what this schema wrote";
  EXPECT_EQ(read_back(written.key, golden::parts_in(stored)), sample::bytes_of(golden::as_known_to(golden::state(), 1)));
}

TEST(StateSchema, TheFileOfVersionZeroReadsWithArrivalsAtNought) {
  const std::string stored = file("state_v0.bin");
  const AgentState written = golden::state();
  ASSERT_EQ(golden::file_of(golden::encode_old(written, 0)), stored) << "the file is no longer what this schema wrote";
  EXPECT_EQ(read_back(written.key, golden::parts_in(stored)), sample::bytes_of(golden::as_known_to(golden::state(), 0)));
}

/// A store that an older release left, and an agent of it that goes on.
class StoreOfAnOlderRelease : public ::testing::TestWithParam<std::uint8_t> {
 protected:
  std::vector<StoreWrite> left_behind(const AgentState& state) {
    std::vector<StoreWrite> rows;
    for (const auto& part : golden::encode_old(state, GetParam()))
      rows.push_back({StoreWrite::Kind::Put, part_key(kPartition, state.key, part.id), *part.bytes});
    EXPECT_TRUE(store_->write(rows));
    return rows;
  }
  /// What the agent's next event changes in the store.
  std::vector<StoreWrite> next_change(const AgentState& old) {
    AgentTable table(*store_, kMemories, {});
    auto state = table.open({kPartition, Offset{old.lsn + 1}}, old.key, old.tenant, old.id, old.last_time);
    EXPECT_TRUE(state) << state.error().message;
    EXPECT_THAT((*state)->acts, SizeIs(old.acts.size()));
    table.touch(**state, Offset{old.lsn + 1});
    return table.take_oldest(kPartition, 0).value().writes;
  }
  static constexpr Partition kPartition{0};
  const std::unique_ptr<Store> store_ = memory_store();
};

TEST_P(StoreOfAnOlderRelease, ALargeAgentIsWrittenInEveryPartAtItsNextChange) {
  const AgentState old = golden::state();
  const auto rows = left_behind(old);
  const auto writes = next_change(old);
  EXPECT_THAT(writes, SizeIs(rows.size())) << "every part, and no other";
  for (const auto& write : writes) EXPECT_EQ(static_cast<std::uint8_t>(write.value.at(0)), kStateSchema);
}

TEST_P(StoreOfAnOlderRelease, ASmallAgentIsOneRowFromItsNextChangeOn) {
  const AgentState old = golden::small_state();
  EXPECT_THAT(left_behind(old), SizeIs(5)) << "core, two sessions, two chunks of acts";
  ASSERT_TRUE(store_->write(next_change(old)));
  std::vector<std::string> keys;
  ASSERT_TRUE(store_->scan(agent_prefix(kPartition, old.key), [&](std::string_view key, std::string_view) {
    keys.emplace_back(key);
    return true;
  }));
  EXPECT_THAT(keys, ElementsAre(part_key(kPartition, old.key, {})));
  AgentTable table(*store_, kMemories, {});
  const auto state = table.find(kPartition, old.key);
  ASSERT_TRUE(state);
  EXPECT_THAT((*state)->sessions, SizeIs(2));
  EXPECT_THAT((*state)->acts, SizeIs(5));
}

INSTANTIATE_TEST_SUITE_P(Schemas, StoreOfAnOlderRelease,
                         ::testing::Values(std::uint8_t{0}, std::uint8_t{1}, std::uint8_t{2}, std::uint8_t{3}, std::uint8_t{4},
                                           std::uint8_t{5}));

}  // namespace
}  // namespace ringfence
