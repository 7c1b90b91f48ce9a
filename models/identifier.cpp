// SPDX-License-Identifier: Apache-2.0
#include "models/identifier.h"

#include <algorithm>
#include <cassert>
#include <charconv>

#include "models/byte_masks.h"

namespace ringfence {
namespace {

constexpr std::size_t kUuidLength = 36;
constexpr std::size_t kHexLeast = 8;
constexpr std::size_t kTemplateChars = 120;
constexpr std::size_t kWordChars = 32;  // a longer run of letters is no word of a skeleton

constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }
constexpr bool is_hex(char c) { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }
constexpr bool is_ascii_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
constexpr bool is_letter(char c) { return is_ascii_letter(c) || static_cast<unsigned char>(c) >= 0x80; }
constexpr bool is_separator(char c) { return c == '/' || c == '.' || c == ':' || c == '-' || c == '_'; }
bool is_name_char(char c) { return is_digit(c) || is_letter(c); }

bool is_uuid(std::string_view text) {
  if (text.size() != kUuidLength) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool hyphen = i == 8 || i == 13 || i == 18 || i == 23;
    if (hyphen ? text[i] != '-' : !is_hex(text[i])) return false;
  }
  return true;
}

/// A uuid that begins here: the rest of the text does not touch it with a letter or digit.
bool uuid_at(std::string_view rest) {
  return is_uuid(rest.substr(0, kUuidLength)) && (rest.size() == kUuidLength || !is_name_char(rest[kUuidLength]));
}

/// Length of a text that begins here, is grouped like a uuid and is none: four to six groups of hex digits, 30 to 34 digits; else 0.
std::size_t broken_uuid_at(std::string_view rest) {
  constexpr std::size_t kLeast = 33;  // 30 digits in four groups
  if (rest.size() < kLeast) return 0;
  std::size_t end = 0, digits = 0, groups = 1;
  while (end < rest.size() && (is_hex(rest[end]) || rest[end] == '-')) {
    if (rest[end] != '-') {
      ++digits;
    } else if (end == 0 || rest[end - 1] == '-') {
      return 0;
    } else {
      ++groups;
    }
    ++end;
  }
  if (groups < 4 || groups > 6 || digits < 30 || digits > 34 || rest[end - 1] == '-') return 0;
  return end < rest.size() && is_name_char(rest[end]) ? 0 : end;
}

/// What a character can be part of, as bits.
enum Part : std::uint8_t { kDigit = 1, kHexDigit = 2, kLetter = 4, kSeparator = 8 };
constexpr std::array<std::uint8_t, 256> kParts = [] {
  std::array<std::uint8_t, 256> parts{};
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const char c = static_cast<char>(i);
    if (is_digit(c)) parts[i] |= kDigit;
    if (is_hex(c)) parts[i] |= kHexDigit;
    if (is_letter(c)) parts[i] |= kLetter;
    if (is_separator(c)) parts[i] |= kSeparator;
  }
  return parts;
}();

/// Of a piece all of whose characters share these parts.
PieceKind kind_of(unsigned shared, std::size_t length) {
  if ((shared & kDigit) != 0) return PieceKind::Dec;
  if (length >= kHexLeast && (shared & kHexDigit) != 0) return PieceKind::Hex;
  return (shared & kLetter) != 0 ? PieceKind::Word : PieceKind::Mixed;
}

bool breaks_form(PieceKind kind, std::size_t length) {
  return kind == PieceKind::Hex && length >= 30 && length <= 50 && length != 32 && length != 40;
}

bool fails_check(PieceKind kind, std::string_view piece) {
  if (kind == PieceKind::Dec) return card_valid(piece) == false;
  return kind == PieceKind::Mixed && iban_valid(piece) == false;
}

struct Found {
  std::string_view text;
  PieceKind kind{};
  bool malformed = false;
};

/// The piece that begins at `at`, which is no separator. `at` may stand inside a uuid-like run only at its beginning.
Found piece_at(std::string_view value, std::size_t at) {
  const std::string_view rest = value.substr(at);
  if (uuid_at(rest)) return {rest.substr(0, kUuidLength), PieceKind::Uuid, false};
  if (const std::size_t length = broken_uuid_at(rest)) return {rest.substr(0, length), PieceKind::Uuid, true};
  std::size_t end = 0;
  unsigned shared = ~0U;
  for (; end < rest.size(); ++end) {
    const unsigned parts = kParts[static_cast<unsigned char>(rest[end])];
    if ((parts & kSeparator) != 0) break;
    shared &= parts;
  }
  const std::string_view piece = rest.substr(0, end);
  const PieceKind kind = kind_of(shared, piece.size());
  return {piece, kind, breaks_form(kind, piece.size()) || fails_check(kind, piece)};
}

void add_piece(IdentifierShape& shape, PieceKind kind, std::size_t length) {
  if (shape.count == IdentifierShape::kPieces) {
    shape.pieces.back() = {PieceKind::Mixed, 0};
    return;
  }
  shape.pieces[shape.count++] = {kind, static_cast<std::uint16_t>(std::min<std::size_t>(length, UINT16_MAX))};
}

std::string_view name_of(PieceKind kind) {
  static constexpr std::array<std::string_view, 5> kNames{"word", "dec", "hex", "uuid", "mixed"};
  return kNames[static_cast<std::size_t>(kind)];
}

/// One piece of a hashed identifier's shape: `hex-41`, `word`.
std::optional<Piece> read_piece(std::string_view text) {
  if (text == "uuid") return Piece{PieceKind::Uuid, kUuidLength};
  if (text == "word") return Piece{PieceKind::Word, 0};
  if (text == "mixed") return Piece{PieceKind::Mixed, 0};
  const bool dec = text.starts_with("dec-"), hex = text.starts_with("hex-");
  if (!dec && !hex) return std::nullopt;
  std::uint16_t length = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data() + 4, end, length);
  if (error != std::errc{} || stop != end) return std::nullopt;
  return Piece{dec ? PieceKind::Dec : PieceKind::Hex, length};
}

}  // namespace

bool IdentifierShape::only_words() const {
  return count > 0 && std::ranges::all_of(all(), [](const Piece& p) { return p.kind == PieceKind::Word; });
}

bool IdentifierShape::has_code() const {
  return std::ranges::any_of(all(), [](const Piece& p) { return p.kind != PieceKind::Word && p.kind != PieceKind::Dec; });
}

std::uint32_t IdentifierShape::template_hash() const {
  std::uint32_t hash = 2166136261U;  // FNV-1a over the kinds
  for (const Piece& piece : all()) hash = (hash ^ static_cast<std::uint32_t>(piece.kind)) * 16777619U;
  return hash;
}

IdentifierShape read_shape(std::string_view value) {
  IdentifierShape shape;
  for (std::size_t at = 0; at < value.size();) {
    if (is_separator(value[at])) {
      ++at;
      continue;
    }
    const Found piece = piece_at(value, at);
    add_piece(shape, piece.kind, piece.text.size());
    shape.malformed = shape.malformed || piece.malformed;
    at += piece.text.size();
  }
  return shape;
}

std::optional<HashedIdentifier> read_hashed(std::string_view element) {
  constexpr std::size_t kHashDigits = 16;
  if (element.size() < kHashDigits + 2) return std::nullopt;
  HashedIdentifier id;
  const std::string_view digits = element.substr(element.size() - kHashDigits);
  const auto [stop, error] = std::from_chars(digits.data(), digits.data() + digits.size(), id.hash, 16);
  if (error != std::errc{} || stop != digits.data() + digits.size()) return std::nullopt;
  std::string_view rest = element.substr(0, element.size() - kHashDigits);
  if (!rest.ends_with(':')) return std::nullopt;
  rest.remove_suffix(1);
  if (const std::size_t equals = rest.rfind('='); equals != std::string_view::npos) {
    id.name = rest.substr(0, equals);
    rest.remove_prefix(equals + 1);
  }
  id.form = rest;
  while (!rest.empty()) {
    const std::size_t dot = std::min(rest.find('.'), rest.size());
    const std::optional<Piece> piece = read_piece(rest.substr(0, dot));
    if (!piece) return std::nullopt;
    add_piece(id.shape, piece->kind, piece->length);
    id.shape.malformed = id.shape.malformed || breaks_form(piece->kind, piece->length);
    rest.remove_prefix(std::min(dot + 1, rest.size()));
  }
  if (id.shape.count == 0) return std::nullopt;
  return id;
}

std::string shape_text(const IdentifierShape& shape) {
  constexpr std::size_t kShown = 6;
  std::string text;
  for (const Piece& piece : shape.all().first(std::min<std::size_t>(shape.count, kShown))) {
    if (!text.empty()) text += '.';
    text += name_of(piece.kind);
    if ((piece.kind == PieceKind::Hex || piece.kind == PieceKind::Dec) && piece.length > 0) text += std::to_string(piece.length);
  }
  return text;
}

std::string template_text(std::string_view uri, std::size_t value_at) {
  std::string text;
  for (std::size_t at = 0; at < uri.size();) {
    if (text.size() + kWordChars + 3 > kTemplateChars) return text + "...";
    if (is_separator(uri[at])) {
      text += uri[at++];
      continue;
    }
    // A piece may begin before the value and end inside it ("commit-" + value): then it counts as value.
    const Found piece = piece_at(uri, at);
    const bool plain = piece.kind == PieceKind::Word && piece.text.size() <= kWordChars && std::ranges::all_of(piece.text, is_ascii_letter);
    if (plain && at + piece.text.size() <= value_at) {
      text += piece.text;
    } else {
      text += '{';
      text += name_of(piece.kind);
      text += '}';
    }
    at += piece.text.size();
  }
  return text;
}

std::string_view last_segment(std::string_view uri) {
  uri = uri.substr(0, std::min(uri.find('?'), uri.find('#')));
  while (uri.ends_with('/')) uri.remove_suffix(1);
  if (const std::size_t slash = uri.rfind('/'); slash != std::string_view::npos) return uri.substr(slash + 1);
  const std::size_t colon = uri.rfind(':');
  return colon == std::string_view::npos ? uri : uri.substr(colon + 1);
}

std::size_t edit_distance(std::string_view a, std::string_view b, std::size_t limit) {
  assert(a.size() <= 64 && b.size() <= 64);
  const std::size_t apart = a.size() > b.size() ? a.size() - b.size() : b.size() - a.size();
  if (apart > limit) return apart;
  // What both begin or end with takes no edit.
  const auto begin = static_cast<std::size_t>(std::ranges::mismatch(a, b).in1 - a.begin());
  a.remove_prefix(begin);
  b.remove_prefix(begin);
  for (; !a.empty() && !b.empty() && a.back() == b.back(); b.remove_suffix(1)) a.remove_suffix(1);
  if (a.empty() || b.empty()) return apart;
  std::array<bytes::Lane, bytes::kBlock / bytes::kLane> lanes{};
  const std::size_t count = (a.size() + bytes::kLane - 1) / bytes::kLane;
  for (std::size_t i = 0; i < count; ++i) lanes[i] = bytes::lane(&a[i * bytes::kLane], a.size() - i * bytes::kLane);
  const std::uint64_t last = std::uint64_t{1} << (a.size() - 1);
  std::uint64_t up = ~std::uint64_t{0}, down = 0;  // vertical differences +1 and -1 of the column
  std::size_t distance = a.size();
  std::size_t left = b.size();
  for (const char c : b) {
    std::uint64_t match = 0;  // what is set behind the end of `a` stays behind it
    for (std::size_t i = 0; i < count; ++i) match |= bytes::tops(lanes[i] == static_cast<signed char>(c)) << (i * bytes::kLane);
    const std::uint64_t x = match | down;
    const std::uint64_t diagonal = (((match & up) + up) ^ up) | match;
    std::uint64_t right_up = down | ~(diagonal | up), right_down = up & diagonal;
    if ((right_up & last) != 0) ++distance;
    if ((right_down & last) != 0) --distance;
    right_up = (right_up << 1) | 1;
    right_down <<= 1;
    up = right_down | ~(x | right_up);
    down = right_up & x;
    if (distance > limit + --left) return distance;  // what is left can take off one each
  }
  return distance;
}

}  // namespace ringfence
