// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <expected>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "config/settings.h"
#include "connectors/encoders/control.h"
#include "connectors/encoders/keys.h"
#include "connectors/kafka/context_log.h"
#include "connectors/sinks/file_control_log.h"
#include "engine/app/fault.h"
#include "engine/persona/persona.h"

namespace ringfence {

/// What engines were told before a command is given: the personas in force, and when people commanded a scope last. On the context topic;
/// without one the directory of personas and the file of `context.commands`. Reads on from look to look, some 20 s at most. One thread.
class ContextPast {
 public:
  /// All of it outlives this; `topic` is null where there is no context topic.
  ContextPast(const Settings& settings, const TrustedKeys& operators, ContextLog* topic)
      : settings_(settings), operators_(operators), topic_(topic) {}

  [[nodiscard]] std::expected<PersonaSet, Fault> personas();
  /// When the latest command on the scope was signed, to the second; nothing where none stands there, or that cannot be read.
  [[nodiscard]] std::optional<WallTime> last_command(const std::string& scope);

 private:
  [[nodiscard]] std::expected<void, Fault> look_at_topic();
  void take(TopicRecord& record);
  void look_at_file();
  void take_command(std::string_view jws);

  const Settings& settings_;
  const TrustedKeys& operators_;
  ContextLog* topic_;
  std::unique_ptr<FileControlLog> file_;
  std::map<std::string, std::int64_t> latest_;  // by scope, in seconds
  std::optional<std::string> personas_;         // the latest valid set on the topic
};

}  // namespace ringfence
