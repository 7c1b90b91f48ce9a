// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <utility>

#include "config/settings_table.h"

namespace ringfence {
namespace {

using Unit = std::pair<std::string_view, std::uint64_t>;

constexpr std::uint64_t kMs = 1'000'000;
// Greatest first, so that the first which leaves no remainder is the shortest to read.
constexpr std::array<Unit, 4> kByteUnits = {{{"GiB", 1ULL << 30U}, {"MiB", 1ULL << 20U}, {"KiB", 1ULL << 10U}, {"B", 1}}};
constexpr std::array<Unit, 5> kTimeUnits = {
    {{"d", 86'400'000 * kMs}, {"h", 3'600'000 * kMs}, {"m", 60'000 * kMs}, {"s", 1'000 * kMs}, {"ms", kMs}}};

template <std::size_t N>
std::optional<std::uint64_t> parse_quantity(std::string_view text, const std::array<Unit, N>& units) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{}) return std::nullopt;
  const std::string_view suffix(end, static_cast<std::size_t>(text.data() + text.size() - end));
  for (const auto& [name, factor] : units) {
    if (suffix != name) continue;
    constexpr auto kMost = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
    if (number > kMost / factor) return std::nullopt;
    return number * factor;
  }
  return std::nullopt;
}

template <std::size_t N>
std::string format_quantity(std::uint64_t amount, const std::array<Unit, N>& units) {
  for (const auto& [name, factor] : units) {
    if (amount != 0 && amount % factor == 0) return std::to_string(amount / factor) + std::string(name);
  }
  return std::to_string(amount / units.back().second) + std::string(units.back().first);
}

std::string shortest(double number) {
  std::array<char, 32> buffer{};
  const auto result = std::to_chars(buffer.data(), buffer.data() + buffer.size(), number);
  return {buffer.data(), result.ptr};
}

std::string alternatives(std::span<const std::string_view> choices) {
  std::string out;
  for (std::size_t i = 0; i < choices.size(); ++i) {
    if (i > 0) out += i + 1 == choices.size() ? " or " : ", ";
    out += choices[i];
  }
  return out;
}

}  // namespace

std::optional<std::uint64_t> parse_bytes(std::string_view text) { return parse_quantity(text, kByteUnits); }

std::optional<Nanos> parse_length_of_time(std::string_view text) {
  const auto ns = parse_quantity(text, kTimeUnits);
  if (!ns) return std::nullopt;
  return Nanos{static_cast<std::int64_t>(*ns)};
}

std::string format_bytes(std::uint64_t bytes) { return format_quantity(bytes, kByteUnits); }
std::string format_duration(Nanos length) { return format_quantity(static_cast<std::uint64_t>(length.value), kTimeUnits); }

std::string expectation(const Setting& setting) {
  const auto least = static_cast<std::int64_t>(setting.least), most = static_cast<std::int64_t>(setting.most);
  switch (setting.type) {
    case SettingType::Text:
      return "text";
    case SettingType::Topic:
      return "topic name of at most 249 letters, digits, `.`, `_` and `-`";
    case SettingType::Path:
      return "path";
    case SettingType::Flag:
      return "true or false";
    case SettingType::Integer:
      return "whole number from " + std::to_string(least) + " to " + std::to_string(most);
    case SettingType::Share:
      return "number from " + shortest(setting.least) + " to " + shortest(setting.most);
    case SettingType::Bytes:
      return "size with unit (B KiB MiB GiB) from " + format_bytes(static_cast<std::uint64_t>(least)) + " to " +
             format_bytes(static_cast<std::uint64_t>(most));
    case SettingType::Duration:
      return "duration with unit (ms s m h d) from " + format_duration(Nanos{least}) + " to " + format_duration(Nanos{most});
    case SettingType::Choice:
      return alternatives(setting.choices);
    case SettingType::Listen:
      return "address as HOST:PORT or [IPV6]:PORT";
    case SettingType::Output:
      return "`topic` or `file:PATH`";
    case SettingType::TextList:
      return "list of texts";
    case SettingType::PathList:
      return "list of paths";
    case SettingType::TextMap:
      return "map from property to text";
    case SettingType::PathMap:
      return "map from property to path";
  }
  return {};
}

}  // namespace ringfence
