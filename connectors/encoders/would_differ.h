// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "connectors/encoders/explain.h"

/// What would have to be otherwise for a finding to weigh less, or not to be.
namespace ringfence {

/// The scores from which a persona's levels follow; 0 where one is not known.
struct LevelScores {
  double alert = 0, throttle = 0, halt = 0;
};

/// The one that a finding's ledger names.
[[nodiscard]] LevelScores own_level_of(const Account& account);

/// What would have to differ for the next lower level or none: "without 2 of the 5 \"denied, near-miss\": about 3.1e6, throttle". Empty
/// where no single kind of act makes the difference, or the score stands below alert.
[[nodiscard]] std::vector<std::string> what_would_differ(const Explanation& explanation, const LevelScores& levels);
/// What would leave no level at all: the greatest rows, one after the other, until the score is below alert also where every act left
/// weighs as much more as the caps of alerts could make it (those without tolerance, and `EvidenceRow::alerts_more`). Empty where the alert
/// threshold is not known or what other threats hold is enough for it.
[[nodiscard]] std::string what_would_leave_nothing(const Explanation& explanation, const LevelScores& levels);
/// What would have to differ where something declared was broken: the acts that broke it, and beside them what the evidence alone would
/// need; of a halt by the number of held acts, one of them. Empty where nothing was broken. A record counts no act that came after it.
[[nodiscard]] std::vector<std::string> what_would_undo(const Account& account, const LevelScores& levels);

/// Fills `Account::would_differ` with what of these applies.
void say_what_would_differ(Account& account, const LevelScores& levels);

}  // namespace ringfence
