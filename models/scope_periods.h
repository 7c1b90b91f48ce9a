// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace ringfence::scope {

/// What is counted per day or minute, for the latest N of them in which the agent acted. What is older than all of these counts in the
/// oldest, so a late or wrongly timed event is never left out, and one far in the future resets nothing. In order of the number.
template <class T, std::size_t N>
class RecentPeriods {
 public:
  struct Entry {
    std::int64_t number = 0;
    T value{};
  };

  [[nodiscard]] T& at(std::int64_t number) {
    auto place = std::ranges::lower_bound(entries_, number, {}, &Entry::number);
    if (place != entries_.end() && place->number == number) return place->value;
    if (entries_.size() == N) {
      if (place == entries_.begin()) return entries_.front().value;
      std::move(entries_.begin() + 1, place, entries_.begin());
      *(place - 1) = {number, T{}};
      return (place - 1)->value;
    }
    return entries_.insert(place, {number, T{}})->value;
  }

  /// What `at` would give, or null where it would have to make it.
  [[nodiscard]] const T* find(std::int64_t number) const {
    const auto place = std::ranges::lower_bound(entries_, number, {}, &Entry::number);
    if (place != entries_.end() && place->number == number) return &place->value;
    return entries_.size() == N && place == entries_.begin() ? &entries_.front().value : nullptr;
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
