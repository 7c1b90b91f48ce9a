// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "engine/state/agent_codec.h"

/// Hostile bytes as an agent's stored parts. The input is read as parts, one after the other:
///
///   kind u8 (bit 7: take the body as it is, else frame and sign it first) | number u8 | length u16 little-endian | bytes
///
/// What decodes must encode to something that decodes to the same bytes again.
namespace {

using namespace ringfence;

class AnyMemory final : public ChannelMemory {
 public:
  explicit AnyMemory(std::string_view text) : text_(text) {}
  void encode(Writer& out) const override { out.text(text_); }
  [[nodiscard]] std::size_t bytes() const override { return text_.size(); }

 private:
  std::string text_;
};

class AnyMemories final : public MemoryFactory {
 public:
  [[nodiscard]] std::unique_ptr<ChannelMemory> decode(ChannelId, MemoryScope, Reader& in) const override {
    return std::make_unique<AnyMemory>(in.text());
  }
};

constexpr AgentKey kKey{{0x0706050403020100, 0x0F0E0D0C0B0A0908}};

std::vector<PartChange> encode(const AgentState& state) {
  WrittenParts nothing;
  return encode_changes(state, nothing);
}

std::vector<PartView> views(const std::vector<PartChange>& parts) {
  std::vector<PartView> out;
  for (const auto& part : parts) out.push_back({part.id, *part.bytes});
  return out;
}

bool same(const std::vector<PartChange>& a, const std::vector<PartChange>& b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i)
    if (a[i].id != b[i].id || a[i].bytes != b[i].bytes) return false;
  return true;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const AnyMemories memories;
  std::vector<PartChange> parts;
  while (size >= 4 && parts.size() < 256) {
    const bool raw = (data[0] & 0x80U) != 0;
    const PartId id{static_cast<PartId::Kind>((data[0] & 0x7FU) % 3), (data[0] & 0x7FU) % 3 == 0 ? 0U : data[1]};
    const std::size_t length = std::min<std::size_t>(data[2] | static_cast<std::size_t>(data[3]) << 8U, size - 4);
    const std::string_view body(reinterpret_cast<const char*>(data + 4), length);
    parts.push_back({id, raw ? std::string(body) : seal_part(kKey, id, body, static_cast<std::uint8_t>(data[1] % (kStateSchema + 1U)))});
    data += 4 + length;
    size -= 4 + length;
  }
  const auto decoded = decode_agent(kKey, views(parts), memories);
  if (!decoded) return 0;
  const auto once = encode(decoded->state);
  const auto again = decode_agent(kKey, views(once), memories);
  if (!again || !same(encode(again->state), once)) std::abort();
  return 0;
}
