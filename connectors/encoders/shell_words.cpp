// SPDX-License-Identifier: Apache-2.0
#include "connectors/encoders/shell_words.h"

#include <algorithm>
#include <array>

#include "engine/event/escape.h"

namespace ringfence {
namespace {

bool is_plain(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("_@%+=:,./-").find(c) != std::string_view::npos;
}

/// A terminal shows it as it is; a backslash too, which `printable` spells out only because it begins what it spells out.
bool is_shown(std::string_view text) {
  std::string rest(text);
  std::erase(rest, '\\');
  return printable(rest, rest.size()) == rest;
}

std::string between_quotes(std::string_view text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

std::string spelled_out(std::string_view text) {
  constexpr std::array<char, 16> kHex{'0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F'};
  std::string out = "$'";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte < 0x7F) {
      if (c == '\'' || c == '\\') out += '\\';
      out += c;
    } else {
      out += "\\x";
      out += kHex[byte >> 4U];
      out += kHex[byte & 0x0FU];
    }
  }
  return out + "'";
}

}  // namespace

std::string shell_word(std::string_view text) {
  if (!text.empty() && std::ranges::all_of(text, is_plain)) return std::string(text);
  return is_shown(text) ? between_quotes(text) : spelled_out(text);
}

}  // namespace ringfence
