// SPDX-License-Identifier: Apache-2.0
#include "engine/app/http_ask.h"

#include <fcntl.h>
#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <memory>
#include <span>
#include <string_view>
#include <system_error>

#include "connectors/sources/descriptor.h"
#include "engine/app/socket_wait.h"
#include "engine/event/escape.h"

namespace ringfence {
namespace {

using Clock = std::chrono::steady_clock;

std::string fault(const char* what) { return std::string(what) + ": " + std::generic_category().message(errno); }

std::expected<Descriptor, std::string> connected(const Address& at, Clock::time_point until) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int failed = ::getaddrinfo(at.host.c_str(), std::to_string(at.port).c_str(), &hints, &found);
  if (failed != 0) return std::unexpected(std::string(::gai_strerror(failed)));
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(found, &::freeaddrinfo);
  std::string why = "no address";
  for (const auto* to = found; to != nullptr; to = to->ai_next) {
    Descriptor socket(::socket(to->ai_family, to->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, to->ai_protocol));
    if (!socket.valid()) continue;
    if (::connect(socket.number(), to->ai_addr, to->ai_addrlen) != 0 && errno != EINPROGRESS) {
      why = fault("connect");
      continue;
    }
    int error = 0;
    socklen_t size = sizeof error;
    if (!socket_ready(socket.number(), POLLOUT, until)) {
      why = "connect: no answer in time";
    } else if (::getsockopt(socket.number(), SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error == 0) {
      return socket;
    } else {
      errno = error;
      why = fault("connect");
    }
  }
  return std::unexpected(why);
}

std::expected<HttpReceived, std::string> parsed(const std::string& bytes) {
  const auto head_end = bytes.find("\r\n\r\n");
  HttpReceived out;
  if (head_end == std::string::npos || !bytes.starts_with("HTTP/1.") || bytes.size() < 12) return std::unexpected("no HTTP reply");
  const auto [end, error] = std::from_chars(bytes.data() + 9, bytes.data() + 12, out.status);
  if (error != std::errc{} || end != bytes.data() + 12) return std::unexpected("no HTTP reply");
  out.body = bytes.substr(head_end + 4);
  return out;
}

/// A connection in the clear.
class PlainConnection {
 public:
  explicit PlainConnection(int socket) : socket_(socket) {}
  std::expected<void, std::string> send(std::string_view bytes, Clock::time_point until) {
    while (!bytes.empty()) {
      if (!socket_ready(socket_, POLLOUT, until)) return std::unexpected("the request was not taken in time");
      const ssize_t put = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (put < 0 && errno != EAGAIN && errno != EINTR) return std::unexpected(fault("send"));
      bytes.remove_prefix(static_cast<std::size_t>(std::max<ssize_t>(put, 0)));
    }
    return {};
  }
  /// At least a byte; 0 at the end.
  std::expected<std::size_t, std::string> receive(std::span<char> out, Clock::time_point until) {
    while (true) {
      if (!socket_ready(socket_, POLLIN, until)) return std::unexpected("no reply in time");
      const ssize_t got = ::recv(socket_, out.data(), out.size(), 0);
      if (got >= 0) return static_cast<std::size_t>(got);
      if (errno != EAGAIN && errno != EINTR) return std::unexpected(fault("receive"));
    }
  }

 private:
  int socket_;
};

template <class Connection>
std::expected<HttpReceived, std::string> asked(Connection connection, const std::string& request, Clock::time_point until) {
  if (const auto sent = connection.send(request, until); !sent) return std::unexpected(sent.error());
  std::string reply;
  std::array<char, 16384> chunk{};
  while (true) {
    const auto got = connection.receive(chunk, until);
    if (!got) return std::unexpected(got.error());
    if (*got == 0) return parsed(reply);
    reply.append(chunk.data(), *got);
    if (reply.size() > kHttpReplyBytes) return std::unexpected("a reply of over 4 MiB");
  }
}

}  // namespace

std::expected<HttpReceived, std::string> http_ask(const Address& at, const std::string& target, std::chrono::milliseconds within,
                                                  const std::vector<std::string>& headers, const TlsTrust* trust) {
  const auto until = Clock::now() + within;
  const auto socket = connected(at, until);
  if (!socket) return std::unexpected(socket.error());
  std::string request = "GET " + target + " HTTP/1.1\r\nHost: " + printable(at.host) + "\r\nConnection: close\r\n";
  for (const std::string& header : headers) request += header + "\r\n";
  request += "\r\n";
  if (trust == nullptr) return asked(PlainConnection(socket->number()), request, until);
  auto secured = TlsConnection::open(*trust, socket->number(), at.host, until);
  if (!secured) return std::unexpected(std::move(secured.error()));
  return asked(std::move(*secured), request, until);
}

}  // namespace ringfence
