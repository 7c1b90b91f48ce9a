// SPDX-License-Identifier: Apache-2.0
#include "engine/pipeline/fact_journal.h"

#include <algorithm>

#include "engine/state/codec.h"

namespace ringfence {
namespace {

constexpr std::size_t kKept = 4096;

}  // namespace

bool FactJournal::note(const Window& window, Partition partition, std::int64_t base) {
  bool any = false;
  for (std::size_t i = 0; i < window.size(); ++i) {
    const Record& record = window.records()[i];
    const auto& event = window.entry(i).event;
    if (record.position.partition != partition || !event || event->kind != EventKind::ContextChange) continue;
    add(base + record.position.offset.value, std::string(record.bytes));
    any = true;
  }
  return any;
}

void FactJournal::add(std::int64_t lsn, std::string record) {
  const auto behind = std::ranges::upper_bound(facts_, lsn, {}, &std::pair<std::int64_t, std::string>::first);
  facts_.emplace(behind, lsn, std::move(record));
  if (facts_.size() > kKept) facts_.erase(facts_.begin());
}

std::string FactJournal::encode() const {
  Writer out;
  out.varint(facts_.size());
  for (const auto& [lsn, record] : facts_) {
    out.svarint(lsn);
    out.text(record);
  }
  return out.take();
}

void FactJournal::restore(std::string_view bytes, std::int64_t low, const std::vector<Facts*>& shards) {
  EventDecoder decoder;
  EventArena arena;
  Reader in(bytes);
  const std::size_t count = in.count(2, kKept);
  for (std::size_t i = 0; i < count; ++i) {
    const std::int64_t lsn = in.svarint();
    const std::string record(in.text());
    if (!in.ok() || lsn >= low) return;
    const auto event = decoder.decode(record, std::nullopt, arena);
    if (!event) continue;
    for (Facts* facts : shards) facts->apply(*event);
    facts_.emplace_back(lsn, record);
  }
}

}  // namespace ringfence
