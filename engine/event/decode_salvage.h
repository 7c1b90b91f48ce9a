// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "engine/event/record.h"

namespace ringfence::decoding {

/// Looks for the agent and tenant of a record piece by piece, whatever is wrong elsewhere in it and however large it is: reads only quotes,
/// brackets and commas, takes the first of two equal keys. Holds no more than an identifier. One thread.
class AgentSearch {
 public:
  void read(std::string_view bytes);
  /// What has been found so far. `tenant` is `default` where the record was read to its end and names none.
  [[nodiscard]] Shown shown() const;

 private:
  /// What comes next among the members of the record or of its agent, or behind the last of them.
  enum class Next : std::uint8_t { Record, KeyOrEnd, Colon, Value, CommaOrEnd, Nothing };
  /// The member under way.
  enum class Member : std::uint8_t { Other, Tenant, Agent, AgentId };

  void take(char c);
  void take_of_string(char c);
  void begin_value(char c);
  void begin_string(bool wanted);
  void end_string();
  void close();
  [[nodiscard]] Member member_named(std::string_view key) const;
  /// The string that ended as an identifier of at most `most` characters; empty where it is none.
  [[nodiscard]] std::string identifier(std::size_t most) const;

  Shown found_;
  Next next_ = Next::Record;
  Member member_ = Member::Other;
  std::size_t depth_ = 0;  // of brackets within the value under way, which nobody looks into
  bool in_agent_ = false;  // among the members of the agent
  bool tenant_named_ = false;
  bool ours_ = false;  // `v` or `kind` was there
  bool in_string_ = false, escaped_ = false, keeps_ = false;
  std::string kept_;  // the inside of a string as written
};

/// The same of a record that is at hand. Bounded by `limits::kEventBytes`.
[[nodiscard]] Shown salvage(std::string_view record);

}  // namespace ringfence::decoding
