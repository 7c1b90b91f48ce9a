// SPDX-License-Identifier: Apache-2.0
#include "connectors/gate/http_server.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <condition_variable>
#include <mutex>
#include <stdexcept>

namespace ringfence {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

/// A client that says exactly what it is told to.
class Client {
 public:
  explicit Client(std::uint16_t port) : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const timeval patience{60, 0};
    ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    EXPECT_EQ(::connect(socket_, reinterpret_cast<const sockaddr*>(&to), sizeof to), 0);
  }
  ~Client() { ::close(socket_); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  bool say(std::string_view text) { return ::send(socket_, text.data(), text.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(text.size()); }
  /// True once the server has said something or closed; waits a moment for it.
  [[nodiscard]] bool answered() const {
    pollfd watched{socket_, POLLIN, 0};
    return ::poll(&watched, 1, 20) > 0;
  }
  /// All until `end` has come or the server closed.
  std::string hear(std::string_view end = "\r\n\r\n") {
    std::string all;
    std::array<char, 4096> chunk{};
    while (all.find(end) == std::string::npos) {
      const ssize_t got = ::recv(socket_, chunk.data(), chunk.size(), 0);
      if (got <= 0) break;
      all.append(chunk.data(), static_cast<std::size_t>(got));
    }
    return all;
  }
  std::string hear_to_the_end() { return hear("\x01never\x01"); }

 private:
  int socket_;
};

class Servers : public ::testing::Test {
 protected:
  void start(HttpServer::Settings settings = {}) {
    settings.host = "127.0.0.1";
    auto started = HttpServer::start(std::move(settings), [this](const HttpRequest& request) -> HttpAnswer {
      if (request.path == "/throws") throw std::runtime_error("secret");
      if (request.path == "/later") return HttpLater([this](auto reply) { put_aside(std::move(reply)); });
      if (request.path == "/later-throws") return HttpLater([](const auto& /*reply*/) { throw std::runtime_error("secret"); });
      return HttpReply{.status = 200,
                       .body = std::string(request.method) + " " + std::string(request.path) + " " +
                               std::string(request.header("x-agent-id")) + " " + std::to_string(request.body.size()),
                       .type = "text/plain"};
    });
    ASSERT_TRUE(started.has_value()) << started.error();
    server_ = std::move(*started);
  }
  std::string once(const std::string& request) {
    Client client(server_->port());
    client.say(request);
    return client.hear_to_the_end();
  }
  void put_aside(std::function<void(HttpReply)> reply) {
    const std::lock_guard lock(mutex_);
    aside_.push_back(std::move(reply));
    changed_.notify_all();
  }
  /// Where the `n`th reply that comes later goes; waits for its question.
  std::function<void(HttpReply)> aside(std::size_t n = 0) {
    std::unique_lock lock(mutex_);
    EXPECT_TRUE(changed_.wait_for(lock, std::chrono::seconds(60), [&] { return aside_.size() > n; }));
    return aside_.at(n);
  }
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::function<void(HttpReply)>> aside_;
  std::unique_ptr<HttpServer> server_;
};

constexpr std::string_view kClose = "Host: gate\r\nConnection: close\r\n";

TEST_F(Servers, AnswerWhatTheyAreAsked) {
  start();
  EXPECT_THAT(once("POST /nginx?a=1 HTTP/1.1\r\n" + std::string(kClose) + "X-Agent-Id: bot\r\nContent-Length: 3\r\n\r\nabc"),
              HasSubstr("POST /nginx bot 3"));
}

TEST_F(Servers, KeepAConnectionOpenForManyQuestions) {
  start();
  Client client(server_->port());
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(client.say("GET /nginx HTTP/1.1\r\nHost: gate\r\n\r\n"));
    ASSERT_THAT(client.hear("/nginx  0"), StartsWith("HTTP/1.1 200"));
  }
}

TEST_F(Servers, AnOversizedHeadIsRefusedAndNotHandled) {
  start();
  EXPECT_THAT(once("GET / HTTP/1.1\r\n" + std::string(kClose) + "X-Agent-Id: " + std::string(64U << 10U, 'a') + "\r\n\r\n"),
              StartsWith("HTTP/1.1 431"));
  EXPECT_THAT(once("GET /" + std::string(64U << 10U, 'a') + " HTTP/1.1\r\n" + std::string(kClose) + "\r\n"), StartsWith("HTTP/1.1 414"));
  std::string many = "GET / HTTP/1.1\r\n" + std::string(kClose);
  for (int i = 0; i < 200; ++i) many += "A" + std::to_string(i) + ": b\r\n";
  EXPECT_THAT(once(many + "\r\n"), StartsWith("HTTP/1.1 431"));
}

TEST_F(Servers, AnOversizedBodyIsRefused) {
  start({.body_bytes_max = 1000});
  EXPECT_THAT(once("POST / HTTP/1.1\r\n" + std::string(kClose) + "Content-Length: 1001\r\n\r\n" + std::string(1001, 'b')),
              StartsWith("HTTP/1.1 413"));
  EXPECT_THAT(once("POST / HTTP/1.1\r\n" + std::string(kClose) + "Content-Length: 1000\r\n\r\n" + std::string(1000, 'b')),
              StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(once("POST / HTTP/1.1\r\n" + std::string(kClose) + "Transfer-Encoding: chunked\r\n\r\n3e9\r\n" + std::string(1001, 'b') +
                   "\r\n0\r\n\r\n"),
              StartsWith("HTTP/1.1 413"));
}

TEST_F(Servers, WhatIsNoHttpIsNotHandled) {
  start();
  EXPECT_EQ(once("nonsense\r\n\r\n"), "") << "closed without a word, as no version says how one would be read";
  for (const std::string_view wrong :
       {"GET / HTTP/1.1\r\nConnection: close\r\nContent-Length: x\r\n\r\n", "GET / HTTP/1.1\r\nConnection: close\r\n\r\n"})
    EXPECT_THAT(once(std::string(wrong)), StartsWith("HTTP/1.1 400")) << wrong;
}

TEST_F(Servers, ABodyThatEndsInTwoPlacesIsRefusedAndItsConnectionClosed) {
  start();
  const std::string_view next = "GET /smuggled HTTP/1.1\r\nHost: gate\r\nConnection: close\r\n\r\n";
  for (const std::string_view framing :
       {"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n", "Content-Length: 3\r\nContent-Length: 0\r\n\r\nabc",
        "Content-Length: 3\r\ncontent-length: 3\r\n\r\nabc", "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
        "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"}) {
    const std::string reply = once("POST /envoy HTTP/1.1\r\nHost: gate\r\n" + std::string(framing) + std::string(next));
    EXPECT_THAT(reply, StartsWith("HTTP/1.1 400")) << framing;
    EXPECT_THAT(reply, HasSubstr("Connection: close")) << framing;
    EXPECT_THAT(reply, ::testing::Not(HasSubstr("smuggled"))) << framing;
  }
}

TEST_F(Servers, AHeaderWithANulInItIsReadUpToThatAndNoFurther) {
  start();
  const std::string head = "GET /nginx HTTP/1.1\r\n" + std::string(kClose) + "X-Agent-Id: ";
  EXPECT_THAT(once(head + "a1" + '\0' + "x\r\n\r\n"), HasSubstr("GET /nginx a1 0"));
  EXPECT_THAT(once(head + '\0' + "a1\r\n\r\n"), HasSubstr("GET /nginx  0")) << "nobody";
}

TEST_F(Servers, AFaultOfTheHandlerIsToldWithoutItsWords) {
  start();
  const std::string reply = once("GET /throws HTTP/1.1\r\n" + std::string(kClose) + "\r\n");
  EXPECT_THAT(reply, StartsWith("HTTP/1.1 500"));
  EXPECT_THAT(reply, ::testing::Not(HasSubstr("secret")));
}

TEST_F(Servers, ClientsThatDripOrSayNothingAreCutOffWhileOthersAreServed) {
  start({.first_request_within = std::chrono::milliseconds(300)});
  std::vector<std::unique_ptr<Client>> slow;
  for (int i = 0; i < 50; ++i) {
    slow.push_back(std::make_unique<Client>(server_->port()));
    if (i % 2 == 0) slow.back()->say("GET / HTTP/1.1\r\nHost: gate\r\nX-");
  }
  EXPECT_THAT(once("GET /nginx HTTP/1.1\r\n" + std::string(kClose) + "\r\n"), StartsWith("HTTP/1.1 200"));
  // It goes on as long as it is let: a letter now and then, which a limit on silence would never end.
  while (!slow.front()->answered()) slow.front()->say("a");
  for (auto& client : slow) EXPECT_EQ(client->hear_to_the_end(), "");
  EXPECT_GE(server_->timed_out(), 49U);
}

TEST_F(Servers, AFloodOfDrippingConnectionsKeepsNobodyElseOut) {
  start({.connections_max = 64, .first_request_within = std::chrono::minutes(10)});
  Client gateway(server_->port());
  gateway.say("GET / HTTP/1.1\r\nHost: gate\r\n\r\n");
  ASSERT_THAT(gateway.hear(), StartsWith("HTTP/1.1 200"));
  std::vector<std::unique_ptr<Client>> slow;
  for (int i = 0; i < 300; ++i) {
    slow.push_back(std::make_unique<Client>(server_->port()));
    slow.back()->say("GET / HTTP/1.1\r\nHost: gate\r\nX-");
  }
  EXPECT_THAT(once("GET /nginx HTTP/1.1\r\n" + std::string(kClose) + "\r\n"), StartsWith("HTTP/1.1 200"));
  gateway.say("GET / HTTP/1.1\r\nHost: gate\r\n\r\n");
  EXPECT_THAT(gateway.hear(), StartsWith("HTTP/1.1 200")) << "who was answered before keeps its connection";
  EXPECT_LE(server_->connections(), 64U);
}

TEST_F(Servers, WhoWaitsForALaterAnswerIsNotPushedOut) {
  start({.connections_max = 32});
  Client asking(server_->port());
  asking.say("GET /later HTTP/1.1\r\nHost: gate\r\nConnection: close\r\n\r\n");
  const auto reply = aside();
  std::vector<std::unique_ptr<Client>> slow;
  for (int i = 0; i < 100; ++i) slow.push_back(std::make_unique<Client>(server_->port()));
  EXPECT_THAT(once("GET /nginx HTTP/1.1\r\n" + std::string(kClose) + "\r\n"), StartsWith("HTTP/1.1 200"));
  reply({.status = 201, .body = "yes"});
  EXPECT_THAT(asking.hear_to_the_end(), StartsWith("HTTP/1.1 201"));
}

TEST_F(Servers, ConnectionsBeyondTheBoundAreClosed) {
  start({.connections_max = 8});
  std::vector<std::unique_ptr<Client>> open;
  for (int i = 0; i < 8; ++i) {
    open.push_back(std::make_unique<Client>(server_->port()));
    open.back()->say("GET / HTTP/1.1\r\nHost: gate\r\n\r\n");
    ASSERT_THAT(open.back()->hear(), StartsWith("HTTP/1.1 200"));
  }
  Client next(server_->port());
  next.say("GET / HTTP/1.1\r\nHost: gate\r\n\r\n");
  EXPECT_THAT(next.hear(), StartsWith("HTTP/1.1 200"));
  EXPECT_EQ(open.front()->hear(), "") << "it was answered longest ago";
  EXPECT_LE(server_->connections(), 8U);
}

TEST(Server, AnAddressInUseOrUnknownIsAnError) {
  auto first = HttpServer::start({.host = "127.0.0.1"}, [](const HttpRequest&) { return HttpReply{}; });
  ASSERT_TRUE(first.has_value());
  EXPECT_FALSE(
      HttpServer::start({.host = "127.0.0.1", .port = (*first)->port()}, [](const HttpRequest&) { return HttpReply{}; }).has_value());
  EXPECT_FALSE(HttpServer::start({.host = "no.such.host.invalid"}, [](const HttpRequest&) { return HttpReply{}; }).has_value());
}

TEST_F(Servers, AnAnswerThatComesLaterHoldsUpNobodyAndGoesToWhoAskedForIt) {
  start();
  Client first(server_->port()), second(server_->port());
  first.say("POST /later HTTP/1.1\r\nHost: gate\r\nContent-Length: 3\r\n\r\nabc");
  const auto to_first = aside(0);
  second.say("GET /later HTTP/1.1\r\nHost: gate\r\n\r\n");
  const auto to_second = aside(1);
  EXPECT_THAT(once("GET /nginx HTTP/1.1\r\n" + std::string(kClose) + "\r\n"), StartsWith("HTTP/1.1 200"));
  EXPECT_FALSE(first.answered());
  to_second({.status = 201, .body = "second"});
  EXPECT_THAT(second.hear("second"), StartsWith("HTTP/1.1 201"));
  to_first({.status = 403, .body = "first"});
  to_first({.status = 200, .body = "again"});
  EXPECT_THAT(first.hear("first"), StartsWith("HTTP/1.1 403"));
  first.say("GET /nginx HTTP/1.1\r\nHost: gate\r\n\r\n");
  EXPECT_THAT(first.hear("GET /nginx"), StartsWith("HTTP/1.1 200")) << "the connection goes on";
}

TEST_F(Servers, AReplyForSomebodyWhoHasLeftGoesNowhere) {
  start();
  {
    Client gone(server_->port());
    gone.say("GET /later HTTP/1.1\r\nHost: gate\r\n\r\n");
    static_cast<void>(aside());
  }
  aside()({.status = 200});
  aside()({.status = 200});
  EXPECT_THAT(once("GET /nginx HTTP/1.1\r\n" + std::string(kClose) + "\r\n"), StartsWith("HTTP/1.1 200"));
}

TEST_F(Servers, WhatWaitsWhenTheServerStopsIsAnsweredAndALaterReplyGoesNowhere) {
  start();
  Client client(server_->port());
  client.say("GET /later HTTP/1.1\r\nHost: gate\r\n\r\n");
  const auto reply = aside();
  server_.reset();
  reply({.status = 200, .body = "too late"});
  EXPECT_THAT(client.hear_to_the_end(), ::testing::Not(HasSubstr("200")));
}

TEST_F(Servers, ALaterAnswerThatCannotBeBegunIsAFaultWithoutItsReason) {
  start();
  const std::string reply = once("GET /later-throws HTTP/1.1\r\n" + std::string(kClose) + "\r\n");
  EXPECT_THAT(reply, StartsWith("HTTP/1.1 500"));
  EXPECT_THAT(reply, ::testing::Not(HasSubstr("secret")));
}

}  // namespace
}  // namespace ringfence
