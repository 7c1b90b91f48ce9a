// SPDX-License-Identifier: Apache-2.0
#include "engine/event/json_text.h"

#include <algorithm>
#include <array>
#include <optional>

#include "engine/event/byte_word.h"
#include "engine/event/utf8.h"

namespace ringfence::json_text {
namespace {

std::optional<char32_t> hex4(std::string_view text) {
  if (text.size() < 4) return std::nullopt;
  char32_t value = 0;
  for (std::size_t i = 0; i < 4; ++i) {
    const char c = text[i];
    char32_t digit = 0;
    if (c >= '0' && c <= '9')
      digit = static_cast<char32_t>(c - '0');
    else if (c >= 'a' && c <= 'f')
      digit = static_cast<char32_t>(c - 'a' + 10);
    else if (c >= 'A' && c <= 'F')
      digit = static_cast<char32_t>(c - 'A' + 10);
    else
      return std::nullopt;
    value = (value << 4U) | digit;
  }
  return value;
}

constexpr bool is_high(char32_t code) { return code >= 0xD800 && code < 0xDC00; }
constexpr bool is_low(char32_t code) { return code >= 0xDC00 && code < 0xE000; }

struct Unit {
  std::optional<char32_t> code;  // nothing: not four hex digits
  std::size_t read = 0;          // bytes after the `\u`
  bool lone = false;
};

/// What follows `\u`, both halves of a pair where they stand together.
Unit code_unit(std::string_view text) {
  const auto first = hex4(text);
  if (!first) return {};
  if (is_low(*first)) return {first, 4, true};
  if (!is_high(*first)) return {first, 4, false};
  if (text.size() >= 10 && text[4] == '\\' && text[5] == 'u') {
    const auto second = hex4(text.substr(6));
    if (second && is_low(*second)) return {0x10000 + ((*first - 0xD800) << 10U) + (*second - 0xDC00), 10, false};
  }
  return {first, 4, true};
}

/// The characters that one-letter escapes stand for; 0 where a letter is none.
constexpr std::array<char, 256> kSimpleEscapes = [] {
  std::array<char, 256> out{};
  for (const char c : {'"', '\\', '/'}) out[static_cast<unsigned char>(c)] = c;
  out['b'] = '\b', out['f'] = '\f', out['n'] = '\n', out['r'] = '\r', out['t'] = '\t';
  return out;
}();

/// UTF-8 of a scalar value at `out`; gives the bytes written.
std::size_t put(char* out, char32_t code) {
  const auto at = [out](std::size_t i, char32_t bits) { out[i] = static_cast<char>(static_cast<unsigned char>(bits)); };
  if (code < 0x80) return at(0, code), 1;
  if (code < 0x800) return at(0, 0xC0U | (code >> 6U)), at(1, 0x80U | (code & 0x3FU)), 2;
  if (code < 0x10000) return at(0, 0xE0U | (code >> 12U)), at(1, 0x80U | ((code >> 6U) & 0x3FU)), at(2, 0x80U | (code & 0x3FU)), 3;
  return at(0, 0xF0U | (code >> 18U)), at(1, 0x80U | ((code >> 12U) & 0x3FU)), at(2, 0x80U | ((code >> 6U) & 0x3FU)),
         at(3, 0x80U | (code & 0x3FU)), 4;
}

/// Copies what stands from `at` up to the next backslash, or else to `end`, and gives its length. `out` has room for all of it.
std::size_t copy_plain(const char* at, const char* end, char* out) {
  const char* const begin = at;
  for (; static_cast<std::size_t>(end - at) >= byte_word::kBytes; at += byte_word::kBytes, out += byte_word::kBytes) {
    const std::uint64_t word = byte_word::load({at, byte_word::kBytes});
    byte_word::store(out, word);
    if (const std::uint64_t found = byte_word::found(word, '\\'); found != 0)
      return static_cast<std::size_t>(at - begin) + byte_word::place_of(found);
  }
  while (at != end && *at != '\\') *out++ = *at++;
  return static_cast<std::size_t>(at - begin);
}

}  // namespace

Unescaped unescape(std::string_view raw, LoneSurrogate policy, char* out) {
  const char* at = raw.data();
  const char *const end = at + raw.size(), *const begin = out;
  bool replaced = false;
  while (true) {
    const std::size_t plain = copy_plain(at, end, out);
    at += plain;
    out += plain;
    if (at == end) return {Unescaped::Fault::None, static_cast<std::size_t>(out - begin), replaced};
    if (++at == end) return {Unescaped::Fault::BadEscape, 0, false};
    const char letter = *at++;
    if (const char simple = kSimpleEscapes[static_cast<unsigned char>(letter)]; simple != 0) {
      *out++ = simple;
      continue;
    }
    const Unit unit = letter == 'u' ? code_unit({at, end}) : Unit{};
    if (!unit.code) return {Unescaped::Fault::BadEscape, 0, false};
    at += unit.read;
    if (unit.lone) {
      if (policy == LoneSurrogate::Refuse) return {Unescaped::Fault::LoneSurrogate, 0, false};
      out = std::ranges::copy(utf8::kReplacement, out).out;
      replaced = true;
    } else {
      out += put(out, *unit.code);
    }
  }
}

bool is_number(std::string_view token) {
  const char* at = token.data();
  const char* const end = at + token.size();
  const auto digits = [&] {
    const char* const begin = at;
    while (at != end && static_cast<unsigned>(*at) - '0' <= 9) ++at;
    return at - begin;
  };
  if (at != end && *at == '-') ++at;
  const bool zero = at != end && *at == '0';
  const std::ptrdiff_t whole = digits();
  if (whole == 0 || (zero && whole > 1)) return false;
  if (at != end && *at == '.') {
    ++at;
    if (digits() == 0) return false;
  }
  if (at != end && (*at == 'e' || *at == 'E')) {
    ++at;
    if (at != end && (*at == '+' || *at == '-')) ++at;
    if (digits() == 0) return false;
  }
  return at == end;
}

bool is_integer(std::string_view token) {
  return std::ranges::none_of(token, [](char c) { return c == '.' || c == 'e' || c == 'E'; }) && is_number(token);
}

}  // namespace ringfence::json_text
