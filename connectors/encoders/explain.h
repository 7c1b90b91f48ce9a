// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/event/level.h"
#include "engine/verdict/finding.h"

/// Why a level was reached, for people: the ledger of docs/design/detection.md §4 as text.
namespace ringfence {

/// "ln score 25.09: a compliant agent (declared caps times 1.5) reaches this at most once per 7.8e10 calls." The number is rounded down.
/// Compliant is who keeps within the caps with every act, given everything before (docs/contracts/finding.md).
[[nodiscard]] std::string score_sentence(const Explanation& explanation);
/// What the threshold promises, with this persona's tolerance: of halts where it is theirs, else of alarms at its level. Empty where the
/// score bounds nothing.
[[nodiscard]] std::string promise_sentence(const Explanation& explanation);

/// One scope of a live agent: its part of S. The parts of all scopes add up to S, but for sessions under a borrowed name, which are judged
/// by themselves.
struct ScopePart {
  std::string name;  // "agent", or the session's id
  bool borrowed = false;
  double score = 0, alert_score = 0;  // under the declared caps times tolerance, and without it
  std::string level;                  // that stands in it
  std::string threat;                 // that holds most of it; empty where nothing has happened yet
};

/// An act that a finding is about because of what it broke, or that it names for want of anything else.
struct AccountAct {
  std::string event_id, tool;
  EventTime time;
};

/// What a ledger is about. Everything is as it came from outside; the printers escape it.
struct Account {
  std::string agent, tenant, persona;
  std::string persona_sha256;  // of the text it was made under, in lower-case hex; empty where the finding has none
  std::string level, applied;  // names of levels
  std::string finding_uid, analytic, title, sentence;
  std::optional<Explanation> explanation;  // absent for a finding by declaration alone
  std::vector<std::string> breaches;
  std::vector<AccountAct> acts;            // where there are breaches or no ledger, in their order: those that wrote a record
  std::uint64_t count = 0;                 // acts that the finding counts, those of `acts` among them
  std::uint32_t held_acts = 0;             // of a session, where their number made this a halt
  std::vector<std::string> since;          // what later records of the finding say that give no reasons of their own
  std::vector<std::string> would_differ;   // connectors/encoders/would_differ.h, where thresholds are known
  std::vector<ScopePart> scopes;           // live state only: the agent, then its sessions in slot order
  std::vector<std::string> open_findings;  // live state only
  std::string next;                        // live state only: which level would come next and how far it is
};

/// The account of a record that is not encoded yet (live state).
[[nodiscard]] Account account_of(const FindingRecord& record);

/// A table of fixed columns, lines ending in a line feed, escaped for a terminal; no colour. The printed terms add up to the printed ln
/// score.
[[nodiscard]] std::string account_table(const Account& account);
/// One line of JSON, ASCII only.
[[nodiscard]] std::string account_json(const Account& account);

}  // namespace ringfence
