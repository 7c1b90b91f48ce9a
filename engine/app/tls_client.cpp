// SPDX-License-Identifier: Apache-2.0
#include "engine/app/tls_client.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "engine/app/socket_wait.h"
#include "engine/event/escape.h"

namespace ringfence {
namespace {

std::string last_error() {
  const unsigned long code = ERR_get_error();
  const char* const reason = code == 0 ? nullptr : ERR_reason_error_string(code);
  ERR_clear_error();
  return reason == nullptr ? "the connection was cut" : reason;
}

/// A host is named by its name or by its number, and its certificate must say the same.
bool expect_host(ssl_st* connection, const std::string& host) {
  X509_VERIFY_PARAM* const wanted = SSL_get0_param(connection);
  if (X509_VERIFY_PARAM_set1_ip_asc(wanted, host.c_str()) == 1) return true;
  ERR_clear_error();
  SSL_set_hostflags(connection, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  if (SSL_set1_host(connection, host.c_str()) != 1) return false;
  std::string name = host;  // the call takes no const, and copies
  return SSL_ctrl(connection, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, name.data()) == 1;
}

}  // namespace

void TlsTrust::Free::operator()(ssl_ctx_st* context) const { SSL_CTX_free(context); }
void TlsConnection::Free::operator()(ssl_st* connection) const { SSL_free(connection); }

std::expected<TlsTrust, std::string> TlsTrust::load(const std::filesystem::path& ca_file) {
  std::unique_ptr<ssl_ctx_st, Free> context(SSL_CTX_new(TLS_client_method()));
  if (!context || SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION) != 1) return std::unexpected(last_error());
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
  // Who is asked answers before it hangs up; what is cut off behind the answer's head changes nothing of it.
  SSL_CTX_set_options(context.get(), SSL_OP_IGNORE_UNEXPECTED_EOF);
  SSL_CTX_set_mode(context.get(), SSL_MODE_AUTO_RETRY);
  const int loaded =
      ca_file.empty() ? SSL_CTX_set_default_verify_paths(context.get()) : SSL_CTX_load_verify_file(context.get(), ca_file.c_str());
  if (loaded != 1) {
    ERR_clear_error();
    return std::unexpected(printable(ca_file.string(), 512) + " holds no certificates in PEM that can be read");
  }
  return TlsTrust(std::move(context));
}

/// Repeats a step of the protocol until it is done, waiting for the socket as it asks for.
template <class Step>
std::expected<int, std::string> TlsConnection::done(Step step, Time until) {
  while (true) {
    ERR_clear_error();
    const int result = step(connection_.get());
    if (result > 0) return result;
    switch (SSL_get_error(connection_.get(), result)) {
      case SSL_ERROR_WANT_READ:
        if (!socket_ready(socket_, POLLIN, until)) return std::unexpected("no reply in time");
        break;
      case SSL_ERROR_WANT_WRITE:
        if (!socket_ready(socket_, POLLOUT, until)) return std::unexpected("the request was not taken in time");
        break;
      case SSL_ERROR_ZERO_RETURN:
        return 0;
      default:
        return std::unexpected(last_error());
    }
  }
}

std::expected<TlsConnection, std::string> TlsConnection::open(const TlsTrust& trust, int socket, const std::string& host, Time until) {
  TlsConnection out(std::unique_ptr<ssl_st, Free>(SSL_new(trust.context_.get())), socket);
  if (!out.connection_ || SSL_set_fd(out.connection_.get(), socket) != 1 || !expect_host(out.connection_.get(), host))
    return std::unexpected("TLS: " + last_error());
  const auto connected = out.done(SSL_connect, until);
  if (connected && *connected == 1) return out;
  const long found = SSL_get_verify_result(out.connection_.get());
  if (found != X509_V_OK) return std::unexpected("TLS: the certificate is not taken: " + std::string(X509_verify_cert_error_string(found)));
  return std::unexpected("TLS: " + (connected ? std::string("the connection was closed") : connected.error()));
}

std::expected<void, std::string> TlsConnection::send(std::string_view bytes, Time until) {
  while (!bytes.empty()) {
    const auto part = static_cast<int>(std::min<std::size_t>(bytes.size(), std::numeric_limits<int>::max()));
    const auto sent = done([&](ssl_st* connection) { return SSL_write(connection, bytes.data(), part); }, until);
    if (!sent) return std::unexpected(sent.error());
    if (*sent == 0) return std::unexpected("the connection was closed");
    bytes.remove_prefix(static_cast<std::size_t>(*sent));
  }
  return {};
}

std::expected<std::size_t, std::string> TlsConnection::receive(std::span<char> out, Time until) {
  const auto room = static_cast<int>(std::min<std::size_t>(out.size(), std::numeric_limits<int>::max()));
  const auto got = done([&](ssl_st* connection) { return SSL_read(connection, out.data(), room); }, until);
  if (!got) return std::unexpected(got.error());
  return static_cast<std::size_t>(*got);
}

}  // namespace ringfence
