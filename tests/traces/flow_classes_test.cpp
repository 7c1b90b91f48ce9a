// SPDX-License-Identifier: Apache-2.0
// Recorded calls of real agents, some of them attacked through what they read: the flow class of every call against that of the plain
// reference detector (docs/real_traces.md). Skipped where the traces do not lie beside the project.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <iostream>
#include <map>
#include <string>
#include <string_view>

#include "connectors/sources/file_source.h"
#include "engine/persona/load.h"
#include "engine/pipeline/rehearsal.h"
#include "models/flow.h"
#include "nlohmann/json.hpp"

namespace ringfence::testing {
namespace {

namespace fs = std::filesystem;

fs::path traces() {
  const char* const elsewhere = std::getenv("RINGFENCE_TRACES");
  return elsewhere != nullptr ? fs::path(elsewhere) : fs::path(RINGFENCE_SOURCE_DIR).parent_path() / "shared/data/agent_traces";
}

/// The flow channel, with what it said of each call written down.
class Written final : public Channel {
 public:
  mutable std::map<std::string, int, std::less<>> classes;

  [[nodiscard]] const ChannelInfo& info() const override { return flow_channel().info(); }
  [[nodiscard]] std::vector<std::vector<double>> caps(const Persona& persona) const override { return flow_channel().caps(persona); }
  [[nodiscard]] std::span<const Bet> bets() const override { return flow_channel().bets(); }
  [[nodiscard]] std::unique_ptr<const ChannelPlan> prepare(const Persona& persona, const PersonaSet& set) const override {
    return flow_channel().prepare(persona, set);
  }
  [[nodiscard]] std::unique_ptr<ChannelMemory> decode_memory(MemoryScope scope, Reader& in) const override {
    return flow_channel().decode_memory(scope, in);
  }
  [[nodiscard]] Reading read(const Act& act) const override {
    Reading reading = flow_channel().read(act);
    if (act.event.kind == EventKind::ToolCall) classes[std::string(act.event.id)] = reading.cls;
    return reading;
  }
  [[nodiscard]] std::vector<LinkNote> learn_outcome(const Act& act) const override { return flow_channel().learn_outcome(act); }
  [[nodiscard]] Description describe(const Act& act, Threat threat) const override { return flow_channel().describe(act, threat); }
};

void each_line(const fs::path& file, const std::function<void(std::string_view)>& use) {
  auto source = open_file_source(file.string());
  ASSERT_TRUE(source.has_value()) << file;
  for (;;) {
    const auto batch = (*source)->next(256, std::chrono::milliseconds(0));
    ASSERT_TRUE(batch.has_value()) << file;
    for (const Record& record : batch->records) use(record.bytes);
    if (batch->state == Batch::State::Ended) return;
  }
}

TEST(RecordedTraces, FlowClassesAreTheReferences) {
  const fs::path data = traces();
  if (!fs::is_directory(data)) GTEST_SKIP() << "no recorded traces at " << data;
  auto loaded = load_personas(data / "personas");
  ASSERT_TRUE(loaded.set.has_value());
  const Written written;
  const std::array<const Channel*, 1> channels{&written};
  const Rulebook rules(std::move(*loaded.set), channels);
  Rehearsal rehearsal(rules);
  for (const std::string name : {"bank_chat", "retail"}) {
    each_line(data / (name + ".events.ndjson.gz"), [&](std::string_view line) { ASSERT_TRUE(rehearsal.feed(line).has_value()); });
  }
  std::size_t calls = 0, equal = 0;
  std::map<std::pair<int, int>, int> differ;
  each_line(data / "reference_classes.ndjson.gz", [&](std::string_view line) {
    const auto reference = nlohmann::json::parse(line);
    const auto ours = written.classes.find(reference["id"].get<std::string>());
    ASSERT_NE(ours, written.classes.end());
    ++calls;
    const int theirs = reference["class"];
    equal += ours->second == theirs ? 1U : 0U;
    if (ours->second == theirs) return;
    ++differ[{theirs, ours->second}];
    std::cout << "reference " << theirs << ", here " << ours->second << ": " << ours->first << "\n";
  });
  std::cout << calls << " calls, " << equal << " alike\n";
  ASSERT_GT(calls, 10'000U);
  EXPECT_GE(static_cast<double>(equal), .99 * static_cast<double>(calls));
}

}  // namespace
}  // namespace ringfence::testing
