// SPDX-License-Identifier: Apache-2.0
#include "engine/pipeline/shard.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <random>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "engine/event/drill.h"
#include "engine/event/hash.h"
#include "engine/state/agent_codec.h"
#include "engine/state/checkpoint.h"
#include "engine/state/store.h"
#include "tests/unit/pipeline/watch.h"

/// A shard judges events of different agents side by side. Nobody may be able to tell.
namespace ringfence {
namespace {

using testing::Call;
using testing::command_on;
using testing::near_miss;
using testing::Watch;

constexpr Partition kPartition{0};
constexpr std::chrono::seconds kAtMost{60};
constexpr std::size_t kWindow = 64, kRecords = 3000;

/// A busy hour of a dozen clerks, one agent without a job, a drill, and facts in between. Some work in the tree that a person has halted;
/// some guess until they are halted; records come twice, come with other arguments under a known id, or cannot be read.
std::vector<std::string> busy_hour() {
  std::vector<std::string> records;
  std::mt19937_64 random{7};  // NOLINT: the same hour each time
  const auto pick = [&random](std::size_t below) { return static_cast<std::size_t>(random() % below); };
  std::map<std::size_t, int> guesses;
  EventTime now = *parse_rfc3339("2026-11-20T08:00:00Z");
  for (std::size_t i = 0; i < kRecords; ++i) {
    now = now + Nanos{seconds(1).value * static_cast<std::int64_t>(pick(4))};
    const std::size_t who = pick(14), what = pick(100);
    Call call{.id = "c" + std::to_string(i), .session = "s" + std::to_string(pick(2)), .agent = "clerk-" + std::to_string(who)};
    if (who == 12) call.agent = "stranger";
    if (who == 13) {
      call.agent = std::string(kDrillAgents) + std::to_string(i / 500);
      call.tool = std::string(kDrillServer) + "/" + std::string(kDrillTool);
      call.more += R"(,"tenant":")" + std::string(kDrillTenant) + "\"";
      if (what < 10) call.kind = "task_end";
    }
    if (who < 2) call.more += R"(,"delegation":{"root":"chief","parent":"chief"})";
    if (who >= 2 && who < 5 && what < 60) {
      call.outcome = "denied";
      call.ref = near_miss(who == 3 ? 0 : guesses[who]++ % 40);  // clerk-3 only asks again, while its outages come and go
    } else if (who < 12 && what < 50) {
      call.more +=
          R"(,"result":{"files":["report )" + std::to_string(pick(90)) + R"("]},"user":{"id":"u-)" + std::to_string(who % 3) + "\"}";
    } else if (who >= 5 && what < 55) {
      call.tool = "mail/post";
      call.effect = "write";
    }
    std::string record = Watch::json(call, now);
    if (what == 90) record.resize(record.size() / 2);
    if (what > 90 && what < 99)
      record = R"({"v":1,"kind":"context_change","id":"f)" + std::to_string(i) + R"(","time":")" + format_rfc3339(now) +
               R"(","scope":"agent:clerk-3","change":"outage_)" + (i % 2 == 0 ? "start" : "end") + "\"}";
    if (what == 99 && i > 100) record = records[i - 1 - pick(100)];
    records.push_back(std::move(record));
  }
  return records;
}

/// All that is said and kept when the hour is judged in windows of these sizes, in turn.
struct Told {
  std::vector<std::string> lines;
  std::map<std::string, std::string> rows;
  ShardTally tally;
};

std::string line_of(const Result& result, std::size_t first) {
  const Judgement& judged = result.judgement;
  const Verdict& verdict = judged.verdict;
  std::string line = std::to_string(first + result.index) + (result.refusal ? " refused " + result.refusal->detail : "") +
                     (judged.copy ? " copy" : "") + (judged.stopped ? " stopped" : "") + " " + verdict.agent_id + " " +
                     std::to_string(static_cast<int>(verdict.level)) + " " + std::to_string(verdict.score) + " passed " +
                     std::to_string(judged.passed) + " lacking " + std::to_string(judged.lacking);
  for (const Analytic raised : verdict.raised) line += " " + std::string(uid_of(raised));
  for (const FindingRecord& finding : judged.findings) line += " | " + finding.uid + " " + finding.sentence;
  for (const ContainmentRecord& record : judged.containments) line += " ! " + record.scope + " " + std::to_string(record.epoch);
  for (const Link& link : judged.links) line += " > " + subject_name(link) + " " + std::to_string(link.marks.size());
  for (const std::string& joined : judged.joined) line += " + " + joined;
  return line;
}

Told judged_in(const std::vector<std::string>& hour, const std::vector<std::size_t>& sizes) {
  const auto rules = std::make_shared<const Rulebook>(testing::rulebook({testing::clerk("mode: enforce")}));
  const auto store = memory_store();
  Flusher flusher(*store, FlusherSettings{.threaded = false});
  AgentTable table(*store, channel_memories(), {});
  Checkpoint checkpoint(table, flusher, *store);
  checkpoint.assign(kPartition, Offset{0}, 0);
  Shard shard(table, rules, {.assume_gate = true});
  const Command halt = command_on("halt", "subtree:default/chief");
  EXPECT_TRUE(shard.operate(halt, check_command(halt).value(), {kPartition, Offset{-1}}, {"events", 0}));

  std::vector<Record> records;
  for (std::size_t i = 0; i < hour.size(); ++i)
    records.push_back({.bytes = hour[i], .position = {kPartition, Offset{static_cast<std::int64_t>(i)}}, .size = hour[i].size()});
  Told told;
  Window window;
  EventDecoder decoder;
  std::size_t turn = 0;
  for (std::size_t at = 0; at < records.size();) {
    const std::size_t size = std::min(sizes[turn++ % sizes.size()], records.size() - at);
    window.begin(std::span(records).subspan(at, size));
    window.decode(decoder, 0, size);
    const auto results = shard.judge(window, {"events", 0});
    EXPECT_TRUE(results);
    for (const Result& result : *results) told.lines.push_back(line_of(result, at));
    at += size;
  }
  const Horizon horizon{kPartition, Offset{static_cast<std::int64_t>(records.size())}};
  EXPECT_EQ(checkpoint.flush({&horizon, 1}, kAtMost).value(), 0U);
  EXPECT_TRUE(store->scan("", [&](std::string_view key, std::string_view value) {
    told.rows.emplace(key, value);
    return true;
  }));
  told.rows.emplace("foreign", shard.foreign(kPartition).encode());
  told.tally = shard.counters();
  return told;
}

TEST(Shard, SaysAndKeepsTheSameInWindowsOfAnySize) {
  const std::vector<std::string> hour = busy_hour();
  const Told alone = judged_in(hour, {1});
  // The hour holds what it is to hold.
  const auto said = [&](std::string_view what) {
    return std::ranges::any_of(alone.lines, [&](const std::string& line) { return line.contains(what); });
  };
  for (const std::string_view what : {" refused ", " copy", " stopped", "barrier.", "agent.unclassified", "containment.violated",
                                      " ! agent:default/clerk-0 ", " ! agent:default/clerk-2 ", " + subtree:default/chief", " > user "})
    EXPECT_TRUE(said(what)) << what;
  EXPECT_GT(alone.tally.facts, 10U);

  for (const std::vector<std::size_t>& sizes : {std::vector<std::size_t>{kWindow}, {3, 64, 1, 200}}) {
    const Told together = judged_in(hour, sizes);
    ASSERT_EQ(together.lines.size(), alone.lines.size());
    for (std::size_t i = 0; i < alone.lines.size(); ++i) ASSERT_EQ(together.lines[i], alone.lines[i]);
    EXPECT_EQ(together.rows, alone.rows);
    EXPECT_EQ(together.tally.verdicts, alone.tally.verdicts);
  }
}

/// A clerk's state once these records were judged, all of which arrived at one time.
struct Backfill {
  explicit Backfill(std::optional<EventTime> arrival) : arrival_(arrival) {}

  void take(const std::string& text) {
    const Record record{
        .bytes = text, .position = {kPartition, Offset{offset_++}}, .arrival = arrival_, .key = {}, .size = text.size(), .sha256 = {}};
    window_.begin({&record, 1});
    window_.decode(decoder_, 0, 1);
    ASSERT_TRUE(shard_.judge(window_, {"events", 0}));
  }
  const AgentState& clerk() { return **table_.find(kPartition, agent_key("default", "clerk-1")); }

 private:
  std::optional<EventTime> arrival_;
  std::int64_t offset_ = 0;
  std::unique_ptr<Store> store_ = memory_store();
  AgentTable table_{*store_, channel_memories(), {}};
  Shard shard_{table_, std::make_shared<const Rulebook>(testing::rulebook({testing::clerk("mode: enforce")})), {}};
  Window window_;
  EventDecoder decoder_;
};

const EventTime kMarch = *parse_rfc3339("2026-03-01T09:00:00Z"), kJune = *parse_rfc3339("2026-06-01T00:00:00Z");

TEST(Shard, ARefusedRecordThatArrivesMonthsAfterItsAgentsActsTakesNoEvidenceAway) {
  const std::string unreadable = R"({"v":1,"agent":{"id":"clerk-1"},"kind":5})";
  std::vector<std::string> told;
  for (const auto& arrival : {std::optional(kJune), std::optional<EventTime>()}) {
    Backfill file(arrival);
    for (int i = 0; i < 4; ++i)
      file.take(Watch::json({.id = "c" + std::to_string(i), .outcome = "denied", .ref = near_miss(i)}, kMarch + minutes(i)));
    const Evidence before = file.clerk().evidence;
    ASSERT_TRUE(file.clerk().ledger);
    file.take(unreadable);
    EXPECT_EQ(file.clerk().arrivals, 4U);
    EXPECT_EQ(file.clerk().sessions.size(), 1U);
    EXPECT_TRUE(file.clerk().ledger);
    EXPECT_EQ(file.clerk().evidence.alert, before.alert);
    WrittenParts nothing;
    std::string bytes;
    for (const auto& change : encode_changes(file.clerk(), nothing)) bytes += change.bytes.value_or("");
    told.push_back(std::move(bytes));
  }
  EXPECT_EQ(told.at(0), told.at(1)) << "live, and as a file replays it";
}

TEST(Shard, AnAgentFirstSeenByARefusedRecordBeganWithItsFirstAct) {
  for (const auto& arrival : {std::optional(kJune), std::optional<EventTime>()}) {
    Backfill file(arrival);
    file.take(R"({"v":1,"agent":{"id":"clerk-1"},"kind":5})");
    file.take(Watch::json({.id = "c"}, kMarch));
    EXPECT_EQ(file.clerk().first_time, kMarch);
    EXPECT_EQ(file.clerk().last_time, kMarch);
  }
}

}  // namespace
}  // namespace ringfence
