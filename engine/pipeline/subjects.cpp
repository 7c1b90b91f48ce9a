// SPDX-License-Identifier: Apache-2.0
#include "engine/pipeline/subjects.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/state/codec.h"
#include "engine/state/keyspace.h"

namespace ringfence {
namespace {

/// Subjects of one partition that may have stopped somebody, when they are read back.
constexpr std::size_t kStoppingMost = std::size_t{1} << 24U;

}  // namespace

std::expected<std::optional<Judgement>, StoreError> Subjects::judge(const Link& link, const AgentKey& key, const Rulebook& rules,
                                                                    Position at, std::string_view topic, bool derived) {
  std::expected<std::optional<Judgement>, StoreError> judged;  // the one value returned
  if (link.deed == Deed::Read || link.deed == Deed::Pass) {    // who knows of no labels has none to hand on: no state for all that is read
    const auto known = table_.find(at.partition, key);
    if (!known) judged = std::unexpected(known.error());
    if (!known || *known == nullptr) return judged;
  }
  const bool known = table_.in_memory({at.partition, key}) != nullptr;
  const auto opened = table_.open(at, key, link.act->tenant, known ? std::string() : subject_name(link), link.act->time);
  if (!opened) {
    judged = std::unexpected(opened.error());
    return judged;
  }
  AgentState& subject = **opened;
  if (at.offset.value <= subject.lsn - (derived ? 1 : 0)) return judged;
  if (!judge_link(judged->emplace(), link, subject, rules, at, topic)) judged->reset();
  if (*judged && subject.contained()) {
    Stopping& stopping = stopping_[at.partition];
    stopping.changed = stopping.subjects.insert(key).second || stopping.changed;
  }
  table_.touch(subject, at.offset);
  return judged;
}

std::expected<std::vector<Operated>, StoreError> Subjects::operate(const Command& command, const ScopeParts& scope, const Rulebook& rules,
                                                                   Position at, std::string_view topic, std::int64_t base) {
  std::vector<Operated> done;
  Stopping& stopping = stopping_[at.partition];
  for (auto key = stopping.subjects.begin(); key != stopping.subjects.end();) {
    const auto known = table_.find(at.partition, *key);
    if (!known) return std::unexpected(known.error());
    if (*known == nullptr || !(*known)->contained()) {
      key = stopping.subjects.erase(key);
      stopping.changed = true;
      continue;
    }
    const auto opened = open_known(*key++, at, base);
    if (!opened) return std::unexpected(opened.error());
    if (*opened == nullptr) continue;
    Operated one = operate_subject(command, scope, **opened, rules, at, topic);
    if (one.answer == CommandAnswer::UnknownAgent) continue;
    if (one.answer == CommandAnswer::Done) table_.touch(**opened, at.offset);
    done.push_back(std::move(one));
  }
  return done;
}

std::expected<AgentState*, StoreError> Subjects::open_known(const AgentKey& key, Position at, std::int64_t base) {
  const auto known = table_.find(at.partition, key);
  if (!known) return std::unexpected(known.error());
  if (*known == nullptr) return nullptr;
  const auto opened = table_.open(at, key, (*known)->tenant, (*known)->id, (*known)->last_time);
  if (!opened) return std::unexpected(opened.error());
  // Later links in it, and so the command too; or none of this input.
  return (*opened)->lsn > at.offset.value || (*opened)->lsn < base ? nullptr : *opened;
}

std::optional<std::string> Subjects::stopping_changed(Partition partition) {
  const auto found = stopping_.find(partition);
  if (found == stopping_.end() || !std::exchange(found->second.changed, false)) return std::nullopt;
  Writer out;
  out.varint(found->second.subjects.size());
  for (const AgentKey& key : found->second.subjects) {
    out.u64(key.hash.high);
    out.u64(key.hash.low);
  }
  return out.take();
}

void Subjects::restore_stopping(Partition partition, std::string_view bytes) {
  Reader in(bytes);
  Stopping& stopping = stopping_[partition];
  const std::size_t count = in.count(16, kStoppingMost);
  for (std::size_t i = 0; i < count && in.ok(); ++i) {
    const std::uint64_t high = in.u64(), low = in.u64();
    if (in.ok()) stopping.subjects.insert(AgentKey{{high, low}});
  }
}

std::string stopping_record(Partition partition) { return partition_record("stopping", partition); }

}  // namespace ringfence
