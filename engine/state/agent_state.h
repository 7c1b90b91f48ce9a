// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/event/analytic.h"
#include "engine/event/event.h"
#include "engine/event/ids.h"
#include "engine/event/level.h"
#include "engine/event/limits.h"
#include "engine/event/severity.h"
#include "engine/state/channel_memory.h"

/// All that is known of one agent. Plain values; who changes them is said beside each. One shard thread owns a state at a time.
/// Everything that can change an answer is in here and encoded, so a restart answers alike (streaming.md §2).
namespace ringfence {

inline constexpr std::size_t kThreatSlots = 32;

/// Shiryaev-Roberts values per threat slot (models/threats.h) under the two nulls. Written by models/detector. Aligned for the kernel, and
/// no wider than memory comes anyway: what holds evidence needs no allocation of its own kind.
struct Evidence {
  alignas(16) std::array<float, kThreatSlots> alert{};
  alignas(16) std::array<float, kThreatSlots> declared{};
};

/// A class in a context of a channel: a row of the compiled tables, named so that it outlives a table.
struct RowId {
  ChannelId channel{};
  std::uint8_t context = 0;
  std::uint8_t cls = 0;
  auto operator<=>(const RowId&) const = default;
};

/// Counts of what moved the evidence since it left its clean value (detection.md §4). Written by engine/verdict/ledger.
struct Ledger {
  struct Row {
    RowId id;
    std::uint32_t count = 0;
    std::array<std::uint32_t, 3> samples{};  // the first two events and the latest; see `sample`
    /// Where factors came with the events (models/channel.h, Wager): the threat they were staked on, whether any of them ticked, and ln of
    /// the product of those that moved anything, under each null.
    struct Stake {
      std::uint8_t threat = 0;
      bool ticked = false;
      bool early = false;  // moved the evidence before the first tick of its threat
      double alert_nats = 0, declared_nats = 0;
    };
    std::optional<Stake> stake;
  };
  Evidence start;                   // every A of the moment it opened
  std::vector<Row> rows;            // in order of id
  EventTime opened, last;           // opened: or when a finding last took the count
  std::uint32_t contributions = 0;  // events with any factor above 1 that no finding has counted yet

  /// The id of the event that a row keeps as its sample `which`; empty where there is none.
  [[nodiscard]] std::string_view sample(const Row& row, std::size_t which) const;
  void keep(Row& row, std::size_t which, std::string_view event_id);
  /// Takes the rows and their samples off.
  void clear_rows();
  [[nodiscard]] std::size_t bytes() const;

 private:
  /// An event is the sample of a dozen rows, so its id is kept once. Number 0 in a row is none, n is `events_[n - 1]`.
  struct Sampled {
    std::string id;
    std::uint32_t rows = 0;  // that keep it; 0: free
  };
  [[nodiscard]] std::uint32_t number_of(std::string_view event_id);
  std::vector<Sampled> events_;
  std::uint32_t latest_ = 0, free_ = 0;  // number of the one looked for last; places that are free
};

/// Levels that stand by themselves (cli.md): alert and throttle by hysteresis, hold and above until a release. Written by
/// engine/verdict/policy.
struct Standing {
  bool alert = false;
  bool throttle = false;
  std::optional<Level> held;
};

/// Desired state at enforcement points for one scope (control.md). Written by engine/verdict/containment.
struct Containment {
  std::string scope;  // `agent:tenant/id`
  std::uint64_t epoch = 0;
  bool contained = false;
  Level level = Level::Observe;
  std::string finding_uid;
  EventTime since;

  /// What every expected gate has confirmed, and from when on no call that this denies can have started. Observe: nothing yet. Written, as
  /// what follows, by engine/verdict/enforcement; both begin anew with the next containment of the scope.
  struct Enforced {
    Level level = Level::Observe;
    EventTime from;
  } enforced{};
  /// Calls that succeeded since, though the level denies them: those under way when it came, and what a gate has let through.
  struct Passed {
    struct Last {
      EventTime started;
      std::string event_id;
    };
    std::uint64_t count = 0;
    Last read, other;  // that started last; apart, because a hold denies no read
  } passed{};
};

/// A task's declared scope (event.md, task_start). Written by models/scope.
struct TaskScope {
  std::string id;
  std::uint64_t session = 0;
  std::optional<std::vector<std::string>> actions, destinations, resources;
  std::optional<EventTime> expires;
};

/// What is known of whoever acts beyond one session. Written by the channels.
struct Past {
  std::array<std::unique_ptr<ChannelMemory>, kChannels> memory;
  std::vector<TaskScope> tasks;
};

struct SessionState {
  std::string id;             // `-` where events name none, but see borrowed_session.h
  std::uint64_t key = 0;      // hash64(id), or borrowed_key(id), or borrowed_credential_key(id)
  EventTime last;             // of the agent's own time when last touched
  std::uint64_t arrival = 0;  // AgentState::arrivals when last touched: least recent goes first
  Evidence evidence;
  std::unique_ptr<Ledger> ledger;  // absent: clean
  Standing standing;
  std::uint32_t held_acts = 0;  // distinct acts that themselves raised a hold
  /// Its acts are asserted under a name that a credential has vouched for, so it is judged by itself alone. Not encoded: such a session has
  /// another key than hash64(id), which also keeps it apart from the rightful one of the same id.
  bool borrowed = false;
  std::array<std::unique_ptr<ChannelMemory>, kChannels> memory;
  /// Under a borrowed name: what would be the agent's, were the name its own. Null until something is known.
  std::unique_ptr<Past> apart;
};

[[nodiscard]] inline std::uint64_t borrowed_key(std::string_view session_id) { return hash64(session_id, 1); }

/// A known act, so that copies count once and `complete` finds its `request`. Written by engine/pipeline/admit.
struct KnownAct {
  std::uint64_t id = 0;       // hash64 of the act's id
  std::uint64_t content = 0;  // hash64 of kind and tool
  std::uint64_t args = 0;     // 0: absent so far
  EventTime time;             // of the agent's own time when first seen: a late event is not forgotten early
  std::uint8_t seen = 0;      // bit 0 request, 1 complete, 2 has raised a hold, 3 its request broke limits, 4 and named a resource,
                              // 5 it counts in `held_acts`
  std::uint8_t broken = 0;    // what its request was found to break of what a completion may show too (Act::broken)
  std::uint32_t action = 0;   // that its request was matched with, until its completion comes (match_known); 0: nothing kept
};

/// What the SIEM has open for one analytic family. Written by engine/verdict/finding.
struct OpenFinding {
  std::string uid;
  Analytic analytic{};
  Level level = Level::Observe;
  EventTime created, first_seen, last_seen;
  std::uint32_t records = 0;         // written so far: the next metadata.uid
  std::uint64_t count = 0;           // events that contributed
  std::uint64_t count_written = 0;   // at the last record
  std::optional<Severity> severity;  // where a rule declared another than its level's
};

struct AgentState {
  // What every event reads comes first and together: AgentTable::prefetch fetches it up to the evidence.

  AgentKey key;
  // position: the last input offset applied; a record at or below it is skipped
  std::int64_t lsn = -1;
  std::uint64_t arrivals = 0;  // events applied
  EventTime first_time, last_time;
  std::uint64_t persona = 0;   // hash64 of the persona's sha256 the ledgers were opened under; 0: none yet
  bool seen_verified = false;  // a credential has vouched for this name: an asserted one may not contain it
  Standing standing;
  std::unique_ptr<Ledger> ledger;
  std::vector<SessionState> sessions;  // slot order: order of addition of scores
  std::vector<KnownAct> acts;          // oldest first
  std::vector<OpenFinding> findings;
  std::vector<Containment> containments;

  /// Derived, not encoded: which persona the agent was last matched with and where its known acts lie by hash. Written by engine/pipeline.
  struct Derived {
    std::uint64_t rules = 0;  // stamp of the rulebook the match came from; 0: none
    std::uint64_t bound = 0;  // hash of the persona id the gateway had bound
    std::size_t persona = 0;  // index into the rulebook; kNoPersona where none matches
    /// A byte of each act while they are few: an act that is new is told from all of them without a look at any.
    static constexpr std::size_t kTags = 56;
    std::uint8_t tagged = 0;
    std::array<std::uint8_t, kTags> act_tags{};
    std::vector<std::uint16_t> act_slots;  // once they are many
  } derived;
  std::array<std::unique_ptr<ChannelMemory>, kChannels> memory;
  Evidence evidence;

  // What few events do.

  std::string tenant, id;
  std::vector<TaskScope> tasks;
  std::uint64_t acts_gone = 0;  // left at the front so far: the number of acts[0]; see `forget_oldest_acts`
  std::uint64_t acts_forgotten_early = 0;

  /// Takes `n` acts off the front and numbers on, so that the chunks of those that stay need not be written again.
  void forget_oldest_acts(std::size_t n);
  /// Forgets the conduct and its evidence. What outlives it: identity, position, `first_time`, the findings the reader still has open (the
  /// next event closes them) and the containment epochs (a gate ignores an epoch it has seen).
  void start_afresh();
  /// True while any scope is contained; such a state never expires.
  [[nodiscard]] bool contained() const;
  /// Bytes in memory, for the budget.
  [[nodiscard]] std::size_t bytes() const;
};

}  // namespace ringfence
