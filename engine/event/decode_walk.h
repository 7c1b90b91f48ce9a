// SPDX-License-Identifier: Apache-2.0
// The walk over one record: what the field tables (decode_fields.cpp) call to read values. Private to the decoder.
#pragma once

#include <concepts>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "engine/event/arena.h"
#include "engine/event/decode.h"
#include "engine/event/decode_field.h"
#include "engine/event/decode_tokens.h"
#include "engine/event/json_text.h"
#include "engine/event/limits.h"
#include "engine/event/utf8.h"

namespace ringfence::decoding {

/// Required fields without a place of their own in `Event`, and what is checked only at the end.
struct Presence {
  bool version = false, kind = false, time = false, status = false, change = false;
};

/// What is given where the record was refused: false, no place, a text whose `data()` is null.
struct Refused {
  template <class T>
    requires std::same_as<T, bool> || std::same_as<T, Place> || std::same_as<T, std::string_view>
  operator T() const {
    return T{};
  }
};

/// Reads the fields of one record into an event. What reads a value takes its place; where that can be more than one token, it gives the
/// place behind, which otherwise is the next. After a refusal nothing more is asked.
class Walk {
 public:
  Walk(EventArena::Body& body, const Tokens& tokens, Event& out) : event(out), body_(body), in_(tokens) {}

  Event& event;  // NOLINT(misc-non-private-member-variables-in-classes): the tables write it
  Presence present;

  /// Reads the whole record: one object and nothing behind it.
  bool record();
  [[nodiscard]] bool is_object(Place at) const { return in_.byte(at) == '{'; }

  // Texts whose `data()` is null were refused: an optional text is copied through memory, and that costs more than reading it.

  [[gnu::always_inline]] std::string_view text(Place at, std::string_view path) {
    if (in_.byte(at) == '"') return string(at, path, json_text::LoneSurrogate::Refuse);
    return wrong_type(in_.token(at), path, "expected a string");
  }
  /// A text of one character at least.
  std::string_view text(Place at, std::string_view path, std::size_t most_characters) {
    const std::string_view read = text(at, path);
    if (read.data() == nullptr) return {};
    if (read.empty() || (read.size() > most_characters && utf8::characters(read) > most_characters))
      return wrong_length(path, most_characters);
    return read;
  }
  std::optional<std::int64_t> integer(Place at, std::string_view path) {
    if (const auto plain = in_.plain_integer(at)) return plain;
    return other_integer(at, path);
  }
  std::optional<double> number(Place at, std::string_view path);
  std::optional<bool> boolean(Place at, std::string_view path);

  struct Texts {
    Place behind = nullptr;
    std::span<const std::string_view> list;
  };
  /// An array of strings; with `or_one` a single string is one too.
  Texts texts(Place at, std::string_view path, std::size_t most, bool or_one);
  Texts arg_ids(Place at, std::string_view path);
  /// `args` or `result`, laid flat into the leaves of `index`.
  Place json(Place at, std::string_view path, std::optional<JsonValue> Event::* value, std::size_t index);

  Refused refuse(RefusalReason reason, std::string_view path, std::string_view expected);
  Refused refuse(simdjson::error_code error);
  /// What `refuse` was told.
  [[nodiscard]] Refusal refusal() &&;

 private:
  [[nodiscard]] bool ends_early() const;
  /// What is laid flat of a value of `args` or `result` under way.
  struct Leaves {
    std::vector<JsonLeaf>& room;
    std::string_view path;
    JsonLeaf* next = room.data();
    JsonLeaf* end = room.data() + room.size();
    std::size_t prefix = 0;  // of `EventArena::Body::pointer`, what leads to the array or object under way
    std::size_t pointer_bytes = 0;
    bool too_many = false;  // of keys and scalars, or of bytes of their pointers
    [[nodiscard]] std::size_t count() const { return static_cast<std::size_t>(next - room.data()); }
  };

  /// The string at a place. Views point into the record where nothing had to be unescaped; what stands behind them can be read
  /// too (`json_pointer::kSlack`).
  std::string_view string(Place at, std::string_view path, json_text::LoneSurrogate policy) {
    const std::string_view inside = in_.inside(at);
    return in_.is_plain(inside) ? inside : escaped_or_long(inside, path, policy);
  }
  std::string_view escaped_or_long(std::string_view inside, std::string_view path, json_text::LoneSurrogate policy);
  /// The name at a place, with the colon behind it.
  std::string_view key(Place at, std::string_view path, json_text::LoneSurrogate policy) {
    if (in_.byte(at) != '"' || in_.byte(at + 1) != ':') return refuse(simdjson::TAPE_ERROR);
    return string(at, path, policy);
  }
  /// Reads an object or array up to its closing bracket; `one` takes the place of a member or an element and gives that behind.
  template <class One>
  Place each(Place at, std::string_view path, char bracket, One one) {
    if (depth_ == limits::kNesting) return refuse(RefusalReason::TooDeep, path, "expected at most 32 objects and arrays within each other");
    if (in_.byte(++at) == bracket) return at + 1;
    ++depth_;
    while (true) {
      at = one(at);
      if (at == nullptr) return nullptr;
      const char behind = in_.byte(at++);
      if (behind == ',') continue;
      if (behind != bracket) return refuse(simdjson::TAPE_ERROR);
      --depth_;
      return at;
    }
  }
  [[nodiscard]] bool is_null(Place at) const { return in_.byte(at) == 'n' && in_.token(at) == "null"; }
  Refused wrong_type(std::string_view token, std::string_view path, std::string_view expected);
  Refused wrong_length(std::string_view path, std::size_t most_characters);
  std::optional<std::int64_t> other_integer(Place at, std::string_view path);
  Place fields(Place at);
  Place unknown_member(Place at, const Fields& among, std::string_view name);
  std::string_view whole_name(const Fields& among, std::string_view name);
  Place check(Place at, std::string_view path, json_text::LoneSurrogate policy = json_text::LoneSurrogate::Refuse);
  /// A result with more to lay flat than there is room for: all of it is absent, and only its syntax is read. `depth`: where it stands.
  Place leave_out(Place at, std::string_view path, std::size_t depth);
  std::optional<JsonLeaf::Kind> literal(Place at, std::string_view path);

  struct Scalar {
    std::string_view text;
    JsonLeaf::Kind kind{};
  };
  Scalar scalar(Place at, std::string_view path);
  Place lay(Place at, Leaves& leaves, std::string_view step);
  Place lay_object(Place at, Leaves& leaves);
  Place lay_array(Place at, Leaves& leaves);
  bool leaf(Leaves& leaves, std::string_view pointer, std::string_view text, JsonLeaf::Kind kind);
  bool make_room(Leaves& leaves);
  std::size_t put_step(const Leaves& leaves, std::string_view step);
  std::string_view keep_pointer(Leaves& leaves, std::size_t size);
  void drop_superseded(Leaves& leaves, std::size_t first_leaf, std::span<const std::size_t> replaced_keys);

  EventArena::Body& body_;
  Tokens in_;
  std::size_t depth_ = 0;
  bool replaced_ = false;  // of the strings read since it was taken back, a lone surrogate
  RefusalReason reason_{};
  std::string detail_;
};

}  // namespace ringfence::decoding
