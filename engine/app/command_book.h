// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <set>
#include <string>
#include <string_view>

#include "engine/event/ids.h"

namespace ringfence {

/// Which operators' commands the context topic has held, so that a signed command that somebody puts there again changes nothing: neither
/// at once nor after a restart, whatever the topic has kept. At most 16,384; what was signed before the oldest one forgotten counts no
/// more. Kept by the service in its store. One thread.
class CommandBook {
 public:
  enum class Sighting : std::uint8_t {
    Counts,  // at `first`: where it stood when it was first read, before a restart perhaps
    Again,   // another record of a command that was taken
    Late,    // signed before one of the same scope that has been taken, or before all that is remembered
  };
  struct Answer {
    Sighting sighting{};
    Offset first;
  };
  /// A verified command named `jti`, signed at `iat` (seconds), read at `at`.
  [[nodiscard]] Answer see(std::string_view jti, std::int64_t iat, const std::string& scope, Offset at);

  [[nodiscard]] std::string encode() const;
  /// False where the bytes are not a book's; it is empty then.
  [[nodiscard]] bool restore(std::string_view bytes);

 private:
  struct Entry {
    std::string jti, scope;
    std::int64_t iat = 0;
    Offset first;
  };
  void remember(Entry entry);

  std::deque<Entry> entries_;                                // oldest first
  std::map<std::string, std::size_t, std::less<>> known_;    // number of the entry, counted from the first ever
  std::map<std::string, std::int64_t, std::less<>> latest_;  // iat of the latest of each scope
  std::set<std::string, std::less<>> taken_;                 // since the start of the process
  std::size_t forgotten_ = 0;
  std::int64_t floor_ = -1;
};

}  // namespace ringfence
