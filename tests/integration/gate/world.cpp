// SPDX-License-Identifier: Apache-2.0
#include "tests/integration/gate/world.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <stdexcept>
#include <thread>

namespace ringfence::testing {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in out{};
  out.sin_family = AF_INET;
  out.sin_port = htons(port);
  out.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return out;
}

}  // namespace

HttpClient::~HttpClient() {
  if (socket_ >= 0) ::close(socket_);
}

bool HttpClient::connect() {
  if (socket_ >= 0) ::close(socket_);
  rest_.clear();
  socket_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int yes = 1;
  ::setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  const timeval patience{30, 0};
  ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  const sockaddr_in to = loopback(port_);
  return ::connect(socket_, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0;
}

HttpAnswer HttpClient::ask(const std::string& method, const std::string& target, const std::vector<std::string>& headers,
                           const std::string& body) {
  std::string request = method + " " + target + " HTTP/1.1\r\nHost: tools.corp.example\r\n";
  for (const std::string& header : headers) request += header + "\r\n";
  if (!body.empty()) request += "Content-Type: application/json\r\n";
  request += "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
  for (int attempt = 0; attempt < 2; ++attempt) {
    const bool kept = socket_ >= 0;
    if (!kept && !connect()) break;
    const bool sent = ::send(socket_, request.data(), request.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(request.size());
    if (sent)
      if (auto answer = hear()) return *answer;
    ::close(socket_);
    socket_ = -1;
    if (!kept) break;  // a kept connection may have been closed meanwhile; a new one that fails is an answer
  }
  return {};
}

std::optional<HttpAnswer> HttpClient::hear() {
  const auto more = [this] {
    std::array<char, 8192> chunk{};
    const ssize_t got = ::recv(socket_, chunk.data(), chunk.size(), 0);
    if (got > 0) rest_.append(chunk.data(), static_cast<std::size_t>(got));
    return got > 0;
  };
  std::size_t end = 0;
  while ((end = rest_.find("\r\n\r\n")) == std::string::npos)
    if (!more()) return std::nullopt;
  HttpAnswer out;
  out.head = rest_.substr(0, end + 2);
  rest_.erase(0, end + 4);
  out.status = std::stoi(out.head.substr(9, 3));
  const auto length_at = out.head.find("Content-Length: ");
  if (length_at != std::string::npos) {
    const auto length = static_cast<std::size_t>(std::stoul(out.head.substr(length_at + 16)));
    while (rest_.size() < length)
      if (!more()) return std::nullopt;
    out.body = rest_.substr(0, length);
    rest_.erase(0, length);
  }
  if (out.head.find("Connection: close") != std::string::npos) {
    ::close(socket_);
    socket_ = -1;
  }
  return out;
}

GateWorld::GateWorld(Broker* broker, const std::string& gateway) : broker_(broker), stem_(unique_name("gate")), gateway_(gateway) {
  std::string pattern = (fs::temp_directory_path() / "ringfence-gate-XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no temporary directory");
  directory_ = pattern;
  gateway_.put_port(9465, gate_port_);
  std::ofstream(directory_ / "keys.json") << pinned().jwks();
  if (broker_ != nullptr)
    make_topics();
  else
    file_ = std::move(*FileControlLog::open((directory_ / "control.ndjson").string()));
  file_acks_ = std::make_unique<FileControlFeed>((directory_ / "acks.ndjson").string());
}

GateWorld::~GateWorld() {
  gate_.reset();
  nginx_.reset();
  std::error_code ignored;
  fs::remove_all(directory_, ignored);
}

void GateWorld::make_topics() {
  for (const std::string name : {"control", "acks"}) {
    TopicSpec spec = plain_topic(stem_ + "." + name, 1);
    spec.cleanup_policy = "compact";
    if (auto made = make_topic(*broker_, spec); !made) throw std::runtime_error(made.error());
  }
  auto producer = Producer::open({.kafka = settings_for(*broker_), .linger = milliseconds(0)});
  if (!producer) throw std::runtime_error(producer.error().message);
  producer_ = std::move(*producer);
  acks_ = std::make_unique<TopicTail>(*broker_, stem_ + ".acks");
}

void GateWorld::write_settings(const std::string& more) const {
  const std::string path = directory_.string();
  std::ofstream out(directory_ / "gate.yaml");
  if (broker_ != nullptr)
    out << "kafka: {bootstrap: \"" << broker_->address() << "\"}\n"
        << "topics: {control: " << stem_ << ".control, acks: " << stem_ << ".acks}\n";
  else
    out << "outputs: {control: \"file:" << path << "/control.ndjson\"}\n";
  out << "control: {issuer: \"" << kIssuer << "\"}\n"
      << "http: {listen: \"127.0.0.1:0\"}\n"
      << gateway_.gate_settings("  name: gateway-eu-1\n  state: " + path + "/state\n  keys_file: " + path + "/keys.json\n  acks: \"" +
                                    (broker_ != nullptr ? "topic" : "file:" + path + "/acks.ndjson") + "\"\n",
                                /*with_asking=*/false)
      << more;
}

void GateWorld::start_gate(const std::string& more_settings) {
  write_settings(more_settings);
  gate_ = std::make_unique<ServiceProcess>(directory_ / "gate.yaml", "gate");
  if (!gate_->logged("gate answers")) throw std::runtime_error(gate_->log());
}

void GateWorld::kill_gate() {
  gate_->end(SIGKILL);
  gate_.reset();
}

void GateWorld::start_nginx() {
  ShippedFile site = gateway_;
  site.put_port(8080, nginx_port_).put_port(8000, tool_port_);
  const std::string path = directory_.string();
  std::ofstream(directory_ / "site.conf") << site.text();
  std::ofstream(directory_ / "nginx.conf")
      << "daemon off;\nmaster_process off;\nerror_log stderr;\npid " << path << "/nginx.pid;\nevents {}\nhttp {\n"
      << "  access_log off;\n  keepalive_requests 1000000;\n  client_body_temp_path " << path << "/body;\n  proxy_temp_path " << path
      << "/proxy;\n  fastcgi_temp_path " << path << "/fastcgi;\n  uwsgi_temp_path " << path << "/uwsgi;\n  scgi_temp_path " << path
      << "/scgi;\n  include " << path << "/site.conf;\n"
      << "  server { listen 127.0.0.1:" << tool_port_
      << "; location / { return 200 \"done\"; } location /refuses { return 403 \"tool says no\"; } }\n}\n";
  nginx_ = Process::start({"nginx", "-p", path, "-e", "stderr", "-c", path + "/nginx.conf"}, directory_, true);
  client_ = std::make_unique<HttpClient>(nginx_port_);
  if (!wait_until([this] { return client_->ask("GET", "/").status != 0; })) throw std::runtime_error("nginx does not answer");
}

void GateWorld::say(const ControlEntry& entry) { say(std::vector{entry}); }

void GateWorld::say(const std::vector<ControlEntry>& entries) {
  for (const ControlEntry& entry : entries) {
    if (file_) {
      if (auto said = file_->append(entry.key, entry.value); !said) throw std::runtime_error(said.error().message);
      continue;
    }
    for (;;) {
      const auto said = producer_->publish({.topic = stem_ + ".control",
                                            .key = entry.key,
                                            .value = entry.value,
                                            .cause = std::nullopt,
                                            .partition = Partition{0},
                                            .tombstone = entry.value.empty()});
      if (said) break;
      if (said.error().code != KafkaError::Code::QueueFull) throw std::runtime_error(said.error().message);
      // What is not flushed in time is tried again. NOLINTNEXTLINE(bugprone-unused-return-value)
      static_cast<void>(producer_->flush(kPatience));
    }
  }
}

std::optional<nlohmann::json> GateWorld::acknowledged(const std::string& key, int status, std::uint64_t epoch) {
  const auto take = [this](const std::string& ack_key, const std::string& value) {
    nlohmann::json ack = nlohmann::json::parse(value);
    EXPECT_EQ(ack_key, "gateway-eu-1|" + ack.at("key").get<std::string>());
    heard_.push_back(std::move(ack));
  };
  std::size_t taken = 0;
  const auto latest = [&]() -> std::optional<nlohmann::json> {
    const auto found = std::find_if(heard_.rbegin(), heard_.rend(), [&key](const nlohmann::json& ack) { return ack.at("key") == key; });
    if (found == heard_.rend() || found->at("status") != status || found->at("epoch") != epoch) return std::nullopt;
    return *found;
  };
  if (acks_) {
    heard_.clear();
    const auto all = [&](const std::vector<TopicRecord>& records) {
      for (; taken < records.size(); ++taken) take(records[taken].key, records[taken].value);
      return latest().has_value();
    };
    static_cast<void>(acks_->until(all));
    return latest();
  }
  const auto until = Clock::now() + kPatience;
  for (bool there = false; !there && Clock::now() < until;) {
    const auto batch = file_acks_->read(100'000, milliseconds(100));  // an error while the gate has not made the file
    if (batch)
      for (const ControlEntry& entry : batch->entries) take(entry.key, entry.value);
    there = latest().has_value();
  }
  return latest();
}

bool GateWorld::readyz(int status) {
  return wait_until([&] { return gate_->get("/readyz").starts_with("HTTP/1.1 " + std::to_string(status)); });
}

void GateWorld::lose_log() {
  if (file_)
    fs::remove(directory_ / "control.ndjson");
  else
    broker_->stop();
}

void GateWorld::restore_log(const std::vector<ControlEntry>& entries) {
  if (file_) {
    const std::string path = (directory_ / "control.ndjson").string();
    auto restored = FileControlLog::open(path + ".restored");
    if (!restored) throw std::runtime_error(restored.error().message);
    file_ = std::move(*restored);
    say(entries);
    fs::rename(path + ".restored", path);
    return;
  }
  // Another topic of the same content is what a gate sees of a cluster that was set up again.
  stem_ = unique_name("restored");
  make_topics();
  say(entries);
}

HttpAnswer GateWorld::call(const std::string& key, const std::string& method, const std::string& body,
                           const std::vector<std::string>& more) {
  std::vector<std::string> headers = more;
  if (!key.empty()) headers.push_back("X-Api-Key: " + key);
  return client_->ask(method, "/mcp", headers, body);
}

}  // namespace ringfence::testing
