// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "engine/state/channel_memory.h"

namespace ringfence {

/// The ids a session has read, as hashes in two generations of a Bloom filter: 1 KiB each, k = 4; after 700 ids a new generation begins and
/// the older of the two goes. False "seen" at 700 ids: 0.7 % a generation. Up to 48 ids are kept as they are, without a filter.
class SeenIds {
 public:
  void add(std::uint64_t hash) {
    std::size_t next = 0;
    add(hash, next);
  }
  /// For ids that may come in the order in which they came before, others here and there in place of one: `next` is where the one is looked
  /// for first, and moves on.
  void add(std::uint64_t hash, std::size_t& next) {
    const std::size_t here = next++;
    if (young_) {
      if (!young_->has(hash)) add_young(hash);
    } else if (here >= plain_.size() || plain_.data()[here] != hash) {
      add_plain(hash, next);
    }
  }
  [[nodiscard]] bool contains(std::uint64_t hash) const;
  void encode(Writer& out) const;
  [[nodiscard]] bool decode(Reader& in);
  [[nodiscard]] std::size_t bytes() const;
  void fetch_parts() const {
    fetch_ahead(plain_, kPlainIds * sizeof plain_.front());
    for (const auto* generation : {&young_, &old_})
      if (*generation) fetch_ahead(generation->get(), sizeof **generation);
  }

 private:
  static constexpr std::size_t kBits = 8192;
  static constexpr std::size_t kProbes = 4;
  static constexpr std::uint16_t kIdsPerGeneration = 700;
  static constexpr std::size_t kPlainIds = 48;
  struct Generation {
    std::array<std::uint64_t, kBits / 64> words{};
    std::uint16_t ids = 0;
    void set(std::uint64_t hash);
    /// Every bit is looked at: a branch for each would save less than a wrong guess costs.
    [[nodiscard]] bool has(std::uint64_t hash) const {
      const std::uint64_t* const all = words.data();
      const std::uint64_t step = (hash >> 32) | 1;
      std::uint64_t set = 1;
      for (std::size_t i = 0; i < kProbes; ++i) {
        const std::uint64_t bit = (hash + i * step) % kBits;
        set &= all[bit / 64] >> (bit % 64);
      }
      return set != 0;
    }
  };
  void add_plain(std::uint64_t hash, std::size_t& next);
  void add_young(std::uint64_t hash);
  static void encode(Writer& out, const Generation& generation);
  static std::unique_ptr<Generation> decode_generation(Reader& in);

  std::vector<std::uint64_t> plain_;
  std::unique_ptr<Generation> young_, old_;
};

}  // namespace ringfence
