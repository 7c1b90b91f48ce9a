// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/event/ids.h"

namespace ringfence {

/// Scalars of the persona format as text; nothing where the text is not of that form.

/// A finite decimal number, as JSON writes one.
[[nodiscard]] std::optional<double> parse_number(std::string_view text);
[[nodiscard]] std::optional<std::int64_t> parse_integer(std::string_view text);
/// A number in [0, 1], or `always often sometimes rarely never`.
[[nodiscard]] std::optional<double> parse_share(std::string_view text);
/// Bytes: a number with `B`, `KiB`, `MiB` or `GiB`; a bare whole number is bytes.
[[nodiscard]] std::optional<double> parse_size(std::string_view text);
/// A number with `ms`, `s`, `m`, `h` or `d`, up to a hundred years.
[[nodiscard]] std::optional<Nanos> parse_duration(std::string_view text);
/// `2026-11-20`: its last nanosecond in UTC; or a time with offset as in events.
[[nodiscard]] std::optional<EventTime> parse_moment(std::string_view text);
/// Adds the minutes of `Mon-Fri 07:00-19:00` (days: one, a range, several by comma, none for all; a window may pass midnight and Sunday)
/// to `minutes`, one bit a minute after Monday 00:00; false where the text is no window.
[[nodiscard]] bool add_window(std::string_view text, std::vector<bool>& minutes);
inline constexpr std::size_t kMinutesOfWeek = std::size_t{7} * 24 * 60;

/// ASCII letters small and all else as it is: how hosts are compared.
[[nodiscard]] std::string lower_ascii(std::string_view text);
[[nodiscard]] std::vector<std::string> lower_hosts(std::vector<std::string> hosts);

/// The candidate nearest to a mistyped word, within edit distance 1 (up to 3 characters), 2 (up to 5) or 3; nothing where none is near.
[[nodiscard]] std::optional<std::string> nearest(std::string_view word, std::span<const std::string> candidates);

}  // namespace ringfence
