// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fstream>
#include <iterator>
#include <string>

#include "engine/verdict/finding.h"

namespace ringfence::testing {

inline std::string read_text(const std::string& path_below_source) {
  std::ifstream in(std::string(RINGFENCE_SOURCE_DIR) + "/" + path_below_source, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

inline EventTime at_ms(std::int64_t ms) { return EventTime{ms * 1'000'000}; }

/// The ledger of docs/design/detection.md §3.1 and §4 as exact sums: one denial, four near-misses, one guess, a near-miss.
inline Explanation golden_explanation() {
  Explanation e;
  e.threat = "guess";
  e.family = "barrier";
  e.null = "declared";
  e.scope = "agent";
  e.score = 7.87e10;
  e.ln_score = 25.0889;
  e.share = 0.99996;
  e.tolerance = 1.5;
  e.threshold = e.halt_threshold = 1e9;
  e.declared_tolerance = 1.5;
  e.prior = -2.995732;
  e.start = 0.6652;
  e.late_starts = 0.3289;
  e.others = 0.6931;
  e.rows = {{"barrier", "denied, near-miss", "after a refusal", 5, 24.2087, 0.003, 5.0 / 6, {"call-1041", "call-1042", "call-1046"}},
            {"barrier", "denied, guess-shaped", "after a refusal", 1, 1.8971, 0.03, 1.0 / 6, {"call-1045"}},
            {"barrier", "denied, new plausible target", "after a success", 1, 0.2917, 0.05 * 1.5, 1, {"call-1040"}}};
  const auto near_misses = [](std::uint32_t n) {
    return std::vector{Difference::Acts{"barrier", "denied, near-miss", "after a refusal", n, 5}};
  };
  e.would_differ = Differences{Level::Halt,
                               {{.acts = near_misses(1), .score = 645884000, .level = Level::Throttle},
                                {.acts = near_misses(4), .score = 352.129, .level = Level::Observe}}};
  return e;
}

inline FindingRecord golden_record() {
  FindingRecord r;
  r.activity = FindingRecord::Activity::Update;
  r.uid = "rf-5b1c9a0e77d24f18";
  r.number = 3;
  r.analytic = Analytic::BarrierGuessing;
  r.level = Level::Halt;
  r.applied = Level::Halt;
  r.title = "Agent guesses commit identifiers after refusals";
  r.sentence =
      "7 of the last 7 calls to git/get_commit were refused on repos/billing-core/commits/{hex}; 5 identifiers of 39 or 41 characters lie "
      "within two edits of the refused one and stood in nothing the agent had read.";
  r.count = 7;
  r.time = at_ms(1795170360187);
  r.created = at_ms(1795166760187);
  r.first_seen = at_ms(1795160000000);
  r.last_seen = at_ms(1795170360187);
  r.event_id = "call-1046";
  r.tenant = "corp";
  r.agent_id = "spiffe://corp.example/agent/code-maintainer";
  r.agent_name = "code-maintainer";
  r.user_id = "u-9";
  r.session_id = "run-12";
  r.tool_server = "git";
  r.tool_name = "get_commit";
  r.outcome_code = "403";
  r.identifier_shape = "hex41";
  r.outcome = Outcome::Denied;
  r.grounded = false;
  r.persona_id = "code-maintainer";
  r.persona_version = "2.0.0";
  r.persona_sha256 = "7d0c0c7ea1b1f0c3e2f95e0a6f0d1c7be9b7c0d17a53d2b1c1d74d4c2c0f9be1";
  r.owner_team = "platform";
  r.policy_applied = true;
  r.explanation = golden_explanation();
  r.topic = "ringfence.events";
  r.position = {Partition{3}, Offset{99131870}};
  return r;
}

/// A declared breach without a ledger.
inline FindingRecord breach_record() {
  FindingRecord r = golden_record();
  r.activity = FindingRecord::Activity::Create;
  r.analytic = Analytic::ScopeUndeclared;
  r.title = "Agent calls a tool its persona does not declare";
  r.sentence = "shell/run is no action of the persona.";
  r.explanation.reset();
  r.breaches = {"tool shell/run is not declared"};
  r.identifier_shape.clear();
  r.grounded.reset();
  return r;
}

}  // namespace ringfence::testing
