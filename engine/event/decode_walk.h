// SPDX-License-Identifier: Apache-2.0
// The walk over one record: what the field tables (decode_fields.cpp) call to read values. Private to the decoder, whose files alone
// see simdjson.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <simdjson.h>

#include "engine/event/arena.h"
#include "engine/event/decode.h"
#include "engine/event/json_text.h"

namespace ringfence::decoding {

namespace ondemand = simdjson::ondemand;

class Walk;

/// One named field: where it is in the contract, and how it is read. `read` returns false where the record is refused.
struct Field {
  std::string_view path;  // "agent.id"
  bool (*read)(Walk&, ondemand::value&, std::string_view path);
  [[nodiscard]] constexpr std::string_view name() const { return path.substr(path.rfind('.') + 1); }
};

/// The fields of one object with a lookup by name that compares at most one of them.
struct Fields {
  std::span<const Field> fields;
  std::span<const std::uint8_t> slots;  // index into fields plus one; a power of two of them
  std::uint32_t seed = 0;

  [[nodiscard]] static constexpr std::uint32_t slot_hash(std::string_view name, std::uint32_t seed) {
    if (name.empty()) return 0;
    const auto byte = [&](std::size_t i) { return static_cast<std::uint32_t>(static_cast<unsigned char>(name[i])); };
    const std::uint32_t mixed = byte(0) | (byte(name.size() / 2) << 8U) | (byte(name.size() - 1) << 16U) | (static_cast<std::uint32_t>(name.size()) << 24U);
    return (mixed * seed) >> 16U;
  }
  /// Index of the field, or nothing.
  [[nodiscard]] std::optional<std::size_t> find(std::string_view name) const {
    const std::size_t slot = slots[slot_hash(name, seed) & (slots.size() - 1)];
    if (slot == 0 || fields[slot - 1].name() != name) return std::nullopt;
    return slot - 1;
  }
};

/// Fields of the whole event.
[[nodiscard]] const Fields& event_fields();

/// Required fields without a place of their own in `Event`, and what is checked only at the end.
struct Presence {
  bool version = false, kind = false, time = false, status = false, change = false;
};

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

  std::optional<std::string_view> text(ondemand::value& value, std::string_view path);
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

  std::optional<Key> key(ondemand::field& field, std::string_view path, json_text::LoneSurrogate policy);
  std::optional<Key> unescaped(std::string_view raw, std::string_view path, json_text::LoneSurrogate policy);
  std::optional<std::string_view> string(ondemand::value& value, std::string_view token, std::string_view path, json_text::LoneSurrogate policy);
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

/// The value as it is written, without the white space behind it.
[[nodiscard]] std::string_view token_of(ondemand::value& value);

}  // namespace ringfence::decoding
