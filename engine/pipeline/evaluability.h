// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/state/channel_memory.h"
#include "models/channel.h"

namespace ringfence {

/// What could not be judged because a source does not send the fields, and what it sent that nobody reads, by `source.product`: an absent
/// field is no zero, a mistyped one is no field, and both are counted here (docs/contracts/event.md). At most 15 sources by name, the
/// others together. One thread counts, any thread reads; 64 KiB at most.
class Evaluability {
 public:
  static constexpr std::size_t kSources = 16;
  /// Names kept of a source's unknown fields, the first by the alphabet, so that they are the same however the events are shared out.
  static constexpr std::size_t kNames = 32;
  static constexpr std::string_view kUnnamed = "-", kOthers = "(others)";

  struct Row {
    std::string source;
    std::uint64_t events = 0;                                   // in which anything was not evaluable
    std::array<std::uint64_t, kChannels> channels{};            // that could not judge an act at all
    std::array<std::uint64_t, kLackingNames.size()> lacking{};  // fields that single constraints would have needed
    std::uint64_t ignoring = 0;                                 // events in which anything was ignored
    std::uint64_t unknown_fields = 0;                           // that the contract does not name
    std::uint64_t ignored_elements = 0;      // of `arg_ids` and `result_ids` that break their form, and results too large
    std::vector<std::string> unknown_names;  // sorted, each as a JSON string of at most 64 of its bytes
    bool more_names = false;
  };

  void note(std::string_view source, std::span<const ChannelId> not_evaluable, std::uint32_t lacking);
  /// What the decoder passed over in the event.
  void note_ignored(const Event& event);
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
    Count ignoring{0}, unknown_fields{0}, ignored_elements{0};
    mutable std::mutex naming;  // held to change the names, and to read them from another thread
    std::vector<std::string> unknown_names;
    bool more_names = false;
  };
  Slot& slot(std::string_view source);
  static void note_names(const Event& event, Slot& of);

  std::array<Slot, kSources> slots_;
  std::atomic<std::size_t> used_{0};
};

}  // namespace ringfence
