// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "engine/app/drill.h"
#include "engine/app/service_log.h"
#include "engine/app/service_metrics.h"
#include "engine/verdict/finding.h"

namespace ringfence {

/// The name of drills that a service plays by itself.
inline constexpr std::string_view kScheduledDrill = "scheduled";

/// How long a service waits for its next drill: until `every` has gone by since the last one that the control log shows, but never so short
/// that gates and writers have not come back from a restart. A service that is restarted often drills all the same.
[[nodiscard]] Nanos until_next_drill(std::optional<EventTime> last, WallTime now, Nanos every);

/// Plays a drill now and then, on a thread of its own, and tells what came of it: a line in the log, metrics, and a finding
/// `containment.unacked` that stays open until a drill passes. A drill that ends with the process leaves at most a halt of an agent that
/// nobody has, which the next one ends.
class ServiceDrills {
 public:
  struct Parts {
    Nanos every;
    const ServiceLog& log;
    ProcessCounters& counters;
    std::function<bool()> due_here;                  // this process is the one of its group that drills
    std::function<std::optional<EventTime>()> last;  // when a drill was last on the control log
    std::function<DrillReport(const std::function<bool()>& stopping)> play;
  };
  explicit ServiceDrills(Parts parts);
  ~ServiceDrills() { stop(); }
  /// Ends a drill that is under way. Idempotent; from one thread.
  void stop();
  /// Findings since the last call. Thread-safe.
  [[nodiscard]] std::vector<FindingRecord> take_findings();

 private:
  void run(const std::stop_token& stop);
  void tell(const DrillReport& report);

  Parts parts_;
  std::mutex mutex_;
  std::condition_variable_any stopped_;
  std::vector<FindingRecord> findings_;
  std::optional<FindingRecord> open_;
  std::jthread thread_;
};

}  // namespace ringfence
