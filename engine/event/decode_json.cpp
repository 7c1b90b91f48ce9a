// SPDX-License-Identifier: Apache-2.0
// What lies inside args, result and unknown fields: simdjson does not look into what it skips, so every token is checked here.
#include <algorithm>
#include <charconv>
#include <numeric>

#include "engine/event/decode_walk.h"
#include "engine/event/hash.h"
#include "engine/event/limits.h"

namespace ringfence::decoding {
namespace {

/// Objects up to this size are searched pair by pair.
constexpr std::size_t kPairwiseMembers = 16;

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

std::optional<JsonValue> Walk::json(ondemand::value& value, std::string_view path, std::size_t index) {
  const std::string_view first = token_of(value);
  std::vector<JsonLeaf>& flat = body_.leaves[index];
  flat.clear();
  body_.pointer.clear();
  Leaves leaves{&flat, path, json_text::LoneSurrogate::Replace, 0};
  if (!check(value, leaves)) return std::nullopt;

  std::string_view raw = first;
  if (first.starts_with('{') || first.starts_with('[')) {
    const char* next = nullptr;
    if (const auto error = document_.current_location().get(next)) return refuse(error), std::nullopt;
    raw = {first.data(), next};
    raw = raw.substr(0, raw.find_last_of("}]") + 1);  // up to the next token there is only white space
  }
  return JsonValue{raw, flat, hash128(raw)};
}

bool Walk::check(ondemand::value& value, Leaves& leaves) {
  const std::string_view token = token_of(value);
  if (token.starts_with('{')) return check_object(value, leaves);
  if (token.starts_with('[')) return check_array(value, leaves);
  return check_scalar(value, token, leaves);
}

bool Walk::check_object(ondemand::value& value, Leaves& leaves) {
  if (!descend(leaves.path)) return false;
  ondemand::object object;
  if (const auto error = value.get_object().get(object)) return refuse(error);
  const std::size_t first_member = body_.members.size();
  const std::size_t prefix = body_.pointer.size();
  std::optional<std::string_view> holder;
  for (auto item : object) {
    ondemand::field field;
    if (const auto error = std::move(item).get(field)) return refuse(error);
    const auto name = quoted(field.key().raw(), leaves.path, leaves.policy);
    if (!name) return false;
    if (leaves.out != nullptr) {
      if (!holder && !(holder = pointer(leaves))) return false;
      body_.members.push_back({name->text, leaves.out->size(), name->replaced, false});
      if (!leaf(leaves, *holder, name->text, JsonLeaf::Kind::Key)) return false;
      append_step(name->text);
    }
    ondemand::value member = field.value();
    if (!check(member, leaves)) return false;
    body_.pointer.resize(prefix);
  }
  if (leaves.out != nullptr) drop_superseded(*leaves.out, first_member);
  body_.members.resize(first_member);
  --depth_;
  return true;
}

bool Walk::check_array(ondemand::value& value, Leaves& leaves) {
  if (!descend(leaves.path)) return false;
  ondemand::array array;
  if (const auto error = value.get_array().get(array)) return refuse(error);
  const std::size_t prefix = body_.pointer.size();
  std::size_t index = 0;
  for (auto item : array) {
    ondemand::value element;
    if (const auto error = std::move(item).get(element)) return refuse(error);
    if (leaves.out != nullptr) {
      std::array<char, 20> digits{};
      const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), index).ptr;
      append_step({digits.data(), end});
    }
    if (!check(element, leaves)) return false;
    body_.pointer.resize(prefix);
    ++index;
  }
  --depth_;
  return true;
}

bool Walk::check_scalar(ondemand::value& value, std::string_view token, Leaves& leaves) {
  JsonLeaf::Kind kind{};
  std::string_view text = token;
  if (token.starts_with('"')) {
    const auto unquoted = string(value, leaves.path, leaves.policy);
    if (!unquoted) return false;
    kind = JsonLeaf::Kind::String;
    text = *unquoted;
  } else if (token == "true" || token == "false") {
    kind = JsonLeaf::Kind::Bool;
  } else if (token == "null") {
    kind = JsonLeaf::Kind::Null;
  } else if (json_text::is_number(token)) {
    kind = JsonLeaf::Kind::Number;
  } else {
    return refuse(RefusalReason::InvalidJson, leaves.path, "expected a JSON value (RFC 8259)");
  }
  if (leaves.out == nullptr) return true;
  const auto where = pointer(leaves);
  return where && leaf(leaves, *where, text, kind);
}

bool Walk::leaf(Leaves& leaves, std::string_view pointer, std::string_view text, JsonLeaf::Kind kind) {
  if (leaves.out->size() == limits::kLeavesPerValue) {
    return refuse(RefusalReason::TooLarge, leaves.path, "expected at most 65536 keys and scalars");
  }
  leaves.out->push_back({pointer, text, kind});
  return true;
}

std::optional<std::string_view> Walk::pointer(Leaves& leaves) {
  leaves.pointer_bytes += body_.pointer.size();
  if (leaves.pointer_bytes > limits::kPointerBytesPerValue) {
    refuse(RefusalReason::TooLarge, leaves.path, "expected at most 8 MiB of JSON Pointers to its keys and scalars");
    return std::nullopt;
  }
  return body_.bump.copy(body_.pointer);
}

void Walk::append_step(std::string_view step) {
  body_.pointer.push_back('/');
  if (std::ranges::none_of(step, [](char c) { return c == '~' || c == '/'; })) {
    body_.pointer += step;
    return;
  }
  for (const char c : step) {
    if (c == '~')
      body_.pointer += "~0";
    else if (c == '/')
      body_.pointer += "~1";
    else
      body_.pointer.push_back(c);
  }
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
