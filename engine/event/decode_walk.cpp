// SPDX-License-Identifier: Apache-2.0
// Reading named fields: types, ranges, lengths and duplicates. What lies inside args, result and unknown fields is in decode_json.cpp.
#include "engine/event/decode_walk.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "engine/event/arg_id.h"
#include "engine/event/byte_word.h"
#include "engine/event/decode_pointer.h"

namespace ringfence::decoding {
namespace {

constexpr std::string_view kUnknownField = "unknown field";
/// Bytes that can be read behind every string.
constexpr std::size_t kReadBehind = std::max(byte_word::kBytes, json_pointer::kSlack);
static_assert(kReadBehind <= Tokenizer::kPadding);

}  // namespace

Refused Walk::refuse(RefusalReason reason, std::string_view path, std::string_view expected) {
  reason_ = reason;
  detail_.assign(path);
  detail_ += ": ";
  detail_ += expected;
  return {};
}

Refused Walk::refuse(simdjson::error_code error) {
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

Refused Walk::wrong_type(std::string_view token, std::string_view path, std::string_view expected) {
  const char first = token.empty() ? '\0' : token[0];
  const bool json =
      first == '{' || first == '[' || first == '"' || token == "true" || token == "false" || token == "null" || json_text::is_number(token);
  if (!json) return refuse(RefusalReason::InvalidJson, path, "expected a JSON value (RFC 8259)");
  return refuse(RefusalReason::WrongType, path, expected);
}

std::string_view Walk::escaped_or_long(std::string_view inside, std::string_view path, json_text::LoneSurrogate policy) {
  if (inside.find('\\') != std::string_view::npos) {
    char* const out = body_.bump.room(inside.size() + kReadBehind);
    const json_text::Unescaped done = json_text::unescape(inside, policy, out);
    if (done.fault == json_text::Unescaped::Fault::BadEscape)
      return refuse(RefusalReason::InvalidJson, path, "escapes in strings must be those of RFC 8259");
    if (done.fault == json_text::Unescaped::Fault::LoneSurrogate)
      return refuse(RefusalReason::InvalidUtf8, path, "a surrogate must be half of a pair");
    body_.bump.take(done.length);
    inside = {out, done.length};
    replaced_ = replaced_ || done.replaced;
  }
  if (inside.size() > limits::kStringBytes) return refuse(RefusalReason::StringTooLong, path, "expected at most 64 KiB in a string");
  return inside;
}

/// The object of the record ends before its last token.
bool Walk::ends_early() const {
  std::size_t open = 0;
  for (Place at = in_.first(); at != in_.end(); ++at) {
    const char byte = in_.byte(at);
    if (byte == '{' || byte == '[') ++open;
    if ((byte == '}' || byte == ']') && --open == 0) return at + 1 != in_.end();
  }
  return false;
}

bool Walk::record() {
  const Place first = in_.first();
  if (!is_object(first)) return wrong_type(in_.token(first), "record", "expected a JSON object");
  constexpr std::string_view kNothingBehind = "expected nothing behind the object";
  if (in_.byte(in_.end() - 1) != '}')
    return ends_early() ? refuse(RefusalReason::InvalidJson, "record", kNothingBehind) : refuse(simdjson::INCOMPLETE_ARRAY_OR_OBJECT);
  const Place behind = fields(first);
  if (behind == nullptr) return false;
  if (behind != in_.end()) return refuse(RefusalReason::InvalidJson, "record", kNothingBehind);
  return true;
}

/// Reads the record's object and those nested in it: each known field once at most, null for absent, unknown ones checked and counted. One
/// loop for both levels: most objects hold two or three fields, and a call for each would cost as much as reading these.
Place Walk::fields(Place at) {
  const Fields& outside = event_fields();
  const Fields* among = &outside;
  std::uint64_t seen = 0, seen_outside = 0;  // a bit a field
  depth_ = 1;
  if (in_.byte(++at) == '}') return at + 1;
  while (true) {
    const std::string_view name = key(at, kUnknownField, json_text::LoneSurrogate::Refuse);
    if (name.data() == nullptr) return nullptr;
    at += 2;
    const std::size_t index = among->find(name);
    if (index == Fields::kUnknown) {
      at = unknown_member(at, *among, name);
    } else {
      const Field& field = among->fields[index];
      if ((seen >> index & 1U) != 0) return refuse(RefusalReason::DuplicateField, field.path, "expected once");
      seen |= std::uint64_t{1} << index;
      if (field.read != nullptr) {
        at = is_null(at) ? at + 1 : field.read(*this, at, field);
      } else if (in_.byte(at) == '"' && field.nested == nullptr) {
        const std::string_view read = string(at, field.path, json_text::LoneSurrogate::Refuse);
        if (read.data() == nullptr) return nullptr;
        std::construct_at(&field.place_in<Text>(event), read);
        ++at;
      } else if (is_object(at) && field.nested != nullptr) {
        if (in_.byte(++at) != '}') {
          seen_outside = std::exchange(seen, 0);
          among = field.nested;
          depth_ = 2;
          continue;
        }
        ++at;
      } else {
        if (!is_null(at))
          return wrong_type(in_.token(at), field.path, field.nested == nullptr ? "expected a string" : "expected an object");
        ++at;
      }
    }
    if (at == nullptr) return nullptr;
    for (; in_.byte(at) != ','; ++at) {
      if (in_.byte(at) != '}') return refuse(simdjson::TAPE_ERROR);
      if (depth_ == 1) return at + 1;
      seen = seen_outside;
      among = &outside;
      depth_ = 1;
    }
    ++at;
  }
}

Place Walk::unknown_member(Place at, const Fields& among, std::string_view name) {
  std::array<std::string_view, EventArena::Body::kUnknownNames>& names = body_.unknown_names;
  if (event.unknown_fields < names.size()) {
    names[event.unknown_fields] = whole_name(among, name);
    event.unknown_names = std::span(names).first(event.unknown_fields + 1);
  }
  ++event.unknown_fields;
  return check(at, kUnknownField);
}

/// With the object's name in front, where it is one of the event's.
std::string_view Walk::whole_name(const Fields& among, std::string_view name) {
  if (&among == &event_fields()) return name;
  const Fields& outside = event_fields();
  const Field* object = outside.fields;
  while (object->nested != &among) ++object;
  const std::string_view in = object->path;
  char* const out = body_.bump.room(in.size() + 1 + name.size());
  std::ranges::copy(in, out);
  out[in.size()] = '.';
  std::ranges::copy(name, out + in.size() + 1);
  body_.bump.take(in.size() + 1 + name.size());
  return {out, in.size() + 1 + name.size()};
}

Refused Walk::wrong_length(std::string_view path, std::size_t most_characters) {
  return refuse(RefusalReason::OutOfRange, path, "expected 1 to " + std::to_string(most_characters) + " characters");
}

std::optional<std::int64_t> Walk::other_integer(Place at, std::string_view path) {
  const std::string_view token = in_.token(at);
  if (!json_text::is_integer(token)) return wrong_type(token, path, "expected an integer, without point and exponent"), std::nullopt;
  std::int64_t result = 0;
  const auto [end, error] = std::from_chars(token.data(), token.data() + token.size(), result);
  if (error != std::errc{} || result < 0)
    return refuse(RefusalReason::OutOfRange, path, "expected an integer from 0 to 2^63-1"), std::nullopt;
  return result;
}

std::optional<double> Walk::number(Place at, std::string_view path) {
  if (const auto plain = in_.plain_integer(at)) return static_cast<double>(*plain);
  const std::string_view token = in_.token(at);
  if (!json_text::is_number(token)) return wrong_type(token, path, "expected a number"), std::nullopt;
  if (json_text::is_integer(token)) {
    const auto whole = other_integer(at, path);
    if (!whole) return std::nullopt;
    return static_cast<double>(*whole);
  }
  double result = 0;
  const auto* const digits = reinterpret_cast<const std::uint8_t*>(token.data());
  if (simdjson::builtin::numberparsing::parse_double(digits).get(result) != simdjson::SUCCESS || !(result >= 0))
    return refuse(RefusalReason::OutOfRange, path, "expected a finite number of at least 0"), std::nullopt;
  return result + 0.0;  // -0.0 is 0
}

std::optional<bool> Walk::boolean(Place at, std::string_view path) {
  const std::string_view token = in_.token(at);
  if (token != "true" && token != "false") return wrong_type(token, path, "expected true or false"), std::nullopt;
  return token == "true";
}

Walk::Texts Walk::texts(Place at, std::string_view path, std::size_t most, bool or_one) {
  if (or_one && in_.byte(at) == '"') {
    const std::string_view one = text(at, path);
    if (one.data() == nullptr) return {};
    return {at + 1, body_.bump.copy(std::span(&one, 1))};
  }
  if (in_.byte(at) != '[')
    return wrong_type(in_.token(at), path, or_one ? "expected a string or an array of strings" : "expected an array of strings"), Texts{};
  body_.list.clear();
  const Place behind = each(at, path, ']', [&](Place element) -> Place {
    if (body_.list.size() == most) return refuse(RefusalReason::OutOfRange, path, "expected at most " + std::to_string(most) + " elements");
    if (in_.byte(element) != '"') return wrong_type(in_.token(element), path, "expected an array of strings");
    const std::string_view one = string(element, path, json_text::LoneSurrogate::Refuse);
    if (one.data() == nullptr) return nullptr;
    body_.list.push_back(one);
    return element + 1;
  });
  if (behind == nullptr) return {};
  return {behind, body_.bump.copy(body_.list)};
}

Walk::Texts Walk::arg_ids(Place at, std::string_view path) {
  if (in_.byte(at) != '[') return wrong_type(in_.token(at), path, "expected an array of strings"), Texts{};
  body_.list.clear();
  const Place behind = each(at, path, ']', [&](Place element) -> Place {
    if (in_.byte(element) != '"') {
      ++event.ignored_elements;
      return check(element, path);
    }
    const std::string_view one = string(element, path, json_text::LoneSurrogate::Refuse);
    if (one.data() == nullptr) return nullptr;
    if (is_arg_id(one)) {
      body_.list.push_back(one);
    } else {
      ++event.ignored_elements;
    }
    return element + 1;
  });
  if (behind == nullptr) return {};
  return {behind, body_.bump.copy(body_.list)};
}

}  // namespace ringfence::decoding
