// SPDX-License-Identifier: Apache-2.0
// Delays, ablations and adversaries of docs/design/detection.md §3 and §8 as tables. Exits 1 where a median leaves its golden value.
// `--tiny` makes few runs.
#include <cstdlib>
#include <cstring>

#include "bench/detection/report.h"

int main(int argc, char** argv) {
  using namespace ringfence::bench;
  const Size size = argc > 1 && std::strcmp(argv[1], "--tiny") == 0 ? Size::Tiny : Size::Full;
  const bool delays = print_delays(size), ablations = print_ablations(size), adversary = print_adversary(size);
  return delays && ablations && adversary ? EXIT_SUCCESS : EXIT_FAILURE;
}
