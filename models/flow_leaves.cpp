// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <bit>

#include "models/flow_memory.h"

namespace ringfence::flow {

/// In front of the row's others, of which the last falls out where it is full.
void LeafSet::put(std::size_t row, std::uint32_t hash) {
  std::uint32_t* const at = places_.data() + row;
  at[3] = at[2];
  at[2] = at[1];
  at[1] = at[0];
  at[0] = hash;
}

std::uint32_t LeafSet::add_cut(std::uint32_t hash) {
  if (places_.empty()) places_.resize(kFirst);
  std::uint32_t lost = 0;
  for (;;) {
    const std::size_t first = first_row(hash), second = second_row(hash);
    const std::size_t in_first = used(first), in_second = used(second);
    const bool full = std::min(in_first, in_second) == kRow;
    if (full && places_.size() < kMost) {
      lost += grow();
      continue;
    }
    put(in_second < in_first ? second : first, hash);
    return lost + (full ? 1U : 0U);
  }
}

std::uint32_t LeafSet::grow() {
  std::uint32_t lost = 0;
  std::vector<std::uint32_t> old(places_.size() * 2);
  old.swap(places_);
  for (std::size_t at = old.size(); at-- > 0;) {  // the oldest of a row first
    const std::uint32_t hash = old.data()[at];
    if (hash == 0) continue;
    const std::size_t first = first_row(hash), second = second_row(hash);
    const std::size_t in_first = used(first), in_second = used(second);
    if (std::min(in_first, in_second) == kRow) ++lost;
    put(in_second < in_first ? second : first, hash);
  }
  return lost;
}

void LeafSet::encode(Writer& out) const {
  out.varint(places_.size());
  for (std::size_t at = 0; at < places_.size(); at += kRow) {
    const auto count = static_cast<std::size_t>(std::find(&places_[at], &places_[at] + kRow, 0U) - &places_[at]);
    out.u8(static_cast<std::uint8_t>(count));
    for (std::size_t i = 0; i < count; ++i) out.f32(std::bit_cast<float>(places_[at + i]));  // four bytes
  }
}

bool LeafSet::decode(Reader& in) {
  const std::uint64_t size = in.varint();
  if (size == 0) return in.ok();
  if (size < kFirst || size > kMost || (size & (size - 1)) != 0) return false;
  places_.resize(size);
  for (std::size_t at = 0; at < size; at += kRow) {
    const std::size_t count = in.u8();
    if (count > kRow) return false;
    for (std::size_t i = 0; i < count; ++i) {
      places_[at + i] = std::bit_cast<std::uint32_t>(in.f32());
      if (places_[at + i] == 0 || (first_row(places_[at + i]) != at && second_row(places_[at + i]) != at)) return false;
    }
  }
  return in.ok();
}

/// Which of two in different rows came first is not known there; of one row the newest stands first.
bool LeafSet::decode_whole(Reader& in) {
  const std::uint64_t size = in.varint();
  if (size == 0) return in.ok();
  if (size < kFirst || size > kMost || (size & (size - 1)) != 0) return false;
  std::vector<std::uint64_t> hashes;
  for (std::size_t row = 0; row < size / kRow; ++row) {
    for (std::size_t n = in.count(sizeof(std::uint64_t), kRow); n > 0; --n) hashes.push_back(in.u64());
    if (!in.ok()) return false;
  }
  for (; !hashes.empty(); hashes.pop_back()) (void)add(hashes.back());
  return true;
}

}  // namespace ringfence::flow
