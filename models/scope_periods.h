// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace ringfence::scope {

/// What is counted per day or minute, for the latest N of them in which the agent acted, in order of the number. What belongs to an older
/// one is counted nowhere: in another period it would be a false statement.
template <class T, std::size_t N>
class RecentPeriods {
 public:
  struct Entry {
    std::int64_t number = 0;
    T value{};
  };

  /// The period, made where it is new; null for one that is older than all that are kept.
  [[nodiscard]] T* at(std::int64_t number) {
    auto place = std::ranges::lower_bound(entries_, number, {}, &Entry::number);
    if (place != entries_.end() && place->number == number) return &place->value;
    if (entries_.size() < N) return &entries_.insert(place, {number, T{}})->value;
    if (place == entries_.begin()) return nullptr;
    std::move(entries_.begin() + 1, place, entries_.begin());
    *(place - 1) = {number, T{}};
    return &(place - 1)->value;
  }

  /// Null where the period is not kept.
  [[nodiscard]] const T* find(std::int64_t number) const {
    const auto place = std::ranges::lower_bound(entries_, number, {}, &Entry::number);
    return place != entries_.end() && place->number == number ? &place->value : nullptr;
  }

  [[nodiscard]] const std::vector<Entry>& entries() const { return entries_; }
  /// False, and unchanged, if the numbers are not rising or there are too many.
  bool restore(std::vector<Entry> entries) {
    const auto rising = [](const Entry& a, const Entry& b) { return a.number >= b.number; };
    if (entries.size() > N || std::ranges::adjacent_find(entries, rising) != entries.end()) return false;
    entries_ = std::move(entries);
    return true;
  }
  static constexpr std::size_t kMost = N;

 private:
  std::vector<Entry> entries_;
};

}  // namespace ringfence::scope
