// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <deque>
#include <optional>

#include "engine/event/far_times.h"
#include "engine/event/ids.h"

namespace ringfence {

/// How far the event time of a partition has surely come: the greatest over runs of kRun records of the least time in the run. So neither
/// one record from the future moves it, nor does one that comes late. In steps of kStep, each with the offset it is known at. 20 ns a
/// record.
class ReachedTime {
 public:
  static constexpr std::size_t kRun = 256;
  static constexpr Nanos kStep = hours(1);
  static constexpr std::size_t kStepsMost = 1024;  // beyond that the newest step waits for the newer

  /// A record as it comes; records of a partition in order of offsets.
  void note(Offset at, EventTime time) {
    least_ = seen_ == 0 ? time : std::min(least_, time);
    if (++seen_ < kRun) return;
    seen_ = 0;
    if (newest_ && between(*newest_, least_) < kStep) return;
    newest_ = least_;
    if (steps_.size() == kStepsMost) steps_.pop_back();
    steps_.push_back({Offset{at.value + 1}, least_});
  }

  /// As far as the records below `low` say; calls with growing `low`.
  [[nodiscard]] std::optional<EventTime> below(Offset low) {
    for (; !steps_.empty() && steps_.front().known_at <= low; steps_.pop_front()) below_ = steps_.front().time;
    return below_;
  }
  /// As far as all records say.
  [[nodiscard]] std::optional<EventTime> newest() const { return newest_; }

  /// What a run before had reached, at a `low` that this one starts from.
  void start_from(EventTime time) { newest_ = below_ = time; }

 private:
  struct Step {
    Offset known_at;
    EventTime time;
  };
  EventTime least_;
  std::size_t seen_ = 0;
  std::optional<EventTime> newest_, below_;
  std::deque<Step> steps_;
};

}  // namespace ringfence
