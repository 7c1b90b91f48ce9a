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
/// field is no zero, a mistyped one is no field, and both are counted here (docs/contracts/event.md). At most 15 sources by name, the first
/// by the alphabet, the others together: so it is the same however the events are shared out. One thread counts, any thread reads; 64 KiB
/// at most.
class Evaluability {
 public:
  static constexpr std::size_t kSources = 16;
  /// Names kept of a source's unknown fields, the first by the alphabet.
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
  /// In order of first sight, the others at last.
  [[nodiscard]] std::vector<Row> rows() const;
  /// Rows of several shards as one: by source in order of the alphabet, the others at last.
  static void add(std::vector<Row>& to, const std::vector<Row>& more);

 private:
  using Count = std::atomic<std::uint64_t>;
  struct Slot {
    std::string source;
    Count events{0};
    std::array<Count, kChannels> channels{};
    std::array<Count, kLackingNames.size()> lacking{};
    Count ignoring{0}, unknown_fields{0}, ignored_elements{0};
    std::vector<std::string> unknown_names;
    bool more_names = false;

    /// Counts from zero for a source.
    void begin(std::string name);
    [[nodiscard]] Row row() const;
  };
  Slot& slot(std::string_view source);
  void note_names(const Event& event, Slot& of);

  static constexpr std::size_t kNamed = kSources - 1;
  mutable std::mutex naming_;  // held to change names, which source a slot is of and `before_`, and to read these from another thread
  std::array<Slot, kNamed> named_;
  std::size_t used_ = 0;
  Slot others_;
  Row before_;  // of the others, what was counted by name until a name before it in the alphabet came
};

}  // namespace ringfence
