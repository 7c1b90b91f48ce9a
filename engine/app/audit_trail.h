// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <expected>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>

#include "config/settings.h"
#include "connectors/encoders/audit.h"
#include "connectors/sinks/sink.h"

namespace ringfence {

/// The newest part of what lies where a trail is written: calls `take` with each line, oldest first; what was written after `since` must be
/// among them. The error says why it could not be read.
using AuditPast = std::function<std::expected<void, std::string>(WallTime since, const std::function<void(std::string_view line)>& take)>;

/// One process's chain of audit records on its sink.
///
/// A chain outlives the process: the next one over the same state directory goes on where the trail ends. Where that is, the trail itself
/// says, read back at the start; how far it has come for good is noted in a file of the state directory each second, so that a tail which
/// somebody takes off is missed. A thing whose record lies there already is not put on record again, so a process that was killed
/// anywhere leaves neither gap nor fork, nor a record twice. Thread-safe.
class AuditTrail {
 public:
  struct Settings {
    std::string writer;          // one that the key may speak as
    std::string instance;        // in the name of a new chain
    std::filesystem::path note;  // how far it has come; empty: the trail alone says
    bool adopt = false;          // where there is no note: goes on with the newest chain that the trail holds of this writer
  };
  /// An error where the trail cannot be read back.
  [[nodiscard]] static std::expected<std::unique_ptr<AuditTrail>, std::string> open(Settings settings, SigningKey key, TrustedKeys trusted,
                                                                                    Sink& sink, const AuditPast& past);

  /// Puts it on record; a record that the sink did not take is the next one to go, and an entry whose `say` failed is said again by the
  /// same call. The horizon of `cause` waits for it.
  [[nodiscard]] std::expected<void, SinkError> say(const AuditEntry& entry, Position cause);
  /// As Sink says it; what was not taken counts as under way.
  [[nodiscard]] Offset acknowledged(Partition partition) const { return sink_.acknowledged(partition); }
  /// With which key, and by which personas: the process has started.
  [[nodiscard]] std::expected<void, SinkError> start(std::string_view personas, WallTime now);
  /// It ends of its own will.
  void end(WallTime now);
  /// Notes at once how far it has come for good, for a process that ends with its record.
  void note();
  /// The last such note could be written; without it a tail that is taken off is not missed.
  [[nodiscard]] bool noted() const { return noted_; }

  [[nodiscard]] const std::string& chain() const { return chain_.head().chain; }
  /// What is odd about the trail that was found; empty where nothing is.
  [[nodiscard]] const std::string& warning() const { return warning_; }

 private:
  /// Digests of the uids said last: bounded, oldest forgotten first.
  class Said {
   public:
    [[nodiscard]] bool knows(std::string_view uid) const;
    void add(std::string_view uid);

   private:
    std::unordered_set<std::uint64_t> known_;
    std::deque<std::uint64_t> order_;
  };
  struct Found {
    AuditHead head;
    Said said;
    std::string warning;
  };
  AuditTrail(Settings settings, SigningKey key, Sink& sink, Found found)
      : settings_(std::move(settings)),
        key_(std::move(key)),
        sink_(sink),
        chain_(key_, std::move(found.head)),
        said_(std::move(found.said)),
        warning_(std::move(found.warning)) {}
  [[nodiscard]] static std::expected<Found, std::string> find(const Settings& settings, const TrustedKeys& trusted, const AuditPast& past);
  [[nodiscard]] std::expected<void, SinkError> send_unsent();
  void note_progress(bool at_once);

  std::mutex mutex_;
  const Settings settings_;
  const SigningKey key_;
  Sink& sink_;
  AuditChain chain_;
  Said said_;
  std::string start_;
  const std::string warning_;
  bool noted_ = true;
  struct Unsent {
    std::string uid, line;
    Position cause;
  };
  std::optional<Unsent> unsent_;
  struct UnderWay {
    AuditHead at;
    Position cause;
  };
  std::deque<UnderWay> under_way_;  // sent and perhaps not stored yet
  std::optional<AuditHead> stored_;
  std::chrono::steady_clock::time_point note_due_;
};

/// The file an engine without Kafka keeps its trail in, and people's commands theirs.
[[nodiscard]] std::filesystem::path audit_file(const ringfence::Settings& settings);
[[nodiscard]] std::filesystem::path operators_audit_file(const ringfence::Settings& settings);
/// Where it is noted how far people's trail has come.
[[nodiscard]] std::filesystem::path operators_audit_note(const ringfence::Settings& settings);

/// Where in a state directory an engine notes how far its trail has come.
inline constexpr std::string_view kAuditNote = "audit.note";

/// Notes in a state directory that no process holds that an agent was forgotten there, and puts such notes on record, for good, once.
[[nodiscard]] std::expected<void, SinkError> note_purge(const std::filesystem::path& state_directory, std::string_view scope, WallTime now);
[[nodiscard]] std::expected<void, SinkError> tell_purges(const std::filesystem::path& state_directory, AuditTrail& trail, Sink& sink);

/// What the audit topic holds.
[[nodiscard]] AuditPast audit_past_of_topic(const ringfence::Settings& settings);
/// What a file holds: its last 16 MiB, which is about 10,000 records.
[[nodiscard]] AuditPast audit_past_of_file(std::string path);

}  // namespace ringfence
