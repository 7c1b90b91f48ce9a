// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/event/short_list.h"
#include "models/scope_ruling.h"

namespace ringfence::scope {

/// One place the act sends data or value to: a field of `destination`, or an argument marked so. Views of the event and the persona.
struct Target {
  enum class Kind { Host, Account, Argument } kind{};
  std::string_view name;   // "destination.host", or the argument as the persona writes it
  std::string_view value;  // of an argument with several addresses, one of them
  std::string_view whole;  // the argument as it was given
  const ArgumentRule* rule = nullptr;
};

/// The destinations of an act in the order of the event. One act has no honest use for more than a thousand: what is beyond is not looked
/// at, and counts as outside of whatever is declared.
struct Targets {
  static constexpr std::size_t kMost = 1024;
  ShortList<Target, 4> first;
  bool more = false;
};
[[nodiscard]] Targets targets_of(const Act& act);

/// The persona lists it: among its hosts, accounts, agents, or in the argument's own rule.
[[nodiscard]] bool listed(const Act& act, const Target& target);

/// The host that a URL, an e-mail address or a host name leads to: lower case, without user, port and final dot. Nothing where the text is
/// none of these, so that an account is not taken for a host.
[[nodiscard]] std::optional<std::string> host_of(std::string_view text);

/// `scope.destination`: every target against the declared hosts, accounts, agents and `external`, and against `new_per_day`.
/// What was lawfully contacted is remembered where `new_per_day` is declared; a refused act or one beyond the limit contacts nobody.
[[nodiscard]] Ruling judge_destinations(const Act& act);

/// True if the job and what the session was given do not admit this target; what cannot be decided is admitted.
[[nodiscard]] bool barred(const Act& act, const Target& target);

}  // namespace ringfence::scope
