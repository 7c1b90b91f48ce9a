// SPDX-License-Identifier: Apache-2.0
#include "engine/app/audit_trail.h"

#include <gmock/gmock.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "connectors/encoders/audit_verifier.h"
#include "connectors/sinks/file_sink.h"
#include "tests/unit/connectors/source_files.h"

namespace ringfence {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

const WallTime kNow{1'795'170'000'000'000'000};
constexpr auto kWriter = "engine-files-audit";

/// A log beyond the process: what was handed over is stored when `store` says so, and a crash loses the rest.
class Log final : public Sink {
 public:
  std::vector<std::string> stored, under_way;
  bool away = false;

  std::expected<void, SinkError> publish(std::string_view record, std::string_view, Position) override {
    if (away) return std::unexpected(SinkError{SinkError::Kind::Unavailable, "away"});
    under_way.emplace_back(record);
    return {};
  }
  [[nodiscard]] Offset acknowledged(Partition) const override { return under_way.empty() ? kAllAcknowledged : Offset{0}; }
  std::expected<void, SinkError> flush(Nanos) override {
    store(under_way.size());
    return {};
  }
  void store(std::size_t records) {
    for (; records > 0; --records) {
      stored.push_back(std::move(under_way.front()));
      under_way.erase(under_way.begin());
    }
  }
  [[nodiscard]] AuditPast past() const {
    return [this](WallTime, const std::function<void(std::string_view)>& take) -> std::expected<void, std::string> {
      for (const std::string& line : stored) take(line);
      return {};
    };
  }
};

class Trails : public ::testing::Test {
 protected:
  SigningKey key(char seed = 'a') const { return *SigningKey::from_seed(std::string(32, seed)); }
  TrustedKeys trusted() const {
    TrustedKeys keys;
    for (const char seed : {'a', 'b'}) keys.add(key(seed), {"engine-*"});
    return keys;
  }
  std::unique_ptr<AuditTrail> open(char seed = 'a', bool adopt = false) {
    auto trail =
        AuditTrail::open({.writer = kWriter, .instance = "host", .note = note(), .adopt = adopt}, key(seed), trusted(), log, log.past());
    return trail ? std::move(*trail) : nullptr;
  }
  /// As `open`, started.
  std::unique_ptr<AuditTrail> started(char seed = 'a') {
    auto trail = open(seed);
    EXPECT_TRUE(trail->start("ab12", WallTime{kNow.value + ++starts}));
    return trail;
  }
  void crash(std::unique_ptr<AuditTrail>& trail) {
    trail.reset();
    log.under_way.clear();
  }
  static AuditEntry thing(int number) {
    ContainmentRecord record;
    record.scope = scope_key("agent", "corp", "agent-" + std::to_string(number));
    record.epoch = 1;
    record.cause_event_id = "call-" + std::to_string(number);
    return audit_of(record, "engine-files-0", kNow);
  }
  [[nodiscard]] std::string verdict() const {
    const TrustedKeys keys = trusted();
    AuditVerifier verifier(keys, {});
    for (const std::string& line : log.stored)
      if (const auto taken = verifier.take(line); !taken) return taken.error().why;
    return "whole, chains: " + std::to_string(verifier.chains().size());
  }
  /// Kinds of the records, and of a containment the agent.
  [[nodiscard]] std::vector<std::string> said() const {
    std::vector<std::string> out;
    for (const std::string& line : log.stored) {
      const auto own = nlohmann::json::parse(line).at("unmapped").at("ringfence");
      out.push_back(own.contains("scope") ? own.at("scope").get<std::string>().substr(11) : own.at("kind").get<std::string>());
    }
    return out;
  }
  [[nodiscard]] std::filesystem::path note() const { return directory.path("audit.note"); }

  testing_files::TemporaryDirectory directory;
  Log log;
  int starts = 0;
};

TEST_F(Trails, AProcessThatEndedIsFollowedByTheNextInOneChain) {
  for (int run = 0; run < 3; ++run) {
    auto trail = started();
    EXPECT_TRUE(trail->say(thing(run), {Partition{0}, Offset{run}}));
    trail->end(kNow);
  }
  EXPECT_EQ(verdict(), "whole, chains: 1");
  EXPECT_THAT(said(), ElementsAre("started", "agent-0", "ended", "started", "agent-1", "ended", "started", "agent-2", "ended"));
}

TEST_F(Trails, KilledAnywhereItLeavesNeitherGapNorForkNorARecordTwice) {
  // Of the three records of a process any number had been stored when it was killed; what was not is said again by the next.
  for (std::size_t stored = 0; stored <= 3; ++stored) {
    log.stored.clear();
    std::filesystem::remove(note());
    started()->end(kNow);
    auto trail = started();
    log.store(1);
    for (int i = 1; i <= 3; ++i) EXPECT_TRUE(trail->say(thing(i), {Partition{0}, Offset{i}}));
    log.store(stored);
    crash(trail);
    trail = started();
    for (int i = 1; i <= 4; ++i) EXPECT_TRUE(trail->say(thing(i), {Partition{0}, Offset{i}}));
    trail->end(kNow);
    EXPECT_EQ(verdict(), "whole, chains: 1") << stored;
    std::vector<std::string> things = said();
    std::erase_if(things, [](const std::string& one) { return one == "started" || one == "ended"; });
    EXPECT_THAT(things, ElementsAre("agent-1", "agent-2", "agent-3", "agent-4")) << stored;
  }
}

TEST_F(Trails, ATailThatSomebodyTookOffIsAGapInWhatFollows) {
  auto trail = started();
  for (int i = 1; i <= 3; ++i) EXPECT_TRUE(trail->say(thing(i), {Partition{0}, Offset{i}}));
  trail->end(kNow);
  log.stored.resize(log.stored.size() - 2);
  trail = started();
  EXPECT_THAT(trail->warning(), HasSubstr("which was stored, is not there"));
  trail->end(kNow);
  EXPECT_EQ(verdict(), "records 4 to 5 of its chain should stand before it");
}

TEST_F(Trails, OfAProcessThatEndsWithItsRecordATailThatIsTakenOffIsAGapToo) {
  const auto command = [&](int i) {
    auto trail = open('a', true);
    EXPECT_TRUE(trail->say(thing(i), {kNoInput, Offset{0}}));
    EXPECT_TRUE(log.flush(seconds(1)));
    trail->note();
    return trail->warning();
  };
  for (int i = 1; i <= 3; ++i) EXPECT_EQ(command(i), "");
  log.stored.pop_back();
  EXPECT_THAT(command(4), HasSubstr("record 3 of the chain, which was stored, is not there"));
  EXPECT_EQ(verdict(), "record 3 of its chain should stand before it");
}

TEST_F(Trails, WithoutItsNoteANewChainBegins) {
  started()->end(kNow);
  std::filesystem::remove(note());
  started()->end(kNow);
  EXPECT_EQ(verdict(), "whole, chains: 2");
}

TEST_F(Trails, ALogThatIsAwayLosesNothing) {
  auto trail = started();
  log.away = true;
  EXPECT_FALSE(trail->say(thing(1), {Partition{0}, Offset{1}}));
  EXPECT_FALSE(trail->say(thing(1), {Partition{0}, Offset{1}}));
  log.away = false;
  EXPECT_TRUE(trail->say(thing(1), {Partition{0}, Offset{1}})) << "the same call again";
  EXPECT_TRUE(trail->say(thing(2), {Partition{0}, Offset{2}}));
  trail->end(kNow);
  EXPECT_EQ(verdict(), "whole, chains: 1");
  EXPECT_THAT(said(), ElementsAre("started", "agent-1", "agent-2", "ended"));
}

TEST_F(Trails, ANewKeyGoesOnWithTheSameChain) {
  started('a')->end(kNow);
  started('b')->end(kNow);
  EXPECT_EQ(verdict(), "whole, chains: 1");
}

TEST_F(Trails, JunkInTheLogMovesNothing) {
  started()->end(kNow);
  log.stored.emplace_back("{}");
  log.stored.push_back(log.stored.front());  // an old one again
  started()->end(kNow);
  log.stored.erase(log.stored.begin() + 2, log.stored.begin() + 4);
  EXPECT_EQ(verdict(), "whole, chains: 1");
}

TEST_F(Trails, AFileIsGoneOnWithAlsoWithoutANote) {
  const std::string file = directory.path("audit.ndjson");
  for (int run = 0; run < 2; ++run) {
    auto sink = FileSink::open(file);
    ASSERT_TRUE(sink);
    auto trail = AuditTrail::open({.writer = "operator", .instance = "people", .note = {}, .adopt = true}, key(), trusted(), **sink,
                                  audit_past_of_file(file));
    ASSERT_TRUE(trail) << trail.error();
    EXPECT_TRUE((*trail)->say(thing(run), {kNoInput, Offset{0}}));
    EXPECT_TRUE((*sink)->flush(seconds(1)));
  }
  TrustedKeys keys;
  keys.add(key(), {"operator"});
  AuditVerifier verifier(keys, {});
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) EXPECT_TRUE(verifier.take(line)) << line;
  ASSERT_EQ(verifier.chains().size(), 1U);
  EXPECT_EQ(verifier.chains().begin()->second.head.number, 2U);
}

TEST_F(Trails, WhatWasForgottenOfflineIsPutOnRecordOnce) {
  const std::filesystem::path state = directory.path("");
  ASSERT_TRUE(note_purge(state, "agent:corp/agent-1", kNow));
  ASSERT_TRUE(note_purge(state, "agent:corp/agent-2", kNow));
  auto trail = started();
  EXPECT_TRUE(tell_purges(state, *trail, log));
  EXPECT_TRUE(tell_purges(state, *trail, log));
  trail->end(kNow);
  EXPECT_THAT(said(), ElementsAre("started", "agent-1", "agent-2", "ended"));
}

}  // namespace
}  // namespace ringfence
