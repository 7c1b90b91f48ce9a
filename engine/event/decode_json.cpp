// SPDX-License-Identifier: Apache-2.0
// What lies inside args, result and unknown fields: simdjson does not look into what it skips, so every token is checked here.
#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <numeric>

#include "engine/event/byte_word.h"
#include "engine/event/decode_walk.h"
#include "engine/event/hash.h"
#include "engine/event/limits.h"

namespace ringfence::decoding {
namespace {

/// Objects up to this size are searched pair by pair.
constexpr std::size_t kPairwiseMembers = 16;

// Of what a step is made of eight bytes behind its end can be read.

bool needs_escape(std::string_view step) {
  for (; !step.empty(); step.remove_prefix(std::min(step.size(), byte_word::kBytes))) {
    const std::uint64_t word = byte_word::first_of(step);
    if ((byte_word::found(word, '~') | byte_word::found(word, '/')) != 0) return true;
  }
  return false;
}

/// Bytes of a reference token of a JSON Pointer (RFC 6901), in which `~` and `/` take two.
std::size_t escaped_size(std::string_view step) {
  std::size_t size = step.size();
  if (!needs_escape(step)) return size;
  for (const char c : step) size += c == '~' || c == '/' ? 1U : 0U;
  return size;
}

/// A slash and the reference token, which takes `size` bytes. Eight more may be written.
void put_step(char* out, std::string_view step, std::size_t size) {
  *out++ = '/';
  if (size == step.size() && size <= byte_word::kBytes) return byte_word::store(out, byte_word::load(step));
  if (size == step.size()) {
    std::memcpy(out, step.data(), size);
    return;
  }
  for (const char c : step) {
    const bool escaped = c == '~' || c == '/';
    if (escaped) *out++ = '~';
    *out++ = !escaped ? c : c == '~' ? '0' : '1';
  }
}

void append_step(std::string& pointer, std::string_view step) {
  const std::size_t size = escaped_size(step), prefix = pointer.size();
  pointer.resize(prefix + 1 + size + byte_word::kBytes);
  put_step(pointer.data() + prefix, step, size);
  pointer.resize(prefix + 1 + size);
}

/// Marks all but the last of equal keys; true where there was one.
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
  std::vector<std::size_t> order(members.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::sort(order, [&](std::size_t a, std::size_t b) {
    const auto& x = members[a];
    const auto& y = members[b];
    if (x.replaced != y.replaced) return y.replaced;
    const int compared = x.key.compare(y.key);
    return compared != 0 ? compared < 0 : a < b;
  });
  for (std::size_t i = 0; i + 1 < order.size(); ++i) mark(members[order[i]], members[order[i + 1]]);
  return any;
}

}  // namespace

std::optional<JsonValue> Walk::json(std::string_view path, std::size_t index) {
  const std::string_view first = in_.token();
  std::vector<JsonLeaf>& flat = body_.leaves[index];
  flat.clear();
  body_.pointer.clear();
  Leaves leaves{&flat, path, json_text::LoneSurrogate::Replace, 0};
  if (!check(leaves, {})) return std::nullopt;
  const bool brackets = first.starts_with('{') || first.starts_with('[');
  const std::string_view raw = brackets ? in_.since(first.data()) : first;
  return JsonValue{raw, flat, hash128(raw)};
}

/// `step` leads from the pointer under way to the value ahead; its data is null at the root.
bool Walk::check(Leaves& leaves, std::string_view step) {
  const char first = in_.ahead();
  if (first != '{' && first != '[') return check_scalar(leaves, step);
  const std::size_t prefix = body_.pointer.size();
  if (leaves.out != nullptr && step.data() != nullptr) append_step(body_.pointer, step);
  if (first == '{' ? !check_object(leaves) : !check_array(leaves)) return false;
  body_.pointer.resize(prefix);
  return true;
}

bool Walk::check_object(Leaves& leaves) {
  const std::size_t first_member = body_.members.size();
  std::string_view holder;
  if (!each(leaves.path, '}', [&] { return check_member(leaves, holder); })) return false;
  if (leaves.out != nullptr) drop_superseded(*leaves.out, first_member);
  body_.members.resize(first_member);
  return true;
}

/// `holder` is the pointer of the object, from its first member on.
bool Walk::check_member(Leaves& leaves, std::string_view& holder) {
  const std::string_view name = key(leaves.path, leaves.policy);
  if (name.data() == nullptr) return false;
  if (leaves.out == nullptr) return check(leaves, name);
  if (holder.data() == nullptr && (holder = pointer(leaves, {})).data() == nullptr) return false;
  body_.members.push_back({name, leaves.out->size(), replaced_, false});
  return leaf(leaves, holder, name, JsonLeaf::Kind::Key) && check(leaves, name);
}

bool Walk::check_array(Leaves& leaves) {
  std::size_t index = 0;
  return each(leaves.path, ']', [&] {
    std::array<char, 20 + byte_word::kBytes> digits;  // NOLINT(cppcoreguidelines-pro-type-member-init): filled before it is read
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), index++).ptr;
    return check(leaves, {digits.data(), end});
  });
}

bool Walk::check_scalar(Leaves& leaves, std::string_view step) {
  JsonLeaf::Kind kind{};
  std::string_view text;
  if (in_.ahead() == '"') {
    kind = JsonLeaf::Kind::String;
    text = string(leaves.path, leaves.policy);
    if (text.data() == nullptr) return false;
  } else {
    text = in_.token();
    if (text == "true" || text == "false") {
      kind = JsonLeaf::Kind::Bool;
    } else if (text == "null") {
      kind = JsonLeaf::Kind::Null;
    } else if (json_text::is_number(text)) {
      kind = JsonLeaf::Kind::Number;
    } else {
      return refuse(RefusalReason::InvalidJson, leaves.path, "expected a JSON value (RFC 8259)");
    }
    in_.step();
  }
  if (leaves.out == nullptr) return true;
  const std::string_view where = pointer(leaves, step);
  return where.data() != nullptr && leaf(leaves, where, text, kind);
}

bool Walk::leaf(Leaves& leaves, std::string_view pointer, std::string_view text, JsonLeaf::Kind kind) {
  if (leaves.out->size() == limits::kLeavesPerValue) {
    return refuse(RefusalReason::TooLarge, leaves.path, "expected at most 65536 keys and scalars");
  }
  leaves.out->push_back({pointer, text, kind});
  return true;
}

/// The pointer that `step` leads to from the one under way, or that itself; its data is null where it is refused.
std::string_view Walk::pointer(Leaves& leaves, std::string_view step) {
  const std::string_view prefix = body_.pointer;
  const bool rooted = step.data() == nullptr;
  const std::size_t size = rooted ? prefix.size() : prefix.size() + 1 + escaped_size(step);
  leaves.pointer_bytes += size;
  if (leaves.pointer_bytes > limits::kPointerBytesPerValue) {
    refuse(RefusalReason::TooLarge, leaves.path, "expected at most 8 MiB of JSON Pointers to its keys and scalars");
    return {};
  }
  if (size == 0) return "";
  char* const out = body_.bump.allocate(size + byte_word::kBytes);
  body_.bump.shrink(byte_word::kBytes);
  if (!prefix.empty()) std::memcpy(out, prefix.data(), prefix.size());
  if (!rooted) put_step(out + prefix.size(), step, size - prefix.size() - 1);
  return {out, size};
}

void Walk::drop_superseded(std::vector<JsonLeaf>& leaves, std::size_t first_member) {
  const std::span<JsonMember> members = std::span(body_.members).subspan(first_member);
  if (members.size() < 2 || !mark_superseded(members)) return;
  std::size_t kept = members[0].first_leaf;
  for (std::size_t i = 0; i < members.size(); ++i) {
    const std::size_t from = members[i].first_leaf;
    const std::size_t to = i + 1 < members.size() ? members[i + 1].first_leaf : leaves.size();
    if (members[i].superseded) continue;
    std::copy(leaves.begin() + static_cast<std::ptrdiff_t>(from), leaves.begin() + static_cast<std::ptrdiff_t>(to),
              leaves.begin() + static_cast<std::ptrdiff_t>(kept));
    kept += to - from;
  }
  leaves.resize(kept);
}

}  // namespace ringfence::decoding
