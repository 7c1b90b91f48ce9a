// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/state/agent_codec.h"
#include "engine/state/borrowed_session.h"

namespace ringfence {

/// Reads one part's body; the schema says which fields are there. What cannot be read fails the reader; channel memories that are not
/// known, or refuse their bytes, are counted in `dropped`.
class Body {
 public:
  Body(Reader& in, std::uint8_t schema, const MemoryFactory& memories, std::uint32_t& dropped)
      : in_(in), schema_(schema), memories_(memories), dropped_(dropped) {}

  /// Who it is and when it was last heard of: the beginning of the core.
  void identity(AgentState& s) {
    s.key.hash.high = in_.u64();
    s.key.hash.low = in_.u64();
    s.tenant = in_.text();
    s.id = in_.text();
    s.lsn = in_.svarint();
    if (schema_ >= 1) s.arrivals = in_.varint();
    s.first_time = in_.time();
    s.last_time = in_.time();
  }

  /// The other fields of the core; what follows them, the form says.
  CoreForm core(AgentState& s, std::vector<std::uint64_t>& sessions, std::uint64_t& acts) {
    s.persona = in_.u64();
    evidence(s.evidence);
    ledger(s.ledger);
    standing(s.standing);
    sessions.resize(in_.count(8, kElementsMax));
    for (auto& key : sessions) key = in_.u64();
    tasks(s.tasks);
    s.acts_gone = in_.varint();
    acts = in_.varint();
    if (s.acts_gone > kActsGoneMax || acts > kActsMax) in_.fail();
    if (schema_ >= 1) {
      s.acts_forgotten_early = in_.varint();
      const std::uint8_t verified = in_.u8();
      if (verified > 1) in_.fail();
      s.seen_verified = verified == 1;
    }
    s.findings.resize(in_.count(9, kElementsMax));
    for (auto& each : s.findings) finding(each);
    s.containments.resize(in_.count(6, kElementsMax));
    for (auto& each : s.containments) containment(each);
    memory(s.memory, MemoryScope::Agent);
    const std::uint8_t form = schema_ >= 2 ? in_.u8() : std::uint8_t{0};
    if (form > static_cast<std::uint8_t>(CoreForm::Whole)) in_.fail();
    return static_cast<CoreForm>(form);
  }

  void session(SessionState& s) {
    s.id = in_.text();
    s.last = in_.time();
    if (schema_ >= 1) s.arrival = in_.varint();
    evidence(s.evidence);
    ledger(s.ledger);
    standing(s.standing);
    s.held_acts = narrow();
    memory(s.memory, MemoryScope::Session);
    s.borrowed = has_borrowed_key(s);
    if (schema_ < 6 || !s.borrowed || !flag()) return;
    s.apart = std::make_unique<Past>();
    memory(s.apart->memory, MemoryScope::Agent);
    tasks(s.apart->tasks);
  }

  void acts(std::vector<KnownAct>& out, std::uint64_t count) {
    if (count > in_.left() / kActBytes) return in_.fail();
    if (out.empty()) out.reserve(count);
    for (; count > 0; --count) {
      KnownAct& act = out.emplace_back();
      act.id = in_.u64();
      act.content = in_.u64();
      act.args = in_.u64();
      act.time = EventTime{static_cast<std::int64_t>(in_.u64())};
      act.seen = in_.u8();
      if (follows(act, kActionFollows, 4)) {
        act.action = in_.varint32();
        if (act.action == 0) in_.fail();
      }
      if (follows(act, kBrokenFollows, 6)) {
        act.broken = in_.u8();
        if (act.broken == 0) in_.fail();
      }
    }
  }

 private:
  /// Above every real list; the bytes at hand bound what is allocated long before.
  static constexpr std::size_t kElementsMax = 1U << 16U;
  static constexpr std::uint64_t kActsMax = std::uint64_t{1} << 32U;
  static constexpr std::uint64_t kActsGoneMax = std::uint64_t{1} << 60U;

  /// Takes the bit off the act; before schema `since` nobody wrote it.
  bool follows(KnownAct& act, std::uint8_t bit, std::uint8_t since) {
    if ((act.seen & bit) == 0) return false;
    if (schema_ < since) in_.fail();
    act.seen = static_cast<std::uint8_t>(act.seen & ~unsigned{bit});
    return true;
  }

  void slots(std::array<float, kThreatSlots>& out) {
    const std::uint64_t mask = in_.varint();
    if (mask >> kThreatSlots != 0) return in_.fail();
    for (std::size_t i = 0; i < kThreatSlots; ++i) {
      if ((mask >> i & 1) == 0) continue;
      out[i] = in_.f32();
      if (std::bit_cast<std::uint32_t>(out[i]) == 0) in_.fail();
    }
  }

  void evidence(Evidence& out) {
    slots(out.alert);
    slots(out.declared);
  }

  bool flag() {
    const std::uint8_t v = in_.u8();
    if (v > 1) in_.fail();
    return v == 1;
  }

  std::uint32_t narrow() {
    const std::uint64_t v = in_.varint();
    if (v > std::numeric_limits<std::uint32_t>::max()) in_.fail();
    return in_.ok() ? static_cast<std::uint32_t>(v) : 0;
  }

  Level level() { return level_in(in_.u8()); }

  Level level_in(std::uint8_t v) {
    if (v >= kLevels) in_.fail();
    return in_.ok() ? static_cast<Level>(v) : Level::Observe;
  }

  /// Of what has a level; one that is the level's own is not written.
  Severity severity(Level level) {
    const std::uint8_t v = in_.u8();
    if (v >= kSeverities || schema_ < 5 || static_cast<Severity>(v) == severity_of(level)) in_.fail();
    return in_.ok() ? static_cast<Severity>(v) : Severity::Informational;
  }

  Ledger::Row::Stake stake() {
    Ledger::Row::Stake out;
    out.threat = in_.u8();
    if (out.threat >= kThreatSlots) in_.fail();
    const std::uint8_t flags = in_.u8();
    if (flags > 3) in_.fail();
    out.ticked = (flags & 1U) != 0;
    out.early = (flags & 2U) != 0;
    out.alert_nats = in_.f64();
    out.declared_nats = in_.f64();
    return out;
  }

  void ledger(std::unique_ptr<Ledger>& out) {
    if (!flag()) return;
    out = std::make_unique<Ledger>();
    evidence(out->start);
    out->rows.resize(in_.count(7, kElementsMax));
    for (auto& row : out->rows) {
      const std::uint8_t first = in_.u8();
      const std::uint8_t channel = first & 0x7FU;
      if (channel >= kChannels) in_.fail();
      row.id.channel = static_cast<ChannelId>(channel);
      row.id.context = in_.u8();
      row.id.cls = in_.u8();
      row.count = narrow();
      if (first != channel) row.stake = stake();
      for (std::size_t i = 0; i < row.samples.size(); ++i) out->keep(row, i, in_.text());
    }
    out->opened = in_.time();
    out->last = in_.time();
    out->contributions = narrow();
  }

  void standing(Standing& out) {
    const std::uint8_t v = in_.u8();
    const unsigned held = v >> 2U;
    if (held > kLevels) return in_.fail();
    out.alert = (v & 1U) != 0;
    out.throttle = (v & 2U) != 0;
    if (held != 0) out.held = static_cast<Level>(held - 1);
  }

  void list(std::optional<std::vector<std::string>>& out) {
    if (!flag()) return;
    out.emplace(in_.count(1, kElementsMax));
    for (auto& text : *out) text = in_.text();
  }

  void task(TaskScope& out) {
    out.id = in_.text();
    out.session = in_.u64();
    list(out.actions);
    list(out.destinations);
    list(out.resources);
    if (flag()) out.expires = in_.time();
  }

  void tasks(std::vector<TaskScope>& out) {
    out.resize(in_.count(13, kElementsMax));
    for (auto& each : out) task(each);
  }

  void finding(OpenFinding& out) {
    out.uid = in_.text();
    const std::uint8_t analytic = in_.u8();
    if (analytic >= kAnalytics) in_.fail();
    out.analytic = static_cast<Analytic>(analytic);
    const std::uint8_t first = in_.u8();
    out.level = level_in(static_cast<std::uint8_t>(first & ~unsigned{kSeverityFollows}));
    if ((first & kSeverityFollows) != 0) out.severity = severity(out.level);
    out.created = in_.time();
    out.first_seen = in_.time();
    out.last_seen = in_.time();
    out.records = narrow();
    out.count = in_.varint();
    out.count_written = in_.varint();
  }

  void containment(Containment& out) {
    out.scope = in_.text();
    out.epoch = in_.varint();
    out.contained = flag();
    out.level = level();
    out.finding_uid = in_.text();
    out.since = in_.time();
    if (schema_ < 3) return;
    out.enforced.level = level();
    out.enforced.from = in_.time();
    out.passed.count = in_.varint();
    for (auto* last : {&out.passed.read, &out.passed.other}) {
      last->started = in_.time();
      last->event_id = in_.text();
    }
  }

  void memory(std::array<std::unique_ptr<ChannelMemory>, kChannels>& out, MemoryScope scope) {
    const std::size_t count = in_.count(2, 256);
    int last = -1;
    for (std::size_t i = 0; i < count && in_.ok(); ++i) {
      const std::uint8_t channel = in_.u8();
      if (channel <= last) return in_.fail();
      last = channel;
      Reader bytes(in_.text());
      if (!in_.ok()) return;
      std::unique_ptr<ChannelMemory> decoded;
      if (channel < kChannels) decoded = memories_.decode(static_cast<ChannelId>(channel), scope, bytes);
      if (decoded && bytes.ok())
        out[channel] = std::move(decoded);
      else
        ++dropped_;
    }
  }

  Reader& in_;
  std::uint8_t schema_;
  const MemoryFactory& memories_;
  std::uint32_t& dropped_;
};

}  // namespace ringfence
