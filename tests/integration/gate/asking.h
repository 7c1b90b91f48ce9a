// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/integration/gate/world.h"

/// An installation whose gate asks before acts: gateway → gate → broker → engine and back. Personas are the examples, and an office
/// assistant of tier 4 that pays what its person asks it to pay.
namespace ringfence::testing {

class AskingWorld {
 public:
  struct Settings {
    std::string deadline = "5s", without = "closed";
    /// Where the gate finds who calls and which server is called.
    std::string subject = "{agent: \"header:x-agent-id\", session: \"header:mcp-session-id\"}", server = "header:x-server";
    std::int32_t partitions = 1;
    /// Of deploy/gateways: where given, what the gate has to know of its gateway stands in its head.
    std::optional<ShippedFile> gateway = {};
    bool published = false;  // personas come from the context topic, where `publish` puts them
  };
  AskingWorld(Broker& broker, Settings settings);

  void start_engine();
  void start_gate();
  /// Puts the installation's personas on the context topic, the assistant's of this tier.
  void publish(int tier);
  /// As a power cut ends them.
  void kill_engine() { engine_->end(SIGKILL); }
  void kill_gate() { gate_->end(SIGKILL); }
  /// Asks about an act that nobody minds until the engine has answered; false at the end of patience.
  [[nodiscard]] bool answers();
  /// The same, where the question is asked otherwise.
  [[nodiscard]] bool answers(const std::function<HttpAnswer(const std::string& body)>& ask);

  /// What the agent's gateway has reported so far, to one partition.
  void report(const std::string& agent, const std::string& event) { installation_.feed({{agent, event}}); }
  /// The user's task, and the mail that the assistant then reads: it orders `payment()`. Without a session where that is empty.
  void reads_the_mail(const std::string& agent, const std::string& session, const std::string& task);
  /// A call as Envoy's ext_authz asks about it.
  [[nodiscard]] HttpAnswer envoy(const std::string& agent, const std::string& session, const std::string& server, const std::string& body);
  /// A call as ToolHive's validating webhook asks about it.
  [[nodiscard]] HttpAnswer toolhive(const std::string& agent, const std::string& server, const std::string& body);

  [[nodiscard]] Installation& installation() { return installation_; }
  [[nodiscard]] ServiceProcess& gate() { return *gate_; }
  [[nodiscard]] ServiceProcess& engine() { return *engine_; }
  [[nodiscard]] std::uint16_t gate_port() const { return port_; }

 private:
  [[nodiscard]] std::filesystem::path engine_settings() const;
  [[nodiscard]] std::string gate_settings() const;
  Broker& broker_;
  Settings settings_;
  Installation installation_;
  std::unique_ptr<ServiceProcess> engine_, gate_;
  std::uint16_t port_ = 0;
  std::unique_ptr<HttpClient> client_;
};

inline constexpr const char* kAccount = "LT601010012345678901";
/// The MCP call that pays what the mail asks for.
[[nodiscard]] std::string payment();
/// An MCP call of a tool.
[[nodiscard]] std::string tool_call(const std::string& tool, const std::string& arguments);

}  // namespace ringfence::testing
