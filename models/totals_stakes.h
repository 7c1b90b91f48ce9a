// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <memory>

#include "engine/state/channel_memory.h"
#include "models/scope_periods.h"

namespace ringfence::totals {

/// What has been staked on one period (a session, a day) so far. 24 bytes.
struct Stake {
  bool begun = false;
  std::uint64_t persona = 0;         // AgentState::persona at its first act: a replaced job stakes nothing on what began under another
  std::array<float, 2> given{1, 1};  // product of the factors made, under the alert and the declared null
};

/// Of an agent: its latest days, which of them and which session is staked on, and the minute that is being counted.
class AgentStakes final : public ChannelMemory {
 public:
  scope::RecentPeriods<Stake, 3> days;  // by local day of the persona
  std::int64_t staked_day = 0;          // the one that began last
  std::uint64_t staked_session = 0;     // by SessionState::key, the one that began last
  std::int64_t minute = 0;              // calls of which minute are not judged yet; 0: none

  void encode(Writer& out) const override;
  [[nodiscard]] std::size_t bytes() const override;
  void fetch_parts() const override { fetch_ahead(days.entries()); }
  /// Null where the bytes are not these.
  [[nodiscard]] static std::unique_ptr<ChannelMemory> decode(Reader& in);
};

class SessionStake final : public ChannelMemory {
 public:
  Stake stake;

  void encode(Writer& out) const override;
  [[nodiscard]] std::size_t bytes() const override;
  [[nodiscard]] static std::unique_ptr<ChannelMemory> decode(Reader& in);
};

}  // namespace ringfence::totals
