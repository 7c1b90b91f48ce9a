// SPDX-License-Identifier: Apache-2.0
#include "engine/state/agent_codec.h"

#include <gmock/gmock.h>

#include <fstream>
#include <map>
#include <sstream>

#include "tests/unit/state/sample_states.h"

namespace ringfence {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

const sample::TextMemories kMemories;

std::vector<PartId> ids(const std::vector<PartChange>& changes) {
  std::vector<PartId> out;
  for (const auto& change : changes) out.push_back(change.id);
  return out;
}

TEST(AgentCodec, ARandomStateComesBackByteForByte) {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    sample::Dice dice(seed);
    const AgentState state = sample::state(dice);
    const auto parts = sample::parts_of(state);
    const auto decoded = decode_agent(state.key, sample::views(parts), kMemories);
    ASSERT_TRUE(decoded) << seed << ": " << decoded.error().message;
    EXPECT_EQ(sample::bytes_of(decoded->state), sample::bytes_of(state)) << seed;
    EXPECT_EQ(decoded->state.acts_gone, state.acts_gone);
    EXPECT_EQ(decoded->memories_dropped, 0U);
  }
}

TEST(AgentCodec, FieldsComeBackUnderTheirOwnNames) {
  sample::Dice dice(7);
  AgentState state = sample::state(dice);
  state.evidence.alert[3] = -0.0F;
  state.evidence.declared[31] = 1e30F;
  state.containments = {{"agent:t/a", 9, true, Level::Halt, "f-1", EventTime{5}}};
  state.findings = {{"f-1", Analytic::BarrierGuessing, Level::Hold, EventTime{1}, EventTime{2}, EventTime{3}, 4, 5, 6, Severity::Low}};
  state.acts = {{1, 2, 3, EventTime{4}, 3}};
  const auto parts = sample::parts_of(state);
  const auto decoded = decode_agent(state.key, sample::views(parts), kMemories);
  ASSERT_TRUE(decoded);
  const AgentState& back = decoded->state;
  EXPECT_EQ(std::bit_cast<std::uint32_t>(back.evidence.alert[3]), 0x80000000U);
  EXPECT_EQ(back.evidence.declared[31], 1e30F);
  EXPECT_TRUE(back.contained());
  EXPECT_EQ(back.containments[0].epoch, 9U);
  EXPECT_EQ(back.findings[0].analytic, Analytic::BarrierGuessing);
  EXPECT_EQ(back.findings[0].count_written, 6U);
  EXPECT_EQ(back.findings[0].level, Level::Hold);
  EXPECT_EQ(back.findings[0].severity, Severity::Low);
  EXPECT_EQ(back.acts[0].args, 3U);
  EXPECT_EQ(back.lsn, state.lsn);
  EXPECT_EQ(back.tenant, state.tenant);
  EXPECT_EQ(back.arrivals, state.arrivals);
}

TEST(AgentCodec, AnAgentWithoutSessionsOrActsIsOnePartOfUnderAHundredBytes) {
  AgentState idle;
  idle.key = sample::key_of(1);
  idle.tenant = "corp";
  idle.id = "agent-1";
  const auto parts = sample::parts_of(idle);
  ASSERT_THAT(parts, SizeIs(1));
  EXPECT_LT(parts[0].bytes->size(), 100U);
}

TEST(AgentCodec, OnlyPartsThatChangedAreWrittenAgain) {
  sample::Dice dice(11);
  AgentState state;
  state.key = sample::key_of(2);
  for (std::uint64_t s = 0; s < 10; ++s) state.sessions.push_back(sample::session(dice, s));
  for (std::size_t i = 0; i < 5 * kActsPerChunk; ++i) state.acts.push_back(sample::act(dice));
  WrittenParts written;
  EXPECT_THAT(encode_changes(state, written), SizeIs(10 + 5 + 1));
  EXPECT_THAT(encode_changes(state, written), IsEmpty());

  state.lsn = 100;
  state.sessions[4].held_acts += 1;
  state.acts.push_back(sample::act(dice));
  EXPECT_THAT(ids(encode_changes(state, written)),
              ElementsAre(PartId{PartId::Kind::Session, 4}, PartId{PartId::Kind::Acts, 5}, PartId{PartId::Kind::Core, 0}));

  state.sessions.erase(state.sessions.begin() + 2);
  state.forget_oldest_acts(kActsPerChunk);
  const auto changes = encode_changes(state, written);
  EXPECT_THAT(ids(changes), ElementsAre(PartId{PartId::Kind::Session, 2}, PartId{PartId::Kind::Acts, 0}, PartId{PartId::Kind::Core, 0}));
  EXPECT_FALSE(changes[0].bytes || changes[1].bytes);
}

TEST(AgentCodec, ASmallStateIsOnePartUntilItOutgrowsItAndAgainWhenItShrinks) {
  sample::Dice dice(21);
  AgentState state;
  state.key = sample::key_of(2);
  state.sessions.push_back(sample::session(dice, 7));
  state.sessions[0].memory = {};
  state.sessions[0].ledger.reset();
  for (int i = 0; i < 10; ++i) state.acts.push_back(sample::act(dice));
  WrittenParts written;
  EXPECT_THAT(ids(encode_changes(state, written)), ElementsAre(PartId{}));
  EXPECT_THAT(encode_changes(state, written), IsEmpty());

  for (std::size_t i = 0; i < kWholeBytes / kActBytes; ++i) state.acts.push_back(sample::act(dice));
  const PartId session{PartId::Kind::Session, 7}, chunk{PartId::Kind::Acts, 0}, next{PartId::Kind::Acts, 1};
  EXPECT_THAT(ids(encode_changes(state, written)), ElementsAre(session, chunk, next, PartId{}));
  state.lsn = 5;
  EXPECT_THAT(ids(encode_changes(state, written)), ElementsAre(PartId{})) << "what did not change is not written again";

  state.forget_oldest_acts(kActsPerChunk);
  const auto folded = encode_changes(state, written);
  EXPECT_THAT(ids(folded), ElementsAre(session, chunk, next, PartId{}));
  EXPECT_FALSE(folded[0].bytes || folded[1].bytes || folded[2].bytes) << "parts that the whole replaces go in the same batch";
  EXPECT_LE(folded[3].bytes->size(), kWholeBytes + 8);
}

TEST(AgentCodec, TheFormOfAStateDoesNotDependOnItsHistory) {
  sample::Dice dice(22);
  AgentState state;
  state.key = sample::key_of(2);
  WrittenParts written;
  std::map<PartId, std::string> stored;
  for (int round = 0; round < 200; ++round) {
    if (dice.one_in(2))
      state.acts.push_back(sample::act(dice));
    else
      state.forget_oldest_acts(dice.below(3));
    if (round == 50 || round == 120)
      for (int i = 0; i < 50; ++i) state.acts.push_back(sample::act(dice));
    for (auto& change : encode_changes(state, written)) {
      if (change.bytes)
        stored[change.id] = std::move(*change.bytes);
      else
        stored.erase(change.id);
    }
    std::map<PartId, std::string> at_once;
    for (auto& part : sample::parts_of(state)) at_once[part.id] = std::move(*part.bytes);
    ASSERT_EQ(stored, at_once) << round;
  }
}

TEST(AgentCodec, ChangesAppliedInTurnGiveTheStateWhateverHappenedToIt) {
  sample::Dice dice(12);
  AgentState state;
  state.key = sample::key_of(3);
  WrittenParts written;
  std::map<PartId, std::string> stored;
  int wholes = 0;
  for (int round = 0; round < 300; ++round) {
    if (dice.one_in(3)) state.sessions.push_back(sample::session(dice, dice.bits()));
    if (!state.sessions.empty() && dice.one_in(4))
      state.sessions.erase(state.sessions.begin() + static_cast<std::ptrdiff_t>(dice.below(state.sessions.size())));
    if (!state.sessions.empty() && dice.one_in(2)) state.sessions[dice.below(state.sessions.size())].arrival = dice.bits();
    for (std::size_t i = dice.below(60); i > 0; --i) state.acts.push_back(sample::act(dice));
    if (dice.one_in(3)) state.forget_oldest_acts(dice.below(100));
    if (!state.acts.empty() && dice.one_in(3)) state.acts[dice.below(state.acts.size())].seen ^= 1;
    if (!state.acts.empty() && dice.one_in(20)) state.acts.erase(state.acts.begin());  // not counted: costs writes, never truth
    if (dice.one_in(40)) state.start_afresh();
    state.lsn = round;
    for (auto& change : encode_changes(state, written)) {
      if (change.bytes)
        stored[change.id] = std::move(*change.bytes);
      else
        EXPECT_EQ(stored.erase(change.id), 1U);
    }
    std::vector<PartView> parts;
    for (const auto& [id, bytes] : stored) parts.push_back({id, bytes});
    EXPECT_THAT(stored, SizeIs(sample::parts_of(state).size())) << "left over parts, round " << round;
    wholes += stored.size() == 1 ? 1 : 0;
    const auto decoded = decode_agent(state.key, parts, kMemories);
    ASSERT_TRUE(decoded) << round << ": " << decoded.error().message;
    ASSERT_EQ(sample::bytes_of(decoded->state), sample::bytes_of(state)) << round;
    WrittenParts reread = decoded->written;
    EXPECT_THAT(encode_changes(decoded->state, reread), IsEmpty());
  }
  EXPECT_GT(wholes, 10);
  EXPECT_LT(wholes, 200);
}

TEST(AgentCodec, AnyFlippedByteIsFound) {
  sample::Dice dice(13);
  const AgentState state = sample::state(dice);
  const auto parts = sample::parts_of(state);
  for (std::size_t p = 0; p < parts.size(); ++p) {
    for (std::size_t at = 0; at < parts[p].bytes->size(); ++at) {
      auto damaged = parts;
      (*damaged[p].bytes)[at] = static_cast<char>((*damaged[p].bytes)[at] ^ 0x10);
      const auto decoded = decode_agent(state.key, sample::views(damaged), kMemories);
      ASSERT_FALSE(decoded);
      EXPECT_EQ(decoded.error().kind, CodecError::Kind::Checksum);
    }
  }
}

TEST(AgentCodec, CutAtAnyByteItIsNoState) {
  sample::Dice dice(14);
  const AgentState state = sample::state(dice);
  const auto parts = sample::parts_of(state);
  for (std::size_t p = 0; p < parts.size(); ++p) {
    for (std::size_t size = 0; size < parts[p].bytes->size(); ++size) {
      auto cut = parts;
      cut[p].bytes->resize(size);
      ASSERT_FALSE(decode_agent(state.key, sample::views(cut), kMemories));
    }
  }
}

TEST(AgentCodec, BodiesCutOrDamagedUnderAGoodChecksumNeverCrash) {
  sample::Dice dice(15);
  const AgentState state = sample::state(dice);
  const auto parts = sample::parts_of(state);
  for (std::size_t p = 0; p < parts.size(); ++p) {
    const auto opened = open_part(state.key, {parts[p].id, *parts[p].bytes});
    ASSERT_TRUE(opened);
    for (std::size_t size = 0; size < opened->body.size(); ++size) {
      auto cut = parts;
      cut[p].bytes = seal_part(state.key, parts[p].id, opened->body.substr(0, size));
      EXPECT_FALSE(decode_agent(state.key, sample::views(cut), kMemories)) << "cut at " << size;
      auto damaged = parts;
      std::string body(opened->body);
      body[size] = static_cast<char>(dice.bits());
      damaged[p].bytes = seal_part(state.key, parts[p].id, body);
      const auto decoded = decode_agent(state.key, sample::views(damaged), kMemories);
      if (decoded) {
        EXPECT_FALSE(sample::bytes_of(decoded->state).empty());
      }
    }
  }
}

TEST(AgentCodec, APartUnderAnotherAgentOrNameIsRefused) {
  sample::Dice dice(16);
  const AgentState state = sample::state(dice);
  const auto parts = sample::parts_of(state);
  const AgentKey other = sample::key_of(99);
  EXPECT_EQ(decode_agent(other, sample::views(parts), kMemories).error().kind, CodecError::Kind::Checksum);
  const PartView core{{PartId::Kind::Session, 5}, *parts.back().bytes};
  EXPECT_EQ(open_part(state.key, core).error().kind, CodecError::Kind::Checksum);
}

TEST(AgentCodec, AMissingPartIsToldFromADamagedOne) {
  sample::Dice dice(17);
  AgentState state = sample::state(dice);
  state.sessions.push_back(sample::session(dice, 1));
  while (sample::parts_of(state).size() < 4) state.acts.push_back(sample::act(dice));
  const auto parts = sample::parts_of(state);
  for (std::size_t gone = 0; gone < parts.size(); ++gone) {
    auto some = sample::views(parts);
    some.erase(some.begin() + static_cast<std::ptrdiff_t>(gone));
    EXPECT_EQ(decode_agent(state.key, some, kMemories).error().kind, CodecError::Kind::MissingPart);
  }
}

TEST(AgentCodec, AnUnknownChannelsMemoryIsDroppedAndCounted) {
  AgentState state;
  state.key = sample::key_of(4);
  state.memory[static_cast<std::size_t>(ChannelId::Barrier)] = std::make_unique<sample::TextMemory>("kept");
  state.memory[static_cast<std::size_t>(ChannelId::Drift)] = std::make_unique<sample::TextMemory>("dropped");
  const auto parts = sample::parts_of(state);
  const auto decoded = decode_agent(state.key, sample::views(parts), sample::TextMemories(ChannelId::Drift));
  ASSERT_TRUE(decoded);
  EXPECT_EQ(decoded->memories_dropped, 1U);
  EXPECT_FALSE(decoded->state.memory[static_cast<std::size_t>(ChannelId::Drift)]);
  const auto* kept = dynamic_cast<const sample::TextMemory*>(decoded->state.memory[static_cast<std::size_t>(ChannelId::Barrier)].get());
  ASSERT_TRUE(kept);
  EXPECT_EQ(kept->text(), "kept");
}

TEST(AgentCodec, ANewerSchemaIsAVersionErrorNotCorruption) {
  AgentState state;
  state.key = sample::key_of(5);
  const auto parts = sample::parts_of(state);
  const auto opened = open_part(state.key, {{}, *parts[0].bytes});
  ASSERT_TRUE(opened);
  const std::string newer = seal_part(state.key, {}, opened->body, kStateSchema + 1);
  EXPECT_EQ(open_part(state.key, {{}, newer}).error().kind, CodecError::Kind::Version);
}

TEST(AgentCodec, ASessionNamedTwiceIsRefused) {
  sample::Dice dice(18);
  AgentState state;
  state.key = sample::key_of(6);
  state.sessions.push_back(sample::session(dice, 1));
  state.sessions.push_back(sample::session(dice, 1));
  const auto parts = sample::parts_of(state);
  EXPECT_EQ(decode_agent(state.key, sample::views(parts), kMemories).error().kind, CodecError::Kind::Malformed);
}

TEST(AgentState, StartingAfreshKeepsWhatOthersBuildOn) {
  sample::Dice dice(19);
  AgentState state = sample::state(dice);
  state.findings = {{"f-1", Analytic::BarrierGuessing, Level::Hold, EventTime{1}, EventTime{2}, EventTime{3}, 4, 5, 6}};
  state.containments = {{"agent:t/a", 9, false, Level::Halt, "f-1", EventTime{5}}};
  const AgentKey key = state.key;
  const std::int64_t lsn = state.lsn;
  const EventTime first = state.first_time;
  const std::string id = state.id;
  state.start_afresh();
  EXPECT_EQ(state.key, key);
  EXPECT_EQ(state.lsn, lsn);
  EXPECT_EQ(state.first_time, first);
  EXPECT_EQ(state.id, id);
  EXPECT_THAT(state.findings, SizeIs(1));
  EXPECT_EQ(state.containments.at(0).epoch, 9U);
  EXPECT_THAT(state.sessions, IsEmpty());
  EXPECT_THAT(state.acts, IsEmpty());
  EXPECT_EQ(state.arrivals, 0U);
  EXPECT_EQ(state.ledger, nullptr);
  EXPECT_EQ(state.evidence.alert, Evidence{}.alert);
}

}  // namespace
}  // namespace ringfence
