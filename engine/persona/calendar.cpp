// SPDX-License-Identifier: Apache-2.0
// The only file that includes the date library: g++ 12 has no time zones. It reads the system's zoneinfo.
#include "engine/persona/calendar.h"

#ifndef USE_OS_TZDB
#define USE_OS_TZDB 1
#endif
#include <date/tz.h>

#include <chrono>
#include <memory>
#include <stdexcept>

#include "engine/persona/persona.h"
#include "engine/persona/values.h"

namespace ringfence {
namespace {

/// Null where the system has no such zone. "UTC" needs no data.
const date::time_zone* zone_named(const std::string& name) {
  try {
    return date::locate_zone(name);
  } catch (const std::runtime_error&) {
    return nullptr;
  }
}

std::chrono::sys_seconds to_seconds(EventTime time) {
  return std::chrono::floor<std::chrono::seconds>(std::chrono::sys_time<std::chrono::nanoseconds>(std::chrono::nanoseconds(time.value)));
}

}  // namespace

bool is_time_zone(const std::string& name) { return name == "UTC" || zone_named(name) != nullptr; }

struct LocalCalendar::Zone {
  const date::time_zone* rules = nullptr;  // null: UTC
  std::vector<bool> active;

  [[nodiscard]] std::chrono::seconds local(EventTime time) const {
    const auto utc = to_seconds(time);
    return utc.time_since_epoch() + (rules == nullptr ? std::chrono::seconds{0} : rules->get_info(utc).offset);
  }
};

LocalCalendar::LocalCalendar(const Schedule& schedule) : zone_(std::make_unique<Zone>()) {
  if (schedule.timezone != "UTC") zone_->rules = zone_named(schedule.timezone);
  zone_->active = schedule.active_minutes;
}
LocalCalendar::~LocalCalendar() = default;
LocalCalendar::LocalCalendar(LocalCalendar&&) noexcept = default;

std::int64_t LocalCalendar::local_day(EventTime time) const { return std::chrono::floor<std::chrono::days>(zone_->local(time)).count(); }

bool LocalCalendar::active(EventTime time) const {
  if (zone_->active.empty()) return true;
  constexpr std::int64_t kWeek = static_cast<std::int64_t>(kMinutesOfWeek);
  constexpr std::int64_t kMondayOffset = std::int64_t{3} * 24 * 60;  // 1970-01-01 was a Thursday
  const std::int64_t minute = std::chrono::floor<std::chrono::minutes>(zone_->local(time)).count() + kMondayOffset;
  return zone_->active[static_cast<std::size_t>(((minute % kWeek) + kWeek) % kWeek)];
}

}  // namespace ringfence
