// SPDX-License-Identifier: Apache-2.0
#include "tests/integration/service_process.h"

#include <arpa/inet.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <stdexcept>

#include "tests/integration/states.h"

namespace ringfence::testing {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using std::chrono::milliseconds;

const fs::path kSource = RINGFENCE_SOURCE_DIR;

/// A broken fixture ends the test with its reason.
template <class T, class E>
T must(std::expected<T, E> value) {
  if (!value) {
    if constexpr (requires { value.error().message; })
      throw std::runtime_error(value.error().message);
    else if constexpr (requires { value.error().detail; })
      throw std::runtime_error(value.error().detail);
    else
      throw std::runtime_error(value.error());
  }
  if constexpr (!std::is_void_v<T>) return std::move(*value);
}

std::string slurp(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::vector<FleetEvent> events_of(const std::string& lines) {
  std::vector<FleetEvent> events;
  std::istringstream in(lines);
  for (std::string line; std::getline(in, line);) {
    const json event = json::parse(line);
    events.push_back({event.contains("agent") ? event.at("agent").at("id").get<std::string>() : std::string(), line});
  }
  return events;
}

std::string without_position(json finding) {
  if (finding.contains("unmapped"))
    for (auto& [name, value] : finding["unmapped"].items())
      if (value.is_object()) value.erase("position");
  finding["unmapped"].erase("position");
  return finding.dump();
}

}  // namespace

Ran run(const std::vector<std::string>& command, const fs::path& directory) {
  const auto process = Process::start(command, directory, true);
  if (!process) throw std::runtime_error("cannot start " + command.front());
  Ran ran{.output = process->read_all()};
  ran.exit = process->wait();
  return ran;
}

Ran run_ringfence(const std::vector<std::string>& arguments) {
  std::vector<std::string> command{RINGFENCE_BINARY};
  command.insert(command.end(), arguments.begin(), arguments.end());
  return run(command, kSource);
}

ServiceProcess::ServiceProcess(const fs::path& config, const std::string& subcommand)
    : process_(Process::start({RINGFENCE_BINARY, subcommand, "--config", config.string()}, config.parent_path(), true)),
      serves_(subcommand == "run") {
  if (!process_) throw std::runtime_error("cannot start ringfence");
  reader_ = std::jthread([this, output = process_->output()] { read_output(output); });
}

ServiceProcess::~ServiceProcess() { end(SIGKILL); }

int ServiceProcess::end(int number) {
  // What is all out before a service that takes over has begun is no sign that it hears signals yet.
  if (number == SIGTERM && serves_) static_cast<void>(logged("serving"));
  signal(number);
  return wait();
}

int ServiceProcess::wait() {
  const int status = process_->wait();
  // Its last words are in the log when this returns.
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return ended_; });
  return status;
}

bool ServiceProcess::logged(const std::string& text, std::size_t times) {
  std::unique_lock lock(mutex_);
  const auto there = [&] {
    return static_cast<std::size_t>(
               std::ranges::count_if(lines_, [&](const std::string& line) { return line.find(text) != std::string::npos; })) >= times;
  };
  changed_.wait_for(lock, kPatience, [&] { return ended_ || there(); });
  return there();
}

std::string ServiceProcess::log() const {
  const std::lock_guard lock(mutex_);
  std::string text;
  for (const std::string& line : lines_) text += line + "\n";
  return text;
}

std::string ServiceProcess::get(const std::string& path) const {
  const std::string text = log();
  const auto at = text.find("\"http_port\":");
  if (at == std::string::npos) return {};
  const int descriptor = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(std::stoi(text.substr(at + 12))));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  std::string answer;
  const std::string request = "GET " + path + " HTTP/1.1\r\nHost: localhost\r\n\r\n";
  if (::connect(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 &&
      ::send(descriptor, request.data(), request.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(request.size())) {
    std::array<char, 4096> buffer{};
    for (ssize_t count = 0; (count = ::read(descriptor, buffer.data(), buffer.size())) > 0;)
      answer.append(buffer.data(), static_cast<std::size_t>(count));
  }
  ::close(descriptor);
  return answer;
}

void ServiceProcess::read_output(int descriptor) {
  std::string rest;
  std::array<char, 4096> buffer{};
  for (ssize_t count = 0; (count = ::read(descriptor, buffer.data(), buffer.size())) > 0;) {
    rest.append(buffer.data(), static_cast<std::size_t>(count));
    const std::lock_guard lock(mutex_);
    for (std::size_t end = rest.find('\n'); end != std::string::npos; end = rest.find('\n')) {
      lines_.push_back(rest.substr(0, end));
      rest.erase(0, end + 1);
    }
    changed_.notify_all();
  }
  const std::lock_guard lock(mutex_);
  ended_ = true;
  changed_.notify_all();
}

std::vector<FleetEvent> recorded(const fs::path& file) {
  const auto unpacked = Process::start({"zcat", file.string()}, kSource, false);
  if (!unpacked) throw std::runtime_error("cannot start zcat");
  return events_of(unpacked->read_all());
}

const std::vector<FleetEvent>& fleet() {
  static const std::vector<FleetEvent> events = recorded("config/fleet/telemetry.ndjson.gz");
  return events;
}

std::vector<FleetEvent> story(const std::string& name) { return events_of(slurp(kSource / "config/personas/tests" / (name + ".ndjson"))); }

Installation::Installation(const Broker& broker, std::int32_t partitions)
    : partitions_(partitions), stem_(unique_name("rf")), address_(broker.address()) {
  std::string pattern = (fs::temp_directory_path() / "ringfence-service-XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no temporary directory");
  directory_ = pattern;
  for (const auto& [name, count] : std::map<std::string, std::int32_t>{{"events", partitions},
                                                                       {"findings", 2},
                                                                       {"control", 1},
                                                                       {"acks", 1},
                                                                       {"context", 1},
                                                                       {"deadletter", 1},
                                                                       {"audit", 1},
                                                                       {"links", partitions},
                                                                       {"state", partitions},
                                                                       {"verdicts", 1},
                                                                       {"acks", 1}}) {
    TopicSpec spec = plain_topic(topic(name), count);
    if (name == "control" || name == "acks" || name == "context" || name == "state") spec.cleanup_policy = "compact";
    must(make_topic(broker, spec));
  }
  fs::copy(kSource / "config/personas", personas(), fs::copy_options::recursive);
  const Ran key = run_ringfence({"keys", "generate", (directory_ / "control.key").string()});
  if (key.exit != 0) throw std::runtime_error(key.output);
  producer_ = must(Producer::open({.kafka = settings_for(broker), .linger = milliseconds(2)}));
}

Installation::~Installation() {
  std::error_code ignored;
  fs::remove_all(directory_, ignored);
}

fs::path Installation::member(const std::string& instance, const std::string& more) const {
  const fs::path file = directory_ / (instance + ".yaml");
  std::ofstream out(file);
  out << "kafka: {bootstrap: \"" << address_ << "\", group: " << stem_ << ", instance_id: " << instance << (client_.empty() ? "" : ", ")
      << client_ << "}\n"
      << "topics: {events: " << topic("events") << ", findings: " << topic("findings") << ", control: " << topic("control")
      << ", acks: " << topic("acks") << ", links: " << topic("links") << ", verdicts: " << topic("verdicts")
      << ", context: " << topic("context") << ", state: " << topic("state") << ", audit: " << topic("audit")
      << ", dead_letter: " << topic("deadletter") << "}\n"
      << "personas: {directory: " << personas().string() << "}\n"
      << "state: {directory: " << state(instance).string() << ", shards: 2, flush_age: 200ms}\n"
      << "http: {listen: \"127.0.0.1:0\"}\n"
      << (more.find("control:") == std::string::npos
              ? "control: {key_file: " + (directory_ / "control.key").string() + ", max_halted_share: 1.0}\n"
              : "")
      << more;
  return file;
}

void Installation::reach(std::string address, std::string client) {
  address_ = std::move(address);
  client_ = std::move(client);
}

void Installation::feed(const std::vector<FleetEvent>& events, std::size_t from, std::size_t to) {
  for (std::size_t i = from; i < to; ++i) {
    const FleetEvent& event = events[i];
    if (event.agent.empty()) {
      for (std::int32_t p = 0; p < partitions_; ++p) {
        must(producer_->publish({.topic = topic("events"), .key = "fact", .value = event.value, .cause = {}, .partition = Partition{p}}));
        ++fed_[p];
      }
      continue;
    }
    const auto [place, fresh] = places_.try_emplace(event.agent, static_cast<std::int32_t>(places_.size()) % partitions_);
    must(producer_->publish(
        {.topic = topic("events"), .key = event.agent, .value = event.value, .cause = {}, .partition = Partition{place->second}}));
    ++fed_[place->second];
  }
  must(producer_->flush(kPatience));
}

Offset Installation::fed(std::int32_t partition) const {
  const auto found = fed_.find(partition);
  return Offset{found == fed_.end() ? 0 : found->second};
}

void Installation::put(const std::string& topic, std::int32_t partition, const std::string& key, const std::string& value) {
  must(producer_->publish({.topic = topic, .key = key, .value = value, .cause = {}, .partition = Partition{partition}}));
  must(producer_->flush(kPatience));
}

TopicTail::TopicTail(const Broker& broker, const std::string& topic)
    : reader_(must(TopicReader::open({.kafka = settings_for(broker), .topic = topic}))) {}

bool TopicTail::read_once(milliseconds wait) {
  auto batch = reader_->read(10'000, wait);
  if (!batch) return false;
  std::ranges::move(batch->records, std::back_inserter(records_));
  return batch->caught_up && batch->records.empty();
}

bool TopicTail::until(const std::function<bool(const std::vector<TopicRecord>&)>& holds) {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (!holds(records_)) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    read_once(milliseconds(100));
  }
  return true;
}

const std::vector<TopicRecord>& TopicTail::all() {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (!read_once(milliseconds(200)) && std::chrono::steady_clock::now() < deadline) {
  }
  return records_;
}

std::map<std::string, std::string> findings_in(const std::vector<TopicRecord>& records) {
  std::map<std::string, std::string> out;
  for (const TopicRecord& record : records) {
    const json finding = json::parse(record.value);
    out[finding.at("metadata").at("uid")] = without_position(finding);
  }
  return out;
}

std::map<std::string, std::string> findings_in(const std::string& lines) {
  std::map<std::string, std::string> out;
  std::istringstream in(lines);
  for (std::string line; std::getline(in, line);) {
    const json finding = json::parse(line);
    out[finding.at("metadata").at("uid")] = without_position(finding);
  }
  return out;
}

std::set<std::string> containments_in(const std::vector<ControlMessage>& messages) {
  std::set<std::string> out;
  for (const ControlMessage& message : messages) {
    const auto* signed_record = std::get_if<SignedContainment>(&message.body);
    if (signed_record == nullptr) continue;
    const ContainmentRecord& r = signed_record->record;
    out.insert(r.scope + " " + std::to_string(r.epoch) + (r.contained ? " contained " : " released ") + std::string(name_of(r.level)) +
               " " + r.finding_uid);
  }
  return out;
}

ControlBoard read_board(const Installation& installation, const std::vector<TopicRecord>& records) {
  const SigningKey key = must(SigningKey::load(installation.directory() / "control.key"));
  TrustedKeys trusted;
  trusted.add(key, {"engine-" + installation.input() + "-*", "engine-" + std::string(kLinksTopic) + "@" + installation.group() + "-*"});
  ControlBoard board;
  for (const TopicRecord& record : records) {
    auto message = verify_control(record.key, record.value, trusted, "ringfence-gates");
    if (!message) {
      if (++board.refused == 1) board.refusal = record.key + ": " + message.error().detail;
      continue;
    }
    board.messages.push_back(std::move(*message));
    board.keys.push_back(record.key);
  }
  return board;
}

Expected expected_of(const fs::path& personas, const std::vector<fs::path>& files, const std::vector<std::string>& options) {
  std::string pattern = (fs::temp_directory_path() / "ringfence-replay-XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no temporary directory");
  const fs::path directory(pattern);
  const auto output = [&](const char* name) { return (directory / name).string(); };
  std::vector<std::string> command{"replay",          "--personas", personas.string(),  "--findings", output("findings"), "--control",
                                   output("control"), "--verdicts", output("verdicts"), "--state",    output("state")};
  command.insert(command.end(), options.begin(), options.end());
  for (const fs::path& file : files) command.push_back(file.string());
  const Ran ran = run_ringfence(command);
  if (ran.exit != 0) throw std::runtime_error(ran.output);
  Expected out{.findings = findings_in(slurp(directory / "findings"))};
  std::vector<ControlMessage> messages;
  std::istringstream lines(slurp(directory / "control")), verdicts(slurp(directory / "verdicts"));
  for (std::string line; std::getline(lines, line);) messages.push_back(must(decode_control(line)));
  out.containments = containments_in(messages);
  for (std::string line; std::getline(verdicts, line);) ++out.verdicts[json::parse(line).at("level")];
  out.states = states_in(directory / "state", Place::Masked);
  fs::remove_all(directory);
  return out;
}

const Expected& expected_of_fleet() {
  static const Expected expected = expected_of("config/personas", {"config/fleet/telemetry.ndjson.gz"});
  return expected;
}

Expected expected_of_log(const Broker& broker, const Installation& at, const fs::path& context) {
  TopicTail events(broker, at.topic("events"));
  std::vector<std::string> texts(static_cast<std::size_t>(at.partitions()));
  for (const TopicRecord& record : events.all()) texts[static_cast<std::size_t>(record.position.partition.value)] += record.value + "\n";
  std::vector<fs::path> files;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    files.push_back(at.directory() / ("partition-" + std::to_string(i) + ".ndjson"));
    std::ofstream(files.back()) << texts[i];
  }
  const auto options = context.empty() ? std::vector<std::string>{} : std::vector<std::string>{"--context", context.string()};
  return expected_of(at.personas(), files, options);
}

}  // namespace ringfence::testing
