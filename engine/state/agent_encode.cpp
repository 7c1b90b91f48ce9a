// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "engine/state/agent_codec.h"
#include "engine/state/borrowed_session.h"

namespace ringfence {
namespace {

void write_slots(Writer& out, const std::array<float, kThreatSlots>& slots) {
  std::uint64_t mask = 0;
  for (std::size_t i = 0; i < kThreatSlots; ++i) mask |= std::uint64_t{std::bit_cast<std::uint32_t>(slots[i]) != 0} << i;
  out.varint(mask);
  for (; mask != 0; mask &= mask - 1) out.f32(slots[static_cast<std::size_t>(std::countr_zero(mask))]);
}

void write_evidence(Writer& out, const Evidence& evidence) {
  write_slots(out, evidence.alert);
  write_slots(out, evidence.declared);
}

void write_bool(Writer& out, bool v) { out.u8(v ? 1 : 0); }

/// On the channel's number: the row carries its own factors.
constexpr unsigned kStaked = 0x80;

void write_ledger(Writer& out, const std::unique_ptr<Ledger>& ledger) {
  write_bool(out, ledger != nullptr);
  if (!ledger) return;
  write_evidence(out, ledger->start);
  out.varint(ledger->rows.size());
  for (const auto& row : ledger->rows) {
    out.u8(static_cast<std::uint8_t>(static_cast<unsigned>(row.id.channel) | (row.stake ? kStaked : 0U)));
    out.u8(row.id.context);
    out.u8(row.id.cls);
    out.varint(row.count);
    if (row.stake) {
      out.u8(row.stake->threat);
      out.u8(static_cast<std::uint8_t>((row.stake->ticked ? 1U : 0U) | (row.stake->early ? 2U : 0U)));
      out.f64(row.stake->alert_nats);
      out.f64(row.stake->declared_nats);
    }
    for (std::size_t i = 0; i < row.samples.size(); ++i) out.text(ledger->sample(row, i));
  }
  out.time(ledger->opened);
  out.time(ledger->last);
  out.varint(ledger->contributions);
}

/// Bit 0 alert, bit 1 throttle, above them 0 or the held level + 1.
void write_standing(Writer& out, const Standing& standing) {
  const unsigned held = standing.held ? static_cast<unsigned>(*standing.held) + 1 : 0;
  out.u8(static_cast<std::uint8_t>((standing.alert ? 1U : 0U) | (standing.throttle ? 2U : 0U) | held << 2U));
}

void write_list(Writer& out, const std::optional<std::vector<std::string>>& list) {
  write_bool(out, list.has_value());
  if (!list) return;
  out.varint(list->size());
  for (const auto& text : *list) out.text(text);
}

void write_task(Writer& out, const TaskScope& task) {
  out.text(task.id);
  out.u64(task.session);
  write_list(out, task.actions);
  write_list(out, task.destinations);
  write_list(out, task.resources);
  write_bool(out, task.expires.has_value());
  if (task.expires) out.time(*task.expires);
}

void write_finding(Writer& out, const OpenFinding& finding) {
  out.text(finding.uid);
  out.u8(static_cast<std::uint8_t>(finding.analytic));
  out.u8(static_cast<std::uint8_t>(static_cast<unsigned>(finding.level) | (finding.severity ? kSeverityFollows : 0U)));
  if (finding.severity) out.u8(static_cast<std::uint8_t>(*finding.severity));
  out.time(finding.created);
  out.time(finding.first_seen);
  out.time(finding.last_seen);
  out.varint(finding.records);
  out.varint(finding.count);
  out.varint(finding.count_written);
}

void write_containment(Writer& out, const Containment& containment) {
  out.text(containment.scope);
  out.varint(containment.epoch);
  write_bool(out, containment.contained);
  out.u8(static_cast<std::uint8_t>(containment.level));
  out.text(containment.finding_uid);
  out.time(containment.since);
  out.u8(static_cast<std::uint8_t>(containment.enforced.level));
  out.time(containment.enforced.from);
  out.varint(containment.passed.count);
  for (const auto* last : {&containment.passed.read, &containment.passed.other}) {
    out.time(last->started);
    out.text(last->event_id);
  }
}

/// Channel number and length-prefixed bytes, so that a reader can step over a channel it does not know.
void write_memories(Writer& out, const std::array<std::unique_ptr<ChannelMemory>, kChannels>& memories) {
  out.varint(static_cast<std::uint64_t>(std::ranges::count_if(memories, [](const auto& m) { return m != nullptr; })));
  for (std::size_t channel = 0; channel < kChannels; ++channel) {
    if (!memories[channel]) continue;
    out.u8(static_cast<std::uint8_t>(channel));
    out.nested([&](Writer& memory) { memories[channel]->encode(memory); });
  }
}

void write_tasks(Writer& out, const std::vector<TaskScope>& tasks) {
  out.varint(tasks.size());
  for (const auto& task : tasks) write_task(out, task);
}

void write_core(Writer& out, const AgentState& s) {
  out.u64(s.key.hash.high);
  out.u64(s.key.hash.low);
  out.text(s.tenant);
  out.text(s.id);
  out.svarint(s.lsn);
  out.varint(s.arrivals);
  out.time(s.first_time);
  out.time(s.last_time);
  out.u64(s.persona);
  write_evidence(out, s.evidence);
  write_ledger(out, s.ledger);
  write_standing(out, s.standing);
  out.varint(s.sessions.size());
  for (const auto& session : s.sessions) out.u64(session.key);
  write_tasks(out, s.tasks);
  out.varint(s.acts_gone);
  out.varint(s.acts.size());
  out.varint(s.acts_forgotten_early);
  out.u8(s.seen_verified ? 1 : 0);
  out.varint(s.findings.size());
  for (const auto& finding : s.findings) write_finding(out, finding);
  out.varint(s.containments.size());
  for (const auto& containment : s.containments) write_containment(out, containment);
  write_memories(out, s.memory);
}

void write_session(Writer& out, const SessionState& s) {
  out.text(s.id);
  out.time(s.last);
  out.varint(s.arrival);
  write_evidence(out, s.evidence);
  write_ledger(out, s.ledger);
  write_standing(out, s.standing);
  out.varint(s.held_acts);
  write_memories(out, s.memory);
  if (!has_borrowed_key(s)) return;
  write_bool(out, s.apart != nullptr);
  if (!s.apart) return;
  write_memories(out, s.apart->memory);
  write_tasks(out, s.apart->tasks);
}

void write_acts(Writer& out, std::span<const KnownAct> acts) {
  for (const auto& act : acts) {
    const std::array<std::uint64_t, 4> words{act.id, act.content, act.args, static_cast<std::uint64_t>(act.time.value)};
    out.u64s(words);
    out.u8(static_cast<std::uint8_t>(act.seen | (act.action != 0 ? kActionFollows : 0U) | (act.broken != 0 ? kBrokenFollows : 0U)));
    if (act.action != 0) out.varint(act.action);
    if (act.broken != 0) out.u8(act.broken);
  }
}

/// The most that `write_acts` comes to, as far as that may be whole.
std::size_t bytes_of(std::span<const KnownAct> acts) {
  const std::size_t least = acts.size() * kActBytes;
  if (least > kWholeBytes) return least;
  const auto more = [](const KnownAct& act) { return act.action != 0 || act.broken != 0; };
  return least + kMoreBytes * static_cast<std::size_t>(std::ranges::count_if(acts, more));
}

using Sums = std::vector<std::pair<std::uint64_t, std::uint64_t>>;  // of sessions: key and checksum

auto find_session(const Sums& sums, std::uint64_t key) { return std::ranges::find(sums, key, &Sums::value_type::first); }

/// What stands before the body of a part.
constexpr std::size_t kHeadBytes = 2;
static_assert(kModelVersion < 0x80);

/// Collects what differs from what is written.
class Changes {
 public:
  explicit Changes(const AgentKey& key) : key_(key) {}

  /// Signs the part, which is kept where its checksum is not `written`; gives the checksum.
  std::uint64_t part(PartId id, Writer& bytes, std::uint64_t written) {
    const std::uint64_t checksum = end_part(key_, id, bytes);
    if (written == 0 || checksum != written) list.push_back({id, std::string(bytes.bytes())});
    return checksum;
  }
  void gone(PartId id) { list.push_back({id, std::nullopt}); }

  std::vector<PartChange> list;

 private:
  const AgentKey& key_;
};

void act_changes(const AgentState& state, WrittenParts& written, Writer& part, Changes& changes) {
  std::vector<std::uint64_t> now;
  const std::uint64_t first = state.acts_gone / kActsPerChunk;
  std::size_t at = 0;
  for (std::uint64_t chunk = first; at < state.acts.size(); ++chunk) {
    const std::size_t room = at == 0 ? kActsPerChunk - state.acts_gone % kActsPerChunk : kActsPerChunk;
    const std::size_t size = std::min(room, state.acts.size() - at);
    const bool known = chunk >= written.first_chunk && chunk - written.first_chunk < written.chunks.size();
    const std::uint64_t sum = known ? written.chunks[chunk - written.first_chunk] : 0;
    begin_part(part);
    write_acts(part, std::span(state.acts).subspan(at, size));
    now.push_back(changes.part({PartId::Kind::Acts, chunk}, part, sum));
    at += size;
  }
  for (std::uint64_t i = 0; i < written.chunks.size(); ++i) {
    const std::uint64_t chunk = written.first_chunk + i;
    if (chunk < first || chunk - first >= now.size()) changes.gone({PartId::Kind::Acts, chunk});
  }
  written.first_chunk = first;
  written.chunks = std::move(now);
}

/// The state lies in the core: no other part is left.
void whole_changes(WrittenParts& written, Changes& changes) {
  for (const auto& [key, sum] : written.sessions) changes.gone({PartId::Kind::Session, key});
  for (std::uint64_t i = 0; i < written.chunks.size(); ++i) changes.gone({PartId::Kind::Acts, written.first_chunk + i});
  written.sessions.clear();
  written.chunks.clear();
}

}  // namespace

std::vector<PartChange> AgentEncoder::changes(const AgentState& state, WrittenParts& written) {
  Changes changes(state.key);
  begin_part(core_);
  write_core(core_, state);
  const std::size_t fields = core_.size();
  core_.u8(static_cast<std::uint8_t>(CoreForm::Whole));
  const std::size_t acts = bytes_of(state.acts);
  const auto small = [&] { return core_.size() + acts <= kWholeBytes; };

  // Sessions go behind the core as long as the whole stays small; each is encoded once, as the part it becomes where it does not.
  const auto encode = [&](Writer& part, const SessionState& session) {
    begin_part(part);
    write_session(part, session);
  };
  std::size_t tried = 0;
  for (; small() && tried < state.sessions.size(); ++tried) {
    if (sessions_.size() == tried) sessions_.emplace_back();
    encode(sessions_[tried], state.sessions[tried]);
    core_.raw(sessions_[tried].bytes().substr(kHeadBytes));
  }
  if (small()) {
    write_acts(core_, state.acts);
    whole_changes(written, changes);
  } else {
    core_.cut(fields);
    core_.u8(static_cast<std::uint8_t>(CoreForm::InParts));
    Sums now;
    now.reserve(state.sessions.size());
    for (std::size_t i = 0; i < state.sessions.size(); ++i) {
      const SessionState& session = state.sessions[i];
      Writer& part = i < tried ? sessions_[i] : part_;
      if (i >= tried) encode(part, session);
      const auto before = find_session(written.sessions, session.key);
      const std::uint64_t sum = before == written.sessions.end() ? 0 : before->second;
      now.emplace_back(session.key, changes.part({PartId::Kind::Session, session.key}, part, sum));
    }
    for (const auto& [key, sum] : written.sessions)
      if (find_session(now, key) == now.end()) changes.gone({PartId::Kind::Session, key});
    written.sessions = std::move(now);
    act_changes(state, written, part_, changes);
  }
  written.core = changes.part({PartId::Kind::Core, 0}, core_, written.core);
  return std::move(changes.list);
}

std::vector<PartChange> encode_changes(const AgentState& state, WrittenParts& written) { return AgentEncoder().changes(state, written); }

}  // namespace ringfence
