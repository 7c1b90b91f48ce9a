// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <random>
#include <string>

#include "models/barrier_memory.h"
#include "tests/unit/models/barrier_story.h"

namespace ringfence {
namespace {

using namespace story;
using testing::Le;

std::uint64_t id_hash(std::uint64_t n) { return hash64(std::to_string(n)); }

TEST(SeenIds, FalselySeesLessThanOnePercentAtSevenHundred) {
  SeenIds seen;
  for (std::uint64_t i = 0; i < 700; ++i) seen.add(id_hash(i));
  for (std::uint64_t i = 0; i < 700; ++i) ASSERT_TRUE(seen.contains(id_hash(i)));
  int falsely = 0;
  for (std::uint64_t i = 0; i < 20000; ++i) falsely += seen.contains(id_hash(1'000'000 + i)) ? 1 : 0;
  EXPECT_THAT(falsely, Le(200));
}

TEST(SeenIds, ForgetsTheOlderGenerationOnly) {
  SeenIds seen;
  for (std::uint64_t i = 0; i < 2100; ++i) seen.add(id_hash(i));
  int first = 0, recent = 0;
  for (std::uint64_t i = 0; i < 650; ++i) first += seen.contains(id_hash(i)) ? 1 : 0;
  for (std::uint64_t i = 1450; i < 2100; ++i) recent += seen.contains(id_hash(i)) ? 1 : 0;
  EXPECT_THAT(first, Le(30));
  EXPECT_EQ(recent, 650);
  EXPECT_THAT(seen.bytes(), Le(2200U));
}

TEST(SeenIds, SurvivesEncodingAtEverySize) {
  SeenIds seen;
  for (std::uint64_t i = 0; i < 1500; ++i) {
    seen.add(id_hash(i));
    if (i % 97 != 0 && i != 47 && i != 48 && i != 49) continue;
    Writer out;
    seen.encode(out);
    SeenIds back;
    Reader in(out.bytes());
    ASSERT_TRUE(back.decode(in));
    ASSERT_TRUE(in.at_end());
    Writer again;
    back.encode(again);
    ASSERT_EQ(out.bytes(), again.bytes());
    ASSERT_TRUE(back.contains(id_hash(i)));
  }
}

/// A session with all there is to remember.
Story full_story() {
  Story story;
  story.task("Read 9fceb02d0ae598e95dc970b74767f19372d61af8 and more");
  std::vector<std::string> many;
  for (int i = 0; i < 900; ++i) many.push_back("INV-" + std::to_string(100000 + i));
  (void)story.tell({.tool = "git/list", .result = many, .credential = "sha256:a", .action = kList});
  for (int i = 0; i < 20; ++i) {
    const std::string ref = "9fceb02d0ae598e95dc970b74767f19372d61a" + std::to_string(100 + i);
    Call call{
        .uri = "repos/x/commits/" + ref, .args = {{"ref", ref}, {"path", "config/secrets.yml"}}, .credential = "sha256:a", .action = kRead};
    (void)story.tell(denied(call));
    call.tool = "git/get_tree";
    (void)story.tell(call);
  }
  return story;
}

TEST(BarrierMemory, AnAgentNeverRefusedCarriesNothing) {
  Story story;
  for (int i = 0; i < 1000; ++i) (void)story.tell({.uri = "repos/x/commits/main", .args = {{"ref", "main"}}, .action = kRead});
  EXPECT_EQ(story.agent().memory[static_cast<std::size_t>(ChannelId::Barrier)], nullptr);
  EXPECT_EQ(story.session("s1").memory[static_cast<std::size_t>(ChannelId::Barrier)], nullptr);
}

TEST(BarrierMemory, IsBoundedWhateverHappens) {
  Story story = full_story();
  for (int i = 0; i < 500; ++i)
    (void)story.tell(denied({.tool = "t" + std::to_string(i) + "/x",
                             .uri = "r/" + std::string(60, 'a') + std::to_string(i),
                             .credential = "c" + std::to_string(i)}));
  EXPECT_THAT(story.agent().memory[static_cast<std::size_t>(ChannelId::Barrier)]->bytes(), Le(1800U));
  EXPECT_THAT(story.session("s1").memory[static_cast<std::size_t>(ChannelId::Barrier)]->bytes(), Le(5200U));
}

TEST(BarrierMemory, ComesBackFromItsBytesToTheSameBytes) {
  Story story = full_story();
  for (const MemoryScope scope : {MemoryScope::Agent, MemoryScope::Session}) {
    const auto& memory =
        (scope == MemoryScope::Agent ? story.agent().memory : story.session("s1").memory)[static_cast<std::size_t>(ChannelId::Barrier)];
    Writer out;
    memory->encode(out);
    Reader in(out.bytes());
    const auto back = channel_memories().decode(ChannelId::Barrier, scope, in);
    ASSERT_NE(back, nullptr);
    EXPECT_TRUE(in.at_end());
    Writer again;
    back->encode(again);
    EXPECT_EQ(out.bytes(), again.bytes());
  }
}

TEST(BarrierMemory, HostileBytesAreRefusedOrDecodeToSomethingBounded) {
  Story story = full_story();
  std::mt19937_64 rng(12);
  for (const MemoryScope scope : {MemoryScope::Agent, MemoryScope::Session}) {
    Writer out;
    (scope == MemoryScope::Agent ? story.agent().memory : story.session("s1").memory)[static_cast<std::size_t>(ChannelId::Barrier)]->encode(
        out);
    for (std::size_t cut = 0; cut < out.bytes().size(); ++cut) {
      Reader in(std::string_view(out.bytes()).substr(0, cut));
      ASSERT_EQ(channel_memories().decode(ChannelId::Barrier, scope, in), nullptr) << "cut at " << cut;
    }
    for (int i = 0; i < 3000; ++i) {
      std::string bytes(out.bytes());
      for (int flips = 0; flips < 3; ++flips) bytes[rng() % bytes.size()] = static_cast<char>(rng());
      Reader in(bytes);
      const auto memory = channel_memories().decode(ChannelId::Barrier, scope, in);
      if (memory) {
        ASSERT_THAT(memory->bytes(), Le(6000U));
      }
    }
  }
}

TEST(BarrierMemory, KeepsTheLastEightOpenRequestsAndHandsEachOutOnce) {
  BarrierSession session;
  session.text_known = true;
  for (std::uint64_t i = 1; i <= 10; ++i)
    session.keep({.event = i, .target = id_hash(i), .tool = 7, .credential = 0, .keys = {}, .said = {{std::string(40, 'a'), false}}});
  Writer out, again;
  session.encode(out);
  for (std::size_t cut = 0; cut < out.bytes().size(); ++cut) {
    Reader part(std::string_view(out.bytes()).substr(0, cut));
    ASSERT_EQ(BarrierSession::decode(part), nullptr) << cut;
  }
  Reader in(out.bytes());
  const auto back = BarrierSession::decode(in);
  ASSERT_NE(back, nullptr);
  EXPECT_TRUE(in.at_end());
  back->encode(again);
  EXPECT_EQ(again.bytes(), out.bytes());
  EXPECT_THAT(back->bytes(), Le(3000U));
  EXPECT_FALSE(back->take(2)) << "the oldest leave";
  for (std::uint64_t i = 3; i <= 10; ++i) {
    const auto request = back->take(i);
    ASSERT_TRUE(request);
    EXPECT_EQ(request->target, id_hash(i));
    EXPECT_EQ(request->said.front().text, std::string(40, 'a'));
    EXPECT_FALSE(back->take(i));
  }
  Writer empty, never;
  back->encode(empty);
  BarrierSession plain;
  plain.text_known = true;
  plain.encode(never);
  EXPECT_EQ(empty.bytes(), never.bytes());
}

TEST(BarrierMemory, ReadsASessionOfTheVersionsBeforeWhichKnewNoMoments) {
  for (const bool asking : {false, true}) {
    Writer out;
    out.u8(asking ? 2 : 1);
    if (asking) {
      out.varint(1);
      for (const std::uint64_t hash : {7U, 8U}) out.u64(hash);
      for (int i = 0; i < 4; ++i) out.varint(0);  // tool, credential, keys, said
    }
    out.u8(1 | 2 | 8);  // after a refusal, text known, refused
    out.varint(5);      // serial
    out.varint(0);      // credentials
    SeenIds().encode(out);
    out.varint(1);
    out.u64(id_hash(3));
    for (const unsigned number : {4U, 0U}) out.varint(number);  // tool, credential
    out.u8(0);
    for (int i = 0; i < 3; ++i) out.varint(0);  // keys, values, paths
    out.varint(0);                              // conducts
    Reader in(out.bytes());
    const auto session = BarrierSession::decode(in);
    ASSERT_NE(session, nullptr);
    EXPECT_TRUE(in.at_end());
    EXPECT_EQ(session->asked != nullptr, asking);
    EXPECT_TRUE(session->after_refusal && session->text_known && !session->hashes_known);
    ASSERT_EQ(session->refusals->ring.size(), 1U);
    EXPECT_EQ(session->refusals->ring.front().since, Moment{}) << "known to whoever asks";
    EXPECT_EQ(session->run_began, Moment{});
  }
}

/// A session of that version that was refused last, up to where its run began.
void begin_refused(Writer& out, std::uint8_t version) {
  out.u8(version);
  out.u8(1 | 8);                              // after a refusal, refused
  for (int i = 0; i < 2; ++i) out.varint(0);  // serial, credentials
  SeenIds().encode(out);
}

TEST(BarrierMemory, ReadsASessionOfTheVersionBeforeWhichKnewWhenTheRunBeganAlone) {
  Writer out;
  begin_refused(out, 3);
  const Moment began{EventTime{1'000}, 7};
  encode_moment(out, began);
  for (int i = 0; i < 2; ++i) out.varint(0);  // ring, conducts
  Reader in(out.bytes());
  const auto session = BarrierSession::decode(in);
  ASSERT_NE(session, nullptr);
  EXPECT_TRUE(in.at_end());
  EXPECT_EQ(session->run_began, began);
  EXPECT_EQ(session->refused_last, began);
}

/// Nothing is said of all refused calls that only the latest is known to be.
TEST(BarrierMemory, ReadsASessionOfTheVersionBeforeWhichDidNotCompareRefusedCalls) {
  Writer out;
  begin_refused(out, 5);
  const Moment began{EventTime{1'000}, 7}, last{EventTime{2'000}, 9};
  encode_moment(out, began);
  encode_moment(out, last);
  out.varint(0);                                                              // ring
  out.varint(1);                                                              // conducts
  for (const unsigned number : {5U, 4U, 3U, 2U, 1U, 0U}) out.varint(number);  // tool, calls, refused, near, unread, malformed
  out.u64(0);
  out.u8(1);
  out.varint(0);  // runs
  Reader in(out.bytes());
  const auto session = BarrierSession::decode(in);
  ASSERT_NE(session, nullptr);
  EXPECT_TRUE(in.at_end());
  EXPECT_EQ(session->refused_last, last);
  ASSERT_EQ(session->refusals->conducts.size(), 1U);
  EXPECT_EQ(session->refusals->conducts.front().refused, 3U);
  EXPECT_EQ(session->refusals->conducts.front().place, 0U);
  EXPECT_EQ(session->refusals->conducts.front().named.size(), 0U);
}

TEST(BarrierMemory, ReadsAnAgentOfTheFirstVersionWithItsWholeTargets) {
  Writer out;
  out.u8(1);
  out.varint(3);  // serials
  out.varint(1);
  out.u64(id_hash(7));
  for (const unsigned number : {2U, 1U, 2U}) out.varint(number);
  Reader in(out.bytes());
  const auto agent = BarrierAgent::decode(in);
  ASSERT_NE(agent, nullptr);
  EXPECT_TRUE(in.at_end());
  ASSERT_NE(agent->earlier(id_hash(7), 3), nullptr);
  EXPECT_EQ(agent->earlier(id_hash(7), 2), nullptr) << "met first in that session";
  EXPECT_EQ(agent->earlier(id_hash(8), 3), nullptr);
  Writer now;
  agent->encode(now);
  EXPECT_LT(now.size(), out.size());
}

TEST(BarrierMemory, KeepsTheLastEightRefusedValuesOfAnAgent) {
  BarrierAgent agent;
  for (std::uint64_t i = 1; i <= 10; ++i) agent.keep(id_hash(i), {{std::string(64, static_cast<char>('a' + i)), 7}});
  agent.keep(id_hash(11), {{std::string(64, 'k'), 7}});  // the value of the tenth, once more
  ASSERT_EQ(agent.values().size(), BarrierAgent::kValues);
  EXPECT_EQ(agent.values().front().value.text.front(), 'd');
  agent.forget(id_hash(11));
  EXPECT_EQ(agent.values().back().value.text.front(), 'j');
  Writer out, again;
  agent.encode(out);
  for (std::size_t cut = 0; cut < out.bytes().size(); ++cut) {
    Reader part(std::string_view(out.bytes()).substr(0, cut));
    ASSERT_EQ(BarrierAgent::decode(part), nullptr) << cut;
  }
  Reader in(out.bytes());
  const auto back = BarrierAgent::decode(in);
  ASSERT_NE(back, nullptr);
  back->encode(again);
  EXPECT_EQ(again.bytes(), out.bytes());
}

TEST(BarrierMemory, ReadsAnAgentOfTheVersionBeforeWithoutValues) {
  Writer out;
  out.u8(2);
  for (const unsigned number : {3U, 1U, 77U, 2U, 1U, 2U}) out.varint(number);
  Reader in(out.bytes());
  const auto agent = BarrierAgent::decode(in);
  ASSERT_NE(agent, nullptr);
  EXPECT_TRUE(in.at_end());
  ASSERT_NE(agent->earlier(77, 3), nullptr);
  EXPECT_TRUE(agent->values().empty());
}

TEST(BarrierMemory, OfAnotherVersionOrChannelIsNotDecoded) {
  Reader foreign(std::string_view("\x02\x00", 2)), none("");
  EXPECT_EQ(channel_memories().decode(ChannelId::Barrier, MemoryScope::Session, foreign), nullptr);
  EXPECT_EQ(channel_memories().decode(ChannelId::Outcome, MemoryScope::Session, none), nullptr);
}

TEST(Channels, AreListedOnceInOrderOfTheirIds) {
  int last = -1;
  for (const Channel* channel : all_channels()) {
    EXPECT_GT(static_cast<int>(channel->info().id), last);
    last = static_cast<int>(channel->info().id);
    const auto caps = channel->caps(Persona{});
    ASSERT_LE(caps.size(), channel->info().contexts.size());
    for (const auto& row : caps) EXPECT_LE(row.size(), channel->info().classes.size());
    for (const Bet& bet : channel->bets()) {
      if (bet.q.empty()) continue;  // it wagers itself, in contexts and classes behind the table's
      ASSERT_GE(bet.q.size(), caps.size());
      for (std::size_t context = 0; context < caps.size(); ++context) {
        double sum = 0;
        for (const double q : bet.q[context]) sum += q;
        EXPECT_NEAR(sum, 1, 1e-12);
        EXPECT_EQ(bet.q[context].size(), caps[context].size());
      }
    }
  }
}

}  // namespace
}  // namespace ringfence
