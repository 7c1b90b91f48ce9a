// SPDX-License-Identifier: Apache-2.0
#include "engine/app/service_log.h"

#include <spdlog/logger.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <iterator>
#include <map>
#include <mutex>
#include <vector>

#include "engine/event/escape.h"

namespace ringfence {
namespace {

constexpr std::size_t kTextChars = 2000;
constexpr std::chrono::seconds kRepeatAfter{10};
constexpr std::size_t kKindsMost = 256;

spdlog::level::level_enum level_of(LogLevel level) {
  switch (level) {
    case LogLevel::Debug:
      return spdlog::level::debug;
    case LogLevel::Info:
      return spdlog::level::info;
    case LogLevel::Warning:
      return spdlog::level::warn;
    case LogLevel::Error:
      return spdlog::level::err;
  }
  return spdlog::level::err;
}

std::string text_of(double number) {
  std::array<char, 32> buffer{};
  const auto result = std::to_chars(buffer.data(), buffer.data() + buffer.size(), number);
  return {buffer.data(), result.ptr};
}

/// JSON has no number for infinity and NaN; they become texts. `printable` first, because JSON leaves direction marks and C1 controls as
/// they are.
std::string json_value(const LogField& field) {
  if (const auto* text = std::get_if<std::string_view>(&field.value)) return json_quoted(printable(*text, kTextChars));
  if (const auto* number = std::get_if<std::int64_t>(&field.value)) return std::to_string(*number);
  if (const auto* flag = std::get_if<bool>(&field.value)) return *flag ? "true" : "false";
  const auto number = std::get<double>(field.value);
  return std::isfinite(number) ? text_of(number) : json_quoted(text_of(number));
}

/// Bare where the text is one plain word, else quoted so that a space or `=` in it cannot start a field of its own.
std::string plain_value(const LogField& field) {
  const auto* text = std::get_if<std::string_view>(&field.value);
  if (text == nullptr) return json_value(field);
  constexpr std::string_view kPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:@+%,";
  if (!text->empty() && text->size() <= kTextChars && text->find_first_not_of(kPlain) == std::string_view::npos) return std::string(*text);
  return json_value(field);
}

/// What makes two messages equal: everything but the digits of texts, which are ports, times and counts of the client's. A number of our
/// own says which partition or shard it is about.
std::string kind_of(LogLevel level, std::string_view message, std::initializer_list<LogField> fields) {
  std::string kind = std::to_string(static_cast<int>(level)) + std::string(message);
  for (const LogField& field : fields) {
    kind += '\0' + std::string(field.name) + '\0';
    const auto* text = std::get_if<std::string_view>(&field.value);
    if (text == nullptr) {
      kind += json_value(field);
      continue;
    }
    std::ranges::copy_if(text->substr(0, kTextChars), std::back_inserter(kind), [](char c) { return c < '0' || c > '9'; });
  }
  return kind;
}

}  // namespace

struct ServiceLog::Logger {
  Logger(spdlog::sink_ptr sink, LogLevel least, LogFormat format) : log("ringfence", std::move(sink)) {
    constexpr auto* kJson = R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ",%v})";
    constexpr auto* kText = "%Y-%m-%dT%H:%M:%S.%eZ %v";
    log.set_formatter(
        std::make_unique<spdlog::pattern_formatter>(format == LogFormat::Json ? kJson : kText, spdlog::pattern_time_type::utc));
    log.set_level(level_of(least));
    log.flush_on(spdlog::level::trace);
    log.set_error_handler([](const std::string&) {});  // nowhere to say it
  }
  spdlog::logger log;
};

/// What was left out, by the line without the digits of its texts.
struct ServiceLog::Repeats {
  struct Kind {
    std::chrono::steady_clock::time_point until;
    LogLevel level{};
    std::string last;
    std::uint64_t left_out = 0;
  };
  explicit Repeats(Clock c) : clock(std::move(c)) {}

  Clock clock;
  std::mutex mutex;
  std::map<std::string, Kind> kinds;

  /// True where the line is to be written now.
  [[nodiscard]] bool first(LogLevel level, const std::string& kind, const std::string& line) {
    const std::lock_guard lock(mutex);
    const auto found = kinds.find(kind);
    if (found != kinds.end()) {
      ++found->second.left_out;
      found->second.last = line;
      return false;
    }
    // So many kinds at once are no repetition: they are written.
    if (kinds.size() < kKindsMost) kinds.emplace(kind, Kind{clock() + kRepeatAfter, level, {}, 0});
    return true;
  }
  /// Those whose time is up, or all.
  [[nodiscard]] std::vector<Kind> take(bool all) {
    const std::lock_guard lock(mutex);
    const auto now = clock();
    std::vector<Kind> due;
    std::erase_if(kinds, [&](auto& row) {
      const bool over = all || row.second.until <= now;
      if (over && row.second.left_out > 0) due.push_back(std::move(row.second));
      return over;
    });
    return due;
  }
};

ServiceLog::ServiceLog(LogLevel least, LogFormat format)
    : logger_(std::make_unique<Logger>(std::make_shared<spdlog::sinks::stderr_sink_mt>(), least, format)),
      repeats_(std::make_unique<Repeats>(&std::chrono::steady_clock::now)),
      format_(format) {}

ServiceLog::ServiceLog(LogLevel least, LogFormat format, std::ostream& out, Clock clock)
    : logger_(std::make_unique<Logger>(std::make_shared<spdlog::sinks::ostream_sink_mt>(out), least, format)),
      repeats_(std::make_unique<Repeats>(std::move(clock))),
      format_(format) {}

ServiceLog::~ServiceLog() {
  for (const Repeats::Kind& kind : repeats_->take(true)) put_repeated(kind.level, kind.last, kind.left_out);
}

void ServiceLog::write(LogLevel level, std::string_view message, std::initializer_list<LogField> fields) const {
  if (!logger_->log.should_log(level_of(level))) return;
  tell_repeats();
  const std::string line = line_of(level, message, fields);
  if (level < LogLevel::Warning) return put(level, line);
  if (repeats_->first(level, kind_of(level, message, fields), line)) put(level, line);
}

void ServiceLog::tell_repeats() const {
  for (const Repeats::Kind& kind : repeats_->take(false)) put_repeated(kind.level, kind.last, kind.left_out);
}

std::string ServiceLog::line_of(LogLevel level, std::string_view message, std::initializer_list<LogField> fields) const {
  constexpr std::array<std::string_view, 4> kNames = {"debug", "info", "warning", "error"};
  const auto name = std::string(kNames[static_cast<std::size_t>(level)]);
  std::string line;
  if (format_ == LogFormat::Json) {
    line = "\"level\":\"" + name + "\",\"message\":" + json_quoted(printable(message, kTextChars));
    for (const auto& field : fields) line += "," + json_quoted(field.name) + ":" + json_value(field);
  } else {
    line = name + " " + printable(message, kTextChars);
    for (const auto& field : fields) line += " " + std::string(field.name) + "=" + plain_value(field);
  }
  return line;
}

void ServiceLog::put(LogLevel level, const std::string& line) const {
  logger_->log.log(level_of(level), spdlog::string_view_t(line.data(), line.size()));
}

void ServiceLog::put_repeated(LogLevel level, const std::string& line, std::uint64_t count) const {
  put(level, line + (format_ == LogFormat::Json ? ",\"repeated\":" : " repeated=") + std::to_string(count));
}

}  // namespace ringfence
