// SPDX-License-Identifier: Apache-2.0
// Delays, ablations and adversaries of docs/design/detection.md §3 and §8 as tables. Exits 1 where a median leaves its golden value.
// `--tiny` makes few runs.
#include <CLI/CLI.hpp>
#include <cstdlib>

#include "bench/detection/report.h"

int main(int argc, char** argv) {
  using namespace ringfence::bench;
  CLI::App app("Delays, ablations and adversaries as tables");
  bool tiny = false;
  app.add_flag("--tiny", tiny, "few runs");
  CLI11_PARSE(app, argc, argv);
  const Size size = tiny ? Size::Tiny : Size::Full;
  const bool delays = print_delays(size), ablations = print_ablations(size), adversary = print_adversary(size);
  return delays && ablations && adversary ? EXIT_SUCCESS : EXIT_FAILURE;
}
