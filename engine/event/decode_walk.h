// SPDX-License-Identifier: Apache-2.0
// The walk over one record: what the field tables (decode_fields.cpp) call to read values. Private to the decoder, whose files alone
// see simdjson.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <simdjson.h>

#include "engine/event/arena.h"
#include "engine/event/decode.h"
#include "engine/event/json_text.h"
#include "engine/event/limits.h"

namespace ringfence::decoding {

namespace ondemand = simdjson::ondemand;

class Walk;

/// One named field: where it is in the contract, and how it is read. `read` returns false where the record is refused.
struct Field {
  std::string_view path;  // "agent.id"
  bool (*read)(Walk&, ondemand::value&, std::string_view path);
  std::string_view name = path.substr(path.rfind('.') + 1);
};

/// The fields of one object with a lookup by name that compares at most one of them.
struct Fields {
  static constexpr std::uint32_t kSlots = 128;

  const Field* fields = nullptr;
  const std::uint8_t* slots = nullptr;  // kSlots of them: index into fields plus one
  std::uint32_t seed = 0;

  [[nodiscard]] static constexpr std::uint32_t slot_of(std::string_view name, std::uint32_t seed) {
    if (name.empty()) return 0;
    const char* const letters = name.data();
    const auto byte = [letters](std::size_t i) { return static_cast<std::uint32_t>(static_cast<unsigned char>(letters[i])); };
    const std::uint32_t mixed =
        byte(0) | (byte(name.size() / 2) << 8U) | (byte(name.size() - 1) << 16U) | (static_cast<std::uint32_t>(name.size()) << 24U);
    return (mixed * seed) >> 25U;
  }
  /// The field, or null.
  [[nodiscard]] const Field* find(std::string_view name) const {
    const std::size_t slot = slots[slot_of(name, seed)];
    if (slot == 0) return nullptr;
    const Field* const field = fields + (slot - 1);
    return field->name == name ? field : nullptr;
  }
};
static_assert(Fields::kSlots == 1U << (32U - 25U));

/// Fields of the whole event.
[[nodiscard]] const Fields& event_fields();

/// The value as it is written, without the white space behind it; of an object or array the bracket.
[[nodiscard]] inline std::string_view without_space_behind(std::string_view token) {
  while (!token.empty() && (token.back() == ' ' || token.back() == '\n' || token.back() == '\r' || token.back() == '\t'))
    token.remove_suffix(1);
  return token;
}
[[nodiscard]] inline std::string_view token_of(ondemand::value& value) { return without_space_behind(value.raw_json_token()); }

/// Required fields without a place of their own in `Event`, and what is checked only at the end.
struct Presence {
  bool version = false, kind = false, time = false, status = false, change = false;
};

/// Bytes up to the first quote or backslash, eight at a time: most strings are short, and a call costs more than they do. There must be
/// one, and 7 bytes behind it; every string of a record is closed (checked before the walk) and the record is padded.
[[nodiscard]] inline std::size_t plain_run(const char* text) {
  constexpr std::uint64_t kOnes = 0x0101010101010101;
  constexpr std::uint64_t kHighs = 0x8080808080808080;
  for (std::size_t at = 0;; at += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, text + at, sizeof word);
    const std::uint64_t quotes = word ^ (kOnes * '"');
    const std::uint64_t backslashes = word ^ (kOnes * '\\');
    // The lowest hit is exact on a little-endian machine; borrows can only forge higher ones.
    const std::uint64_t hits = (((quotes - kOnes) & ~quotes) | ((backslashes - kOnes) & ~backslashes)) & kHighs;
    if (hits != 0) return at + static_cast<std::size_t>(std::countr_zero(hits)) / 8;
  }
}
static_assert(std::endian::native == std::endian::little);

class Walk {
 public:
  Walk(EventArena::Body& body, ondemand::document& document, Event& out) : event(out), body_(body), document_(document) {}

  Event& event;  // NOLINT(misc-non-private-member-variables-in-classes): the tables write it
  Presence present;

  /// Reads the whole record: one object and nothing behind it.
  bool record();
  /// Reads every member of `object`: each known field once at most, unknown ones checked and counted.
  bool members(ondemand::object object, const Fields& fields);
  /// The same for a field that must be an object.
  bool object(ondemand::value& value, std::string_view path, const Fields& fields);

  std::optional<std::string_view> text(ondemand::value& value, std::string_view path) {
    if (value.raw_json_token().data()[0] == '"') return string(value, path, json_text::LoneSurrogate::Refuse);
    wrong_type(token_of(value), path, "expected a string");
    return std::nullopt;
  }
  std::optional<std::string_view> text(ondemand::value& value, std::string_view path, std::size_t most_characters);
  std::optional<std::int64_t> integer(ondemand::value& value, std::string_view path);
  std::optional<double> number(ondemand::value& value, std::string_view path);
  std::optional<bool> boolean(ondemand::value& value, std::string_view path);
  /// An array of strings; with `or_one` a single string is one too.
  std::optional<std::span<const std::string_view>> texts(ondemand::value& value, std::string_view path, std::size_t most, bool or_one);
  std::optional<std::span<const std::string_view>> arg_ids(ondemand::value& value, std::string_view path);
  /// `args` (index 0) or `result` (index 1), laid flat.
  std::optional<JsonValue> json(ondemand::value& value, std::string_view path, std::size_t index);

  bool refuse(RefusalReason reason, std::string_view path, std::string_view expected);
  bool refuse(simdjson::error_code error);
  /// What `refuse` was told.
  [[nodiscard]] Refusal refusal() &&;

 private:
  struct Key {
    std::string_view text;
    bool replaced = false;
  };
  /// Where the leaves of `args` or `result` go, or nowhere while an unknown field is only checked.
  struct Leaves {
    std::vector<JsonLeaf>* out = nullptr;
    std::string_view path;
    json_text::LoneSurrogate policy{};
    std::size_t pointer_bytes = 0;
  };

  /// The string that starts behind the quote at `start - 1`. Views point into the record where nothing had to be unescaped.
  std::optional<Key> quoted(const char* start, std::string_view path, json_text::LoneSurrogate policy) {
    const std::size_t length = plain_run(start);
    if (start[length] == '"' && length <= limits::kStringBytes) return Key{{start, length}, false};
    return escaped_or_long(start, path, policy);
  }
  std::optional<Key> escaped_or_long(const char* start, std::string_view path, json_text::LoneSurrogate policy);
  /// The string that `value` is. Consumes it: what is left to simdjson to skip may be a key with its value, in an array too.
  std::optional<std::string_view> string(ondemand::value& value, std::string_view path, json_text::LoneSurrogate policy) {
    const char* const start = value.raw_json_token().data() + 1;
    if (const auto error = value.get_raw_json_string().error()) return refuse(error), std::nullopt;
    const auto read = quoted(start, path, policy);
    if (!read) return std::nullopt;
    return read->text;
  }
  bool wrong_type(std::string_view token, std::string_view path, std::string_view expected);
  bool descend(std::string_view path);
  bool check(ondemand::value& value, Leaves& leaves);
  bool check_object(ondemand::value& value, Leaves& leaves);
  bool check_array(ondemand::value& value, Leaves& leaves);
  bool check_scalar(ondemand::value& value, std::string_view token, Leaves& leaves);
  bool leaf(Leaves& leaves, std::string_view pointer, std::string_view text, JsonLeaf::Kind kind);
  std::optional<std::string_view> pointer(Leaves& leaves);
  void append_step(std::string_view step);
  void drop_superseded(std::vector<JsonLeaf>& leaves, std::size_t first_member);

  EventArena::Body& body_;
  ondemand::document& document_;
  std::size_t depth_ = 0;
  RefusalReason reason_{};
  std::string detail_;
};

}  // namespace ringfence::decoding
