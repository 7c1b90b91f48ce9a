// SPDX-License-Identifier: Apache-2.0
#include "connectors/gate/http_server.h"

#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <microhttpd.h>
#include <netdb.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <optional>
#include <thread>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "engine/event/escape.h"

namespace ringfence {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kHeadBytes = 16U << 10U;
constexpr std::size_t kHeadersMax = 100;
constexpr std::chrono::milliseconds kReapEvery{250};

struct FreeResponse {
  void operator()(MHD_Response* response) const { MHD_destroy_response(response); }
};
using Response = std::unique_ptr<MHD_Response, FreeResponse>;

/// A request that is put aside until its reply comes. Shared by the server and whoever replies: the one may be gone before the other.
struct Aside {
  std::mutex mutex;
  MHD_Connection* connection = nullptr;  // null once nobody waits any more
  std::optional<HttpReply> reply;
};

/// A request while its body comes in, and until it is answered.
struct Incoming {
  std::string body;
  bool too_large = false;
  std::shared_ptr<Aside> aside;
};

Response response_of(const HttpReply& reply) {
  // The library copies the text; its interface wants a pointer that may be written through.
  Response out(MHD_create_response_from_buffer(reply.body.size(), const_cast<char*>(reply.body.data()), MHD_RESPMEM_MUST_COPY));
  if (!out) return out;
  if (!reply.type.empty()) MHD_add_response_header(out.get(), "Content-Type", reply.type.c_str());
  MHD_add_response_header(out.get(), "Cache-Control", "no-store");
  for (const auto& [name, value] : reply.headers) MHD_add_response_header(out.get(), name.c_str(), value.c_str());
  return out;
}

MHD_Result send(MHD_Connection* connection, const HttpReply& reply) {
  const Response response = response_of(reply);
  return response ? MHD_queue_response(connection, static_cast<unsigned>(reply.status), response.get()) : MHD_NO;
}

HttpReply problem(int status, const char* reason) {
  return {.status = status, .body = std::string(R"({"error":{"reason":")") + reason + "\"}}", .type = "application/json"};
}

/// True where two readers of the request may see two ends of it: a body of two lengths, or of one length and in chunks, or in a coding that
/// says nothing of its end (RFC 9112, 6.3).
bool ends_in_two_places(MHD_Connection* connection) {
  struct Framing {
    int lengths = 0, codings = 0;
    bool unknown = false;
  } found;
  MHD_get_connection_values(
      connection, MHD_HEADER_KIND,
      [](void* to, MHD_ValueKind, const char* name, const char* value) {
        auto& framing = *static_cast<Framing*>(to);
        if (HttpRequest::same_name(name, MHD_HTTP_HEADER_CONTENT_LENGTH)) ++framing.lengths;
        if (HttpRequest::same_name(name, MHD_HTTP_HEADER_TRANSFER_ENCODING)) {
          ++framing.codings;
          framing.unknown = framing.unknown || value == nullptr || !HttpRequest::same_name(value, "chunked");
        }
        return MHD_YES;
      },
      &found);
  return found.lengths + found.codings > 1 || found.unknown;
}

/// True where the client has shown a certificate that the given authority signed and that is of now.
bool client_is_known(MHD_Connection* connection) {
  const auto* info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);
  if (info == nullptr || info->tls_session == nullptr) return false;
  unsigned int status = 0;
  auto* session = static_cast<gnutls_session_t>(info->tls_session);
  return gnutls_certificate_verify_peers2(session, &status) == GNUTLS_E_SUCCESS && status == 0;
}

}  // namespace

class HttpServer::Daemon {
 public:
  Daemon(Settings settings, Handler handler) : settings_(std::move(settings)), handler_(std::move(handler)) {}
  ~Daemon() {
    // The library does not stop while a request is put aside.
    stopping_ = true;
    std::unordered_set<std::shared_ptr<Aside>> waiting;
    {
      const std::lock_guard lock(mutex_);
      waiting = aside_;
    }
    for (const auto& one : waiting) come_back(*one, problem(503, "stopping"));
    if (daemon_ != nullptr) MHD_stop_daemon(daemon_);
  }
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;

  std::expected<void, std::string> start() {
    const std::string name = printable(settings_.host) + ":" + std::to_string(settings_.port);
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
    addrinfo* found = nullptr;
    if (const int failed = ::getaddrinfo(settings_.host.c_str(), std::to_string(settings_.port).c_str(), &hints, &found); failed != 0)
      return std::unexpected("cannot listen at " + name + ": " + ::gai_strerror(failed));
    const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(found, &::freeaddrinfo);

    unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME;
    if (found->ai_family == AF_INET6) flags |= MHD_USE_IPv6;
    std::vector<MHD_OptionItem> options{
        {MHD_OPTION_CONNECTION_LIMIT, static_cast<std::intptr_t>(settings_.connections_max), nullptr},
        {MHD_OPTION_CONNECTION_MEMORY_LIMIT, static_cast<std::intptr_t>(2 * kHeadBytes), nullptr},
        {MHD_OPTION_STRICT_FOR_CLIENT, 1, nullptr},
        {MHD_OPTION_SOCK_ADDR, 0, found->ai_addr},
        {MHD_OPTION_NOTIFY_CONNECTION, reinterpret_cast<std::intptr_t>(&Daemon::on_connection), this},
        {MHD_OPTION_NOTIFY_COMPLETED, reinterpret_cast<std::intptr_t>(&Daemon::on_completed), this},
    };
    if (!settings_.tls_certificate.empty()) {
      flags |= MHD_USE_TLS;
      options.push_back({MHD_OPTION_HTTPS_MEM_CERT, 0, settings_.tls_certificate.data()});
      options.push_back({MHD_OPTION_HTTPS_MEM_KEY, 0, settings_.tls_key.data()});
      options.push_back({MHD_OPTION_HTTPS_PRIORITIES, 0, priorities_.data()});
      if (!settings_.tls_client_ca.empty()) options.push_back({MHD_OPTION_HTTPS_MEM_TRUST, 0, settings_.tls_client_ca.data()});
    }
    options.push_back({MHD_OPTION_END, 0, nullptr});
    daemon_ = MHD_start_daemon(flags, 0, nullptr, nullptr, &Daemon::on_request, this, MHD_OPTION_ARRAY, options.data(), MHD_OPTION_END);
    if (daemon_ == nullptr) return std::unexpected("cannot listen at " + name + " (in use, no right to, or unusable TLS files)");
    reaper_ = std::jthread([this](const std::stop_token& stop) { reap(stop); });
    return {};
  }

  [[nodiscard]] std::uint16_t port() const {
    const auto* info = MHD_get_daemon_info(daemon_, MHD_DAEMON_INFO_BIND_PORT);
    return info == nullptr ? std::uint16_t{0} : info->port;
  }
  [[nodiscard]] unsigned connections() const {
    const auto* info = MHD_get_daemon_info(daemon_, MHD_DAEMON_INFO_CURRENT_CONNECTIONS);
    return info == nullptr ? 0U : info->num_connections;
  }
  [[nodiscard]] std::uint64_t timed_out() const { return timed_out_.load(std::memory_order_relaxed); }

 private:
  struct Open {
    int socket = -1;
    Clock::time_point until;
    bool answered = false, aside = false, cut = false;
  };

  static MHD_Result on_request(void* self, MHD_Connection* connection, const char* url, const char* method, const char* /*version*/,
                               const char* data, std::size_t* size, void** context) {
    return static_cast<Daemon*>(self)->request(connection, url, method, {data, *size}, size, *context);
  }

  MHD_Result request(MHD_Connection* connection, const char* url, const char* method, std::string_view data, std::size_t* size,
                     void*& context) {
    if (context == nullptr) {
      if (ends_in_two_places(connection)) {
        HttpReply refusal = problem(400, "body.ambiguous");
        refusal.headers.emplace_back("Connection", "close");  // what comes behind may be the rest of it
        return send(connection, refusal);
      }
      context = new Incoming;  // freed by on_completed, which comes once for every request that came this far
      return MHD_YES;
    }
    auto& incoming = *static_cast<Incoming*>(context);
    if (!data.empty()) {
      incoming.too_large = incoming.too_large || incoming.body.size() + data.size() > settings_.body_bytes_max;
      if (!incoming.too_large) incoming.body += data;
      *size = 0;
      return MHD_YES;
    }
    if (incoming.aside) {
      std::optional<HttpReply> come;
      {
        const std::lock_guard lock(incoming.aside->mutex);
        come = std::move(incoming.aside->reply);
      }
      forget(incoming.aside);
      return send(connection, come.value_or(problem(500, "internal")));
    }
    HttpAnswer answer = reply(connection, url, method, incoming);
    if (const auto* now = std::get_if<HttpReply>(&answer)) return send(connection, *now);
    put_aside(connection, incoming, std::get<HttpLater>(answer));
    return MHD_YES;
  }

  void put_aside(MHD_Connection* connection, Incoming& incoming, const HttpLater& begin) {
    incoming.aside = std::make_shared<Aside>();
    incoming.aside->connection = connection;
    {
      const std::lock_guard lock(mutex_);
      aside_.insert(incoming.aside);
      if (const auto open = open_.find(connection); open != open_.end()) open->second.aside = true;
    }
    MHD_suspend_connection(connection);
    if (stopping_) return come_back(*incoming.aside, problem(503, "stopping"));
    try {
      begin([aside = incoming.aside](HttpReply reply) { come_back(*aside, std::move(reply)); });
    } catch (const std::exception&) {
      come_back(*incoming.aside, problem(500, "internal"));
    }
  }

  /// The first reply counts; then the server's thread takes the request up again.
  static void come_back(Aside& aside, HttpReply reply) {
    const std::lock_guard lock(aside.mutex);
    MHD_Connection* const connection = std::exchange(aside.connection, nullptr);
    if (connection == nullptr) return;
    aside.reply = std::move(reply);
    MHD_resume_connection(connection);
  }

  void forget(const std::shared_ptr<Aside>& aside) {
    const std::lock_guard lock(mutex_);
    aside_.erase(aside);
  }

  HttpAnswer reply(MHD_Connection* connection, const char* url, const char* method, const Incoming& incoming) {
    if (!settings_.tls_client_ca.empty() && !client_is_known(connection)) return problem(401, "client.unknown");
    if (incoming.too_large) return problem(413, "body.too_large");
    HttpRequest request{.method = method, .path = url, .body = incoming.body};
    MHD_get_connection_values(
        connection, MHD_HEADER_KIND,
        [](void* to, MHD_ValueKind, const char* name, const char* value) {
          auto& headers = *static_cast<decltype(request.headers)*>(to);
          headers.emplace_back(name, value == nullptr ? "" : value);
          return headers.size() <= kHeadersMax ? MHD_YES : MHD_NO;
        },
        &request.headers);
    if (request.headers.size() > kHeadersMax) return problem(431, "headers.too_many");
    try {
      return handler_(request);
    } catch (const std::exception&) {
      return problem(500, "internal");
    }
  }

  static void on_completed(void* self, MHD_Connection* connection, void** context, MHD_RequestTerminationCode /*code*/) {
    auto& daemon = *static_cast<Daemon*>(self);
    const std::unique_ptr<Incoming> incoming(static_cast<Incoming*>(*context));
    *context = nullptr;
    if (incoming && incoming->aside) {
      // Ended before its reply was sent: whoever replies must not touch the connection.
      {
        const std::lock_guard lock(incoming->aside->mutex);
        incoming->aside->connection = nullptr;
      }
      daemon.forget(incoming->aside);
    }
    const std::lock_guard lock(daemon.mutex_);
    const auto open = daemon.open_.find(connection);
    if (open == daemon.open_.end()) return;
    open->second.until = Clock::now() + daemon.settings_.next_request_within;
    open->second.answered = true;
    open->second.aside = false;
  }

  static void on_connection(void* self, MHD_Connection* connection, void** /*context*/, MHD_ConnectionNotificationCode code) {
    auto& daemon = *static_cast<Daemon*>(self);
    const std::lock_guard lock(daemon.mutex_);
    if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
      daemon.open_.erase(connection);
      return;
    }
    const auto* info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    if (info == nullptr) return;
    daemon.make_room();
    daemon.open_[connection] = {info->connect_fd, Clock::now() + daemon.settings_.first_request_within};
  }

  /// Where nearly all places are taken, cuts off who has waited longest with its first request, else who was answered longest ago: at the
  /// bound itself the library lets nobody in any more until somebody goes. Under the mutex; costs a look at every connection, of new ones
  /// only.
  void make_room() {
    const unsigned spare = std::max(1U, settings_.connections_max / 16);
    std::size_t live = 0;
    Open* longest = nullptr;
    for (auto& [connection, open] : open_) {
      if (open.cut) continue;
      ++live;
      if (open.aside) continue;
      if (longest == nullptr || std::pair(open.answered, open.until) < std::pair(longest->answered, longest->until)) longest = &open;
    }
    if (longest != nullptr && live + spare >= settings_.connections_max) cut(*longest);
  }

  void cut(Open& open) {
    open.cut = true;
    ::shutdown(open.socket, SHUT_RDWR);
    timed_out_.fetch_add(1, std::memory_order_relaxed);
  }

  /// Shuts the sockets of those who let too much time pass; the library then closes them. It has no deadline of its own for a request, only
  /// one for silence, which a byte now and then gets around.
  void reap(const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    while (!stop.stop_requested()) {
      tick_.wait_for(lock, stop, kReapEvery, [] { return false; });
      for (auto& [connection, open] : open_) {
        if (!open.cut && open.until <= Clock::now()) cut(open);
      }
    }
  }

  Settings settings_;
  Handler handler_;
  std::string priorities_ = "SECURE192:+SECURE128:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2";
  MHD_Daemon* daemon_ = nullptr;
  std::mutex mutex_;
  std::condition_variable_any tick_;
  std::unordered_map<MHD_Connection*, Open> open_;
  std::unordered_set<std::shared_ptr<Aside>> aside_;  // under the mutex
  std::atomic<bool> stopping_{false};
  std::atomic<std::uint64_t> timed_out_{0};
  std::jthread reaper_;  // ends before the daemon's maps go
};

HttpServer::HttpServer(std::unique_ptr<Daemon> daemon) : daemon_(std::move(daemon)) {}
HttpServer::~HttpServer() = default;
std::uint16_t HttpServer::port() const { return daemon_->port(); }
unsigned HttpServer::connections() const { return daemon_->connections(); }
std::uint64_t HttpServer::timed_out() const { return daemon_->timed_out(); }

std::expected<std::unique_ptr<HttpServer>, std::string> HttpServer::start(Settings settings, Handler handler) {
  auto daemon = std::make_unique<Daemon>(std::move(settings), std::move(handler));
  if (auto started = daemon->start(); !started) return std::unexpected(started.error());
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(daemon)));
}

}  // namespace ringfence
