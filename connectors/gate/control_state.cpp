// SPDX-License-Identifier: Apache-2.0
#include "connectors/gate/control_state.h"

#include <algorithm>
#include <cstdlib>
#include <future>
#include <set>
#include <span>
#include <utility>

namespace ringfence {
namespace {

constexpr std::size_t kWorthAThread = 64;
constexpr std::size_t kMessageBytes = 256;

std::int64_t to_ms(WallTime time) { return time.value / 1'000'000; }

/// What a denied caller is told: as signed within the contract's bounds, else as the level says. A signed status of 200 must not open a
/// gate.
Denial denial_of(const SignedContainment& containment) {
  Denial out;
  if (containment.record.level == Level::Throttle) out = {429, -32012, "agent throttled by security policy"};
  if (containment.record.level == Level::Hold)
    out = {403, -32011, "agent held by security policy: what is not a read needs the confirmation of a person"};
  if (!containment.deny) return out;
  const auto& [status, code, message] = *containment.deny;
  if (status >= 400 && status <= 499) out.http_status = static_cast<int>(status);
  if (code >= -32019 && code <= -32000) out.jsonrpc_code = static_cast<int>(code);
  if (!message.empty() && message.size() <= kMessageBytes) out.message = message;
  return out;
}

std::string_view writer_of(const ControlMessage& message) {
  struct Visitor {
    std::string_view operator()(const SignedContainment& c) const { return c.writer; }
    std::string_view operator()(const Claim& c) const { return c.writer; }
    std::string_view operator()(const Heartbeat& h) const { return h.writer; }
    std::string_view operator()(const Command&) const { return {}; }
  };
  return std::visit(Visitor{}, message.body);
}

/// What an acknowledgement can say of a record that was refused: what it claims of itself, if it could be read at all.
GateAck refusal_ack(const std::string& key, const ControlMessage* message, AckStatus status) {
  GateAck ack{.key = key, .status = status};
  const auto* containment = message == nullptr ? nullptr : std::get_if<SignedContainment>(&message->body);
  if (message != nullptr) ack.jti = message->jti;
  if (containment == nullptr) return ack;
  ack.generation = containment->generation;
  ack.epoch = containment->record.epoch;
  return ack;
}

}  // namespace

ControlState::ControlState(Settings settings) : settings_(std::move(settings)) {}

ControlState::Verified ControlState::check(const ControlEntry& entry) const {
  auto message = verify_control(entry.key, entry.value, settings_.trusted, settings_.audience, UnknownWords::Strictest);
  if (message && message->iss != settings_.issuer)
    return std::unexpected(ControlRefusal{AckStatus::BadSignature, "iss: not the issuer this gate listens to", RefusedFor::Reader});
  return message;
}

/// Checks every entry but tombstones and those whose very bytes were checked before.
std::vector<std::optional<ControlState::Verified>> ControlState::check_all(std::span<const ControlEntry> entries, unsigned threads) const {
  std::vector<std::optional<Verified>> out(entries.size());
  const auto check_some = [&](std::size_t first, std::size_t end) {
    for (std::size_t i = first; i < end; ++i) {
      const auto known = keys_.find(entries[i].key);
      const bool seen = known != keys_.end() && known->second.entry.value == entries[i].value;
      if (!entries[i].value.empty() && entries[i].key.size() <= kKeyBytes && !seen) out[i] = check(entries[i]);
    }
  };
  const std::size_t parts = std::clamp<std::size_t>(entries.size() / kWorthAThread, 1, std::max(threads, 1U));
  std::vector<std::future<void>> others;
  for (std::size_t part = 1; part < parts; ++part)
    others.push_back(std::async(std::launch::async, check_some, entries.size() * part / parts, entries.size() * (part + 1) / parts));
  check_some(0, entries.size() / parts);
  for (auto& other : others) other.get();
  return out;
}

ControlState::Step ControlState::take(std::span<const ControlEntry> entries, std::uint32_t minute, unsigned threads) {
  Step step;
  auto verified = check_all(entries, threads);
  for (std::size_t i = 0; i < entries.size(); ++i) {
    take_one(entries[i], verified[i], minute, step);
    if (verified[i] && !*verified[i]) step.unverified.emplace_back(i, verified[i]->error());
  }
  return step;
}

void ControlState::take_one(const ControlEntry& entry, std::optional<Verified>& verified, std::uint32_t minute, Step& step) {
  if (entry.value.empty()) return;  // a tombstone never means release; compaction leaves them behind
  const auto known = keys_.find(entry.key);
  if (known != keys_.end() && known->second.entry.value == entry.value) {
    step.acks.push_back(ack_of(entry.key, known->second));
    return;
  }
  if (entry.key.size() > kKeyBytes) {
    verified = std::unexpected(ControlRefusal{AckStatus::BadSignature, "key: longer than any"});
    ++step.unanswered;
    return;
  }
  // Two copies of one entry in a batch: the second was not checked, because it is not the first that is known.
  if (!verified) verified = check(entry);
  const ControlMessage* message = *verified ? &**verified : nullptr;
  auto refusal = message == nullptr ? std::optional(verified->error()) : admit(entry, *message);
  if (refusal) {
    step.acks.push_back(refusal_ack(entry.key, message, refusal->status));
    return;
  }
  note_generation(entry, std::string(writer_of(*message)), step);
  if (const auto* beat = std::get_if<Heartbeat>(&message->body)) take_heartbeat(entry, *message, *beat, step);
  if (std::holds_alternative<SignedContainment>(message->body)) take_containment(entry, *message, minute, step);
}

std::optional<ControlRefusal> ControlState::admit(const ControlEntry& entry, const ControlMessage& message) {
  if (const auto* beat = std::get_if<Heartbeat>(&message.body)) {
    // An old heartbeat is as properly signed as a new one; only its time tells them apart.
    const auto known = writers_.find(beat->writer);
    const bool repeats = known != writers_.end() && known->second.beat && beat->generation <= known->second.beat->generation &&
                         beat->time_ms <= known->second.beat->time_ms && *beat != *known->second.beat;
    if (repeats) return ControlRefusal{AckStatus::Stale, "time: not after the writer's last heartbeat"};
  }
  if (const auto* said = std::get_if<SignedContainment>(&message.body)) {
    // A repeat says the same; another statement under the epoch and cause of the first is none.
    const auto known = keys_.find(entry.key);
    const bool same_epoch = known != keys_.end() && known->second.live.epoch == said->record.epoch;
    if (same_epoch && (known->second.live.contained != said->record.contained || known->second.live.level != said->record.level))
      return ControlRefusal{AckStatus::Stale, "epoch: said otherwise before"};
  }
  if (!writers_.contains(writer_of(message)) && writers_.size() >= settings_.writers_max)
    return ControlRefusal{AckStatus::Unsupported, "writer: more than this gate can hear"};
  if (std::holds_alternative<SignedContainment>(message.body) && !keys_.contains(entry.key) && !has_room())
    return ControlRefusal{AckStatus::Unsupported, "key: more than this gate can hold"};
  const auto admitted = order_.admit(entry.key, message);
  return admitted ? std::nullopt : std::optional(admitted.error());
}

/// For one key more. Forgets an eighth of all at a time, so that it does not look through them for each.
bool ControlState::has_room() {
  if (keys_.size() < settings_.keys_max) return true;
  std::vector<std::pair<EventTime, std::string>> released;
  for (const auto& [key, known] : keys_)
    if (!known.live.contained) released.emplace_back(known.effective_at, key);
  const std::size_t past = std::min(released.size(), settings_.keys_max / 8 + 1);
  if (past == 0) return false;
  std::ranges::nth_element(released, released.begin() + static_cast<std::ptrdiff_t>(past - 1));
  for (const auto& [time, key] : std::span(released).first(past)) {
    keys_.erase(key);
    order_.forget(key);
  }
  return true;
}

/// Keeps the entry that shows a writer's highest generation, so that a restart or a restored log cannot lower it.
void ControlState::note_generation(const ControlEntry& entry, const std::string& writer, Step& step) {
  Writer& known = writers_[writer];
  const std::uint64_t generation = order_.generation(writer);
  if (generation <= known.floor_generation) return;
  known.floor_generation = generation;
  known.floor = entry;
  step.stored.push_back(entry);
}

std::map<std::string, std::uint64_t, std::less<>> ControlState::generations() const {
  std::map<std::string, std::uint64_t, std::less<>> out;
  for (const auto& [name, writer] : writers_) out.emplace_hint(out.end(), name, writer.floor_generation);
  return out;
}

void ControlState::take_heartbeat(const ControlEntry& entry, const ControlMessage& message, const Heartbeat& beat, Step& step) {
  Writer& writer = writers_[beat.writer];
  const bool agreed = std::exchange(writer.agrees, agrees_with(beat));
  writer.beat = beat;
  if (writer.answered_ms && agreed == writer.agrees && std::abs(beat.time_ms - *writer.answered_ms) < kBeatAnsweredMs) return;
  writer.answered_ms = beat.time_ms;
  step.beats.push_back({.jti = message.jti,
                        .key = entry.key,
                        .generation = beat.generation,
                        .status = writer.agrees ? AckStatus::Applied : AckStatus::Received});
}

bool ControlState::agrees_with(const Heartbeat& beat) const {
  std::map<std::string, LiveRecord> records;
  for (const auto& [key, known] : keys_)
    if (known.writer == beat.writer) records.emplace_hint(records.end(), key, known.live);
  return digest_of(records) == ControlDigest{beat.count, beat.state_hash};
}

void ControlState::take_containment(const ControlEntry& entry, const ControlMessage& message, std::uint32_t minute, Step& step) {
  const auto& containment = std::get<SignedContainment>(message.body);
  ContainmentRecord record = containment.record;
  Key& known = keys_[entry.key];
  // The same statement said again, by a later generation: nothing changes but its bytes, and its credits stay as they were spent.
  const bool repeated = known.live.epoch == record.epoch && known.jti == message.jti && !known.jti.empty();
  const bool was_noted = !step.stored.empty() && step.stored.back() == entry;
  if (!was_noted) step.stored.push_back(entry);
  known.entry = entry;
  known.generation = containment.generation;
  if (!repeated) {
    known.writer = containment.writer;
    known.jti = message.jti;
    known.live = {record.epoch, record.contained, record.level};
    known.effective_at = record.effective_at;
    known.applied_at = std::nullopt;
    known.unsupported = containment.unknown;
    known.compiled = {};
    if (record.contained) {
      if (!containment.unknown.empty()) record.level = Level::Halt;
      // A halt never lapses; what ends by itself is the throttle.
      const auto expires = record.level == Level::Throttle ? containment.expires_at : std::nullopt;
      known.compiled = compile(entry.key, record, denial_of(containment), expires, settings_.visible, minute);
      if (!known.compiled.enforceable)
        known.unsupported.insert(known.unsupported.end(), known.compiled.unseen.begin(), known.compiled.unseen.end());
      if (std::ranges::find(containment.actions, "revoke_credential") != containment.actions.end())
        known.unsupported.emplace_back("revoke_credential");
    }
    step.changed = true;
  }
  step.acks.push_back(ack_of(entry.key, known));
}

void ControlState::applied(std::span<GateAck> acks, WallTime now) {
  for (GateAck& ack : acks) {
    const auto known = keys_.find(ack.key);
    if (known == keys_.end() || known->second.jti != ack.jti || known->second.live.epoch != ack.epoch) continue;
    if (!known->second.applied_at) known->second.applied_at = now;
    ack.applied_at = ack_of(ack.key, known->second).applied_at;
  }
}

GateAck ControlState::ack_of(const std::string& key, const Key& known) {
  const bool in_force = !known.live.contained || known.compiled.enforceable;
  return {.jti = known.jti,
          .key = key,
          .generation = known.generation,
          .epoch = known.live.epoch,
          .status = known.unsupported.empty() ? AckStatus::Applied : AckStatus::Unsupported,
          .effective_at = known.effective_at,
          .applied_at = in_force ? known.applied_at : std::nullopt,
          .unsupported = known.unsupported};
}

std::shared_ptr<const GateTable> ControlState::table() const {
  std::vector<std::shared_ptr<const GateContainment>> in_force;
  for (const auto& [key, known] : keys_)
    if (known.compiled.containment && known.compiled.enforceable) in_force.push_back(known.compiled.containment);
  return std::make_shared<const GateTable>(std::move(in_force));
}

std::vector<ControlEntry> ControlState::snapshot() const {
  // By generation, and what shows a generation before what speaks in it: so none is refused for a later one that was read before it.
  struct Line {
    std::uint64_t generation;
    bool record;
    const ControlEntry* entry;
  };
  std::vector<Line> lines;
  for (const auto& [name, writer] : writers_) lines.push_back({writer.floor_generation, false, &writer.floor});
  for (const auto& [key, known] : keys_) lines.push_back({known.generation, true, &known.entry});
  std::ranges::stable_sort(lines, {}, [](const Line& line) { return std::pair(line.generation, line.record); });
  std::vector<ControlEntry> out;
  std::set<std::string_view> there;
  for (const Line& line : lines)
    if (there.insert(line.entry->value).second) out.push_back(*line.entry);
  return out;
}

std::size_t ControlState::contained() const {
  return static_cast<std::size_t>(std::ranges::count_if(keys_, [](const auto& entry) { return entry.second.live.contained; }));
}

GateReadiness ControlState::readiness(WallTime now) const {
  GateReadiness out{.caught_up = caught_up_, .agrees = true, .fresh = true};
  bool heard = false;
  const auto say = [&out](std::string what) { out.why += (out.why.empty() ? "" : "; ") + std::move(what); };
  if (!caught_up_) say("the control log has not been read to its end");
  for (const auto& [name, writer] : writers_) {
    if (!writer.beat || (!settings_.awaited.empty() && !is_named(settings_.awaited, name))) continue;
    heard = true;
    const std::int64_t age_ms = to_ms(now) - writer.beat->time_ms;
    out.stalest_ms = std::max(out.stalest_ms, age_ms);
    if (!writer.agrees) {
      out.agrees = false;
      say("state differs from the heartbeat of " + name);
    }
    // A heartbeat from the future is as little a sign of life as one from the past.
    const std::int64_t most = settings_.heartbeat_age_max.value / 1'000'000;
    if (age_ms > most || age_ms < -most) {
      out.fresh = false;
      say("no heartbeat of now from " + name);
    }
  }
  const auto beats = [this](const std::string& pattern) {
    return std::ranges::any_of(writers_, [&](const auto& row) { return row.second.beat && is_named({pattern}, row.first); });
  };
  // One that is waited for and whose heartbeat was taken from the log is missed by its name.
  for (const std::string& pattern : settings_.awaited) {
    if (beats(pattern)) continue;
    out.agrees = out.fresh = false;
    say("no heartbeat of " + pattern + " has been heard");
  }
  if (heard || !settings_.awaited.empty()) return out;
  out.agrees = out.fresh = false;
  say("no writer has been heard");
  return out;
}

}  // namespace ringfence
