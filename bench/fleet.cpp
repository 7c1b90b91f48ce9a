// SPDX-License-Identifier: Apache-2.0
// A benign fleet of the shipped personas before the whole engine: 5,000,000 events, or the number given; `--tiny` 20,000. Exits 1 at the
// first throttle, hold or halt, or where alerts exceed the bound.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>

#include "tests/proof/benign_run.h"

int main(int argc, char** argv) {
  using namespace ringfence;
  using namespace ringfence::proof;
  CLI::App app("A benign fleet of the shipped personas before the whole engine");
  std::uint64_t events = 5'000'000;
  bool tiny = false;
  app.add_option("EVENTS", events, "how many")->check(CLI::PositiveNumber)->capture_default_str();
  app.add_flag("--tiny", tiny, "20,000 events");
  CLI11_PARSE(app, argc, argv);
  if (tiny) events = 20'000;
  const BenignRun run = run_benign(RINGFENCE_SOURCE_DIR, events, events < 1'000'000 ? 80 : 800, 62);
  // Tier 4 alerts at 1e4, which half of this fleet is; the others at 1e5.
  const double bound = 1.0102 * static_cast<double>(events) * (.5e-4 + .5e-5);
  const auto of = [&](Level level) { return run.findings[static_cast<std::size_t>(level)]; };
  const std::uint64_t alerts = of(Level::Alert), halts = of(Level::Halt) + of(Level::Revoke);
  const std::uint64_t acted = of(Level::Throttle) + of(Level::Hold) + halts;
  std::printf("%llu events, %llu refused, greatest score %.3g\nalerts %llu (bound %.1f)  throttles %llu  holds %llu  halts %llu\n",
              static_cast<unsigned long long>(run.events), static_cast<unsigned long long>(run.refused), run.greatest_score,
              static_cast<unsigned long long>(alerts), bound, static_cast<unsigned long long>(of(Level::Throttle)),
              static_cast<unsigned long long>(of(Level::Hold)), static_cast<unsigned long long>(halts));
  for (const auto& [title, count] : run.titles) std::printf("%8llu  %s\n", static_cast<unsigned long long>(count), title.c_str());
  return acted == 0 && static_cast<double>(alerts) <= bound ? EXIT_SUCCESS : EXIT_FAILURE;
}
