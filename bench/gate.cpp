// SPDX-License-Identifier: Apache-2.0
// The gate at 10,000 containments: a decision's time while tables are swapped under it, questions a second over loopback with kept
// connections, and the time from nothing, and from its own disk, to a state that agrees with the writer's heartbeat. Prints a hash of every
// answer; `--tiny` checks it against the known one.
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>
#include <CLI/CLI.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "connectors/gate/answers.h"
#include "connectors/gate/http_server.h"

namespace {

using namespace ringfence;
using Clock = std::chrono::steady_clock;

constexpr std::uint64_t kTinyHash = 0x9b89799454fe7585;
constexpr std::string_view kWriter = "engine-ringfence.events-0";

[[noreturn]] void give_up(std::string_view why) {
  std::fprintf(stderr, "bench_gate: %.*s\n", static_cast<int>(why.size()), why.data());
  std::exit(1);
}

double seconds_of(clockid_t clock) {
  timespec t{};
  clock_gettime(clock, &t);
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) / 1e9;
}

struct Topic {
  SigningKey key = std::move(*SigningKey::from_seed(std::string(32, '\x11')));
  Issuer issuer{"urn:bench", {"ringfence-gates"}, std::string(kWriter), 1, 2000};
  std::vector<ControlEntry> entries;

  explicit Topic(std::size_t containments) {
    std::map<std::string, LiveRecord> live;
    for (std::size_t i = 0; i < containments; ++i) {
      ContainmentRecord record;
      record.agent_id = "spiffe://corp.example/agent/bot-" + std::to_string(i);
      record.tenant = "corp";
      record.scope = scope_key("agent", "corp", record.agent_id);
      record.epoch = 1;
      record.select = {{"agent.id", record.agent_id}, {"credential.fingerprint", "fp-" + std::to_string(i)}};
      record.finding_uid = "rf-" + std::to_string(i);
      record.reason = "guessing after a refusal";
      record.persona = "p@1";
      const std::string name = control_key(record.scope, kWriter);
      entries.push_back({name, sign_jws(key, encode_containment(record, issuer))});
      live[name] = {1, true, Level::Halt};
    }
    const auto [count, hash] = digest_of(live);
    const Heartbeat beat{std::string(kWriter), 1, count, hash, Follower::wall_now().value / 1'000'000};
    entries.push_back({heartbeat_key(kWriter), sign_jws(key, encode_heartbeat(beat, issuer))});
  }
  [[nodiscard]] ControlState::Settings settings() const {
    ControlState::Settings out{
        .audience = "ringfence-gates", .issuer = "urn:bench", .visible = VisibleFields().set(), .heartbeat_age_max = hours(1)};
    out.trusted.add(key, {"engine-*"});
    return out;
  }
};

std::uint64_t mixed(std::uint64_t hash, std::uint64_t value) { return (hash ^ value) * 0x100000001b3ULL; }

/// Every other question is about a contained agent.
std::string agent_of(std::size_t question, std::size_t containments) {
  const std::size_t n = question * 7919 % containments;
  return "spiffe://corp.example/agent/" + std::string(question % 2 == 0 ? "bot-" : "man-") + std::to_string(n);
}

std::uint64_t decisions(GateAnswers& answers, std::size_t questions, std::size_t containments) {
  std::vector<double> took;
  took.reserve(questions);
  std::uint64_t hash = 0xcbf29ce484222325ULL;
  for (std::size_t i = 0; i < questions; ++i) {
    const std::string agent = agent_of(i, containments);
    const HttpRequest request{.method = "GET",
                              .path = "/nginx",
                              .headers = {{"Host", "gate"}, {"X-Original-Method", "POST"}, {"X-Agent-Id", agent}, {"X-Tenant", "corp"}},
                              .body = {}};
    const auto began = Clock::now();
    const HttpReply reply = std::get<HttpReply>(answers.answer(request));
    took.push_back(std::chrono::duration<double, std::micro>(Clock::now() - began).count());
    hash = mixed(hash, static_cast<std::uint64_t>(reply.status));
  }
  std::ranges::sort(took);
  std::printf(
      "answer             p50 %.2f us, p99 %.2f us, p99.9 %.2f us (wall, %zu questions, %zu containments, a new table every 5 ms)\n",
      took[took.size() / 2], took[took.size() * 99 / 100], took[took.size() * 999 / 1000], questions, containments);
  return hash;
}

int connected(std::uint16_t port) {
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int yes = 1;
  ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(socket, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) give_up("cannot connect");
  return socket;
}

int status_from(int socket) {
  std::array<char, 2048> chunk{};
  std::string text;
  while (text.find("\r\n\r\n") == std::string::npos) {
    const ssize_t got = ::recv(socket, chunk.data(), chunk.size(), 0);
    if (got <= 0) give_up("connection lost");
    text.append(chunk.data(), static_cast<std::size_t>(got));
  }
  return std::stoi(text.substr(9, 3));
}

/// Eight kept connections, each with a question under way. The rate is that of the server's own CPU time: what one core would do.
std::uint64_t over_loopback(GateAnswers& answers, std::size_t questions, std::size_t containments) {
  auto server = HttpServer::start({.host = "127.0.0.1"}, [&answers](const HttpRequest& request) { return answers.answer(request); });
  if (!server) give_up(server.error());
  std::vector<int> sockets;
  sockets.reserve(8);
  for (int i = 0; i < 8; ++i) sockets.push_back(connected((*server)->port()));
  const auto ask = [&](std::size_t question) {
    const std::string text =
        "GET /nginx HTTP/1.1\r\nHost: gate\r\nX-Original-Method: POST\r\nX-Agent-Id: " + agent_of(question, containments) + "\r\n\r\n";
    if (::send(sockets[question % sockets.size()], text.data(), text.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(text.size()))
      give_up("connection lost");
  };
  std::uint64_t hash = 0xcbf29ce484222325ULL;
  const double cpu = seconds_of(CLOCK_PROCESS_CPUTIME_ID), own = seconds_of(CLOCK_THREAD_CPUTIME_ID);
  const auto began = Clock::now();
  for (std::size_t i = 0; i < sockets.size(); ++i) ask(i);
  for (std::size_t i = 0; i < questions; ++i) {
    hash = mixed(hash, static_cast<std::uint64_t>(status_from(sockets[i % sockets.size()])));
    if (i + sockets.size() < questions) ask(i + sockets.size());
  }
  const double wall = std::chrono::duration<double>(Clock::now() - began).count();
  const double server_cpu = seconds_of(CLOCK_PROCESS_CPUTIME_ID) - cpu - (seconds_of(CLOCK_THREAD_CPUTIME_ID) - own);
  for (const int socket : sockets) ::close(socket);
  std::printf(
      "over loopback      %.0f a second of the server's CPU, %.0f a second of wall time with its client beside it (%zu questions)\n",
      static_cast<double>(questions) / server_cpu, static_cast<double>(questions) / wall, questions);
  return hash;
}

/// Waits for the follower's own word that its state agrees: it is said the moment a table is in force, so nothing is asked meanwhile.
class Readiness {
 public:
  void hear(std::string_view what) {
    const std::lock_guard lock(mutex_);
    ready_ = what == "ready";
    changed_.notify_all();
  }
  [[nodiscard]] bool await(std::chrono::seconds patience) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, patience, [this] { return ready_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool ready_ = false;
};

/// From start to agreement, with the log in a file.
std::unique_ptr<Follower> ready_from(const std::filesystem::path& directory, const Topic& topic, const char* what) {
  const auto ready = std::make_shared<Readiness>();
  const auto began = Clock::now();
  const double cpu = seconds_of(CLOCK_PROCESS_CPUTIME_ID);
  auto store = StateStore::open((directory / "state").string());
  auto acks = FileAckFeed::open((directory / "acks.ndjson").string());
  if (!store || !acks) give_up("cannot open the state");
  auto follower =
      Follower::start({.gate = "bench", .state = topic.settings(), .verify_threads = std::max(1U, std::thread::hardware_concurrency())},
                      {std::make_unique<FileControlFeed>((directory / "control.ndjson").string()), std::move(*acks), std::move(*store)},
                      [ready](std::string_view said, std::string_view) { ready->hear(said); });
  if (!follower) give_up(follower.error().message);
  if (!ready->await(std::chrono::seconds(120))) give_up((*follower)->readiness().why);
  std::printf("ready %-12s %.2f s wall, %.2f s CPU (%zu containments)\n", what, std::chrono::duration<double>(Clock::now() - began).count(),
              seconds_of(CLOCK_PROCESS_CPUTIME_ID) - cpu, topic.entries.size() - 1);
  return std::move(*follower);
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("A gate with 10,000 containments: ready, decisions, decisions over loopback");
  bool tiny = false;
  app.add_flag("--tiny", tiny, "200 containments, few questions");
  CLI11_PARSE(app, argc, argv);
  const std::size_t containments = tiny ? 200 : 10'000, questions = tiny ? 2'000 : 200'000;
  std::string pattern = (std::filesystem::temp_directory_path() / "ringfence-bench-gate-XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr) give_up("no temporary directory");
  const std::filesystem::path directory(pattern);

  const Topic topic(containments);
  {
    auto log = FileControlLog::open((directory / "control.ndjson").string());
    for (const ControlEntry& entry : topic.entries)
      if (!(*log)->append(entry.key, entry.value)) give_up("cannot write the log");
  }
  ready_from(directory, topic, "from nothing").reset();
  const auto follower = ready_from(directory, topic, "from disk");
  GateAnswers answers({.places = *SubjectPlaces::parse({{"agent", "header:x-agent-id"}, {"tenant", "fixed:corp"}}, "authorization")},
                      *follower);

  std::uint64_t hash = 0;
  {
    // New tables come in while questions are answered: the same record said again by a later generation, and a new halt each time.
    const std::jthread updates([&](const std::stop_token& stop) {
      auto log = FileControlLog::open((directory / "control.ndjson").string());
      // 200 tables a second, more than any fleet is halted at; by the clock, so that a slow write does not make it easier.
      constexpr std::chrono::milliseconds kEvery{5};
      std::mutex mutex;
      std::condition_variable_any pause;
      auto due = Clock::now();
      for (std::uint64_t epoch = 2; !stop.stop_requested(); ++epoch) {
        ContainmentRecord record;
        record.agent_id = "spiffe://corp.example/agent/woman";
        record.tenant = "corp";
        record.scope = scope_key("agent", "corp", record.agent_id);
        record.epoch = epoch;
        record.finding_uid = record.reason = record.persona = "x";
        const std::string name = control_key(record.scope, kWriter);
        if (!(*log)->append(name, sign_jws(topic.key, encode_containment(record, topic.issuer)))) give_up("cannot write the log");
        std::unique_lock lock(mutex);
        pause.wait_until(lock, stop, due += kEvery, [] { return false; });  // only the end cuts it short
      }
    });
    hash = decisions(answers, questions, containments);
  }
  const std::uint64_t again = over_loopback(answers, questions, containments);
  std::filesystem::remove_all(directory);
  std::printf("answers            %016llx\n", static_cast<unsigned long long>(hash));
  if (again != hash) give_up("over loopback the answers are others");
  if (tiny && hash != kTinyHash) give_up("the answers are not the known ones");
  return 0;
}
