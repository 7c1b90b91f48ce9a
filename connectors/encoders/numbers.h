// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/verdict/finding.h"

/// How the ledger's numbers are printed (docs/design/detection.md §4), in one place, so that a finding and its table agree to the digit.
/// No function here depends on the process's locale.
namespace ringfence {

/// The rows of ln S in hundredths of a nat. They add up exactly: prior + start + rows + late_starts + others == ln_score.
struct PrintedTerms {
  std::int64_t ln_score = 0, prior = 0, start = 0, late_starts = 0, others = 0;
  std::vector<std::int64_t> rows;  // as Explanation::rows
};
/// Each term rounded to the nearest hundredth; the last row (`others`) takes the rounding. Where that would make it negative, which it
/// never is, the rest goes to the row before it and then to the greatest contribution.
[[nodiscard]] PrintedTerms printed_terms(const Explanation& explanation);

/// Nearest number with so many significant decimal digits; 0 and what is not finite stay as they are.
[[nodiscard]] double significant(double value, int digits);
/// "24.21", "-3.00": two decimals.
[[nodiscard]] std::string hundredths(std::int64_t value);
/// "7.87e10", "950", "0.31": nearest, so many digits.
[[nodiscard]] std::string score_text(double score, int digits = 3);
/// The same rounded down, so that a promise "at most once per" stays true.
[[nodiscard]] std::string score_text_down(double score, int digits = 2);
/// The same rounded up: "at most" stays true.
[[nodiscard]] std::string score_text_up(double score, int digits = 2);
/// "83 %", "0.3 %".
[[nodiscard]] std::string percent_text(double share, int digits);
/// The share of a row; empty where there is none to say.
[[nodiscard]] std::string seen_text(const EvidenceRow& row);
/// "1.5": shortest text that reads back the same.
[[nodiscard]] std::string plain_text(double value);

}  // namespace ringfence
