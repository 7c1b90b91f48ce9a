// SPDX-License-Identifier: Apache-2.0
#include "engine/state/look_ahead.h"

#include <algorithm>
#include <span>

#include "engine/state/prefetch.h"

namespace ringfence {

void LookAhead::begin() {
  probes_.clear();
  at_ = 0;
}

const AgentTable::Probe& LookAhead::step() {
  if (at_ == 0) {
    fetch(0);
    for (std::size_t first = 0; first < kFar; ++first) look_into(first);
  }
  if (at_ % kStretch == kStretch / 2) fetch(at_ + kStretch / 2);
  look_into(at_ + kFar);
  if (const AgentState* near = coming_[(at_ + kNear) % coming_.size()]) prefetch_memories(*near);
  if (const AgentState* next = coming_[(at_ + kNext) % coming_.size()]) prefetch_parts(*next);
  return probes_[at_++];
}

void LookAhead::fetch(std::size_t from) const {
  if (from < probes_.size()) table_.prefetch(std::span(probes_).subspan(from, std::min(kStretch, probes_.size() - from)));
}

void LookAhead::look_into(std::size_t index) {
  const AgentState* const state = index < probes_.size() ? table_.in_memory(probes_[index]) : nullptr;
  if (state != nullptr) prefetch_scopes(*state);
  coming_[index % coming_.size()] = state;
}

}  // namespace ringfence
