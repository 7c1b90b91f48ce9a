// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "engine/event/analytic.h"
#include "engine/event/level.h"

namespace ringfence {

/// How an analytic comes to its result; the values are OCSF's analytic type ids.
enum class AnalyticKind : std::uint8_t { Rule = 1, Statistical = 3 };

/// A technique of a public taxonomy that the observed effect belongs to. Parts that do not apply are empty; never both of them.
struct TechniqueTag {
  std::string_view taxonomy;  // name and version: "ATT&CK v18.1"
  std::string_view tactic_uid, tactic_name;
  std::string_view technique_uid, technique_name;
};

/// All that is said about one analytic wherever it is named: findings, docs, SIEM content. Text lives as long as the program.
struct AnalyticInfo {
  Analytic analytic{};
  AnalyticKind kind{};
  /// Level where neither the persona nor the evidence sets another; the severity of alarms made outside the detection core.
  Level usual_level{};
  std::string_view name;                        // "Guessing after a refusal"
  std::string_view title;                       // what happened, one clause: "Agent guesses identifiers after refusals"
  std::string_view meaning;                     // one line
  std::string_view false_positives;             // what innocent conduct can look like this
  std::string_view check;                       // what an analyst looks at first
  std::span<const TechniqueTag> techniques;     // empty where no effect of the taxonomy fits for certain
  std::span<const std::string_view> owasp_asi;  // "ASI10:2026": OWASP Top 10 for Agentic Applications
  std::string_view other_levels = {};           // which of its acts get another level; empty: none by default
  std::string_view source = {};                 // where no channel's header names one
};

/// One row per analytic, in the order of `Analytic`; docs and SIEM content are generated from it.
[[nodiscard]] std::span<const AnalyticInfo> all_analytics();
[[nodiscard]] const AnalyticInfo& info_of(Analytic analytic);

}  // namespace ringfence
