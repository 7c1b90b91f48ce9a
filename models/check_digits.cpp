// SPDX-License-Identifier: Apache-2.0
// Check digits of identifiers that carry them, where the shape says which kind it is.
#include <algorithm>
#include <array>
#include <cstdint>

#include "models/identifier.h"

namespace ringfence {
namespace {

struct IbanLength {
  std::string_view country;
  std::size_t length;
};

/// Registered lengths, in order of country.
constexpr std::array kIbanLengths = std::to_array<IbanLength>(
    {{"AD", 24}, {"AE", 23}, {"AL", 28}, {"AT", 20}, {"AZ", 28}, {"BA", 20}, {"BE", 16}, {"BG", 22}, {"BH", 22}, {"BR", 29},
     {"BY", 28}, {"CH", 21}, {"CR", 22}, {"CY", 28}, {"CZ", 24}, {"DE", 22}, {"DK", 18}, {"DO", 28}, {"EE", 20}, {"ES", 24},
     {"FI", 18}, {"FO", 18}, {"FR", 27}, {"GB", 22}, {"GE", 22}, {"GI", 23}, {"GL", 18}, {"GR", 27}, {"GT", 28}, {"HR", 21},
     {"HU", 28}, {"IE", 22}, {"IL", 23}, {"IQ", 23}, {"IS", 26}, {"IT", 27}, {"JO", 30}, {"KW", 30}, {"KZ", 20}, {"LB", 28},
     {"LI", 21}, {"LT", 20}, {"LU", 20}, {"LV", 21}, {"MC", 27}, {"MD", 24}, {"ME", 22}, {"MK", 19}, {"MR", 27}, {"MT", 31},
     {"MU", 30}, {"NL", 18}, {"NO", 15}, {"PK", 24}, {"PL", 28}, {"PS", 29}, {"PT", 25}, {"QA", 29}, {"RO", 24}, {"RS", 22},
     {"SA", 24}, {"SE", 24}, {"SI", 19}, {"SK", 24}, {"SM", 27}, {"TN", 24}, {"TR", 26}, {"UA", 29}, {"VG", 24}, {"XK", 20}});

constexpr std::size_t kIbanSlip = 2;  // a digit or two too many or too few is still meant as an IBAN

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }

/// Remainder modulo 97 of the text read as ISO 7064 does: letters are 10 to 35, the first four characters go last.
unsigned remainder97(std::string_view compact) {
  unsigned rest = 0;
  const auto take = [&](char c) {
    rest = is_digit(c) ? (rest * 10 + static_cast<unsigned>(c - '0')) % 97 : (rest * 100 + static_cast<unsigned>(c - 'A') + 10) % 97;
  };
  std::ranges::for_each(compact.substr(4), take);
  std::ranges::for_each(compact.substr(0, 4), take);
  return rest;
}

}  // namespace

std::optional<bool> iban_valid(std::string_view text) {
  std::array<char, 40> kept{};
  std::size_t n = 0;
  for (const char c : text) {
    if (c == ' ') continue;
    if (n == kept.size() || (!is_digit(c) && !is_upper(c))) return std::nullopt;
    kept[n++] = c;
  }
  const std::string_view compact(kept.data(), n);
  if (n < 13 || !is_upper(compact[0]) || !is_upper(compact[1]) || !is_digit(compact[2]) || !is_digit(compact[3])) return std::nullopt;
  const auto* const country = std::ranges::lower_bound(kIbanLengths, compact.substr(0, 2), {}, &IbanLength::country);
  if (country == kIbanLengths.end() || country->country != compact.substr(0, 2)) return std::nullopt;
  if (n + kIbanSlip < country->length || n > country->length + kIbanSlip) return std::nullopt;
  return n == country->length && remainder97(compact) == 1;
}

std::optional<bool> card_valid(std::string_view digits) {
  if (digits.size() < 15 || digits.size() > 16 || !std::ranges::all_of(digits, is_digit)) return std::nullopt;
  unsigned prefix = 0;
  for (const char c : digits.substr(0, 4)) prefix = prefix * 10 + static_cast<unsigned>(c - '0');
  const unsigned two = prefix / 100;
  const bool fifteen = two == 34 || two == 37;
  const bool sixteen = two / 10 == 4 || (two >= 51 && two <= 55) || (prefix >= 2221 && prefix <= 2720) || prefix == 6011 || two == 65;
  if (digits.size() == 15 ? !fifteen : !sixteen) return std::nullopt;
  unsigned sum = 0;
  bool doubled = false;
  for (std::size_t i = digits.size(); i-- > 0; doubled = !doubled) {
    unsigned d = static_cast<unsigned>(digits[i] - '0');
    if (doubled) d = 2 * d > 9 ? 2 * d - 9 : 2 * d;
    sum += d;
  }
  return sum % 10 == 0;
}

}  // namespace ringfence
