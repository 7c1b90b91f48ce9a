// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <expected>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "config/settings.h"
#include "connectors/gate/control_feed.h"
#include "connectors/sinks/enforcement_board.h"
#include "engine/app/context_record.h"
#include "engine/app/service_log.h"

namespace ringfence {

/// Where control records and acknowledgements are read.
struct EnforcementLogs {
  std::unique_ptr<ControlFeed> control, acks;
};
/// The topics or files of the settings. Opening needs no broker.
[[nodiscard]] EnforcementLogs enforcement_logs(const Settings& settings);
/// How the board of these settings reads them; `trusted`: whose records count.
[[nodiscard]] EnforcementBoard::Settings board_settings(const Settings& settings, TrustedKeys trusted);

/// What one entry of the feed means for a partition of this input whose own writer is `own`: a word for the state of the agent it names,
/// one for what stands over the partition's agents, or nothing, where it is another partition's.
[[nodiscard]] std::optional<GatesWord> word_for(const std::string& own, const std::string& writer, Enforcement what);

/// Follows the control log and the acknowledgements on a thread of its own and keeps the board.
class EnforcementFeed {
 public:
  /// Reads both to their ends, so that what was confirmed before is known before anything is judged; an error where that takes too long.
  [[nodiscard]] static std::expected<std::unique_ptr<EnforcementFeed>, std::string> open(const Settings& settings, const ServiceLog& log);
  ~EnforcementFeed();

  /// What every expected gate has confirmed, in the order in which that came about, since the start. Grows only; cheap.
  [[nodiscard]] std::size_t size() const { return size_.load(std::memory_order_acquire); }
  struct Entry {
    std::string writer;
    Enforcement what;
  };
  [[nodiscard]] std::vector<Entry> since(std::size_t from) const;
  /// How many of them say that something was released: those are urgent, because gates let calls pass again. Any thread.
  [[nodiscard]] std::size_t lifted() const { return lifted_.load(std::memory_order_acquire); }
  /// As of EnforcementBoard.
  [[nodiscard]] EnforcementBoard::Standing standing(std::size_t most) const;
  /// The event time of the last record that stands for this scope, whoever wrote it.
  [[nodiscard]] std::optional<EventTime> last_of(const std::string& scope) const;
  [[nodiscard]] std::vector<FindingRecord> alarms(const EnforcementBoard::Mine& mine);

 private:
  enum class Side : std::uint8_t { Control, Acks };
  EnforcementFeed(const Settings& settings, TrustedKeys trusted, const ServiceLog& log);
  [[nodiscard]] std::expected<void, std::string> read_to_end();
  /// True at the end of the log; nothing where it is away.
  std::optional<bool> read(Side side, std::chrono::milliseconds wait);
  void follow(const std::stop_token& stop);

  const ServiceLog& log_;
  EnforcementLogs logs_;
  const std::filesystem::path control_file_, acks_file_;  // empty: topics
  std::string fault_;                                     // what was said last of a log that is away
  mutable std::mutex mutex_;
  EnforcementBoard board_;
  std::vector<Entry> entries_;
  std::atomic<std::size_t> size_{0}, lifted_{0};
  bool away_ = false;
  std::jthread thread_;
};

}  // namespace ringfence
