// SPDX-License-Identifier: Apache-2.0
// What gates have confirmed: into the states behind recorded places, and the alarms about gates that do not confirm.
#include <algorithm>
#include <iterator>
#include <map>

#include "engine/app/service_shard.h"
#include "engine/state/keyspace.h"

namespace ringfence {
namespace {

/// A word takes a checkpoint to be taken in; findings may wait for so long, and a call that went round the gates meanwhile is judged then.
constexpr std::chrono::seconds kWordsAgain{1};
constexpr std::size_t kWordsMost = 100'000;

}  // namespace

std::string foreign_record(Partition partition) { return partition_record("foreign", partition); }
std::string trees_record(Partition partition) { return partition_record("trees", partition); }

std::expected<void, RunError> Service::open_enforcement() {
  auto feed = EnforcementFeed::open(settings_, log_);
  if (!feed) return std::unexpected(RunError{ExitCode::Unreachable, feed.error()});
  enforcement_ = std::move(*feed);
  return {};
}

/// News are due; what is about no containment yet stays, because the state may be behind after a crash. What was released is due at once:
/// gates let calls pass again.
std::expected<std::vector<ContextChange>, RunError> Service::confirmations_due(ShardRun& shard) {
  std::vector<ContextChange> due;
  const std::size_t lifted = enforcement_->lifted();
  const bool any = enforcement_->size() > shard.words_read || (shard.contained && !shard.words.empty());
  if (!any || (Steady::now() < shard.next_words && lifted == shard.lifted_read)) return due;
  shard.next_words = Steady::now() + kWordsAgain;
  shard.lifted_read = lifted;
  shard.contained = false;
  const std::vector<EnforcementFeed::Entry> entries = enforcement_->since(shard.words_read);
  shard.words_read += entries.size();
  for (const auto& [partition, owned] : shard.owned) std::ranges::move(words_for(partition, entries), std::back_inserter(shard.words));
  if (shard.words.size() > kWordsMost) shard.words.erase(shard.words.begin(), shard.words.end() - static_cast<std::ptrdiff_t>(kWordsMost));
  std::vector<ContextChange> kept;
  for (ContextChange& change : shard.words) {
    if (!shard.owned.contains(*change.only)) continue;  // it left, and is looked at anew when it comes back
    const auto& word = std::get<GatesWord>(change.what);
    const auto is = shard.shard.look_at(word.what, word.scope, *change.only);
    if (!is) return std::unexpected(of_store(is.error()));
    if (*is == EnforcementIs::News) due.push_back(change);
    if (*is != EnforcementIs::Known) kept.push_back(std::move(change));
  }
  shard.words = std::move(kept);
  shard.contained = !due.empty();  // the next look drops what was taken by then, and has what was not
  return due;
}

std::vector<ContextChange> Service::words_for(Partition partition, const std::vector<EnforcementFeed::Entry>& entries) const {
  const std::string own = control_->writer_of(partition);
  std::vector<ContextChange> words;
  std::map<std::string, std::size_t> last;  // of what stands apart only the last word of a key counts
  for (const EnforcementFeed::Entry& entry : entries) {
    auto word = word_for(own, entry.writer, entry.what);
    if (!word) continue;
    const bool apart = !word->what.writer.empty();
    const std::string key = apart ? control_key(word->what.scope, word->what.writer) : std::string();
    ContextChange change{Offset{-1}, std::move(*word), partition};
    if (const auto before = apart ? last.find(key) : last.end(); before != last.end()) {
      words[before->second] = std::move(change);
      continue;
    }
    if (apart) last.emplace(key, words.size());
    words.push_back(std::move(change));
  }
  return words;
}

std::expected<std::vector<ContextChange>, RunError> Service::confirmations_of(ShardRun& shard, Partition partition) {
  std::vector<ContextChange> due;
  for (ContextChange& change : words_for(partition, enforcement_->since(0))) {
    const auto& word = std::get<GatesWord>(change.what);
    const auto is = shard.shard.look_at(word.what, word.scope, partition);
    if (!is) return std::unexpected(of_store(is.error()));
    if (*is == EnforcementIs::Unasked)
      shard.words.push_back(std::move(change));
    else if (*is == EnforcementIs::News)
      due.push_back(std::move(change));
  }
  return due;
}

std::expected<void, RunError> Service::take_word(ShardRun& shard, Partition partition, const GatesWord& word) {
  const Position at{partition, shard.owned.at(partition).applied};
  const auto taken = shard.shard.enforce(word.what, word.scope, at, {.topic = settings_.topics.events});
  if (!taken) return std::unexpected(of_store(taken.error()));
  keep_foreign(shard, partition);
  if (!*taken) return {};
  const std::string_view what = word.what.lifted() ? "containment lifted" : "containment enforced";
  log_.info(
      what,
      {{"scope", word.what.scope}, {"level", name_of(word.what.level)}, {"gates", word.what.gates.size()}, {"partition", partition.value}});
  // What stands over the agents of every partition is put on record by who serves the first.
  if (!word.what.lifted() && (word.what.writer.empty() || partition == Partition{0})) {
    if (const auto said = shard.outputs->record(audit_of(word.what, at, wall_now()), at); !said)
      return std::unexpected(RunError{ExitCode::Unreachable, said.error().message});
  }
  if (const auto told = shard.outputs->publish(**taken); !told)
    return std::unexpected(RunError{ExitCode::Unreachable, told.error().message});
  return {};
}

void Service::keep_foreign(ShardRun& shard, Partition partition) {
  ForeignContainments& foreign = shard.shard.foreign(partition);
  if (foreign.take_changed()) shard.checkpoint.put_record(foreign_record(partition), foreign.encode());
  TreeMembers& trees = shard.shard.trees(partition);
  if (trees.take_changed()) shard.checkpoint.put_record(trees_record(partition), trees.encode());
}

std::expected<void, RunError> Service::open_drills() {
  if (settings_.drill.every.value == 0) return {};
  drills_ = std::make_unique<ServiceDrills>(ServiceDrills::Parts{
      .every = settings_.drill.every,
      .log = log_,
      .counters = metrics_->process(),
      .due_here = [this] { return control_->speaking(Partition{0}).has_value(); },
      .last = [this] { return enforcement_->last_of(drill_scope(kScheduledDrill)); },
      .play = [this](const std::function<bool()>& stopping) { return run_drill(settings_, kScheduledDrill, stopping); }});
  return {};
}

std::string Service::live_view() const {
  std::vector<LiveView::Row> agents;
  std::vector<ShardLag> lag;
  for (std::size_t i = 0; i < shards_.size(); ++i) {
    std::ranges::move(shards_[i]->view.shown(), std::back_inserter(agents));
    lag.push_back({metrics_->shard(i).lag_records.value(), metrics_->shard(i).feed_delay_ns.value()});
  }
  return encode_live_view(std::move(agents), lag, enforcement_->standing(LiveView::kShown));
}

std::vector<FindingRecord> Service::alarms() {
  const auto speaks = [this](const std::string& writer) {
    if (!writer.starts_with("engine-")) return control_->state(Partition{0}).has_value();
    return control_->speaks(writer);
  };
  std::vector<FindingRecord> out = enforcement_->alarms({.speaks = speaks, .gates = control_->state(Partition{0}).has_value()});
  if (drills_) std::ranges::move(drills_->take_findings(), std::back_inserter(out));
  for (const FindingRecord& finding : out)
    log_.warning("enforcement", {{"analytic", uid_of(finding.analytic)}, {"told", finding.sentence}});
  std::ranges::move(gaps_.take_findings(), std::back_inserter(out));
  for (FindingRecord& finding : out) finding.position.partition = kNoInput;
  return out;
}

}  // namespace ringfence
