// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <fstream>
#include <iterator>

#include "engine/state/agent_table.h"
#include "tests/unit/state/golden_states.h"

namespace ringfence {
namespace {

using ::testing::SizeIs;

const sample::TextMemories kMemories;

std::string file(const std::string& name) {
  std::ifstream in(RINGFENCE_SOURCE_DIR "/tests/data/" + name, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

TEST(StateSchema, TheFileOfVersionOneDecodesForEver) {
  const std::string stored = file("state_v1.bin");
  const AgentState expected = golden::state();
  const auto decoded = decode_agent(expected.key, golden::parts_in(stored), kMemories);
  ASSERT_TRUE(decoded) << decoded.error().message;
  EXPECT_EQ(sample::bytes_of(decoded->state), sample::bytes_of(expected));
}

TEST(StateSchema, WhatIsWrittenTodayIsVersionOneToTheByte) {
  ASSERT_EQ(kStateSchema, 1) << "a new schema needs a golden file of its own; this test then stays with the old encoder";
  EXPECT_EQ(golden::file_of(sample::parts_of(golden::state())), file("state_v1.bin"));
}

TEST(StateSchema, TheFileOfVersionZeroReadsWithArrivalsAtNought) {
  const std::string stored = file("state_v0.bin");
  AgentState expected = golden::state();
  ASSERT_EQ(golden::file_of(golden::encode_v0(expected)), stored) << "the file is no longer what this schema wrote";
  const auto decoded = decode_agent(expected.key, golden::parts_in(stored), kMemories);
  ASSERT_TRUE(decoded) << decoded.error().message;
  expected.arrivals = 0;
  expected.acts_forgotten_early = 0;
  expected.seen_verified = false;
  for (auto& session : expected.sessions) session.arrival = 0;
  EXPECT_EQ(sample::bytes_of(decoded->state), sample::bytes_of(expected));
}

TEST(StateSchema, AnAgentOfAnOlderVersionIsWrittenWholeInTheNewOneAtItsNextChange) {
  const auto store = memory_store();
  const Partition partition{0};
  const AgentState old = golden::state();
  std::vector<StoreWrite> rows;
  for (const auto& part : golden::encode_v0(old))
    rows.push_back({StoreWrite::Kind::Put, part_key(partition, old.key, part.id), *part.bytes});
  ASSERT_TRUE(store->write(rows));

  AgentTable table(*store, kMemories, {});
  auto state = table.open({partition, Offset{old.lsn + 1}}, old.key, old.tenant, old.id, old.last_time);
  ASSERT_TRUE(state) << state.error().message;
  EXPECT_THAT((*state)->acts, SizeIs(70));
  table.touch(**state, Offset{old.lsn + 1});
  const auto snapshot = table.take_oldest(partition, 0);
  ASSERT_TRUE(snapshot);
  EXPECT_THAT(snapshot->writes, SizeIs(rows.size())) << "every part, and no other";
  for (const auto& write : snapshot->writes) EXPECT_EQ(static_cast<std::uint8_t>(write.value.at(0)), kStateSchema);
}

}  // namespace
}  // namespace ringfence
