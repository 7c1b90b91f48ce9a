// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <vector>

#include "config/settings.h"
#include "connectors/encoders/keys.h"
#include "connectors/kafka/context_log.h"
#include "engine/app/exit_code.h"
#include "engine/verdict/command.h"

namespace ringfence {

/// Why a command was not given.
struct Fault {
  ExitCode exit = ExitCode::Unusable;
  std::string message;
};

/// Whether engines of these settings take commands at all.
enum class Engine : std::uint8_t { Takes, TakesNone };

/// What stands of a scope and of those that it takes in, as far as the control log knows.
struct OnTheLog {
  bool any = false;
  bool pending = false;                // a halt of it waits for approval
  std::vector<std::string> by_people;  // other scopes within it that people have halted, which only people free
};

/// What came of a command at the operator's own writer.
struct Spoken {
  bool said = false;                 // it had something to say
  std::optional<OnTheLog> standing;  // for a release and an approval
};

/// Says on the control log what the operator's own writer has to say to a command that `check_command` accepted: a halt, unless people
/// have halted the scope already, and the release of a halt of theirs, under the rules of a release; nothing to an approval or a purge,
/// which are the engine's. `context`: where the personas in force are read, null for the directory of the settings. Claims, reads back and
/// waits for the log, at most some 40 s.
[[nodiscard]] std::expected<Spoken, Fault> speak(const Command& command, const ScopeParts& scope, const Settings& settings,
                                                 const SigningKey& key, const TrustedKeys& trusted, Engine engine,
                                                 ContextLog* context = nullptr);

}  // namespace ringfence
