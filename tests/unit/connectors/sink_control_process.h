// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gmock/gmock.h>

#include <string>
#include <string_view>
#include <utility>

#include "connectors/sinks/control_writers.h"
#include "tests/unit/connectors/sink_fakes.h"

namespace ringfence::testing {

using State = ControlWriter::State;

inline constexpr std::string_view kAudience = "ringfence-gates";
inline constexpr std::string_view kWriter = "engine-ringfence.events-3";
inline constexpr Partition kPartition{3};

inline SigningKey engine_key() { return std::move(*SigningKey::from_seed(std::string(32, '\x11'))); }
inline TrustedKeys trusted() {
  TrustedKeys keys;
  keys.add(engine_key(), {"engine-*"});
  return keys;
}
inline WallTime at_ms(std::int64_t ms) { return WallTime{(1'795'170'000'000 + ms) * 1'000'000}; }
/// What a writer claims then that has heard of none before.
inline constexpr std::uint64_t generation_at(std::int64_t ms) { return 1'795'170'000'000 + static_cast<std::uint64_t>(ms); }

inline ContainmentRecord halt(int agent, std::uint64_t epoch = 1, std::int64_t offset = 100) {
  ContainmentRecord r;
  r.agent_id = "agent-" + std::to_string(agent);
  r.tenant = "corp";
  r.scope = scope_key("agent", r.tenant, r.agent_id);
  r.epoch = epoch;
  r.select = {{"agent.id", r.agent_id}};
  r.effective_at = EventTime{(1'795'170'000'000 + static_cast<std::int64_t>(epoch) * 1000) * 1'000'000};
  r.finding_uid = "rf-" + r.agent_id;
  r.reason = "guessing after a refusal";
  r.persona = "p@1";
  r.cause_event_id = "call-" + std::to_string(epoch);
  r.position = {kPartition, Offset{offset}};
  return r;
}
inline std::string key_of(const ContainmentRecord& record) { return control_key(record.scope, kWriter); }

/// One process: its client of the topic and its writers.
struct Process {
  Process(SharedTopic& topic, std::string claimant, BlastRadius::Limits limits = {}, std::unique_ptr<ControlMemory> memory = nullptr)
      : log(topic),
        writers({"https://ringfence.corp.example/", {std::string(kAudience)}, "ringfence.events", std::move(claimant), 2000, limits},
                engine_key(), trusted(), log, std::move(memory)) {
    writers.own(kPartition);
  }
  void poll(std::int64_t ms) {
    const auto polled = writers.poll(at_ms(ms));
    EXPECT_TRUE(polled.has_value()) << polled.error().message;
  }
  /// Until it may speak.
  void start(std::int64_t ms = 0) {
    poll(ms);
    poll(ms + 1);
    EXPECT_EQ(writers.state(kPartition), State::Speaking);
  }
  void publish(const ContainmentRecord& record, std::int64_t ms = 100, std::size_t active = 1000) {
    const auto published = writers.publish(record, active, at_ms(ms));
    EXPECT_TRUE(published.has_value()) << published.error().message;
  }
  FakeControlLog log;
  ControlWriters writers;
};

/// The latest record of a key as a gate reads it.
inline SignedContainment read_as_gate(const SharedTopic& topic, const std::string& key) {
  const auto message = verify_control(key, topic.last_value(key), trusted(), kAudience);
  EXPECT_TRUE(message.has_value()) << message.error().detail;
  return message ? std::get<SignedContainment>(message->body) : SignedContainment{};
}
inline Heartbeat last_beat(const SharedTopic& topic) {
  const auto message = verify_control(heartbeat_key(kWriter), topic.last_value(heartbeat_key(kWriter)), trusted(), kAudience);
  EXPECT_TRUE(message.has_value());
  return message ? std::get<Heartbeat>(message->body) : Heartbeat{};
}

}  // namespace ringfence::testing
