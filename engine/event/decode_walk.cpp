// SPDX-License-Identifier: Apache-2.0
// Reading named fields: types, ranges, lengths and duplicates. What lies inside args, result and unknown fields is in decode_json.cpp.
#include "engine/event/decode_walk.h"

#include <charconv>

#include "engine/event/arg_id.h"
#include "engine/event/byte_word.h"
#include "engine/event/utf8.h"

namespace ringfence::decoding {
namespace {

constexpr std::string_view kUnknownField = "unknown field";
/// Bytes that can be read behind every string (`byte_word::first_of`).
constexpr std::size_t kReadBehind = byte_word::kBytes;

/// What most integers are: up to 18 digits.
std::optional<std::int64_t> plain_integer(std::string_view token) {
  constexpr std::size_t kSurelyFit = 18;
  if (token.empty() || token.size() > kSurelyFit || (token[0] == '0' && token.size() > 1)) return std::nullopt;
  std::int64_t value = 0;
  for (const char c : token) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + (c - '0');
  }
  return value;
}

}  // namespace

bool Walk::refuse(RefusalReason reason, std::string_view path, std::string_view expected) {
  reason_ = reason;
  detail_.assign(path);
  detail_ += ": ";
  detail_ += expected;
  return false;
}

bool Walk::refuse(simdjson::error_code error) {
  switch (error) {
    case simdjson::UTF8_ERROR:
      return refuse(RefusalReason::InvalidUtf8, "record", "expected UTF-8");
    case simdjson::EMPTY:
      return refuse(RefusalReason::Empty, "record", "expected a JSON object");
    case simdjson::UNESCAPED_CHARS:
      return refuse(RefusalReason::InvalidJson, "record", "control characters in strings must be escaped");
    case simdjson::UNCLOSED_STRING:
      return refuse(RefusalReason::InvalidJson, "record", "ends within a string");
    case simdjson::INCOMPLETE_ARRAY_OR_OBJECT:
      return refuse(RefusalReason::InvalidJson, "record", "ends within an object or array");
    default:
      return refuse(RefusalReason::InvalidJson, "record", "expected one JSON object (RFC 8259)");
  }
}

Refusal Walk::refusal() && { return Refusal{reason_, "decode", std::move(detail_), {}, {}}; }

bool Walk::wrong_type(std::string_view token, std::string_view path, std::string_view expected) {
  const char first = token.empty() ? '\0' : token[0];
  const bool json =
      first == '{' || first == '[' || first == '"' || token == "true" || token == "false" || token == "null" || json_text::is_number(token);
  if (!json) return refuse(RefusalReason::InvalidJson, path, "expected a JSON value (RFC 8259)");
  return refuse(RefusalReason::WrongType, path, expected);
}

std::string_view Walk::escaped_or_long(std::string_view inside, std::string_view path, json_text::LoneSurrogate policy) {
  if (in_.has_backslash(inside)) {
    char* const out = body_.bump.allocate(inside.size() + kReadBehind);
    const json_text::Unescaped done = json_text::unescape(inside, policy, out);
    if (done.fault == json_text::Unescaped::Fault::BadEscape) {
      refuse(RefusalReason::InvalidJson, path, "escapes in strings must be those of RFC 8259");
      return {};
    }
    if (done.fault == json_text::Unescaped::Fault::LoneSurrogate) {
      refuse(RefusalReason::InvalidUtf8, path, "a surrogate must be half of a pair");
      return {};
    }
    body_.bump.shrink(inside.size() - done.length);
    inside = {out, done.length};
    replaced_ = done.replaced;
  }
  if (inside.size() > limits::kStringBytes) {
    refuse(RefusalReason::StringTooLong, path, "expected at most 64 KiB in a string");
    return {};
  }
  return inside;
}

bool Walk::record() {
  if (!object_ahead()) return wrong_type(in_.token(), "record", "expected a JSON object");
  if (in_.last() != '}') return refuse(simdjson::INCOMPLETE_ARRAY_OR_OBJECT);
  if (!object("record", event_fields())) return false;
  if (!in_.at_end()) return refuse(RefusalReason::InvalidJson, "record", "expected nothing behind the object");
  return true;
}

bool Walk::object(std::string_view path, const Fields& fields) {
  if (!object_ahead()) return wrong_type(in_.token(), path, "expected an object");
  std::uint64_t seen = 0;
  return each(path, '}', [&] { return member(fields, seen); });
}

bool Walk::member(const Fields& fields, std::uint64_t& seen) {
  const std::string_view name = key(kUnknownField, json_text::LoneSurrogate::Refuse);
  if (name.data() == nullptr) return false;
  const Field* const known = fields.find(name);
  if (known == nullptr) return unknown_member();
  const std::uint64_t bit = std::uint64_t{1} << static_cast<std::size_t>(known - fields.fields);
  if ((seen & bit) != 0) return refuse(RefusalReason::DuplicateField, known->path, "expected once");
  seen |= bit;
  if (in_.ahead() == 'n' && in_.token() == "null") return in_.step(), true;  // null means absent
  return known->read(*this, known->path);
}

bool Walk::unknown_member() {
  ++event.unknown_fields;
  Leaves nowhere{nullptr, kUnknownField, json_text::LoneSurrogate::Refuse, 0};
  return check(nowhere, {});
}

std::string_view Walk::text(std::string_view path, std::size_t most_characters) {
  const std::string_view result = text(path);
  if (result.data() == nullptr) return {};
  if (result.empty() || (result.size() > most_characters && utf8::characters(result) > most_characters)) {
    refuse(RefusalReason::OutOfRange, path, "expected 1 to " + std::to_string(most_characters) + " characters");
    return {};
  }
  return result;
}

std::optional<std::int64_t> Walk::integer(std::string_view path) {
  const std::string_view token = in_.token();
  in_.step();
  if (const auto plain = plain_integer(token)) return plain;
  if (!json_text::is_integer(token)) {
    wrong_type(token, path, "expected an integer, without point and exponent");
    return std::nullopt;
  }
  std::int64_t result = 0;
  const auto [end, error] = std::from_chars(token.data(), token.data() + token.size(), result);
  if (error != std::errc{} || result < 0) {
    refuse(RefusalReason::OutOfRange, path, "expected an integer from 0 to 2^63-1");
    return std::nullopt;
  }
  return result;
}

std::optional<double> Walk::number(std::string_view path) {
  const std::string_view token = in_.token();
  if (const auto plain = plain_integer(token)) return in_.step(), static_cast<double>(*plain);
  if (!json_text::is_number(token)) {
    wrong_type(token, path, "expected a number");
    return std::nullopt;
  }
  if (json_text::is_integer(token)) {
    const auto whole = integer(path);
    if (!whole) return std::nullopt;
    return static_cast<double>(*whole);
  }
  in_.step();
  double result = 0;
  const auto* const digits = reinterpret_cast<const std::uint8_t*>(token.data());
  if (simdjson::builtin::numberparsing::parse_double(digits).get(result) != simdjson::SUCCESS || !(result >= 0)) {
    refuse(RefusalReason::OutOfRange, path, "expected a finite number of at least 0");
    return std::nullopt;
  }
  return result + 0.0;  // -0.0 is 0
}

std::optional<bool> Walk::boolean(std::string_view path) {
  const std::string_view token = in_.token();
  if (token != "true" && token != "false") {
    wrong_type(token, path, "expected true or false");
    return std::nullopt;
  }
  in_.step();
  return token == "true";
}

std::optional<std::span<const std::string_view>> Walk::texts(std::string_view path, std::size_t most, bool or_one) {
  body_.list.clear();
  if (or_one && in_.ahead() == '"') {
    const std::string_view one = text(path);
    if (one.data() == nullptr) return std::nullopt;
    body_.list.push_back(one);
    return body_.bump.copy(body_.list);
  }
  if (in_.ahead() != '[') {
    wrong_type(in_.token(), path, or_one ? "expected a string or an array of strings" : "expected an array of strings");
    return std::nullopt;
  }
  const bool read = each(path, ']', [&] {
    if (body_.list.size() == most) return refuse(RefusalReason::OutOfRange, path, "expected at most " + std::to_string(most) + " elements");
    if (in_.ahead() != '"') return wrong_type(in_.token(), path, "expected an array of strings");
    const std::string_view one = string(path, json_text::LoneSurrogate::Refuse);
    if (one.data() != nullptr) body_.list.push_back(one);
    return one.data() != nullptr;
  });
  if (!read) return std::nullopt;
  return body_.bump.copy(body_.list);
}

std::optional<std::span<const std::string_view>> Walk::arg_ids(std::string_view path) {
  if (in_.ahead() != '[') return wrong_type(in_.token(), path, "expected an array of strings"), std::nullopt;
  body_.list.clear();
  const bool read = each(path, ']', [&] {
    if (in_.ahead() != '"') {
      ++event.ignored_elements;
      Leaves nowhere{nullptr, path, json_text::LoneSurrogate::Refuse, 0};
      return check(nowhere, {});
    }
    const std::string_view one = string(path, json_text::LoneSurrogate::Refuse);
    if (one.data() == nullptr) return false;
    if (is_arg_id(one)) {
      body_.list.push_back(one);
    } else {
      ++event.ignored_elements;
    }
    return true;
  });
  if (!read) return std::nullopt;
  return body_.bump.copy(body_.list);
}

}  // namespace ringfence::decoding
