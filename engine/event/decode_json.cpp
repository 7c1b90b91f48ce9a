// SPDX-License-Identifier: Apache-2.0
// What lies inside args, result and unknown fields: simdjson's first stage says nothing of syntax, so every token is checked here.
#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <utility>

#include "engine/event/byte_word.h"
#include "engine/event/decode_pointer.h"
#include "engine/event/decode_walk.h"
#include "engine/event/hash.h"
#include "engine/event/limits.h"

namespace ringfence::decoding {
namespace {

/// Objects up to this size are searched pair by pair.
constexpr std::size_t kPairwiseMembers = 16;
/// Leaves there is room for at first.
constexpr std::size_t kFirstLeaves = 64;
using json_pointer::kSlack;

/// One of 64 bits, the same for equal keys.
std::uint64_t bit_of(std::string_view key) {
  constexpr std::uint64_t kOdd = 0x9E3779B97F4A7C15;
  std::uint64_t word = byte_word::load(key);
  if (key.size() < byte_word::kBytes) {
    word = key.empty() ? 0 : byte_word::low_part(word, key.size());
  } else {
    word ^= std::rotl(byte_word::load(key.substr(key.size() - byte_word::kBytes)), 1);
  }
  return std::uint64_t{1} << (((word + key.size()) * kOdd) >> 58U);
}

/// Marks all but the last of equal keys. True where there was one: then the members are in their order still.
bool mark_superseded(std::span<JsonMember> members) {
  bool any = false;
  const auto mark = [&any](JsonMember& earlier, const JsonMember& later) {
    if (earlier.replaced || later.replaced || earlier.key != later.key) return false;
    earlier.superseded = any = true;
    return true;
  };
  if (members.size() <= kPairwiseMembers) {
    for (std::size_t i = 0; i < members.size(); ++i) {
      for (std::size_t j = i + 1; j < members.size() && !mark(members[i], members[j]); ++j) {
      }
    }
    return any;
  }
  std::ranges::sort(members, [](const JsonMember& x, const JsonMember& y) {
    if (x.replaced != y.replaced) return y.replaced;
    const int compared = x.key.compare(y.key);
    return compared != 0 ? compared < 0 : x.first_leaf < y.first_leaf;
  });
  for (std::size_t i = 0; i + 1 < members.size(); ++i) mark(members[i], members[i + 1]);
  if (any) std::ranges::sort(members, {}, &JsonMember::first_leaf);
  return any;
}

}  // namespace

// Forced inline: g++ calls them, and that for every key and scalar, for as much as they cost themselves.

[[gnu::always_inline]] inline bool Walk::leaf(Leaves& leaves, std::string_view pointer, std::string_view text, JsonLeaf::Kind kind) {
  if (leaves.next == leaves.end && !make_room(leaves)) return false;
  JsonLeaf& next = *leaves.next++;
  next.pointer = pointer;
  next.text = text;
  next.kind = kind;
  return true;
}

/// Writes a step behind the pointer under way and gives the size of both.
[[gnu::always_inline]] inline std::size_t Walk::put_step(const Leaves& leaves, std::string_view step) {
  const std::size_t at = leaves.prefix, plain = at + 1 + step.size();
  if (body_.pointer.size() < plain + kSlack) body_.pointer.resize(2 * (plain + kSlack));
  if (json_pointer::put_plain_step(body_.pointer.data() + at, step)) return plain;
  const std::size_t escaped = at + 1 + json_pointer::escaped_size(step);
  body_.pointer.resize(std::max(body_.pointer.size(), escaped + kSlack));
  json_pointer::put_escaped_step(body_.pointer.data() + at, step);
  return escaped;
}

/// The first `size` bytes of the pointer under way, not none, in a place that no other has; its data is null where it is refused.
[[gnu::always_inline]] inline std::string_view Walk::keep_pointer(Leaves& leaves, std::size_t size) {
  leaves.pointer_bytes += size;
  if (leaves.pointer_bytes > limits::kPointerBytesPerValue) leaves.too_many = true;
  if (leaves.too_many)
    return refuse(RefusalReason::TooLarge, leaves.path, "expected at most 8 MiB of JSON Pointers to its keys and scalars");
  char* const out = body_.bump.room(size + kSlack);
  json_pointer::copy(out, {body_.pointer.data(), size});
  body_.bump.take(size);
  return {out, size};
}

/// Lays flat the value that `step` leads to from the pointer under way.
[[gnu::always_inline]] inline Place Walk::lay(Place at, Leaves& leaves, std::string_view step) {
  const char first = in_.byte(at);
  if (first == '{' || first == '[') {
    const std::size_t outside = std::exchange(leaves.prefix, put_step(leaves, step));
    const Place behind = first == '{' ? lay_object(at, leaves) : lay_array(at, leaves);
    leaves.prefix = outside;
    return behind;
  }
  const Scalar read = scalar(at, leaves.path);
  if (read.text.data() == nullptr) return nullptr;
  const std::string_view pointer = keep_pointer(leaves, put_step(leaves, step));
  return pointer.data() != nullptr && leaf(leaves, pointer, read.text, read.kind) ? at + 1 : nullptr;
}

[[gnu::always_inline]] inline Walk::Scalar Walk::scalar(Place at, std::string_view path) {
  if (in_.byte(at) == '"') return {string(at, path, json_text::LoneSurrogate::Replace), JsonLeaf::Kind::String};
  const auto kind = literal(at, path);
  return kind ? Scalar{in_.token(at), *kind} : Scalar{};
}

Place Walk::json(Place at, std::string_view path, std::optional<JsonValue> Event::* value, std::size_t index) {
  Leaves leaves{.room = body_.leaves[index], .path = path};
  const std::size_t depth = depth_;
  std::string_view raw;
  Place behind = at + 1;
  const char* const begin = in_.begin_of(at);
  if (*begin == '{' || *begin == '[') {
    behind = *begin == '{' ? lay_object(at, leaves) : lay_array(at, leaves);
    if (behind == nullptr && leaves.too_many && value == &Event::result) return leave_out(at, path, depth);
    if (behind == nullptr) return nullptr;
    raw = {begin, in_.begin_of(behind - 1) + 1};
  } else {
    const Scalar read = scalar(at, path);
    if (read.text.data() == nullptr || !leaf(leaves, "", read.text, read.kind)) return nullptr;
    raw = in_.token(at);
  }
  event.*value = JsonValue{raw, {leaves.room.data(), leaves.count()}, hash128(raw)};
  return behind;
}

Place Walk::leave_out(Place at, std::string_view path, std::size_t depth) {
  depth_ = depth;
  body_.replaced_keys.clear();
  ++event.ignored_elements;
  event.result_too_large = true;
  return check(at, path, json_text::LoneSurrogate::Replace);
}

Place Walk::lay_object(Place at, Leaves& leaves) {
  const std::size_t first_leaf = leaves.count(), first_replaced = body_.replaced_keys.size();
  std::string_view holder;  // the pointer of the object, from its first member on: no other object's keys have it in this place
  std::uint64_t met = 0, met_again = 0;
  const Place behind = each(at, leaves.path, '}', [&](Place member) -> Place {
    replaced_ = false;
    const std::string_view name = key(member, leaves.path, json_text::LoneSurrogate::Replace);
    if (name.data() == nullptr) return nullptr;
    if (holder.data() == nullptr) holder = leaves.prefix == 0 ? "" : keep_pointer(leaves, leaves.prefix);
    if (holder.data() == nullptr) return nullptr;
    if (replaced_) body_.replaced_keys.push_back(leaves.count());
    const std::uint64_t bit = bit_of(name);
    met_again |= met & bit;
    met |= bit;
    return leaf(leaves, holder, name, JsonLeaf::Kind::Key) ? lay(member + 2, leaves, name) : nullptr;
  });
  if (behind != nullptr && met_again != 0) drop_superseded(leaves, first_leaf, std::span(body_.replaced_keys).subspan(first_replaced));
  body_.replaced_keys.resize(first_replaced);
  return behind;
}

Place Walk::lay_array(Place at, Leaves& leaves) {
  std::size_t index = 0;
  return each(at, leaves.path, ']', [&](Place element) {
    std::array<char, 20 + kSlack> digits;  // NOLINT(cppcoreguidelines-pro-type-member-init): filled before it is read
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), index++).ptr;
    return lay(element, leaves, {digits.data(), end});
  });
}

bool Walk::make_room(Leaves& leaves) {
  const std::size_t count = leaves.count();
  leaves.too_many = count == limits::kLeavesPerValue;
  if (leaves.too_many) return refuse(RefusalReason::TooLarge, leaves.path, "expected at most 65536 keys and scalars");
  leaves.room.resize(std::clamp(2 * count, kFirstLeaves, limits::kLeavesPerValue));
  leaves.next = leaves.room.data() + count;
  leaves.end = leaves.room.data() + leaves.room.size();
  return true;
}

/// Takes out the leaves of every member behind which another has an equal key; those of the object begin at `first_leaf`.
void Walk::drop_superseded(Leaves& leaves, std::size_t first_leaf, std::span<const std::size_t> replaced_keys) {
  const std::span<JsonLeaf> own(leaves.room.data() + first_leaf, leaves.next);
  const char* const holder = own[0].pointer.data();  // of its own keys, and of no other object's
  std::vector<JsonMember>& members = body_.members;
  members.clear();
  for (std::size_t i = 0; i < own.size(); ++i) {
    if (own[i].kind != JsonLeaf::Kind::Key || own[i].pointer.data() != holder) continue;
    members.push_back({own[i].text, i, std::ranges::binary_search(replaced_keys, first_leaf + i)});
  }
  if (!mark_superseded(members)) return;
  std::size_t kept = 0;
  for (std::size_t i = 0; i < members.size(); ++i) {
    if (members[i].superseded) continue;
    const std::size_t from = members[i].first_leaf, to = i + 1 < members.size() ? members[i + 1].first_leaf : own.size();
    std::ranges::copy(own.subspan(from, to - from), own.subspan(kept).begin());
    kept += to - from;
  }
  leaves.next = own.data() + kept;
}

/// Reads a value that nobody asked for.
Place Walk::check(Place at, std::string_view path, json_text::LoneSurrogate policy) {
  switch (in_.byte(at)) {
    case '"':
      return string(at, path, policy).data() != nullptr ? at + 1 : nullptr;
    case '{':
      return each(at, path, '}', [&](Place member) -> Place {
        return key(member, path, policy).data() != nullptr ? check(member + 2, path, policy) : nullptr;
      });
    case '[':
      return each(at, path, ']', [&](Place element) { return check(element, path, policy); });
    default:
      return literal(at, path) ? at + 1 : nullptr;
  }
}

/// What a token is that is no string and no bracket.
std::optional<JsonLeaf::Kind> Walk::literal(Place at, std::string_view path) {
  const std::string_view token = in_.token(at);
  if (json_text::is_number(token)) return JsonLeaf::Kind::Number;
  if (token == "true" || token == "false") return JsonLeaf::Kind::Bool;
  if (token == "null") return JsonLeaf::Kind::Null;
  return refuse(RefusalReason::InvalidJson, path, "expected a JSON value (RFC 8259)"), std::nullopt;
}

}  // namespace ringfence::decoding
