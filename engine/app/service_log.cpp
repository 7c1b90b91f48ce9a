// SPDX-License-Identifier: Apache-2.0
#include "engine/app/service_log.h"

#include <spdlog/logger.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <array>
#include <charconv>
#include <cmath>

#include "engine/event/escape.h"

namespace ringfence {
namespace {

constexpr std::size_t kTextChars = 2000;

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

ServiceLog::ServiceLog(LogLevel least, LogFormat format)
    : logger_(std::make_unique<Logger>(std::make_shared<spdlog::sinks::stderr_sink_mt>(), least, format)), format_(format) {}

ServiceLog::ServiceLog(LogLevel least, LogFormat format, std::ostream& out)
    : logger_(std::make_unique<Logger>(std::make_shared<spdlog::sinks::ostream_sink_mt>(out), least, format)), format_(format) {}

ServiceLog::~ServiceLog() = default;

void ServiceLog::write(LogLevel level, std::string_view message, std::initializer_list<LogField> fields) const {
  constexpr std::array<std::string_view, 4> kNames = {"debug", "info", "warning", "error"};
  if (!logger_->log.should_log(level_of(level))) return;
  const auto name = std::string(kNames[static_cast<std::size_t>(level)]);
  std::string line;
  if (format_ == LogFormat::Json) {
    line = "\"level\":\"" + name + "\",\"message\":" + json_quoted(printable(message, kTextChars));
    for (const auto& field : fields) line += "," + json_quoted(field.name) + ":" + json_value(field);
  } else {
    line = name + " " + printable(message, kTextChars);
    for (const auto& field : fields) line += " " + std::string(field.name) + "=" + plain_value(field);
  }
  logger_->log.log(level_of(level), spdlog::string_view_t(line.data(), line.size()));
}

}  // namespace ringfence
