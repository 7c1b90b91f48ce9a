// SPDX-License-Identifier: Apache-2.0
// What the decoder reads by whole words and registers, held against a reading byte by byte: names, pointers, equal keys, long strings,
// integers and times, over inputs that lie around the bounds of a word.
#include <chrono>
#include <limits>
#include <map>
#include <random>

#include <gmock/gmock.h>

#include "engine/event/limits.h"
#include "tests/unit/event/events.h"

namespace ringfence {
namespace {

using namespace testing_events;

std::string pick(std::mt19937_64& random, std::string_view letters, std::size_t size) {
  std::string out;
  while (out.size() < size) out += letters[random() % letters.size()];
  return out;
}

/// Scalars of a value by pointer, as another parser reads it: of two equal keys the last counts.
std::map<std::string, std::string> flat(const std::string& json) {
  std::map<std::string, std::string> out;
  const auto add = [&out](const auto& self, const std::string& pointer, const nlohmann::json& value) -> void {
    if (value.is_object()) {
      for (const auto& [key, member] : value.items()) {
        std::string step;
        for (const char c : key) step += c == '~' ? "~0" : c == '/' ? "~1" : std::string(1, c);
        self(self, pointer + '/' + step, member);
      }
    } else if (value.is_array()) {
      for (std::size_t i = 0; i < value.size(); ++i) self(self, pointer + '/' + std::to_string(i), value[i]);
    } else {
      out[pointer] = value.is_string() ? value.get<std::string>() : value.dump();
    }
  };
  add(add, "", nlohmann::json::parse(json));
  return out;
}

/// The same as the event has it; fails where a pointer stands twice.
std::map<std::string, std::string> flat(const JsonValue& value) {
  std::map<std::string, std::string> out;
  for (const JsonLeaf& leaf : value.leaves) {
    if (leaf.kind == JsonLeaf::Kind::Key) continue;
    EXPECT_TRUE(out.emplace(leaf.pointer, leaf.text).second) << leaf.pointer;
  }
  return out;
}

/// Keys are few and of sizes around those of words, so that some are equal and many are nearly so.
std::string random_json(std::mt19937_64& random, std::size_t depth) {
  const std::size_t members = random() % 8 == 0 ? 17 + random() % 20 : random() % 6;
  switch (depth == 0 ? 2 + random() % 3 : random() % 5) {
    case 0: {
      std::string out = "{";
      for (std::size_t i = 0; i < members; ++i) {
        const std::string key = pick(random, "ab", random() % 4) + pick(random, "x", random() % 36) + pick(random, "a~/", random() % 3);
        out += (i > 0 ? ",\"" : "\"") + key + "\":" + random_json(random, depth - 1);
      }
      return out + '}';
    }
    case 1: {
      std::string out = "[";
      for (std::size_t i = 0; i < members; ++i) out += (i > 0 ? "," : "") + random_json(random, depth - 1);
      return out + ']';
    }
    case 2:
      return std::to_string(random() % 1000);
    case 3:
      return random() % 2 == 0 ? "true" : "null";
    default:
      return str(pick(random, "ab/~ ", random() % 40) + (random() % 3 == 0 ? R"(\u00e9\n\\)" : ""));
  }
}

TEST(PlainReading, OfNamesWithOneByteMoreLessOrOtherNoneIsKnown) {
  const std::vector<std::string> paths{
      "/id", "/destination", "/duration_ms", "/agent/instance", "/agent/charter_sha256", "/tool/definition_sha256"};
  Decoding decode;
  for (const std::string& path : paths) {
    std::vector<std::string> others{path + "x", path.substr(0, path.size() - 1)};
    for (std::size_t at = path.rfind('/') + 1; at < path.size(); ++at) {
      others.push_back(path);
      others.back()[at] ^= 1;
    }
    for (const std::string& other : others) {
      if (other.ends_with('/')) continue;
      const auto event = decode(with(other, "{}"));
      ASSERT_TRUE(event.has_value()) << other << ' ' << event.error().detail;
      EXPECT_EQ(event->unknown_fields, 1) << other;
    }
  }
}

TEST(PlainReading, ScalarsLieUnderTheirPointersAndOfEqualKeysTheLastCounts) {
  std::mt19937_64 random(6901);  // NOLINT: seeded, so that a failure repeats
  Decoding decode;
  for (int round = 0; round < 4000; ++round) {
    const std::string json = '[' + random_json(random, 4) + ']';
    const auto event = decode(with("/result", json));
    ASSERT_TRUE(event.has_value()) << json << ' ' << event.error().detail;
    ASSERT_EQ(flat(*event->result), flat(json)) << json;
    EXPECT_EQ(event->result->raw, json);
  }
}

TEST(PlainReading, NoStringOverItsLimitPassesWhereverItBegins) {
  Decoding decode;
  const auto of = [](std::size_t size) { return str(std::string(size, 'x')); };
  for (const std::size_t before : {std::size_t{0}, std::size_t{100}, limits::kStringBytes - 7, limits::kStringBytes}) {
    for (const std::size_t over : {0U, 1U}) {
      const std::string more = over > 0 ? "xx" : "";
      for (const std::string& last :
           {of(limits::kStringBytes + over), R"("\n)" + std::string(limits::kStringBytes - 2 + over, 'x') + "\\t\"",
            str(std::string(limits::kStringBytes - 2, 'x') + R"(\u00e9)" + more)}) {
        const auto event = decode(with("/result", '[' + of(before) + ',' + of(before / 2) + ',' + last + ']'));
        ASSERT_EQ(event.has_value(), over == 0) << before << ' ' << last.substr(0, 4);
        if (!event) {
          EXPECT_EQ(event.error().reason, RefusalReason::StringTooLong);
        }
      }
    }
  }
}

TEST(PlainReading, IntegersAreThoseOfDigitsAlone) {
  std::mt19937_64 random(64);  // NOLINT: seeded
  Decoding decode;
  for (int round = 0; round < 5000; ++round) {
    std::string digits = pick(random, "0123456789", 1 + random() % 21);
    if (random() % 4 == 0) digits = std::to_string(std::numeric_limits<std::int64_t>::max() - 5 + random() % 10);
    if (random() % 8 == 0) digits[random() % digits.size()] = "-.e+/:"[random() % 6];
    const std::string space = pick(random, " \n\t\r", random() % 3);
    const bool formed = digits.find_first_not_of("0123456789") == std::string::npos && (digits.size() == 1 || digits[0] != '0');
    const bool fits = formed && (digits.size() < 19 || (digits.size() == 19 && digits <= "9223372036854775807"));
    const auto event = decode(with("/bytes/request", digits + space));
    if (digits.starts_with('-')) continue;  // -0 is 0
    ASSERT_EQ(event.has_value(), fits) << digits;
    if (event) {
      EXPECT_EQ(std::to_string(event->bytes.request.value()), digits);
    }
  }
}

/// Seconds of `YYYY-MM-DDTHH:MM:SSZ`, each byte by itself; nothing where it is another form or no time.
std::optional<std::int64_t> plain_seconds(std::string_view text) {
  constexpr std::string_view kForm = "0000-00-00T00:00:00Z";
  if (text.size() != kForm.size()) return std::nullopt;
  for (std::size_t i = 0; i < kForm.size(); ++i) {
    const char c = i == 10 || i == 19 ? static_cast<char>(text[i] & ~0x20) : text[i];
    if (kForm[i] == '0' ? c < '0' || c > '9' : c != kForm[i]) return std::nullopt;
  }
  const auto number = [&](std::size_t at, std::size_t size) { return std::stol(std::string(text.substr(at, size))); };
  const std::chrono::year_month_day date{std::chrono::year(static_cast<int>(number(0, 4))),
                                         std::chrono::month(static_cast<unsigned>(number(5, 2))),
                                         std::chrono::day(static_cast<unsigned>(number(8, 2)))};
  if (!date.ok() || number(11, 2) > 23 || number(14, 2) > 59 || number(17, 2) > 59) return std::nullopt;
  return std::int64_t{std::chrono::sys_days(date).time_since_epoch().count()} * 86'400 + number(11, 2) * 3600 + number(14, 2) * 60 +
         number(17, 2);
}

TEST(PlainReading, TimesAreThoseOfTheirForm) {
  std::mt19937_64 random(3339);  // NOLINT: seeded
  const auto check = [](const std::string& text) {
    const auto read = parse_rfc3339(text);
    const auto seconds = plain_seconds(text);
    const bool held = seconds && *seconds > -9'223'372'035 && *seconds < 9'223'372'035;  // by 64 bits of nanoseconds
    ASSERT_EQ(read.has_value(), held) << text;
    if (read) {
      ASSERT_EQ(read->value, *seconds * 1'000'000'000) << text;
    }
  };
  for (const std::string whole : {"2026-11-20T10:20:00Z", "2000-02-29t23:59:59z", "1969-12-31T00:00:00Z"}) {
    for (std::size_t at = 0; at < whole.size(); ++at) {
      for (int byte = 0; byte < 256; ++byte) {
        std::string changed = whole;
        changed[at] = static_cast<char>(byte);
        if (at == 17 && byte == '6') continue;  // a leap second has a test of its own
        if (at == 19 && (byte == '+' || byte == '-')) continue;
        check(changed);
      }
    }
  }
  for (int round = 0; round < 50'000; ++round) {
    std::string text = std::to_string(1600 + random() % 750) + "-00-00T00:00:00Z";
    for (const std::size_t at : {5U, 8U, 11U, 14U, 17U}) text.replace(at, 2, std::to_string(random() % 60 + 100).substr(1));
    check(text);
  }
}

}  // namespace
}  // namespace ringfence
