// SPDX-License-Identifier: Apache-2.0
// Reading named fields: types, ranges, lengths and duplicates. What lies inside args, result and unknown fields is in decode_json.cpp.
#include "engine/event/decode_walk.h"

#include <charconv>

#include "engine/event/arg_id.h"
#include "engine/event/utf8.h"

namespace ringfence::decoding {
namespace {

constexpr std::string_view kUnknownField = "unknown field";

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

bool Walk::descend(std::string_view path) {
  if (depth_ == limits::kNesting) return refuse(RefusalReason::TooDeep, path, "expected at most 32 objects and arrays within each other");
  ++depth_;
  return true;
}

bool Walk::wrong_type(std::string_view token, std::string_view path, std::string_view expected) {
  const char first = token.empty() ? '\0' : token[0];
  const bool json =
      first == '{' || first == '[' || first == '"' || token == "true" || token == "false" || token == "null" || json_text::is_number(token);
  if (!json) return refuse(RefusalReason::InvalidJson, path, "expected a JSON value (RFC 8259)");
  return refuse(RefusalReason::WrongType, path, expected);
}

std::optional<Walk::Key> Walk::escaped_or_long(const char* start, std::string_view path, json_text::LoneSurrogate policy) {
  const char* end = start + plain_run(start);
  const bool escapes = *end != '"';
  while (*end != '"') {
    end += 2;  // a backslash and what it escapes
    end += plain_run(end);
  }
  Key result{{start, end}, false};
  if (escapes) {
    char* const out = body_.bump.allocate(result.text.size());
    const json_text::Unescaped done = json_text::unescape(result.text, policy, out);
    if (done.fault == json_text::Unescaped::Fault::BadEscape) {
      refuse(RefusalReason::InvalidJson, path, "escapes in strings must be those of RFC 8259");
      return std::nullopt;
    }
    if (done.fault == json_text::Unescaped::Fault::LoneSurrogate) {
      refuse(RefusalReason::InvalidUtf8, path, "a surrogate must be half of a pair");
      return std::nullopt;
    }
    body_.bump.shrink(result.text.size() - done.length);
    result = {{out, done.length}, done.replaced};
  }
  if (result.text.size() > limits::kStringBytes) {
    refuse(RefusalReason::StringTooLong, path, "expected at most 64 KiB in a string");
    return std::nullopt;
  }
  return result;
}

bool Walk::record() {
  std::string_view token;
  if (const auto error = document_.raw_json_token().get(token)) return refuse(error);
  token = without_space_behind(token);
  if (!token.starts_with('{')) return wrong_type(token, "record", "expected a JSON object");
  if (!descend("record")) return false;
  ondemand::object object;
  if (const auto error = document_.get_object().get(object)) return refuse(error);
  if (!members(object, event_fields())) return false;
  const char* behind = nullptr;
  const auto end = document_.current_location().get(behind);
  if (end != simdjson::OUT_OF_BOUNDS) return refuse(RefusalReason::InvalidJson, "record", "expected nothing behind the object");
  return true;
}

bool Walk::members(ondemand::object object, const Fields& fields) {
  std::uint64_t seen = 0;
  for (auto member : object) {
    ondemand::field field;
    if (const auto error = std::move(member).get(field)) return refuse(error);
    const auto name = quoted(field.key().raw(), kUnknownField, json_text::LoneSurrogate::Refuse);
    if (!name) return false;
    ondemand::value value = field.value();
    const Field* const known = fields.find(name->text);
    if (known == nullptr) {
      ++event.unknown_fields;
      Leaves nowhere{nullptr, kUnknownField, json_text::LoneSurrogate::Refuse, 0};
      if (!check(value, nowhere)) return false;
      continue;
    }
    const std::uint64_t bit = std::uint64_t{1} << static_cast<std::size_t>(known - fields.fields);
    if ((seen & bit) != 0) return refuse(RefusalReason::DuplicateField, known->path, "expected once");
    seen |= bit;
    if (value.raw_json_token().data()[0] == 'n' && token_of(value) == "null") continue;  // null means absent
    if (!known->read(*this, value, known->path)) return false;
  }
  return true;
}

bool Walk::object(ondemand::value& value, std::string_view path, const Fields& fields) {
  const std::string_view token = token_of(value);
  if (!token.starts_with('{')) return wrong_type(token, path, "expected an object");
  if (!descend(path)) return false;
  ondemand::object object;
  if (const auto error = value.get_object().get(object)) return refuse(error);
  if (!members(object, fields)) return false;
  --depth_;
  return true;
}

std::optional<std::string_view> Walk::text(ondemand::value& value, std::string_view path, std::size_t most_characters) {
  const auto result = text(value, path);
  if (!result) return std::nullopt;
  if (result->empty() || (result->size() > most_characters && utf8::characters(*result) > most_characters)) {
    refuse(RefusalReason::OutOfRange, path, "expected 1 to " + std::to_string(most_characters) + " characters");
    return std::nullopt;
  }
  return result;
}

std::optional<std::int64_t> Walk::integer(ondemand::value& value, std::string_view path) {
  const std::string_view token = token_of(value);
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

std::optional<double> Walk::number(ondemand::value& value, std::string_view path) {
  const std::string_view token = token_of(value);
  if (!json_text::is_number(token)) {
    wrong_type(token, path, "expected a number");
    return std::nullopt;
  }
  if (json_text::is_integer(token)) {
    const auto whole = integer(value, path);
    if (!whole) return std::nullopt;
    return static_cast<double>(*whole);
  }
  double result = 0;
  if (value.get_double().get(result) != simdjson::SUCCESS || !(result >= 0)) {
    refuse(RefusalReason::OutOfRange, path, "expected a finite number of at least 0");
    return std::nullopt;
  }
  return result + 0.0;  // -0.0 is 0
}

std::optional<bool> Walk::boolean(ondemand::value& value, std::string_view path) {
  const std::string_view token = token_of(value);
  if (token == "true") return true;
  if (token == "false") return false;
  wrong_type(token, path, "expected true or false");
  return std::nullopt;
}

std::optional<std::span<const std::string_view>> Walk::texts(ondemand::value& value, std::string_view path, std::size_t most, bool or_one) {
  body_.list.clear();
  const std::string_view token = token_of(value);
  if (or_one && token.starts_with('"')) {
    const auto one = text(value, path);
    if (!one) return std::nullopt;
    body_.list.push_back(*one);
    return body_.bump.copy(body_.list);
  }
  if (!token.starts_with('[')) {
    wrong_type(token, path, or_one ? "expected a string or an array of strings" : "expected an array of strings");
    return std::nullopt;
  }
  if (!descend(path)) return std::nullopt;
  ondemand::array array;
  if (const auto error = value.get_array().get(array)) return refuse(error), std::nullopt;
  for (auto item : array) {
    ondemand::value element;
    if (const auto error = std::move(item).get(element)) return refuse(error), std::nullopt;
    if (body_.list.size() == most)
      return refuse(RefusalReason::OutOfRange, path, "expected at most " + std::to_string(most) + " elements"), std::nullopt;
    const std::string_view written = token_of(element);
    if (!written.starts_with('"')) return wrong_type(written, path, "expected an array of strings"), std::nullopt;
    const auto one = string(element, path, json_text::LoneSurrogate::Refuse);
    if (!one) return std::nullopt;
    body_.list.push_back(*one);
  }
  --depth_;
  return body_.bump.copy(body_.list);
}

std::optional<std::span<const std::string_view>> Walk::arg_ids(ondemand::value& value, std::string_view path) {
  const std::string_view token = token_of(value);
  if (!token.starts_with('[')) return wrong_type(token, path, "expected an array of strings"), std::nullopt;
  if (!descend(path)) return std::nullopt;
  body_.list.clear();
  ondemand::array array;
  if (const auto error = value.get_array().get(array)) return refuse(error), std::nullopt;
  for (auto item : array) {
    ondemand::value element;
    if (const auto error = std::move(item).get(element)) return refuse(error), std::nullopt;
    const std::string_view written = token_of(element);
    if (!written.starts_with('"')) {
      Leaves nowhere{nullptr, path, json_text::LoneSurrogate::Refuse, 0};
      if (!check(element, nowhere)) return std::nullopt;
      ++event.ignored_elements;
      continue;
    }
    const auto one = string(element, path, json_text::LoneSurrogate::Refuse);
    if (!one) return std::nullopt;
    if (is_arg_id(*one)) {
      body_.list.push_back(*one);
    } else {
      ++event.ignored_elements;
    }
  }
  --depth_;
  return body_.bump.copy(body_.list);
}

}  // namespace ringfence::decoding
