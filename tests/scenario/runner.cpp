// SPDX-License-Identifier: Apache-2.0
#include "tests/scenario/runner.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <utility>

#include "connectors/encoders/control.h"
#include "connectors/encoders/ocsf.h"
#include "connectors/encoders/verdict_line.h"
#include "engine/pipeline/shard.h"
#include "engine/pipeline/subjects.h"
#include "engine/state/checkpoint.h"
#include "engine/state/records.h"
#include "engine/state/store.h"

namespace ringfence::scenario {
namespace {

constexpr Partition kPartition{0};
constexpr std::chrono::seconds kAtMost{60};
constexpr std::string_view kForeign = "foreign", kTrees = "trees";

template <class E>
void must(std::expected<void, E> value) {
  if (!value) throw std::runtime_error(value.error().message);
}

template <class T, class E>
T must(std::expected<T, E> value) {
  if (!value) throw std::runtime_error(value.error().message);
  return std::move(*value);
}

/// One process: what is gone after a restart.
class Process {
 public:
  Process(Store& store, const std::shared_ptr<const Rulebook>& rules, std::size_t shards, std::int64_t next)
      : rules_(*rules),
        store_(store),
        flusher_(store, FlusherSettings{.threaded = false}),
        wide_(store, channel_memories(), {}),
        wide_checkpoint_(wide_, flusher_, store),
        subjects_(wide_) {
    wide_checkpoint_.assign(kLinksPartition, Offset{next});
    if (const auto stopping = must(get_record(store, stopping_record(kLinksPartition))))
      subjects_.restore_stopping(kLinksPartition, *stopping);
    for (std::size_t i = 0; i < shards; ++i) {
      lanes_.push_back(std::make_unique<Lane>(store, flusher_, rules, Share{i, shards}));
      lanes_.back()->checkpoint.assign(kPartition, Offset{next}, static_cast<std::uint8_t>(i));
      if (const auto foreign = must(get_record(store, kForeign))) lanes_.back()->shard.foreign(kPartition).restore(*foreign);
      if (const auto trees = must(get_record(store, kTrees))) lanes_.back()->shard.restore_trees(kPartition, *trees);
    }
  }

  void know(const std::string& fact) {
    EventArena arena;
    const auto event = decoder_.decode(fact, std::nullopt, arena);
    for (const auto& lane : lanes_) lane->shard.facts(kPartition).apply(event.value());
  }

  /// The result of one record, and whether it was a fact.
  std::pair<std::optional<Result>, bool> judge(const std::string& bytes, std::int64_t number) {
    const Record record{.bytes = bytes, .position = {kPartition, Offset{number}}, .size = bytes.size()};
    window_.begin({&record, 1});
    window_.decode(decoder_, 0, 1);
    const auto& event = window_.entry(0).event;
    const bool fact = event && event->kind == EventKind::ContextChange;
    std::optional<Result> out;
    for (const auto& lane : lanes_) {
      for (Result& result : must(lane->shard.judge(window_, {"scenario", 0}))) out = std::move(result);
    }
    if (out) {
      const auto judged = judge_at_once(out->judgement, [&](const Link& link, bool derived) {
        return subjects_.judge(link, rules_, {kLinksPartition, Offset{number}}, kLinksTopic, derived);
      });
      if (!judged) throw std::runtime_error(judged.error().message);
    }
    return {std::move(out), fact};
  }

  /// An operator's command at its own place among the records: what came of it, with the answer that tells most.
  std::pair<Result, CommandAnswer> obey(const Command& command, std::int64_t number) {
    const ScopeParts scope = check_command(command).value();
    Result out{.refusal = {}, .judgement = {}};
    CommandAnswer answer = CommandAnswer::UnknownAgent;
    const auto take = [&](Operated done) {
      answer = std::min(answer, done.answer);
      if (done.judgement) join(out.judgement, std::move(*done.judgement));
    };
    for (const auto& lane : lanes_)
      if (auto done = must(lane->shard.operate(command, scope, {kPartition, Offset{number}}, {"scenario", 0}))) take(std::move(*done));
    order_by_agent(out.judgement);
    for (Operated& done : must(subjects_.operate(command, scope, rules_, {kLinksPartition, Offset{number}}, kLinksTopic)))
      take(std::move(done));
    return {std::move(out), answer};
  }

  /// What gates have confirmed at its own place among the records.
  Result confirm(const Enforcement& enforcement, std::int64_t number) {
    const ScopeParts scope = parse_scope(enforcement.scope).value();
    Result out{.refusal = {}, .judgement = {}};
    for (const auto& lane : lanes_)
      if (auto taken = must(lane->shard.enforce(enforcement, scope, {kPartition, Offset{number}}, {"scenario", 0})))
        join(out.judgement, std::move(*taken));
    order_by_agent(out.judgement);
    return out;
  }

  void write_all(std::int64_t last) {
    ForeignContainments foreign = lanes_.front()->shard.foreign(kPartition);
    for (const auto& lane : lanes_) foreign.take_members(lane->shard.foreign(kPartition));
    must(put_record(store_, kForeign, foreign.encode()));
    TreeMembers trees;
    for (const auto& lane : lanes_) trees.take(lane->shard.trees(kPartition));
    must(put_record(store_, kTrees, trees.encode()));
    if (const auto stopping = subjects_.stopping_changed(kLinksPartition))
      must(put_record(store_, stopping_record(kLinksPartition), *stopping));
    const Horizon horizon{kPartition, Offset{last}}, wide{kLinksPartition, Offset{last}};
    if (must(wide_checkpoint_.flush({&wide, 1}, kAtMost)) != 0) throw std::runtime_error("a subject was not written");
    for (const auto& lane : lanes_) {
      if (must(lane->checkpoint.flush({&horizon, 1}, kAtMost)) != 0) throw std::runtime_error("a state was not written");
    }
  }

 private:
  struct Lane {
    Lane(Store& store, Flusher& flusher, std::shared_ptr<const Rulebook> rules, Share share)
        : table(store, channel_memories(), {}), checkpoint(table, flusher, store), shard(table, std::move(rules), {.share = share}) {}
    AgentTable table;
    Checkpoint checkpoint;
    Shard shard;
  };
  const Rulebook& rules_;
  Store& store_;
  Flusher flusher_;
  AgentTable wide_;
  Checkpoint wide_checkpoint_;
  Subjects subjects_;
  std::vector<std::unique_ptr<Lane>> lanes_;
  EventDecoder decoder_;
  Window window_;
};

Outcome outcome_of(Result result, const Way& way) {
  Judgement& judgement = result.judgement;
  const Verdict& verdict = judgement.verdict;
  Outcome out{.copy = judgement.copy, .level = verdict.level, .applied = verdict.applied, .score = verdict.score};
  if (!verdict.agent_id.empty()) out.agent = verdict.tenant + "/" + verdict.agent_id;
  if (result.refusal) {
    out.refused = name_of(result.refusal->reason);
    out.lines = "refused " + out.refused + "\n";
  } else {
    out.id = verdict.event_id;
    out.lines = encode_verdict(verdict) + (judgement.stopped ? " stopped\n" : "\n");
  }
  for (FindingRecord& finding : judgement.findings) {
    if (finding.activity == FindingRecord::Activity::Create) out.raised.emplace_back(uid_of(finding.analytic));
    finding.position = {};
    if (!(way.positions_move && finding.analytic == Analytic::FeedRefused)) out.lines += encode_finding(finding) + "\n";
  }
  for (ContainmentRecord& record : judgement.containments) {
    record.position = {};
    out.controlled.push_back({std::string(record.contained ? name_of(record.level) : "released"), record.scope});
    out.lines += encode_containment(record, {.iss = "urn:test", .aud = {"gates"}, .writer = "engine-0", .generation = 1}) + "\n";
  }
  return out;
}

}  // namespace

std::optional<Command> command_in(const std::string& record) {
  if (!record.starts_with(R"({"operator":)")) return std::nullopt;
  const auto json = nlohmann::json::parse(record).at("operator");
  return Command{json.at("command"), json.at("scope"), json.at("reason"), json.at("by"), json.at("approver"), ""};
}

std::optional<Enforcement> confirmed_in(const std::string& record) {
  if (!record.starts_with(R"({"gates":)")) return std::nullopt;
  const auto json = nlohmann::json::parse(record).at("gates");
  const EventTime at{json.at("at_ms").get<std::int64_t>() * 1'000'000};
  Enforcement out{.scope = json.at("scope"), .level = level_named(json.at("level").get<std::string>()).value(), .effective_at = at};
  out.writer = json.at("writer");
  for (const auto& gate : json.at("gates")) out.gates.push_back({gate.get<std::string>(), at});
  return out;
}

std::vector<Outcome> run(const std::shared_ptr<const Rulebook>& rules, std::span<const std::string> records, const Way& way) {
  const auto store = memory_store();
  auto process = std::make_unique<Process>(*store, rules, way.shards, 0);
  std::vector<std::string> facts;
  std::vector<Outcome> outcomes;
  for (std::size_t i = 0; i < records.size(); ++i) {
    const auto number = static_cast<std::int64_t>(i);
    if (way.restart_before && way.restart_before(i)) {
      process->write_all(number - 1);
      process = std::make_unique<Process>(*store, rules, way.shards, number);
      for (const std::string& fact : facts) process->know(fact);
    }
    if (const auto command = command_in(records[i])) {
      auto [result, answer] = process->obey(*command, number);
      Outcome outcome = outcome_of(std::move(result), way);
      const ScopeParts scope = *parse_scope(command->scope);
      outcome.agent = scope.tenant + "/" + scope.id;
      outcome.refused = "command";
      outcome.answer = words_of(answer);
      outcomes.push_back(std::move(outcome));
      continue;
    }
    if (const auto enforcement = confirmed_in(records[i])) {
      Outcome outcome = outcome_of(process->confirm(*enforcement, number), way);
      const ScopeParts scope = *parse_scope(enforcement->scope);
      outcome.agent = scope.tenant + "/" + scope.id;
      outcome.refused = "confirmed";
      outcomes.push_back(std::move(outcome));
      continue;
    }
    auto [result, fact] = process->judge(records[i], number);
    if (fact) facts.push_back(records[i]);
    outcomes.push_back(result ? outcome_of(std::move(*result), way) : Outcome{.fact = fact});
  }
  return outcomes;
}

}  // namespace ringfence::scenario
