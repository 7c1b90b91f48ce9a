// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <expected>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>

struct ssl_st;
struct ssl_ctx_st;

namespace ringfence {

/// Whose certificates a client of ours takes for a server's: there is no way to take any. Shared by connections, thread-safe.
class TlsTrust {
 public:
  /// The authorities of a PEM file; those of the system where the name is empty. The error says what is wrong with the file.
  [[nodiscard]] static std::expected<TlsTrust, std::string> load(const std::filesystem::path& ca_file);

 private:
  friend class TlsConnection;
  struct Free {
    void operator()(ssl_ctx_st* context) const;
  };
  explicit TlsTrust(std::unique_ptr<ssl_ctx_st, Free> context) : context_(std::move(context)) {}
  std::unique_ptr<ssl_ctx_st, Free> context_;
};

/// TLS 1.2 or later over a connected socket that does not block, as a client that has checked the server's certificate: issued by whom we
/// trust, for the host that was asked for. One thread. Errors are a clause.
class TlsConnection {
 public:
  using Time = std::chrono::steady_clock::time_point;
  [[nodiscard]] static std::expected<TlsConnection, std::string> open(const TlsTrust& trust, int socket, const std::string& host,
                                                                      Time until);
  /// All of it.
  [[nodiscard]] std::expected<void, std::string> send(std::string_view bytes, Time until);
  /// At least a byte; 0 at the end.
  [[nodiscard]] std::expected<std::size_t, std::string> receive(std::span<char> out, Time until);

 private:
  struct Free {
    void operator()(ssl_st* connection) const;
  };
  TlsConnection(std::unique_ptr<ssl_st, Free> connection, int socket) : connection_(std::move(connection)), socket_(socket) {}
  template <class Step>
  [[nodiscard]] std::expected<int, std::string> done(Step step, Time until);

  std::unique_ptr<ssl_st, Free> connection_;
  int socket_;
};

}  // namespace ringfence
