// SPDX-License-Identifier: Apache-2.0
#include "tests/integration/broker.h"

#include <signal.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <random>
#include <stdexcept>
#include <utility>

#include "tests/integration/certificates.h"
#include "tests/integration/support.h"

namespace ringfence::testing {
namespace {

constexpr std::size_t kLinesKept = 40;
constexpr int kAttempts = 5;

/// Another one for each broker, so that it can be looked for.
std::string new_password() {
  std::random_device random;
  return "not-to-be-seen-" + std::to_string(random()) + std::to_string(random());
}

}  // namespace

Broker::Broker(std::filesystem::path libs) : libs_(std::move(libs)), password_(new_password()) {
  std::string pattern = (std::filesystem::temp_directory_path() / "ringfence-broker-XXXXXX").string();
  if (::mkdtemp(pattern.data()) != nullptr) directory_ = pattern;
}

Broker::~Broker() {
  if (running()) kill();
  std::error_code ignored;
  if (!directory_.empty()) std::filesystem::remove_all(directory_, ignored);
}

std::expected<Broker*, std::string> Broker::shared() {
  static std::unique_ptr<Broker> broker;
  static std::string failure;
  if (broker || !failure.empty()) return broker ? std::expected<Broker*, std::string>(broker.get()) : std::unexpected(failure);
  const char* libs = std::getenv("RINGFENCE_BROKER_LIBS");
  const std::filesystem::path folder =
      libs != nullptr ? std::filesystem::path(libs) : std::filesystem::path(RINGFENCE_SOURCE_DIR) / "build/broker/libs";
  auto made = std::make_unique<Broker>(folder);
  if (auto started = made->start(); !started) {
    failure = started.error();
    return std::unexpected(failure);
  }
  broker = std::move(made);
  return broker.get();
}

Broker& Broker::running_shared() {
  const auto broker = shared();
  if (!broker) throw std::runtime_error(broker.error());
  if (!(*broker)->running())
    if (const auto started = (*broker)->start(); !started) throw std::runtime_error(started.error());
  return **broker;
}

std::expected<void, std::string> Broker::start(std::chrono::seconds within) {
  if (!std::filesystem::exists(libs_ / ".complete"))
    return std::unexpected("no Kafka in " + libs_.string() + ": run tests/integration/broker/fetch.sh (needs a Java 17 runtime and Maven)");
  if (directory_.empty()) return std::unexpected("cannot make a directory for the broker");
  if (formatted_) return launch(within);
  if (auto made = make_certificates(); !made) return made;
  std::string why;
  // Another process may take a port between the look and the start.
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    ports_ = {.plain = free_port(), .controller = free_port(), .password = free_port(), .certificate = free_port()};
    std::error_code ignored;
    std::filesystem::remove_all(directory_ / "data", ignored);
    std::ofstream(directory_ / "server.properties") << properties();
    if (auto done = format(); !done) return done;
    auto launched = launch(within);
    if (launched) {
      formatted_ = true;
      return {};
    }
    why = launched.error();
    if (why.find("Address already in use") == std::string::npos) break;
  }
  return std::unexpected(why);
}

std::string Broker::properties() const {
  const auto on = [](const char* listener, int port) { return std::string(listener) + "://127.0.0.1:" + std::to_string(port); };
  const std::string for_clients =
      on("PLAINTEXT", ports_.plain) + "," + on("PASSWORD", ports_.password) + "," + on("CERTIFICATE", ports_.certificate);
  return "process.roles=broker,controller\nnode.id=1\ncontroller.quorum.voters=1@127.0.0.1:" + std::to_string(ports_.controller) +
         "\nlisteners=" + for_clients + "," + on("CONTROLLER", ports_.controller) + "\nadvertised.listeners=" + for_clients +
         "\nlog.dirs=" + (directory_ / "data").string() + "\nssl.keystore.location=" + (directory_ / "keystore.pem").string() +
         "\nssl.truststore.location=" + (directory_ / "authority.pem").string() +
         "\nlistener.name.password.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required user_" + user() +
         "=\"" + password_ + "\" user_" + stranger() + "=\"" + password_ + "\";\nsuper.users=User:ANONYMOUS;User:" + user() +
         ";User:CN=client" +
         R"(
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
ssl.keystore.type=PEM
ssl.truststore.type=PEM
listener.name.password.sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-512
listener.name.password.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.certificate.ssl.client.auth=required
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,PASSWORD:SASL_SSL,CERTIFICATE:SSL
num.network.threads=2
num.io.threads=2
background.threads=2
log.segment.bytes=134217728
offsets.topic.num.partitions=4
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
broker.heartbeat.interval.ms=500
broker.session.timeout.ms=2000
auto.create.topics.enable=false
log.cleaner.backoff.ms=1000
)";
}

/// Its own for 127.0.0.1 and a client's, both of one authority.
std::expected<void, std::string> Broker::make_certificates() const {
  auto made = make_certificate(directory_, "authority");
  if (made) made = make_certificate(directory_, "broker", {.issuer = "authority", .names = "IP:127.0.0.1"});
  if (made) made = make_certificate(directory_, "client", {.issuer = "authority", .names = {}});
  if (!made) return made;
  std::ofstream keystore(directory_ / "keystore.pem");
  for (const char* part : {"broker.key", "broker.pem"}) keystore << std::ifstream(directory_ / part).rdbuf();
  return {};
}

std::expected<void, std::string> Broker::format() {
  const auto format = Process::start(
      {"java", "-Xmx128m", "-XX:TieredStopAtLevel=1", "-Dorg.slf4j.simpleLogger.defaultLogLevel=error", "-cp", (libs_ / "*").string(),
       "kafka.tools.StorageTool", "format", "-t", "cmluZ2ZlbmNlLXRlc3RzMA", "-c", (directory_ / "server.properties").string(),
       "--add-scram", "SCRAM-SHA-512=[name=" + user() + ",password=" + password_ + "]"},
      directory_, true);
  if (!format) return std::unexpected("cannot start java");
  const std::string output = format->read_all();
  if (format->wait() == 0) return {};
  return std::unexpected("formatting the broker's directory failed: " + output);
}

std::expected<void, std::string> Broker::launch(std::chrono::seconds within) {
  process_ =
      Process::start({"java", "-Xms256m", "-Xmx512m", "-XX:+UseG1GC", "-XX:MaxDirectMemorySize=128m",
                      "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-Dorg.slf4j.simpleLogger.log.kafka.server.KafkaRaftServer=info",
                      "-cp", (libs_ / "*").string(), "kafka.Kafka", (directory_ / "server.properties").string()},
                     directory_, true);
  if (!process_) return std::unexpected("cannot start java");
  {
    const std::lock_guard lock(mutex_);
    ready_ = ended_ = false;
    lines_.clear();
  }
  reader_ = std::jthread([this, output = process_->output()] { read_output(output); });
  bool ready = false;
  {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, within, [&] { return ready_ || ended_; });
    ready = ready_;
  }
  if (ready) return {};
  kill();
  return std::unexpected("the broker did not start: " + last_lines());
}

/// Reads for as long as the process lives: a pipe nobody reads would stop it.
void Broker::read_output(int descriptor) {
  std::string rest;
  std::array<char, 4096> buffer{};
  ssize_t count = 0;
  while ((count = ::read(descriptor, buffer.data(), buffer.size())) > 0) {
    rest.append(buffer.data(), static_cast<std::size_t>(count));
    const std::lock_guard lock(mutex_);
    for (std::size_t end = rest.find('\n'); end != std::string::npos; end = rest.find('\n')) {
      lines_.push_back(rest.substr(0, end));
      rest.erase(0, end + 1);
      if (lines_.size() > kLinesKept) lines_.pop_front();
      if (lines_.back().find("Kafka Server started") != std::string::npos) ready_ = true;
    }
    changed_.notify_all();
  }
  const std::lock_guard lock(mutex_);
  ended_ = true;
  changed_.notify_all();
}

std::string Broker::last_lines() {
  const std::lock_guard lock(mutex_);
  std::string text;
  for (const std::string& line : lines_) text += "\n  " + line;
  return text;
}

void Broker::stop() { end(SIGTERM); }

void Broker::kill() { end(SIGKILL); }

void Broker::end(int signal) {
  if (!process_) return;
  process_->signal(signal);
  process_->wait();
  if (reader_.joinable()) reader_.join();
  process_.reset();
}

}  // namespace ringfence::testing
