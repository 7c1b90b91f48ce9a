// SPDX-License-Identifier: Apache-2.0
#include "engine/state/agent_codec.h"

#include <xxhash.h>

#include <bit>

namespace ringfence {
namespace {

constexpr std::size_t kChecksumBytes = 8;

std::uint64_t seed_of(const AgentKey& key, PartId id) {
  const std::uint64_t part = (std::uint64_t{static_cast<std::uint8_t>(id.kind)} + 1) * 0x9E3779B97F4A7C15ULL;
  return key.hash.low ^ std::rotl(key.hash.high, 31) ^ part ^ std::rotl(id.number * 0xC2B2AE3D27D4EB4FULL, 17);
}

std::string name_of(PartId id) {
  switch (id.kind) {
    case PartId::Kind::Core:
      return "core";
    case PartId::Kind::Session:
      return "session";
    case PartId::Kind::Acts:
      return "acts";
  }
  return "part";
}

}  // namespace

std::size_t WrittenParts::heap_bytes() const { return sessions.capacity() * sizeof(sessions[0]) + chunks.capacity() * sizeof(chunks[0]); }

void WrittenParts::doubt() {
  core = 0;
  for (auto& [key, sum] : sessions) sum = 0;
  for (auto& sum : chunks) sum = 0;
}

void begin_part(Writer& part) {
  part.cut(0);
  part.u8(kStateSchema);
  part.varint(kModelVersion);
}

std::uint64_t end_part(const AgentKey& key, PartId id, Writer& part) {
  const std::uint64_t checksum = XXH3_64bits_withSeed(part.bytes().data(), part.size(), seed_of(key, id));
  part.u64(checksum);
  return checksum;
}

std::string seal_part(const AgentKey& key, PartId id, std::string_view body, std::uint8_t schema) {
  Writer part;
  part.u8(schema);
  part.varint(kModelVersion);
  part.raw(body);
  end_part(key, id, part);
  return part.take();
}

std::expected<OpenedPart, CodecError> open_part(const AgentKey& key, const PartView& part) {
  const auto fault = [&](CodecError::Kind kind, const char* what) {
    return std::unexpected(CodecError{kind, name_of(part.id) + ": " + what});
  };
  if (part.bytes.size() < kChecksumBytes + 2) return fault(CodecError::Kind::Malformed, "shorter than its frame");
  const std::string_view framed = part.bytes.substr(0, part.bytes.size() - kChecksumBytes);
  Reader tail(part.bytes.substr(framed.size()));
  const std::uint64_t checksum = tail.u64();
  if (checksum != XXH3_64bits_withSeed(framed.data(), framed.size(), seed_of(key, part.id)))
    return fault(CodecError::Kind::Checksum, "the checksum is not that of the bytes");
  Reader head(framed);
  OpenedPart opened;
  opened.checksum = checksum;
  opened.schema = head.u8();
  opened.model = head.varint();
  if (!head.ok()) return fault(CodecError::Kind::Malformed, "no model version");
  if (opened.schema > kStateSchema || opened.model > kModelVersion) return fault(CodecError::Kind::Version, "written by a newer release");
  opened.body = framed.substr(framed.size() - head.left());
  return opened;
}

}  // namespace ringfence
