// SPDX-License-Identifier: Apache-2.0
#include "engine/gate/credits.h"

#include <algorithm>

namespace ringfence {
namespace {

std::uint64_t packed(std::int32_t credits, std::uint32_t minute) {
  return (static_cast<std::uint64_t>(static_cast<std::uint32_t>(credits)) << 32U) | minute;
}

}  // namespace

Credits::Credits(std::int32_t start, std::int32_t ceiling, std::uint32_t minute)
    : ceiling_(std::max(ceiling, 0)), word_(packed(std::clamp(start, 0, ceiling_), minute)) {}

/// What a stored word means now: minutes that passed since have each given one back.
Credits::State Credits::at(std::uint64_t word, std::uint32_t minute) const {
  const auto credits = static_cast<std::int32_t>(word >> 32U);
  const auto since = static_cast<std::uint32_t>(word);
  if (minute <= since) return {credits, since};
  const std::uint32_t passed = std::min(minute - since, static_cast<std::uint32_t>(ceiling_));
  return {std::min(ceiling_, credits + static_cast<std::int32_t>(passed)), minute};
}

bool Credits::take(std::uint32_t minute) {
  std::uint64_t word = word_.load(std::memory_order_relaxed);
  for (;;) {
    const State now = at(word, minute);
    if (now.credits <= 0) return false;
    if (word_.compare_exchange_weak(word, packed(now.credits - 1, now.minute), std::memory_order_relaxed)) return true;
  }
}

void Credits::change(std::int32_t by, std::uint32_t minute) {
  std::uint64_t word = word_.load(std::memory_order_relaxed);
  for (;;) {
    const State now = at(word, minute);
    const std::int32_t next = std::clamp(now.credits + by, 0, ceiling_);
    if (word_.compare_exchange_weak(word, packed(next, now.minute), std::memory_order_relaxed)) return;
  }
}

std::int32_t Credits::left(std::uint32_t minute) const { return at(word_.load(std::memory_order_relaxed), minute).credits; }

}  // namespace ringfence
