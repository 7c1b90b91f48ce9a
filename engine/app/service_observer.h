// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <expected>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/event/event.h"
#include "engine/pipeline/observer.h"
#include "engine/pipeline/outputs.h"

namespace ringfence {

/// The fleet observer of a process: one for all its shards, which tell it of each act they judged. Which shard's act comes first is chance,
/// so what it says takes effect for nobody directly: it is a fact like an operator's, with a recorded place (streaming.md §2, rule 6).
///
/// Thread-safe; a lock an act, about 120 ns.
class ServiceObserver {
 public:
  /// Hands a fact on that takes effect for the whole fleet; waits for no answer.
  using Say = std::function<std::expected<void, OutputError>(const std::string& fact)>;
  /// The fact that the act at this place led to can no longer be lost.
  using Stored = std::function<bool(Position cause)>;
  explicit ServiceObserver(Stored stored) : stored_(std::move(stored)) {}

  /// Looks at one act; the error is that of `say`.
  [[nodiscard]] std::expected<void, OutputError> see(const Event& event, Position at, const Say& say);

  /// What it knows, where it has said something since the last time (or `anyway`, at an orderly end) and all it said is stored: kept any
  /// earlier, a crash could leave an outage known and never told. What it learned since is learned again within minutes.
  [[nodiscard]] std::optional<std::string> to_keep(bool anyway = false);
  /// Goes on from what was kept; unreadable bytes are as none.
  void restore(std::string_view bytes);

 private:
  const Stored stored_;
  std::mutex mutex_;
  FleetObserver observer_;
  std::vector<Position> open_;  // causes of what was said and is not kept yet
};

}  // namespace ringfence
