// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <string>

#include "connectors/gate/http_message.h"

namespace ringfence {

/// The HTTP/1.1 server that gateways ask, over libmicrohttpd: one thread with epoll serves every connection, so a slow client costs a
/// descriptor and no thread. All is bounded: connections, request heads (16 KiB, else 431), bodies (else 413), headers (100, else 431), and
/// the time from one answered request to the next, whatever is dripped in between. Where connections run out, who has waited longest with
/// its first request makes room, else who was answered longest ago. A request whose answer comes later is put aside: the thread serves the
/// others meanwhile.
///
/// A request that two readers may end in two places (two lengths, a length and chunks, another coding) is a 400, and its connection is
/// closed. Of a header with a NUL in it the library shows what stands before that.
class HttpServer {
 public:
  struct Settings {
    std::string host;
    std::uint16_t port = 0;  // 0: the system chooses
    unsigned connections_max = 1024;
    std::size_t body_bytes_max = 1U << 20U;
    std::chrono::milliseconds first_request_within{10'000};  // of a new connection
    std::chrono::milliseconds next_request_within{75'000};   // of one that was answered: longer than gateways keep theirs
    std::string tls_certificate, tls_key;                    // PEM; both or none
    std::string tls_client_ca;                               // PEM; where given, a client without a certificate it signed is not answered
  };
  /// Called on the server's thread, one request at a time, and so is the beginning of a later answer. What it throws becomes a 500.
  using Handler = std::function<HttpAnswer(const HttpRequest&)>;

  [[nodiscard]] static std::expected<std::unique_ptr<HttpServer>, std::string> start(Settings settings, Handler handler);
  /// Stops listening, closes what is open; replies that come later still go nowhere.
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  [[nodiscard]] std::uint16_t port() const;
  [[nodiscard]] unsigned connections() const;
  /// Connections closed because no whole request came in time, or to make room.
  [[nodiscard]] std::uint64_t timed_out() const;

 private:
  class Daemon;
  explicit HttpServer(std::unique_ptr<Daemon> daemon);
  std::unique_ptr<Daemon> daemon_;
};

}  // namespace ringfence
