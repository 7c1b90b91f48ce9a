// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "connectors/gate/control_feed.h"
#include "connectors/gate/control_state.h"
#include "connectors/gate/state_store.h"
#include "engine/event/published.h"

namespace ringfence {

/// What following has counted, and what it stands at.
struct FollowerFigures {
  std::map<AckStatus, std::uint64_t> records;  // taken from the log, by what was answered
  std::uint64_t tables = 0;                    // put in force
  std::uint64_t acks_failed = 0, store_faults = 0, feed_faults = 0;
  std::size_t contained = 0;  // live records
  std::size_t in_force = 0;   // of them, those this gate can match
};

/// Follows the control log on a thread of its own: checks, puts a new table in force, stores what was accepted, then acknowledges. Whoever
/// answers questions takes the table by `table()`, which waits for nothing but the copy of a pointer.
///
/// Without the log it stays with what it knows (fail-static), or refuses all where `fail_closed`; a gate that never knew anything refuses.
class Follower {
 public:
  struct Settings {
    std::string gate;  // its name in acknowledgements
    ControlState::Settings state;
    bool fail_closed = false;
    unsigned verify_threads = 1;
  };
  struct Parts {
    std::unique_ptr<ControlFeed> feed;
    std::unique_ptr<AckFeed> acks;
    StateStore store;
  };
  /// What goes on, for a log: a constant of the program, and a detail that may quote anything.
  using Notice = std::function<void(std::string_view what, std::string_view detail)>;

  /// Reads and checks what is stored, so that the first question is answered from it, and starts to follow. An error where the store is
  /// damaged, or what it holds is not for a gate of these settings; only what was signed under a key that is pinned no more is left out.
  [[nodiscard]] static std::expected<std::unique_ptr<Follower>, SinkError> start(Settings settings, Parts parts, Notice notice);
  /// Stops following; what was accepted is stored.
  ~Follower();
  Follower(const Follower&) = delete;
  Follower& operator=(const Follower&) = delete;

  [[nodiscard]] std::shared_ptr<const GateTable> table() const { return table_.load(); }
  /// False where no question may be answered from the table: everything is refused.
  [[nodiscard]] bool answers() const { return answers_.load(std::memory_order_relaxed); }
  /// As of the last look, at most 0.2 s ago.
  [[nodiscard]] GateReadiness readiness() const;
  [[nodiscard]] FollowerFigures figures() const;
  /// The generation below which a writer's word is of the past; 0 where it was never heard. Waits for nothing but a short lock.
  [[nodiscard]] std::uint64_t generation(std::string_view writer) const;

  [[nodiscard]] static WallTime wall_now();
  /// Minutes of the steady clock, for credits.
  [[nodiscard]] static std::uint32_t minute_now();

 private:
  Follower(Settings settings, Parts parts, Notice notice);
  [[nodiscard]] std::expected<void, SinkError> load();
  void run(const std::stop_token& stop);
  void take(const ControlLog::Batch& batch);
  void put_in_force();
  void store();
  void acknowledge();
  void look();
  void count(const ControlState::Step& step);
  void know_generations();

  Settings settings_;
  Parts parts_;
  Notice notice_;
  ControlState state_;
  bool began_with_state_ = false, feed_away_ = false, rewrite_ = false;
  std::string feed_fault_, told_;  // why the log is away; what was last said of readiness
  std::vector<ControlEntry> unstored_;
  std::vector<GateAck> unsent_;

  Published<GateTable> table_{std::make_shared<const GateTable>()};
  std::atomic<bool> answers_{false};
  std::condition_variable_any pause_;
  mutable std::mutex mutex_;  // of what follows; never held on the way of a decision
  GateReadiness readiness_;
  FollowerFigures figures_;
  std::map<std::string, std::uint64_t, std::less<>> generations_;
  std::jthread thread_;  // last: it uses all of the above
};

}  // namespace ringfence
