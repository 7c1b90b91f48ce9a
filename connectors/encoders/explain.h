// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "engine/event/level.h"
#include "engine/verdict/finding.h"

/// Why a level was reached, for people: the ledger of docs/design/detection.md §4 as text.
namespace ringfence {

/// "ln score 25.09: a compliant agent (declared caps times 1.5) reaches this at most once per 7.8e10 calls." The number is rounded down.
[[nodiscard]] std::string score_sentence(const Explanation& explanation);
/// What the halt threshold promises, with this persona's tolerance and threshold.
[[nodiscard]] std::string promise_sentence(const Explanation& explanation);

/// What a ledger is about. Everything is as it came from outside; the printers escape it.
struct Account {
  std::string agent, tenant, persona;
  std::string level, applied;  // names of levels
  std::string analytic, title, sentence;
  std::optional<Explanation> explanation;  // absent for a finding by declaration alone
  std::vector<std::string> breaches;
};

/// Reads the account back from a finding as `encode_finding` writes it, rounded as it was printed there. The error says what is missing;
/// at most 1 MiB, of any origin.
[[nodiscard]] std::expected<Account, std::string> account_of_finding(std::string_view finding_json);
/// The same from a record that is not encoded yet (live state).
[[nodiscard]] Account account_of(const FindingRecord& record);

/// A table of fixed columns, lines ending in a line feed, escaped for a terminal; no colour. The printed terms add up to the printed ln
/// score.
[[nodiscard]] std::string account_table(const Account& account);
/// One line of JSON, ASCII only.
[[nodiscard]] std::string account_json(const Account& account);

}  // namespace ringfence
