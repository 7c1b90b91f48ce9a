// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <expected>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <vector>

#include "connectors/encoders/answer.h"
#include "connectors/sinks/sink.h"
#include "engine/gate/ask.h"

namespace ringfence {

/// The way to the engine and back. `send` from any thread; `read` from one.
class AskFeed {
 public:
  virtual ~AskFeed() = default;
  /// Hands a request event over without waiting for the other side.
  [[nodiscard]] virtual std::expected<void, SinkError> send(std::string_view agent, std::string_view event) = 0;
  /// What came for this gate since the last call, as it came; waits for the first up to `wait`. After an error the next call tries again.
  [[nodiscard]] virtual std::expected<std::vector<std::string>, SinkError> read(std::chrono::milliseconds wait) = 0;
};

/// How a question ended.
enum class AskEnd : std::uint8_t {
  Answered,
  Late,       // no answer by the deadline
  Unsent,     // the way to the engine takes nothing
  Full,       // too many wait already
  Unaskable,  // the call cannot be put as a question
};
inline constexpr std::size_t kAskEnds = 5;
[[nodiscard]] std::string_view name_of(AskEnd end);

struct AskResult {
  AskEnd end{};
  bool allowed = false;
  std::string finding;
};

/// What became of questions and of answers. Any thread counts, any thread reads.
struct AskTally {
  static constexpr std::array<std::int64_t, 10> kBounds{500'000,    1'000'000,  2'000'000,   3'000'000,   5'000'000,
                                                        10'000'000, 25'000'000, 100'000'000, 500'000'000, 2'000'000'000};
  std::array<std::atomic<std::uint64_t>, kAskEnds> allowed{}, refused{};  // by end
  std::atomic<std::uint64_t> stray{0};                                    // answers that fit no question that waits: late, or played again
  std::atomic<std::uint64_t> untrusted{0};  // answers that no trusted key signed for this gate, or of a generation that is past
  std::array<std::atomic<std::uint64_t>, kBounds.size() + 1> took{};  // of answered questions, nanoseconds
  std::atomic<std::uint64_t> took_ns{0};
  std::atomic<std::uint64_t> waiting{0};
};

/// Asks the engine about acts and waits for signed answers, without a thread for each: whoever asks is called back. An answer counts only
/// for the question whose bytes it names (SHA-256, with a number that is never used again), so nobody is told what was decided of another.
/// At most `waiting_max` wait at once; each ends at its deadline, whatever the broker does.
class Asker {
 public:
  struct Settings {
    std::string gate, audience, issuer;
    TrustedKeys trusted;
    std::chrono::nanoseconds deadline{};
    std::size_t waiting_max = 1024;
    /// The generation of a writer below which its answers are of the past.
    std::function<std::uint64_t(std::string_view writer)> generation;
  };
  using Done = std::function<void(const AskResult&)>;

  Asker(Settings settings, std::unique_ptr<AskFeed> feed);
  /// Every question that still waits ends as late.
  ~Asker();
  Asker(const Asker&) = delete;
  Asker& operator=(const Asker&) = delete;

  /// `done` is called once, from this call or from a thread of the asker; it must not wait.
  void ask(const std::string& agent, const std::string& event, WithoutAnswer without, Done done);
  /// Counts a call that could not be asked about; what becomes of it.
  AskResult unaskable(WithoutAnswer without);
  [[nodiscard]] const AskTally& tally() const { return tally_; }

 private:
  using Clock = std::chrono::steady_clock;
  struct Waiting {
    Clock::time_point began;
    WithoutAnswer without{};
    Done done;
  };
  [[nodiscard]] std::optional<Waiting> taken(const std::string& asked);
  AskResult counted(AskResult result);
  [[nodiscard]] static AskResult without_answer(AskEnd end, WithoutAnswer without) { return {end, without == WithoutAnswer::Open, {}}; }
  void hear(const std::stop_token& stop);
  void take(const std::string& token);
  void watch(const std::stop_token& stop);

  Settings settings_;
  std::unique_ptr<AskFeed> feed_;
  AskTally tally_;
  std::mutex mutex_;  // of what follows; never held while `done` runs
  std::condition_variable_any changed_;
  std::unordered_map<std::string, Waiting> waiting_;                 // by the digest of the question
  std::deque<std::pair<Clock::time_point, std::string>> deadlines_;  // in order: all wait equally long
  std::jthread hearing_, watching_;                                  // last: they use all of the above
};

}  // namespace ringfence
