// SPDX-License-Identifier: Apache-2.0
// The walk over one record: what the field tables (decode_fields.cpp) call to read values. Private to the decoder.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "engine/event/arena.h"
#include "engine/event/byte_word.h"
#include "engine/event/decode.h"
#include "engine/event/decode_tokens.h"
#include "engine/event/json_text.h"
#include "engine/event/limits.h"

namespace ringfence::decoding {

class Walk;

/// One named field: where it is in the contract, and how it is read. `read` returns false where the record is refused.
struct Field {
  std::string_view path;  // "agent.id"
  bool (*read)(Walk&, std::string_view path);
  std::string_view name = path.substr(path.rfind('.') + 1);
  std::uint64_t word = word_at_compile_time(name);

 private:
  static constexpr std::uint64_t word_at_compile_time(std::string_view text) {
    std::uint64_t word = 0;
    for (std::size_t i = 0; i < std::min<std::size_t>(text.size(), sizeof word); ++i)
      word |= static_cast<std::uint64_t>(static_cast<unsigned char>(text[i])) << (8 * i);
    return word;
  }
};

/// The fields of one object with a lookup by name that compares at most one of them.
struct Fields {
  static constexpr std::uint32_t kSlots = 128;

  const Field* fields = nullptr;
  const std::uint8_t* slots = nullptr;  // kSlots of them: index into fields plus one
  std::uint64_t seed = 0;

  [[nodiscard]] static constexpr std::size_t slot_of(std::uint64_t word, std::size_t size, std::uint64_t seed) {
    return static_cast<std::size_t>(((word + size) * seed) >> 57U);
  }
  /// The field, or null. The name must be readable for eight bytes.
  [[nodiscard]] const Field* find(std::string_view name) const {
    const std::uint64_t word = byte_word::first_of(name);
    const std::size_t slot = slots[slot_of(word, name.size(), seed)];
    if (slot == 0) return nullptr;
    const Field* const field = fields + (slot - 1);
    if (field->word != word || field->name.size() != name.size()) return nullptr;
    return name.size() <= sizeof word || field->name == name ? field : nullptr;
  }
};
static_assert(Fields::kSlots == 1U << (64U - 57U));

/// Fields of the whole event.
[[nodiscard]] const Fields& event_fields();

/// Required fields without a place of their own in `Event`, and what is checked only at the end.
struct Presence {
  bool version = false, kind = false, time = false, status = false, change = false;
};

class Walk {
 public:
  Walk(EventArena::Body& body, Tokens& tokens, Event& out) : event(out), body_(body), in_(tokens) {}

  Event& event;  // NOLINT(misc-non-private-member-variables-in-classes): the tables write it
  Presence present;

  /// Reads the whole record: one object and nothing behind it.
  bool record();
  /// Reads the object ahead: each known field once at most, unknown ones checked and counted.
  bool object(std::string_view path, const Fields& fields);
  [[nodiscard]] bool object_ahead() const { return in_.ahead() == '{'; }

  // Texts whose `data()` is null were refused: an optional text is copied through memory, and that costs more than reading it.

  std::string_view text(std::string_view path) {
    if (in_.ahead() == '"') return string(path, json_text::LoneSurrogate::Refuse);
    wrong_type(in_.token(), path, "expected a string");
    return {};
  }
  std::string_view text(std::string_view path, std::size_t most_characters);
  std::optional<std::int64_t> integer(std::string_view path);
  std::optional<double> number(std::string_view path);
  std::optional<bool> boolean(std::string_view path);
  /// An array of strings; with `or_one` a single string is one too.
  std::optional<std::span<const std::string_view>> texts(std::string_view path, std::size_t most, bool or_one);
  std::optional<std::span<const std::string_view>> arg_ids(std::string_view path);
  /// `args` (index 0) or `result` (index 1), laid flat.
  std::optional<JsonValue> json(std::string_view path, std::size_t index);

  bool refuse(RefusalReason reason, std::string_view path, std::string_view expected);
  bool refuse(simdjson::error_code error);
  /// What `refuse` was told.
  [[nodiscard]] Refusal refusal() &&;

 private:
  /// Where the leaves of `args` or `result` go, or nowhere while an unknown field is only checked.
  struct Leaves {
    std::vector<JsonLeaf>* out = nullptr;
    std::string_view path;
    json_text::LoneSurrogate policy{};
    std::size_t pointer_bytes = 0;
  };

  /// The string ahead. Views point into the record where nothing had to be unescaped, and can be read for eight bytes.
  std::string_view string(std::string_view path, json_text::LoneSurrogate policy) {
    const std::string_view inside = in_.take_string();
    if (inside.size() <= limits::kStringBytes && !in_.has_backslash(inside)) return inside;
    return escaped_or_long(inside, path, policy);
  }
  std::string_view escaped_or_long(std::string_view inside, std::string_view path, json_text::LoneSurrogate policy);
  /// The name ahead and the colon behind it.
  std::string_view key(std::string_view path, json_text::LoneSurrogate policy) {
    if (in_.ahead() != '"' || in_.second() != ':') return refuse(simdjson::TAPE_ERROR), std::string_view{};
    replaced_ = false;
    const std::string_view name = string(path, policy);
    in_.step();
    return name;
  }
  /// Reads the object or array ahead up to its closing bracket; `one` reads a member or an element, false where it is refused.
  template <class One>
  bool each(std::string_view path, char bracket, One one) {
    if (!descend(path)) return false;
    in_.step();
    bool more = in_.ahead() != bracket;
    if (!more) in_.step();
    while (more) {
      if (!one()) return false;
      const char behind = in_.ahead();
      more = behind == ',';
      if (!more && behind != bracket) return refuse(simdjson::TAPE_ERROR);
      in_.step();
    }
    --depth_;
    return true;
  }
  bool wrong_type(std::string_view token, std::string_view path, std::string_view expected);
  bool member(const Fields& fields, std::uint64_t& seen);
  bool unknown_member();
  bool descend(std::string_view path) {
    if (depth_ == limits::kNesting) return refuse(RefusalReason::TooDeep, path, "expected at most 32 objects and arrays within each other");
    ++depth_;
    return true;
  }
  bool check(Leaves& leaves, std::string_view step);
  bool check_object(Leaves& leaves);
  bool check_member(Leaves& leaves, std::string_view& holder);
  bool check_array(Leaves& leaves);
  bool check_scalar(Leaves& leaves, std::string_view step);
  bool leaf(Leaves& leaves, std::string_view pointer, std::string_view text, JsonLeaf::Kind kind);
  std::string_view pointer(Leaves& leaves, std::string_view step);
  void drop_superseded(std::vector<JsonLeaf>& leaves, std::size_t first_member);

  EventArena::Body& body_;
  Tokens& in_;
  std::size_t depth_ = 0;
  bool replaced_ = false;  // of the string read last, a lone surrogate
  RefusalReason reason_{};
  std::string detail_;
};

}  // namespace ringfence::decoding
