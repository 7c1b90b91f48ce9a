// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "connectors/encoders/acknowledgement.h"
#include "connectors/encoders/control_order.h"
#include "connectors/sinks/control_log.h"
#include "engine/verdict/enforcement.h"

namespace ringfence {

/// How far a containment has come.
enum class EnforcementState : std::uint8_t {
  Requested,  // on the control log
  Partial,    // some of the expected gates have it in force
  Enforced,   // all of them
  Released
};
[[nodiscard]] std::string_view name_of(EnforcementState state);

/// The last word of each gate on each containment of the control log, and what follows from it: what is in force everywhere, who has not
/// confirmed in time, who has fallen silent. Time is passed in; no I/O. One thread at a time.
///
/// Where no gate is expected by name, one gate's word is enough, and none can be missed.
class EnforcementBoard {
 public:
  struct Settings {
    TrustedKeys trusted;
    std::string audience;
    std::vector<std::string> gates;  // that must confirm
    Nanos skew = seconds(2);
    Nanos silence = seconds(15);  // without a gate's word on a heartbeat
    /// Of more it takes no notice; what was released longest ago, and nobody waits for, makes room.
    std::size_t keys_max = 100'000;
  };
  static constexpr std::size_t kGatesMax = 256;

  explicit EnforcementBoard(Settings settings);

  /// One entry of the control log, in its order. `now`: when it is read, from which on gates have their time.
  void observe(const ControlEntry& entry, WallTime now);
  /// One record of the acknowledgements, in the order of its key.
  void acknowledge(const ControlEntry& entry, WallTime now);
  /// Both logs have been read to their ends: what comes from now on is of now.
  void caught_up(WallTime now);

  /// What a gate says of the record in its row.
  struct Word {
    AckStatus status{};
    std::optional<EventTime> applied_at;  // where it is in force
    std::vector<std::string> unsupported;
  };
  struct Row {
    std::string writer, jti;
    std::string kid;  // of the key that signed it last
    std::uint64_t generation = 0;
    ContainmentRecord record;
    std::int64_t ack_within_ms = 0;
    WallTime heard;  // of this epoch
  };
  [[nodiscard]] const std::map<std::string, Row>& rows() const { return rows_; }
  /// By gate: the expected ones that have spoken and any other that has.
  [[nodiscard]] std::map<std::string, Word> words(const std::string& key) const;
  [[nodiscard]] EnforcementState state(const std::string& key) const;
  [[nodiscard]] const std::map<std::string, Heartbeat>& heartbeats() const { return heartbeats_; }
  /// The containments that stand.
  struct Standing {
    struct One {
      std::string scope;
      Level level{};
      EnforcementState state{};
      EventTime since;
      bool pending = false;  // a halt that waits for approval
    };
    std::vector<One> latest;  // newest first
    std::size_t count = 0;    // of all
  };
  [[nodiscard]] Standing standing(std::size_t most) const;
  /// Entries that no trusted key signed or that are older than what is known, and acknowledgements that do not read.
  [[nodiscard]] std::uint64_t refused() const { return refused_; }

  struct Confirmed {
    std::string writer;
    Enforcement what;
  };
  /// Containments of hold or above that have come to be in force at every expected gate, each once an epoch, and those that have been
  /// released since (Enforcement::lifted), in the order in which that came about. Whose they are for is left to who takes them: `writer` of
  /// the enforcement is empty.
  [[nodiscard]] std::vector<Confirmed> take_confirmed();
  /// What this process answers for: several follow the same logs.
  struct Mine {
    std::function<bool(const std::string& writer)> speaks;
    bool gates = false;
  };
  /// Findings due: `containment.unacked` for containments of hold or above, naming the gates, `gate.stale`, and their ends. What a gate
  /// does not confirm while it is stale is told with the gate, not containment by containment.
  [[nodiscard]] std::vector<FindingRecord> alarms(WallTime now, const Mine& mine);

 private:
  struct Said {
    std::optional<GateAck> applied, refused;
    std::uint64_t refused_turn = 0;  // to tell a refusal of this record from one of before
  };
  /// A finding that is open.
  struct Alarm {
    FindingRecord last;
    std::string said;
    std::size_t rolled_up = 0;  // containments told with a gate,
    WallTime opened;            // whose alarm is open since
  };

  [[nodiscard]] std::optional<Word> word(const Row& row, std::uint64_t row_turn, const Said& said) const;
  [[nodiscard]] std::vector<std::string> expected(const std::string& key) const;
  void look_again(const std::string& key);
  /// Released, and nothing is due for it.
  [[nodiscard]] bool is_past(const std::string& key, const Row& row) const;
  void forget(const std::string& key);
  [[nodiscard]] bool has_room_for_a_row();
  [[nodiscard]] bool has_room_for_words_on(const std::string& key);
  void tell_unacked(const std::string& key, WallTime now, std::vector<FindingRecord>& out);
  void tell_stale(WallTime now, std::vector<FindingRecord>& out);
  /// When the gate last had a word on a heartbeat; since the logs' ends were reached, where it has had none.
  [[nodiscard]] WallTime last_alive(const std::string& gate) const;
  /// Heartbeats have come for so long without a word of the gate on any: of a log that nobody beats on, a gate has nothing to confirm.
  [[nodiscard]] bool stale(const std::string& gate) const;
  /// The keys of containments that the gate has not said a word about, but for those that have a finding of their own.
  [[nodiscard]] std::vector<std::string> unconfirmed(const std::string& gate) const;

  Settings settings_;
  ControlOrder order_;
  std::map<std::string, Row> rows_;
  std::map<std::string, std::uint64_t> turns_;  // when the row's epoch was read, in turns of this board
  std::map<std::string, std::map<std::string, Said>> said_;
  std::map<std::string, Heartbeat> heartbeats_;
  std::map<std::string, WallTime> alive_;    // gates by their last word on a heartbeat
  std::set<std::string> open_;               // keys of rows that something may still be due for
  std::map<std::string, std::string> told_;  // key to the jti that was confirmed
  std::map<std::string, Alarm> alarms_;      // by key; of gates by name
  std::vector<Confirmed> confirmed_;
  std::optional<WallTime> caught_up_;
  std::optional<WallTime> beaten_;  // when the last heartbeat was read,
  WallTime beaten_since_;           // and the first of those that came without a pause
  std::uint64_t refused_ = 0, turn_ = 0;
};

}  // namespace ringfence
