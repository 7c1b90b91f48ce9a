// SPDX-License-Identifier: Apache-2.0
#include "models/limits_totals.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "engine/event/limits.h"
#include "engine/persona/persona.h"

namespace ringfence::totals {

namespace {

/// 1 did not say whether there were more distinct values than it kept.
constexpr std::uint8_t kVersion = 2;
/// Of a session while requests are open.
constexpr std::uint8_t kVersionAsking = 3;
/// One ladder per action and the persona's; four times that, for a persona replaced under way and the jobs it was delegated from. The least
/// recent made goes first.
constexpr std::size_t kLaddersMost = 4 * (kActionsMax + 1);
constexpr std::size_t kKindsMost = 256;
constexpr std::size_t kRowBytes = sizeof(std::uint64_t) * (1 + kUnits);

}  // namespace

std::array<double, kUnits>& Totals::sums(std::uint64_t ladder) {
  const auto known = std::ranges::find(rows_, ladder, &Row::ladder);
  if (known != rows_.end()) return known->sums;
  if (rows_.size() == kLaddersMost) rows_.erase(rows_.begin());
  return rows_.emplace_back(Row{ladder, {}}).sums;
}

bool Totals::fits(std::uint64_t kind, std::uint64_t value, std::size_t most) {
  auto place = std::ranges::find(entities_, kind, &Entities::kind);
  if (place == entities_.end()) {
    if (entities_.size() == kKindsMost) entities_.erase(entities_.begin());
    place = entities_.insert(entities_.end(), Entities{kind, {}});
  }
  const auto at = std::ranges::lower_bound(place->values, value);
  if (at != place->values.end() && *at == value) return true;
  if (place->values.size() >= std::min(most, limits::kEntitiesDeclared)) {
    place->more = true;
    return false;
  }
  place->values.insert(at, value);
  return true;
}

double Totals::sum(std::uint64_t ladder, envelope::Unit unit) const {
  const auto known = std::ranges::find(rows_, ladder, &Row::ladder);
  return known == rows_.end() ? 0 : known->sums.at(static_cast<std::size_t>(unit));
}

std::size_t Totals::distinct(std::uint64_t kind) const {
  const auto place = std::ranges::find(entities_, kind, &Entities::kind);
  return place == entities_.end() ? 0 : place->values.size() + (place->more ? 1 : 0);
}

bool Totals::knows(std::uint64_t kind, std::uint64_t value) const {
  const auto place = std::ranges::find(entities_, kind, &Entities::kind);
  return place != entities_.end() && std::ranges::binary_search(place->values, value);
}

void Totals::encode(Writer& out) const {
  out.varint(rows_.size());
  for (const Row& row : rows_) {
    out.u64(row.ladder);
    for (const double sum : row.sums) out.f64(sum);
  }
  out.varint(entities_.size());
  for (const Entities& kind : entities_) {
    out.u64(kind.kind);
    out.u8(kind.more ? 1 : 0);
    out.varint(kind.values.size());
    for (const std::uint64_t value : kind.values) out.u64(value);
  }
}

std::size_t Totals::bytes() const {
  std::size_t bytes = rows_.capacity() * sizeof(Row) + entities_.capacity() * sizeof(Entities);
  for (const Entities& kind : entities_) bytes += kind.values.capacity() * sizeof(std::uint64_t);
  return bytes;
}

Totals Totals::decode(Reader& in, std::uint8_t version) {
  Totals totals;
  const std::size_t rows = in.count(kRowBytes, kLaddersMost);
  for (std::size_t i = 0; i < rows; ++i) {
    Row& row = totals.rows_.emplace_back();
    row.ladder = in.u64();
    for (double& sum : row.sums) {
      sum = in.f64();
      if (!std::isfinite(sum) || sum < 0) in.fail();
    }
  }
  const std::size_t kinds = in.count(sizeof(std::uint64_t) + 1, kKindsMost);
  for (std::size_t i = 0; i < kinds; ++i) {
    Entities& kind = totals.entities_.emplace_back();
    kind.kind = in.u64();
    if (version >= 2) kind.more = in.u8() == 1;
    kind.values.resize(in.count(sizeof(std::uint64_t), limits::kEntitiesDeclared));
    for (std::uint64_t& value : kind.values) value = in.u64();
    if (!std::ranges::is_sorted(kind.values)) in.fail();
  }
  return totals;
}

std::int64_t minute_of(const Act& act) {
  constexpr std::int64_t kMinute = minutes(1).value;
  const EventTime time = act.asked ? std::min(act.asked->clock, act.event.time) : act.event.time;
  return time.value / kMinute - (time.value % kMinute < 0 ? 1 : 0);
}

void AgentTotals::encode(Writer& out) const {
  out.u8(kVersion);
  out.varint(days.entries().size());
  for (const auto& day : days.entries()) {
    out.svarint(day.number);
    day.value.encode(out);
  }
  out.varint(minutes.entries().size());
  for (const auto& minute : minutes.entries()) {
    out.svarint(minute.number);
    out.varint(minute.value);
  }
}

std::size_t AgentTotals::bytes() const {
  std::size_t bytes = sizeof(*this) + minutes.entries().capacity() * sizeof(minutes.entries().front());
  for (const auto& day : days.entries()) bytes += sizeof(day) + day.value.bytes();
  return bytes;
}

std::unique_ptr<ChannelMemory> AgentTotals::decode(Reader& in) {
  const std::uint8_t version = in.u8();
  if (version < 1 || version > kVersion) return nullptr;
  auto memory = std::make_unique<AgentTotals>();
  std::vector<decltype(days)::Entry> read_days(in.count(3, decltype(days)::kMost));
  for (auto& day : read_days) {
    day.number = in.svarint();
    day.value = Totals::decode(in, version);
  }
  std::vector<decltype(minutes)::Entry> read_minutes(in.count(2, decltype(minutes)::kMost));
  for (auto& minute : read_minutes) {
    minute.number = in.svarint();
    minute.value = in.varint();
  }
  if (!in.ok() || !memory->days.restore(std::move(read_days)) || !memory->minutes.restore(std::move(read_minutes))) return nullptr;
  return memory;
}

void SessionTotals::keep(NamedIds request) {
  std::erase_if(open, &NamedIds::answered);
  if (request.ids.size() > NamedIds::kIds) request.ids.resize(NamedIds::kIds);
  if (open.size() == kOpen) open.erase(open.begin());
  open.push_back(std::move(request));
}

void SessionTotals::answer(std::uint64_t event) {
  std::erase_if(open, &NamedIds::answered);
  const auto found = std::ranges::find(open, event, &NamedIds::event);
  if (found != open.end()) found->answered = true;
}

const NamedIds* SessionTotals::named(std::uint64_t event) const {
  const auto found = std::ranges::find(open, event, &NamedIds::event);
  return found == open.end() ? nullptr : &*found;
}

void SessionTotals::encode(Writer& out) const {
  out.u8(open.empty() ? kVersion : kVersionAsking);
  totals.encode(out);
  if (open.empty()) return;
  out.varint(open.size());
  for (const NamedIds& request : open) {
    out.u64(request.event);
    out.u8(request.answered ? 1 : 0);
    out.varint(request.ids.size());
    for (const NamedIds::Id& id : request.ids) out.u64(id.kind), out.u64(id.value);
  }
}

std::size_t SessionTotals::bytes() const {
  std::size_t bytes = sizeof(*this) + totals.bytes() + open.capacity() * sizeof(NamedIds);
  for (const NamedIds& request : open) bytes += request.ids.capacity() * sizeof(NamedIds::Id);
  return bytes;
}

std::unique_ptr<ChannelMemory> SessionTotals::decode(Reader& in) {
  const std::uint8_t version = in.u8();
  if (version < 1 || version > kVersionAsking) return nullptr;
  auto memory = std::make_unique<SessionTotals>();
  memory->totals = Totals::decode(in, version);
  const std::size_t open = version == kVersionAsking ? in.count(sizeof(std::uint64_t) + 2, SessionTotals::kOpen) : 0;
  if (version == kVersionAsking && open == 0) return nullptr;
  for (std::size_t i = 0; i < open && in.ok(); ++i) {
    NamedIds request{.event = in.u64(), .ids = {}, .answered = in.u8() == 1};
    request.ids.resize(in.count(sizeof(NamedIds::Id), NamedIds::kIds));
    for (NamedIds::Id& id : request.ids) {
      id.kind = in.u64();
      id.value = in.u64();
    }
    memory->open.push_back(std::move(request));
  }
  return in.ok() ? std::move(memory) : nullptr;
}

}  // namespace ringfence::totals
