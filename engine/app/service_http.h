// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "config/settings.h"

namespace ringfence {

/// An answer to a probe: 200 where `good`, else 503; `text` says why in a line.
struct Health {
  bool good = false;
  std::string text;
};

/// Nobody beyond this machine reaches the address.
[[nodiscard]] bool is_loopback(const Address& address);

/// What the endpoint serves. Called on the endpoint's own thread, one at a time, so each must be quick and must not throw.
struct HttpEndpoints {
  std::function<std::string()> metrics;  // GET /metrics, Prometheus text format
  std::function<Health()> healthz;       // GET /healthz: the process works; else it should be restarted
  std::function<Health()> readyz;        // GET /readyz: it judges events now
  /// GET /top, JSON that names agents: only where the endpoint listens at loopback, because it has no authentication, and only for a Host
  /// of this machine. May be empty.
  std::function<std::string()> top{};
};

/// The HTTP endpoint of the service: three paths, GET and HEAD, one answer a connection.
/// It stands in the process that holds every agent's state, so whoever reaches the port must not be able to hurt it: one thread, 32
/// connections at once, 8 KiB of request, no bodies, 5 s from accept to close. It has no authentication and no TLS; the default address is
/// loopback.
class ServiceHttp {
 public:
  static constexpr std::size_t kConnections = 32;
  static constexpr std::size_t kRequestBytes = 8192;
  static constexpr Nanos kDeadline = seconds(5);

  /// Binds, listens and serves from then on; the error says which address could not be bound and why. `deadline` bounds one connection.
  [[nodiscard]] static std::expected<std::unique_ptr<ServiceHttp>, std::string> start(const Address& listen, HttpEndpoints endpoints,
                                                                                      Nanos deadline = kDeadline);
  /// Stops serving and waits for the thread; open connections are closed.
  ~ServiceHttp();

  /// The port in use, also where the settings left it to the system.
  [[nodiscard]] std::uint16_t port() const;

 private:
  class Loop;
  explicit ServiceHttp(std::unique_ptr<Loop> loop);
  std::unique_ptr<Loop> loop_;
};

}  // namespace ringfence
