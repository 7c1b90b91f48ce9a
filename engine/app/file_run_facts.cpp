// SPDX-License-Identifier: Apache-2.0
// What a run over files learns beside its records: facts about the fleet that it finds itself, and what a live run took from outside.
#include <algorithm>
#include <iterator>
#include <utility>
#include <vector>

#include "engine/app/file_run_lane.h"
#include "engine/state/codec.h"

namespace ringfence {
/// Facts of the fleet act at the next line, whatever the number of shards. A recorded run has its own.
void FileRun::observe(const Origin& origin) {
  if (options_.recorded) return;
  for (std::size_t i = 0; i < window_.size(); ++i) {
    const auto& event = window_.entry(i).event;
    if (!event) continue;
    if (auto fact = observer_.see(*event)) {
      facts_.add(origin.base + window_.records()[i].position.offset.value, *fact);
      window_.add_fact(fact_decoder_, i, std::move(*fact));
    }
  }
}

/// A live partition knows nothing of another's facts, and its rules are those that took effect there.
void FileRun::begin_partition(std::size_t index) {
  reading_index_ = index;
  if (options_.context.empty()) return;
  const Partition partition{static_cast<std::int32_t>(index)};
  const auto mine = std::ranges::equal_range(options_.context, partition, {}, &PlacedChange::partition);
  next_change_ = static_cast<std::size_t>(mine.begin() - options_.context.begin());
  end_change_ = static_cast<std::size_t>(mine.end() - options_.context.begin());
  for (const auto& lane : lanes_) lane->shard.adopt(rules_);
  wide_->rules = rules_;
  if (inputs_[index].first_record > 0 || !options_.recorded) return;  // it goes on: the facts of its beginning were restored
  for (const auto& lane : lanes_) lane->shard.forget(kFilePartition);
  facts_ = {};
}

void FileRun::adopt(std::shared_ptr<const Rulebook> rules) {
  const std::lock_guard lock(pause_);
  new_rules_ = std::move(rules);
}

std::expected<void, RunError> FileRun::take_new_rules() {
  std::shared_ptr<const Rulebook> rules;
  {
    const std::lock_guard lock(pause_);
    rules = std::exchange(new_rules_, nullptr);
  }
  if (!rules) return {};
  if (auto written = cut(last_lsn_); !written) return written;
  for (const auto& lane : lanes_) lane->shard.adopt(rules);
  wide_->rules = rules;
  rules_ = std::move(rules);
  if (on_new_rules) return on_new_rules(*rules_, {kFilePartition, Offset{last_lsn_}});
  return {};
}

std::expected<void, RunError> FileRun::take(const Origin& origin, const PlacedChange& change) {
  if (const auto* set = std::get_if<RuleSet>(&change.what)) {
    for (const auto& lane : lanes_) lane->shard.adopt(set->rules);
    wide_->rules = set->rules;
    return {};
  }
  if (const auto* order = std::get_if<OperatorCommand>(&change.what)) return obey(origin, *order, change.after);
  if (const auto* word = std::get_if<GatesWord>(&change.what)) return take_word(origin, *word, change.after);
  EventArena arena;
  const auto event = lanes_.front()->decoder.decode(std::get<std::string>(change.what), std::nullopt, arena);
  if (!event) return std::unexpected(RunError{ExitCode::Unusable, "context: " + event.error().detail});
  for (const auto& lane : lanes_) lane->shard.facts(kFilePartition).apply(*event);
  return {};
}

std::expected<void, RunError> FileRun::take_changes_before(const Origin& origin, Offset record) {
  for (; next_change_ < end_change_ && options_.context[next_change_].after < record; ++next_change_) {
    change_number_ = next_change_ + 1;
    if (auto taken = take(origin, options_.context[next_change_]); !taken) return taken;
  }
  return {};
}

/// What comes from outside is a cut of its own: what lies before it is stored, then its outputs and the state it changed. So a run that was
/// killed finds all of it but the last in the states for certain; that one is taken again, which changes nothing where it is in, and is not
/// said again. `told` is called once everything it led to was said.
template <class Take, class Told>
std::expected<void, RunError> FileRun::take_as_cut(const Origin& origin, Take take, Told told) {
  const std::size_t number = change_number_;
  if (!live_ && obeyed_in_ != origin.base) obeyed_ = 0;
  obeyed_in_ = origin.base;
  if (number < obeyed_) return {};
  if (auto written = cut(last_lsn_); !written) return written;
  const auto taken = take();
  if (!taken) return std::unexpected(of_store(taken.error()));
  if (number != obeyed_) {
    for (const Judgement& judgement : taken->judgements)
      if (auto said = tell(judgement); !said) return said;
    if (auto said = told(*taken); !said) return said;
  }
  if (!taken->changed && !live_) return {};
  obeyed_ = number;
  ++since_cut_;
  return cut(last_lsn_);
}

std::expected<void, RunError> FileRun::tell(const Judgement& judgement) {
  if (const auto told = outputs_->publish(judgement); !told) return std::unexpected(RunError{ExitCode::Unreachable, told.error().message});
  for (const FindingRecord& finding : judgement.findings) {
    ++report_.findings_by_level[static_cast<std::size_t>(finding.level)];
    report_.highest = std::max(report_.highest, finding.level);
  }
  return on_outside ? on_outside(judgement) : std::expected<void, RunError>{};
}

std::expected<void, RunError> FileRun::obey(const Origin& origin, const OperatorCommand& order, Offset after) {
  const auto operate = [&]() -> std::expected<Taken, StoreError> {
    std::vector<Operated> answers;
    bool changed = false;
    const bool of_several = order.scope.type == "subtree" || is_wide(order.scope);  // its members are several shards' agents
    for (const auto& lane : lanes_) {
      auto done = lane->shard.operate(order.command, order.scope, {kFilePartition, after}, origin);
      if (!done) return std::unexpected(done.error());
      if (*done && (answers.empty() || !of_several))
        answers.push_back(std::move(**done));
      else if (*done)
        join(answers.front(), std::move(**done));
      changed = lane->shard.foreign(kFilePartition).take_changed() || changed;
    }
    if (of_several && !answers.empty() && answers.front().judgement) order_by_agent(*answers.front().judgement);
    auto wide = wide_->subjects.operate(order.command, order.scope, *wide_->rules, {kLinksPartition, Offset{last_lsn_}}, kLinksTopic,
                                        options_.recorded ? origin.base : 0);
    if (!wide) return std::unexpected(wide.error());
    std::ranges::move(*wide, std::back_inserter(answers));
    keep_stopping();
    Taken taken{.changed = changed, .judgements = {}, .answer = {}};
    if (!answers.empty()) taken.answer = std::ranges::min(answers, {}, &Operated::answer).answer;
    for (Operated& done : answers) {
      taken.changed = taken.changed || done.answer == CommandAnswer::Done;
      if (done.judgement) taken.judgements.push_back(std::move(*done.judgement));
    }
    return taken;
  };
  return take_as_cut(origin, operate, [&](const Taken& taken) -> std::expected<void, RunError> {
    if (!on_command || !taken.answer) return {};
    return on_command(order, *taken.answer, {kFilePartition, after});
  });
}

std::expected<void, RunError> FileRun::take_word(const Origin& origin, const GatesWord& word, Offset after) {
  const auto enforce = [&]() -> std::expected<Taken, StoreError> {
    Taken taken;
    for (const auto& lane : lanes_) {
      auto done = lane->shard.enforce(word.what, word.scope, {kFilePartition, after}, origin);
      if (!done) return std::unexpected(done.error());
      if (!*done) continue;
      taken.changed = true;
      if (taken.judgements.empty())
        taken.judgements.push_back(std::move(**done));
      else
        join(taken.judgements.front(), std::move(**done));
    }
    if (!taken.judgements.empty()) order_by_agent(taken.judgements.front());
    return taken;
  };
  return take_as_cut(origin, enforce, [&](const Taken& taken) -> std::expected<void, RunError> {
    return on_enforced && taken.changed && !word.what.lifted() ? on_enforced(word, {kFilePartition, after})
                                                               : std::expected<void, RunError>{};
  });
}

/// What the process before this one was taking when it ended. It stands on the log behind the last record that is stored: the last one
/// whose outputs are stored too may be in some states only, and what comes behind that in none.
std::expected<void, RunError> FileRun::take_in_flight(const Origin& origin, Offset after) {
  if (!live_ || std::exchange(began_live_, true)) return {};
  obeyed_ = std::min(obeyed_, live_->size());  // somebody took the log away
  const std::vector<PlacedChange> log = std::exchange(*live_, {});
  for (const PlacedChange& change : log) {
    ++change_number_;
    const bool here =
        rereadable_[reading_index_] && change.after == after && static_cast<std::size_t>(change.partition.value) == reading_index_;
    if (began_fresh_ || change_number_ < obeyed_ || (change_number_ == obeyed_ && !here)) continue;
    if (auto taken = take(origin, change); !taken) return taken;
  }
  return {};
}

/// What has come from outside meanwhile. It is on the context log before it takes effect, and in the state before the next record is
/// judged.
std::expected<void, RunError> FileRun::take_live(const Origin& origin, Offset after) {
  for (const FindingRecord& finding : alarms ? alarms() : std::vector<FindingRecord>()) {
    if (const auto done = outputs_->add(finding); !done) return std::unexpected(RunError{ExitCode::Unreachable, done.error().message});
    ++since_cut_;
  }
  if (auto taken = take_words(origin, after); !taken) return taken;
  while (next_command && caught_up_) {
    auto order = next_command();
    if (!order) return std::unexpected(std::move(order.error()));
    if (!*order) break;
    if (auto taken = take_now(origin, after, std::move(**order)); !taken) return taken;
  }
  return {};
}

std::expected<void, RunError> FileRun::take_words(const Origin& origin, Offset after) {
  if (!gates_words) return {};
  std::ranges::move(gates_words(), std::back_inserter(words_));
  std::vector<GatesWord> kept;
  for (GatesWord& word : words_) {
    auto is = EnforcementIs::Unasked;
    for (const auto& lane : lanes_) {
      const auto seen = lane->shard.look_at(word.what, word.scope, kFilePartition);
      if (!seen) return std::unexpected(of_store(seen.error()));
      if (*seen != EnforcementIs::Unasked) is = *seen;
    }
    if (is == EnforcementIs::Unasked) {
      kept.push_back(std::move(word));
      continue;
    }
    if (is != EnforcementIs::News) continue;
    if (auto taken = take_now(origin, after, std::move(word)); !taken) return taken;
  }
  words_ = std::move(kept);
  return {};
}

std::expected<void, RunError> FileRun::take_now(const Origin& origin, Offset after, ContextContent what) {
  if (auto written = cut(last_lsn_); !written) return written;
  const PlacedChange change{Partition{static_cast<std::int32_t>(reading_index_)}, after, std::move(what)};
  if (auto placed = place(change.partition, change.after, change.what); !placed) return placed;
  ++change_number_;
  return take(origin, change);
}

void FileRun::keep_stopping() {
  if (const auto stopping = wide_->subjects.stopping_changed(kLinksPartition))
    wide_->checkpoint.put_record(stopping_record(kLinksPartition), *stopping);
}

std::string FileRun::foreign() const {
  ForeignContainments all = lanes_.front()->shard.foreign(kFilePartition);
  for (const auto& lane : lanes_) all.take_members(lane->shard.foreign(kFilePartition));
  return all.encode();
}

std::string FileRun::trees() const {
  TreeMembers all;
  for (const auto& lane : lanes_) all.take(lane->shard.trees(kFilePartition));
  return all.encode();
}

/// What the observer knew at the last two cuts: a kill during a cut leaves the low-water mark at one of them.
std::string FileRun::observed(std::int64_t lsn) {
  Writer out;
  out.svarint(observed_at_);
  out.text(observed_before_);
  observed_at_ = lsn;
  observed_before_ = observer_.encode();
  out.svarint(observed_at_);
  out.text(observed_before_);
  return out.take();
}

void FileRun::restore_observer(std::string_view bytes, std::int64_t last) {
  Reader in(bytes);
  for (int slot = 0; slot < 2 && in.ok(); ++slot) {
    const std::int64_t lsn = in.svarint();
    const std::string_view known = in.text();
    if (!in.ok() || lsn != last || !observer_.restore(known)) continue;
    observed_at_ = lsn;
    observed_before_ = known;
  }
}

}  // namespace ringfence
