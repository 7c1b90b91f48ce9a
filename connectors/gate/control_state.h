// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <expected>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "connectors/encoders/acknowledgement.h"
#include "connectors/encoders/control_order.h"
#include "connectors/sinks/control_log.h"
#include "connectors/sinks/control_writer.h"
#include "engine/gate/table.h"

namespace ringfence {

/// Whether a gate may be trusted with traffic, and if not, why; by the writers that it waits for (`Settings::awaited`).
struct GateReadiness {
  bool caught_up = false;       // the log was read to its end since this process started
  bool agrees = false;          // there is a heartbeat, and the own hash equals that of every such writer's last one
  bool fresh = false;           // every such writer's last heartbeat is of now, as far as clocks agree
  std::string why;              // of what is missing, in words; empty where nothing is
  std::int64_t stalest_ms = 0;  // age of the oldest of the writers' last heartbeats; 0 where there is none
};

/// Everything verified that a gate knows: which record of which key is in force, who may speak, and whether its writers say the same. It
/// reads no clock and does no I/O. One thread; the tables it makes are for all.
class ControlState {
 public:
  struct Settings {
    TrustedKeys trusted;
    std::string audience, issuer;
    VisibleFields visible;
    Nanos heartbeat_age_max = seconds(5);
    /// Whose heartbeats are waited for: names, or a prefix and `*`. Empty: those of every writer that was heard.
    std::vector<std::string> awaited;
    /// Records of more keys and writers than this are refused: whoever holds a signing key must not be able to take all memory either. Of
    /// keys it is those in force that count: what was released longest ago is forgotten where the room is needed.
    std::size_t keys_max = 100'000, writers_max = 4096;
  };
  /// A writer's heartbeats are answered once in so long by their own times, and at once where the answer is another.
  static constexpr std::int64_t kBeatAnsweredMs = 5000;
  /// A longer key is refused without an acknowledgement that would repeat it.
  static constexpr std::size_t kKeyBytes = 8192;

  explicit ControlState(Settings settings);

  struct Step {
    std::vector<GateAck> acks;         // to be sent once the table is in force and `stored` is stored
    std::vector<GateAck> beats;        // what is said of heartbeats: 200 where the own state is the writer's, else 102
    std::vector<ControlEntry> stored;  // must survive this process: what was accepted and is news
    bool changed = false;              // `table` is another one
    std::uint64_t unanswered = 0;      // refused under a key too long to be repeated
    Unverified unverified;             // whatever order they came in
  };
  /// Takes the next entries of the log in their order; signatures are checked on up to `threads` threads.
  [[nodiscard]] Step take(std::span<const ControlEntry> entries, std::uint32_t minute, unsigned threads = 1);
  /// The table with these records is in force since `now`: says so in their acknowledgements. A record that is said again keeps its time.
  void applied(std::span<GateAck> acks, WallTime now);
  /// The log has been read to its end.
  void caught_up() { caught_up_ = true; }

  /// A new immutable table of what is in force. Costs a sort.
  [[nodiscard]] std::shared_ptr<const GateTable> table() const;
  /// The least entries from which the same state is read again, in an order in which they are all accepted.
  [[nodiscard]] std::vector<ControlEntry> snapshot() const;
  [[nodiscard]] GateReadiness readiness(WallTime now) const;
  /// True once anything was ever accepted: a gate that knows nothing cannot answer from what it knew.
  [[nodiscard]] bool knows_anything() const { return !keys_.empty() || !writers_.empty(); }
  [[nodiscard]] std::size_t contained() const;
  /// The highest generation of every writer that was heard.
  [[nodiscard]] std::map<std::string, std::uint64_t, std::less<>> generations() const;
  /// Lines of a snapshot, at most.
  [[nodiscard]] std::size_t size() const { return keys_.size() + writers_.size(); }

 private:
  struct Key {
    ControlEntry entry;  // as it was signed
    std::string writer, jti;
    std::uint64_t generation = 0;
    LiveRecord live;
    Compiled compiled;  // where contained
    std::optional<WallTime> applied_at;
    EventTime effective_at;
    std::vector<std::string> unsupported;
  };
  struct Writer {
    ControlEntry floor;  // the entry by which its generation is known
    std::uint64_t floor_generation = 0;
    std::optional<Heartbeat> beat;
    bool agrees = false;
    std::optional<std::int64_t> answered_ms;  // time of the heartbeat that was answered last
  };
  using Verified = std::expected<ControlMessage, ControlRefusal>;

  [[nodiscard]] Verified check(const ControlEntry& entry) const;
  [[nodiscard]] std::vector<std::optional<Verified>> check_all(std::span<const ControlEntry> entries, unsigned threads) const;
  void take_one(const ControlEntry& entry, std::optional<Verified>& verified, std::uint32_t minute, Step& step);
  [[nodiscard]] std::optional<ControlRefusal> admit(const ControlEntry& entry, const ControlMessage& message);
  [[nodiscard]] bool has_room();
  void take_containment(const ControlEntry& entry, const ControlMessage& message, std::uint32_t minute, Step& step);
  void take_heartbeat(const ControlEntry& entry, const ControlMessage& message, const Heartbeat& beat, Step& step);
  void note_generation(const ControlEntry& entry, const std::string& writer, Step& step);
  [[nodiscard]] bool agrees_with(const Heartbeat& beat) const;
  static GateAck ack_of(const std::string& key, const Key& known);

  Settings settings_;
  ControlOrder order_;
  std::map<std::string, Key, std::less<>> keys_;
  std::map<std::string, Writer, std::less<>> writers_;
  bool caught_up_ = false;
};

}  // namespace ringfence
