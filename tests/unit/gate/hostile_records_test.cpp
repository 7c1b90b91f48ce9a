// SPDX-License-Identifier: Apache-2.0
// Properly signed or nearly so, and still not to be obeyed: what a stolen key, a wrong clock or a second producer brings to a gate.
#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "connectors/encoders/base64url.h"
#include "tests/unit/gate/control_topic.h"

namespace ringfence {
namespace {

using testing::gate_settings;
using testing::QuietGate;
using testing::Speaker;

std::string with_header(const std::string& token, const std::string& header) { return base64url(header) + token.substr(token.find('.')); }

TEST(HostileRecords, a_flood_of_signed_scopes_ends_at_the_bound_and_takes_nothing_from_those_held) {
  auto settings = gate_settings();
  settings.keys_max = 100;
  QuietGate gate(settings);
  Speaker engine;
  ASSERT_EQ(gate.status_of(engine.say(Speaker::halt("bot"))), AckStatus::Applied);
  int refused = 0;
  for (int i = 0; i < 200; ++i)
    refused += gate.status_of(engine.say(Speaker::halt("flood-" + std::to_string(i)))) == AckStatus::Unsupported ? 1 : 0;
  EXPECT_EQ(refused, 101);
  EXPECT_EQ(gate.state.contained(), 100U);
  EXPECT_FALSE(gate.lets_pass("bot"));
  EXPECT_EQ(gate.status_of(engine.say(Speaker::halt("bot", 2))), AckStatus::Applied) << "a key that is held can still be said anew";
  EXPECT_EQ(gate.status_of(engine.say(Speaker::release("bot", 3))), AckStatus::Applied);
}

TEST(HostileRecords, of_more_keys_than_it_holds_a_gate_forgets_those_released_longest_ago) {
  auto settings = gate_settings();
  settings.keys_max = 100;
  QuietGate gate(settings);
  Speaker engine;
  ASSERT_EQ(gate.status_of(engine.say(Speaker::halt("bot"))), AckStatus::Applied);
  for (int i = 0; i < 1'000; ++i) {
    const std::string agent = "of-a-year-" + std::to_string(i);
    ASSERT_EQ(gate.status_of(engine.say(Speaker::halt(agent))), AckStatus::Applied) << agent;
    ASSERT_EQ(gate.status_of(engine.say(Speaker::release(agent, 2))), AckStatus::Applied) << agent;
  }
  EXPECT_FALSE(gate.lets_pass("bot"));
  EXPECT_LE(gate.state.size(), 102U);
  EXPECT_EQ(gate.status_of(engine.say(Speaker::halt("of-a-year-7", 3))), AckStatus::Applied);
  EXPECT_FALSE(gate.lets_pass("of-a-year-7"));
  gate.read({engine.heartbeat(1000)});
  EXPECT_TRUE(gate.state.readiness(testing::at_ms(1000)).agrees) << "its writer may remember more";
}

TEST(HostileRecords, a_flood_of_writers_ends_at_the_bound_and_those_heard_still_speak) {
  auto settings = gate_settings();
  settings.writers_max = 10;
  QuietGate gate(settings);
  Speaker engine;
  ASSERT_EQ(gate.status_of(engine.say(Speaker::halt("bot"))), AckStatus::Applied);
  for (int i = 0; i < 20; ++i) {
    Speaker another("engine-other-" + std::to_string(i));
    gate.read({another.claim(1), another.say(Speaker::halt("of-" + std::to_string(i)))});
  }
  EXPECT_EQ(gate.state.generations().size(), 10U);
  EXPECT_EQ(gate.status_of(engine.say(Speaker::halt("bot", 2))), AckStatus::Applied);
}

TEST(HostileRecords, a_list_of_callers_beyond_all_measure_is_refused) {
  QuietGate gate;
  Speaker engine;
  ASSERT_EQ(gate.status_of(engine.say(Speaker::halt("bot"))), AckStatus::Applied);
  auto all = Speaker::halt("bot", 2);
  for (int i = 0; i < 2'000; ++i) all.select.push_back({"agent.id", "other-" + std::to_string(i)});
  EXPECT_EQ(gate.status_of(engine.say(all)), AckStatus::BadSignature);
  EXPECT_TRUE(gate.lets_pass("other-7"));
  EXPECT_FALSE(gate.lets_pass("bot")) << "what was said before stands";
}

TEST(HostileRecords, of_two_producers_under_one_writer_the_one_that_claimed_last_is_heard) {
  QuietGate gate;
  Speaker first, second;
  gate.read({first.claim(1, "host-1"), second.claim(2, "host-2")});
  EXPECT_EQ(gate.status_of(second.say(Speaker::halt("bot"))), AckStatus::Applied);
  EXPECT_EQ(gate.status_of(first.say(Speaker::release("bot", 2))), AckStatus::Stale);
  EXPECT_FALSE(gate.lets_pass("bot"));
  // Interleaved, whatever epochs the former owner tries.
  EXPECT_EQ(gate.status_of(first.say(Speaker::release("bot", 1'000))), AckStatus::Stale);
  EXPECT_EQ(gate.status_of(second.say(Speaker::halt("bot", 2))), AckStatus::Applied);
  EXPECT_FALSE(gate.lets_pass("bot"));
}

TEST(HostileRecords, a_claim_or_heartbeat_of_somebody_elses_key_silences_nobody) {
  QuietGate gate;
  Speaker engine, person("engine-ringfence.events-3", '\x22'), stranger("engine-ringfence.events-3", '\x77');
  gate.read({engine.claim(1)});
  EXPECT_EQ(gate.status_of(person.claim(99)), AckStatus::BadSignature) << "an operator's key";
  EXPECT_EQ(gate.status_of(stranger.claim(99)), AckStatus::BadSignature) << "a key nobody pinned";
  stranger.issuer().generation = 1;
  EXPECT_EQ(gate.status_of(stranger.heartbeat(0)), AckStatus::BadSignature);
  EXPECT_EQ(gate.status_of(engine.say(Speaker::halt("bot"))), AckStatus::Applied);
  EXPECT_EQ(gate.state.generations().at("engine-ringfence.events-3"), 1U);
}

TEST(HostileRecords, clocks_that_differ_do_not_keep_a_halt_from_being_in_force) {
  constexpr std::int64_t kYearNs = 365LL * 24 * 3600 * 1'000'000'000;
  QuietGate gate;
  Speaker engine;
  auto of_tomorrow = Speaker::halt("ahead"), of_yesterday = Speaker::halt("behind");
  of_tomorrow.effective_at.value += kYearNs;
  of_yesterday.effective_at.value -= kYearNs;
  EXPECT_EQ(gate.status_of(engine.say(of_tomorrow)), AckStatus::Applied);
  EXPECT_EQ(gate.status_of(engine.say(of_yesterday)), AckStatus::Applied);
  EXPECT_FALSE(gate.lets_pass("ahead"));
  EXPECT_FALSE(gate.lets_pass("behind"));
  // An epoch decides, not a time: a release "of the past" with a higher one is the later word, one "of the future" with a lower is not.
  auto release = Speaker::release("ahead", 1);
  release.effective_at.value += 2 * kYearNs;
  EXPECT_EQ(gate.status_of(engine.say(release)), AckStatus::Stale);
  EXPECT_FALSE(gate.lets_pass("ahead"));
}

TEST(HostileRecords, a_header_of_the_senders_choice_opens_nothing) {
  QuietGate gate;
  Speaker engine, person("operator", '\x22');
  ASSERT_EQ(gate.status_of(engine.say(Speaker::halt("bot"))), AckStatus::Applied);
  const ControlEntry release = engine.say(Speaker::release("bot", 2));
  const std::string kid = engine.key().kid();
  for (const std::string& header :
       {R"({"alg":"none","typ":"secevent+jwt","kid":")" + kid + "\"}", R"({"alg":"HS256","typ":"secevent+jwt","kid":")" + kid + "\"}",
        R"({"alg":"EdDSA","typ":"secevent+jwt","kid":")" + person.key().kid() + "\"}",
        std::string(R"({"alg":"EdDSA","typ":"secevent+jwt"})"),
        R"({"alg":"EdDSA","typ":"secevent+jwt","kid":")" + kid + R"(","kid":")" + kid + "\"}",
        R"({"alg":"EdDSA","typ":"secevent+jwt","kid":")" + kid + R"(","jku":"https://attacker.example/k"})",
        R"({"alg":"EdDSA","typ":"secevent+jwt","kid":")" + kid + R"(","crit":["exp"]})", std::string("{}"), std::string()})
    EXPECT_EQ(gate.status_of({release.key, with_header(release.value, header)}), AckStatus::BadSignature) << header;
  EXPECT_FALSE(gate.lets_pass("bot"));
}

TEST(HostileRecords, cut_anywhere_a_record_is_none) {
  QuietGate gate;
  Speaker engine;
  ASSERT_EQ(gate.status_of(engine.say(Speaker::halt("bot"))), AckStatus::Applied);
  const ControlEntry release = engine.say(Speaker::release("bot", 2));
  for (std::size_t length = 1; length < release.value.size(); length += 37)
    EXPECT_EQ(gate.status_of({release.key, release.value.substr(0, length)}), AckStatus::BadSignature) << length;
  EXPECT_EQ(gate.status_of({release.key, release.value + "A"}), AckStatus::BadSignature);
  EXPECT_FALSE(gate.lets_pass("bot"));
}

TEST(HostileRecords, an_oversized_record_is_refused_before_it_is_read) {
  QuietGate gate;
  Speaker engine;
  const ControlEntry halt = engine.say(Speaker::halt("bot"));
  EXPECT_EQ(gate.status_of({halt.key, std::string(kTokenBytes + 1, 'A')}), AckStatus::BadSignature);
  EXPECT_EQ(gate.status_of(halt), AckStatus::Applied);
  const auto step = gate.read({{std::string(10'000, 'k'), halt.value}});
  EXPECT_TRUE(step.acks.empty()) << "a key too long to be repeated is not repeated";
  EXPECT_EQ(step.unanswered, 1U);
}

TEST(HostileRecords, an_agent_id_with_line_ends_stays_one_line_of_the_acknowledgements) {
  QuietGate gate;
  Speaker engine;
  const auto step = gate.read({engine.say(Speaker::halt("bot\r\n{\"status\":200}\n"))});
  ASSERT_EQ(step.acks.size(), 1U);
  const std::string line = encode_ack(step.acks.front(), "g\nx");
  EXPECT_EQ(line.find('\n'), std::string::npos);
  EXPECT_EQ(nlohmann::json::parse(line).at("status"), 200);
  EXPECT_FALSE(gate.lets_pass("bot\r\n{\"status\":200}\n"));
}

}  // namespace
}  // namespace ringfence
