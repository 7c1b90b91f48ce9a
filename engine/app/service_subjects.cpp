// SPDX-License-Identifier: Apache-2.0
// The links' consumer and the thread that judges them.
#include "engine/app/service_subjects.h"

#include <algorithm>

#include "engine/app/kafka_settings.h"
#include "engine/event/hash.h"
#include "engine/pipeline/link_json.h"
#include "engine/state/codec.h"
#include "engine/state/records.h"

namespace ringfence {
namespace {

constexpr Millis kPollWait{100};
constexpr Millis kServeWait{100};
/// How long a persona that is not known yet is waited for, and how often it is looked for.
constexpr Millis kPersonaWait{100};
constexpr int kPersonaLooks = 20;
constexpr std::size_t kGivenUpMost = 1024;
/// Share of the states' memory that subjects have beside the agents'.
constexpr std::size_t kBudgetShare = 4;

RunError unreachable(const OutputError& error) { return {ExitCode::Unreachable, error.message}; }

std::string encode_sets(const std::vector<std::string_view>& records) {
  Writer out;
  out.varint(records.size());
  for (const std::string_view record : records) out.text(record);
  return out.take();
}

}  // namespace

Service::SubjectsRun::SubjectsRun(Service& owner)
    : Lane(*owner.store_, *owner.flusher_, owner.settings_, owner.settings_.state.memory_limit / kBudgetShare),
      service(owner),
      subjects(table) {
  outputs = owner.outputs_of_thread();
  oldest_dirty_ns = &owner.metrics_->links().oldest_dirty_ns;
  log = owner.links_log_.get();
}

std::expected<std::unique_ptr<Service::SubjectsRun>, RunError> Service::SubjectsRun::open(Service& service) {
  std::unique_ptr<SubjectsRun> run(new SubjectsRun(service));
  if (auto restored = run->restore_sets(); !restored) return std::unexpected(std::move(restored.error()));
  run->adopt(service.rules_);
  run->take_sets();
  auto consumer = Consumer::open({.kafka = kafka_of(service.settings_),
                                  .topic = service.settings_.topics.links,
                                  .group = service.settings_.kafka.group + "-links",
                                  .instance = instance_of(service.settings_),
                                  .shards = 1},
                                 *run, service.client_log());
  if (!consumer) return std::unexpected(of_kafka(consumer.error()));
  run->consumer = std::move(*consumer);
  return run;
}

void Service::SubjectsRun::start() {
  serving = std::jthread([this] { serve_forever(); });
  thread = std::jthread([this] { judge_forever(); });
}

void Service::SubjectsRun::join() {
  if (thread.joinable()) thread.join();
  if (serving.joinable()) serving.join();
}

void Service::SubjectsRun::close() {
  if (!consumer) return;
  join();
  consumer->leave(0);
  consumer->close();
  consumer.reset();
}

// ---- serving thread ----

void Service::SubjectsRun::serve_forever() {
  while (!service.stop_.stop_requested()) {
    if (const auto served = consumer->serve(kServeWait); !served) {
      if (served.error().fatal) return service.fail(of_kafka(served.error()));
      service.log_.warning("links consumer", {{"error", served.error().message}});
    }
    std::int64_t behind = 0;
    for (const PartitionLag& lag : consumer->lag()) behind += lag.behind();
    service.metrics_->links().lag_records.set(behind);
  }
}

std::expected<std::optional<Offset>, std::string> Service::SubjectsRun::assigned(Partition partition) {
  const Partition here = links_partition(partition);
  auto from = service.take_on(*this, here);
  if (!from) return from;
  service.control_->own(here);
  const auto stopping = get_record(*service.store_, stopping_record(here));
  if (!stopping) return std::unexpected(stopping.error().message);
  if (*stopping) subjects.restore_stopping(here, **stopping);
  if (auto missed = service.orders_missed(*this, here, changes_taken); !missed) return std::unexpected(std::move(missed.error()));
  service.log_.info("links assigned", {{"partition", partition.value}, {"from", from->value_or(Offset{0}).value}});
  return from;
}

void Service::SubjectsRun::revoked(std::span<const Partition> partitions, bool lost) {
  Lane* const self = this;
  if (!lost) service.store_all({&self, 1});
  for (const Partition partition : partitions) {
    const Offset at = service.let_go(*this, links_partition(partition));
    subjects.forget(links_partition(partition));
    service.log_.info("links left", {{"partition", partition.value}, {"at", at.value}, {"lost", lost}});
  }
}

std::optional<std::string> Service::SubjectsRun::distrusts(Partition partition) {
  const auto found = distrusted.find(links_partition(partition));
  return found == distrusted.end() ? std::nullopt : std::optional(found->second);
}

void Service::SubjectsRun::alarm(const ConsumerAlarm& alarm) {
  ConsumerAlarm named = alarm;
  named.message = "links: " + alarm.message;
  service.tell_alarm(service.settings_.topics.links, named);
}

// ---- judging thread ----

void Service::SubjectsRun::judge_forever() {
  while (!service.stop_.stop_requested()) {
    const auto records = consumer->poll(0, kPollWait);
    if (!records) {
      if (!records.error().fatal) continue;
      service.fail(of_kafka(records.error()));
      break;
    }
    // After the poll: a shard takes a set only after it is to be had here, so what a link of it needs is known by now.
    take_sets();
    auto stepped = step(*records);
    if (stepped) stepped = service.obey_orders(*this, *consumer, [this](const auto& order, Position at) { return obey(order, at); });
    if (!stepped) {
      service.fail(std::move(stepped.error()));
      break;
    }
    service.checkpoint(*this);
    LinkCounters& counters = service.metrics_->links();
    counters.state_bytes.set(static_cast<std::int64_t>(table.bytes()));
    counters.subjects.set(static_cast<std::int64_t>(table.size()));
    service.tell_dropped(static_cast<std::int64_t>(table.counters().memories_dropped), counters.memories_dropped);
  }
  consumer->leave(0);
}

std::expected<void, RunError> Service::SubjectsRun::step(std::span<const Record> records) {
  for (Record record : records) {
    record.position.partition = links_partition(record.position.partition);
    auto link = record.cut() ? std::unexpected(std::string("larger than 768 KiB")) : decode_link(record.bytes);
    auto done = link ? judge(*link, record.position) : refuse(record, std::move(link.error()));
    if (!done) return done;
    applied({&record, 1});
  }
  keep_stopping();
  return {};
}

std::expected<void, RunError> Service::SubjectsRun::judge(const Link& link, Position at) {
  LinkCounters& counters = service.metrics_->links();
  const Rulebook* rules = rules_of(link.act->persona);
  if (rules == nullptr) {
    counters.unknown.add();
    return {};
  }
  const auto judged = subjects.judge(link, *rules, at, service.settings_.topics.links);
  if (!judged) return std::unexpected(of_store(judged.error()));
  if (!*judged) {
    counters.repeated.add();
    return {};
  }
  if (const auto sent = outputs->publish(**judged); !sent) return std::unexpected(unreachable(sent.error()));
  counters.judged.add();
  return {};
}

std::expected<std::vector<Operated>, StoreError> Service::SubjectsRun::obey(const OperatorCommand& order, Position after) {
  if (known.empty()) return std::vector<Operated>();
  auto done = subjects.operate(order.command, order.scope, *known.front().set.rules, after, service.settings_.topics.links);
  keep_stopping();
  return done;
}

void Service::SubjectsRun::keep_stopping() {
  for (const auto& [partition, mine] : owned)
    if (const auto stopping = subjects.stopping_changed(partition)) checkpoint.put_record(stopping_record(partition), *stopping);
}

std::expected<void, RunError> Service::SubjectsRun::refuse(Record record, std::string detail) {
  const RefusalReason reason = record.cut() || record.bytes.size() > kLinkBytes ? RefusalReason::TooLarge : RefusalReason::WrongType;
  const auto sent = outputs->refuse(record, {.reason = reason, .stage = "link", .detail = std::move(detail), .agent_id = {}, .tenant = {}});
  if (!sent) return std::unexpected(unreachable(sent.error()));
  service.metrics_->links().refused.add();
  return {};
}

// ---- personas ----

const Rulebook* Service::SubjectsRun::find_rules(std::uint64_t persona) const {
  const auto found = std::ranges::find_if(known, [&](const Known& one) { return std::ranges::binary_search(one.personas, persona); });
  return found == known.end() ? nullptr : found->set.rules.get();
}

const Rulebook* Service::SubjectsRun::rules_of(std::uint64_t persona) {
  const Rulebook* rules = find_rules(persona);
  if (rules != nullptr || given_up.contains(persona)) return rules;
  for (int look = 0; service.context_ && look < kPersonaLooks && service.wait_a_little(kPersonaWait); ++look) {
    take_sets();
    if (rules = find_rules(persona); rules != nullptr) return rules;
  }
  service.log_.warning("links of a persona that is not in force here change nothing", {{"persona", std::to_string(persona)}});
  if (given_up.size() >= kGivenUpMost) given_up.clear();
  given_up.insert(persona);
  return nullptr;
}

void Service::SubjectsRun::take_sets() {
  if (const std::uint64_t version = service.rules_version_.load(); version != rules_version) {
    RuleSet set;
    {
      const std::lock_guard lock(service.mutex_);
      set = service.rules_;
    }
    rules_version = version;
    adopt(std::move(set));
  }
  if (!service.context_ || service.context_->size() == changes_taken) return;
  for (ContextChange& change : service.context_->since(changes_taken)) {
    ++changes_taken;
    if (auto* set = std::get_if<RuleSet>(&change.what))
      adopt(std::move(*set));
    else if (std::holds_alternative<OperatorCommand>(change.what))
      for (auto& [partition, mine] : owned) mine.orders.push_back({change});
  }
}

void Service::SubjectsRun::adopt(RuleSet set) {
  if (!set.rules || set.rules->set().personas().empty()) return;  // of the topic's, before its set is known
  const std::uint64_t stamp = set.rules->stamp();
  std::erase_if(known, [&](const Known& one) { return one.set.rules->stamp() == stamp; });
  Known one{.set = std::move(set), .personas = {}};
  for (const Persona& persona : one.set.rules->set().personas()) one.personas.push_back(hash64(persona.sha256));
  std::ranges::sort(one.personas);
  known.push_front(std::move(one));
  if (known.size() > kSets) known.pop_back();
  given_up.clear();
  std::vector<std::string_view> records;
  for (const Known& each : known) records.push_back(*each.set.record);
  const std::string kept = encode_sets(records);
  // Where the disk has no room now, with the next states that it takes.
  if (!put_record(*service.store_, kLinkSetsRecord, kept)) checkpoint.put_record(kLinkSetsRecord, kept);
}

std::expected<void, RunError> Service::SubjectsRun::restore_sets() {
  const auto kept = get_record(*service.store_, kLinkSetsRecord);
  if (!kept) return std::unexpected(of_store(kept.error()));
  if (!*kept) return {};
  Reader in(**kept);
  std::vector<std::string> records(in.count(1, kSets));
  for (std::string& record : records) record = std::string(in.text());
  if (!in.ok()) return {};
  for (auto record = records.rbegin(); record != records.rend(); ++record) {
    ContextRead read = read_persona_set(std::move(*record), service.settings_.internal_hosts);
    if (auto* set = read.content ? std::get_if<RuleSet>(&*read.content) : nullptr) adopt(std::move(*set));
  }
  return {};
}

}  // namespace ringfence
