// SPDX-License-Identifier: Apache-2.0
// How long it takes from an event to the halt it causes, on a real broker: produce the event, read the signed record from the control
// topic. Beside it, in the same run and taking turns with it, the same event through a client that only passes it on. What lies between the
// two is the engine. Every record is verified afterwards; exits with 1 where a halt is missing, doubled or not signed.
#include <signal.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <filesystem>

#include "bench/kafka/echo_client.h"
#include "tests/integration/service_process.h"

namespace ringfence {
namespace {

constexpr std::int32_t kPartitions = 8;

struct Options {
  std::size_t halts = 2000, per_second = 100;
};

/// A call that the agent's persona forbids; each agent makes one.
std::string forbidden(const std::string& agent) {
  return R"({"v":1,"kind":"tool_call","id":"1","time":"2026-11-20T12:00:00Z","tenant":"corp","agent":{"id":")" + agent +
         R"(","trust":"verified"},"session":{"id":"s"},"tool":{"server":"git","name":"force_push"},"outcome":{"status":"ok"}})";
}

/// When the record about each number came.
struct Arrivals {
  explicit Arrivals(std::size_t count) : at(count, 0) {}
  std::vector<std::int64_t> at;
  std::vector<TopicRecord> records;
  std::size_t seen = 0;

  void take(TopicReader& reader, std::string_view before) {
    const auto deadline = Clock::now() + kPatience;
    while (seen < at.size()) {
      if (Clock::now() > deadline) give_up("a record is missing");
      const auto batch = must(reader.read(1000, kWait));
      const std::int64_t now = now_ns();
      for (const TopicRecord& record : batch.records) {
        if (!record.key.starts_with(before)) continue;  // claims and heartbeats
        std::size_t number = at.size();
        std::from_chars(record.key.data() + before.size(), record.key.data() + record.key.size(), number);
        if (number >= at.size() || at[number] != 0) give_up("not one record each: " + record.key);
        at[number] = now;
        ++seen;
        records.push_back(record);
      }
    }
  }
};

void print(const char* what, const std::vector<std::int64_t>& sent, const Arrivals& arrived, std::size_t warm) {
  std::vector<double> ms;
  for (std::size_t i = warm; i < sent.size(); ++i) ms.push_back(static_cast<double>(arrived.at[i] - sent[i]) * 1e-6);
  std::ranges::sort(ms);
  const auto at = [&](double share) { return ms[static_cast<std::size_t>(share * static_cast<double>(ms.size() - 1))]; };
  std::printf("%-5s %zu: p50 %.2f ms, p99 %.2f ms, max %.2f ms\n", what, ms.size(), at(0.5), at(0.99), ms.back());
}

int run(const Options& options) {
  testing::Broker broker(std::filesystem::path(RINGFENCE_SOURCE_DIR) / "build/broker/libs");
  must(broker.start());
  const KafkaSettings kafka = testing::settings_for(broker);
  testing::Installation at(broker, kPartitions);
  const std::string in = testing::unique_name("echo-in"), out = testing::unique_name("echo-out");
  must(testing::make_topic(broker, testing::plain_topic(in, kPartitions)));
  must(testing::make_topic(broker, testing::plain_topic(out, 1)));
  const auto config = at.member("bench", "control: {key_file: " + (at.directory() / "control.key").string() +
                                             ", max_halts_per_minute: 100000, max_halted_share: 1.0}\n");
  testing::ServiceProcess service(config);
  const EchoClient echo(kafka, in, out);
  if (!service.logged("partition assigned", kPartitions)) give_up(service.log());

  // The first ones warm the way of both.
  const std::size_t warm = 100, total = warm + options.halts;
  Arrivals halts(total), echoes(total);
  const auto control_reader = must(TopicReader::open({.kafka = kafka, .topic = at.topic("control")}));
  const auto echo_reader = must(TopicReader::open({.kafka = kafka, .topic = out}));
  std::jthread halt_reading([&] { halts.take(*control_reader, "agent:corp/code-"); });
  std::jthread echo_reading([&] { echoes.take(*echo_reader, "code-"); });

  const auto feeder = must(Producer::open({.kafka = kafka, .linger = std::chrono::milliseconds(0)}));
  must(feeder->warm(at.topic("events"), kPatience));
  must(feeder->warm(in, kPatience));
  std::vector<std::int64_t> halt_sent(total), echo_sent(total);
  const auto step = std::chrono::nanoseconds(std::chrono::seconds(1)) / static_cast<std::int64_t>(2 * options.per_second);
  auto due = Clock::now();
  const auto send = [&](const std::string& topic, const std::string& agent, std::int64_t& sent) {
    due += step;
    // An open load: events are due by the clock, whether or not the ones before have come back.
    std::this_thread::sleep_until(due);
    sent = now_ns();
    publish(*feeder, {.topic = topic, .key = agent, .value = forbidden(agent), .cause = {}, .partition = {}});
  };
  for (std::size_t number = 0; number < total; ++number) {
    const std::string agent = "code-" + std::to_string(number);
    send(at.topic("events"), agent, halt_sent[number]);
    send(in, agent, echo_sent[number]);
  }
  halt_reading.join();
  echo_reading.join();
  const testing::ControlBoard board = testing::read_board(at, halts.records);
  if (board.refused != 0 || board.messages.size() != total) give_up("a halt does not verify: " + board.refusal);
  std::printf("%zu halts and as many echoes, %zu of each a second, %d partitions\n", total, options.per_second, kPartitions);
  print("halt", halt_sent, halts, warm);
  print("echo", echo_sent, echoes, warm);
  return service.end(SIGTERM);
}

}  // namespace
}  // namespace ringfence

int main(int argc, char** argv) {
  CLI::App app("From an event to its signed halt on a real broker, beside a client that only passes records on");
  ringfence::Options options;
  app.add_option("--halts", options.halts, "events that each cause a halt")->check(CLI::PositiveNumber)->capture_default_str();
  app.add_option("--rate", options.per_second, "of them a second")->check(CLI::PositiveNumber)->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  return ringfence::run(options);
}
