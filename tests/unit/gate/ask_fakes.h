// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gmock/gmock.h>

#include <condition_variable>
#include <deque>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "connectors/gate/asker.h"
#include "engine/event/sha256.h"
#include "engine/persona/load.h"
#include "tests/unit/gate/control_topic.h"

/// The engine's end of asking, without a broker.
namespace ringfence::testing {

/// What the gate has sent, and what it will read. The test is the engine.
struct AskWire {
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<std::string> asked;
  std::deque<std::string> answers;
  bool closed = false;  // takes nothing

  /// The `n`th question, from 0; waits for it.
  std::string question(std::size_t n = 0) {
    std::unique_lock lock(mutex);
    EXPECT_TRUE(changed.wait_for(lock, std::chrono::seconds(60), [&] { return asked.size() > n; }));
    return asked.size() > n ? asked[n] : std::string();
  }
  void say(std::string token) {
    const std::lock_guard lock(mutex);
    answers.push_back(std::move(token));
    changed.notify_all();
  }
};

class WireAskFeed final : public AskFeed {
 public:
  explicit WireAskFeed(AskWire& wire) : wire_(wire) {}
  std::expected<void, SinkError> send(std::string_view /*agent*/, std::string_view event) override {
    const std::lock_guard lock(wire_.mutex);
    if (wire_.closed) return std::unexpected(SinkError{SinkError::Kind::Unavailable, "closed"});
    wire_.asked.emplace_back(event);
    wire_.changed.notify_all();
    return {};
  }
  std::expected<std::vector<std::string>, SinkError> read(std::chrono::milliseconds wait) override {
    std::unique_lock lock(wire_.mutex);
    wire_.changed.wait_for(lock, wait, [&] { return !wire_.answers.empty(); });
    std::vector<std::string> out(wire_.answers.begin(), wire_.answers.end());
    wire_.answers.clear();
    return out;
  }

 private:
  AskWire& wire_;
};

inline AskAnswer answer_for(const std::string& question, bool allowed) {
  return {.writer = "engine-ringfence.events-3",
          .generation = 1,
          .gate = "g",
          .asked = sha256_hex(question),
          .allowed = allowed,
          .level = allowed ? "observe" : "hold",
          .finding_uid = allowed ? "" : "rf-1",
          .time_ms = kStartMs};
}
inline Issuer answers_issuer() { return {std::string(kIssuer), {std::string(kAudience)}, "engine-ringfence.events-3", 1, 0}; }
inline std::string signed_answer(const AskAnswer& answer, const Issuer& issuer = answers_issuer(), char seed = '\x11') {
  return sign_jws(key_from(seed), encode_answer(answer, issuer));
}

inline Asker::Settings asker_settings(std::chrono::nanoseconds deadline = std::chrono::minutes(10)) {
  return {.gate = "g",
          .audience = std::string(kAudience),
          .issuer = std::string(kIssuer),
          .trusted = pinned(),
          .deadline = deadline,
          .waiting_max = 64,
          .generation = [](std::string_view) { return std::uint64_t{1}; }};
}

/// The personas of the scenarios; `payer-1` is of tier 4.
inline std::shared_ptr<const AskPolicy> ask_policy(const std::string& without = "closed") {
  auto load = load_personas(std::filesystem::path(RINGFENCE_SOURCE_DIR) / "tests/scenario/personas");
  auto settings = AskPolicy::parse({{"4", without}}, {"transfer", "admin", "delete"});
  return std::make_shared<const AskPolicy>(*settings, std::make_shared<const PersonaSet>(std::move(*load.set)));
}

}  // namespace ringfence::testing
