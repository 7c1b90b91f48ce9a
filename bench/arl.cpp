// SPDX-License-Identifier: Apache-2.0
// False alarms of well-behaved agents over the bound, at more calls than the tests take: of the barrier alone under every tolerance, of the
// whole detector under every shipped persona and conduct, of every channel by itself, and by importance sampling at thresholds that nobody
// can wait for. `bench_arl [CALLS]`: 2e8 of the barrier on every cap, a tenth of it for the whole. Exits 1 where the upper 99.9 % limit
// exceeds the bound. `--tiny` takes 4e5.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "tests/proof/alarm_rate.h"

namespace {

using namespace ringfence;
using namespace ringfence::proof;
using simulation::AlarmCount;

constexpr std::array kCounted{1e2, 1e3, 1e4};
constexpr std::array kRare{1e3, 1e5, 1e7, 1e8, 1e10};

struct Answer {
  bool held = true;
  std::uint64_t hash = 14695981039346656037ULL;
  void add(std::int64_t count) { hash = (hash ^ static_cast<std::uint64_t>(count)) * 1099511628211ULL; }
};

void barrier_alone(std::int64_t calls, Answer& answer) {
  for (const Confidence confidence : {Confidence::Sketch, Confidence::Reviewed, Confidence::Measured}) {
    for (const simulation::Conduct conduct : {simulation::Conduct::OnEveryCap, simulation::Conduct::AtHalf, simulation::Conduct::Bursty}) {
      for (const AlarmCount& count : simulation::count_alarms(confidence, conduct, calls, 23)) {
        // An alarm or two more than a bound of a fraction of one is no evidence; the limit is only asked where the bound allows twenty.
        const double upper = simulation::poisson_upper(count.alarms, .9995) / count.bound;
        const bool asked = count.bound >= 20;
        answer.held = answer.held && (!asked || upper <= 1);
        answer.add(count.alarms);
        std::printf("tolerance %.1f  %-12s %-8s c=%-6.0e alarms %8lld  bound %10.1f  ratio %.3f  upper %.3f%s\n",
                    simulation::persona_of(confidence).tolerance(), std::string(name_of(conduct)).c_str(),
                    std::string(name_of(count.null)).c_str(), count.threshold, static_cast<long long>(count.alarms), count.bound,
                    static_cast<double>(count.alarms) / count.bound, upper, asked ? "" : "  (too few calls to ask)");
      }
    }
  }
}

void counted(const std::string& who, const ClassWorld& world, Conduct conduct, std::int64_t calls, Answer& answer) {
  std::printf("%-16s %-8s %-12s", who.c_str(), std::string(name_of(world.null())).c_str(), std::string(name_of(conduct)).c_str());
  for (const AlarmRate& rate : alarm_rates(world, conduct, calls, kCounted, 29)) {
    const bool asked = rate.bound >= 200;  // as many as tell .6 from 1
    answer.held = answer.held && (!asked || rate.upper <= rate.bound);
    answer.add(rate.alarms);
    std::printf("  c=%.0e %7lld %.4f%s", rate.threshold, static_cast<long long>(rate.alarms), rate.ratio(), asked ? "" : "?");
  }
  std::printf("\n");
}

void sampled(const std::string& who, const ClassWorld& world, Conduct conduct, int runs, Answer& answer) {
  std::printf("%-16s %-8s %-12s", who.c_str(), std::string(name_of(world.null())).c_str(), std::string(name_of(conduct)).c_str());
  for (const RareAlarm& rate : rare_alarms(world, conduct, 2000, runs, kRare, 31)) {
    answer.held = answer.held && rate.ratio + 3.29 * rate.error <= 1;
    answer.add(rate.hits);
    std::printf("  c=%.0e %.4f±%.4f", rate.threshold, rate.ratio, rate.error);
  }
  std::printf("\n");
}

}  // namespace

int main(int argc, char** argv) {
  std::int64_t calls = 200'000'000;
  if (argc > 1) calls = std::strcmp(argv[1], "--tiny") == 0 ? 400'000 : std::stoll(argv[1]);
  Answer answer;
  std::printf("Alarms over the bound 1.0102 calls / c, of the barrier alone\n");
  barrier_alone(calls, answer);
  const std::vector<Persona> personas = shipped_personas(RINGFENCE_SOURCE_DIR);
  std::printf("\nThe whole, all channels with a table at every call: threshold, alarms, ratio to the bound (?: too few calls to ask)\n");
  for (const Persona& persona : personas)
    for (const Null null : kBothNulls)
      for (const Conduct conduct : kConducts) counted(persona.id, ClassWorld(persona, null, all_channels()), conduct, calls / 10, answer);
  std::printf("\nEvery channel by itself, on the law that is hardest for the leading threat\n");
  for (const Channel* channel : all_channels()) {
    const std::array<const Channel*, 1> alone{channel};
    for (const Null null : kBothNulls) {
      const ClassWorld world(personas.front(), null, alone);
      if (!world.stages().empty()) counted(std::string(channel->info().name), world, Conduct::Adaptive, calls / 10, answer);
    }
  }
  std::printf("\nFirst alarms within 2,000 calls over the bound 2000 / c, by importance sampling: threshold, ratio, standard error\n");
  const int runs = static_cast<int>(std::min<std::int64_t>(20'000, calls / 4000));
  for (const Persona& persona : personas)
    for (const Null null : kBothNulls)
      for (const Conduct conduct : {Conduct::OnEveryCap, Conduct::AtHalf, Conduct::Bursty, Conduct::Regimes, Conduct::Adaptive})
        sampled(persona.id, ClassWorld(persona, null, all_channels()), conduct, runs, answer);
  std::printf("hash %016llx\n", static_cast<unsigned long long>(answer.hash));
  return answer.held ? EXIT_SUCCESS : EXIT_FAILURE;
}
