// SPDX-License-Identifier: Apache-2.0
// Asking before the act, on a real broker: a call goes to the gate as Envoy's ext_authz has it, the gate asks the engine over the topics
// and answers. Beside it, in the same run and taking turns with it, a record of the same size through a client that only passes it on: what
// lies between the two are gate and engine. An open load: calls are due by the clock, and their time counts from then. Every answer is
// checked: most payments are what the persona allows, one of a thousand goes to an account on nobody's list and its agent is halted, 30 a
// minute, half as many again as an engine halts by default without a person. Exits with 1 where one is wrong or late.
#include <signal.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <charconv>

#include "bench/kafka/echo_client.h"
#include "tests/integration/gate/asking.h"

namespace ringfence {
namespace {

constexpr std::int32_t kPartitions = 8;
constexpr std::size_t kGatewayConnections = 32;

struct Options {
  std::size_t asks = 15'000, warm = 15'000, per_second = 500;
  std::size_t forbidden_every = 1000;
  bool tiny = false;
};

/// The call of one agent that nobody has seen before; each makes one.
testing::HttpAnswer call(testing::HttpClient& gateway, std::size_t number, bool forbidden) {
  const std::string n = std::to_string(number);
  const std::string agent = (forbidden ? "ap-invoice-" : "assistant-") + n;
  const std::string body =
      forbidden ? testing::tool_call("payments.create", R"({"destination_account":"LT601010012345678901","amount":900.5,"currency":"EUR"})")
                : testing::tool_call("send_money", R"({"to":"GB29NWBK60161331926819","amount":900.5})");
  return gateway.ask("POST", "/envoy/mcp",
                     {"X-Agent-Id: " + agent, "Mcp-Session-Id: s-" + n, std::string("X-Server: ") + (forbidden ? "erp" : "bank")}, body);
}

void print(const char* what, std::vector<std::int64_t> took_ns) {
  std::ranges::sort(took_ns);
  const auto at = [&](double share) {
    return static_cast<double>(took_ns[static_cast<std::size_t>(share * static_cast<double>(took_ns.size() - 1))]) * 1e-6;
  };
  std::printf("%-5s %zu: p50 %.2f ms, p99 %.2f ms, p99.9 %.2f ms, max %.2f ms\n", what, took_ns.size(), at(0.5), at(0.99), at(0.999),
              at(1));
}

/// Reads echoes until all have come back; when each did.
void hear(TopicReader& reader, std::vector<std::int64_t>& at) {
  const auto deadline = Clock::now() + kPatience;
  for (std::size_t seen = 0; seen < at.size();) {
    if (Clock::now() > deadline) give_up("an echo is missing");
    for (const TopicRecord& record : must(reader.read(1000, kWait)).records) {
      std::size_t number = at.size();
      std::from_chars(record.key.data(), record.key.data() + record.key.size(), number);
      if (number >= at.size() || at[number] != 0) give_up("not one echo each");
      at[number] = now_ns();
      ++seen;
    }
  }
}

int run(const Options& options) {
  testing::Broker broker(std::filesystem::path(RINGFENCE_SOURCE_DIR) / "build/broker/libs");
  must(broker.start());
  testing::AskingWorld world(broker, {.deadline = "2s", .partitions = kPartitions});
  world.start_engine();
  world.start_gate();
  if (!world.answers()) give_up(world.engine().log() + world.gate().log());
  const KafkaSettings kafka = testing::settings_for(broker);
  const std::string in = testing::unique_name("echo-in"), out = testing::unique_name("echo-out");
  must(testing::make_topic(broker, testing::plain_topic(in, kPartitions)));
  must(testing::make_topic(broker, testing::plain_topic(out, 1)));
  const EchoClient echo(kafka, in, out);
  const auto echoes = must(TopicReader::open({.kafka = kafka, .topic = out}));
  const auto feeder = must(Producer::open({.kafka = kafka, .linger = std::chrono::milliseconds(0), .compression = "none"}));
  must(feeder->warm(in, kPatience));

  // The first ones warm the way of both: a broker that was just started compiles itself for half a minute, on the same cores.
  const std::size_t warm = options.warm, total = warm + options.asks;
  std::vector<std::int64_t> asked(total, 0), sent(total, 0), back(total, 0);
  const std::string filling(620, 'x');
  std::atomic<std::size_t> next{0}, wrong{0};
  const auto step = std::chrono::nanoseconds(std::chrono::seconds(1)) / static_cast<std::int64_t>(options.per_second);
  const auto begin = Clock::now() + std::chrono::milliseconds(100);
  std::jthread hearing([&] { hear(*echoes, back); });
  std::jthread echoing([&] {
    for (std::size_t number = 0; number < total; ++number) {
      std::this_thread::sleep_until(begin + static_cast<std::int64_t>(number) * step + step / 2);
      sent[number] = now_ns();
      publish(*feeder, {.topic = in, .key = std::to_string(number), .value = filling, .cause = {}, .partition = {}});
    }
  });
  const auto forbidden = [&](std::size_t number) { return (number + 1) % options.forbidden_every == 0; };
  std::vector<std::jthread> gateways;
  gateways.reserve(kGatewayConnections);
  for (std::size_t i = 0; i < kGatewayConnections; ++i)
    gateways.emplace_back([&] {
      testing::HttpClient gateway(world.gate_port());
      const auto patience = Clock::now() + kPatience;
      for (std::size_t number = 0; (number = next++) < total;) {
        const auto due = begin + static_cast<std::int64_t>(number) * step;
        std::this_thread::sleep_until(due);
        int status = call(gateway, number, forbidden(number)).status;
        // A few are there for their answers, however busy the machine is: what had none in time is asked again.
        while (options.tiny && status == 503 && Clock::now() < patience) status = call(gateway, number, forbidden(number)).status;
        asked[number] = std::chrono::nanoseconds(Clock::now() - due).count();
        if (status != (forbidden(number) ? 403 : 200)) ++wrong;
      }
    });
  gateways.clear();
  echoing.join();
  hearing.join();
  for (std::size_t number = 0; number < total; ++number) back[number] -= sent[number];
  std::printf("%zu asks and as many echoes, %zu of each a second, %d partitions; %zu answers wrong or late\n", total, options.per_second,
              kPartitions, wrong.load());
  print("ask", {asked.begin() + static_cast<std::ptrdiff_t>(warm), asked.end()});
  print("echo", {back.begin() + static_cast<std::ptrdiff_t>(warm), back.end()});
  return wrong == 0 ? 0 : 1;
}

}  // namespace
}  // namespace ringfence

int main(int argc, char** argv) {
  CLI::App app("From a call to its verdict before it happens, on a real broker, beside a client that only passes records on");
  ringfence::Options options;
  app.add_option("--asks", options.asks, "calls that are asked about")->check(CLI::PositiveNumber)->capture_default_str();
  app.add_option("--warm", options.warm, "calls before them that count for nothing, except their answers")->capture_default_str();
  app.add_option("--rate", options.per_second, "of them a second")->check(CLI::PositiveNumber)->capture_default_str();
  app.add_option("--forbidden-every", options.forbidden_every, "of so many calls one is forbidden, and its agent halted")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  app.add_flag("--tiny", options.tiny, "a few, for the answers alone");
  CLI11_PARSE(app, argc, argv);
  if (options.tiny) options.asks = 150, options.warm = 50, options.per_second = 50, options.forbidden_every = 10;
  return ringfence::run(options);
}
