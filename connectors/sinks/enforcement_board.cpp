// SPDX-License-Identifier: Apache-2.0
#include "connectors/sinks/enforcement_board.h"

#include <algorithm>
#include <array>
#include <utility>

#include "engine/event/decode.h"
#include "engine/event/escape.h"
#include "engine/verdict/analytics.h"

namespace ringfence {
namespace {

constexpr std::string_view kHeartbeats = "~heartbeat#", kServiceKeys = "~";
constexpr std::size_t kNameChars = 80;

EventTime event_time(WallTime time) { return EventTime{time.value}; }

bool counts(const EnforcementBoard::Row& row) { return row.record.contained && row.record.level >= Level::Hold; }

std::string_view words_of(AckStatus status) {
  switch (status) {
    case AckStatus::Received:
      return "received it and has not applied it (102)";
    case AckStatus::Applied:
      return "applied it (200)";
    case AckStatus::BadSignature:
      return "refused it: bad signature (401)";
    case AckStatus::WrongAudience:
      return "refused it: wrong audience (403)";
    case AckStatus::Stale:
      return "refused it: stale epoch or generation (409)";
    case AckStatus::Unsupported:
      return "cannot do all of it (501)";
  }
  return "";
}

/// What is open or ends, without an act of the agent behind it.
FindingRecord alarm(Analytic analytic, std::string uid, EventTime now) {
  FindingRecord out{.analytic = analytic, .level = Level::Alert, .applied = Level::Alert};
  out.activity = FindingRecord::Activity::Create;
  out.uid = std::move(uid);
  out.title = std::string(info_of(analytic).title);
  out.count = 1;
  out.time = out.created = out.first_seen = out.last_seen = now;
  return out;
}

FindingRecord next_of(FindingRecord last, FindingRecord::Activity activity, EventTime now, std::string sentence) {
  last.activity = activity;
  ++last.number;
  last.time = last.last_seen = std::max(now, last.last_seen);
  last.sentence = std::move(sentence);
  return last;
}

FindingRecord closed(FindingRecord last, EventTime now, std::string reason, std::string sentence) {
  last = next_of(std::move(last), FindingRecord::Activity::Close, now, std::move(sentence));
  last.close_reason = std::move(reason);
  return last;
}

void describe(FindingRecord& out, const ContainmentRecord& record) {
  const auto at = record.persona.find('@');
  out.tenant = record.tenant;
  out.agent_id = record.agent_id;
  out.session_id = record.session_id;
  out.persona_id = record.persona.substr(0, at);
  if (at != std::string::npos) out.persona_version = record.persona.substr(at + 1);
  out.policy_applied = true;
}

}  // namespace

std::string_view name_of(EnforcementState state) {
  static constexpr std::array<std::string_view, 4> kNames{"requested", "partially enforced", "enforced", "released"};
  return kNames[static_cast<std::size_t>(state)];
}

EnforcementBoard::EnforcementBoard(Settings settings) : settings_(std::move(settings)) { std::ranges::sort(settings_.gates); }

void EnforcementBoard::observe(const ControlEntry& entry, WallTime now) {
  if (entry.value.empty()) return;
  auto message = verify_control(entry.key, entry.value, settings_.trusted, settings_.audience);
  if (!message || !order_.admit(entry.key, *message)) {
    ++refused_;
    return;
  }
  if (const auto* beat = std::get_if<Heartbeat>(&message->body)) heartbeats_[beat->writer] = *beat;
  auto* said = std::get_if<SignedContainment>(&message->body);
  if (said == nullptr || (!rows_.contains(entry.key) && rows_.size() >= kKeysMax)) return;
  Row& row = rows_[entry.key];
  row.generation = said->generation;
  if (row.jti == message->jti) return;  // said again by a later owner
  row.writer = said->writer;
  row.jti = message->jti;
  row.record = std::move(said->record);
  row.ack_within_ms = said->ack_within_ms;
  row.heard = now;
  turns_[entry.key] = ++turn_;
  open_.insert(entry.key);
  look_again(entry.key);
}

void EnforcementBoard::acknowledge(const ControlEntry& entry, WallTime now) {
  if (entry.value.empty()) return;
  auto read = decode_ack(entry.key, entry.value);
  if (!read) {
    ++refused_;
    return;
  }
  GateAck& ack = read->ack;
  if (ack.key.starts_with(kHeartbeats)) {
    const bool known = alive_.contains(read->gate) || alive_.size() < kGatesMax;
    if (known && caught_up_ && ack.status == AckStatus::Applied) alive_[read->gate] = now;
    return;
  }
  if (ack.key.starts_with(kServiceKeys) || (!said_.contains(ack.key) && said_.size() >= kKeysMax)) return;
  auto& gates = said_[ack.key];
  if (!gates.contains(read->gate) && gates.size() >= kGatesMax) return;
  Said& said = gates[read->gate];
  const std::string key = ack.key;
  if (ack.status == AckStatus::Applied || ack.applied_at) {
    said.applied = std::move(ack);
  } else {
    said.refused = std::move(ack);
    said.refused_turn = ++turn_;
  }
  look_again(key);
}

void EnforcementBoard::caught_up(WallTime now) {
  if (caught_up_) return;
  caught_up_ = now;
  for (auto& [key, row] : rows_) row.heard = now;
}

std::optional<EnforcementBoard::Word> EnforcementBoard::word(const Row& row, std::uint64_t row_turn, const Said& said) const {
  const auto of_row = [&](const GateAck& ack) { return ack.epoch == row.record.epoch && ack.jti == row.jti; };
  if (said.applied && of_row(*said.applied)) {
    const auto at = said.applied->applied_at;
    return Word{said.applied->status, at ? std::optional(event_time(*at)) : std::nullopt, said.applied->unsupported};
  }
  if (!said.refused) return std::nullopt;
  // What cannot be read at all names neither its epoch nor its jti; a record of a former owner may rightly be refused.
  const bool unread = said.refused->jti.empty() && said.refused_turn > row_turn;
  if (unread || (of_row(*said.refused) && said.refused->generation >= row.generation))
    return Word{said.refused->status, std::nullopt, said.refused->unsupported};
  return std::nullopt;
}

std::map<std::string, EnforcementBoard::Word> EnforcementBoard::words(const std::string& key) const {
  std::map<std::string, Word> out;
  const auto row = rows_.find(key);
  const auto gates = said_.find(key);
  if (row == rows_.end() || gates == said_.end()) return out;
  for (const auto& [gate, said] : gates->second)
    if (auto word = this->word(row->second, turns_.at(key), said)) out.emplace(gate, std::move(*word));
  return out;
}

/// The gates that must confirm this row.
std::vector<std::string> EnforcementBoard::expected(const std::string& key) const {
  if (!settings_.gates.empty()) return settings_.gates;
  for (const auto& [gate, word] : words(key))
    if (word.applied_at) return {gate};
  return {};
}

EnforcementState EnforcementBoard::state(const std::string& key) const {
  const auto row = rows_.find(key);
  if (row == rows_.end() || !row->second.record.contained) return EnforcementState::Released;
  const auto said = words(key);
  const auto applied = [&](const std::string& gate) {
    const auto word = said.find(gate);
    return word != said.end() && word->second.applied_at.has_value();
  };
  const std::vector<std::string> gates = expected(key);
  const auto in_force = std::ranges::count_if(gates, applied);
  if (in_force == 0) return EnforcementState::Requested;
  return in_force == std::ssize(gates) ? EnforcementState::Enforced : EnforcementState::Partial;
}

void EnforcementBoard::look_again(const std::string& key) {
  const auto found = rows_.find(key);
  if (found == rows_.end()) return;
  const Row& row = found->second;
  if (!counts(row) || told_[key] == row.jti || state(key) != EnforcementState::Enforced) return;
  told_[key] = row.jti;
  Enforcement what{
      .scope = row.record.scope, .level = row.record.level, .effective_at = row.record.effective_at, .gates = {}, .skew = settings_.skew};
  const auto said = words(key);
  for (const std::string& gate : expected(key)) what.gates.push_back({gate, *said.at(gate).applied_at});
  confirmed_.push_back({row.writer, std::move(what)});
}

std::vector<EnforcementBoard::Confirmed> EnforcementBoard::take_confirmed() { return std::exchange(confirmed_, {}); }

std::vector<FindingRecord> EnforcementBoard::alarms(WallTime now, const Mine& mine) {
  std::vector<FindingRecord> out;
  if (!caught_up_) return out;
  const std::set<std::string> open = open_;
  for (const std::string& key : open)
    if (mine.speaks(rows_.at(key).writer)) tell_unacked(key, now, out);
  if (mine.gates) tell_stale(now, out);
  return out;
}

void EnforcementBoard::tell_unacked(const std::string& key, WallTime now, std::vector<FindingRecord>& out) {
  const Row& row = rows_.at(key);
  const auto said = words(key);
  std::vector<std::string> missing;
  for (const std::string& gate : counts(row) ? settings_.gates : std::vector<std::string>()) {
    const auto word = said.find(gate);
    if (word != said.end() && word->second.status == AckStatus::Applied) continue;
    std::string what =
        printable(gate, kNameChars) + " " + std::string(word == said.end() ? "has not answered" : words_of(word->second.status));
    if (word != said.end() && word->second.applied_at) what += ", but refuses the calls";
    missing.push_back(std::move(what));
  }
  const std::string uid = finding_uid(row.record.tenant, row.record.scope, row.jti, Analytic::ContainmentUnacked, row.record.persona);
  const auto known = alarms_.find(key);
  if (known != alarms_.end() && (missing.empty() || known->second.last.uid != uid)) {
    const bool released = !row.record.contained;
    const bool replaced = !released && known->second.last.uid != uid;
    out.push_back(closed(std::move(known->second.last), event_time(now),
                         released   ? "released"
                         : replaced ? "replaced"
                                    : "acknowledged",
                         released   ? "The containment was released."
                         : replaced ? "The containment was replaced by a later one."
                                    : "Every expected gate has acknowledged the containment."));
    alarms_.erase(known);
  }
  if (missing.empty()) {
    open_.erase(key);
    return;
  }
  if (now.value - row.heard.value < milliseconds(row.ack_within_ms).value) return;
  std::string sentence = "The " + std::string(name_of(row.record.level)) + " of " + printable(row.record.scope) + " (" +
                         printable(row.record.finding_uid, kNameChars) + ") is not confirmed within " + std::to_string(row.ack_within_ms) +
                         " ms: ";
  for (std::size_t i = 0; i < missing.size(); ++i) sentence += (i == 0 ? "" : "; ") + missing[i];
  sentence += ". Calls may pass there.";
  const auto open = alarms_.find(key);
  if (open == alarms_.end()) {
    FindingRecord made = alarm(Analytic::ContainmentUnacked, uid, event_time(now));
    describe(made, row.record);
    made.sentence = sentence;
    made.breaches = std::move(missing);
    out.push_back(made);
    alarms_.emplace(key, Alarm{std::move(made), std::move(sentence)});
  } else if (open->second.said != sentence) {
    FindingRecord next = next_of(open->second.last, FindingRecord::Activity::Update, event_time(now), sentence);
    next.breaches = std::move(missing);
    out.push_back(next);
    open->second = {std::move(next), std::move(sentence)};
  }
}

void EnforcementBoard::tell_stale(WallTime now, std::vector<FindingRecord>& out) {
  for (const std::string& gate : settings_.gates) {
    const auto alive = alive_.find(gate);
    const WallTime last = alive == alive_.end() ? *caught_up_ : alive->second;
    const bool stale = now.value - last.value >= settings_.silence.value;
    const std::string name = std::string(kServiceKeys) + gate;
    const auto open = alarms_.find(name);
    if (stale && open == alarms_.end()) {
      const std::string since = format_rfc3339(event_time(last));
      FindingRecord made = alarm(Analytic::GateStale, finding_uid("", gate, since, Analytic::GateStale, ""), event_time(now));
      made.sentence = printable(gate, kNameChars) + " has confirmed no heartbeat since " + since +
                      ": it goes on with what it knew then, and later containments are not in force there.";
      made.breaches = {printable(gate, kNameChars)};
      out.push_back(made);
      alarms_.emplace(name, Alarm{std::move(made), {}});
    } else if (!stale && open != alarms_.end()) {
      out.push_back(
          closed(std::move(open->second.last), event_time(now), "fresh", printable(gate, kNameChars) + " confirms heartbeats again."));
      alarms_.erase(open);
    }
  }
}

}  // namespace ringfence
