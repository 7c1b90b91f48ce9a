// SPDX-License-Identifier: Apache-2.0
#include "engine/app/service_metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

namespace ringfence {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

TEST(ServiceMetrics, ShowsWhatEachShardCounted) {
  ServiceMetrics metrics(2);
  metrics.shard(0).events.add(3);
  metrics.shard(0).refused_for(RefusalReason::InvalidJson).add();
  metrics.shard(1).verdicts_at(Level::Halt).add(2);
  metrics.shard(1).lag_records.set(17);
  metrics.shard(1).feed_delay_ns.set(1'500'000'000);
  metrics.shard(1).state_bytes.set(4096);
  EXPECT_THAT(
      metrics.exposition(Nanos{}),
      AllOf(HasSubstr("ringfence_events_total{shard=\"0\"} 3\n"), HasSubstr("ringfence_events_total{shard=\"1\"} 0\n"),
            HasSubstr("ringfence_refused_total{shard=\"0\",reason=\"" + std::string(name_of(RefusalReason::InvalidJson)) + "\"} 1\n"),
            HasSubstr("ringfence_verdicts_total{shard=\"1\",level=\"halt\"} 2\n"), HasSubstr("ringfence_lag_records{shard=\"1\"} 17\n"),
            HasSubstr("ringfence_feed_delay_seconds{shard=\"1\"} 1.5\n"), HasSubstr("ringfence_state_bytes{shard=\"1\"} 4096\n"),
            HasSubstr("ringfence_build_info{version=\"" RINGFENCE_VERSION "\"} 1\n")));
}

TEST(ServiceMetrics, SaysWhatWhichSourceDoesNotLetBeJudged) {
  ServiceMetrics metrics(2);
  Evaluability first, second;
  metrics.watch(first);
  metrics.watch(second);
  first.note("gateway-a", std::vector{ChannelId::Volume}, bit_of(Lacking::Quantity));
  second.note("gateway-a", std::vector{ChannelId::Volume, ChannelId::Flow}, 0);
  EXPECT_THAT(metrics.exposition(Nanos{}), AllOf(HasSubstr("ringfence_not_evaluable_total{source=\"gateway-a\",channel=\"volume\"} 2\n"),
                                                 HasSubstr("ringfence_not_evaluable_total{source=\"gateway-a\",channel=\"flow\"} 1\n"),
                                                 HasSubstr("ringfence_lacking_total{source=\"gateway-a\",field=\"quantity\"} 1\n")));
}

TEST(ServiceMetrics, SaysWhatWhichSourceSendsInVain) {
  ServiceMetrics metrics(1);
  Evaluability shard;
  metrics.watch(shard);
  Event event;
  event.source.product = "gateway-a";
  event.unknown_fields = 3;
  shard.note_ignored(event);
  EXPECT_THAT(metrics.exposition(Nanos{}), AllOf(HasSubstr("ringfence_ignored_total{source=\"gateway-a\",what=\"unknown_field\"} 3\n"),
                                                 Not(HasSubstr("what=\"identifier\""))));
}

TEST(ServiceMetrics, EveryFamilyHasItsType) {
  const auto page = ServiceMetrics(1).exposition(Nanos{});
  for (const auto* family : {"ringfence_events_total counter", "ringfence_refused_total counter", "ringfence_verdicts_total counter",
                             "ringfence_lag_records gauge", "ringfence_feed_delay_seconds gauge", "ringfence_flush_age_seconds gauge",
                             "ringfence_state_bytes gauge", "ringfence_decision_seconds histogram", "ringfence_outputs_total counter",
                             "ringfence_store_faults_total counter"}) {
    EXPECT_THAT(page, HasSubstr("# TYPE " + std::string(family) + "\n"));
  }
}

TEST(ServiceMetrics, ShowsWhatOfStatesIsLostOrNotTaken) {
  ServiceMetrics metrics(1);
  metrics.shard(0).memories_dropped.set(2);
  metrics.links().memories_dropped.set(3);
  metrics.process().changelog_passed_over.set(4);
  EXPECT_THAT(metrics.exposition(Nanos{}),
              AllOf(HasSubstr("ringfence_memories_dropped_total{shard=\"0\"} 2\n"), HasSubstr("ringfence_links_memories_dropped_total 3\n"),
                    HasSubstr("# TYPE ringfence_memories_dropped_total counter\n"), HasSubstr("ringfence_changelog_passed_over 4\n")));
}

TEST(ServiceMetrics, TheFlushAgeGrowsWhileAStateWaitsAndIsZeroWhereNoneDoes) {
  ServiceMetrics metrics(1);
  EXPECT_THAT(metrics.exposition(seconds(1000)), HasSubstr("ringfence_flush_age_seconds{shard=\"0\"} 0\n"));
  metrics.shard(0).oldest_dirty_ns.set(seconds(1000).value);
  EXPECT_THAT(metrics.exposition(seconds(1002)), HasSubstr("ringfence_flush_age_seconds{shard=\"0\"} 2\n"));
}

TEST(ServiceMetrics, TheDecisionHistogramIsCumulativeWithItsBoundsIncluded) {
  ServiceMetrics metrics(1);
  auto& decision = metrics.shard(0).decision;
  decision.observe(milliseconds(1));   // on the bound
  decision.observe(Nanos{1'000'001});  // above it
  decision.observe(minutes(1));        // above all
  decision.observe(Nanos{-5});         // a clock set back
  const std::string name = "ringfence_decision_seconds";
  EXPECT_THAT(metrics.exposition(Nanos{}),
              AllOf(HasSubstr(name + "_bucket{shard=\"0\",le=\"5e-05\"} 1\n"), HasSubstr(name + "_bucket{shard=\"0\",le=\"0.001\"} 2\n"),
                    HasSubstr(name + "_bucket{shard=\"0\",le=\"0.002\"} 3\n"), HasSubstr(name + "_bucket{shard=\"0\",le=\"5\"} 3\n"),
                    HasSubstr(name + "_bucket{shard=\"0\",le=\"+Inf\"} 4\n"), HasSubstr(name + "_count{shard=\"0\"} 4\n")));
}

TEST(ServiceMetrics, OutputsAreCountedByDestinationFromAnyThread) {
  ServiceMetrics metrics(1);
  {
    std::jthread one([&] { metrics.process().control.acknowledged.add(1000); });
    std::jthread two([&] {
      for (int i = 0; i < 1000; ++i) metrics.process().control.acknowledged.add();
    });
  }
  EXPECT_THAT(metrics.exposition(Nanos{}), HasSubstr("ringfence_outputs_total{output=\"control\"} 2000\n"));
}

TEST(ServiceMetrics, LinksAreCountedWhenSentAndByWhatBecameOfThem) {
  ServiceMetrics metrics(1);
  metrics.process().links.acknowledged.add(5);
  metrics.process().observer_facts.acknowledged.add();
  metrics.links().judged.add(3);
  metrics.links().repeated.add();
  metrics.links().refused.add(2);
  metrics.links().lag_records.set(7);
  metrics.links().oldest_dirty_ns.set(seconds(1000).value);
  EXPECT_THAT(metrics.exposition(seconds(1002)),
              AllOf(HasSubstr("ringfence_outputs_total{output=\"links\"} 5\n"), HasSubstr("ringfence_links_total{result=\"judged\"} 3\n"),
                    HasSubstr("ringfence_links_total{result=\"repeated\"} 1\n"), HasSubstr("ringfence_links_total{result=\"refused\"} 2\n"),
                    HasSubstr("ringfence_links_lag_records 7\n"), HasSubstr("ringfence_links_flush_age_seconds 2\n"),
                    HasSubstr("ringfence_observer_facts_total 1\n")));
}

TEST(ServiceMetrics, APageIsMadeWhileAShardCounts) {
  ServiceMetrics metrics(1);
  std::jthread shard([&] {
    for (int i = 0; i < 20000; ++i) {
      metrics.shard(0).events.add();
      metrics.shard(0).decision.observe(milliseconds(i % 7));
    }
  });
  for (int i = 0; i < 20; ++i) EXPECT_THAT(metrics.exposition(Nanos{}), HasSubstr("ringfence_events_total"));
  shard.join();
  EXPECT_THAT(metrics.exposition(Nanos{}), HasSubstr("ringfence_events_total{shard=\"0\"} 20000\n"));
}

TEST(ServiceMetrics, ShardsShareNoCacheLine) {
  ServiceMetrics metrics(2);
  const auto first = reinterpret_cast<std::uintptr_t>(&metrics.shard(0));
  const auto second = reinterpret_cast<std::uintptr_t>(&metrics.shard(1));
  EXPECT_EQ(first % 64, 0U);
  EXPECT_GE(second - first, sizeof(ShardCounters));
}

}  // namespace
}  // namespace ringfence
