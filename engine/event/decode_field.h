// SPDX-License-Identifier: Apache-2.0
// The shape of the field tables (decode_fields.cpp), which the walk looks names up in. Private to the decoder.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "engine/event/byte_word.h"
#include "engine/event/decode_tokens.h"
#include "engine/event/event.h"

namespace ringfence::decoding {

class Walk;

/// A name of the contract, not empty.
struct Name {
  std::string_view text;
  std::uint64_t mark = byte_word::mark_of_known(text);

  /// True if `other` is this name; `other_mark` is its `byte_word::mark_of`.
  [[nodiscard]] bool is(std::string_view other, std::uint64_t other_mark) const {
    if (mark != other_mark || text.size() != other.size()) return false;
    return text.size() <= byte_word::kBytes || byte_word::same(text, other);
  }
};

struct Fields;

/// One named field: where it is in the contract, and how it is read. Without `nested` and `read` it is what most fields are: any text,
/// which goes into the `Text` at `slot`.
struct Field {
  std::string_view path;  // "agent.id"
  /// Reads the value at a place and gives the place behind it.
  Place (*read)(Walk&, Place at, const Field&) = nullptr;
  /// Bytes from the beginning of an event to where the value goes; for what `read` finds a place by itself, nothing.
  std::size_t slot = 0;
  /// An object of more fields.
  const Fields* nested = nullptr;
  Name name{path.substr(path.rfind('.') + 1)};

  /// Where the value goes. `T` is what stands in an event there: the tables see to it.
  template <class T>
  [[nodiscard]] T& place_in(Event& event) const {
    return *reinterpret_cast<T*>(reinterpret_cast<char*>(&event) + slot);
  }
};
static_assert(sizeof(Field) == 64, "one line of the cache, and an index without a multiplication");

/// The fields of one object with a lookup by name that compares at most one of them.
struct Fields {
  static constexpr std::uint32_t kSlots = 128;

  const Field* fields = nullptr;
  std::uint64_t seed = 0;
  std::array<std::uint8_t, kSlots> slots{};  // index into fields; a slot no field has leads to one that is not found there

  [[nodiscard]] static constexpr std::size_t slot_of(std::uint64_t mark, std::size_t size, std::uint64_t seed) {
    return static_cast<std::size_t>(((mark + size) * seed) >> 57U);
  }
  static constexpr std::size_t kUnknown = ~std::size_t{0};
  /// Index of a field, or `kUnknown`. The name must be readable for eight bytes.
  [[nodiscard]] std::size_t find(std::string_view name) const {
    const std::uint64_t mark = byte_word::mark_of(name);
    const std::size_t index = slots.data()[slot_of(mark, name.size(), seed)];
    return fields[index].name.is(name, mark) ? index : kUnknown;
  }
};
static_assert(Fields::kSlots == 1U << (64U - 57U));

/// Fields of the whole event, whose nested ones nest no further.
[[nodiscard]] const Fields& event_fields();

}  // namespace ringfence::decoding
