// SPDX-License-Identifier: Apache-2.0
#include "models/scope.h"

#include "models/scope_argument.h"
#include "models/scope_destination.h"
#include "models/scope_job.h"
#include "models/scope_memory.h"
#include "models/scope_ruling.h"
#include "models/scope_task.h"

namespace ringfence {

namespace {

class ScopeChannel final : public Channel {
 public:
  [[nodiscard]] const ChannelInfo& info() const override {
    static const ChannelInfo kInfo{ChannelId::Scope, "scope", {}, {}, {}, true};
    return kInfo;
  }
  [[nodiscard]] std::vector<std::vector<double>> caps(const Persona& /*persona*/) const override { return {}; }
  [[nodiscard]] std::span<const Bet> bets() const override { return {}; }

  [[nodiscard]] std::unique_ptr<ChannelMemory> decode_memory(MemoryScope scope, Reader& in) const override {
    return scope == MemoryScope::Agent ? scope::AgentMemory::decode(in) : nullptr;
  }

  [[nodiscard]] Reading read(const Act& act) const override {
    scope::Ruling ruling;
    if (act.event.kind == EventKind::ToolCall) {
      ruling = scope::judge_never(act);
      ruling += scope::judge_declared(act);
      ruling += scope::judge_arguments(act);
      ruling += scope::judge_destinations(act);
      ruling += scope::judge_tasks(act);
      ruling += scope::judge_approval(act);
      ruling += scope::judge_delegation(act);
      ruling += scope::judge_circumstances(act);
      ruling += scope::judge_decoys(act);
    } else if (act.event.kind == EventKind::TaskStart) {
      scope::start_task(act);
    } else if (act.event.kind == EventKind::TaskEnd) {
      scope::end_task(act);
    }
    scope::note_activity(act);
    Reading reading = Reading::of(Reading::Kind::Silent);
    reading.breaches = std::move(ruling.breaches);
    reading.lacking = ruling.lacking;
    return reading;
  }

  [[nodiscard]] std::vector<Breach> read_late(const Act& act) const override { return scope::judge_shown_late(act).breaches; }

  [[nodiscard]] Description describe(const Act& /*act*/, Threat /*threat*/) const override { return {}; }
};

}  // namespace

const Channel& scope_channel() {
  static const ScopeChannel kChannel;
  return kChannel;
}

}  // namespace ringfence
