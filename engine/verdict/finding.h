// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "engine/event/analytic.h"
#include "engine/event/event.h"
#include "engine/event/level.h"
#include "engine/event/severity.h"

namespace ringfence {

/// The level of those that scores lead to (alert, throttle, halt) whose threshold belongs to this one.
[[nodiscard]] constexpr Level by_score(Level level) {
  return level >= Level::Halt ? Level::Halt : level == Level::Throttle ? Level::Throttle : Level::Alert;
}

/// One row of the ledger as a reader sees it. Nats are exact sums, not rounded.
struct EvidenceRow {
  std::string channel, cls, context;
  std::uint32_t count = 0;
  double nats = 0;  // sum of ln g of the leading threat
  double cap = 0;   // declared cap times tolerance
  /// Share of this class among the ledger's events in this context; absent where one thing is counted once for each rung it passes.
  std::optional<double> seen;
  std::vector<std::string> samples;
  double alerts_more =
      0;  // nats by which one of its acts weighs more under the caps of alerts, where tolerance does not explain it; else 0
};

/// One way for the evidence to weigh less (engine/verdict/counterfactual.h): without so many of its acts.
struct Difference {
  struct Acts {
    std::string channel, cls, context;  // as in EvidenceRow: the row that the acts are named by
    std::uint32_t without = 0, of = 0;
  };
  std::vector<Acts> acts;
  double score = 0;              // S of the explanation's null without them, all other acts counted as they were
  bool at_most = false;          // it may well be lower
  Level level = Level::Observe;  // that the evidence leads to then; observe: no finding for it
};

/// Ways to a lower level, the way to none last, from the level that the evidence leads to as it is.
struct Differences {
  Level level = Level::Observe;
  std::vector<Difference> ways;
};

/// ln S taken apart (detection.md §4): prior + start + sum of rows + late_starts + others == ln_score, exactly up to the last row's
/// rounding.
struct Explanation {
  std::string threat, family;
  std::string null;   // "declared" or "alert"
  std::string scope;  // "agent" or "session"
  double score = 0, ln_score = 0, share = 0, tolerance = 1, threshold = 0;
  double halt_threshold = 0;          // c_halt, against which the risk score is a share
  std::optional<Level> threshold_of;  // the level that score leads to: alert, throttle or halt; absent: that of the finding
  double declared_tolerance = 1;      // of `score`, whichever null the terms are of
  std::optional<double> alert_score;  // where the alert null alone crossed
  double prior = 0, start = 0, late_starts = 0, others = 0;
  bool clamped = false;                     // a score at 1e30
  bool bounded = true;                      // the score bounds false alarms (threats.h)
  std::vector<EvidenceRow> rows;            // greatest nats first
  std::optional<Differences> would_differ;  // absent in what a former build wrote
};

/// One record about a finding, owned strings only: everything an encoder needs, nothing it must look up.
struct FindingRecord {
  enum class Activity : std::uint8_t { Create = 1, Update = 2, Close = 3 } activity{};
  std::string uid;           // stays over Create, Update, Close
  std::uint32_t number = 1;  // of the record within its finding, from 1
  Analytic analytic{};
  Level level = Level::Observe;      // as the evidence says
  Level applied = Level::Observe;    // what response.mode allows
  std::optional<Severity> severity;  // where a rule of the persona declared another than the level's
  std::optional<double> score;       // S of the declared null at the act; absent where none was judged
  std::string title;                 // what happened, in one clause
  std::string sentence;              // why, in one or two sentences
  std::uint64_t count = 0;
  EventTime time, created, first_seen, last_seen;

  // the act that caused this record
  std::string event_id, tenant, agent_id, agent_name, user_id, session_id, tool_server, tool_name, outcome_code, identifier_shape;
  Outcome outcome = Outcome::Unknown;
  std::optional<bool> grounded;
  std::string client_address, credential_fingerprint;

  // the job
  std::string persona_id, persona_version, persona_sha256, owner_team;
  bool policy_applied = false;  // response.mode is enforce
  bool enforced = false;        // every expected gate has acknowledged the containment that goes back to it
  struct Gate {
    std::string name;
    EventTime applied_at;
  };
  std::vector<Gate> gates;  // that acknowledged it, where this record says so

  std::optional<Explanation> explanation;  // statistical findings
  std::vector<std::string> breaches;       // declared breaches, one clause each
  std::uint32_t held_acts = 0;             // acts of the session that were each held, where their number made this a halt
  std::string close_reason;                // where Close

  std::string topic;  // name of the input
  Position position;
};

}  // namespace ringfence
