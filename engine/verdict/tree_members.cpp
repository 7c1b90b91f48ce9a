// SPDX-License-Identifier: Apache-2.0
#include "engine/verdict/tree_members.h"

#include <array>
#include <cstdint>

#include "engine/state/codec.h"

namespace ringfence {
namespace {

constexpr std::uint8_t kForm = 1;
constexpr std::size_t kPairsRead = std::size_t{1} << 24U;  // of all shards over one partition together

}  // namespace

void TreeMembers::join(const AgentKey& root, const AgentKey& member) {
  if (pairs_.size() < kMost && pairs_.insert({root, member}).second) changed_ = true;
}

void TreeMembers::leave(const AgentKey& root, const AgentKey& member) {
  if (pairs_.erase({root, member}) > 0) changed_ = true;
}

std::vector<AgentKey> TreeMembers::of(const AgentKey& root) const {
  std::vector<AgentKey> members;
  for (auto pair = pairs_.lower_bound({root, AgentKey{}}); pair != pairs_.end() && pair->first == root; ++pair)
    members.push_back(pair->second);
  return members;
}

std::string TreeMembers::encode() const {
  Writer out;
  out.u8(kForm);
  out.varint(pairs_.size());
  for (const auto& [root, member] : pairs_) {
    const std::array<std::uint64_t, 4> words{root.hash.high, root.hash.low, member.hash.high, member.hash.low};
    out.u64s(words);
  }
  return out.take();
}

std::set<TreeMembers::Pair> TreeMembers::read(std::string_view bytes) {
  Reader in(bytes);
  std::set<Pair> pairs;
  if (in.u8() != kForm) return pairs;
  const std::size_t count = in.count(4 * sizeof(std::uint64_t), kPairsRead);
  const auto key = [&in] {
    const std::uint64_t high = in.u64();
    return AgentKey{{high, in.u64()}};
  };
  for (std::size_t i = 0; i < count && in.ok(); ++i) {
    const AgentKey root = key();
    pairs.insert({root, key()});
  }
  if (!in.ok() || !in.at_end()) pairs.clear();
  return pairs;
}

}  // namespace ringfence
