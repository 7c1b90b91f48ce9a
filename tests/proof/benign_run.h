// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <filesystem>
#include <map>
#include <stdexcept>
#include <string>

#include "engine/pipeline/rehearsal.h"
#include "tests/proof/benign_fleet.h"

/// The benign fleet before the whole engine.
namespace ringfence::proof {

struct BenignRun {
  std::uint64_t events = 0, refused = 0;
  std::array<std::uint64_t, kLevels> findings{};  // begun, by level
  std::map<std::string, std::uint64_t> titles;    // of findings, with persona
  double greatest_score = 0;
};

inline BenignRun run_benign(const std::filesystem::path& source, std::uint64_t events, std::size_t agents, std::uint64_t seed) {
  PersonaLoad load = load_personas(source / "config/personas");
  if (!load.set) throw std::runtime_error("the shipped personas do not load");
  const Rulebook rules(std::move(*load.set), all_channels());
  Rehearsal rehearsal(rules);
  BenignFleet fleet(agents, seed);
  BenignRun run{.events = events};
  for (std::uint64_t n = 0; n < events; ++n) {
    const std::string event = fleet.next();
    const auto judged = rehearsal.feed(event);
    if (!judged) throw std::runtime_error("refused: " + judged.error().detail + " in " + event);
    run.greatest_score = std::max(run.greatest_score, judged->verdict.score);
    for (const FindingRecord& finding : judged->findings) {
      if (finding.activity != FindingRecord::Activity::Create) continue;
      ++run.findings[static_cast<std::size_t>(finding.level)];
      const std::string threat =
          finding.explanation ? finding.explanation->threat + " under the " + finding.explanation->null + " null" : "";
      ++run.titles[finding.persona_id + ", " + threat + finding.title + (finding.breaches.empty() ? "" : ": " + finding.breaches.front())];
    }
  }
  run.refused = fleet.refused();
  return run;
}

}  // namespace ringfence::proof
