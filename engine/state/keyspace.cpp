// SPDX-License-Identifier: Apache-2.0
#include "engine/state/keyspace.h"

#include <charconv>
#include <system_error>

namespace ringfence {
namespace {

constexpr std::string_view kMeta = "\xff\xffmeta/";
constexpr std::size_t kCoreKeyBytes = 2 + 16 + 1;
constexpr std::size_t kNumberedKeyBytes = kCoreKeyBytes + 8;

void append_big_endian(std::string& out, std::uint64_t v, unsigned bytes) {
  for (unsigned i = bytes; i-- > 0;) out.push_back(static_cast<char>(static_cast<unsigned char>(v >> (8 * i))));
}

std::uint64_t big_endian(std::string_view bytes) {
  std::uint64_t v = 0;
  for (const char c : bytes) v = v << 8 | static_cast<unsigned char>(c);
  return v;
}

}  // namespace

std::string partition_prefix(Partition partition) {
  std::string key;
  append_big_endian(key, static_cast<std::uint64_t>(partition.value), 2);
  return key;
}

Partition partition_of(std::string_view key) { return Partition{static_cast<std::int32_t>(big_endian(key.substr(0, 2)))}; }

std::string agent_prefix(Partition partition, const AgentKey& agent) {
  std::string key;
  key.reserve(kNumberedKeyBytes);
  append_big_endian(key, static_cast<std::uint64_t>(partition.value), 2);
  append_big_endian(key, agent.hash.high, 8);
  append_big_endian(key, agent.hash.low, 8);
  return key;
}

std::string part_key(Partition partition, const AgentKey& agent, PartId part) {
  std::string key = agent_prefix(partition, agent);
  key.push_back(static_cast<char>(part.kind));
  if (part.kind != PartId::Kind::Core) append_big_endian(key, part.number, 8);
  return key;
}

std::string low_prefix(Partition partition) { return partition_prefix(partition) + "low"; }

std::string low_key(Partition partition, std::uint8_t lane) {
  std::string key = low_prefix(partition);
  key.push_back(static_cast<char>(lane));
  return key;
}

std::string record_key(std::string_view name) { return std::string(kMeta) + std::string(name); }

std::string partition_record(std::string_view name, Partition partition) {
  return std::string(name) + "/" + std::to_string(partition.value);
}

std::optional<Partition> partition_of_record(std::string_view key) {
  const std::size_t slash = key.rfind('/');
  if (!key.starts_with(kMeta) || slash < kMeta.size()) return std::nullopt;
  const std::string_view number = key.substr(slash + 1);
  std::int32_t value = 0;
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), value);
  if (error != std::errc{} || end != number.data() + number.size() || !storable(Partition{value})) return std::nullopt;
  return Partition{value};
}

std::optional<AgentPart> agent_part_of(std::string_view key) {
  if (key.size() < kCoreKeyBytes || key.starts_with("\xff\xff")) return std::nullopt;
  const auto kind = static_cast<std::uint8_t>(key[kCoreKeyBytes - 1]);
  if (kind > static_cast<std::uint8_t>(PartId::Kind::Acts) || key.size() != (kind == 0 ? kCoreKeyBytes : kNumberedKeyBytes))
    return std::nullopt;
  AgentPart named;
  named.agent.hash = {big_endian(key.substr(2, 8)), big_endian(key.substr(10, 8))};
  named.part = {static_cast<PartId::Kind>(kind), kind == 0 ? 0 : big_endian(key.substr(kCoreKeyBytes))};
  return named;
}

}  // namespace ringfence
