// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "connectors/gate/follower.h"
#include "tests/integration/gate/shipped.h"
#include "tests/integration/process.h"
#include "tests/integration/service_process.h"
#include "tests/integration/support.h"
#include "tests/unit/gate/control_topic.h"

/// An installation as a call meets it: client → gateway (a file of deploy/gateways) → gate, and a tool behind the gateway that answers
/// `done`. nginx comes with it; other gateways are in gateways.h.
namespace ringfence::testing {

struct HttpAnswer {
  int status = 0;  // 0: no answer
  std::string head, body;
};
/// One connection that is kept, or made anew where the other side closed it. One thread.
class HttpClient {
 public:
  explicit HttpClient(std::uint16_t port) : port_(port) {}
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;
  [[nodiscard]] HttpAnswer ask(const std::string& method, const std::string& target, const std::vector<std::string>& headers = {},
                               const std::string& body = {});

 private:
  bool connect();
  [[nodiscard]] std::optional<HttpAnswer> hear();
  std::uint16_t port_;
  int socket_ = -1;
  std::string rest_;
};

/// Asks until it holds; false at the end of patience. For what nobody announces: each look is a question over a socket.
template <class Holds>
[[nodiscard]] bool wait_until(Holds holds) {
  const auto until = std::chrono::steady_clock::now() + kPatience;
  while (!holds()) {
    if (std::chrono::steady_clock::now() > until) return false;
    std::this_thread::yield();
  }
  return true;
}

/// Where control records and acknowledgements go: files, or topics of a broker.
class GateWorld {
 public:
  /// Without a broker: files. `gateway` is the file of deploy/gateways whose head has the gate's settings.
  explicit GateWorld(Broker* broker, const std::string& gateway = "nginx.conf");
  ~GateWorld();
  GateWorld(const GateWorld&) = delete;
  GateWorld& operator=(const GateWorld&) = delete;

  void start_gate(const std::string& more_settings = {});
  /// As a power cut ends it.
  void kill_gate();
  void start_nginx();
  void say(const ControlEntry& entry);
  void say(const std::vector<ControlEntry>& entries);
  /// Waits for the latest acknowledgement of a key to have this status and epoch; the acknowledgement, or nothing at the end of patience.
  [[nodiscard]] std::optional<nlohmann::json> acknowledged(const std::string& key, int status, std::uint64_t epoch);
  /// Every acknowledgement up to the one that was waited for last, in their order.
  [[nodiscard]] const std::vector<nlohmann::json>& heard() const { return heard_; }
  /// Waits until `/readyz` begins with this status.
  [[nodiscard]] bool readyz(int status);
  /// The log is lost: the file is gone, or the broker stops.
  void lose_log();
  /// The log is there with these records and no others, as after a backup was restored.
  void restore_log(const std::vector<ControlEntry>& entries);

  /// A call through nginx, by the agent that a key of deploy/gateways/nginx.conf stands for.
  [[nodiscard]] HttpAnswer call(const std::string& key, const std::string& method = "GET", const std::string& body = {},
                                const std::vector<std::string>& more = {});
  [[nodiscard]] ServiceProcess& gate() { return *gate_; }
  /// The gateway's file, with this gate's port; the gate reads the settings in its head when it starts.
  [[nodiscard]] ShippedFile& gateway() { return gateway_; }
  [[nodiscard]] std::uint16_t gate_port() const { return gate_port_; }
  [[nodiscard]] std::uint16_t nginx_port() const { return nginx_port_; }
  [[nodiscard]] const std::filesystem::path& directory() const { return directory_; }

 private:
  void write_settings(const std::string& more) const;
  void make_topics();

  Broker* broker_;
  std::filesystem::path directory_;
  std::string stem_;
  ShippedFile gateway_;
  std::uint16_t gate_port_ = free_port(), nginx_port_ = free_port(), tool_port_ = free_port();
  std::unique_ptr<ServiceProcess> gate_;
  std::unique_ptr<Process> nginx_;
  std::unique_ptr<Producer> producer_;
  std::unique_ptr<TopicTail> acks_;
  std::unique_ptr<FileControlLog> file_;
  std::unique_ptr<FileControlFeed> file_acks_;
  std::unique_ptr<HttpClient> client_;
  std::vector<nlohmann::json> heard_;
};

inline constexpr const char* kInvoiceKey = "key-of-ap-invoice";
inline constexpr const char* kInvoiceAgent = "spiffe://corp.example/agent/ap-invoice";
inline constexpr const char* kCoderKey = "key-of-code-maintainer";

}  // namespace ringfence::testing
