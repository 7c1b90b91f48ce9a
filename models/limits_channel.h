// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "models/channel.h"

namespace ringfence {

/// `limit.hard`: a declared `max` is passed by a greater value, on the very record (docs/contracts/persona.md, data).
/// Judged: per call, per session and per day (the persona's local day) of records (returned), bytes (request and response), tokens (input
/// and output), cost and entities (distinct values of identifier-marked arguments, per KIND); the share of a population one call returns;
/// calls per minute of event time. A unit that the act's action declares counts in that action's ladder instead of the persona's. A total
/// is a breach of every act that adds to it beyond its `max`; an entity beyond `max` is one at each touch.
///
/// A delegate is held to its own maxima and to those of its parent's job (persona.md, delegation; `Act::parent`): what it does for that job
/// is added up apart, against that job's maxima; the calls of a minute are counted once, against the narrower maximum.
///
/// An act that was refused or failed carries no records and entities; its tokens and cost were spent. The bytes that a failed one is
/// reported to have moved count, those of a refused one do not.
///
/// Day and minute totals live with the agent, so sessions and instances add up; session totals with the session. Allocated only where the
/// persona declares such rungs, `max` or not (the totals channel and breadth read them here): 40 bytes per ladder and day (three days),
/// 8 bytes per entity (at most the greatest declared value).
/// Kept are the latest three days and sixteen minutes in which the agent acted: an event of an older one is counted in none and not
/// evaluable there (`Lacking::Past`). Cost: some additions; per entity a search among at most 4,096. Blind to: quantities the gateway does
/// not report (`Reading::lacking`; of half of one, what is above it); per-session limits of events without `session.id`; what comes later
/// than the periods kept.
/// Source: docs/contracts/persona.md, data.
[[nodiscard]] const Channel& limits_channel();

}  // namespace ringfence
