// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

namespace ringfence {

/// A fixed set of bytes, asked by one look-up: what every byte of every text is held against.
class CharSet {
 public:
  constexpr explicit CharSet(std::string_view members) {
    for (const char c : members) has_[static_cast<unsigned char>(c)] = true;
  }
  [[nodiscard]] constexpr bool has(char c) const { return has_[static_cast<unsigned char>(c)]; }
  /// Place of the first member at or behind `from`; the text's size where there is none.
  [[nodiscard]] constexpr std::size_t find(std::string_view text, std::size_t from = 0) const {
    while (from < text.size() && !has(text[from])) ++from;
    return from;
  }
  [[nodiscard]] constexpr bool any_in(std::string_view text) const { return find(text) < text.size(); }

 private:
  std::array<bool, 256> has_{};
};

}  // namespace ringfence
