// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

#include "engine/event/ids.h"

/// Every bound on what comes from outside or is kept for an agent, in one place, with their relations checked at compile time.
/// Sizes are bytes unless the name says otherwise. Source: the event and persona contracts (docs/contracts).
namespace ringfence::limits {

// One event.
inline constexpr std::size_t kEventBytes = 1U << 20U;
inline constexpr std::size_t kStringBytes = 64U << 10U;
inline constexpr std::size_t kNesting = 32;
inline constexpr std::size_t kEventIdChars = 128;
inline constexpr std::size_t kTenantChars = 128;
inline constexpr std::size_t kAgentIdChars = 512;
inline constexpr std::size_t kDestinations = 64;
inline constexpr std::size_t kDelegationChain = 64;
inline constexpr std::size_t kLeavesPerValue = 65536;
inline constexpr std::size_t kPointerBytesPerValue = 8U << 20U;  // all JSON Pointers of one value: long keys above long arrays multiply
inline constexpr Nanos kFutureTolerance = hours(1);

// What is remembered of an agent.
inline constexpr Nanos kActMemory = hours(24);
inline constexpr std::size_t kActsPerAgent = 4096;
inline constexpr std::size_t kSessionsPerAgent = 64;
inline constexpr Nanos kSessionIdle = hours(24);
inline constexpr std::size_t kTasksPerSession = 64;
inline constexpr std::size_t kTasksPerAgent = 512;
inline constexpr std::size_t kDestinationsPerAgent = 4096;
inline constexpr Nanos kFindingIdle = hours(24);

// Personas.
inline constexpr std::size_t kPersonaFileBytes = 1U << 20U;
inline constexpr std::size_t kListFileBytes = 16U << 20U;
inline constexpr std::size_t kEntitiesDeclared = 4096;
inline constexpr std::size_t kChildrenDeclared = 256;

// Context facts.
inline constexpr Nanos kOutageMute = hours(4);
inline constexpr Nanos kChangeMute = minutes(15);

// Outputs.
inline constexpr std::size_t kDeadLetterExcerpt = 64U << 10U;

static_assert(kStringBytes < kEventBytes);
static_assert(kDeadLetterExcerpt <= kEventBytes);
static_assert(kActMemory.value >= kSessionIdle.value, "a copy must be known for as long as its session can live");

}  // namespace ringfence::limits
