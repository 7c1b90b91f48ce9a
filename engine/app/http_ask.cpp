// SPDX-License-Identifier: Apache-2.0
#include "engine/app/http_ask.h"

#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <memory>
#include <system_error>

#include "connectors/sources/descriptor.h"
#include "engine/event/escape.h"

namespace ringfence {
namespace {

using Clock = std::chrono::steady_clock;

std::string fault(const char* what) { return std::string(what) + ": " + std::generic_category().message(errno); }

/// False once the time is over.
bool ready(int socket, short events, Clock::time_point until) {
  while (true) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now()).count();
    if (left <= 0) return false;
    pollfd polled{socket, events, 0};
    const int found = ::poll(&polled, 1, static_cast<int>(std::min<std::int64_t>(left, 60'000)));
    if (found > 0) return true;
    if (found < 0 && errno != EINTR) return false;
  }
}

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
    if (!ready(socket.number(), POLLOUT, until)) {
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

std::expected<HttpReply, std::string> parsed(const std::string& bytes) {
  const auto head_end = bytes.find("\r\n\r\n");
  HttpReply out;
  if (head_end == std::string::npos || !bytes.starts_with("HTTP/1.") || bytes.size() < 12) return std::unexpected("no HTTP reply");
  const auto [end, error] = std::from_chars(bytes.data() + 9, bytes.data() + 12, out.status);
  if (error != std::errc{} || end != bytes.data() + 12) return std::unexpected("no HTTP reply");
  out.body = bytes.substr(head_end + 4);
  return out;
}

}  // namespace

std::expected<HttpReply, std::string> http_ask(const Address& at, const std::string& target, std::chrono::milliseconds within,
                                               const std::vector<std::string>& headers) {
  const auto until = Clock::now() + within;
  const auto socket = connected(at, until);
  if (!socket) return std::unexpected(socket.error());
  std::string request = "GET " + target + " HTTP/1.1\r\nHost: " + printable(at.host) + "\r\nConnection: close\r\n";
  for (const std::string& header : headers) request += header + "\r\n";
  request += "\r\n";
  for (std::size_t sent = 0; sent < request.size();) {
    if (!ready(socket->number(), POLLOUT, until)) return std::unexpected("the request was not taken in time");
    const ssize_t put = ::send(socket->number(), request.data() + sent, request.size() - sent, MSG_NOSIGNAL);
    if (put < 0 && errno != EAGAIN && errno != EINTR) return std::unexpected(fault("send"));
    sent += static_cast<std::size_t>(std::max<ssize_t>(put, 0));
  }
  std::string reply;
  while (true) {
    if (!ready(socket->number(), POLLIN, until)) return std::unexpected("no reply in time");
    std::array<char, 16384> chunk{};
    const ssize_t got = ::recv(socket->number(), chunk.data(), chunk.size(), 0);
    if (got == 0) return parsed(reply);
    if (got < 0 && errno != EAGAIN && errno != EINTR) return std::unexpected(fault("receive"));
    reply.append(chunk.data(), static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
    if (reply.size() > kHttpReplyBytes) return std::unexpected("a reply of over 4 MiB");
  }
}

}  // namespace ringfence
