// SPDX-License-Identifier: Apache-2.0
#include "engine/persona/values.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cmath>
#include <stdexcept>
#include <utility>

#include "engine/event/decode.h"

namespace ringfence {
namespace {

struct Unit {
  std::string_view name;
  double factor;
};

/// Number and unit of `4KiB`, `1.5 h`.
std::optional<double> with_unit(std::string_view text, std::span<const Unit> units) {
  const auto end = text.find_first_not_of("0123456789.");
  if (end == std::string_view::npos || end == 0) return std::nullopt;
  const auto number = parse_number(text.substr(0, end));
  std::string_view unit = text.substr(end);
  if (unit.starts_with(' ')) unit.remove_prefix(1);
  const auto found = std::ranges::find(units, unit, &Unit::name);
  if (!number || found == units.end()) return std::nullopt;
  return *number * found->factor;
}

std::optional<int> two_digits(std::string_view text, int most) {
  if (text.size() != 2 || text[0] < '0' || text[0] > '9' || text[1] < '0' || text[1] > '9') return std::nullopt;
  const int value = (text[0] - '0') * 10 + (text[1] - '0');
  return value <= most ? std::optional(value) : std::nullopt;
}

/// Minutes of `07:00`; 24:00 is the end of a day.
std::optional<int> clock_minutes(std::string_view text) {
  if (text.size() != 5 || text[2] != ':') return std::nullopt;
  const auto hour = two_digits(text.substr(0, 2), 24), minute = two_digits(text.substr(3), 59);
  if (!hour || !minute || (*hour == 24 && *minute != 0)) return std::nullopt;
  return *hour * 60 + *minute;
}

std::optional<int> weekday(std::string_view text) {
  static constexpr std::array<std::string_view, 7> kDays{"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"};
  const auto found = std::ranges::find(kDays, text);
  return found == kDays.end() ? std::nullopt : std::optional(static_cast<int>(found - kDays.begin()));
}

/// Days of `Mon-Fri,Sun`; a range may pass Sunday.
std::optional<std::array<bool, 7>> weekdays(std::string_view text) {
  std::array<bool, 7> days{};
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    const std::string_view part = text.substr(begin, end - begin);
    begin = end + 1;
    const auto hyphen = part.find('-');
    const auto first = weekday(part.substr(0, hyphen));
    const auto last = hyphen == std::string_view::npos ? first : weekday(part.substr(hyphen + 1));
    if (!first || !last) return std::nullopt;
    for (int day = *first;; day = (day + 1) % 7) {
      days[static_cast<std::size_t>(day)] = true;
      if (day == *last) break;
    }
  }
  return days;
}

/// Optimal string alignment: edits and swaps of neighbours.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before, last(b.size() + 1), now(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    now[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      now[j] = std::min({last[j] + 1, now[j - 1] + 1, last[j - 1] + (a[i - 1] == b[j - 1] ? 0U : 1U)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) now[j] = std::min(now[j], before[j - 2] + 1);
    }
    before = std::exchange(last, now);
  }
  return last[b.size()];
}

}  // namespace

std::optional<double> parse_number(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool decimal = text.find_first_not_of("0123456789.eE+-") == std::string_view::npos;
  if (error != std::errc{} || end != text.data() + text.size() || !decimal || !std::isfinite(value)) return std::nullopt;
  return value;
}

std::optional<std::int64_t> parse_integer(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<double> parse_share(std::string_view text) {
  static constexpr std::array<Unit, 5> kWords{{{"always", 1}, {"often", .5}, {"sometimes", .1}, {"rarely", .01}, {"never", 0}}};
  if (const auto word = std::ranges::find(kWords, text, &Unit::name); word != kWords.end()) return word->factor;
  const auto number = parse_number(text);
  return number && *number >= 0 && *number <= 1 ? number : std::nullopt;
}

std::optional<double> parse_size(std::string_view text) {
  static constexpr std::array<Unit, 4> kUnits{{{"B", 1}, {"KiB", 1024}, {"MiB", 1048576}, {"GiB", 1073741824}}};
  if (const auto bytes = parse_integer(text); bytes && *bytes >= 0) return static_cast<double>(*bytes);
  return with_unit(text, kUnits);
}

std::optional<Nanos> parse_duration(std::string_view text) {
  static constexpr std::array<Unit, 5> kUnits{{{"ms", 1e6}, {"s", 1e9}, {"m", 60e9}, {"h", 3600e9}, {"d", 86400e9}}};
  constexpr double kLongest = 36525.0 * 86400e9;
  const auto nanos = with_unit(text, kUnits);
  if (!nanos || *nanos > kLongest) return std::nullopt;
  return Nanos{std::llround(*nanos)};
}

std::optional<EventTime> parse_moment(std::string_view text) {
  if (text.size() != 10) return parse_rfc3339(text);
  if (text[4] != '-' || text[7] != '-') return std::nullopt;
  const auto century = two_digits(text.substr(0, 2), 99), year = two_digits(text.substr(2, 2), 99);
  const auto month = two_digits(text.substr(5, 2), 12), day = two_digits(text.substr(8, 2), 31);
  if (!century || !year || !month || !day) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year{*century * 100 + *year}, std::chrono::month{static_cast<unsigned>(*month)},
                                         std::chrono::day{static_cast<unsigned>(*day)}};
  if (!date.ok() || *century * 100 + *year < 1970 || *century * 100 + *year > 2200) return std::nullopt;
  return EventTime{} + days(std::chrono::sys_days{date}.time_since_epoch().count() + 1) - Nanos{1};
}

bool add_window(std::string_view text, std::vector<bool>& minutes) {
  const auto space = text.find(' ');
  std::array<bool, 7> on{};
  on.fill(true);
  if (space != std::string_view::npos) {
    const auto named = weekdays(text.substr(0, space));
    if (!named) return false;
    on = *named;
    text.remove_prefix(space + 1);
  }
  if (text.size() != 11 || text[5] != '-') return false;
  const auto from = clock_minutes(text.substr(0, 5)), until = clock_minutes(text.substr(6));
  if (!from || !until || *from == *until || *from == 24 * 60) return false;
  const int length = *until > *from ? *until - *from : *until + 24 * 60 - *from;
  minutes.resize(kMinutesOfWeek, false);
  for (std::size_t day = 0; day < 7; ++day)
    for (std::size_t m = 0; on[day] && m < static_cast<std::size_t>(length); ++m)
      minutes[(day * 24 * 60 + static_cast<std::size_t>(*from) + m) % kMinutesOfWeek] = true;
  return true;
}

std::string lower_ascii(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return out;
}

std::vector<std::string> lower_hosts(std::vector<std::string> hosts) {
  for (std::string& host : hosts) host = lower_ascii(host);
  return hosts;
}

std::optional<std::string> nearest(std::string_view word, std::span<const std::string> candidates) {
  constexpr std::size_t kLongWord = 64;
  if (word.size() > kLongWord) return std::nullopt;
  const std::size_t within = word.size() <= 3 ? 1 : word.size() <= 5 ? 2 : 3;
  const std::string* best = nullptr;
  std::size_t best_distance = within + 1;
  for (const std::string& candidate : candidates) {
    if (candidate.size() > word.size() + within || word.size() > candidate.size() + within) continue;
    const std::size_t distance = edit_distance(word, candidate);
    if (distance < best_distance && distance < candidate.size()) best = &candidate, best_distance = distance;
  }
  return best == nullptr ? std::nullopt : std::optional(*best);
}

}  // namespace ringfence
