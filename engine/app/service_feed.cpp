// SPDX-License-Identifier: Apache-2.0
// Where partitions of the input go on, and what is said of those that stand still.
#include <algorithm>
#include <array>
#include <charconv>

#include "engine/app/service_shard.h"
#include "engine/state/keyspace.h"
#include "engine/state/records.h"

namespace ringfence {
namespace {

std::string_view name_of(ConsumerAlarm::Kind kind) {
  static constexpr std::array<std::string_view, 5> kNames{"gap", "hole", "out of range", "corrupt", "unavailable"};
  return kNames[static_cast<std::size_t>(kind)];
}

constexpr std::string_view kAnew =
    "the topic is not the one that was read before: it was made anew or cut, and what is known of agents stands at offsets of the former "
    "one (docs/kafka.md)";

std::string cut(const FeedPlace& place, const LogLook& look) {
  return "the log begins at " + std::to_string(look.begin.value) + ": what was before is deleted and was never judged; kafka.move_on: {\"" +
         to_string(place) + "\": oldest} goes on there";
}

}  // namespace

std::string log_record(Partition partition) { return partition_record("log", partition); }

std::expected<Offset, std::string> Service::go_on(Lane& lane, Partition partition, Offset low) {
  lane.distrusted.erase(partition);
  const auto kept = get_record(*store_, log_record(partition));
  if (!kept) return std::unexpected(kept.error().message);
  const Partition in_topic = partition_in_topic(partition);
  const std::optional<LogMark> mark = *kept ? parse_mark(**kept) : std::nullopt;
  const auto look = lane.log->look(in_topic, mark);
  if (!look) {
    log_.warning("whether a partition's log is the one read before is not known",
                 {{"topic", lane.log->topic()}, {"partition", in_topic.value}, {"error", look.error().message}});
    return low;
  }
  const FeedPlace place{lane.log->topic(), in_topic, low};
  const auto wanted = settings_.kafka.move_on.find(to_string(place));
  const LogFit fit = fit_of(low, mark, *look);
  if (fit == LogFit::Anew) {
    lane.distrusted.emplace(partition, kAnew);
  } else if (wanted != settings_.kafka.move_on.end()) {
    return move_on(partition, place, *look, wanted->second);
  } else if (fit == LogFit::Cut) {
    lane.distrusted.emplace(partition, cut(place, *look));
  }
  return low;
}

std::expected<Offset, std::string> Service::move_on(Partition partition, const FeedPlace& place, const LogLook& look,
                                                    const std::string& to) {
  Offset next = look.begin;
  if (to != "oldest") std::from_chars(to.data(), to.data() + to.size(), next.value);
  next = std::clamp(next, look.begin, look.end);
  if (next <= place.at) return place.at;  // the log holds the place
  if (const auto put = begin_lanes(*store_, partition, next, 1); !put) return std::unexpected(put.error().message);
  log_.warning("a partition that stood still was let go on: what lies between is never judged",
               {{"topic", place.topic}, {"partition", place.partition.value}, {"from", place.at.value}, {"to", next.value}});
  put_on_record(audit_of_moved_on(place.topic, {place.partition, place.at}, next, wall_now()));
  gaps_.moved_on(place, next, wall_now());
  return next;
}

std::optional<std::string> Service::distrusts(Partition partition) {
  const auto& distrusted = shard_of(partition).distrusted;
  const auto found = distrusted.find(partition);
  return found == distrusted.end() ? std::nullopt : std::optional(found->second);
}

void Service::alarm(const ConsumerAlarm& alarm) { tell_alarm(settings_.topics.events, alarm); }

void Service::tell_alarm(const std::string& topic, const ConsumerAlarm& alarm) {
  const bool stands = alarm.kind == ConsumerAlarm::Kind::OutOfRange || alarm.kind == ConsumerAlarm::Kind::Corrupt;
  // First, so that who reads the line finds `/readyz` saying the same.
  if (stands && alarm.partition) gaps_.stands({topic, *alarm.partition, alarm.expected}, alarm.message, wall_now());
  log_.error("feed", {{"kind", name_of(alarm.kind)},
                      {"partition", alarm.partition.value_or(Partition{-1}).value},
                      {"expected", alarm.expected.value},
                      {"found", alarm.found.value},
                      {"message", alarm.message}});
}

}  // namespace ringfence
