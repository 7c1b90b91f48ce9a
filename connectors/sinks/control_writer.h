// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <expected>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "connectors/encoders/control_order.h"
#include "connectors/sinks/blast_radius.h"
#include "connectors/sinks/control_log.h"

namespace ringfence {

/// A writer's latest record of a key.
struct LiveRecord {
  std::uint64_t epoch = 0;
  bool contained = false;
  Level level = Level::Halt;
};
/// What a heartbeat says of a writer's records by key: how many are in force, and SHA-256 (hex) over these in order of key: `key 0x00 epoch
/// 0x00 state 0x00 level 0x0A`. Who is released is not in it, so that either side may forget it.
struct ControlDigest {
  std::uint64_t count = 0;
  std::string state_hash;
  bool operator==(const ControlDigest&) const = default;
};
[[nodiscard]] ControlDigest digest_of(const std::map<std::string, LiveRecord>& records);

/// The wall-clock side of control for one writer, `engine-<topic>-<partition>`: claims a generation, speaks only after it has read its own
/// claim as the first of that generation, keeps its keys its own in the log, and beats each second. Time is passed in. One thread at a
/// time; whoever reads the log hands every entry to `observe` in order (`ControlWriters` does both).
///
/// Of the keys that are released it remembers so many, those released last; the others it withdraws from the log, so that neither it nor a
/// gate grows with all that ever was. Nothing is in force there, and the agent's state knows the next epoch.
///
/// The generation it claims is above all it has read and not below the clock's milliseconds, so that gates, which remember generations,
/// hear it where the log has forgotten them.
class ControlWriter {
 public:
  enum class State : std::uint8_t {
    Reading,   // the log has not been read to its end yet
    Claiming,  // own claim sent, not read back
    Speaking,
    Fenced,  // another claimant holds this or a later generation: silent until `claim_again`
  };
  struct Shared {
    const SigningKey& key;
    const TrustedKeys& trusted;  // whose records of this writer count as its own history: former keys too
    ControlLog& log;
    BlastRadius& blast_radius;
    std::size_t released_most = kReleasedMost;
  };
  static constexpr std::size_t kReleasedMost = 10'000;

  /// `claimant` must be unique to this start of the process: host, process id and start time.
  ControlWriter(Issuer issuer, std::string claimant, Shared shared);

  /// One entry of the log, own or not; true where it is this writer's word as gates take it, or withdraws one: worth keeping
  /// (ControlMemory).
  bool observe(const ControlEntry& entry);
  /// The log has begun anew: what it held of this writer is said again.
  void log_began_anew();
  /// The log has been read to its end; claims on the first call.
  [[nodiscard]] std::expected<void, SinkError> caught_up(WallTime now);
  /// Sends what waits, publishes again what is no longer its own, beats where a second has passed. Call several times a second.
  [[nodiscard]] std::expected<void, SinkError> poll(WallTime now);
  /// Sends a record, or keeps it until this writer may speak; a kept record is not acknowledged. Beyond the blast radius a halt without an
  /// approver goes out as a pending hold; with one it says what the pending one waits to be, of the same calls. A record that the log
  /// already has is not sent again; one whose epoch is not above the log's though it is later in event time (the state behind it was lost)
  /// goes out under the next epoch, because readers would ignore it otherwise.
  [[nodiscard]] std::expected<void, SinkError> publish(const ContainmentRecord& record, std::size_t active_agents, WallTime now);
  /// For people, whose writer has no process that would do so in time (`poll`): says again, as it was said, what is in force under the
  /// signature of another key, and what of `also` (keys of the log) it knows. Gives the last ticket; none where there was nothing to say.
  [[nodiscard]] std::expected<std::optional<std::uint64_t>, SinkError> say_again(const std::set<std::string>& also);
  /// Something is in force under the signature of another key.
  [[nodiscard]] bool holds_others_words() const;
  /// For an owner that was fenced and still owns its partition.
  void claim_again();

  [[nodiscard]] State state() const { return state_; }
  [[nodiscard]] std::uint64_t generation() const { return issuer_.generation; }
  /// Lowest offset that caused a record which is not stored for good, given the log's acknowledged ticket; `kAllAcknowledged` where none
  /// is.
  [[nodiscard]] Offset acknowledged(std::uint64_t ticket);
  /// Records that went out as pending holds since the last call, or had in a run before and were published again: each is a finding
  /// `containment.blast_radius`.
  [[nodiscard]] std::vector<ContainmentRecord> take_held();

 private:
  struct Own {
    LiveRecord live;
    std::string payload, jti, kid;
    EventTime effective_at;
    std::string agent;
  };
  struct Waiting {
    ContainmentRecord record;
    std::size_t active_agents = 0;
  };

  bool observe_claim(const ControlEntry& entry);
  bool observe_record(const ControlEntry& entry);
  void remember(const std::string& key, Own own, bool sent_by_us);
  [[nodiscard]] std::expected<void, SinkError> claim(WallTime now);
  [[nodiscard]] std::expected<void, SinkError> send(ContainmentRecord record, std::size_t active_agents, WallTime now);
  [[nodiscard]] std::expected<void, SinkError> send_waiting(WallTime now);
  [[nodiscard]] std::expected<std::uint64_t, SinkError> repeat(const std::string& key, Own& own);
  [[nodiscard]] bool is_anothers(const Own& own) const;
  [[nodiscard]] std::expected<void, SinkError> publish_again();
  [[nodiscard]] std::expected<void, SinkError> retire();
  void forget(const std::string& key);
  [[nodiscard]] std::expected<void, SinkError> beat(WallTime now);

  Issuer issuer_;
  std::string claimant_;
  Shared shared_;
  State state_ = State::Reading;
  ControlOrder order_;
  std::map<std::string, Own> own_;   // by key
  std::size_t released_ = 0;         // of them
  std::set<std::string> displaced_;  // keys whose latest record in the log, as far as read, is not of this generation
  std::deque<Waiting> waiting_;
  struct Sent {
    std::uint64_t ticket;
    Offset cause;
  };
  std::deque<Sent> sent_;
  std::vector<ContainmentRecord> held_;
  std::optional<WallTime> last_beat_;
  std::string claim_payload_;
  WallTime claimed_at_;
  bool claim_displaced_ = false;
};

}  // namespace ringfence
