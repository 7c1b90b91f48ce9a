// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/persona/persona.h"
#include "models/detector.h"

/// What a persona's declaration can find and what it cannot (docs/design/detection.md §5), from its compiled tables alone: no simulation,
/// no events. Pure; about a millisecond a persona.
///
/// The growth of a threat is D = sum q ln g: nats one of its acts is worth on average when its classes come from q. A channel has one a
/// context; where several channels bet on a threat their growths add, as their factors multiply.
/// - Calls to a level are ln(c / (pi / 2)) / D with the greatest D of the contexts, under the null of that level. Against the medians of
/// the
///   golden delay table (§3.1, simulated, the contexts mixed as they come) they are right within a factor 1.7, mostly within 1.3.
/// - The slowest abuse is the greatest share f of attack acts among clean ones for which no threat's evidence grows: f sum q ln g + (1 - f)
///   ln g(clean) <= 0 for its own g and for that of every other threat, as guesses that are too rare for `guess` are what `slow` is for.
///   All in the resting context (a lone act follows a clean one); where the threat grows only in other contexts, in the one where it grows
///   most. Evidence that does not grow still wanders, so this is where being found stops being certain, not a promise of silence.
namespace ringfence {

/// Of a bet that a channel wagers itself by a law of steps (models/channel.h): days, minutes, calls of one kind.
struct StepSpot {
  StepLaw law;
  /// Steps of the abuse until the level; absent: its evidence never reaches it.
  std::optional<double> alert, throttle, halt;
  /// Greatest share of abused steps among honest ones at which its evidence does not grow under either null, and under the declared one.
  double unseen_share = 1, unhalted_share = 1;
};

struct BlindSpot {
  Threat threat{};
  /// False: no table holds its bet, a channel stakes factors of its own; `steps` and `declared` are what is known.
  bool by_table = false;
  /// The null that throttles and halts does not have it.
  bool alert_only = false;
  /// By null; 0 where that null does not have the threat.
  std::array<double, kNulls> growth{};
  /// "barrier: after a refusal", one a channel: where `growth` is greatest.
  std::array<std::vector<std::string>, kNulls> contexts;
  /// Calls of the threat until the level; absent: its evidence never reaches it.
  std::optional<double> alert, throttle, halt;
  /// Greatest share of attack acts at which no evidence grows under either null, and none that may halt under the declared one.
  double unseen_share = 0, unhalted_share = 0;
  std::vector<StepSpot> steps;
  /// Limits the persona states for what this threat is about: "records a day: p99 200, max 400".
  std::vector<std::string> declared;
};

struct BlindSpots {
  double calls_per_day = 0;
  /// `calls_per_day` is the declared rate over the busiest declared day; else assumed.
  bool rate_declared = false;
  double tolerance = 1;
  std::vector<BlindSpot> spots;    // in threat order, those with weight under either null
  std::vector<Threat> not_judged;  // no channel has anything to hold them against
};

/// Calls a day where a persona declares no rate.
inline constexpr double kCallsPerDayAssumed = 1000;

/// Of the persona whose tables these are, compiled from these channels.
[[nodiscard]] BlindSpots blind_spots(const Persona& persona, const Tables& tables, std::span<const Channel* const> channels);

}  // namespace ringfence
