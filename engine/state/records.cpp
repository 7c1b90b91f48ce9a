// SPDX-License-Identifier: Apache-2.0
#include "engine/state/records.h"

#include <xxhash.h>

#include <algorithm>

#include "engine/state/agent_codec.h"
#include "engine/state/codec.h"
#include "engine/state/keyspace.h"

namespace ringfence {
namespace {

constexpr std::string_view kSchemaRecord = "schema";

StoreError corrupt(const char* what) { return {StoreError::Kind::Corrupt, what}; }

/// Value and checksum; the checksum covers the key, so a value is good only where it was put.
std::string sealed(std::string_view key, std::string_view value) {
  Writer out;
  out.raw(value);
  out.u64(XXH3_64bits_withSeed(value.data(), value.size(), XXH3_64bits(key.data(), key.size())));
  return out.take();
}

std::optional<std::string_view> unsealed(std::string_view key, std::string_view bytes) {
  if (bytes.size() < 8) return std::nullopt;
  const std::string_view value = bytes.substr(0, bytes.size() - 8);
  Reader tail(bytes.substr(value.size()));
  if (tail.u64() != XXH3_64bits_withSeed(value.data(), value.size(), XXH3_64bits(key.data(), key.size()))) return std::nullopt;
  return value;
}

}  // namespace

std::expected<void, StoreError> prepare_store(Store& store) {
  const auto found = get_record(store, kSchemaRecord);
  if (!found) return std::unexpected(found.error());
  Writer ours;
  ours.varint(kStateSchema);
  ours.varint(kModelVersion);
  if (!*found) return put_record(store, kSchemaRecord, ours.bytes());
  Reader in(**found);
  const std::uint64_t schema = in.varint(), model = in.varint();
  if (!in.ok() || !in.at_end()) return std::unexpected(corrupt("the state store's schema record cannot be read"));
  if (schema > kStateSchema || model > kModelVersion)
    return std::unexpected(StoreError{StoreError::Kind::Version, "the state store was written by a newer release (schema " +
                                                                     std::to_string(schema) + ", model " + std::to_string(model) + ")"});
  if (**found != ours.bytes()) return put_record(store, kSchemaRecord, ours.bytes());
  return {};
}

std::expected<std::optional<std::string>, StoreError> get_record(Store& store, std::string_view name) {
  const std::string key = record_key(name);
  auto found = store.get(key);
  if (!found || !*found) return found;
  const auto value = unsealed(key, **found);
  if (!value) return std::unexpected(corrupt("a named record of the state store has a wrong checksum"));
  return std::optional(std::string(*value));
}

StoreWrite record_write(std::string_view name, std::string_view value) {
  std::string key = record_key(name);
  std::string bytes = sealed(key, value);
  return {StoreWrite::Kind::Put, std::move(key), std::move(bytes)};
}

std::expected<void, StoreError> put_record(Store& store, std::string_view name, std::string_view value) {
  if (auto done = store.write({record_write(name, value)}); !done) return done;
  return store.sync();
}

StoreWrite low_write(Partition partition, std::uint8_t lane, Offset low, std::optional<EventTime> reached) {
  Writer value;
  value.svarint(low.value);
  if (reached) value.time(*reached);
  std::string key = low_key(partition, lane);
  std::string bytes = sealed(key, value.bytes());
  return {StoreWrite::Kind::Put, std::move(key), std::move(bytes)};
}

std::optional<LowMark> low_mark_of(std::string_view key, std::string_view bytes) {
  const auto value = unsealed(key, bytes);
  if (!value) return std::nullopt;
  Reader in(*value);
  LowMark mark{Offset{in.svarint()}, std::nullopt};
  if (in.ok() && !in.at_end()) mark.reached = in.time();
  if (!in.ok() || !in.at_end()) return std::nullopt;
  return mark;
}

namespace {

/// The marks of a partition's lanes. Corrupt where one is damaged.
std::expected<std::vector<LowMark>, StoreError> low_marks(Store& store, Partition partition) {
  std::vector<LowMark> marks;
  bool good = true;
  auto scanned = store.scan(low_prefix(partition), [&](std::string_view key, std::string_view bytes) {
    if (key.size() != low_key(partition, 0).size()) return true;
    const auto mark = low_mark_of(key, bytes);
    good = mark.has_value();
    if (mark) marks.push_back(*mark);
    return good;
  });
  if (!scanned) return std::unexpected(std::move(scanned.error()));
  if (!good) return std::unexpected(corrupt("a low-water mark of the state store has a wrong checksum"));
  return marks;
}

}  // namespace

std::expected<std::optional<Offset>, StoreError> read_low(Store& store, Partition partition) {
  const auto marks = low_marks(store, partition);
  if (!marks) return std::unexpected(marks.error());
  if (marks->empty()) return std::nullopt;
  return std::ranges::min_element(*marks, {}, &LowMark::low)->low;
}

std::optional<EventTime> read_reached(Store& store, Partition partition) {
  const auto marks = low_marks(store, partition);
  if (!marks || marks->empty()) return std::nullopt;
  // An absent time is less than any other.
  return std::ranges::min_element(*marks, {}, &LowMark::reached)->reached;
}

std::vector<StoreWrite> lane_writes(Partition partition, Offset low, unsigned lanes) {
  std::vector<StoreWrite> batch;
  for (unsigned lane = 0; lane < kLanesMax; ++lane) {
    const auto number = static_cast<std::uint8_t>(lane);
    if (lane < std::max(lanes, 1U))
      batch.push_back(low_write(partition, number, low));
    else
      batch.push_back({StoreWrite::Kind::Delete, low_key(partition, number), {}});
  }
  return batch;
}

std::expected<void, StoreError> begin_lanes(Store& store, Partition partition, Offset low, unsigned lanes) {
  if (auto done = store.write(lane_writes(partition, low, lanes)); !done) return done;
  return store.sync();
}

}  // namespace ringfence
