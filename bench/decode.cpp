// SPDX-License-Identifier: Apache-2.0
// Decoding of canonical events of about 800 bytes. Prints a hash of every decoded field, so that speed is never bought with a wrong answer;
// `--tiny` checks that hash against the known one.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "engine/event/decode.h"
#include "engine/event/event.h"

namespace {

using namespace ringfence;

constexpr std::uint64_t kTinyHash = 0xb93efda3d0d676e7;
constexpr std::size_t kTinyEvents = 1'000;

/// Events as a gateway writes them: the same fields in the same order, values that differ.
std::vector<std::string> corpus(std::size_t count) {
  std::mt19937_64 random(1);  // NOLINT: seeded, the corpus is part of the answer
  std::vector<std::string> events;
  events.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    const std::string agent = std::to_string(random() % 10'000);
    const std::string number = std::to_string(random() % 100'000);
    const std::string run = std::to_string(random() % 1'000'000);
    events.push_back(
        R"({"v":1,"kind":"tool_call","id":"call-)" + std::to_string(i) +
        R"(","time":"2026-11-20T10:20:00.123456Z","tenant":"corp","agent":{"id":"spiffe://corp.example/agent/ap-invoice-)" + agent +
        R"(","instance":"run-)" + run + R"(","trust":"verified","persona":"ap-invoice"},"user":{"id":"u-2207"},"session":{"id":"run-)" +
        run + R"(","kind":"conversation"},"task":{"id":"t-77"},"tool":{"server":"erp","name":"payments.create","call_id":"call-)" + number +
        R"("},"args":{"destination_account":"GB29NWBK60161331926819","amount":)" + number + R"(.5,"currency":"GBP","reference":"INV-)" +
        number +
        R"( for services rendered in November"},"destination":{"host":"erp.corp.example","account":"GB29NWBK60161331926819"},"outcome":{"status":"ok","code":"200"},)"
        R"("bytes":{"request":212,"response":)" +
        number + R"(},"duration_ms":41,"source":{"product":"agentgateway","instance":"gw-eu-1"}})");
  }
  return events;
}

class FieldHash {
 public:
  void add(std::string_view text) { value_ = hash64(text, value_ + text.size()); }
  void add(std::uint64_t number) { value_ = hash64({reinterpret_cast<const char*>(&number), sizeof number}, value_); }
  void add(const Text& text) {
    add(std::uint64_t{text.has_value()});
    if (text) add(*text);
  }
  void add(const std::optional<JsonValue>& json) {
    if (!json) return add(std::uint64_t{0});
    add(json->raw);
    add(json->hash.low);
    for (const JsonLeaf& leaf : json->leaves) {
      add(leaf.pointer);
      add(leaf.text);
      add(static_cast<std::uint64_t>(leaf.kind));
    }
  }
  void add(const Event& e) {
    for (const std::string_view text : {e.id, e.tenant, e.agent.id}) add(text);
    for (const Text& text : {e.agent.instance, e.agent.persona, e.user.id, e.session.id, e.session.kind, e.task.id, e.tool.server,
                             e.tool.name, e.tool.call_id, e.outcome.code, e.source.product, e.source.instance}) {
      add(text);
    }
    for (const auto host : e.destination.hosts) add(host);
    for (const auto account : e.destination.accounts) add(account);
    add(e.args);
    add(e.result);
    add(static_cast<std::uint64_t>(e.time.value));
    add(static_cast<std::uint64_t>(e.outcome.status));
    add(static_cast<std::uint64_t>(e.agent.trust));
    add(static_cast<std::uint64_t>(e.bytes.request.value_or(-1)));
    add(static_cast<std::uint64_t>(e.bytes.response.value_or(-1)));
    add(static_cast<std::uint64_t>(e.duration_ms.value_or(-1) * 1000));
  }
  [[nodiscard]] std::uint64_t value() const { return value_; }

 private:
  std::uint64_t value_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Decoding of canonical events of about 800 bytes");
  bool tiny = false;
  app.add_flag("--tiny", tiny, "one pass, checked against the known hash");
  CLI11_PARSE(app, argc, argv);
  const std::vector<std::string> events = corpus(kTinyEvents);
  EventDecoder decoder;
  std::vector<EventArena> arenas(32);

  FieldHash hash;
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < events.size(); ++i) {
    const auto event = decoder.decode(events[i], std::nullopt, arenas[i % arenas.size()]);
    if (!event) {
      std::fprintf(stderr, "event %zu refused: %s\n", i, event.error().detail.c_str());
      return EXIT_FAILURE;
    }
    hash.add(*event);
    bytes += events[i].size();
  }

  // The best of many short rounds, each within a slice of the scheduler: what the code costs, the machine's other business left out.
  const std::size_t passes = tiny ? 1 : 2;
  double best_ns = 1e300;
  std::uint64_t sink = 0;
  for (int round = 0; round < (tiny ? 1 : 1000); ++round) {
    const auto start = std::chrono::steady_clock::now();
    for (std::size_t pass = 0; pass < passes; ++pass) {
      for (std::size_t i = 0; i < events.size(); ++i) {
        const auto event = decoder.decode(events[i], std::nullopt, arenas[i % arenas.size()]);
        sink += event->agent.id.size();
      }
    }
    const std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - start;
    best_ns = std::min(best_ns, took.count() / static_cast<double>(passes * events.size()));
  }
  std::printf("decode: %.0f events/s, %.0f ns/event, %zu bytes/event, fields %016llx (%llu)\n", 1e9 / best_ns, best_ns,
              bytes / events.size(), static_cast<unsigned long long>(hash.value()), static_cast<unsigned long long>(sink % 10));
  if (tiny && hash.value() != kTinyHash) {
    std::fprintf(stderr, "decoded fields differ from the known %016llx\n", static_cast<unsigned long long>(kTinyHash));
    return EXIT_FAILURE;
  }
  return EXIT_SUCCESS;
}
