// SPDX-License-Identifier: Apache-2.0
#include "engine/state/reclaim.h"

#include <algorithm>

#include "engine/event/far_times.h"
#include "engine/state/agent_codec.h"
#include "engine/state/records.h"

namespace ringfence {

std::optional<EventTime> Reclaim::cutoff(Partition partition) {
  if (partition == partition_) return cutoff_;
  partition_ = partition;
  cutoff_.reset();
  for (unsigned lane = 0; lane < kLanesMax; ++lane) {
    const std::string key = low_key(partition, static_cast<std::uint8_t>(lane));
    const auto row = get_(key);
    if (!row) break;  // lanes are numbered from 0 without a gap
    const auto mark = low_mark_of(key, *row);
    if (!mark || !mark->reached) {
      cutoff_.reset();
      break;
    }
    const EventTime expired = before(before(*mark->reached, expiry_), kLateMost);
    cutoff_ = cutoff_ ? std::min(*cutoff_, expired) : expired;
  }
  return cutoff_;
}

bool Reclaim::orphaned(Partition partition, const AgentKey& agent, EventTime before) const {
  const auto core = get_(part_key(partition, agent, {}));
  if (!core) return false;
  if (!core_.empty() && *core == core_) return true;
  return remainder_of(agent, *core, before) == *core;
}

Reclaim::Outcome Reclaim::judge(std::string_view key, std::string_view value) {
  using Kind = Outcome::Kind;
  const auto row = agent_part_of(key);
  if (!row) return {Kind::Keep, {}};
  const Partition partition = partition_of(key);
  const auto before = cutoff(partition);
  if (!before) return {Kind::Keep, {}};
  const bool same = agent_ == row->agent && agent_partition_ == partition;
  if (!same) {
    agent_ = row->agent;
    agent_partition_ = partition;
    core_.clear();
    gone_.reset();
  }
  if (row->part.kind == PartId::Kind::Core) {
    auto left = remainder_of(row->agent, value, *before);
    if (!left) {
      gone_ = false;  // the newest core is not older than this one
      return {Kind::Keep, {}};
    }
    if (*left == value) return {Kind::Keep, {}};
    core_ = value;
    return {Kind::Replace, std::move(*left)};
  }
  if (!gone_) gone_ = orphaned(partition, row->agent, *before);
  return {*gone_ ? Kind::Remove : Kind::Keep, {}};
}

}  // namespace ringfence
