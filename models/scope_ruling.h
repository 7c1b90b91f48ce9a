// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/event/far_times.h"
#include "engine/persona/persona.h"
#include "models/channel.h"

namespace ringfence::scope {

using ringfence::between;

/// What one part of the job says of one act: what it broke, and what could not be looked at.
struct Ruling {
  std::vector<Breach> breaches;
  std::uint32_t lacking = 0;

  void breach(Analytic analytic, std::string what, std::optional<Severity> severity = std::nullopt) {
    breaches.push_back({.analytic = analytic, .what = std::move(what), .severity = severity});
  }
  void lacks(Lacking what) { lacking |= bit_of(what); }
  Ruling& operator+=(Ruling&& other) {
    lacking |= other.lacking;
    if (!other.breaches.empty()) take(std::move(other.breaches));
    return *this;
  }

 private:
  void take(std::vector<Breach>&& more);
};

// Words of a breach. What comes from the event is escaped and short, and shown only where the contract lets it stand in findings.

/// `server/name`, escaped.
[[nodiscard]] std::string tool_words(const Event& event);
/// A value of the argument or field `name`: itself, quoted, where `privacy.show` lists it; else its shape and length.
[[nodiscard]] std::string value_words(const Persona& persona, std::string_view name, std::string_view value);
/// `60000`, `0.2`, `1.5e+300`.
[[nodiscard]] std::string number_words(double value);
/// `36 h`, `30 d`: in the largest unit of which it has two or a whole number.
[[nodiscard]] std::string duration_words(Nanos length);
/// A length that is over a limit, so that it can be seen: `25 h` over a limit of a day, `1441 m` where it is less than an hour over.
[[nodiscard]] std::string over_words(Nanos length, Nanos limit);
[[nodiscard]] std::string joined(const std::vector<std::string>& texts, std::string_view separator);

}  // namespace ringfence::scope
