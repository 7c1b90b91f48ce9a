// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/state/channel_memory.h"
#include "models/channel.h"

namespace ringfence {

/// What could not be judged because a source does not send the fields, by `source.product`: an absent field is no zero, it is counted here
/// (docs/contracts/event.md). At most 15 sources by name, the others together. One thread counts, any thread reads; 4 KiB.
class Evaluability {
 public:
  static constexpr std::size_t kSources = 16;
  static constexpr std::string_view kUnnamed = "-", kOthers = "(others)";

  struct Row {
    std::string source;
    std::uint64_t events = 0;                                   // in which anything was not evaluable
    std::array<std::uint64_t, kChannels> channels{};            // that could not judge an act at all
    std::array<std::uint64_t, kLackingNames.size()> lacking{};  // fields that single constraints would have needed
  };

  void note(std::string_view source, std::span<const ChannelId> not_evaluable, std::uint32_t lacking);
  /// In order of first sight.
  [[nodiscard]] std::vector<Row> rows() const;
  /// Rows of several shards as one, by source.
  static void add(std::vector<Row>& to, const std::vector<Row>& more);

 private:
  using Count = std::atomic<std::uint64_t>;
  struct Slot {
    std::string source;
    Count events{0};
    std::array<Count, kChannels> channels{};
    std::array<Count, kLackingNames.size()> lacking{};
  };
  Slot& slot(std::string_view source);

  std::array<Slot, kSources> slots_;
  std::atomic<std::size_t> used_{0};
};

}  // namespace ringfence
