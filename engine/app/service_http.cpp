// SPDX-License-Identifier: Apache-2.0
#include "engine/app/service_http.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <list>
#include <optional>
#include <system_error>
#include <thread>
#include <vector>

#include "connectors/sources/descriptor.h"
#include "engine/event/escape.h"

namespace ringfence {
namespace {

using Clock = std::chrono::steady_clock;

std::string reason_of(int error) { return std::generic_category().message(error); }

/// A listening socket, or why there is none.
std::expected<Descriptor, std::string> listen_at(const Address& address) {
  const auto name = printable(address.host) + ":" + std::to_string(address.port);
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int failed = ::getaddrinfo(address.host.c_str(), std::to_string(address.port).c_str(), &hints, &found);
  if (failed != 0) return std::unexpected("cannot listen at " + name + ": " + ::gai_strerror(failed));
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(found, &::freeaddrinfo);

  int error = EADDRNOTAVAIL;
  for (const auto* at = found; at != nullptr; at = at->ai_next) {
    Descriptor socket(::socket(at->ai_family, at->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, at->ai_protocol));
    const int yes = 1;
    // A restart may bind at once; SO_REUSEPORT would let a second process share the port unnoticed.
    if (socket.valid() && ::setsockopt(socket.number(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) == 0 &&
        ::bind(socket.number(), at->ai_addr, at->ai_addrlen) == 0 &&
        ::listen(socket.number(), static_cast<int>(ServiceHttp::kConnections)) == 0) {
      return socket;
    }
    error = errno;
  }
  return std::unexpected("cannot listen at " + name + ": " + reason_of(error));
}

std::uint16_t port_of(const Descriptor& socket) {
  sockaddr_storage bound{};
  socklen_t size = sizeof bound;
  if (::getsockname(socket.number(), reinterpret_cast<sockaddr*>(&bound), &size) != 0) return 0;
  const auto raw = bound.ss_family == AF_INET6 ? reinterpret_cast<const sockaddr_in6*>(&bound)->sin6_port
                                               : reinterpret_cast<const sockaddr_in*>(&bound)->sin_port;
  return static_cast<std::uint16_t>((raw >> 8U) | (raw << 8U));  // network order
}

struct Answer {
  int status = 200;
  std::string body;
  std::string_view type = "text/plain; charset=utf-8";
};

std::string_view phrase(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 431:
      return "Request Header Fields Too Large";
    case 503:
      return "Service Unavailable";
    default:
      return "Bad Request";
  }
}

std::string to_bytes(const Answer& answer, bool with_body) {
  std::string out = "HTTP/1.1 " + std::to_string(answer.status) + " " + std::string(phrase(answer.status)) + "\r\n";
  out += "Content-Type: " + std::string(answer.type) + "\r\nContent-Length: " + std::to_string(answer.body.size()) + "\r\n";
  out += "Cache-Control: no-store\r\nConnection: close\r\n";
  if (answer.status == 405) out += "Allow: GET, HEAD\r\n";
  out += "\r\n";
  return with_body ? out + answer.body : out;
}

Answer answer_of(const Health& health) { return {health.good ? 200 : 503, health.text + "\n"}; }

/// It was asked for under a name of this machine. A page of elsewhere that a browser here has open can point its own name at this endpoint
/// and read what the browser reads, but it cannot ask under ours.
bool asked_here(std::string_view head) {
  for (auto rest = head; !rest.empty();) {
    const auto end = rest.find("\r\n");
    std::string line(rest.substr(0, end));
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 2);
    std::ranges::transform(line, line.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
    if (!line.starts_with("host:")) continue;
    const auto from = line.find_first_not_of(" \t", 5);
    if (from == std::string::npos) return false;
    std::string host = line.substr(from, line.find_last_not_of(" \t") + 1 - from);
    const bool bare = std::ranges::count(host, ':') > 1 && !host.starts_with('[');  // an address of version 6 without a port
    if (host.starts_with('['))
      host = host.substr(1, host.find(']') - 1);
    else if (!bare)
      host = host.substr(0, host.find(':'));
    return is_loopback({std::move(host), 0});
  }
  return false;
}

/// The bytes that answer a complete request head.
std::string respond(std::string_view head, const HttpEndpoints& endpoints) {
  const auto line = head.substr(0, head.find("\r\n"));
  const auto first = line.find(' ');
  const auto last = line.rfind(' ');
  if (first == std::string_view::npos || last <= first + 1 || !line.substr(last + 1).starts_with("HTTP/1.")) {
    return to_bytes({400, "not an HTTP/1 request\n"}, true);
  }
  const auto method = line.substr(0, first);
  const auto target = line.substr(first + 1, last - first - 1);
  const auto path = target.substr(0, target.find('?'));
  const bool get = method == "GET";
  if (!get && method != "HEAD") return to_bytes({405, "only GET and HEAD\n"}, true);
  if (path == "/metrics") return to_bytes({200, endpoints.metrics(), "text/plain; version=0.0.4; charset=utf-8"}, get);
  if (path == "/healthz") return to_bytes(answer_of(endpoints.healthz()), get);
  if (path == "/readyz") return to_bytes(answer_of(endpoints.readyz()), get);
  if (path == "/top" && endpoints.top && asked_here(head)) return to_bytes({200, endpoints.top(), "application/json"}, get);
  return to_bytes({404, "here are /metrics, /healthz and /readyz\n"}, get);
}

/// One client: reads a request head, writes an answer, then waits for the client to close so that the answer is not cut off by a reset.
class Connection {
 public:
  Connection(Descriptor socket, Clock::time_point deadline) : socket_(std::move(socket)), deadline_(deadline) {}

  [[nodiscard]] pollfd wants() const { return {socket_.number(), static_cast<short>(phase_ == Phase::Writing ? POLLOUT : POLLIN), 0}; }
  [[nodiscard]] Clock::time_point deadline() const { return deadline_; }

  /// Goes as far as the socket lets it; false where the connection is over.
  bool advance(const HttpEndpoints& endpoints) {
    if (phase_ == Phase::Reading && !read(endpoints)) return false;
    if (phase_ == Phase::Writing && !write()) return false;
    return phase_ != Phase::Draining || drain();
  }

 private:
  enum class Phase : std::uint8_t { Reading, Writing, Draining };

  static bool would_wait() { return errno == EAGAIN || errno == EINTR; }

  bool read(const HttpEndpoints& endpoints) {
    std::array<char, 2048> chunk{};
    while (phase_ == Phase::Reading) {
      const auto got = ::recv(socket_.number(), chunk.data(), chunk.size(), 0);
      if (got < 0) return would_wait();
      if (got == 0) return false;
      in_.append(chunk.data(), static_cast<std::size_t>(got));
      const auto end = in_.find("\r\n\r\n");
      if (end == std::string::npos && in_.size() <= ServiceHttp::kRequestBytes) continue;
      out_ = end < ServiceHttp::kRequestBytes ? respond(std::string_view(in_).substr(0, end), endpoints)
                                              : to_bytes({431, "request head above 8 KiB\n"}, true);
      phase_ = Phase::Writing;
    }
    return true;
  }

  bool write() {
    while (sent_ < out_.size()) {
      const auto put = ::send(socket_.number(), out_.data() + sent_, out_.size() - sent_, MSG_NOSIGNAL);
      if (put < 0) return would_wait();
      sent_ += static_cast<std::size_t>(put);
    }
    ::shutdown(socket_.number(), SHUT_WR);
    phase_ = Phase::Draining;
    return true;
  }

  bool drain() {
    std::array<char, 2048> chunk{};
    const auto got = ::recv(socket_.number(), chunk.data(), chunk.size(), 0);
    return got > 0 || (got < 0 && would_wait());  // one chunk a turn: an endless sender meets the deadline
  }

  Descriptor socket_;
  Clock::time_point deadline_;
  Phase phase_ = Phase::Reading;
  std::string in_, out_;
  std::size_t sent_ = 0;
};

}  // namespace

bool is_loopback(const Address& address) {
  in_addr v4{};
  in6_addr v6{};
  if (::inet_pton(AF_INET, address.host.c_str(), &v4) == 1) return address.host.starts_with("127.");
  return address.host == "localhost" || (::inet_pton(AF_INET6, address.host.c_str(), &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6));
}

/// The thread that serves: one poll over the wake-up, the listening socket and the connections.
class ServiceHttp::Loop {
 public:
  Loop(Descriptor socket, Descriptor wake, HttpEndpoints endpoints, Nanos deadline)
      : socket_(std::move(socket)),
        wake_(std::move(wake)),
        port_(port_of(socket_)),
        endpoints_(std::move(endpoints)),
        deadline_(deadline.value),
        thread_([this] { run(); }) {}

  ~Loop() {
    const std::uint64_t one = 1;
    // An eventfd whose counter is far from its end takes every write.
    [[maybe_unused]] const auto written = ::write(wake_.number(), &one, sizeof one);
    thread_.join();
  }
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  [[nodiscard]] std::uint16_t port() const { return port_; }

 private:
  void run() {
    std::vector<pollfd> watched;
    for (;;) {
      watched.assign({{wake_.number(), POLLIN, 0}});
      for (const auto& connection : connections_) watched.push_back(connection.wants());
      // Beyond the bound clients wait in the system's queue; so they do for a moment where this process is out of descriptors.
      if (connections_.size() < kConnections && Clock::now() >= accept_again_) watched.push_back({socket_.number(), POLLIN, 0});
      if (::poll(watched.data(), watched.size(), timeout_ms()) < 0 && errno != EINTR) return;
      if (watched.front().revents != 0) return;
      serve(watched);
      if (watched.back().fd == socket_.number() && watched.back().revents != 0) accept();
    }
  }

  void serve(const std::vector<pollfd>& watched) {
    const auto now = Clock::now();
    std::size_t index = 0;
    connections_.remove_if([&](Connection& connection) {
      const bool ready = watched[++index].revents != 0;
      return (ready && !connection.advance(endpoints_)) || connection.deadline() <= now;
    });
  }

  void accept() {
    Descriptor client(::accept4(socket_.number(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (client.valid()) {
      connections_.emplace_back(std::move(client), Clock::now() + deadline_);
    } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
      accept_again_ = Clock::now() + std::chrono::milliseconds(100);  // the client stays queued, and polling for it would spin
    }
  }

  /// Until the first deadline or the end of the pause in accepting; for ever where there is neither.
  [[nodiscard]] int timeout_ms() const {
    const auto now = Clock::now();
    std::optional<Clock::time_point> first;
    if (accept_again_ > now) first = accept_again_;
    for (const auto& connection : connections_) first = first ? std::min(*first, connection.deadline()) : connection.deadline();
    if (!first) return -1;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(*first - now).count();
    return static_cast<int>(std::max<std::int64_t>(left, 0));
  }

  Descriptor socket_, wake_;
  std::uint16_t port_;
  HttpEndpoints endpoints_;
  std::chrono::nanoseconds deadline_;
  std::list<Connection> connections_;
  Clock::time_point accept_again_;
  std::thread thread_;  // last: it uses all of the above
};

ServiceHttp::ServiceHttp(std::unique_ptr<Loop> loop) : loop_(std::move(loop)) {}
ServiceHttp::~ServiceHttp() = default;
std::uint16_t ServiceHttp::port() const { return loop_->port(); }

std::expected<std::unique_ptr<ServiceHttp>, std::string> ServiceHttp::start(const Address& listen, HttpEndpoints endpoints,
                                                                            Nanos deadline) {
  auto socket = listen_at(listen);
  if (!socket) return std::unexpected(std::move(socket.error()));
  Descriptor wake(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!wake.valid()) return std::unexpected("cannot make an eventfd: " + reason_of(errno));
  auto loop = std::make_unique<Loop>(std::move(*socket), std::move(wake), std::move(endpoints), deadline);
  return std::unique_ptr<ServiceHttp>(new ServiceHttp(std::move(loop)));
}

}  // namespace ringfence
