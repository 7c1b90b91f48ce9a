// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <string_view>

namespace ringfence {

/// A number that is not interchangeable with another number: two of different `Tag` neither convert nor compare.
template <class Tag, class Rep>
struct Strong {
  Rep value{};
  constexpr Strong() = default;
  constexpr explicit Strong(Rep v) : value(v) {}
  constexpr auto operator<=>(const Strong&) const = default;
};

/// Number of an input partition; a file is partition 0 of its own input.
using Partition = Strong<struct PartitionTag, std::int32_t>;
/// Links (streaming.md §2) are an input of their own: their partitions are numbered from here, behind those of the events.
inline constexpr Partition kLinksPartition{0x8000};
inline constexpr std::string_view kLinksTopic = "ringfence.links";
/// The links of their topic's partition `p`, and back: what a partition is called within its own topic.
constexpr Partition links_partition(Partition p) { return Partition{kLinksPartition.value + p.value}; }
constexpr Partition partition_in_topic(Partition p) { return p < kLinksPartition ? p : Partition{p.value - kLinksPartition.value}; }
/// Position of a record in its partition, from 0; in a file the record's number from 0.
using Offset = Strong<struct OffsetTag, std::int64_t>;
/// Length of time in nanoseconds; may be negative.
using Nanos = Strong<struct NanosTag, std::int64_t>;
/// When something happened by its own account: nanoseconds since 1970-01-01T00:00:00Z, leap seconds not counted.
using EventTime = Strong<struct EventTimeTag, std::int64_t>;

constexpr Nanos operator-(EventTime a, EventTime b) { return Nanos{a.value - b.value}; }
constexpr EventTime operator+(EventTime a, Nanos b) { return EventTime{a.value + b.value}; }
constexpr EventTime operator-(EventTime a, Nanos b) { return EventTime{a.value - b.value}; }
constexpr Nanos milliseconds(std::int64_t n) { return Nanos{n * 1'000'000}; }
constexpr Nanos seconds(std::int64_t n) { return Nanos{n * 1'000'000'000}; }
constexpr Nanos minutes(std::int64_t n) { return seconds(n * 60); }
constexpr Nanos hours(std::int64_t n) { return minutes(n * 60); }
constexpr Nanos days(std::int64_t n) { return hours(n * 24); }
constexpr std::int64_t to_milliseconds(EventTime t) { return t.value / 1'000'000; }

/// Where a record stood in the input.
struct Position {
  Partition partition;
  Offset offset;
  constexpr auto operator<=>(const Position&) const = default;
};

/// 128 bits of XXH3; what is hashed is part of the type that wraps it.
struct Hash128 {
  std::uint64_t high{};
  std::uint64_t low{};
  constexpr auto operator<=>(const Hash128&) const = default;
};

/// Identity of an agent: hash of (tenant, agent.id), length-prefixed. Key of the state tables.
struct AgentKey {
  Hash128 hash;
  constexpr auto operator<=>(const AgentKey&) const = default;
};

}  // namespace ringfence

template <>
struct std::hash<ringfence::AgentKey> {
  std::size_t operator()(const ringfence::AgentKey& k) const noexcept { return k.hash.low; }
};
