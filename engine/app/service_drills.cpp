// SPDX-License-Identifier: Apache-2.0
#include "engine/app/service_drills.h"

#include <algorithm>
#include <utility>

#include "connectors/sinks/alarm.h"
#include "engine/app/service_shard.h"
#include "engine/event/decode.h"
#include "engine/verdict/case.h"

namespace ringfence {
namespace {

static_assert(kDrillStages == static_cast<std::size_t>(DrillStageId::Release) + 1);

constexpr Nanos kSettled = seconds(5);  // after a start

}  // namespace

Nanos until_next_drill(std::optional<EventTime> last, WallTime now, Nanos every) {
  const std::int64_t left = last ? last->value + every.value - now.value : 0;
  return Nanos{std::clamp(left, std::min(kSettled.value, every.value), every.value)};
}

ServiceDrills::ServiceDrills(Parts parts) : parts_(std::move(parts)), thread_([this](const std::stop_token& stop) { run(stop); }) {}

void ServiceDrills::stop() {
  if (!thread_.joinable()) return;
  thread_.request_stop();
  thread_.join();
}

std::vector<FindingRecord> ServiceDrills::take_findings() {
  const std::lock_guard lock(mutex_);
  return std::exchange(findings_, {});
}

void ServiceDrills::run(const std::stop_token& stop) {
  // What fails early does not come to stand on the control log.
  std::optional<EventTime> tried;
  const auto left = [&] { return until_next_drill(std::max(parts_.last(), tried), wall_now(), parts_.every); };
  while (!stop.stop_requested()) {
    const Nanos wait = left();
    {
      std::unique_lock lock(mutex_);
      stopped_.wait_for(lock, stop, std::chrono::nanoseconds(wait.value), [] { return false; });
    }
    if (stop.stop_requested()) return;
    // Another process may have drilled meanwhile.
    if (!parts_.due_here() || left().value > kSettled.value) continue;
    tried = EventTime{wall_now().value};
    const DrillReport report = parts_.play([&stop] { return stop.stop_requested(); });
    if (stop.stop_requested()) return;
    tell(report);
  }
}

void ServiceDrills::tell(const DrillReport& report) {
  for (const DrillStage& stage : report.stages) {
    Gauge& latest = parts_.counters.drill_stage_ns[static_cast<std::size_t>(stage.stage)];
    latest.set(stage.ns);  // in the order of gates: the last of them decides how long it takes
  }
  const EventTime now{wall_now().value};
  std::optional<FindingRecord> finding;
  if (report.failure) {
    parts_.counters.drills_failed.add();
    const std::string words = words_of(*report.failure);
    parts_.log.error("drill failed", {{"told", words}});
    const std::string sentence = "A drill: " + words + ". A halt of a real agent would stop there too.";
    if (open_) {
      finding = next_alarm(std::move(*open_), FindingRecord::Activity::Update, now, sentence);
      ++finding->count;
    } else {
      const std::string uid = finding_uid("", report.agent, format_rfc3339(now), Analytic::ContainmentUnacked, "");
      finding = new_alarm(Analytic::ContainmentUnacked, uid, now);
      finding->sentence = sentence;
    }
    finding->breaches = {words};
    open_ = finding;
  } else {
    parts_.counters.drills_passed.add();
    parts_.counters.drill_passed_ns.set(now.value);
    parts_.log.info("drill passed", {{"stages", encode_drill(report)}});
    if (open_) finding = closed_alarm(std::move(*open_), now, "passed", "A drill has passed.");
    open_.reset();
  }
  if (!finding) return;
  const std::lock_guard lock(mutex_);
  findings_.push_back(std::move(*finding));
}

}  // namespace ringfence
