// SPDX-License-Identifier: Apache-2.0
#include "engine/pipeline/shard.h"

namespace ringfence {
namespace {

using Done = std::expected<void, StoreError>;

}  // namespace

std::expected<std::vector<Result>, StoreError> Shard::judge(const Window& window, const Origin& origin, std::vector<Result> room) {
  results_ = std::move(room);
  results_.clear();
  results_.reserve(window.size() / settings_.share.count + 1);
  ahead_.begin();
  for (std::size_t i = 0; i < window.size(); ++i)
    if (wants_state(window.entry(i))) ahead_.add({window.records()[i].position.partition, window.entry(i).key});
  std::size_t next_fact = 0;
  for (std::size_t i = 0; i < window.size(); ++i) {
    if (wants_state(window.entry(i))) ahead_.step();
    const Record& record = window.records()[i];
    const std::size_t before = results_.size();
    if (auto judged = judge_one(record, window.entry(i), origin); !judged) return std::unexpected(std::move(judged.error()));
    if (results_.size() > before) results_.back().index = i;
    for (; next_fact < window.facts().size() && window.facts()[next_fact]->index == i; ++next_fact) {
      facts_[record.position.partition].apply(window.facts()[next_fact]->event);
      counters_.facts += settings_.share.index == 0 ? 1 : 0;
    }
  }
  return std::move(results_);
}

std::expected<void, StoreError> Shard::judge_one(const Record& record, const Window::Entry& entry, const Origin& origin) {
  if (!entry.event) {
    if (entry.has_agent) return mine(entry.key) ? book_refusal(record, entry.event.error(), entry.key, origin) : Done{};
    if (settings_.share.index != 0) return {};
    ++counters_.refused;
    results_.push_back({.refusal = entry.event.error(), .judgement = {}});
    return {};
  }
  if (entry.event->kind == EventKind::ContextChange) {
    facts_[record.position.partition].apply(*entry.event);
    counters_.facts += settings_.share.index == 0 ? 1 : 0;
    return {};
  }
  return mine(entry.key) ? judge_event(record, *entry.event, entry.key, origin) : Done{};
}

std::expected<void, StoreError> Shard::judge_event(const Record& record, const Event& event, const AgentKey& key, const Origin& origin) {
  const Partition partition = record.position.partition;
  const std::int64_t lsn = origin.base + record.position.offset.value;
  const auto opened = table_.open({partition, Offset{lsn}}, key, event.tenant, event.agent.id, event.time);
  if (!opened) return std::unexpected(opened.error());
  AgentState& agent = **opened;
  if (lsn <= agent.lsn) {
    ++counters_.skipped;
    return {};
  }
  const auto sighting = admit(agent, event);
  if (!sighting) return book_refusal(record, sighting.error(), key, origin);

  Result& result = results_.emplace_back();
  result.judgement =
      ringfence::judge(event, *sighting, agent, {*rules_, facts_[partition], origin.topic, record.position, lsn, settings_.assume_gate});
  table_.touch(agent, Offset{lsn});
  count(result.judgement);
  evaluability_->note(event.source.product.value_or(""), result.judgement.not_evaluable, result.judgement.lacking);
  return {};
}

std::expected<void, StoreError> Shard::book_refusal(const Record& record, const Refusal& refusal, const AgentKey& key,
                                                    const Origin& origin) {
  const Partition partition = record.position.partition;
  const std::int64_t lsn = origin.base + record.position.offset.value;
  const EventTime arrival = record.arrival.value_or(EventTime{});
  const auto opened = table_.open({partition, Offset{lsn}}, key, refusal.tenant, refusal.agent_id, arrival);
  if (!opened) return std::unexpected(opened.error());
  AgentState& agent = **opened;
  if (lsn <= agent.lsn) {
    ++counters_.skipped;
    return {};
  }
  const EventTime time = agent.arrivals > 0 ? agent.last_time : arrival;
  Result& result = results_.emplace_back();
  result.refusal = refusal;
  result.judgement = judge_refused(refusal, time, agent, {*rules_, facts_[partition], origin.topic, record.position, lsn, false});
  table_.touch(agent, Offset{lsn});
  ++counters_.refused;
  counters_.findings += result.judgement.findings.size();
  return {};
}

std::expected<std::optional<Operated>, StoreError> Shard::operate(const Command& command, const ScopeParts& scope, Position after,
                                                                  const Origin& origin) {
  const AgentKey key = agent_key(scope.tenant, scope.id);
  if (!mine(key)) return std::optional<Operated>();
  const Offset lsn{origin.base + after.offset.value};
  const auto known = table_.find(after.partition, key);
  if (!known) return std::unexpected(known.error());
  if (*known == nullptr || (settings_.inputs_apart && (*known)->lsn < origin.base)) return Operated{CommandAnswer::UnknownAgent, {}};
  const auto opened = table_.open({after.partition, lsn}, key, scope.tenant, scope.id, (*known)->last_time);
  if (!opened) return std::unexpected(opened.error());
  AgentState& agent = **opened;
  if (agent.lsn > lsn.value) return std::optional<Operated>();
  Operated done = ringfence::operate(command, scope, agent, *rules_, after, origin.topic);
  if (done.answer == CommandAnswer::Done) table_.touch(agent, lsn);
  if (done.judgement) {
    counters_.findings += done.judgement->findings.size();
    counters_.containments += done.judgement->containments.size();
  }
  return done;
}

std::expected<EnforcementIs, StoreError> Shard::look_at(const Enforcement& enforcement, const ScopeParts& scope, Partition partition) {
  const AgentKey key = agent_key(scope.tenant, scope.id);
  if (!mine(key)) return EnforcementIs::Unasked;
  const auto known = table_.find(partition, key);
  if (!known) return std::unexpected(known.error());
  return *known == nullptr ? EnforcementIs::Unasked : ringfence::look_at(enforcement, **known);
}

std::expected<std::optional<Judgement>, StoreError> Shard::enforce(const Enforcement& enforcement, const ScopeParts& scope, Position after,
                                                                   const Origin& origin) {
  const auto is = look_at(enforcement, scope, after.partition);
  if (!is) return std::unexpected(is.error());
  if (*is != EnforcementIs::News) return std::optional<Judgement>();
  const AgentKey key = agent_key(scope.tenant, scope.id);
  const Offset lsn{origin.base + after.offset.value};
  const auto opened = table_.open({after.partition, lsn}, key, scope.tenant, scope.id, (*table_.find(after.partition, key))->last_time);
  if (!opened) return std::unexpected(opened.error());
  AgentState& agent = **opened;
  if (agent.lsn > lsn.value) return std::optional<Judgement>();
  Judgement out;
  out.position = after;
  out.findings = take_enforcement(enforcement, agent, {known_persona(agent, *rules_), origin.topic, after});
  table_.touch(agent, lsn);
  counters_.findings += out.findings.size();
  return out;
}

void Shard::count(const Judgement& judgement) {
  if (judgement.copy) {
    ++counters_.copies;
    return;
  }
  ++counters_.events;
  ++counters_.verdicts[static_cast<std::size_t>(judgement.verdict.level)];
  counters_.findings += judgement.findings.size();
  counters_.containments += judgement.containments.size();
  counters_.stopped += judgement.stopped ? 1 : 0;
}

}  // namespace ringfence
