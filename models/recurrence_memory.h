// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "engine/state/channel_memory.h"

namespace ringfence::recurrence {

/// What untrusted content gave an agent, and which acts came back with it.
class AgentRecurrence final : public ChannelMemory {
 public:
  static constexpr std::size_t kActs = 16;
  static constexpr std::size_t kSessions = 5;
  /// New values of one session: what it gave stays for the next kSessions - 1 at least, however much they read.
  static constexpr std::size_t kOfSession = 64;
  static constexpr std::size_t kValues = kOfSession * kSessions;
  static constexpr std::size_t kSessionBytes = 48;

  struct Recurring {
    std::uint64_t act = 0;
    std::vector<std::string> sessions;  // escaped ids, first to last; at most kSessions
    std::vector<std::uint64_t> keys;    // of these sessions
    std::uint32_t count = 0;            // sessions in all
  };
  struct Value {
    std::uint32_t hash = 0;
    std::uint32_t session = 0;  // where it was read: low half of its key
  };

  std::vector<Value> values;       // least recently given first
  std::vector<Recurring> acts;     // least recently seen first
  std::uint64_t first_reader = 0;  // session of the first untrusted read; 0: none yet
  bool blind = false;              // an untrusted read came without its content

  [[nodiscard]] bool gave(std::uint32_t value, std::uint64_t to_session) const;
  /// The first session to give a value counts, and one that is given again stays longer. Of a session the first kOfSession new ones are
  /// kept; where all places are taken, the value of another session that was least recently given leaves.
  void give(std::uint32_t value, std::uint64_t session);
  /// The entry of the act, made where it is new; the least recently seen leaves for it.
  Recurring& recurring(std::uint64_t act);

  void encode(Writer& out) const override;
  [[nodiscard]] std::size_t bytes() const override;
  void fetch_parts() const override {
    fetch_ahead(values, kValues * sizeof(Value));
    fetch_ahead(acts);
  }
  [[nodiscard]] static std::unique_ptr<ChannelMemory> decode(Reader& in);
};

/// How far a session has come, and what its task named or pointed at.
class SessionRecurrence final : public ChannelMemory {
 public:
  static constexpr std::size_t kAsked = 64;
  std::uint8_t calls = 0;  // at most kFirstCalls + 1
  std::vector<std::uint32_t> asked;

  void ask(std::uint32_t value) {
    if (asked.size() < kAsked) asked.push_back(value);
  }

  void encode(Writer& out) const override;
  [[nodiscard]] std::size_t bytes() const override;
  void fetch_parts() const override { fetch_ahead(asked); }
  [[nodiscard]] static std::unique_ptr<ChannelMemory> decode(Reader& in);
};

}  // namespace ringfence::recurrence
