// SPDX-License-Identifier: Apache-2.0
// False alarms of well-behaved agents over the bound 1.0102 calls / c, at more calls than the tests take: 2e8 a point, or the number given.
// Exits 1 where the upper 99.9 % Poisson limit exceeds the bound. `--tiny` takes 4e5 calls.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "tests/unit/models/evidence_alarms.h"

int main(int argc, char** argv) {
  using namespace ringfence;
  using namespace ringfence::simulation;
  std::int64_t calls = 200'000'000;
  if (argc > 1) calls = std::strcmp(argv[1], "--tiny") == 0 ? 400'000 : std::stoll(argv[1]);
  bool held = true;
  std::uint64_t hash = 14695981039346656037ULL;
  for (const Confidence confidence : {Confidence::Sketch, Confidence::Reviewed, Confidence::Measured}) {
    for (const Conduct conduct : {Conduct::OnEveryCap, Conduct::AtHalf, Conduct::Bursty}) {
      for (const AlarmCount& count : count_alarms(confidence, conduct, calls, 23)) {
        // An alarm or two more than a bound of a fraction of one is no evidence; the limit is only asked where the bound allows twenty.
        const double upper = poisson_upper(count.alarms, .9995) / count.bound;
        const bool asked = count.bound >= 20;
        held = held && (!asked || upper <= 1);
        hash = (hash ^ static_cast<std::uint64_t>(count.alarms)) * 1099511628211ULL;
        std::printf("tolerance %.1f  %-12s %-8s c=%-6.0e alarms %8lld  bound %10.1f  ratio %.3f  upper %.3f%s\n",
                    persona_of(confidence).tolerance(), std::string(name_of(conduct)).c_str(),
                    count.null == Null::Alert ? "alert" : "declared", count.threshold, static_cast<long long>(count.alarms), count.bound,
                    static_cast<double>(count.alarms) / count.bound, upper, asked ? "" : "  (too few calls to ask)");
      }
    }
  }
  std::printf("hash %016llx\n", static_cast<unsigned long long>(hash));
  return held ? EXIT_SUCCESS : EXIT_FAILURE;
}
