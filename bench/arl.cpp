// SPDX-License-Identifier: Apache-2.0
// False alarms of well-behaved agents over the bound, at more calls than the tests take: of the barrier alone under every tolerance, of the
// whole detector under every shipped persona and conduct, of every channel by itself under every conduct, and by importance sampling at
// thresholds that nobody can wait for. `bench_arl [CALLS]`: calls a point, 2e6 by default, 2e8 in a nightly run. Exits 1 where the upper
// 99.9 % limit exceeds the bound. `--tiny` takes 4e4.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <atomic>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <future>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "tests/proof/alarm_rate.h"

namespace {

using namespace ringfence;
using namespace ringfence::proof;
using simulation::AlarmCount;

constexpr std::array kCounted{1e2, 1e3, 1e4};
constexpr std::array kRare{1e3, 1e5, 1e7, 1e8, 1e10};

/// One line of a table, or several, and whether what it measured keeps the bound.
struct Row {
  std::string text;
  bool held = true;
  std::uint64_t hash = 14695981039346656037ULL;
  void add(std::int64_t count) { hash = (hash ^ static_cast<std::uint64_t>(count)) * 1099511628211ULL; }
};

[[gnu::format(printf, 2, 3)]] void write(Row& row, const char* format, ...) {
  std::array<char, 256> line{};
  va_list values;
  va_start(values, format);
  std::vsnprintf(line.data(), line.size(), format, values);
  va_end(values);
  row.text += line.data();
}

Row barrier_alone(Confidence confidence, simulation::Conduct conduct, std::int64_t calls) {
  Row row;
  for (const AlarmCount& count : simulation::count_alarms(confidence, conduct, calls, 23)) {
    // An alarm or two more than a bound of a fraction of one is no evidence; the limit is only asked where the bound allows twenty.
    const double upper = simulation::poisson_upper(count.alarms, .9995) / count.bound;
    const bool asked = count.bound >= 20;
    row.held = row.held && (!asked || upper <= 1);
    row.add(count.alarms);
    write(row, "tolerance %.1f  %-12s %-8s c=%-6.0e alarms %8lld  bound %10.1f  ratio %.3f  upper %.3f%s\n",
          simulation::persona_of(confidence).tolerance(), std::string(name_of(conduct)).c_str(), std::string(name_of(count.null)).c_str(),
          count.threshold, static_cast<long long>(count.alarms), count.bound, static_cast<double>(count.alarms) / count.bound, upper,
          asked ? "" : "  (too few calls to ask)");
  }
  return row;
}

void name(Row& row, const std::string& who, const ClassWorld& world, Conduct conduct) {
  write(row, "%-16s %-8s %-12s", who.c_str(), std::string(name_of(world.null())).c_str(), std::string(name_of(conduct)).c_str());
}

Row counted(const std::string& who, const ClassWorld& world, Conduct conduct, std::int64_t calls) {
  Row row;
  name(row, who, world, conduct);
  for (const AlarmRate& rate : alarm_rates(world, conduct, calls, kCounted, 29)) {
    const bool asked = rate.bound >= 200;  // as many as tell .6 from 1
    row.held = row.held && (!asked || rate.upper <= rate.bound);
    row.add(rate.alarms);
    write(row, "  c=%.0e %7lld %.4f%s", rate.threshold, static_cast<long long>(rate.alarms), rate.ratio(), asked ? "" : "?");
  }
  row.text += "\n";
  return row;
}

Row sampled(const std::string& who, const ClassWorld& world, Conduct conduct, int runs) {
  Row row;
  name(row, who, world, conduct);
  for (const RareAlarm& rate : rare_alarms(world, conduct, 2000, runs, kRare, 31)) {
    row.held = row.held && rate.ratio + 3.29 * rate.error <= 1;
    row.add(rate.hits);
    write(row, "  c=%.0e %.4f±%.4f", rate.threshold, rate.ratio, rate.error);
  }
  row.text += "\n";
  return row;
}

/// Rows are independent of each other: as many at once as there are processors, printed in their order as soon as it is their turn.
class Table {
 public:
  void add(std::function<Row()> row) { rows_.push_back(std::move(row)); }

  /// Prints all; false where one broke the bound.
  bool print(std::uint64_t& hash) {
    std::vector<std::promise<Row>> done(rows_.size());
    std::atomic<std::size_t> next{0};
    std::vector<std::jthread> threads;
    for (unsigned i = 0; i < std::max(1U, std::thread::hardware_concurrency()); ++i)
      threads.emplace_back([&] {
        for (std::size_t at = next++; at < rows_.size(); at = next++) done[at].set_value(rows_[at]());
      });
    bool held = true;
    for (std::promise<Row>& each : done) {
      const Row row = each.get_future().get();
      std::fputs(row.text.c_str(), stdout);
      std::fflush(stdout);
      held = held && row.held;
      hash = (hash ^ row.hash) * 1099511628211ULL;
    }
    return held;
  }

 private:
  std::vector<std::function<Row()>> rows_;
};

Table of_barrier(std::int64_t calls) {
  Table table;
  for (const Confidence confidence : {Confidence::Sketch, Confidence::Reviewed, Confidence::Measured})
    for (const simulation::Conduct conduct : {simulation::Conduct::OnEveryCap, simulation::Conduct::AtHalf, simulation::Conduct::Bursty})
      table.add([=] { return barrier_alone(confidence, conduct, calls); });
  return table;
}

Table of_whole(const std::vector<Persona>& personas, std::int64_t calls) {
  Table table;
  for (const Persona& persona : personas)
    for (const Null null : kBothNulls)
      for (const Conduct conduct : kConducts)
        table.add(
            [&persona, null, conduct, calls] { return counted(persona.id, ClassWorld(persona, null, all_channels()), conduct, calls); });
  return table;
}

Table of_channels(const Persona& persona, std::int64_t calls) {
  Table table;
  for (const Channel* channel : all_channels())
    for (const Null null : kBothNulls) {
      if (ClassWorld(persona, null, std::array{channel}).stages().empty()) continue;
      for (const Conduct conduct : kConducts)
        table.add([&persona, channel, null, conduct, calls] {
          const std::array alone{channel};
          return counted(std::string(channel->info().name), ClassWorld(persona, null, alone), conduct, calls);
        });
    }
  return table;
}

Table of_rare(const std::vector<Persona>& personas, int runs) {
  Table table;
  for (const Persona& persona : personas)
    for (const Null null : kBothNulls)
      for (const Conduct conduct : {Conduct::OnEveryCap, Conduct::AtHalf, Conduct::Bursty, Conduct::Regimes, Conduct::Adaptive})
        table.add(
            [&persona, null, conduct, runs] { return sampled(persona.id, ClassWorld(persona, null, all_channels()), conduct, runs); });
  return table;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("False alarms of well-behaved agents over the bound, for every point of four tables");
  std::int64_t calls = 2'000'000;
  bool tiny = false;
  app.add_option("CALLS", calls, "calls a point; 2e8 takes hours")->check(CLI::PositiveNumber)->capture_default_str();
  app.add_flag("--tiny", tiny, "few calls");
  CLI11_PARSE(app, argc, argv);
  if (tiny) calls = 40'000;
  const std::vector<Persona> personas = shipped_personas(RINGFENCE_SOURCE_DIR);
  std::uint64_t hash = 14695981039346656037ULL;
  std::printf("Alarms over the bound 1.0102 calls / c, of the barrier alone\n");
  bool held = of_barrier(calls).print(hash);
  std::printf("\nThe whole, all channels with a table at every call: threshold, alarms, ratio to the bound (?: too few calls to ask)\n");
  held = of_whole(personas, calls).print(hash) && held;
  std::printf("\nEvery channel by itself\n");
  held = of_channels(personas.front(), calls).print(hash) && held;
  std::printf("\nFirst alarms within 2,000 calls over the bound 2000 / c, by importance sampling: threshold, ratio, standard error\n");
  held = of_rare(personas, static_cast<int>(std::min<std::int64_t>(20'000, std::max<std::int64_t>(100, calls / 400)))).print(hash) && held;
  std::printf("hash %016llx\n", static_cast<unsigned long long>(hash));
  return held ? EXIT_SUCCESS : EXIT_FAILURE;
}
