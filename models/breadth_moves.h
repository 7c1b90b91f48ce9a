// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

#include "engine/event/short_list.h"
#include "models/breadth_memory.h"
#include "models/channel.h"

/// The moves to other identifiers that an act makes, as marks of the sweep.
namespace ringfence::breadth {

inline constexpr std::size_t kWalkClasses = 5, kWalkContexts = 3;
enum Walked : std::uint8_t { Elsewhere, Another, Listed, CountedSomewhere, CountedUngiven };
enum WalkContext : std::uint8_t { Within, Beyond, Undeclared };
/// A run counts from its third.
inline constexpr std::uint32_t kRun = 3;

struct Moves {
  bool named = false;                 // the act names identifiers
  ShortList<Reading::Mark, 4> marks;  // at most 1 + kFurtherMost
};

/// The moves of an act in the order in which it names them. Marked is the first, and of the others, until one speaks, what follows a run of
/// two: where no run can become one of three nothing is staked, or long lists of identifiers would outweigh what is counted beside them.
/// Whether a move is marked and in which context is settled before it, by the session ahead of the act and the act's moves before. So its
/// factor has a mean of at most 1 given these, and hence the product has, however many moves there are (its last factor first); no factor
/// but the last exceeds 1, so that the act counts for no more than one move may.
/// Of an act that took place and is an action with identifiers; remembers it.
[[nodiscard]] Moves judge_moves(const Act& act, Session& session);

}  // namespace ringfence::breadth
