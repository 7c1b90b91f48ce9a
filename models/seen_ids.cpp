// SPDX-License-Identifier: Apache-2.0
#include "models/seen_ids.h"

#include <algorithm>
#include <bit>

namespace ringfence {

void SeenIds::Generation::set(std::uint64_t hash) {
  std::uint64_t* const all = words.data();
  const std::uint64_t step = (hash >> 32) | 1;
  for (std::size_t i = 0; i < kProbes; ++i) {
    const std::uint64_t bit = (hash + i * step) % kBits;
    all[bit / 64] |= std::uint64_t{1} << (bit % 64);
  }
}

/// As it is, where it is not there yet; with the one that there is no room for the filter begins.
void SeenIds::add_plain(std::uint64_t hash, std::size_t& next) {
  const auto found = std::ranges::find(plain_, hash);
  if (found != plain_.end()) {
    next = static_cast<std::size_t>(found - plain_.begin()) + 1;
    return;
  }
  if (plain_.size() < kPlainIds) {
    plain_.push_back(hash);
    return;
  }
  young_ = std::make_unique<Generation>();
  for (const std::uint64_t known : plain_) young_->set(known);
  young_->ids = static_cast<std::uint16_t>(plain_.size());
  std::vector<std::uint64_t>().swap(plain_);  // assigning an empty one would keep the memory
  if (!young_->has(hash)) add_young(hash);
}

/// One that the younger generation does not have.
void SeenIds::add_young(std::uint64_t hash) {
  if (young_->ids == kIdsPerGeneration) {
    if (!old_) old_ = std::make_unique<Generation>();
    std::swap(young_, old_);
    *young_ = {};
  }
  young_->set(hash);
  ++young_->ids;
}

bool SeenIds::contains(std::uint64_t hash) const {
  if (!young_) return std::ranges::find(plain_, hash) != plain_.end();
  return young_->has(hash) || (old_ && old_->has(hash));
}

/// Few bits as distances between them, many as they are.
void SeenIds::encode(Writer& out, const Generation& generation) {
  std::size_t set = 0;
  for (const std::uint64_t word : generation.words) set += static_cast<std::size_t>(std::popcount(word));
  const bool sparse = set < kBits / 16;
  out.varint(std::uint64_t{generation.ids} << 1 | (sparse ? 1 : 0));
  if (!sparse) {
    out.u64s(generation.words);
    return;
  }
  out.varint(set);
  std::size_t last = 0;
  for (std::size_t w = 0; w < generation.words.size(); ++w) {
    for (std::uint64_t bits = generation.words[w]; bits != 0; bits &= bits - 1) {
      const std::size_t bit = w * 64 + static_cast<std::size_t>(std::countr_zero(bits));
      out.varint(bit - last);
      last = bit;
    }
  }
}

std::unique_ptr<SeenIds::Generation> SeenIds::decode_generation(Reader& in) {
  auto generation = std::make_unique<Generation>();
  const std::uint64_t head = in.varint();
  if (head >> 1 > kIdsPerGeneration) in.fail();
  generation->ids = static_cast<std::uint16_t>(head >> 1);
  if ((head & 1) == 0) {
    for (std::uint64_t& word : generation->words) word = in.u64();
    return generation;
  }
  std::uint64_t bit = 0;
  for (std::size_t n = in.count(1, kBits); n > 0; --n) {
    bit += in.varint();
    if (bit >= kBits) {
      in.fail();
      break;
    }
    generation->words[bit / 64] |= std::uint64_t{1} << (bit % 64);
  }
  return generation;
}

void SeenIds::encode(Writer& out) const {
  if (!young_) {
    out.u8(0);
    out.varint(plain_.size());
    out.u64s(plain_);
    return;
  }
  out.u8(old_ ? 2 : 1);
  encode(out, *young_);
  if (old_) encode(out, *old_);
}

bool SeenIds::decode(Reader& in) {
  const std::uint8_t generations = in.u8();
  if (generations > 2) in.fail();
  if (generations == 0) {
    for (std::size_t n = in.count(8, kPlainIds); n > 0; --n) plain_.push_back(in.u64());
    return in.ok();
  }
  young_ = decode_generation(in);
  if (generations == 2) old_ = decode_generation(in);
  return in.ok();
}

std::size_t SeenIds::bytes() const {
  return plain_.capacity() * sizeof(std::uint64_t) + (young_ ? sizeof(Generation) : 0) + (old_ ? sizeof(Generation) : 0);
}

}  // namespace ringfence
