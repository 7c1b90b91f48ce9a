// SPDX-License-Identifier: Apache-2.0
#include "engine/pipeline/fact_journal.h"

#include <algorithm>

#include "engine/state/codec.h"

namespace ringfence {
namespace {

constexpr std::size_t kKept = 4096;
constexpr std::size_t kFactBytes = 7;  // of the shortest that is encoded

void write_facts(Writer& out, const std::vector<Facts::Fact>& facts) {
  out.varint(facts.size());
  for (const Facts::Fact& fact : facts) {
    out.u8(static_cast<std::uint8_t>(fact.change));
    out.text(fact.tenant);
    out.text(fact.scope_type);
    out.text(fact.scope_id);
    out.time(fact.from);
    out.time(fact.until);
    out.u8(fact.observed ? 1 : 0);
  }
}

std::vector<Facts::Fact> read_facts(Reader& in) {
  std::vector<Facts::Fact> facts(in.count(kFactBytes, kKept));
  for (Facts::Fact& fact : facts) {
    const std::uint8_t change = in.u8();
    if (change > static_cast<std::uint8_t>(ChangeKind::Deploy)) in.fail();
    fact.change = static_cast<ChangeKind>(change);
    fact.tenant = in.text();
    fact.scope_type = in.text();
    fact.scope_id = in.text();
    fact.from = in.time();
    fact.until = in.time();
    fact.observed = in.u8() != 0;
  }
  return facts;
}

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
  if (facts_.size() <= kKept) return;
  EventDecoder decoder;
  EventArena arena;
  if (const auto oldest = decoder.decode(facts_.front().second, std::nullopt, arena)) older_.apply(*oldest);
  facts_.pop_front();
}

std::string FactJournal::encode() const {
  Writer out;
  out.varint(facts_.size());
  for (const auto& [lsn, record] : facts_) {
    out.svarint(lsn);
    out.text(record);
  }
  write_facts(out, older_.all());
  return out.take();
}

void FactJournal::restore(std::string_view bytes, std::int64_t low, const std::vector<Facts*>& shards) {
  Reader in(bytes);
  std::vector<std::pair<std::int64_t, std::string_view>> records(in.count(2, kKept));
  for (auto& [lsn, record] : records) {
    lsn = in.svarint();
    record = in.text();
  }
  std::vector<Facts::Fact> older;
  if (!in.at_end()) older = read_facts(in);  // a former build encoded none
  if (!in.ok()) return;
  older_.restore(older);
  for (Facts* const facts : shards) facts->restore(older);
  EventDecoder decoder;
  EventArena arena;
  for (const auto& [lsn, record] : records) {
    if (lsn >= low) return;
    const auto event = decoder.decode(record, std::nullopt, arena);
    if (!event) continue;
    for (Facts* const facts : shards) facts->apply(*event);
    facts_.emplace_back(lsn, record);
  }
}

}  // namespace ringfence
