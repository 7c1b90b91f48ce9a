// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "connectors/gate/http_server.h"
#include "tests/integration/gate/shipped.h"
#include "tests/integration/gate/world.h"

/// Real gateways in front of a gate, on files of deploy/gateways, and what stands around them.
namespace ringfence::testing {

/// The program of a gateway that tests/integration/gateways/fetch.sh brings, or nothing where it has not been fetched.
[[nodiscard]] std::optional<std::filesystem::path> gateway_program(const std::string& name);
/// Why a test cannot be run then.
[[nodiscard]] std::string not_fetched(const std::string& name);

/// The tool behind a gateway: it answers `done` and keeps what came.
class Tool {
 public:
  struct Call {
    std::string method, path;
    std::size_t body_bytes = 0;
    std::map<std::string, std::string> headers;  // names in lower case
  };
  Tool();
  [[nodiscard]] std::uint16_t port() const { return server_->port(); }
  /// What came since this was asked last.
  std::vector<Call> calls();
  /// Later calls get this status.
  void answer_with(int status);

 private:
  std::mutex mutex_;
  std::vector<Call> calls_;
  int status_ = 200;
  std::unique_ptr<HttpServer> server_;
};

/// Traefik on deploy/gateways/traefik.yaml, with an entry point of plain HTTP.
class Traefik {
 public:
  /// The file has the gate's port already. Throws where Traefik does not take it over.
  Traefik(const std::filesystem::path& directory, ShippedFile file, const Tool& tool);
  [[nodiscard]] HttpAnswer call(const std::vector<std::string>& headers, const std::string& method = "GET", const std::string& body = {});

 private:
  std::uint16_t port_ = free_port();
  std::unique_ptr<Process> process_;
  HttpClient client_{port_};
};

/// Envoy on deploy/gateways/envoy.yaml. Its certificates lie in a directory of the test: gateway, agents-ca, and those it is called with.
class Envoy {
 public:
  /// The file has the gate's port already, where that is another. Throws where Envoy does not answer.
  Envoy(const std::filesystem::path& directory, ShippedFile file, const Tool& tool);
  /// Makes a client's certificate of the agents' authority with these URIs.
  void issue(const std::string& name, const std::vector<std::string>& uris) const;
  /// A call by whoever shows this certificate, or none where it is empty, on a connection of its own; status 0 where none came about.
  [[nodiscard]] HttpAnswer call(const std::string& certificate, const std::string& method = "GET", const std::string& body = {},
                                const std::vector<std::string>& headers = {}) const;

 private:
  std::filesystem::path directory_;
  std::uint16_t port_ = free_port();
  std::unique_ptr<Process> process_;
};

/// A gate that follows a file, and what stands behind the gateway of deploy/gateways that asks it.
class GateBehindGateway : public ::testing::Test {
 protected:
  explicit GateBehindGateway(const std::string& file) : world_(nullptr, file) {}
  /// Says it, for the finding rf-0123, and waits until it is in force.
  void said(ContainmentRecord record);

  GateWorld world_;
  Tool tool_;
  Speaker engine_;
};

}  // namespace ringfence::testing
