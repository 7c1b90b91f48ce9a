// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <utility>

namespace ringfence {

/// How much of what is passed over goes on record: at most 30 a minute, because whoever may write where commands stand must not fill the
/// trail. One thread at a time.
class PassedOverBound {
 public:
  using Time = std::chrono::steady_clock::time_point;
  /// How many before this one have stayed off record since the last that went on; nothing where this one stays off too.
  [[nodiscard]] std::optional<std::uint64_t> admit(Time now) {
    if (now - since_ > kIn) {
      since_ = now;
      count_ = 0;
    }
    if (++count_ > kMost) {
      ++unsaid_;
      return std::nullopt;
    }
    return std::exchange(unsaid_, 0);
  }

 private:
  static constexpr std::chrono::minutes kIn{1};
  static constexpr std::uint64_t kMost = 30;
  Time since_;
  std::uint64_t count_ = 0, unsaid_ = 0;
};

}  // namespace ringfence
