// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "models/flow_memory.h"

namespace ringfence::flow {

std::size_t LeafSet::used(std::size_t row) const {
  const auto begin = places_.begin() + static_cast<std::ptrdiff_t>(row);
  return static_cast<std::size_t>(std::find(begin, begin + kRow, std::uint64_t{0}) - begin);
}

bool LeafSet::holds(std::uint64_t hash) const {
  if (places_.empty()) return false;
  const auto in = [&](std::size_t row) {
    const auto begin = places_.begin() + static_cast<std::ptrdiff_t>(row);
    return std::find(begin, begin + kRow, hash) != begin + kRow;
  };
  return in(first_row(hash)) || in(second_row(hash));
}

/// In front of the row's others, of which the last falls out where it is full.
void LeafSet::put(std::size_t row, std::uint64_t hash) {
  const auto begin = places_.begin() + static_cast<std::ptrdiff_t>(row);
  std::copy_backward(begin, begin + kRow - 1, begin + kRow);
  *begin = hash;
}

std::uint32_t LeafSet::add(std::uint64_t hash) {
  if (hash == 0) hash = 1;
  if (places_.empty()) places_.resize(kFirst);
  if (holds(hash)) return 0;
  std::uint32_t lost = 0;
  for (;;) {
    const std::size_t first = first_row(hash);
    const std::size_t second = second_row(hash);
    const std::size_t row = used(second) < used(first) ? second : first;
    const bool full = used(row) == kRow;
    if (full && places_.size() < kMost) {
      lost += grow();
      continue;
    }
    put(row, hash);
    return lost + (full ? 1U : 0U);
  }
}

std::uint32_t LeafSet::grow() {
  std::uint32_t lost = 0;
  std::vector<std::uint64_t> old(places_.size() * 2);
  old.swap(places_);
  for (std::size_t at = old.size(); at-- > 0;) {  // the oldest of a row first
    if (old[at] == 0) continue;
    const std::size_t first = first_row(old[at]);
    const std::size_t second = second_row(old[at]);
    const std::size_t row = used(second) < used(first) ? second : first;
    if (used(row) == kRow) ++lost;
    put(row, old[at]);
  }
  return lost;
}

void LeafSet::encode(Writer& out) const {
  out.varint(places_.size());
  for (std::size_t at = 0; at < places_.size(); at += kRow) {
    const std::uint64_t* const begin = &places_[at];
    const auto count = static_cast<std::size_t>(std::find(begin, begin + kRow, std::uint64_t{0}) - begin);
    out.varint(count);
    for (std::size_t i = 0; i < count; ++i) out.u64(begin[i]);
  }
}

bool LeafSet::decode(Reader& in) {
  const std::uint64_t size = in.varint();
  if (size == 0) return in.ok();
  if (size < kFirst || size > kMost || (size & (size - 1)) != 0) return false;
  places_.resize(size);
  for (std::size_t at = 0; at < size; at += kRow) {
    const std::size_t count = in.count(sizeof(std::uint64_t), kRow);
    for (std::size_t i = 0; i < count; ++i) {
      places_[at + i] = in.u64();
      if (places_[at + i] == 0 || (first_row(places_[at + i]) != at && second_row(places_[at + i]) != at)) return false;
    }
  }
  return in.ok();
}

}  // namespace ringfence::flow
