// SPDX-License-Identifier: Apache-2.0
#include "models/scope_ruling.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <iterator>

#include "engine/event/escape.h"
#include "engine/persona/shape.h"

namespace ringfence::scope {

namespace {

constexpr std::size_t kNameChars = 80;
constexpr std::size_t kValueChars = 64;
constexpr std::size_t kShapeChars = 40;

std::size_t characters(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

struct Unit {
  Nanos size;
  std::string_view name;
};
constexpr std::array<Unit, 5> kUnits{{{days(1), " d"}, {hours(1), " h"}, {minutes(1), " m"}, {seconds(1), " s"}, {milliseconds(1), " ms"}}};

/// Two or a whole number of it; the least takes what is left.
const Unit& unit_of(Nanos length) {
  return *std::ranges::find_if(kUnits, [&](const Unit& unit) {
    const std::int64_t whole = length.value / unit.size.value;
    return whole >= 2 || (whole >= 1 && length.value % unit.size.value == 0) || &unit == &kUnits.back();
  });
}

std::string qualified_name(const Event& event) {
  std::string name;
  if (event.tool.server) name.append(*event.tool.server).append("/");
  return name.append(event.tool.name.value_or(""));
}

}  // namespace

void Ruling::take(std::vector<Breach>&& more) { std::ranges::move(more, std::back_inserter(breaches)); }

std::string tool_words(const Event& event) { return printable(qualified_name(event), kNameChars); }

std::string value_words(const Persona& persona, std::string_view name, std::string_view value) {
  if (persona.show.contains(std::string(name))) return '"' + printable(value, kValueChars) + '"';
  if (value.empty()) return "an empty value";
  // A shape grows with its value: the beginning of a long value says enough of it.
  const std::string shape = shape_of(value.substr(0, kValueChars));
  return "a value of shape " + printable(shape, kShapeChars) + " (" + std::to_string(characters(value)) + " characters)";
}

std::string number_words(double value) {
  std::array<char, 64> text{};
  const bool plain = std::abs(value) < 1e15 && (value == 0 || std::abs(value) >= 1e-6);
  const auto end =
      std::to_chars(text.data(), text.data() + text.size(), value, plain ? std::chars_format::fixed : std::chars_format::general);
  return {text.data(), end.ptr};
}

std::string duration_words(Nanos length) {
  const Unit& unit = unit_of(length);
  return std::to_string(length.value / unit.size.value).append(unit.name);
}

std::string over_words(Nanos length, Nanos limit) {
  const Unit& unit = unit_of(length);
  if (length.value / unit.size.value * unit.size.value > limit.value) return duration_words(length);
  const Unit& finer = &unit == &kUnits.back() ? unit : *(&unit + 1);
  return std::to_string(length.value / finer.size.value + (length.value % finer.size.value == 0 ? 0 : 1)).append(finer.name);
}

std::string joined(const std::vector<std::string>& texts, std::string_view separator) {
  std::string out;
  for (const std::string& text : texts) out.append(out.empty() ? "" : separator).append(text);
  return out;
}

}  // namespace ringfence::scope
