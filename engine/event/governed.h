// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/event/analytic.h"

namespace ringfence {

/// `response.analytics` sets the level of its findings. False of what is told of ringfence and its feeds, of containments and gates, and of
/// agents that no persona applies to: their level is fixed.
[[nodiscard]] constexpr bool takes_level(Analytic analytic) {
  switch (analytic) {
    case Analytic::ContainmentUnacked:
    case Analytic::ContainmentViolated:
    case Analytic::ContainmentBlastRadius:
    case Analytic::GateStale:
    case Analytic::AgentUnclassified:
    case Analytic::AgentUnattributed:
    case Analytic::FeedSilent:
    case Analytic::FeedLag:
    case Analytic::FeedGap:
    case Analytic::FeedFieldVanished:
      return false;
    default:
      return true;
  }
}

/// An exception can take an act out of it. A refused record is no act.
[[nodiscard]] constexpr bool takes_exceptions(Analytic analytic) { return takes_level(analytic) && analytic != Analytic::FeedRefused; }

/// An act that came earlier is at fault, never the one that shows it: an exception knows its agent and its action, and nothing else of it.
[[nodiscard]] constexpr bool is_of_earlier_acts(Analytic analytic) { return analytic == Analytic::OutcomeContradiction; }

}  // namespace ringfence
