// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "config/settings.h"
#include "connectors/encoders/control.h"
#include "connectors/encoders/keys.h"
#include "engine/app/context_past.h"
#include "engine/app/fault.h"
#include "engine/event/ids.h"
#include "engine/persona/persona.h"
#include "engine/verdict/command.h"

namespace ringfence {

/// Whether engines of these settings take commands at all.
enum class Engine : std::uint8_t { Takes, TakesNone };

/// What stands of a scope and of those that it takes in, as far as the control log knows.
struct OnTheLog {
  bool any = false;
  bool pending = false;                // a halt of it waits for approval
  std::vector<std::string> by_people;  // other scopes within it that people have halted, which only people free
};

/// What the operator's own writer has to say to one command that `check_command` accepted: a halt, unless people have halted the scope
/// already under this key, and the release of a halt of theirs; nothing to an approval or a purge, which are the engine's. What it is made
/// of outlives it. One thread.
class OperatorWord {
 public:
  struct Parts {
    const Command& command;
    const ScopeParts& scope;
    const Settings& settings;
    const SigningKey& key;
    const TrustedKeys& trusted;
    ContextPast& past;
  };
  /// Reads the control log to its end, at most some 40 s, and holds a release to its rules as far as they can be known from here.
  [[nodiscard]] static std::expected<OperatorWord, Fault> open(const Parts& parts, Engine engine);
  OperatorWord(OperatorWord&&) noexcept;
  OperatorWord& operator=(OperatorWord&&) = delete;
  ~OperatorWord();

  /// There is something to say.
  [[nodiscard]] bool due() const { return due_; }
  /// When the command is given: now, and neither ahead of the word of people that it answers nor of an earlier command on its scope,
  /// however fast the clock of who gave that was.
  [[nodiscard]] WallTime at() const { return at_; }
  /// For a release and an approval.
  [[nodiscard]] const std::optional<OnTheLog>& standing() const { return standing_; }
  /// Of a release that no engine has answered who knows the agent: which job it was bound to by its gateway only an engine knows, so that
  /// any job of tier 4 asks for the second person.
  [[nodiscard]] std::expected<void, Fault> check_unheard();
  /// Says it, as the command of this `jti`. Claims, reads back and waits for the log, at most some 40 s.
  [[nodiscard]] std::expected<void, Fault> say(const std::string& jti);
  /// Whatever the command is: what people have contained and another key has signed is said again under this one, as it was said.
  [[nodiscard]] std::expected<void, Fault> take_over();
  /// Of a release that an engine has done: the engines' writers whose containments within the scope stand for all that, as of one that
  /// does not serve now. Follows the log until there are none, 2 s at most; an error where it cannot be read.
  [[nodiscard]] std::expected<std::vector<std::string>, Fault> still_contained_by();

 private:
  struct Floor;
  OperatorWord(const Parts& parts, WallTime at);
  [[nodiscard]] std::expected<const PersonaSet*, Fault> personas();
  [[nodiscard]] std::expected<void, Fault> check_approver(bool two);

  Parts parts_;
  std::unique_ptr<Floor> floor_;  // null: nothing is ever said
  std::optional<PersonaSet> personas_;
  std::optional<OnTheLog> standing_;
  WallTime at_;
  bool due_ = false;
};

}  // namespace ringfence
