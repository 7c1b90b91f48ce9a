// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/event/ids.h"
#include "engine/state/channel_memory.h"
#include "models/moment.h"

namespace ringfence::outcome {

/// What a session's acts came to.
class SessionOutcome final : public ChannelMemory {
 public:
  static constexpr std::size_t kRecent = 4;
  static constexpr std::size_t kFailures = 16;
  static constexpr std::size_t kAsked = 8;
  static constexpr std::size_t kLabelBytes = 1024;

  struct Seen {
    std::uint64_t act = 0, result = 0;  // hashes
    EventTime time;
  };
  /// A request without its completion.
  struct Asked {
    std::uint64_t id = 0, act = 0;  // hashes; act 0: it does not say what is asked for
  };
  /// An action whose last act did not succeed.
  struct Failure {
    std::uint64_t task = 0;                // hash; 0: the act named none
    std::uint64_t action = 0, target = 0;  // hashes; target 0: none
    std::string label;                     // of the tool, escaped
  };

  std::vector<Seen> recent;   // oldest first
  std::uint32_t repeats = 0;  // repetitions in a row
  std::uint32_t failed = 0;   // of these, of an act that failed
  std::vector<Failure> failures;
  bool after_destruction = false;  // the last act destroyed, or tried to
  Moment spree_ended;              // when the last that was none of these came behind one
  std::uint32_t destroyed = 0;
  std::vector<Asked> asked;  // oldest first

  /// Keeps what a request asks for until its completion, of the last kAsked.
  void ask(std::uint64_t id, std::uint64_t act);
  /// What the request of that id asked for, kept no longer; nothing where it was not kept.
  [[nodiscard]] std::optional<std::uint64_t> answer(std::uint64_t id);

  void encode(Writer& out) const override;
  [[nodiscard]] std::size_t bytes() const override;
  void fetch_parts() const override { fetch_ahead(recent); }
  [[nodiscard]] static std::unique_ptr<ChannelMemory> decode(Reader& in);
};

}  // namespace ringfence::outcome
