// SPDX-License-Identifier: Apache-2.0
#include "engine/pipeline/shard.h"

#include <algorithm>
#include <utility>

#include "engine/pipeline/judge_link.h"

namespace ringfence {
namespace {

using Done = std::expected<void, StoreError>;

void add(std::optional<Operated>& all, Operated one) {
  if (all)
    join(*all, std::move(one));
  else
    all = std::move(one);
}

}  // namespace

std::expected<std::span<Result>, StoreError> Shard::judge(const Window& window, const Origin& origin) {
  made_ = 0;
  if (results_.size() < window.size()) results_.resize(window.size());  // what is under way points to its result
  ahead_.begin();
  for (std::size_t i = 0; i < window.size(); ++i)
    if (wants_state(window.entry(i))) ahead_.add({window.records()[i].position.partition, window.entry(i).key});
  Done done;
  std::size_t next_fact = 0;
  for (std::size_t i = 0; i < window.size() && done; ++i) {
    if (wants_state(window.entry(i))) ahead_.step();
    const Record& record = window.records()[i];
    const std::size_t before = made_;
    done = judge_one(record, window.entry(i), origin);
    if (made_ > before) results_[before].index = i;
    for (; next_fact < window.facts().size() && window.facts()[next_fact]->index == i; ++next_fact)
      apply_fact(window.facts()[next_fact]->event, record.position.partition, origin);
  }
  judge_together(origin);  // where the store broke, too: what has been booked is judged
  if (!done) return std::unexpected(std::move(done.error()));
  return std::span(results_).first(made_);
}

Result& Shard::next_result() {
  Result& result = results_[made_++];
  result.refusal.reset();
  result.judgement.clear();
  return result;
}

std::expected<void, StoreError> Shard::judge_one(const Record& record, const Window::Entry& entry, const Origin& origin) {
  if (!entry.event) {
    if (entry.has_agent) return mine(entry.key) ? book_refusal(record, entry.event.error(), entry.key, origin) : Done{};
    if (settings_.share.index != 0) return {};
    ++counters_.refused;
    next_result().refusal = entry.event.error();
    return {};
  }
  if (entry.event->kind == EventKind::ContextChange) {
    apply_fact(*entry.event, record.position.partition, origin);
    return {};
  }
  return mine(entry.key) ? book(record, *entry.event, entry.key, origin) : Done{};
}

void Shard::apply_fact(const Event& fact, Partition partition, const Origin& origin) {
  judge_together(origin);  // those before it know nothing of it
  facts_[partition].apply(fact);
  if (settings_.share.index != 0) return;
  ++counters_.facts;
  evaluability_->note_ignored(fact);
}

std::expected<void, StoreError> Shard::book(const Record& record, const Event& event, const AgentKey& key, const Origin& origin) {
  const Partition partition = record.position.partition;
  const std::int64_t lsn = origin.base + record.position.offset.value;
  if (booked_.size() == kTogether || is_booked(partition, key)) judge_together(origin);
  const auto opened = table_.open({partition, Offset{lsn}}, key, event.tenant, event.agent.id, event.time);
  if (!opened) return std::unexpected(opened.error());
  AgentState& agent = **opened;
  if (lsn <= agent.lsn) {
    ++counters_.skipped;
    return {};
  }
  const auto admission = admit(agent, event);
  if (!admission) return book_refusal(record, admission.error(), key, origin);
  booked_.push_back({&event, &agent, record.position, lsn, *admission, &next_result().judgement});
  return {};
}

bool Shard::is_booked(Partition partition, const AgentKey& key) const {
  return std::ranges::any_of(booked_, [&](const Booked& one) { return one.agent->key == key && one.position.partition == partition; });
}

void Shard::judge_together(const Origin& origin) {
  for (const Booked& one : booked_) {
    ForeignContainments& foreign = foreign_[one.position.partition];
    batch_.add(*one.event, one.admission, *one.agent,
               {*rules_, facts_[one.position.partition], origin.topic, one.position, one.lsn, settings_.assume_gate, &foreign}, *one.out);
    for (const std::string& tree : one.out->joined) foreign.join(tree, one.agent->key);
  }
  batch_.judge();
  for (const Booked& one : booked_) {
    follow_trees(one.out->links, one.agent->key, trees_[one.position.partition]);
    table_.touch(*one.agent, Offset{one.lsn});
    count(*one.out);
    evaluability_->note(one.event->source.product.value_or(""), one.out->not_evaluable, one.out->lacking);
    evaluability_->note_ignored(*one.event);
  }
  booked_.clear();
}

std::expected<void, StoreError> Shard::book_refusal(const Record& record, const Refusal& refusal, const AgentKey& key,
                                                    const Origin& origin) {
  const Partition partition = record.position.partition;
  const std::int64_t lsn = origin.base + record.position.offset.value;
  judge_together(origin);  // states are touched in the order of their records
  // What cannot be read has no time of its own, and its arrival may lie far from the agent's: it lets nothing expire.
  const auto known = table_.find(partition, key);
  if (!known) return std::unexpected(known.error());
  const bool fresh = *known == nullptr;
  const EventTime arrival = record.arrival.value_or(EventTime{});
  const auto opened = table_.open({partition, Offset{lsn}}, key, refusal.tenant, refusal.agent_id, fresh ? arrival : (*known)->last_time);
  if (!opened) return std::unexpected(opened.error());
  AgentState& agent = **opened;
  if (fresh) agent.first_time = {};  // its first act says when it began
  if (lsn <= agent.lsn) {
    ++counters_.skipped;
    return {};
  }
  const EventTime time = agent.first_time != EventTime{} ? agent.last_time : arrival;
  Result& result = next_result();
  result.refusal = refusal;
  result.judgement = judge_refused(refusal, time, agent, {*rules_, facts_[partition], origin.topic, record.position, lsn, false});
  table_.touch(agent, Offset{lsn});
  ++counters_.refused;
  counters_.findings += result.judgement.findings.size();
  return {};
}

std::expected<std::optional<Operated>, StoreError> Shard::operate(const Command& command, const ScopeParts& scope, Position after,
                                                                  const Origin& origin) {
  const CommandAnswer answer = operate_foreign(command, scope, foreign_[after.partition]);
  auto members = command.command == "halt" ? stop_members(command, scope, after, origin) : free_members(command, after, origin);
  if (!members) return std::unexpected(members.error());
  const auto of_scope = [&]() -> std::expected<std::optional<Operated>, StoreError> {
    if (!is_wide(scope)) return operate_named(command, scope, after, origin);
    return settings_.share.index == 0 ? std::optional(Operated{answer, {}}) : std::nullopt;
  };
  auto named = of_scope();
  if (!named || !*members) return named;
  if (*named) join(**members, std::move(**named));
  if ((*members)->judgement) order_by_agent(*(*members)->judgement);
  return members;
}

std::expected<std::optional<Operated>, StoreError> Shard::stop_members(const Command& command, const ScopeParts& scope, Position after,
                                                                       const Origin& origin) {
  std::optional<Operated> out;
  ForeignContainments& foreign = foreign_[after.partition];
  const ForeignContainment* const tree = foreign.tree_of_person(command.scope);
  if (tree == nullptr) return out;
  for (const AgentKey& key : trees_[after.partition].of(agent_key(scope.tenant, scope.id))) {
    if (!foreign.room_for_member()) break;
    const auto opened = open_known(key, after, origin);
    if (!opened) return std::unexpected(opened.error());
    if (*opened == nullptr) continue;
    Operated one = stop_member(command, *tree, **opened, *rules_, after);
    if (one.answer != CommandAnswer::Done) continue;
    foreign.join(tree->key, key);
    table_.touch(**opened, Offset{origin.base + after.offset.value});
    count_outputs(one);
    add(out, std::move(one));
  }
  return out;
}

std::expected<std::optional<Operated>, StoreError> Shard::free_members(const Command& command, Position after, const Origin& origin) {
  std::optional<Operated> out;
  if (command.command != "release") return out;
  for (const ForeignContainment* const standing : foreign_[after.partition].with_members(command.scope)) {
    for (const AgentKey& key : standing->members) {
      if (!mine(key)) continue;
      const auto opened = open_known(key, after, origin);
      if (!opened) return std::unexpected(opened.error());
      if (*opened == nullptr) continue;
      Operated one = free_member(command, *standing, **opened, *rules_, after, origin.topic);
      if (one.answer == CommandAnswer::NothingStands) continue;
      if (one.answer == CommandAnswer::Done) table_.touch(**opened, Offset{origin.base + after.offset.value});
      count_outputs(one);
      add(out, std::move(one));
    }
  }
  return out;
}

std::expected<AgentState*, StoreError> Shard::open_known(const AgentKey& key, Position after, const Origin& origin) {
  const Offset lsn{origin.base + after.offset.value};
  const auto known = table_.find(after.partition, key);
  if (!known) return std::unexpected(known.error());
  if (*known == nullptr || (settings_.inputs_apart && (*known)->lsn < origin.base)) return nullptr;
  const auto opened = table_.open({after.partition, lsn}, key, (*known)->tenant, (*known)->id, (*known)->last_time);
  if (!opened) return std::unexpected(opened.error());
  return (*opened)->lsn > lsn.value ? nullptr : *opened;
}

std::expected<std::optional<Operated>, StoreError> Shard::operate_named(const Command& command, const ScopeParts& scope, Position after,
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
  if (held_by_tree(command, scope, agent, foreign_[after.partition])) return Operated{CommandAnswer::WiderScope, {}};
  Operated done = ringfence::operate(command, scope, agent, *rules_, after, origin.topic);
  if (done.answer == CommandAnswer::Done) table_.touch(agent, lsn);
  count_outputs(done);
  return done;
}

void Shard::count_outputs(const Operated& done) {
  if (!done.judgement) return;
  counters_.findings += done.judgement->findings.size();
  counters_.containments += done.judgement->containments.size();
}

std::expected<EnforcementIs, StoreError> Shard::look_at(const Enforcement& enforcement, const ScopeParts& scope, Partition partition) {
  if (!enforcement.writer.empty()) return foreign_[partition].look_at(enforcement);
  const AgentKey key = agent_key(scope.tenant, scope.id);
  if (!mine(key)) return EnforcementIs::Unasked;
  const auto known = table_.find(partition, key);
  if (!known) return std::unexpected(known.error());
  return *known == nullptr ? EnforcementIs::Unasked : ringfence::look_at(enforcement, **known);
}

std::expected<std::optional<Judgement>, StoreError> Shard::enforce(const Enforcement& enforcement, const ScopeParts& scope, Position after,
                                                                   const Origin& origin) {
  if (!enforcement.writer.empty()) return take_foreign(enforcement, after, origin);
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

std::expected<std::optional<Judgement>, StoreError> Shard::take_foreign(const Enforcement& word, Position after, const Origin& origin) {
  ForeignContainments& foreign = foreign_[after.partition];
  if (!foreign.take(word)) return std::optional<Judgement>();
  Judgement out;
  out.position = after;
  if (!word.lifted()) return out;
  // Of what a command told of, the members are freed by the command that ends it, under its rules.
  const auto ended = foreign.with_members(word.scope);
  if (std::ranges::any_of(ended, [](const ForeignContainment* one) { return !one->by.empty(); })) return out;
  const Command release{"release", word.scope, "no longer halted", word.finding_uid, "", ""};
  auto freed = free_members(release, after, origin);
  if (!freed) return std::unexpected(freed.error());
  if (*freed && (*freed)->judgement) join(out, std::move(*(*freed)->judgement));
  order_by_agent(out);
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
