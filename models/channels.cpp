// SPDX-License-Identifier: Apache-2.0
#include <array>

#include "models/barrier.h"
#include "models/breadth.h"
#include "models/channel.h"
#include "models/delegation.h"
#include "models/drift.h"
#include "models/flow.h"
#include "models/identity.h"
#include "models/limits_channel.h"
#include "models/opinion.h"
#include "models/outcome.h"
#include "models/recurrence.h"
#include "models/scope.h"
#include "models/sequence.h"
#include "models/shadow.h"
#include "models/subject_memory.h"
#include "models/supply.h"
#include "models/totals_channel.h"
#include "models/volume.h"
#include "models/workflow.h"

namespace ringfence {
namespace {

class ChannelMemories final : public MemoryFactory {
 public:
  [[nodiscard]] std::unique_ptr<ChannelMemory> decode(ChannelId channel, MemoryScope scope, Reader& in) const override {
    if (channel == ChannelId::Subject) return scope == MemoryScope::Agent ? SubjectMemory::decode(in) : nullptr;
    if (channel == ChannelId::Shadow) return scope == MemoryScope::Agent ? ShadowProfile::decode(in) : nullptr;
    for (const Channel* const one : all_channels())
      if (one->info().id == channel) return one->decode_memory(scope, in);
    return nullptr;
  }
};

}  // namespace

std::span<const Channel* const> all_channels() {
  static const std::array kAll = std::to_array<const Channel*>({
      &scope_channel(),
      &limits_channel(),
      &barrier_channel(),
      &workflow_channel(),
      &volume_channel(),
      &breadth_channel(),
      &drift_channel(),
      &flow_channel(),
      &delegation_channel(),
      &identity_channel(),
      &supply_channel(),
      &outcome_channel(),
      &sequence_channel(),
      &totals_channel(),
      &recurrence_channel(),
      &opinion_channel(),
  });
  return kAll;
}

const MemoryFactory& channel_memories() {
  static const ChannelMemories memories;
  return memories;
}

}  // namespace ringfence
