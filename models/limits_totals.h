// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "engine/state/channel_memory.h"
#include "models/envelope.h"
#include "models/scope_periods.h"

namespace ringfence::totals {

using envelope::kUnits;

/// What one session or one day adds up to: sums per ladder (the persona's is 0, an action's the hash of its id), distinct values per KIND.
class Totals {
 public:
  /// Sums of a ladder, made where it is new.
  [[nodiscard]] std::array<double, kUnits>& sums(std::uint64_t ladder);
  /// True if the value is one of the at most `most` that are known, now or before; of the next ones it is kept that there were any.
  [[nodiscard]] bool fits(std::uint64_t kind, std::uint64_t value, std::size_t most);

  /// What a ladder has added up to in one unit; 0 where it has not begun.
  [[nodiscard]] double sum(std::uint64_t ladder, envelope::Unit unit) const;
  /// Distinct values of a KIND, exact up to the greatest declared value plus one.
  [[nodiscard]] std::size_t distinct(std::uint64_t kind) const;
  /// The value is one of those kept.
  [[nodiscard]] bool knows(std::uint64_t kind, std::uint64_t value) const;

  void encode(Writer& out) const;
  [[nodiscard]] std::size_t bytes() const;
  void fetch_parts() const { fetch_ahead(rows_); }
  /// Fails the reader where the bytes are not a Totals.
  [[nodiscard]] static Totals decode(Reader& in, std::uint8_t version);

 private:
  struct Row {
    std::uint64_t ladder = 0;
    std::array<double, kUnits> sums{};
  };
  struct Entities {
    std::uint64_t kind = 0;
    std::vector<std::uint64_t> values;  // sorted
    bool more = false;                  // there were others
  };
  std::vector<Row> rows_;  // in order of first use
  std::vector<Entities> entities_;
};

/// The minute a call counts in, since 1970 in UTC: that of its request, where there was one. How long others take to answer is not its
/// pace.
[[nodiscard]] std::int64_t minute_of(const Act& act);

/// Day and minute totals of an agent over all its sessions and instances.
class AgentTotals final : public ChannelMemory {
 public:
  scope::RecentPeriods<Totals, 3> days;             // by local day of the persona
  scope::RecentPeriods<std::uint64_t, 16> minutes;  // calls, by minute since 1970

  void encode(Writer& out) const override;
  [[nodiscard]] std::size_t bytes() const override;
  void fetch_parts() const override {
    fetch_ahead(days.entries());
    fetch_ahead(minutes.entries());
  }
  [[nodiscard]] static std::unique_ptr<ChannelMemory> decode(Reader& in);
};

/// The identifiers that a request named, until its completion comes: a gateway may say them only once.
struct NamedIds {
  struct Id {
    std::uint64_t kind = 0, value = 0;  // hashes
  };
  static constexpr std::size_t kIds = 64;

  std::uint64_t event = 0;  // hash of its id
  std::vector<Id> ids;      // 64 of them at most
  bool answered = false;    // its completion has been judged: it leaves with the session's next act
};

/// Beside the totals 16 bytes an identifier of requests that are open, of at most 8.
class SessionTotals final : public ChannelMemory {
 public:
  static constexpr std::size_t kOpen = 8;

  Totals totals;
  std::vector<NamedIds> open;  // oldest first

  /// Keeps what a request named; the oldest of more than eight leaves.
  void keep(NamedIds request);
  /// The completion of this event is judged.
  void answer(std::uint64_t event);
  /// What the request of this event named; null where nothing is kept.
  [[nodiscard]] const NamedIds* named(std::uint64_t event) const;

  void encode(Writer& out) const override;
  [[nodiscard]] std::size_t bytes() const override;
  void fetch_parts() const override { totals.fetch_parts(); }
  [[nodiscard]] static std::unique_ptr<ChannelMemory> decode(Reader& in);
};

}  // namespace ringfence::totals
