// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <expected>
#include <optional>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "engine/pipeline/judge.h"
#include "engine/pipeline/link.h"
#include "engine/pipeline/rulebook.h"

namespace ringfence {

/// Judges one link against its subject's state. Evidence adds up there under the tables of the persona whose act it was, by the same
/// theorem as an agent's: every mark of every member is counted, clean ones too, so S is bounded by what the members declared together. A
/// user's and a credential's evidence begins with the second agent: before that it would say what the agent's own says.
///
/// What follows: a root session is contained with its root and every member that has shown itself; a tree that is stopped as a whole, with
/// who works in it and who comes to; content that left for where its labels
/// are forbidden holds the agent that sent it; a user and a credential are findings for people. Nothing where the link was here before or
/// its persona is no longer in force; the judgement has no verdict. Pure; `at` is the link's own place, `topic` its input.
///
/// Labels go from artefact to artefact over who reads them: a read at an artefact that has any, and a write by a reader that has any, lead
/// to a further link (`Judgement::links`), which is judged like any other and leads to none that leads back. A subject that nothing is
/// known of is not made by a read or a write.
[[nodiscard]] std::optional<Judgement> judge_link(const Link& link, AgentState& subject, const Rulebook& rules, Position at,
                                                  std::string_view topic);

/// The same where the judgement is to stay, empty before: it is too large to be moved about. False where there is none.
[[nodiscard]] bool judge_link(Judgement& out, const Link& link, AgentState& subject, const Rulebook& rules, Position at,
                              std::string_view topic);

/// Adds what a link led to to the judgement of the act it came from: in a file a link is judged at the line that caused it.
void join(Judgement& act, Judgement link);

/// Judges the links of an act, and those they lead to, at the line that caused them. `judge` takes a link and whether a link led to it and
/// gives std::expected<std::optional<Judgement>, E>.
template <class Judge>
auto judge_at_once(Judgement& act, const Judge& judge)
    -> std::expected<void, typename std::invoke_result_t<Judge, const Link&, bool>::error_type> {
  std::vector<Link> further;
  const auto take = [&](const Link& link, bool derived) {
    auto found = judge(link, derived);
    if (!found || !*found) return found;
    further.insert(further.end(), (*found)->links.begin(), (*found)->links.end());
    join(act, std::move(**found));
    return found;
  };
  for (const Link& link : act.links)
    if (auto found = take(link, false); !found) return std::unexpected(std::move(found.error()));
  for (std::size_t i = 0; i < further.size(); ++i) {
    const Link link = std::move(further[i]);  // more may come behind it
    if (auto found = take(link, true); !found) return std::unexpected(std::move(found.error()));
  }
  return {};
}

}  // namespace ringfence
