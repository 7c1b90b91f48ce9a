// SPDX-License-Identifier: Apache-2.0
// Times as integers: no floating point, no locale, no time zone data.
#include <array>
#include <cstdint>
#include <limits>
#include <string>

#include "engine/event/byte_word.h"
#include "engine/event/decode.h"

namespace ringfence {
namespace {

constexpr std::int64_t kNanosPerSecond = 1'000'000'000;
constexpr std::int64_t kSecondsPerDay = 86'400;

constexpr bool is_leap(std::uint32_t year) { return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0); }

constexpr std::uint32_t days_in_month(std::uint32_t year, std::uint32_t month) {
  constexpr std::array<std::uint32_t, 12> kDays{31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  return month == 2 && is_leap(year) ? 29 : kDays[static_cast<std::size_t>(month - 1)];
}

/// Days from 1970-01-01 in the proleptic Gregorian calendar, counting years from March so that the leap day ends one. Years from 0.
constexpr std::int64_t days_from_civil(std::uint32_t year, std::uint32_t month, std::uint32_t day) {
  const std::uint32_t y = month <= 2 ? year + 399 : year + 400;  // an era more, so that no number here is below 0
  const std::uint32_t era = y / 400;
  const std::uint32_t year_of_era = y - era * 400;
  const std::uint32_t day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
  const std::uint32_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
  return std::int64_t{era * 146'097 + day_of_era} - (719'468 + 146'097);
}

struct Civil {
  std::int64_t year, month, day;
};

constexpr Civil civil_from_days(std::int64_t days) {
  const std::int64_t z = days + 719'468;
  const std::int64_t era = (z >= 0 ? z : z - 146'096) / 146'097;
  const std::int64_t day_of_era = z - era * 146'097;
  const std::int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36'524 - day_of_era / 146'096) / 365;
  const std::int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const std::int64_t m = (5 * day_of_year + 2) / 153;
  const std::int64_t month = m < 10 ? m + 3 : m - 9;
  return {year_of_era + era * 400 + (month <= 2 ? 1 : 0), month, day_of_year - (153 * m + 2) / 5 + 1};
}

/// Takes fixed forms off the front of a text; after the first mismatch it stays failed.
class Cursor {
 public:
  explicit Cursor(std::string_view text) : text_(text) {}

  std::int64_t digits(std::size_t count) {
    if (text_.size() < count) return fail();
    std::int64_t value = 0;
    for (std::size_t i = 0; i < count; ++i) {
      const char c = text_[i];
      if (c < '0' || c > '9') return fail();
      value = value * 10 + (c - '0');
    }
    text_.remove_prefix(count);
    return value;
  }
  void literal(char c) {
    if (!take(c)) fail();
  }
  bool take(char c) {
    if (text_.empty() || text_[0] != c) return false;
    text_.remove_prefix(1);
    return true;
  }
  /// 1 to 9 digits as nanoseconds.
  std::int64_t fraction() {
    static constexpr std::array<std::int64_t, 10> kUnits{0, 100'000'000, 10'000'000, 1'000'000, 100'000, 10'000, 1'000, 100, 10, 1};
    std::size_t count = 0;
    std::int64_t value = 0;
    for (; count < text_.size() && text_[count] >= '0' && text_[count] <= '9'; ++count) {
      if (count == kUnits.size() - 1) return fail();
      value = value * 10 + (text_[count] - '0');
    }
    if (count == 0) return fail();
    text_.remove_prefix(count);
    return value * kUnits[count];
  }
  [[nodiscard]] bool ok() const { return ok_; }
  [[nodiscard]] bool at_end() const { return text_.empty(); }
  std::int64_t fail() {
    ok_ = false;
    text_ = {};
    return 0;
  }

 private:
  std::string_view text_;
  bool ok_ = true;
};

/// What eight bytes of a text must be: any digit where a `0` stands, and elsewhere what stands there.
struct Form {
  std::uint64_t least = 0, slack = 0;  // byte by byte, the least it may be and by how much it may be more

  consteval explicit Form(std::string_view form) : least(byte_word::of_known(form)) {
    for (std::size_t i = 0; i < byte_word::kBytes; ++i) slack |= std::uint64_t{form[i] == '0' ? 9U : 0U} << (8 * i);
  }
};

/// Eight bytes of a text, read at once.
struct Group {
  std::uint64_t pairs = 0;  // in each byte the number that its digit and the next make
  bool ok = false;

  Group(std::string_view text, const Form& form) {
    constexpr std::uint64_t kTops = 0x8080808080808080, kMost = 0x7F7F7F7F7F7F7F7F;
    const std::uint64_t over = byte_word::load(text) ^ form.least;
    ok = (((over + (kMost - form.slack)) | over) & kTops) == 0;
    pairs = over * 10 + (over >> 8U);
  }
  [[nodiscard]] std::uint32_t pair(std::size_t at) const { return static_cast<std::uint32_t>(pairs >> (8 * at)) & 0xFFU; }
};

/// `YYYY-MM-DDTHH:MM:SS`, each part in the range its digits have; `ok` is false on any other form.
struct Stamp {
  static constexpr std::size_t kSize = 19;
  std::uint32_t year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0;
  bool ok = true;

  /// `text` has `kSize` bytes.
  explicit Stamp(std::string_view text) {
    static constexpr Form kMonth("0000-00-"), kDay("00T00:00"), kDayInLowerCase("00t00:00"), kTime("00:00:00");
    const Group to_month(text, kMonth), to_minute(text.substr(8), text[10] == 't' ? kDayInLowerCase : kDay), time(text.substr(11), kTime);
    year = to_month.pair(0) * 100 + to_month.pair(2);
    month = to_month.pair(5), day = to_minute.pair(0), hour = time.pair(0), minute = time.pair(3), second = time.pair(6);
    ok = to_month.ok && to_minute.ok && time.ok;
  }
};

/// Offset from UTC in seconds.
std::int64_t read_offset(Cursor& in) {
  if (in.take('Z') || in.take('z')) return 0;
  const bool west = in.take('-');
  if (!west) in.literal('+');
  const std::int64_t hours = in.digits(2);
  in.literal(':');
  const std::int64_t minutes = in.digits(2);
  if (hours > 23 || minutes > 59) in.fail();
  const std::int64_t offset = hours * 3600 + minutes * 60;
  return west ? -offset : offset;
}

void append_padded(std::string& out, std::int64_t value, int width) {
  std::array<char, 20> digits{};
  for (int i = width; i-- > 0; value /= 10) digits[static_cast<std::size_t>(i)] = static_cast<char>('0' + value % 10);
  out.append(digits.data(), static_cast<std::size_t>(width));
}

}  // namespace

std::optional<EventTime> parse_rfc3339(std::string_view text) {
  if (text.size() < Stamp::kSize) return std::nullopt;
  const Stamp stamp(text.substr(0, Stamp::kSize));
  if (!stamp.ok) return std::nullopt;
  const auto [year, month, day, hour, minute, written_second, ok] = stamp;
  std::uint32_t second = written_second;
  Cursor in(text.substr(Stamp::kSize));
  std::int64_t nanos = in.take('.') ? in.fraction() : 0;
  const std::int64_t offset = read_offset(in);
  if (!in.ok() || !in.at_end()) return std::nullopt;
  if (month < 1 || month > 12 || day < 1 || (day > 28 && day > days_in_month(year, month)) || hour > 23 || minute > 59 || second > 60)
    return std::nullopt;

  const bool leap_second = second == 60;
  if (leap_second) {
    second = 59;
    nanos = kNanosPerSecond - 1;
  }
  const std::int64_t seconds = days_from_civil(year, month, day) * kSecondsPerDay + (hour * 3600 + minute * 60 + second) - offset;
  // Leap seconds are inserted at the end of a UTC day and nowhere else.
  if (leap_second && ((seconds % kSecondsPerDay) + kSecondsPerDay) % kSecondsPerDay != kSecondsPerDay - 1) return std::nullopt;

  // What 64 bits of nanoseconds hold: 1677-09-21 to 2262-04-11. The first and last seconds are given up for a plain check.
  constexpr std::int64_t kMaxSeconds = std::numeric_limits<std::int64_t>::max() / kNanosPerSecond - 1;
  if (seconds > kMaxSeconds || seconds < -kMaxSeconds) return std::nullopt;
  return EventTime{seconds * kNanosPerSecond + nanos};
}

std::string format_rfc3339(EventTime time) {
  std::int64_t seconds = time.value / kNanosPerSecond;
  std::int64_t nanos = time.value % kNanosPerSecond;
  if (nanos < 0) {
    nanos += kNanosPerSecond;
    --seconds;
  }
  std::int64_t days = seconds / kSecondsPerDay;
  std::int64_t of_day = seconds % kSecondsPerDay;
  if (of_day < 0) {
    of_day += kSecondsPerDay;
    --days;
  }
  const Civil date = civil_from_days(days);
  std::string out;
  out.reserve(30);
  append_padded(out, date.year, 4);
  out.push_back('-');
  append_padded(out, date.month, 2);
  out.push_back('-');
  append_padded(out, date.day, 2);
  out.push_back('T');
  append_padded(out, of_day / 3600, 2);
  out.push_back(':');
  append_padded(out, of_day / 60 % 60, 2);
  out.push_back(':');
  append_padded(out, of_day % 60, 2);
  if (nanos != 0) {
    out.push_back('.');
    if (nanos % 1'000'000 == 0) {
      append_padded(out, nanos / 1'000'000, 3);
    } else if (nanos % 1'000 == 0) {
      append_padded(out, nanos / 1'000, 6);
    } else {
      append_padded(out, nanos, 9);
    }
  }
  out.push_back('Z');
  return out;
}

}  // namespace ringfence
