// SPDX-License-Identifier: Apache-2.0
#include "engine/persona/shape.h"

#include <algorithm>
#include <cstddef>

namespace ringfence {
namespace {

constexpr std::size_t kUuidChars = 36;
constexpr std::size_t kHexLeast = 8;

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_hex(char c) { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || static_cast<unsigned char>(c) >= 0x80; }
bool is_separator(char c) { return c == '/' || c == '.' || c == ':' || c == '-' || c == '_'; }

bool is_uuid(std::string_view text) {
  if (text.size() != kUuidChars) return false;
  for (std::size_t i = 0; i < kUuidChars; ++i) {
    const bool hyphen = i == 8 || i == 13 || i == 18 || i == 23;
    if (hyphen ? text[i] != '-' : !is_hex(text[i])) return false;
  }
  return true;
}

/// Where the first uuid begins, or npos. Its first hyphen leads to it, so the text is read once.
std::size_t find_uuid(std::string_view text, std::size_t from) {
  for (std::size_t hyphen = text.find('-', from); hyphen != std::string_view::npos; hyphen = text.find('-', hyphen + 1)) {
    if (hyphen < from + 8) continue;
    const std::size_t begin = hyphen - 8, end = begin + kUuidChars;
    if (end > text.size()) return std::string_view::npos;
    const auto free = [&](std::size_t i) { return !is_digit(text[i]) && !is_letter(text[i]); };
    if (is_uuid(text.substr(begin, kUuidChars)) && (begin == 0 || free(begin - 1)) && (end == text.size() || free(end))) return begin;
  }
  return std::string_view::npos;
}

void append(std::string& shape, std::string_view piece) {
  if (!shape.empty()) shape += '.';
  shape += piece;
}

void append_pieces(std::string& shape, std::string_view text) {
  for (std::size_t begin = 0; begin < text.size();) {
    std::size_t end = begin;
    while (end < text.size() && !is_separator(text[end])) ++end;
    const std::string_view piece = text.substr(begin, end - begin);
    begin = end + 1;
    if (piece.empty()) continue;
    if (std::ranges::all_of(piece, is_digit)) {
      append(shape, "dec-" + std::to_string(piece.size()));
    } else if (piece.size() >= kHexLeast && std::ranges::all_of(piece, is_hex)) {
      append(shape, "hex-" + std::to_string(piece.size()));
    } else {
      append(shape, std::ranges::all_of(piece, is_letter) ? "word" : "mixed");
    }
  }
}

bool is_count(std::string_view digits, std::size_t least) {
  if (digits.empty() || digits.size() > 6 || digits.front() == '0' || !std::ranges::all_of(digits, is_digit)) return false;
  return std::stoul(std::string(digits)) >= least;
}

}  // namespace

std::string shape_of(std::string_view id) {
  std::string shape;
  std::size_t done = 0;
  for (std::size_t uuid = find_uuid(id, 0); uuid != std::string_view::npos; uuid = find_uuid(id, done)) {
    append_pieces(shape, id.substr(done, uuid - done));
    append(shape, "uuid");
    done = uuid + kUuidChars;
  }
  append_pieces(shape, id.substr(done));
  return shape;
}

bool is_shape(std::string_view text) {
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find('.', begin), text.size());
    const std::string_view piece = text.substr(begin, end - begin);
    const bool whole = piece == "uuid" || piece == "word" || piece == "mixed";
    const bool counted =
        (piece.starts_with("dec-") && is_count(piece.substr(4), 1)) || (piece.starts_with("hex-") && is_count(piece.substr(4), kHexLeast));
    if (!whole && !counted) return false;
    begin = end + 1;
  }
  return !text.empty();
}

}  // namespace ringfence
