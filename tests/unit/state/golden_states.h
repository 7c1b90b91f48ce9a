// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>

#include "tests/unit/state/sample_states.h"

/// The state that the files tests/data/state_v*.bin hold, each as an engine of that schema wrote it.
/// A file is its parts one after the other: kind (1 byte), number (8, little-endian), length (varint), bytes.
namespace ringfence::golden {

inline std::string file_of(const std::vector<PartChange>& parts) {
  Writer out;
  for (const auto& part : parts) {
    out.u8(static_cast<std::uint8_t>(part.id.kind));
    out.u64(part.id.number);
    out.text(*part.bytes);
  }
  return out.take();
}

inline std::vector<PartView> parts_in(std::string_view file) {
  std::vector<PartView> out;
  for (Reader in(file); in.ok() && !in.at_end();) {
    const auto kind = static_cast<PartId::Kind>(in.u8());
    const std::uint64_t number = in.u64();
    out.push_back({{kind, number}, in.text()});
  }
  return out;
}

/// Something in every field, in plain numbers; large enough to be in parts.
inline AgentState state() {
  AgentState s;
  s.key = {{0x1111222233334444, 0x5555666677778888}};
  s.tenant = "corp";
  s.id = "spiffe://corp.example/agent/ap-invoice";
  s.lsn = 1'234'567'890'123;
  s.arrivals = 70'001;
  s.first_time = EventTime{1'795'000'000'000'000'000};
  s.last_time = EventTime{1'795'170'000'123'456'789};
  s.persona = 0xFEDCBA9876543210;
  s.evidence.alert[0] = 1.5F;
  s.evidence.alert[31] = 1e30F;
  s.evidence.declared[1] = 0.1F;
  s.ledger = std::make_unique<Ledger>();
  s.ledger->start.alert[2] = 2.25F;
  s.ledger->rows = {{.id = {ChannelId::Barrier, 1, 3}, .count = 41}, {.id = {ChannelId::Outcome, 0, 255}, .count = 1}};
  s.ledger->keep(s.ledger->rows[0], 0, "evt-1");
  s.ledger->keep(s.ledger->rows[0], 1, "evt-2");
  s.ledger->keep(s.ledger->rows[0], 2, "evt-41");
  s.ledger->keep(s.ledger->rows[1], 0, "evt-9");
  s.ledger->opened = EventTime{-5};
  s.ledger->last = EventTime{1'795'170'000'000'000'000};
  s.ledger->contributions = 42;
  s.standing = {true, false, Level::Hold};
  for (const std::uint64_t number : {7U, 3U}) {
    SessionState& session = s.sessions.emplace_back();
    session.id = "session-" + std::to_string(number);
    session.key = number;
    session.last = EventTime{static_cast<std::int64_t>(number)};
    session.arrival = 70'000 + number % 2;
    session.evidence.declared[number] = 3.0F;
    session.standing.throttle = number == 7;
    session.held_acts = static_cast<std::uint32_t>(number);
  }
  s.sessions[0].ledger = std::make_unique<Ledger>();
  s.sessions[0].memory[static_cast<std::size_t>(ChannelId::Barrier)] = std::make_unique<sample::TextMemory>("of a session");
  s.tasks = {{"task-1", 7, std::vector<std::string>{"read", "write"}, std::nullopt, std::vector<std::string>{}, EventTime{99}}};
  for (std::uint64_t i = 0; i < 70; ++i)
    s.acts.push_back({.id = i * 0x9E3779B97F4A7C15ULL,
                      .content = i,
                      .args = i % 3,
                      .time = EventTime{1'795'000'000'000'000'000 + static_cast<std::int64_t>(i)},
                      .seen = static_cast<std::uint8_t>(1 + i % 3),
                      .action = i % 3 == 0 ? 0xA0B0C0D0 + static_cast<std::uint32_t>(i) : 0});
  s.acts_gone = 60;
  s.acts_forgotten_early = 12;
  s.seen_verified = true;
  s.findings = {
      {"rf-5b1c9a0e77d24f18", Analytic::BarrierGuessing, Level::Halt, EventTime{1}, EventTime{2}, EventTime{3}, 2, 41, 40, Severity::Low}};
  s.containments = {
      {"agent:corp/spiffe%3A%2F%2Fcorp.example%2Fagent%2Fap-invoice", 7, true, Level::Halt, "rf-5b1c9a0e77d24f18", EventTime{4}}};
  s.containments[0].enforced = {Level::Halt, EventTime{6}};
  s.containments[0].passed = {3, {EventTime{5}, "call-11"}, {EventTime{7}, "call-12"}};
  s.memory[static_cast<std::size_t>(ChannelId::Volume)] = std::make_unique<sample::TextMemory>("of the agent");
  return s;
}

/// The same with so few acts that it is kept whole.
inline AgentState small(AgentState s) {
  s.acts.resize(5);
  return s;
}
inline AgentState small_state() { return small(state()); }

/// The same with what schemas before 6 knew nothing of.
inline AgentState state_of_six() {
  AgentState s = state();
  SessionState& session = s.sessions.emplace_back();
  session.id = "thief";
  session.key = borrowed_key(session.id);
  session.borrowed = true;
  session.last = EventTime{11};
  session.arrival = 70'000;
  session.apart = std::make_unique<Past>();
  session.apart->memory[static_cast<std::size_t>(ChannelId::Limits)] = std::make_unique<sample::TextMemory>("of who borrows the name");
  session.apart->tasks = {{"task-2", session.key, std::nullopt, std::vector<std::string>{"a.example"}, std::nullopt, std::nullopt}};
  s.acts[0].broken = 3;
  s.acts[1].broken = 32;
  return s;
}

inline void write_evidence(Writer& out, const Evidence& evidence) {
  for (const auto* slots : {&evidence.alert, &evidence.declared}) {
    std::uint64_t mask = 0;
    for (std::size_t i = 0; i < kThreatSlots; ++i) mask |= std::uint64_t{(*slots)[i] != 0} << i;
    out.varint(mask);
    for (const float v : *slots)
      if (v != 0) out.f32(v);
  }
}

inline void write_ledger(Writer& out, const Ledger* ledger) {
  out.u8(ledger ? 1 : 0);
  if (!ledger) return;
  write_evidence(out, ledger->start);
  out.varint(ledger->rows.size());
  for (const auto& row : ledger->rows) {
    out.u8(static_cast<std::uint8_t>(row.id.channel)), out.u8(row.id.context), out.u8(row.id.cls), out.varint(row.count);
    for (std::size_t i = 0; i < row.samples.size(); ++i) out.text(ledger->sample(row, i));
  }
  out.time(ledger->opened), out.time(ledger->last), out.varint(ledger->contributions);
}

inline void write_standing(Writer& out, const Standing& standing) {
  out.u8(static_cast<std::uint8_t>(int{standing.alert} | int{standing.throttle} << 1 |
                                   (standing.held ? static_cast<int>(*standing.held) + 1 : 0) << 2));
}

inline void write_memories(Writer& out, const std::array<std::unique_ptr<ChannelMemory>, kChannels>& memories) {
  std::vector<std::pair<std::uint8_t, std::string>> present;
  for (std::size_t channel = 0; channel < kChannels; ++channel) {
    if (!memories[channel]) continue;
    Writer bytes;
    memories[channel]->encode(bytes);
    present.emplace_back(static_cast<std::uint8_t>(channel), bytes.take());
  }
  out.varint(present.size());
  for (const auto& [channel, bytes] : present) out.u8(channel), out.text(bytes);
}

inline void write_list(Writer& out, const std::optional<std::vector<std::string>>& list) {
  out.u8(list ? 1 : 0);
  if (!list) return;
  out.varint(list->size());
  for (const auto& text : *list) out.text(text);
}

/// The state as a release of that schema would have known it.
inline AgentState as_known_to(AgentState s, std::uint8_t schema) {
  if (schema >= 5) return s;
  for (auto& finding : s.findings) finding.severity.reset();
  if (schema >= 4) return s;
  for (auto& act : s.acts) act.action = 0;
  if (schema >= 3) return s;
  for (auto& containment : s.containments) containment.enforced = {}, containment.passed = {};
  if (schema > 0) return s;
  s.arrivals = 0;
  s.acts_forgotten_early = 0;
  s.seen_verified = false;
  for (auto& session : s.sessions) session.arrival = 0;
  return s;
}

/// The core as schemas 0 to 5 had it, without the form that schemas from 2 on have behind it.
inline std::string old_core(const AgentState& s, std::uint8_t schema) {
  Writer out;
  out.u64(s.key.hash.high), out.u64(s.key.hash.low), out.text(s.tenant), out.text(s.id), out.svarint(s.lsn);
  if (schema >= 1) out.varint(s.arrivals);
  out.time(s.first_time), out.time(s.last_time), out.u64(s.persona);
  write_evidence(out, s.evidence);
  write_ledger(out, s.ledger.get());
  write_standing(out, s.standing);
  out.varint(s.sessions.size());
  for (const auto& session : s.sessions) out.u64(session.key);
  out.varint(s.tasks.size());
  for (const auto& task : s.tasks) {
    out.text(task.id), out.u64(task.session);
    write_list(out, task.actions), write_list(out, task.destinations), write_list(out, task.resources);
    out.u8(task.expires ? 1 : 0);
    if (task.expires) out.time(*task.expires);
  }
  out.varint(s.acts_gone), out.varint(s.acts.size());
  if (schema >= 1) out.varint(s.acts_forgotten_early), out.u8(s.seen_verified ? 1 : 0);
  out.varint(s.findings.size());
  for (const auto& f : s.findings) {
    const bool severity = schema >= 5 && f.severity;
    out.text(f.uid), out.u8(static_cast<std::uint8_t>(f.analytic));
    out.u8(static_cast<std::uint8_t>(static_cast<unsigned>(f.level) | (severity ? kSeverityFollows : 0U)));
    if (severity) out.u8(static_cast<std::uint8_t>(*f.severity));
    out.time(f.created), out.time(f.first_seen), out.time(f.last_seen), out.varint(f.records), out.varint(f.count),
        out.varint(f.count_written);
  }
  out.varint(s.containments.size());
  for (const auto& c : s.containments) {
    out.text(c.scope), out.varint(c.epoch), out.u8(c.contained ? 1 : 0), out.u8(static_cast<std::uint8_t>(c.level));
    out.text(c.finding_uid), out.time(c.since);
    if (schema < 3) continue;
    out.u8(static_cast<std::uint8_t>(c.enforced.level)), out.time(c.enforced.from), out.varint(c.passed.count);
    for (const auto* last : {&c.passed.read, &c.passed.other}) out.time(last->started), out.text(last->event_id);
  }
  write_memories(out, s.memory);
  return out.take();
}

inline std::string old_session(const SessionState& s, std::uint8_t schema) {
  Writer out;
  out.text(s.id), out.time(s.last);
  if (schema >= 1) out.varint(s.arrival);
  write_evidence(out, s.evidence);
  write_ledger(out, s.ledger.get());
  write_standing(out, s.standing);
  out.varint(s.held_acts);
  write_memories(out, s.memory);
  return out.take();
}

inline void write_old_act(Writer& out, const KnownAct& act, std::uint8_t schema) {
  const bool action = schema >= 4 && act.action != 0;
  out.u64(act.id), out.u64(act.content), out.u64(act.args), out.u64(static_cast<std::uint64_t>(act.time.value));
  out.u8(static_cast<std::uint8_t>(act.seen | (action ? kActionFollows : 0U)));
  if (action) out.varint(act.action);
}

/// Schemas 2 to 5 where they are whole: the core, then the sessions and the acts.
inline std::vector<PartChange> encode_old_whole(const AgentState& s, std::uint8_t schema) {
  Writer out;
  out.raw(old_core(s, schema)), out.u8(1);
  for (const auto& session : s.sessions) out.raw(old_session(session, schema));
  for (const auto& act : s.acts) write_old_act(out, act, schema);
  return {{{}, seal_part(s.key, {}, out.bytes(), schema)}};
}

/// Schemas 0 to 5 in parts, as they were: in 0 no `arrivals` and `acts_forgotten_early` in the core, no `arrival` in a session; from 2 on
/// the form behind the core.
inline std::vector<PartChange> encode_old(const AgentState& s, std::uint8_t schema) {
  std::vector<PartChange> out;
  const auto add = [&](PartId id, std::string_view body) { out.push_back({id, seal_part(s.key, id, body, schema)}); };
  for (const auto& session : s.sessions) add({PartId::Kind::Session, session.key}, old_session(session, schema));
  std::map<std::uint64_t, Writer> chunks;
  for (std::size_t i = 0; i < s.acts.size(); ++i) {
    const KnownAct& act = s.acts[i];
    write_old_act(chunks[(s.acts_gone + i) / 64], act, schema);
  }
  for (const auto& [number, body] : chunks) add({PartId::Kind::Acts, number}, body.bytes());
  add({PartId::Kind::Core, 0}, old_core(s, schema) + (schema >= 2 ? std::string(1, '\0') : ""));
  return out;
}

}  // namespace ringfence::golden
