// SPDX-License-Identifier: Apache-2.0
#include "engine/event/utf8.h"

#include <algorithm>
#include <cstdint>

namespace ringfence::utf8 {
namespace {

constexpr bool is_continuation(char c) { return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U; }

/// What a lead byte promises: length, its own bits, and the range its second byte must lie in (RFC 3629, table of well-formed sequences).
struct Lead {
  std::size_t length;
  char32_t bits;
  unsigned char second_min, second_max;
};

constexpr Lead lead_of(unsigned char c) {
  if (c < 0x80) return {1, c, 0, 0};
  if (c < 0xC2) return {0, 0, 0, 0};
  if (c < 0xE0) return {2, c & 0x1FU, 0x80, 0xBF};
  if (c == 0xE0) return {3, 0, 0xA0, 0xBF};
  if (c == 0xED) return {3, 0x0D, 0x80, 0x9F};
  if (c < 0xF0) return {3, c & 0x0FU, 0x80, 0xBF};
  if (c == 0xF0) return {4, 0, 0x90, 0xBF};
  if (c < 0xF4) return {4, c & 0x07U, 0x80, 0xBF};
  if (c == 0xF4) return {4, 4, 0x80, 0x8F};
  return {0, 0, 0, 0};
}

}  // namespace

Step next(std::string_view text) {
  const Lead lead = lead_of(static_cast<unsigned char>(text[0]));
  if (lead.length == 0) return {};
  char32_t code = lead.bits;
  for (std::size_t i = 1; i < lead.length; ++i) {
    if (i >= text.size()) return {0, i, false};
    const auto byte = static_cast<unsigned char>(text[i]);
    const unsigned char least = i == 1 ? lead.second_min : 0x80;
    const unsigned char most = i == 1 ? lead.second_max : 0xBF;
    if (byte < least || byte > most) return {0, i, false};
    code = (code << 6U) | (byte & 0x3FU);
  }
  return {code, lead.length, true};
}

bool valid(std::string_view text) {
  while (!text.empty()) {
    const Step step = next(text);
    if (!step.valid) return false;
    text.remove_prefix(step.length);
  }
  return true;
}

std::size_t characters(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::count_if(text, [](char c) { return !is_continuation(c); }));
}

std::string_view prefix(std::string_view text, std::size_t bytes) {
  if (text.size() <= bytes) return text;
  // A well-formed sequence has at most three continuation bytes: more of them means the text was not valid, and any cut is as good.
  std::size_t cut = bytes;
  while (cut > 0 && bytes - cut < 4 && is_continuation(text[cut])) --cut;
  return text.substr(0, is_continuation(text[cut]) ? bytes : cut);
}

void append(std::string& out, char32_t code) {
  const auto put = [&out](char32_t bits) { out.push_back(static_cast<char>(static_cast<unsigned char>(bits))); };
  if (code < 0x80) {
    put(code);
  } else if (code < 0x800) {
    put(0xC0U | (code >> 6U));
    put(0x80U | (code & 0x3FU));
  } else if (code < 0x10000) {
    put(0xE0U | (code >> 12U));
    put(0x80U | ((code >> 6U) & 0x3FU));
    put(0x80U | (code & 0x3FU));
  } else {
    put(0xF0U | (code >> 18U));
    put(0x80U | ((code >> 12U) & 0x3FU));
    put(0x80U | ((code >> 6U) & 0x3FU));
    put(0x80U | (code & 0x3FU));
  }
}

}  // namespace ringfence::utf8
