// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
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
  std::string_view value;  // of several addresses in one text, one of them
  std::string_view whole;  // the text as it was given
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
/// none of these, so that an account is not taken for a host. Of what is read in several ways, the browser's.
[[nodiscard]] std::optional<std::string> host_of(std::string_view text);

/// What `destinations.hosts` must list for a text of `destination.host` to be permitted: a host for each of its addresses, in lower case;
/// nothing for one that no list can say, as it is no host (`engine/event/declared_host.h`), holds a `*`, or is read in several ways.
[[nodiscard]] std::vector<std::optional<std::string>> hosts_to_list(std::string_view text);

/// True if the text leads to hosts, and each that one reader or another takes it to lead to is such: of `https://a\@b/` a browser takes `a`
/// and others `b`.
[[nodiscard]] bool leads_to(std::string_view text, const std::function<bool(const std::string& host)>& such);

/// The event says it in `destination.host`, and it is neither URL nor e-mail address.
[[nodiscard]] bool is_bare_host_of(const Act& act, std::string_view text);

/// The text with the host of its URL or e-mail address in lower case; an account stays as it is, as does all before an `@`.
[[nodiscard]] std::string lower_host_in(std::string_view text);

/// The glob covers every one of `values`, as it is written or by the hosts it leads to. Where there are none it covers all hosts and marked
/// arguments that the act names, or all accounts; an act that names nothing goes nowhere.
[[nodiscard]] bool covers_destinations(const Glob& glob, const Act& act, const std::vector<std::string>& values);

/// `scope.destination`: every target against the declared hosts, accounts, agents and `external`, and against `new_per_day`. An act that
/// goes somewhere (its effect is `send` or `transfer`, or its action marks an argument `destination`) and does not say where lacks it.
/// What was lawfully contacted is remembered where `new_per_day` is declared; a refused act or one beyond the limit contacts nobody.
[[nodiscard]] Ruling judge_destinations(const Act& act);

/// True if the job and what the session was given do not admit this target; what cannot be decided is admitted.
[[nodiscard]] bool barred(const Act& act, const Target& target);

}  // namespace ringfence::scope
