// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "connectors/encoders/keys.h"
#include "connectors/sinks/blast_radius.h"
#include "connectors/sinks/control_log.h"
#include "connectors/sinks/control_writer.h"
#include "engine/app/output_progress.h"

namespace ringfence {

/// The writer under whose name people speak.
inline constexpr std::string_view kOperatorWriter = "operator";

/// A person's own word on the control log. It claims a generation only where it has something to say, and does not beat: it has no
/// process that lives on, and gates wait for no heartbeat of a writer that never sent one.
///
/// Several people may speak at once, so a word goes out right behind its claim and counts as said once both were read back with no later
/// claim ahead of them, which is how gates read it; else it is said again, under the next claim. Of several the one with the highest
/// generation is always heard. What people have contained and another key has signed is said again with each command, as it was said: so a
/// new key takes over all of it before the former one is withdrawn. One thread.
class OperatorVoice {
 public:
  struct Settings {
    std::string iss;
    std::vector<std::string> aud;
    std::string claimant;
    std::chrono::steady_clock::duration within = std::chrono::seconds(20);
  };
  /// `key` and `trusted` outlive it. `progress` is told when acknowledgements come.
  OperatorVoice(const Settings& settings, const SigningKey& key, const TrustedKeys& trusted, ControlLog& log, OutputProgress& progress);

  /// Reads the log to its end, and what the operator's writer has said of `scope`; `each` is told of every entry, of
  /// those too that come in later, and lives as long as this. The fault is in words.
  [[nodiscard]] std::expected<void, std::string> read_to_end(const std::string& scope, std::function<void(const ControlEntry&)> each = {});
  /// What the operator's writer last said of the scope, as far as the log knows.
  [[nodiscard]] const std::optional<ContainmentRecord>& last() const { return last_; }

  /// That word stands under the signature of this key.
  [[nodiscard]] bool last_is_own() const { return last_kid_ == key_.kid(); }

  /// Says it, as the command of this `jti`, under the next epoch, which is not below the clock's milliseconds: gates remember epochs that
  /// the log may have forgotten. Stored for good, and taken by whoever reads the log in order, when it returns.
  [[nodiscard]] std::expected<void, std::string> say(ContainmentRecord record, const std::string& jti);
  /// The same of what people have contained and another key has signed, for who has no word of their own to say; claims only where there is
  /// any. Behind `read_to_end`.
  [[nodiscard]] std::expected<void, std::string> take_over();

 private:
  using Deadline = std::chrono::steady_clock::time_point;
  using Done = std::expected<void, std::string>;
  /// What came of the word that was read back.
  enum class Heard : std::uint8_t { NotYet, Counts, Passed };

  template <class Enough>
  [[nodiscard]] Done read_until(Deadline deadline, Enough enough);
  [[nodiscard]] Done claim();
  [[nodiscard]] Done send(const ContainmentRecord& record, Deadline deadline);
  [[nodiscard]] Done say_again(Deadline deadline);
  [[nodiscard]] Done wait_stored(std::uint64_t ticket, Deadline deadline);
  void take(const ControlEntry& entry);

  ControlLog& log_;
  OutputProgress& progress_;
  const SigningKey& key_;
  const TrustedKeys& trusted_;
  Issuer issuer_;
  const std::chrono::steady_clock::duration within_;
  BlastRadius radius_{BlastRadius::Limits{}};
  std::string scope_;
  std::function<void(const ControlEntry&)> each_;
  std::optional<ContainmentRecord> last_;
  std::string last_kid_;
  std::string said_;              // jti of the word that is out,
  std::uint64_t said_epoch_ = 0;  // its epoch
  Heard heard_ = Heard::NotYet;   // and what came of it
  std::set<std::string> astray_;  // keys of the log whose last entry is not the word that holds
  ControlWriter writer_;
};

}  // namespace ringfence
