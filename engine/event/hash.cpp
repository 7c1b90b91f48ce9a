// SPDX-License-Identifier: Apache-2.0
// The hashes that name things in encoded states. They are a format: changing one makes every stored state foreign.
#include <array>
#include <cstring>
#include <string>

#define XXH_INLINE_ALL  // texts are short: the call would cost as much as the hash
#include <xxhash.h>

#include "engine/event/event.h"
#include "engine/event/hash.h"

namespace ringfence {
namespace {

Hash128 from(XXH128_hash_t h) { return {h.high64, h.low64}; }

char* put_prefixed(char* out, std::string_view text) {
  std::uint64_t length = text.size();
  for (int i = 0; i < 8; ++i, length >>= 8U) *out++ = static_cast<char>(static_cast<unsigned char>(length & 0xFFU));
  if (!text.empty()) std::memcpy(out, text.data(), text.size());
  return out + text.size();
}

}  // namespace

std::uint64_t hash64(std::string_view text, std::uint64_t seed) { return XXH3_64bits_withSeed(text.data(), text.size(), seed); }

Hash128 hash128(std::string_view bytes) { return from(XXH3_128bits(bytes.data(), bytes.size())); }

AgentKey agent_key(std::string_view tenant, std::string_view agent_id) {
  const std::size_t length = tenant.size() + agent_id.size() + 16;
  std::array<char, 1024> small;  // NOLINT(cppcoreguidelines-pro-type-member-init): filled before it is read
  std::string large;
  char* out = small.data();
  if (length > small.size()) {
    large.resize(length);
    out = large.data();
  }
  put_prefixed(put_prefixed(out, tenant), agent_id);
  return AgentKey{hash128({out, length})};
}

}  // namespace ringfence
