// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <concepts>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <iosfwd>
#include <memory>
#include <string>
#include <string_view>
#include <variant>

#include "config/settings.h"

namespace ringfence {

/// One named value of a message. Texts may come from anywhere: they are escaped when the line is written, whatever they hold.
struct LogField {
  LogField(std::string_view n, std::string_view v) : name(n), value(v) {}
  LogField(std::string_view n, const char* v) : name(n), value(std::string_view(v)) {}
  LogField(std::string_view n, const std::string& v) : name(n), value(std::string_view(v)) {}
  LogField(std::string_view n, bool v) : name(n), value(v) {}
  LogField(std::string_view n, double v) : name(n), value(v) {}
  template <std::integral Number>
    requires(!std::same_as<Number, bool>)
  LogField(std::string_view n, Number v) : name(n), value(static_cast<std::int64_t>(v)) {}

  std::string_view name;
  std::variant<std::string_view, std::int64_t, double, bool> value;
};

/// Messages of the service, one line each: `{"time":…,"level":"info","message":…,fields}` or `TIME info message name=value`.
/// The message is a constant of the program, all that varies is a field; so a line can neither be forged nor hold a control character.
/// Warnings and errors that are equal but for digits in their texts are written once in 10 s, the last of those left out afterwards with
/// `repeated`, how many they were: a broker that is away would fill a disk. Thread-safe. What cannot be written is lost, never an error:
/// logs are not a data path.
class ServiceLog {
 public:
  using Clock = std::function<std::chrono::steady_clock::time_point()>;
  /// Writes to standard error.
  ServiceLog(LogLevel least, LogFormat format);
  /// Writes to `out`, which must outlive the log.
  ServiceLog(LogLevel least, LogFormat format, std::ostream& out, Clock clock = &std::chrono::steady_clock::now);
  /// Tells what was left out until now.
  ~ServiceLog();

  void debug(std::string_view message, std::initializer_list<LogField> fields = {}) const { write(LogLevel::Debug, message, fields); }
  void info(std::string_view message, std::initializer_list<LogField> fields = {}) const { write(LogLevel::Info, message, fields); }
  void warning(std::string_view message, std::initializer_list<LogField> fields = {}) const { write(LogLevel::Warning, message, fields); }
  void error(std::string_view message, std::initializer_list<LogField> fields = {}) const { write(LogLevel::Error, message, fields); }
  void write(LogLevel level, std::string_view message, std::initializer_list<LogField> fields) const;
  /// Writes the repeats whose time is up; every write does, too. To be called now and then, so that a quiet log tells its last ones.
  void tell_repeats() const;

 private:
  struct Logger;
  struct Repeats;
  [[nodiscard]] std::string line_of(LogLevel level, std::string_view message, std::initializer_list<LogField> fields) const;
  void put(LogLevel level, const std::string& line) const;
  void put_repeated(LogLevel level, const std::string& line, std::uint64_t count) const;

  std::unique_ptr<Logger> logger_;
  std::unique_ptr<Repeats> repeats_;
  LogFormat format_;
};

}  // namespace ringfence
