// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "engine/event/event.h"
#include "engine/state/channel_memory.h"

namespace ringfence::breadth {

/// An identifier as a count: what stands around its last run of digits, and that number.
struct Numbered {
  std::uint64_t around = 0;
  std::uint64_t number = 0;
};
/// Nothing where there are no digits, or more than 18.
[[nodiscard]] std::optional<Numbered> numbered(std::string_view identifier);

/// What a session was given to walk through, and how it walks, per KIND. Order of results is order of arrival.
class Session final : public ChannelMemory {
 public:
  static constexpr std::size_t kListedMost = 512;
  static constexpr std::size_t kKindsMost = 16;
  static constexpr std::uint32_t kNowhere = 0xffffffff;

  /// Where the agent is among the identifiers of one KIND.
  struct Walk {
    std::uint64_t kind = 0;
    std::uint64_t last = 0;    // hash of the last identifier
    std::uint64_t around = 0;  // of `Numbered`; 0: the last one is no count
    std::uint64_t number = 0;
    std::uint32_t counted = 1, listed = 1;  // lengths of the runs that the last one ends
    std::uint32_t place = kNowhere;         // in the listing, of the last one, counted from the first value ever given
    std::uint32_t distinct = 0;             // of the session after the last act
    bool down = false;
  };

  /// Takes in what looks like an identifier (with a digit, at most 128 bytes): whole leaves, and the words of longer texts. Of a call that
  /// took place, with or without a result.
  void learn_result(const Event& call);
  void learn_task(const Event& task_start);

  /// Null where there are walks of too many KINDs already.
  [[nodiscard]] Walk* walk(std::uint64_t kind);
  [[nodiscard]] bool gave(std::uint64_t value) const;
  /// All that could have given a value was shown (models/result_shown.h) and is still there to look at.
  [[nodiscard]] bool knows_origins() const { return gone_ == 0 && !lost_ && !values_.empty(); }
  /// Place of the value, next after `after` where it is that; kNowhere where it was not given.
  [[nodiscard]] std::uint32_t place_of(std::uint64_t value, std::uint32_t after) const;
  /// True if `to` is the next value of the same field after `from`.
  [[nodiscard]] bool follows(std::uint32_t from, std::uint32_t to) const;

  void encode(Writer& out) const override;
  [[nodiscard]] std::size_t bytes() const override;
  void fetch_parts() const override {
    fetch_ahead(values_, 512);
    fetch_ahead(paths_);
    fetch_ahead(walks_);
  }
  /// Null where the bytes are not these.
  [[nodiscard]] static std::unique_ptr<ChannelMemory> decode(Reader& in);

 private:
  void make_room();
  void give(std::uint64_t value, std::uint32_t path);
  void give_word(std::string_view word, std::uint32_t path);
  [[nodiscard]] std::uint32_t next_after(std::uint32_t place) const;

  /// Of each value of results and of the task's text the low half of its hash: one that was not given passes for one of 512 once in eight
  /// million times. Values of one field share a path, so that the next of a listing is the next with it; two fields do once in 65,536.
  std::vector<std::uint32_t> values_;
  std::vector<std::uint16_t> paths_;
  std::uint32_t gone_ = 0;  // values that left at the front
  bool lost_ = false;       // others were never taken in, or never shown
  std::vector<Walk> walks_;
};

}  // namespace ringfence::breadth
