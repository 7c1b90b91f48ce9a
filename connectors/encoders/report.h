// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "connectors/encoders/explain.h"
#include "engine/event/event.h"
#include "engine/event/level.h"

/// One finding as a page that a SOC can attach to a ticket.
namespace ringfence {

/// One call of the agent, as the page lists it. Texts are as they came from outside; the page escapes them.
struct ReportCall {
  bool known = true;  // false: what stood at this call is not; level, score and what it raised are left out
  std::string event_id, tool, session, outcome, code;
  EventTime time;
  Level level = Level::Observe;  // that stands after it, or of what it led to
  double score = 0;
  std::vector<std::string> marks;   // "barrier: denied, near-miss", those that speak for a threat
  std::vector<std::string> raised;  // analytic uids this call newly raised
};

/// One record of the finding: Create, Update, Close.
struct ReportRecord {
  std::string activity, level, event_id, sentence;
  EventTime time;
};

struct ReportPage {
  Account account;  // of the last record
  std::string finding_uid, meaning, false_positives, check;
  std::vector<ReportRecord> records;
  std::vector<ReportCall> calls;          // in order; empty where no events were given
  std::size_t calls_left_out = 0;         // before the first of `calls`
  std::string judged;                     // what the curve and the calls are, or why they are not there
  std::vector<std::string> containments;  // what was recorded of them
  std::string containment_note;           // by whom, and what else would tell
  std::string persona_excerpt;            // as written in the file; empty where none was given
  std::string persona_note;               // which text that is
  /// The words of each command, which a pipe joins; empty where none gives the finding again.
  std::vector<std::vector<std::string>> reproduce;
  std::string reproduce_note;                // whether it was tried
  double alert = 0, throttle = 0, halt = 0;  // thresholds; 0 where unknown
};

/// A self-contained HTML page: no script, no request, no style or picture from elsewhere (its own Content-Security-Policy says so), every
/// text from outside escaped, readable from 360 pixels wide and in print. The same page gives the same bytes.
[[nodiscard]] std::string report_html(const ReportPage& page);

}  // namespace ringfence
