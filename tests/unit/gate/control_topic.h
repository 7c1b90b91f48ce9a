// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gmock/gmock.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "connectors/gate/control_state.h"

namespace ringfence::testing {

inline constexpr std::string_view kIssuer = "https://ringfence.corp.example/";
inline constexpr std::string_view kAudience = "ringfence-gates";
inline constexpr std::int64_t kStartMs = 1'795'170'000'000;

inline WallTime at_ms(std::int64_t ms) { return WallTime{(kStartMs + ms) * 1'000'000}; }
inline SigningKey key_from(char seed) { return std::move(*SigningKey::from_seed(std::string(32, seed))); }

/// What a writer says, signed with its key. It keeps the records it has sent, so that its heartbeats are true.
class Speaker {
 public:
  explicit Speaker(std::string writer = "engine-ringfence.events-3", char seed = '\x11') : key_(key_from(seed)) {
    issuer_ = {std::string(kIssuer), {std::string(kAudience)}, std::move(writer), 1, 2000};
  }
  Issuer& issuer() { return issuer_; }
  [[nodiscard]] const SigningKey& key() const { return key_; }

  [[nodiscard]] static ContainmentRecord halt(const std::string& agent, std::uint64_t epoch = 1, Level level = Level::Halt) {
    ContainmentRecord out;
    out.agent_id = agent;
    out.tenant = "corp";
    out.scope = scope_key("agent", out.tenant, agent);
    out.epoch = epoch;
    out.level = level;
    out.release_auto = level == Level::Throttle;
    out.select = {{"agent.id", agent}};
    out.effective_at = EventTime{kStartMs * 1'000'000};
    out.finding_uid = "rf-" + agent;
    out.reason = "guessing after a refusal";
    out.persona = "p@1";
    out.cause_event_id = "call-" + std::to_string(epoch);
    return out;
  }
  [[nodiscard]] static ContainmentRecord release(const std::string& agent, std::uint64_t epoch) {
    ContainmentRecord out = halt(agent, epoch);
    out.contained = false;
    out.approver = "oncall@corp.example";
    return out;
  }
  [[nodiscard]] std::string key_of(const std::string& agent) const {
    return control_key(scope_key("agent", "corp", agent), issuer_.writer);
  }

  ControlEntry say(const ContainmentRecord& record) {
    const std::string key = control_key(record.scope, issuer_.writer);
    live_[key] = {record.epoch, record.contained, record.level};
    return {key, sign_jws(key_, encode_containment(record, issuer_))};
  }
  /// A payload changed by hand before it was signed.
  ControlEntry say_changed(const ContainmentRecord& record, const std::string& from, const std::string& to) {
    std::string payload = encode_containment(record, issuer_);
    const auto at = payload.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    payload.replace(at, from.size(), to);
    return {control_key(record.scope, issuer_.writer), sign_jws(key_, payload)};
  }
  [[nodiscard]] ControlEntry claim(std::uint64_t generation, const std::string& claimant = "host-1") {
    issuer_.generation = generation;
    return {claim_key(issuer_.writer), sign_jws(key_, encode_claim({issuer_.writer, claimant, generation, kStartMs}, issuer_))};
  }
  [[nodiscard]] ControlEntry heartbeat(std::int64_t ms) const {
    const auto [count, hash] = digest_of(live_);
    const Heartbeat beat{issuer_.writer, issuer_.generation, count, hash, kStartMs + ms};
    return {heartbeat_key(issuer_.writer), sign_jws(key_, encode_heartbeat(beat, issuer_))};
  }

 private:
  SigningKey key_;
  Issuer issuer_;
  std::map<std::string, LiveRecord> live_;
};

inline TrustedKeys pinned() {
  TrustedKeys keys;
  keys.add(key_from('\x11'), {"engine-*"});
  keys.add(key_from('\x22'), {"operator"});
  return keys;
}
inline ControlState::Settings gate_settings() {
  return {.trusted = pinned(), .audience = std::string(kAudience), .issuer = std::string(kIssuer), .visible = VisibleFields().set()};
}

/// A gate without its threads: what it has read, and what it would answer.
class QuietGate {
 public:
  explicit QuietGate(const ControlState::Settings& settings = gate_settings()) : state(settings) {}

  ControlState::Step read(std::vector<ControlEntry> entries, std::int64_t ms = 0) {
    auto step = state.take(entries, 0);
    state.applied(step.acks, at_ms(ms));
    stored.insert(stored.end(), step.stored.begin(), step.stored.end());
    return step;
  }
  /// The status of the only acknowledgement.
  AckStatus status_of(const ControlEntry& entry) {
    const auto step = read({entry});
    EXPECT_EQ(step.acks.size(), 1U);
    return step.acks.empty() ? AckStatus{} : step.acks.front().status;
  }
  [[nodiscard]] bool lets_pass(std::string_view agent) const {
    Call call;
    call.subject[SubjectField::Agent] = agent;
    return state.table()->decide(call).allowed;
  }

  ControlState state;
  std::vector<ControlEntry> stored;
};

}  // namespace ringfence::testing
