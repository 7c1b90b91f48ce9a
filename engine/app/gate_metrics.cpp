// SPDX-License-Identifier: Apache-2.0
#include "engine/app/gate_metrics.h"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <sstream>
#include <utility>
#include <vector>

namespace ringfence {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;
using Labels = std::vector<ClientMetric::Label>;
using Samples = std::vector<std::pair<Labels, double>>;

class Page {
 public:
  void add(MetricType type, std::string name, std::string help, const Samples& samples) {
    MetricFamily family{std::move(name), std::move(help), type, {}};
    for (const auto& [labels, value] : samples) {
      ClientMetric metric;
      metric.label = labels;
      (type == MetricType::Counter ? metric.counter.value : metric.gauge.value) = value;
      family.metric.push_back(std::move(metric));
    }
    families_.push_back(std::move(family));
  }
  void count(std::string name, std::string help, double value) {
    add(MetricType::Counter, std::move(name), std::move(help), {{{}, value}});
  }
  void gauge(std::string name, std::string help, double value) { add(MetricType::Gauge, std::move(name), std::move(help), {{{}, value}}); }

  /// A histogram of what a tally took.
  template <class Tally>
  void times(std::string name, std::string help, const Tally& tally) {
    ClientMetric metric;
    std::uint64_t cumulative = 0;
    for (std::size_t b = 0; b < Tally::kBounds.size(); ++b) {
      cumulative += tally.took[b].load(std::memory_order_relaxed);
      metric.histogram.bucket.push_back({cumulative, static_cast<double>(Tally::kBounds[b]) / 1e9});
    }
    metric.histogram.sample_count = cumulative + tally.took[Tally::kBounds.size()].load(std::memory_order_relaxed);
    metric.histogram.sample_sum = static_cast<double>(tally.took_ns.load(std::memory_order_relaxed)) / 1e9;
    families_.push_back({std::move(name), std::move(help), MetricType::Histogram, {metric}});
  }
  [[nodiscard]] std::string text() const {
    std::ostringstream out;
    prometheus::TextSerializer().Serialize(out, families_);
    return out.str();
  }

 private:
  std::vector<MetricFamily> families_;
};

Samples answers(const GateTally& tally) {
  const auto value = [](const std::atomic<std::uint64_t>& counter) { return static_cast<double>(counter.load(std::memory_order_relaxed)); };
  Samples out;
  for (std::size_t level = 0; level < kLevels; ++level) {
    const std::string name(name_of(static_cast<Level>(level)));
    out.push_back({{{"answer", "allowed"}, {"level", name}}, value(tally.allowed[level])});
    out.push_back({{{"answer", "denied"}, {"level", name}}, value(tally.denied[level])});
  }
  out.push_back({{{"answer", "denied"}, {"level", "unidentified"}}, value(tally.unidentified)});
  out.push_back({{{"answer", "denied"}, {"level", "unready"}}, value(tally.unready)});
  return out;
}

void add_asks(Page& page, const AskTally& asks) {
  const auto value = [](const std::atomic<std::uint64_t>& counter) { return static_cast<double>(counter.load(std::memory_order_relaxed)); };
  Samples ends;
  for (std::size_t end = 0; end < kAskEnds; ++end) {
    const std::string name(name_of(static_cast<AskEnd>(end)));
    ends.push_back({{{"answer", "allowed"}, {"end", name}}, value(asks.allowed[end])});
    ends.push_back({{{"answer", "refused"}, {"end", name}}, value(asks.refused[end])});
  }
  page.add(MetricType::Counter, "ringfence_gate_asks_total",
           "Acts to be asked about beforehand by how the question ended, and by what became of the act.", ends);
  page.add(MetricType::Counter, "ringfence_gate_ask_records_total", "Records under this gate's name that answered no question of its own.",
           {{{{"reason", "stray"}}, value(asks.stray)}, {{{"reason", "untrusted"}}, value(asks.untrusted)}});
  page.times("ringfence_gate_ask_seconds", "From the question to its signed answer, both ways over the broker.", asks);
  page.gauge("ringfence_gate_asks_waiting", "Acts that wait for an answer.", value(asks.waiting));
}

}  // namespace

std::string gate_exposition(const Follower& follower, const GateAnswers& gate, const HttpServer& server) {
  const GateTally& tally = gate.tally();
  const FollowerFigures figures = follower.figures();
  const GateReadiness ready = follower.readiness();
  Page page;
  page.add(MetricType::Gauge, "ringfence_build_info", "Constant 1 with the version that runs.", {{{{"version", RINGFENCE_VERSION}}, 1.0}});
  page.add(MetricType::Counter, "ringfence_gate_answers_total", "Questions of gateways by answer, and by the level that stood.",
           answers(tally));
  page.count("ringfence_gate_unusable_total", "Requests that were no question.",
             static_cast<double>(tally.unusable.load(std::memory_order_relaxed)));
  page.times("ringfence_gate_decision_seconds", "From the question to the decision, who calls included.", tally);
  if (const AskTally* asks = gate.asks()) add_asks(page, *asks);
  Samples records;
  for (const AckStatus status :
       {AckStatus::Applied, AckStatus::BadSignature, AckStatus::WrongAudience, AckStatus::Stale, AckStatus::Unsupported}) {
    const auto found = figures.records.find(status);
    records.push_back({{{"status", std::to_string(static_cast<int>(status))}},
                       found == figures.records.end() ? 0.0 : static_cast<double>(found->second)});
  }
  page.add(MetricType::Counter, "ringfence_gate_records_total", "Records of the control log by the status they were answered with.",
           records);
  page.gauge("ringfence_gate_contained", "Live containments known.", static_cast<double>(figures.contained));
  page.gauge("ringfence_gate_enforced", "Of these, those that this gate can match.", static_cast<double>(figures.in_force));
  page.gauge("ringfence_gate_agrees", "1 where the own state is that of every writer's last heartbeat.", ready.agrees ? 1 : 0);
  page.gauge("ringfence_gate_fresh", "1 where every writer's last heartbeat is of now.", ready.fresh ? 1 : 0);
  page.gauge("ringfence_gate_heartbeat_age_seconds", "Age of the oldest of the writers' last heartbeats.",
             static_cast<double>(ready.stalest_ms) / 1e3);
  page.count("ringfence_gate_tables_total", "Tables put in force.", static_cast<double>(figures.tables));
  page.count("ringfence_gate_ack_failures_total", "Attempts to acknowledge that failed; each is tried again.",
             static_cast<double>(figures.acks_failed));
  page.count("ringfence_gate_store_faults_total", "Times the state could not be stored.", static_cast<double>(figures.store_faults));
  page.count("ringfence_gate_feed_faults_total", "Reads of the control log that failed.", static_cast<double>(figures.feed_faults));
  page.gauge("ringfence_gate_connections", "Open connections of gateways.", static_cast<double>(server.connections()));
  page.count("ringfence_gate_timeouts_total", "Connections closed because no whole request came in time, or to make room for others.",
             static_cast<double>(server.timed_out()));
  return page.text();
}

}  // namespace ringfence
