// SPDX-License-Identifier: Apache-2.0
#include "engine/event/arg_id.h"

#include <algorithm>
#include <charconv>
#include <cstdint>

namespace ringfence {
namespace {

constexpr std::size_t kHashDigits = 16;
constexpr std::uint32_t kLeastHexDigits = 8;

bool is_lower_hex(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); }

/// `N` of `dec-N` and `hex-N`: a count without leading zeros.
bool is_count(std::string_view digits, std::uint32_t at_least) {
  if (digits.empty() || digits[0] == '0') return false;
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  return error == std::errc{} && end == digits.data() + digits.size() && value >= at_least;
}

bool is_piece(std::string_view piece) {
  if (piece == "uuid" || piece == "word" || piece == "mixed") return true;
  if (piece.starts_with("dec-")) return is_count(piece.substr(4), 1);
  if (piece.starts_with("hex-")) return is_count(piece.substr(4), kLeastHexDigits);
  return false;
}

}  // namespace

bool is_arg_id(std::string_view element) {
  const std::size_t colon = element.rfind(':');
  if (colon == std::string_view::npos) return false;
  const std::string_view hash = element.substr(colon + 1);
  if (hash.size() != kHashDigits || !std::ranges::all_of(hash, is_lower_hex)) return false;

  // A name may hold any character; a shape never holds '=', so the last one ends the name.
  std::string_view shape = element.substr(0, colon);
  const std::size_t equals = shape.rfind('=');
  if (equals == 0) return false;
  if (equals != std::string_view::npos) shape.remove_prefix(equals + 1);

  while (true) {
    const std::size_t dot = shape.find('.');
    if (!is_piece(shape.substr(0, dot))) return false;
    if (dot == std::string_view::npos) return true;
    shape.remove_prefix(dot + 1);
  }
}

}  // namespace ringfence
