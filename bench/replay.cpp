// SPDX-License-Identifier: Apache-2.0
// A whole replay in one process and on one shard: read, decode, judge, write findings; once as `replay` does it by itself, where states
// stay in memory, and once as with `--state`, with checkpoints into RocksDB. Prints events a second, CPU nanoseconds an event (RocksDB's
// threads included), resident bytes an agent, and a hash of every output; `--tiny` writes all outputs, checks that hash against the known
// one, and that states which do not fit into memory change nothing. `bench_replay [EVENTS AGENTS]`.
//
// Instructions by function, corpus and start left out:
//   valgrind --tool=callgrind --toggle-collect='ringfence::FileRun::run()' build/release/bench/bench_replay --instructions [--memory]
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <CLI/CLI.hpp>

#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include "engine/app/file_run.h"
#include "engine/event/decode.h"
#include "engine/event/hash.h"
#include "engine/persona/load.h"
#include "models/channel.h"

namespace {

using namespace ringfence;
namespace fs = std::filesystem;

constexpr std::uint64_t kTinyHash = 0x7b5c36c85a979bd3;
constexpr std::size_t kFiles = 12;  // what a listing shows

struct Size {
  std::size_t events = 0, agents = 0;
};
constexpr std::array<Size, 2> kSizes{{{1'000'000, 10'000}, {1'000'000, 1'000'000}}};
constexpr Size kTiny{10'000, 300}, kInstructions{20'000, 1'000};
/// Enough that states leave memory on the way, with room for this many bytes of them.
constexpr Size kCrowded{70'000, 2'000};
constexpr std::size_t kCramped = std::size_t{4} << 20U;

/// How a replay is run.
struct Manner {
  bool keep_state = true, every_output = false;
  std::size_t memory_limit = FileRunOptions{}.memory_limit;
};

/// Ordinary work of agents that upgrade code: they list, read what they listed, build and propose, four calls a minute each. One call in
/// twenty is refused, and the agent turns to something else. One agent in a hundred now and then does what is never allowed, another
/// guesses.
class Traffic {
 public:
  explicit Traffic(std::size_t agents)
      : calls_(agents, 0), read_in_(agents, 0), step_(Nanos{seconds(15).value / static_cast<std::int64_t>(agents)}) {}

  std::string next(std::size_t number) {
    now_ = now_ + step_;
    const std::size_t agent = pick(calls_.size());
    const unsigned call = calls_[agent]++;
    unsigned roll = pick(100);
    const bool refused = pick(20) == 0;
    const unsigned run = calls_[agent] / 60 + 1;
    if (roll >= 92 && read_in_[agent] != run) roll = 50;  // its job proposes nothing before it has read
    const std::string file = path(agent, call / 40, pick(kFiles));
    if (agent % 100 == 7 && roll < 5)
      return event(number, agent, "git", "force_push", R"({"branch":"main"})", "repos/billing-core/branches/main", R"({"forced":true})",
                   false);
    if (agent % 100 == 13 && roll < 40)
      return event(number, agent, "git", "get_commit", R"({"ref":")" + guess() + R"("})", "repos/billing-core/commits", "", true);
    if (call % 40 == 0 || roll < 15)
      return event(number, agent, "git", "list_files", R"({"directory":"src"})", "repos/billing-core/tree", listing(agent, call / 40),
                   false);
    if (roll < 80) {
      if (!refused) read_in_[agent] = run;
      return event(number, agent, "git", "get_file", R"({"path":")" + file + R"(","branch":"main"})", "repos/billing-core/files/" + file,
                   source(), refused);
    }
    if (roll < 92)
      return event(number, agent, "ci", "run", R"({"job":"unit","timeout_s":600})", "",
                   R"({"status":"passed","tests":)" + std::to_string(pick(900)) + "}", refused);
    return event(number, agent, "git", "comment", R"({"body":"Moved the rounding of )" + file + R"( to the shared helper."})",
                 "repos/billing-core/pulls/17", R"({"posted":true})", refused);
  }

 private:
  unsigned pick(std::size_t below) { return static_cast<unsigned>(random_() % below); }

  std::string guess() {
    std::string id;
    for (int digit = 0; digit < 40; ++digit) id += "0123456789abcdef"[pick(16)];
    return id;
  }
  static std::string path(std::size_t agent, unsigned part, std::size_t file) {
    return "src/part" + std::to_string((agent + part) % 97) + "/ledger_" + std::to_string(file * 7 + agent % 13) + ".cpp";
  }
  static std::string listing(std::size_t agent, unsigned part) {
    std::string out = R"({"files":[)";
    for (std::size_t file = 0; file < kFiles; ++file) out += (file > 0 ? ",\"" : "\"") + path(agent, part, file) + "\"";
    return out + "]}";
  }
  std::string source() {
    return R"({"content":"#include \"ledger/entry.h\"\n\nnamespace billing {\n\nAmount rounded(Amount amount) {\n  return Amount(amount.cents() / )" +
           std::to_string(pick(1000)) + R"( * 5);\n}\n\n}  // namespace billing\n","lines":)" + std::to_string(pick(500)) + "}";
  }

  std::string event(std::size_t number, std::size_t agent, std::string_view server, std::string_view tool, const std::string& args,
                    const std::string& uri, const std::string& result, bool refused) const {
    const std::string name = std::to_string(agent), run = "run-" + name + "-" + std::to_string(calls_[agent] / 60);
    std::string out = R"({"v":1,"kind":"tool_call","id":"call-)" + std::to_string(number) + R"(","time":")" + format_rfc3339(now_) +
                      R"(","tenant":"corp","agent":{"id":"spiffe://corp.example/agent/code-)" + name + R"(","instance":")" + run +
                      R"(","trust":"verified","persona":"code-maintainer"},"user":{"id":"u-)" + std::to_string(agent % 500) +
                      R"("},"session":{"id":")" + run + R"(","kind":"background"},"tool":{"server":")";
    out += std::string(server) + R"(","name":")" + std::string(tool) + R"(","call_id":"toolu_)" + std::to_string(number) + R"("},"args":)" +
           args;
    if (!uri.empty()) out += R"(,"resource":{"uri":")" + uri + R"("})";
    out += R"(,"destination":{"host":")" + std::string(server) + R"(.corp.example"})";
    out += refused ? R"(,"outcome":{"status":"denied","code":"403","reason":"no access"})"
                   : R"(,"outcome":{"status":"ok","code":"200"},"result":)" + result;
    return out + R"(,"bytes":{"request":212,"response":)" + std::to_string(refused ? 64 : result.size()) +
           R"(},"duration_ms":41,"source":{"product":"agentgateway"}})" + "\n";
  }

  std::mt19937_64 random_{1};              // NOLINT: seeded, the corpus is part of the answer
  std::vector<unsigned> calls_, read_in_;  // read_in_: the run in which it last read something, from 1
  Nanos step_;
  EventTime now_ = *parse_rfc3339("2026-11-20T00:00:00Z");
};

/// A directory that goes with its owner.
struct Scratch {
  Scratch() {
    std::string name = (fs::temp_directory_path() / "ringfence-bench-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) std::exit(3);
    path = name;
  }
  ~Scratch() { fs::remove_all(path); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  fs::path path;
};

std::size_t resident_bytes() {
  std::size_t pages = 0, resident = 0;
  std::ifstream("/proc/self/statm") >> pages >> resident;
  return resident * static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
}

double cpu_seconds() {
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  const auto of = [](const timeval& t) { return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6; };
  return of(used.ru_utime) + of(used.ru_stime);
}

std::uint64_t hash_of(const fs::path& file, std::uint64_t seed) {
  std::ifstream in(file, std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(in), {}};
  return hash64(bytes, seed);
}

struct Answer {
  std::uint64_t hash = 0;
  bool failed = false;
};

Answer replay(Size size, Manner manner) {
  const Scratch scratch;
  const fs::path input = scratch.path / "events.ndjson", findings = scratch.path / "findings", control = scratch.path / "control",
                 verdicts = scratch.path / "verdicts";
  {
    Traffic traffic(size.agents);
    std::ofstream out(input, std::ios::binary);
    for (std::size_t i = 0; i < size.events; ++i) out << traffic.next(i);
  }
  PersonaLoad load = load_personas(fs::path(RINGFENCE_SOURCE_DIR) / "config/personas", std::nullopt);
  if (!load.set) return {.failed = true};
  const auto rules = std::make_shared<const Rulebook>(std::move(*load.set), all_channels());

  FileRunOptions options{.files = {input}, .state_directory = scratch.path / "state", .outputs = {.findings = findings}};
  options.keep_state = manner.keep_state;
  options.memory_limit = manner.memory_limit;
  if (manner.every_output) options.outputs.control = control, options.outputs.verdicts = verdicts;
  const std::size_t resident = resident_bytes();
  auto run = FileRun::open(std::move(options), rules);
  if (!run) {
    std::fprintf(stderr, "%s\n", run.error().message.c_str());
    return {.failed = true};
  }
  const double cpu = cpu_seconds();
  const auto start = std::chrono::steady_clock::now();
  const auto [report, error] = (*run)->run();
  const double took = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count(), used = cpu_seconds() - cpu;
  if (error || report.tally.events != size.events) {
    std::fprintf(stderr, "%s\n", error ? error->message.c_str() : "events were lost");
    return {.failed = true};
  }
  const std::size_t held = resident_bytes() - resident;

  std::uint64_t hash = hash_of(findings, size.events);
  if (manner.every_output) hash = hash_of(verdicts, hash_of(control, hash));
  for (const std::uint64_t verdicts_of_level : report.tally.verdicts)
    hash = hash64({reinterpret_cast<const char*>(&verdicts_of_level), sizeof verdicts_of_level}, hash);
  const auto events = static_cast<double>(size.events);
  std::printf(
      "%s %zu events of %.0f bytes, %llu agents: %.0f events/s, %.0f CPU ns/event, %zu resident bytes/agent, %llu findings, hash %016llx\n",
      manner.keep_state ? "kept:  " : "memory:", size.events, static_cast<double>(report.bytes) / events,
      static_cast<unsigned long long>(report.agents), events / took, used / events * 1e9, held / static_cast<std::size_t>(report.agents),
      static_cast<unsigned long long>(report.tally.findings), static_cast<unsigned long long>(hash));
  return {.hash = hash};
}

/// In a process of its own, so that one size's memory is not the next one's.
int apart(Size size, Manner manner) {
  std::fflush(stdout);
  const pid_t child = fork();
  if (child < 0) return EXIT_FAILURE;
  if (child == 0) {
    const bool failed = replay(size, manner).failed;
    std::fflush(stdout);
    _exit(failed ? EXIT_FAILURE : EXIT_SUCCESS);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILURE;
}

int both(Size size) {
  const int failed = apart(size, {.keep_state = false});
  return failed != EXIT_SUCCESS ? failed : apart(size, {});
}

bool tiny() {
  const Answer answer = replay(kTiny, {.every_output = true});
  if (answer.failed) return false;
  if (answer.hash != kTinyHash) {
    std::fprintf(stderr, "outputs differ from the known %016llx\n", static_cast<unsigned long long>(kTinyHash));
    return false;
  }
  const Answer roomy = replay(kCrowded, {.keep_state = false}), cramped = replay(kCrowded, {.keep_state = false, .memory_limit = kCramped});
  if (!roomy.failed && !cramped.failed && roomy.hash != cramped.hash) std::fprintf(stderr, "states that left memory changed outputs\n");
  return !roomy.failed && !cramped.failed && roomy.hash == cramped.hash;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("A whole replay in one process and on one shard, states in memory and kept");
  Size size;
  bool small = false, instructions = false, memory = false;
  auto* const events = app.add_option("EVENTS", size.events, "how many; by default 1,000,000")->check(CLI::PositiveNumber);
  app.add_option("AGENTS", size.agents, "of how many agents; by default 10,000 and then 1,000,000")->check(CLI::PositiveNumber);
  app.add_flag("--tiny", small, "every output of few events, checked against the known hash");
  app.add_flag("--instructions", instructions, "20,000 events of 1,000 agents once, for instructions.sh");
  app.add_flag("--memory", memory, "with --instructions: states in memory");
  CLI11_PARSE(app, argc, argv);
  if (instructions) return replay(kInstructions, {.keep_state = !memory}).failed ? EXIT_FAILURE : EXIT_SUCCESS;
  if (small) return tiny() ? EXIT_SUCCESS : EXIT_FAILURE;
  if (events->count() > 0) return both({size.events, size.agents > 0 ? size.agents : kSizes.front().agents});
  for (const Size each : kSizes) {
    if (const int failed = both(each); failed != EXIT_SUCCESS) return failed;
  }
  return EXIT_SUCCESS;
}
