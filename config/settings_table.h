// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "config/settings.h"

namespace ringfence {

/// Form of a value; decides what is accepted, how the reference and the schema describe it, and which slot it fills.
enum class SettingType : std::uint8_t {
  Text,
  Topic,
  Path,
  Flag,
  Integer,
  Share,
  Bytes,
  Duration,
  Choice,
  Listen,
  Output,
  TextList,
  PathList,
  TextMap,
  PathMap,
};

/// Where a value goes: the member of Settings it fills. A choice is handed over by its place in `choices`.
using SettingSlot = std::variant<std::string& (*)(Settings&), std::filesystem::path& (*)(Settings&), bool& (*)(Settings&),
                                 std::int64_t& (*)(Settings&), double& (*)(Settings&), std::uint64_t& (*)(Settings&), Nanos& (*)(Settings&),
                                 Address& (*)(Settings&), OutputTarget& (*)(Settings&), std::vector<std::string>& (*)(Settings&),
                                 std::vector<std::filesystem::path>& (*)(Settings&), std::map<std::string, std::string>& (*)(Settings&),
                                 std::map<std::string, std::filesystem::path>& (*)(Settings&), void (*)(Settings&, std::size_t)>;

/// One row of the table that the loader, the default file, the reference and the schema are all made from.
struct Setting {
  std::string_view path;  // "kafka.bootstrap"; at most one dot
  SettingType type{};
  std::string_view fallback;  // the default, as YAML
  SettingSlot slot;
  std::string_view doc;        // sentences; the unit where the type does not say it
  double least = 0, most = 0;  // of Integer, Share, Bytes (bytes) and Duration (nanoseconds), both included
  std::span<const std::string_view> choices = {};
  bool may_be_empty = false;  // of Text and Path
  bool names_secret = false;  // a file that holds a secret

  /// "kafka"; empty for a setting outside any section.
  [[nodiscard]] std::string_view section() const;
  /// "bootstrap".
  [[nodiscard]] std::string_view key() const;
};

/// Bounds of Bytes and Duration as the rows write them.
inline constexpr double kMiB = 1024.0 * 1024.0;
constexpr double in_ns(Nanos length) { return static_cast<double>(length.value); }

/// Every setting, sections together, in the order of the default file.
[[nodiscard]] std::span<const Setting> settings_table();
/// Of them, those of the sections `gate`, `ask` and `drill`.
[[nodiscard]] std::span<const Setting> gate_settings();
[[nodiscard]] std::span<const Setting> ask_settings();
[[nodiscard]] std::span<const Setting> drill_settings();
/// One sentence on a section for the reference and the default file; empty where the section is unknown.
[[nodiscard]] std::string_view section_doc(std::string_view section);

/// What the type accepts, in words: "duration from 100ms to 60s".
[[nodiscard]] std::string expectation(const Setting& setting);
/// `2GiB`, `1536KiB`: the greatest unit that leaves no remainder.
[[nodiscard]] std::string format_bytes(std::uint64_t bytes);
/// `30d`, `1500ms`, likewise; not for negative lengths.
[[nodiscard]] std::string format_duration(Nanos length);
/// A number and one of B KiB MiB GiB, or of ms s m h d; nothing on any other form or on overflow.
[[nodiscard]] std::optional<std::uint64_t> parse_bytes(std::string_view text);
[[nodiscard]] std::optional<Nanos> parse_length_of_time(std::string_view text);

}  // namespace ringfence
