// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <expected>
#include <string>
#include <string_view>

#include "engine/verdict/containment.h"

namespace ringfence {

/// An operator's command (docs/contracts/control.md, Operators' commands): who wants what of a scope, and why.
struct Command {
  std::string command;  // halt, approve, release, purge
  std::string scope, reason, by, approver, ticket;
  bool operator==(const Command&) const = default;
};

/// What must hold of every command, whatever stands: a known command and scope, a reason and who gives it; reasons of at most 1 KiB, names
/// and tickets of at most 256 bytes, and names that neither begin nor end with a blank. Gives the scope taken apart; the error names the
/// fault and repeats nothing of the command.
[[nodiscard]] std::expected<ScopeParts, std::string> check_command(const Command& command);

/// True where the scope is `outer` itself or one that it takes in among those of the same agent: its sessions, and of a tree its root.
[[nodiscard]] bool takes_in(const ScopeParts& outer, const std::string& scope);

/// True of names that differ in the case of ASCII letters alone: `Ada` is no second person beside `ada`.
[[nodiscard]] bool same_person(std::string_view a, std::string_view b);

/// Names the command where an event's id would stand: the same for the same command.
[[nodiscard]] std::string cause_of(const Command& command);

/// What the containment by an operator's halt goes back to instead of a finding: a digest of who gave it, so that the state tells whose
/// halt it is and shows no name; one for all names of `same_person`.
[[nodiscard]] std::string halted_by(std::string_view by);
/// True of what `halted_by` gives, and of no finding's uid.
[[nodiscard]] bool is_halted_by_person(std::string_view finding_uid);

}  // namespace ringfence
