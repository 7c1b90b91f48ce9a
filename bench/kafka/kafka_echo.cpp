// SPDX-License-Identifier: Apache-2.0
// What the broker and the client alone cost, so that the engine's figures can be read beside them in the same run:
//   echo     event -> consume -> produce (linger 0, acks=all) -> consume, at a fixed rate: p50, p99, p99.9
//   consume  client CPU per event of a topic that is already there
// Starts a broker of its own (tests/integration/broker/fetch.sh first) or uses --bootstrap. Exits with 1 where a record is missing or
// wrong.
#include <time.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <cstdio>
#include <filesystem>
#include <thread>

#include "bench/kafka/echo_client.h"
#include "connectors/kafka/topic_reader.h"
#include "engine/event/event.h"

namespace ringfence {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t kEventBytes = 781;
constexpr std::int32_t kPartitions = 8;

struct Options {
  std::string bootstrap;
  std::size_t echoes = 10'000;
  std::size_t per_second = 1000;
  std::size_t consumed = 500'000;
};

double cpu_seconds(clockid_t whose) {
  timespec time{};
  ::clock_gettime(whose, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

/// An event's worth of text that compresses as events do: varied, but of one vocabulary. Begins with the number and the time, 20 digits
/// each.
std::string event(std::size_t number, std::int64_t time) {
  std::string text(40, '0');
  const auto put = [&](std::size_t end, const std::string& digits) { text.replace(end - digits.size(), digits.size(), digits); };
  put(20, std::to_string(number));
  put(40, std::to_string(time));
  std::uint64_t seed = number;
  while (text.size() < kEventBytes) {
    seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
    text += "\"field_" + std::to_string(seed >> 60U) + "\":" + std::to_string((seed >> 40U) & 0xffffU) + ",";
  }
  text.resize(kEventBytes);
  return text;
}

std::int64_t number_at(std::string_view text, std::size_t from) {
  std::int64_t value = 0;
  std::from_chars(text.data() + from, text.data() + from + 20, value);
  return value;
}

void echo(const KafkaSettings& kafka, const std::string& in, const std::string& out, const Options& options) {
  const auto feeder = must(Producer::open({.kafka = kafka, .linger = milliseconds(0)}));
  must(feeder->warm(in, kPatience));
  const auto answers = must(TopicReader::open({.kafka = kafka, .topic = out}));
  const EchoClient client(kafka, in, out);
  // The first hundred join the group and warm the way.
  const std::size_t warm = 100;
  const std::size_t total = warm + options.echoes;
  std::jthread feeding([&] {
    const auto step = std::chrono::nanoseconds(std::chrono::seconds(1)) / static_cast<std::int64_t>(options.per_second);
    auto due = Clock::now();
    for (std::size_t number = 0; number < total; ++number, due += step) {
      if (number == warm) {
        must(feeder->flush(kPatience));
        due = Clock::now() + std::chrono::seconds(5);
      }
      // An open load: events are due by the clock, whether or not the ones before have come back.
      std::this_thread::sleep_until(due);
      publish(*feeder, {.topic = in, .key = std::to_string(number % 1000), .value = event(number, now_ns()), .cause = {}, .partition = {}});
    }
  });
  std::vector<double> ms;
  std::vector<char> seen(total, 0);
  std::size_t arrived = 0;
  for (const auto deadline = Clock::now() + kPatience + std::chrono::seconds(options.echoes / options.per_second); arrived < total;) {
    if (Clock::now() > deadline) give_up("an echo is missing");
    const auto batch = must(answers->read(1000, kWait));
    const std::int64_t now = now_ns();
    for (const TopicRecord& record : batch.records) {
      const auto number = static_cast<std::size_t>(number_at(record.value, 0));
      if (number >= total || seen[number]++ != 0) give_up("an echo came twice");
      ++arrived;
      if (number >= warm) ms.push_back(static_cast<double>(now - number_at(record.value, 20)) * 1e-6);
    }
  }
  std::ranges::sort(ms);
  const auto at = [&](double share) { return ms[static_cast<std::size_t>(share * static_cast<double>(ms.size() - 1))]; };
  std::printf("echo     %zu events at %zu/s: p50 %.2f ms, p99 %.2f ms, p99.9 %.2f ms, max %.2f ms\n", ms.size(), options.per_second,
              at(0.5), at(0.99), at(0.999), ms.back());
}

void consume(const KafkaSettings& kafka, const std::string& topic, const std::string& codec, std::size_t count) {
  std::uint64_t expected = 0;
  {
    const auto feeder = must(Producer::open({.kafka = kafka, .linger = milliseconds(5), .compression = codec}));
    for (std::size_t number = 0; number < count; ++number) {
      const std::string value = event(number, 0);
      expected += hash64(value);
      publish(*feeder, {.topic = topic, .key = std::to_string(number % 10'000), .value = value, .cause = {}, .partition = {}});
    }
    must(feeder->flush(kPatience));
  }
  std::uint64_t hash = 0;
  std::size_t arrived = 0;
  double hashing = 0;
  // From before the client is there: it fetches ahead of the first poll.
  const double cpu = cpu_seconds(CLOCK_PROCESS_CPUTIME_ID);
  PlainConsumer follower(kafka, topic);
  auto began = Clock::now();
  const auto deadline = began + kPatience;
  while (arrived < count) {
    if (Clock::now() > deadline) give_up("a record is missing");
    const auto records = must(follower.consumer->poll(0, kWait));
    if (records.empty()) continue;
    if (arrived == 0) began = Clock::now();
    arrived += records.size();
    const double before = cpu_seconds(CLOCK_THREAD_CPUTIME_ID);
    for (const Record& record : records) hash += hash64(record.bytes);
    hashing += cpu_seconds(CLOCK_THREAD_CPUTIME_ID) - before;
  }
  const double spent = cpu_seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu - hashing;
  const double wall = std::chrono::duration<double>(Clock::now() - began).count();
  if (hash != expected) give_up("the records are not those that were written");
  std::printf("consume  %-4s %zu events: client CPU %.2f us/event, %.0f k events/s, hash %016llx\n", codec.c_str(), count,
              spent / static_cast<double>(count) * 1e6, static_cast<double>(count) / wall * 1e-3, static_cast<unsigned long long>(hash));
}

int run(const Options& options) {
  std::unique_ptr<testing::Broker> broker;
  KafkaSettings kafka{.bootstrap_servers = options.bootstrap, .client_id = "ringfence-bench", .client = {}};
  if (options.bootstrap.empty()) {
    broker = std::make_unique<testing::Broker>(std::filesystem::path(RINGFENCE_SOURCE_DIR) / "build/broker/libs");
    must(broker->start());
    kafka.bootstrap_servers = broker->address();
  }
  std::vector<TopicSpec> topics = {testing::plain_topic(testing::unique_name("bench-in"), kPartitions),
                                   testing::plain_topic(testing::unique_name("bench-out"), 1),
                                   testing::plain_topic(testing::unique_name("bench-none"), kPartitions),
                                   testing::plain_topic(testing::unique_name("bench-zstd"), kPartitions)};
  must(create_topics(kafka, topics, 1, kPatience));
  while (!must(check_topics(kafka, topics, 1, kPatience)).empty()) {
  }
  echo(kafka, topics[0].name, topics[1].name, options);
  consume(kafka, topics[2].name, "none", options.consumed);
  consume(kafka, topics[3].name, "zstd", options.consumed);
  return 0;
}

}  // namespace
}  // namespace ringfence

int main(int argc, char** argv) {
  CLI::App app("Latency and cost of the broker and the Kafka client alone");
  ringfence::Options options;
  app.add_option("--bootstrap", options.bootstrap, "an existing cluster; without it a broker of its own");
  app.add_option("--echoes", options.echoes, "events of the echo part")->check(CLI::PositiveNumber)->capture_default_str();
  app.add_option("--rate", options.per_second, "events a second of the echo part")->check(CLI::PositiveNumber)->capture_default_str();
  app.add_option("--consumed", options.consumed, "events of the consume part")->check(CLI::PositiveNumber)->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  return ringfence::run(options);
}
