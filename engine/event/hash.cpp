// SPDX-License-Identifier: Apache-2.0
// The hashes that name things in encoded states. They are a format: changing one makes every stored state foreign.
#include <array>
#include <bit>
#include <cstring>
#include <string>

#define XXH_INLINE_ALL  // texts are short: the call would cost as much as the hash
#include <xxhash.h>

#include "engine/event/event.h"
#include "engine/event/hash.h"

namespace ringfence {
namespace {

Hash128 from(XXH128_hash_t h) { return {h.high64, h.low64}; }

static_assert(std::endian::native == std::endian::little, "a length is hashed as it lies in memory");

char* put_length(char* out, std::uint64_t length) {
  std::memcpy(out, &length, sizeof length);
  return out + sizeof length;
}
char* put(char* out, std::string_view text) {
  if (!text.empty()) std::memcpy(out, text.data(), text.size());
  return out + text.size();
}

}  // namespace

std::uint64_t hash64(std::string_view text, std::uint64_t seed) { return XXH3_64bits_withSeed(text.data(), text.size(), seed); }

Hash128 hash128(std::string_view bytes) { return from(XXH3_128bits(bytes.data(), bytes.size())); }

AgentKey agent_key(std::string_view tenant, std::string_view agent_id) { return key_of(std::span(&tenant, 1), agent_id); }

AgentKey key_of(std::span<const std::string_view> scope, std::string_view id) {
  std::size_t scope_size = 0;
  for (const std::string_view part : scope) scope_size += part.size();
  const std::size_t length = scope_size + id.size() + 2 * sizeof(std::uint64_t);
  std::array<char, 1024> small;  // NOLINT(cppcoreguidelines-pro-type-member-init): filled before it is read
  std::string large;
  char* const begin = length <= small.size() ? small.data() : (large.resize(length), large.data());
  char* out = put_length(begin, scope_size);
  for (const std::string_view part : scope) out = put(out, part);
  put(put_length(out, id.size()), id);
  return AgentKey{hash128({begin, length})};
}

}  // namespace ringfence
