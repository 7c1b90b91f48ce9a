// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "engine/persona/persona.h"
#include "models/channel.h"
#include "models/detector.h"

namespace ringfence {

/// A persona set with its compiled tables: what a shard judges by. Immutable, shared by all shards, replaced as a whole.
class Rulebook {
 public:
  Rulebook(PersonaSet set, std::span<const Channel* const> channels) : set_(std::move(set)), channels_(channels) {
    tables_.reserve(set_.personas().size());
    for (const Persona& persona : set_.personas()) {
      tables_.emplace_back(persona, channels);
      plans_.emplace_back(kChannels);
      for (const Channel* channel : channels) plans_.back()[static_cast<std::size_t>(channel->info().id)] = channel->prepare(persona, set_);
      stamp_ = hash64(persona.sha256, stamp_);
    }
  }

  static constexpr std::size_t kNoPersona = static_cast<std::size_t>(-1);

  [[nodiscard]] const PersonaSet& set() const { return set_; }
  [[nodiscard]] std::span<const Channel* const> channels() const { return channels_; }
  /// Names the personas and their order: an index into one rulebook means the same in another of this stamp. Never 0. An address would not
  /// do: the next set but one may lie where this one lay.
  [[nodiscard]] std::uint64_t stamp() const { return stamp_; }
  [[nodiscard]] const Persona& persona(std::size_t index) const { return set_.personas()[index]; }
  [[nodiscard]] const Tables& tables(std::size_t index) const { return tables_[index]; }
  /// What each channel prepared for the persona, by ChannelId.
  [[nodiscard]] std::span<const std::unique_ptr<const ChannelPlan>> plans(std::size_t index) const { return plans_[index]; }
  /// Index of the persona this event is held against, or kNoPersona.
  [[nodiscard]] std::size_t match(const Event& event) const {
    const Persona* found = set_.match(event);
    return found == nullptr ? kNoPersona : static_cast<std::size_t>(found - set_.personas().data());
  }

 private:
  PersonaSet set_;
  std::span<const Channel* const> channels_;
  std::vector<Tables> tables_;
  std::vector<std::vector<std::unique_ptr<const ChannelPlan>>> plans_;  // [persona][channel]
  std::uint64_t stamp_ = 1;
};

}  // namespace ringfence
