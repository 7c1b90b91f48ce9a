// SPDX-License-Identifier: Apache-2.0
// From a signed halt handed to the producer to the first call refused: client → nginx → gate, with a real broker between. Calls follow one
// another without a pause; a halt's time ends with the answer 403. Each halt is released again and the way back checked.
// `bench_gate_refusal [ROUNDS]`, with the broker's jars where tests/integration/broker/fetch.sh puts them or in RINGFENCE_BROKER_LIBS.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "tests/integration/gate/world.h"

int main(int argc, char** argv) {
  using namespace ringfence;
  using namespace ringfence::testing;
  using Clock = std::chrono::steady_clock;
  CLI::App app("From a signed halt to the first call that nginx refuses");
  int rounds = 500;
  app.add_option("ROUNDS", rounds, "how many halts")->check(CLI::PositiveNumber)->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  const auto broker = Broker::shared();
  if (!broker) {
    std::fprintf(stderr, "%s\n", broker.error().c_str());
    return 1;
  }
  GateWorld world(*broker);
  Speaker engine;
  world.start_gate();
  world.start_nginx();
  world.say(engine.say(Speaker::halt("somebody-else")));
  if (!world.acknowledged(engine.key_of("somebody-else"), 200, 1)) return 1;

  std::vector<double> halted;
  for (int round = 0; round < rounds; ++round) {
    const auto epoch = 2 * static_cast<std::uint64_t>(round) + 1;
    const ControlEntry halt = engine.say(Speaker::halt(kInvoiceAgent, epoch)),
                       release = engine.say(Speaker::release(kInvoiceAgent, epoch + 1));
    const auto began = Clock::now();
    world.say(halt);
    while (world.call(kInvoiceKey).status != 403)
      if (Clock::now() - began > std::chrono::seconds(30)) return 1;
    halted.push_back(std::chrono::duration<double, std::milli>(Clock::now() - began).count());
    world.say(release);
    const auto back = Clock::now();
    while (world.call(kInvoiceKey).body != "done")
      if (Clock::now() - back > std::chrono::seconds(30)) return 1;
  }
  std::ranges::sort(halted);
  std::printf("halt to refused call  p50 %.2f ms, p99 %.2f ms, max %.2f ms (%d rounds, nginx and a real broker)\n",
              halted[halted.size() / 2], halted[halted.size() * 99 / 100], halted.back(), rounds);
  return 0;
}
