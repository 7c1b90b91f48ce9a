// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace ringfence {

/// What one piece of an identifier is when its value is taken away (docs/contracts/event.md, `arg_ids`).
enum class PieceKind : std::uint8_t { Word, Dec, Hex, Uuid, Mixed };

struct Piece {
  PieceKind kind{};
  std::uint16_t length = 0;  // bytes, 0 where unknown
};

/// The typed pieces of an identifier, cut at `/ . : - _`. A uuid is looked for first; so is a text grouped like one but wrongly, which
/// counts as uuid and as malformed. At most 16 pieces are kept, what follows is one mixed piece.
struct IdentifierShape {
  static constexpr std::size_t kPieces = 16;
  std::array<Piece, kPieces> pieces{};
  std::uint8_t count = 0;
  /// It looks like a kind of identifier that has a form, and breaks the form: 30-50 hex digits that are neither 32 nor 40, a uuid in the
  /// wrong groups, an IBAN or payment card whose check digits fail. A truthful agent copies identifiers, it does not make them.
  bool malformed = false;

  [[nodiscard]] std::span<const Piece> all() const { return {pieces.data(), count}; }
  [[nodiscard]] bool only_words() const;
  /// Holds a piece whose values are far apart by nature (hex, uuid, mixed): closeness then means something.
  [[nodiscard]] bool has_code() const;
  /// Hash of the kinds in order, without lengths: "same template".
  [[nodiscard]] std::uint32_t template_hash() const;
};

/// The shape of a value; linear in its length.
[[nodiscard]] IdentifierShape read_shape(std::string_view value);

/// An element `[name=]shape:hash` of arg_ids or result_ids, taken apart; nothing where it breaks that form.
struct HashedIdentifier {
  std::string_view name;  // empty where none
  std::string_view form;  // the shape as it is written
  IdentifierShape shape;
  std::uint64_t hash = 0;
};
[[nodiscard]] std::optional<HashedIdentifier> read_hashed(std::string_view element);

/// `hex41`, `word.dec5`: what a finding may show of an identifier; at most six pieces.
[[nodiscard]] std::string shape_text(const IdentifierShape& shape);

/// A path or uri with every piece that is not a plain word replaced by {hex} {dec} {uuid} or {mixed}, separators kept. The bytes from
/// `value_at` on are an identifier's value: there words are replaced as well, by {word}. At most 120 characters, nothing in it but ASCII
/// letters, separators and holes.
[[nodiscard]] std::string template_text(std::string_view uri, std::size_t value_at);

/// What stands after the last `/` (or, where there is none, after the last `:`), query, fragment and closing slashes aside.
[[nodiscard]] std::string_view last_segment(std::string_view uri);

/// Levenshtein distance of two texts of at most 64 bytes, by Myers' bit-parallel columns: about 60 ns. Above `limit` any greater number.
[[nodiscard]] std::size_t edit_distance(std::string_view a, std::string_view b, std::size_t limit);

/// ISO 13616: country known, length as registered, remainder 1 modulo 97. Spaces are ignored. Nothing where the text does not look like an
/// IBAN.
[[nodiscard]] std::optional<bool> iban_valid(std::string_view text);
/// ISO/IEC 7812 (Luhn). Nothing where the digits are not those of a payment card by issuer range and length.
[[nodiscard]] std::optional<bool> card_valid(std::string_view digits);

}  // namespace ringfence
