// SPDX-License-Identifier: Apache-2.0
#include "connectors/sinks/enforcement_board.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>
#include <utility>

#include "connectors/sinks/alarm.h"
#include "engine/event/decode.h"
#include "engine/event/escape.h"

namespace ringfence {
namespace {

constexpr std::string_view kHeartbeats = "~heartbeat#", kServiceKeys = "~";
constexpr std::size_t kNameChars = 80;
/// Heartbeats come each second: after so long without one nobody beats.
constexpr Nanos kPause = seconds(5);

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

bool EnforcementBoard::is_past(const std::string& key, const Row& row) const {
  return !row.record.contained && !open_.contains(key) && !alarms_.contains(key);
}

void EnforcementBoard::forget(const std::string& key) {
  rows_.erase(key);
  turns_.erase(key);
  said_.erase(key);
  told_.erase(key);
  order_.forget(key);
}

/// Forgets an eighth of all at a time, so that it does not look through them for each.
bool EnforcementBoard::has_room_for_a_row() {
  if (rows_.size() < settings_.keys_max) return true;
  std::vector<std::pair<EventTime, std::string>> past;
  for (const auto& [key, row] : rows_)
    if (is_past(key, row)) past.emplace_back(row.record.effective_at, key);
  const std::size_t count = std::min(past.size(), settings_.keys_max / 8 + 1);
  if (count == 0) return false;
  std::ranges::nth_element(past, past.begin() + static_cast<std::ptrdiff_t>(count - 1));
  for (const auto& [time, key] : std::span(past).first(count)) forget(key);
  return true;
}

/// What gates say of a key may be read ahead of its record; behind all that was read before, of one that is forgotten.
bool EnforcementBoard::has_room_for_words_on(const std::string& key) {
  if (said_.size() < settings_.keys_max || said_.contains(key) || rows_.contains(key)) return true;
  if (!caught_up_) return false;
  std::erase_if(said_, [this](const auto& words) { return !rows_.contains(words.first); });
  return said_.size() < settings_.keys_max;
}

void EnforcementBoard::observe(const ControlEntry& entry, WallTime now) {
  if (entry.value.empty()) {
    if (const auto row = rows_.find(entry.key); row != rows_.end() && is_past(entry.key, row->second)) forget(entry.key);
    return;
  }
  auto message = verify_control(entry.key, entry.value, settings_.trusted, settings_.audience);
  if (!message || !order_.admit(entry.key, *message)) {
    ++refused_;
    return;
  }
  if (const auto* beat = std::get_if<Heartbeat>(&message->body)) {
    heartbeats_[beat->writer] = *beat;
    if (!beaten_ || now.value - beaten_->value > kPause.value) beaten_since_ = now;
    beaten_ = now;
  }
  auto* said = std::get_if<SignedContainment>(&message->body);
  if (said == nullptr || (!rows_.contains(entry.key) && !has_room_for_a_row())) return;
  Row& row = rows_[entry.key];
  row.generation = said->generation;
  row.kid = kid_of_jws(entry.value).value_or(std::string());
  if (row.jti == message->jti && row.record.epoch == said->record.epoch) return;  // said again by a later owner
  if (!said->record.contained && said->record.level >= Level::Hold) {
    confirmed_.push_back({said->writer,
                          {.scope = said->record.scope,
                           .level = Level::Observe,
                           .effective_at = said->record.effective_at,
                           .gates = {},
                           .finding_uid = said->record.finding_uid}});
  }
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
  if (ack.key.starts_with(kServiceKeys) || !has_room_for_words_on(ack.key)) return;
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

EnforcementBoard::Standing EnforcementBoard::standing(std::size_t most) const {
  std::vector<std::pair<EventTime, const std::string*>> latest;
  for (const auto& [key, row] : rows_)
    if (row.record.contained) latest.emplace_back(row.record.effective_at, &key);
  const std::size_t count = std::min(most, latest.size());
  std::ranges::partial_sort(latest, latest.begin() + static_cast<std::ptrdiff_t>(count), std::ranges::greater(),
                            [](const auto& entry) { return std::pair(entry.first, std::string_view(*entry.second)); });
  Standing out{.latest = {}, .count = latest.size()};
  for (const auto& [since, key] : std::span(latest).first(count)) {
    const Row& row = rows_.at(*key);
    out.latest.push_back({row.record.scope, row.record.level, state(*key), since, row.record.pending_approval});
  }
  return out;
}

void EnforcementBoard::look_again(const std::string& key) {
  const auto found = rows_.find(key);
  if (found == rows_.end()) return;
  const Row& row = found->second;
  if (!counts(row) || told_[key] == row.jti || state(key) != EnforcementState::Enforced) return;
  told_[key] = row.jti;
  Enforcement what{.scope = row.record.scope,
                   .level = row.record.level,
                   .effective_at = row.record.effective_at,
                   .gates = {},
                   .skew = settings_.skew,
                   .finding_uid = row.record.finding_uid};
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
  const std::string uid = finding_uid(row.record.tenant, row.record.scope, row.jti, Analytic::ContainmentUnacked, row.record.persona);
  const auto known = alarms_.find(key);
  const bool told = known != alarms_.end() && known->second.last.uid == uid;
  std::vector<std::string> missing;
  bool rolled_up = false, passes = false;
  for (const std::string& gate : counts(row) ? settings_.gates : std::vector<std::string>()) {
    const auto word = said.find(gate);
    if (word != said.end() && word->second.status == AckStatus::Applied) continue;
    if (word == said.end() && !told && stale(gate)) {
      rolled_up = true;
      continue;
    }
    std::string what =
        printable(gate, kNameChars) + " " + std::string(word == said.end() ? "has not answered" : words_of(word->second.status));
    const bool refuses = word != said.end() && word->second.applied_at;
    if (refuses) what += ", but refuses the calls";
    passes = passes || !refuses;
    missing.push_back(std::move(what));
  }
  if (known != alarms_.end() && (missing.empty() || known->second.last.uid != uid)) {
    const bool released = !row.record.contained;
    const bool replaced = !released && known->second.last.uid != uid;
    out.push_back(closed_alarm(std::move(known->second.last), event_time(now),
                               released   ? "released"
                               : replaced ? "replaced"
                                          : "acknowledged",
                               released   ? "The containment was released."
                               : replaced ? "The containment was replaced by a later one."
                                          : "Every expected gate has acknowledged the containment."));
    alarms_.erase(known);
  }
  if (missing.empty()) {
    if (!rolled_up) open_.erase(key);
    return;
  }
  if (now.value - row.heard.value < milliseconds(row.ack_within_ms).value) return;
  std::string sentence = "The " + std::string(name_of(row.record.level)) + " of " + printable(row.record.scope) + " (" +
                         printable(row.record.finding_uid, kNameChars) + ") is not confirmed within " + std::to_string(row.ack_within_ms) +
                         " ms: ";
  for (std::size_t i = 0; i < missing.size(); ++i) sentence += (i == 0 ? "" : "; ") + missing[i];
  sentence += passes ? ". Calls may pass there." : ".";
  const auto open = alarms_.find(key);
  if (open == alarms_.end()) {
    FindingRecord made = new_alarm(Analytic::ContainmentUnacked, uid, event_time(now));
    describe(made, row.record);
    made.sentence = sentence;
    made.breaches = std::move(missing);
    out.push_back(made);
    alarms_.emplace(key, Alarm{std::move(made), std::move(sentence)});
  } else if (open->second.said != sentence) {
    FindingRecord next = next_alarm(open->second.last, FindingRecord::Activity::Update, event_time(now), sentence);
    next.breaches = std::move(missing);
    out.push_back(next);
    open->second = {std::move(next), std::move(sentence)};
  }
}

void EnforcementBoard::tell_stale(WallTime now, std::vector<FindingRecord>& out) {
  for (const std::string& gate : settings_.gates) {
    const bool stale = this->stale(gate);
    const std::string name = std::string(kServiceKeys) + gate;
    const auto open = alarms_.find(name);
    if (stale && open == alarms_.end()) {
      const std::string since = format_rfc3339(event_time(last_alive(gate)));
      FindingRecord made = new_alarm(Analytic::GateStale, finding_uid("", gate, since, Analytic::GateStale, ""), event_time(now));
      made.sentence = printable(gate, kNameChars) + " has confirmed no heartbeat since " + since +
                      ": it goes on with what it knew then, and later containments are not in force there.";
      made.breaches = {printable(gate, kNameChars)};
      out.push_back(made);
      alarms_.emplace(name, Alarm{std::move(made), {}, 0, now});
    } else if (stale) {
      const std::vector<std::string> waiting = unconfirmed(gate);
      if (waiting.empty() || waiting.size() < 10 * open->second.rolled_up) continue;
      const std::string sentence = printable(gate, kNameChars) + " has confirmed no heartbeat since " +
                                   format_rfc3339(event_time(last_alive(gate))) + ", and nothing of " + std::to_string(waiting.size()) +
                                   (waiting.size() == 1 ? " containment: " : " containments, such as ") + printable(waiting.front()) +
                                   ". Calls may pass there.";
      FindingRecord next = next_alarm(open->second.last, FindingRecord::Activity::Update, event_time(now), sentence);
      next.count = waiting.size();
      out.push_back(next);
      open->second = {std::move(next), {}, waiting.size(), open->second.opened};
    } else if (!stale && open != alarms_.end()) {
      out.push_back(closed_alarm(std::move(open->second.last), event_time(now), "fresh",
                                 printable(gate, kNameChars) + " confirms heartbeats again."));
      alarms_.erase(open);
    }
  }
}

std::vector<std::string> EnforcementBoard::unconfirmed(const std::string& gate) const {
  std::vector<std::string> out;
  for (const std::string& key : open_)
    if (counts(rows_.at(key)) && !alarms_.contains(key) && !words(key).contains(gate)) out.push_back(key);
  return out;
}

bool EnforcementBoard::stale(const std::string& gate) const {
  const auto open = alarms_.find(std::string(kServiceKeys) + gate);
  if (open != alarms_.end()) return last_alive(gate).value <= open->second.opened.value;  // until it has a word again
  return beaten_ && beaten_->value - std::max(last_alive(gate).value, beaten_since_.value) >= settings_.silence.value;
}

WallTime EnforcementBoard::last_alive(const std::string& gate) const {
  const auto alive = alive_.find(gate);
  return alive == alive_.end() ? *caught_up_ : alive->second;
}

}  // namespace ringfence
