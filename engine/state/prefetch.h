// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/state/agent_state.h"

/// Hints that bring a state towards the cache before it is needed. A state is a tree of small objects, so each step may follow only what an
/// earlier one has brought: first the state's own lines (AgentTable::prefetch), some events later `prefetch_scopes`, then
/// `prefetch_memories`, then `prefetch_parts`. Nothing but time depends on them.
namespace ringfence {

/// What the state points to: its sessions, its ledger, the memories of its channels, its latest acts.
void prefetch_scopes(const AgentState& agent);
/// What its latest session points to, and what the channels' memories of the agent do.
void prefetch_memories(const AgentState& agent);
/// What the channels' memories of the latest session point to.
void prefetch_parts(const AgentState& agent);

}  // namespace ringfence
