// SPDX-License-Identifier: Apache-2.0
#include "engine/app/service_http.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <array>
#include <vector>

#include "connectors/sources/descriptor.h"

namespace ringfence {
namespace {

using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

const Address kAnyPort{"127.0.0.1", 0};

HttpEndpoints endpoints(std::string page = "ringfence_events_total 7\n") {
  return {[page] { return page; }, [] { return Health{true, "ok"}; }, [] { return Health{false, "partition 3 is catching up"}; }};
}

std::unique_ptr<ServiceHttp> started(HttpEndpoints with = endpoints(), Nanos deadline = ServiceHttp::kDeadline) {
  auto server = ServiceHttp::start(kAnyPort, std::move(with), deadline);
  EXPECT_TRUE(server) << server.error();
  return std::move(*server);
}

/// A client whose reads give up after 20 s, so that a server that never answers fails a test instead of hanging it.
Descriptor connected(std::uint16_t port) {
  Descriptor client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const timeval patience{20, 0};
  ::setsockopt(client.number(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(::connect(client.number(), reinterpret_cast<const sockaddr*>(&to), sizeof to), 0);
  return client;
}

void send_all(const Descriptor& client, std::string_view bytes) {
  while (!bytes.empty()) {
    const auto put = ::send(client.number(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    ASSERT_GT(put, 0);
    bytes.remove_prefix(static_cast<std::size_t>(put));
  }
}

/// Everything until the server closes.
std::string receive_all(const Descriptor& client) {
  std::string out;
  std::array<char, 4096> chunk{};
  for (;;) {
    const auto got = ::recv(client.number(), chunk.data(), chunk.size(), 0);
    if (got <= 0) return got == 0 ? out : out + "<the server did not close>";
    out.append(chunk.data(), static_cast<std::size_t>(got));
  }
}

std::string ask(const ServiceHttp& server, std::string_view request) {
  const auto client = connected(server.port());
  send_all(client, request);
  return receive_all(client);
}

TEST(ServiceHttp, ServesMetricsAndProbes) {
  const auto server = started();
  EXPECT_THAT(ask(*server, "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n"),
              AllOf(StartsWith("HTTP/1.1 200 OK\r\n"), HasSubstr("version=0.0.4"), EndsWith("\r\n\r\nringfence_events_total 7\n")));
  EXPECT_THAT(ask(*server, "GET /healthz HTTP/1.0\r\n\r\n"), AllOf(StartsWith("HTTP/1.1 200 OK\r\n"), EndsWith("\r\n\r\nok\n")));
  EXPECT_THAT(ask(*server, "GET /readyz?verbose HTTP/1.1\r\n\r\n"),
              AllOf(StartsWith("HTTP/1.1 503 Service Unavailable\r\n"), EndsWith("partition 3 is catching up\n")));
}

TEST(ServiceHttp, HeadHasNoBodyAndOtherMethodsAndPathsAreRefused) {
  const auto server = started();
  EXPECT_THAT(ask(*server, "HEAD /healthz HTTP/1.1\r\n\r\n"), AllOf(HasSubstr("Content-Length: 3\r\n"), EndsWith("\r\n\r\n")));
  EXPECT_THAT(ask(*server, "POST /metrics HTTP/1.1\r\nContent-Length: 1\r\n\r\nx"),
              AllOf(StartsWith("HTTP/1.1 405 "), HasSubstr("Allow: GET, HEAD")));
  EXPECT_THAT(ask(*server, "GET /metrics/../etc HTTP/1.1\r\n\r\n"), StartsWith("HTTP/1.1 404 "));
  for (const auto* nonsense : {"\r\n\r\n", "GET\r\n\r\n", "GET /metrics\r\n\r\n", "\x16\x03\x01\r\n\r\n"}) {
    EXPECT_THAT(ask(*server, nonsense), StartsWith("HTTP/1.1 400 "));
  }
}

TEST(ServiceHttp, ARequestMayComeByteByByte) {
  const auto server = started();
  const auto client = connected(server->port());
  for (const char byte : std::string_view("GET /healthz HTTP/1.1\r\n\r\n")) send_all(client, {&byte, 1});
  EXPECT_THAT(receive_all(client), StartsWith("HTTP/1.1 200 "));
}

TEST(ServiceHttp, ARequestHeadWithoutEndIsCutOffAt8KiB) {
  const auto server = started();
  EXPECT_THAT(ask(*server, "GET /metrics HTTP/1.1\r\nX: " + std::string(ServiceHttp::kRequestBytes, 'a')), StartsWith("HTTP/1.1 431 "));
}

TEST(ServiceHttp, ALargePageArrivesWhole) {
  const std::string page(8U << 20U, 'm');
  const auto server = started(endpoints(page));
  const auto answer = ask(*server, "GET /metrics HTTP/1.1\r\n\r\n");
  EXPECT_TRUE(answer.ends_with("\r\n\r\n" + page)) << answer.size();
}

TEST(ServiceHttp, AClientThatSaysNothingIsClosedAtTheDeadline) {
  const auto server = started(endpoints(), milliseconds(50));
  EXPECT_THAT(receive_all(connected(server->port())), IsEmpty());
}

TEST(ServiceHttp, AClientThatNeverReadsIsClosedAtTheDeadlineAndOthersAreServed) {
  const auto server = started(endpoints(std::string(16U << 20U, 'm')), milliseconds(200));
  const auto deaf = connected(server->port());
  send_all(deaf, "GET /metrics HTTP/1.1\r\n\r\n");
  EXPECT_THAT(ask(*server, "GET /healthz HTTP/1.1\r\n\r\n"), StartsWith("HTTP/1.1 200 "));
}

TEST(ServiceHttp, BeyondTheBoundClientsWaitUntilOneLeaves) {
  const auto server = started(endpoints(), minutes(10));
  std::vector<Descriptor> idle;
  for (std::size_t i = 0; i < ServiceHttp::kConnections; ++i) idle.push_back(connected(server->port()));
  const auto waiting = connected(server->port());
  send_all(waiting, "GET /healthz HTTP/1.1\r\n\r\n");
  idle.pop_back();
  EXPECT_THAT(receive_all(waiting), StartsWith("HTTP/1.1 200 "));
}

TEST(ServiceHttp, StopsWithConnectionsOpen) {
  auto server = started(endpoints(), minutes(10));
  const auto client = connected(server->port());
  send_all(client, "GET /hea");
  server.reset();
  std::array<char, 1> byte{};
  EXPECT_LE(::recv(client.number(), byte.data(), byte.size(), 0), 0);
}

TEST(ServiceHttp, AnAddressInUseIsAnErrorThatNamesIt) {
  const auto first = started();
  const auto second = ServiceHttp::start({"127.0.0.1", first->port()}, endpoints());
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error(), "cannot listen at 127.0.0.1:" + std::to_string(first->port()) + ": Address already in use");
}

TEST(ServiceHttp, AHostThatIsNotOursIsAnError) {
  const auto server = ServiceHttp::start({"192.0.2.1", 0}, endpoints());
  ASSERT_FALSE(server);
  EXPECT_THAT(server.error(), StartsWith("cannot listen at 192.0.2.1:0: "));
}

TEST(ServiceHttp, ShowsTheLiveViewOnlyWhereItIsGivenAndThatIsOnLoopbackAlone) {
  const std::string here = "GET /top HTTP/1.1\r\nHost: 127.0.0.1:9464\r\n\r\n";
  HttpEndpoints with = endpoints();
  EXPECT_THAT(ask(*started(with), here), StartsWith("HTTP/1.1 404"));
  with.top = [] { return std::string("{}\n"); };
  const auto server = started(with);
  EXPECT_THAT(ask(*server, here), AllOf(StartsWith("HTTP/1.1 200"), HasSubstr("application/json"), EndsWith("{}\n")));
  EXPECT_THAT(ask(*server, "GET /top HTTP/1.1\r\nhOST: [::1]:1\r\n\r\n"), StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(ask(*server, "GET /top HTTP/1.1\r\nHost: ::1\r\n\r\n"), StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(ask(*server, "GET /top HTTP/1.1\r\nHost: localhost\r\n\r\n"), StartsWith("HTTP/1.1 200"));
  EXPECT_TRUE(is_loopback({"127.0.0.1", 1}));
  EXPECT_TRUE(is_loopback({"::1", 1}));
  EXPECT_FALSE(is_loopback({"0.0.0.0", 1}));
  EXPECT_FALSE(is_loopback({"127.evil.example", 1}));
}

TEST(ServiceHttp, ShowsTheLiveViewToNoPageThatABrowserWasLedHereBy) {
  HttpEndpoints with = endpoints();
  with.top = [] { return std::string("{}\n"); };
  const auto server = started(with);
  for (const std::string head : {"Host: evil.example\r\n", "Host:\r\n", "", "Host: evil.example\r\nHost: 127.0.0.1\r\n", "Host: [\r\n",
                                 "Host: 127.0.0.1.evil.example\r\n"})
    EXPECT_THAT(ask(*server, "GET /top HTTP/1.1\r\n" + head + "\r\n"), StartsWith("HTTP/1.1 404")) << head;
}

}  // namespace
}  // namespace ringfence
