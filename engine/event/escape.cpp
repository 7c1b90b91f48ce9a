// SPDX-License-Identifier: Apache-2.0
#include "engine/event/escape.h"

#include <algorithm>

#include "engine/event/utf8.h"

namespace ringfence {
namespace {

constexpr std::string_view kUpperHex = "0123456789ABCDEF";
constexpr std::string_view kEllipsis = "\xE2\x80\xA6";

void append_byte_escape(std::string& out, unsigned char byte) {
  out += "\\x";
  out.push_back(kUpperHex[byte >> 4U]);
  out.push_back(kUpperHex[byte & 0x0FU]);
}

void append_code_escape(std::string& out, char32_t code) {
  out += "\\u{";
  int shift = 20;
  while (shift > 0 && (code >> shift) == 0) shift -= 4;
  for (; shift >= 0; shift -= 4) out.push_back(kUpperHex[(code >> shift) & 0x0FU]);
  out.push_back('}');
}

void append_json_escape(std::string& out, char32_t code) {
  out += "\\u";
  for (int shift = 12; shift >= 0; shift -= 4) out.push_back(kUpperHex[(code >> shift) & 0x0FU]);
}

/// Characters that move the cursor, break the line or reorder what a reader sees.
bool reorders_or_breaks(char32_t code) {
  return (code >= 0x80 && code < 0xA0) || code == 0x061C || code == 0x200E || code == 0x200F || code == 0x2028 || code == 0x2029 ||
         (code >= 0x202A && code <= 0x202E) || (code >= 0x2066 && code <= 0x2069);
}

}  // namespace

std::string printable(std::string_view text, std::size_t max_chars) {
  const auto plain = [](char c) { return c >= 0x20 && c < 0x7F && c != '\\'; };
  if (text.size() <= max_chars && std::ranges::all_of(text, plain)) return std::string(text);
  std::string out;
  out.reserve(text.size() < max_chars ? text.size() : max_chars);
  std::size_t written = 0;
  std::string piece;
  while (!text.empty()) {
    const utf8::Step step = utf8::next(text);
    piece.clear();
    std::size_t width = 1;
    if (!step.valid) {
      for (std::size_t i = 0; i < step.length; ++i) append_byte_escape(piece, static_cast<unsigned char>(text[i]));
      width = piece.size();
    } else if (step.code < 0x20 || step.code == 0x7F || step.code == U'\\') {
      append_byte_escape(piece, static_cast<unsigned char>(step.code));
      width = piece.size();
    } else if (reorders_or_breaks(step.code)) {
      append_code_escape(piece, step.code);
      width = piece.size();
    } else {
      piece.assign(text.substr(0, step.length));
    }
    if (written + width > max_chars) {
      out += kEllipsis;
      break;
    }
    out += piece;
    written += width;
    text.remove_prefix(step.length);
  }
  return out;
}

std::string json_quoted(std::string_view text) {
  std::string out;
  out.reserve(text.size() + 2);
  out.push_back('"');
  while (!text.empty()) {
    const auto byte = static_cast<unsigned char>(text[0]);
    if (byte >= 0x80) {
      const utf8::Step step = utf8::next(text);
      if (step.valid && reorders_or_breaks(step.code)) {
        append_json_escape(out, step.code);
      } else {
        out += step.valid ? text.substr(0, step.length) : utf8::kReplacement;
      }
      text.remove_prefix(step.length);
      continue;
    }
    switch (byte) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\b':
        out += "\\b";
        break;
      case '\f':
        out += "\\f";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      default:
        if (byte < 0x20 || byte == 0x7F) {
          append_json_escape(out, byte);
        } else {
          out.push_back(text[0]);
        }
    }
    text.remove_prefix(1);
  }
  out.push_back('"');
  return out;
}

std::string percent_encoded(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    const bool unreserved =
        (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' || c == '~';
    if (unreserved) {
      out.push_back(c);
    } else {
      const auto byte = static_cast<unsigned char>(c);
      out.push_back('%');
      out.push_back(kUpperHex[byte >> 4U]);
      out.push_back(kUpperHex[byte & 0x0FU]);
    }
  }
  return out;
}

}  // namespace ringfence
