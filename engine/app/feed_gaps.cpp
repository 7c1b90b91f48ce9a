// SPDX-License-Identifier: Apache-2.0
#include "engine/app/feed_gaps.h"

#include <algorithm>
#include <utility>

#include "connectors/sinks/alarm.h"
#include "engine/verdict/case.h"

namespace ringfence {
namespace {

constexpr std::size_t kNamed = 8;  // partitions in one line for people

FindingRecord opened(const FeedPlace& place, const std::string& why, EventTime now) {
  const std::string at = to_string(place);
  FindingRecord made = new_alarm(Analytic::FeedGap, finding_uid("", at, "", Analytic::FeedGap, ""), now);
  made.sentence = "Partition " + std::to_string(place.partition.value) + " of " + place.topic + " stands still at offset " +
                  std::to_string(place.at.value) + ": " + why + ". What comes there is not judged.";
  made.breaches = {at};
  return made;
}

}  // namespace

std::string to_string(const FeedPlace& place) {
  return place.topic + "/" + std::to_string(place.partition.value) + "@" + std::to_string(place.at.value);
}

void FeedGaps::stands(const FeedPlace& place, const std::string& why, WallTime now) {
  const std::lock_guard lock(mutex_);
  const auto [known, fresh] = standing_.try_emplace({place.topic, place.partition}, place);
  if (!fresh && known->second == place) return;
  known->second = place;
  due_.push_back(opened(place, why, EventTime{now.value}));
}

void FeedGaps::left(const std::string& topic, Partition partition) {
  const std::lock_guard lock(mutex_);
  standing_.erase({topic, partition});
}

void FeedGaps::moved_on(const FeedPlace& place, Offset to, WallTime now) {
  const std::lock_guard lock(mutex_);
  standing_.erase({place.topic, place.partition});
  const std::string sentence = "Partition " + std::to_string(place.partition.value) + " of " + place.topic + " was let go on at offset " +
                               std::to_string(to.value) + ": the " + std::to_string(to.value - place.at.value) + " records from " +
                               std::to_string(place.at.value) + " on are never judged.";
  due_.push_back(
      closed_alarm(opened(place, "its records were not read", EventTime{now.value}), EventTime{now.value}, "moved on", sentence));
}

std::size_t FeedGaps::standing(const std::string& topic) const {
  const std::lock_guard lock(mutex_);
  return static_cast<std::size_t>(std::ranges::count_if(standing_, [&](const auto& row) { return row.first.first == topic; }));
}

std::string FeedGaps::said() const {
  const std::lock_guard lock(mutex_);
  std::string text;
  std::size_t named = 0;
  for (const auto& [key, place] : standing_) {
    if (++named > kNamed) continue;
    text += (text.empty() ? "" : ", ") + to_string(place);
  }
  if (named > kNamed) text += " and " + std::to_string(named - kNamed) + " more";
  return text;
}

std::vector<FindingRecord> FeedGaps::take_findings() {
  const std::lock_guard lock(mutex_);
  return std::exchange(due_, {});
}

}  // namespace ringfence
