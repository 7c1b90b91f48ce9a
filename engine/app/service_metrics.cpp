// SPDX-License-Identifier: Apache-2.0
#include "engine/app/service_metrics.h"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <functional>
#include <sstream>
#include <utility>
#include <vector>

#include "engine/app/drill.h"

namespace ringfence {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;
using Labels = std::vector<ClientMetric::Label>;

double in_seconds(std::int64_t ns) { return static_cast<double>(ns) / 1e9; }

ClientMetric::Label shard_label(std::size_t shard) { return {"shard", std::to_string(shard)}; }

/// Collects families in the order of the page.
class Page {
 public:
  Page(std::size_t count, const ShardCounters* shards) : count_(count), shards_(shards) {}

  void per_shard(MetricType type, std::string name, std::string help, const std::function<double(const ShardCounters&)>& value) {
    open(type, std::move(name), std::move(help));
    for (std::size_t i = 0; i < count_; ++i) add({shard_label(i)}, value(shards_[i]));
  }

  /// A sample a shard and name, as for reasons and levels.
  template <class Named, std::size_t N>
  void per_shard_and_name(std::string name, std::string help, std::string label, const std::array<Counter, N> ShardCounters::* counters) {
    open(MetricType::Counter, std::move(name), std::move(help));
    for (std::size_t i = 0; i < count_; ++i) {
      for (std::size_t n = 0; n < N; ++n) {
        add({shard_label(i), {label, std::string(name_of(static_cast<Named>(n)))}}, static_cast<double>((shards_[i].*counters)[n].value()));
      }
    }
  }

  void process(std::string name, std::string help, std::vector<std::pair<Labels, double>> samples, MetricType type = MetricType::Counter) {
    open(type, std::move(name), std::move(help));
    for (auto& [labels, value] : samples) add(std::move(labels), value);
  }

  void decisions() {
    open(MetricType::Histogram, "ringfence_decision_seconds", "From a record's arrival in the process to the decision on it.");
    for (std::size_t i = 0; i < count_; ++i) {
      const auto& decision = shards_[i].decision;
      ClientMetric metric;
      metric.label = {shard_label(i)};
      std::uint64_t cumulative = 0;
      for (std::size_t b = 0; b < LatencyHistogram::kBounds.size(); ++b) {
        cumulative += decision.bucket(b);
        metric.histogram.bucket.push_back({cumulative, in_seconds(LatencyHistogram::kBounds[b].value)});
      }
      metric.histogram.sample_count = cumulative + decision.bucket(LatencyHistogram::kBounds.size());
      metric.histogram.sample_sum = static_cast<double>(decision.sum_ns()) / 1e9;
      families_.back().metric.push_back(std::move(metric));
    }
  }

  [[nodiscard]] std::string text() const {
    std::ostringstream out;
    prometheus::TextSerializer().Serialize(out, families_);
    return out.str();
  }

 private:
  void open(MetricType type, std::string name, std::string help) { families_.push_back({std::move(name), std::move(help), type, {}}); }

  void add(Labels labels, double value) {
    ClientMetric metric;
    metric.label = std::move(labels);
    (families_.back().type == MetricType::Counter ? metric.counter.value : metric.gauge.value) = value;
    families_.back().metric.push_back(std::move(metric));
  }

  std::size_t count_;
  const ShardCounters* shards_;
  std::vector<MetricFamily> families_;
};

double flush_age(const Gauge& oldest_dirty_ns, Nanos steady_now) {
  const auto since = oldest_dirty_ns.value();
  return since == 0 ? 0 : in_seconds(std::max<std::int64_t>(steady_now.value - since, 0));
}

/// Of a counter or gauge.
template <class Counted>
double number(const Counted& counter) {
  return static_cast<double>(counter.value());
}

void add_shards(Page& page, Nanos steady_now) {
  page.per_shard(MetricType::Counter, "ringfence_events_total", "Events judged, copies of known acts among them.",
                 [](const auto& s) { return static_cast<double>(s.events.value()); });
  page.per_shard(MetricType::Counter, "ringfence_copies_total", "Copies of known acts, which have no further effect.",
                 [](const auto& s) { return static_cast<double>(s.copies.value()); });
  page.per_shard_and_name<RefusalReason>("ringfence_refused_total", "Records refused to the dead letter.", "reason",
                                         &ShardCounters::refused);
  page.per_shard_and_name<Level>("ringfence_verdicts_total", "Events by the level at which their agent stood afterwards.", "level",
                                 &ShardCounters::verdicts);
  page.decisions();
  page.per_shard(MetricType::Gauge, "ringfence_lag_records", "Records in the shard's partitions that are not yet judged.",
                 [](const auto& s) { return static_cast<double>(s.lag_records.value()); });
  page.per_shard(MetricType::Gauge, "ringfence_feed_delay_seconds", "Arrival of the latest record less its event time.",
                 [](const auto& s) { return in_seconds(s.feed_delay_ns.value()); });
  page.per_shard(MetricType::Gauge, "ringfence_flush_age_seconds", "How long the oldest changed state has waited to be written.",
                 [&](const auto& s) { return flush_age(s.oldest_dirty_ns, steady_now); });
  page.per_shard(MetricType::Gauge, "ringfence_state_bytes", "Memory of agents' states.",
                 [](const auto& s) { return static_cast<double>(s.state_bytes.value()); });
  page.per_shard(MetricType::Gauge, "ringfence_agents", "Agents in memory.",
                 [](const auto& s) { return static_cast<double>(s.agents.value()); });
  page.per_shard(MetricType::Counter, "ringfence_memories_dropped_total", "Parts of stored states that could not be read and are lost.",
                 [](const auto& s) { return static_cast<double>(s.memories_dropped.value()); });
}

void add_links(Page& page, const LinkCounters& links, Nanos steady_now) {
  page.process("ringfence_links_memories_dropped_total", "Parts of stored states of subjects that could not be read and are lost.",
               {{{}, number(links.memories_dropped)}});
  page.process("ringfence_links_total", "Records of the links topic by what became of them.",
               {{{{"result", "judged"}}, number(links.judged)},
                {{{"result", "repeated"}}, number(links.repeated)},
                {{{"result", "unknown_persona"}}, number(links.unknown)},
                {{{"result", "refused"}}, number(links.refused)}});
  page.process("ringfence_links_lag_records", "Records of the links topic that are not yet judged.", {{{}, number(links.lag_records)}},
               MetricType::Gauge);
  page.process("ringfence_links_flush_age_seconds", "How long the oldest changed state of a subject has waited to be written.",
               {{{}, flush_age(links.oldest_dirty_ns, steady_now)}}, MetricType::Gauge);
  page.process("ringfence_links_state_bytes", "Memory of subjects' states.", {{{}, number(links.state_bytes)}}, MetricType::Gauge);
  page.process("ringfence_subjects", "Subjects in memory.", {{{}, number(links.subjects)}}, MetricType::Gauge);
}

void add_outputs(Page& page, const ProcessCounters& process) {
  const auto per_output = [&](const SharedCounter ProcessCounters::Output::* of) {
    return std::vector<std::pair<Labels, double>>{
        {{{"output", "findings"}}, number(process.findings.*of)},       {{{"output", "control"}}, number(process.control.*of)},
        {{{"output", "dead_letter"}}, number(process.dead_letter.*of)}, {{{"output", "links"}}, number(process.links.*of)},
        {{{"output", "answers"}}, number(process.answers.*of)},         {{{"output", "audit"}}, number(process.audit.*of)}};
  };
  page.process("ringfence_observer_facts_total", "Outages and recoveries that the fleet observer found.",
               {{{}, number(process.observer_facts.acknowledged)}});
  page.process("ringfence_outputs_total", "Output records acknowledged by their destination.",
               per_output(&ProcessCounters::Output::acknowledged));
  page.process("ringfence_output_failures_total", "Failed attempts to deliver an output record; each is tried again.",
               per_output(&ProcessCounters::Output::failed));
  page.process("ringfence_changelog_waiting", "States that wait for room in the changelog of states.",
               {{{}, number(process.changelog_waiting)}}, MetricType::Gauge);
  page.process("ringfence_changelog_passed_over", "States that the changelog of states does not take, as too large.",
               {{{}, number(process.changelog_passed_over)}}, MetricType::Gauge);
  page.process("ringfence_store_faults_total", "Tries to write states that the store refused.", {{{}, number(process.store_faults)}});
  page.process("ringfence_partitions_standing", "Partitions of this process that stand still: what comes there is not judged.",
               {{{{"input", "events"}}, number(process.standing_events)}, {{{"input", "links"}}, number(process.standing_links)}},
               MetricType::Gauge);
}

void add_not_evaluable(Page& page, const std::vector<const Evaluability*>& shards) {
  std::vector<Evaluability::Row> rows;
  for (const Evaluability* const shard : shards) Evaluability::add(rows, shard->rows());
  std::vector<std::pair<Labels, double>> channels, fields, ignored;
  for (const Evaluability::Row& row : rows) {
    for (const Channel* const channel : all_channels()) {
      const std::uint64_t seen = row.channels.at(static_cast<std::size_t>(channel->info().id));
      if (seen > 0)
        channels.push_back({{{"source", row.source}, {"channel", std::string(channel->info().name)}}, static_cast<double>(seen)});
    }
    for (std::size_t i = 0; i < kLackingNames.size(); ++i)
      if (row.lacking.at(i) > 0)
        fields.push_back({{{"source", row.source}, {"field", std::string(kLackingNames.at(i))}}, static_cast<double>(row.lacking.at(i))});
    const auto pass = [&](const char* what, std::uint64_t seen) {
      if (seen > 0) ignored.push_back({{{"source", row.source}, {"what", what}}, static_cast<double>(seen)});
    };
    pass("unknown_field", row.unknown_fields);
    pass("value", row.ignored_elements);
  }
  page.process("ringfence_not_evaluable_total", "Acts that a channel could not judge because their source does not send the fields.",
               std::move(channels));
  page.process("ringfence_lacking_total", "Acts for which single constraints could not be judged for want of a field.", std::move(fields));
  page.process(
      "ringfence_ignored_total",
      "Fields that the contract does not name, elements of arg_ids and result_ids that break their form, and results too large to read.",
      std::move(ignored));
}

void add_changes(Page& page, const ProcessCounters& process) {
  page.process("ringfence_reloads_total", "Persona sets taken into force or refused since the start.",
               {{{{"result", "taken"}}, number(process.reloads)}, {{{"result", "refused"}}, number(process.reloads_refused)}});
  page.process("ringfence_drills_total", "Drills that this process has played, by whether every stage answered.",
               {{{{"result", "passed"}}, number(process.drills_passed)}, {{{"result", "failed"}}, number(process.drills_failed)}});
  std::vector<std::pair<Labels, double>> stages;
  for (std::size_t i = 0; i < kDrillStages; ++i)
    if (const std::int64_t ns = process.drill_stage_ns.at(i).value(); ns > 0)
      stages.push_back({{{"stage", std::string(name_of(static_cast<DrillStageId>(i)))}}, in_seconds(ns)});
  page.process("ringfence_drill_stage_seconds", "When each stage of the latest drill had answered, from its forbidden call on.",
               std::move(stages), MetricType::Gauge);
  page.process("ringfence_drill_passed_timestamp_seconds", "When a drill last passed; 0: none since the start.",
               {{{}, in_seconds(process.drill_passed_ns.value())}}, MetricType::Gauge);
}

}  // namespace

ServiceMetrics::ServiceMetrics(std::size_t shards) : count_(shards), shards_(std::make_unique<ShardCounters[]>(shards)) {}

std::string ServiceMetrics::exposition(Nanos steady_now) const {
  Page page(count_, shards_.get());
  page.process("ringfence_build_info", "Constant 1 with the version that runs.", {{{{"version", RINGFENCE_VERSION}}, 1.0}},
               MetricType::Gauge);
  add_shards(page, steady_now);
  add_links(page, links_, steady_now);
  add_outputs(page, process_);
  add_not_evaluable(page, evaluability_);
  add_changes(page, process_);
  return page.text();
}

}  // namespace ringfence
