// SPDX-License-Identifier: Apache-2.0
#include "connectors/sinks/control_writer.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <ranges>
#include <span>
#include <utility>

#include "connectors/encoders/strict_json.h"
#include "engine/event/drill.h"
#include "engine/event/sha256.h"

namespace ringfence {
namespace {

constexpr std::size_t kWaitingMax = 10'000;
constexpr Nanos kClaimPatience = seconds(10);

std::int64_t to_ms(WallTime time) { return time.value / 1'000'000; }

/// What a generation is at least: greater than any of before, as far as clocks agree, whatever became of the log.
std::uint64_t least_generation(WallTime now) { return static_cast<std::uint64_t>(std::max<std::int64_t>(to_ms(now), 1)); }

/// The same signed statement under another generation: what a repeat may differ in.
std::string with_generation(const std::string& payload, std::uint64_t generation) {
  auto parsed = parse_strict_json(payload);
  if (!parsed) return payload;  // it was read or written by us, so it parses
  (*parsed)["events"].begin().value()["generation"] = generation;
  return parsed->dump(-1, ' ', /*ensure_ascii=*/true);
}

/// The agent a record stops, as the blast radius counts it.
std::string counted_agent(const ContainmentRecord& record) {
  return record.agent_id.empty() ? record.scope : scope_key("agent", record.tenant, record.agent_id);
}

/// An approval stops at least the calls that the word before it stopped: what they are known by stands in that word alone.
void widen_selection(ContainmentRecord& record, const std::string& before) {
  const auto message = decode_control(before);
  const auto* said = message ? std::get_if<SignedContainment>(&message->body) : nullptr;
  if (said == nullptr || !said->record.contained) return;
  for (const ContainmentRecord::Select& entry : said->record.select) {
    const auto same = [&](const ContainmentRecord::Select& own) { return own.field == entry.field && own.equals == entry.equals; };
    if (std::ranges::none_of(record.select, same)) record.select.push_back(entry);
  }
}

bool stops(const LiveRecord& live) { return live.contained && live.level >= Level::Halt; }

}  // namespace

ControlDigest digest_of(const std::map<std::string, LiveRecord>& records) {
  ControlDigest out;
  std::string text;
  for (const auto& [key, record] : records) {
    if (!record.contained) continue;
    ++out.count;
    text += key;
    text += '\0';
    text += std::to_string(record.epoch);
    text += '\0';
    text += "contained";
    text += '\0';
    text += name_of(record.level);
    text += '\n';
  }
  out.state_hash = sha256_hex(text);
  return out;
}

ControlWriter::ControlWriter(Issuer issuer, std::string claimant, Shared shared)
    : issuer_(std::move(issuer)), claimant_(std::move(claimant)), shared_(shared) {
  issuer_.generation = 0;
}

bool ControlWriter::observe(const ControlEntry& entry) {
  if (entry.key == claim_key(issuer_.writer)) return observe_claim(entry);
  if (entry.key == heartbeat_key(issuer_.writer)) return false;
  return entry.key.ends_with("#" + issuer_.writer) && observe_record(entry);
}

void ControlWriter::log_began_anew() {
  for (const std::string& key : std::views::keys(own_)) displaced_.insert(displaced_.end(), key);
  claim_displaced_ = true;
  last_beat_.reset();
  if (state_ == State::Claiming) state_ = State::Reading;  // the claim went with the log
}

bool ControlWriter::observe_claim(const ControlEntry& entry) {
  const auto message = verify_control(entry.key, entry.value, shared_.trusted, issuer_.aud.front());
  const auto* claim = message ? std::get_if<Claim>(&message->body) : nullptr;
  const bool counts = claim != nullptr && order_.admit(entry.key, *message).has_value();
  const bool ours = counts && claim->claimant == claimant_ && claim->generation == issuer_.generation;
  claim_displaced_ = !ours;
  if (state_ != State::Claiming && state_ != State::Speaking) return counts;
  if (ours)
    state_ = State::Speaking;
  else if (counts || (state_ == State::Claiming && claim != nullptr && claim->claimant == claimant_))
    state_ = State::Fenced;  // someone is ahead of us, or was first with our generation
  return counts;
}

bool ControlWriter::observe_record(const ControlEntry& entry) {
  const auto known = own_.find(entry.key);
  if (entry.value.empty()) {
    // Withdrawn, by this writer before its start or by its former owner. What is in force, and what was said since, is said again.
    if (known == own_.end()) return true;
    if (known->second.live.contained || state_ == State::Speaking) {
      displaced_.insert(entry.key);
      return false;
    }
    forget(entry.key);
    return true;
  }
  const auto message = verify_control(entry.key, entry.value, shared_.trusted, issuer_.aud.front());
  const auto* read = message ? std::get_if<SignedContainment>(&message->body) : nullptr;
  if (read == nullptr || !order_.admit(entry.key, *message)) {
    // A forgery or the word of a former owner now stands last under our key.
    const bool stale_repeat = read != nullptr && read->generation == issuer_.generation;
    if (known != own_.end() && !stale_repeat) displaced_.insert(entry.key);
    return false;
  }
  const bool ours = state_ == State::Speaking && read->generation == issuer_.generation;
  if (known != own_.end() && ours && read->record.epoch <= known->second.live.epoch) {
    displaced_.erase(entry.key);
    return true;
  }
  const auto token = verify_jws(entry.value, shared_.trusted);
  const ContainmentRecord& record = read->record;
  Own own{
      {record.epoch, record.contained, record.level}, token->payload, message->jti, token->kid, record.effective_at, counted_agent(record)};
  remember(entry.key, std::move(own), ours);
  const bool speaks = state_ == State::Claiming || state_ == State::Speaking;
  if (speaks && read->generation > issuer_.generation) state_ = State::Fenced;  // by a claim that compaction has taken
  return true;
}

void ControlWriter::remember(const std::string& key, Own own, bool sent_by_us) {
  if (sent_by_us)
    displaced_.erase(key);
  else
    displaced_.insert(key);
  const std::string agent = own.agent;
  const bool stops_it = stops(own.live);
  if (const auto before = own_.find(key); before != own_.end() && !before->second.live.contained) --released_;
  if (!own.live.contained) ++released_;
  own_.insert_or_assign(key, std::move(own));
  if (const auto scope = parse_scope(agent); scope && is_drill(scope->tenant)) return;  // nobody is stopped
  // An agent may be stopped under several scopes; it is free when the last of them is.
  const bool stopped = stops_it || std::ranges::any_of(own_, [&agent](const auto& entry) {
                         return entry.second.agent == agent && stops(entry.second.live);
                       });
  if (stopped)
    shared_.blast_radius.halted(agent);
  else
    shared_.blast_radius.released(agent);
}

std::expected<void, SinkError> ControlWriter::caught_up(WallTime now) {
  // A claim that was sent and never came back was lost on its way.
  const bool lost = state_ == State::Claiming && now.value - claimed_at_.value >= kClaimPatience.value;
  if (state_ != State::Reading && !lost) return {};
  return claim(now);
}

void ControlWriter::claim_again() {
  if (state_ == State::Fenced) state_ = State::Reading;
}

std::expected<void, SinkError> ControlWriter::claim(WallTime now) {
  Issuer next = issuer_;
  next.generation = std::max(order_.generation(issuer_.writer) + 1, least_generation(now));
  const std::string payload = encode_claim({next.writer, claimant_, next.generation, to_ms(now)}, next);
  if (auto ticket = shared_.log.append(claim_key(next.writer), sign_jws(shared_.key, payload)); !ticket)
    return std::unexpected(ticket.error());
  issuer_ = std::move(next);
  claim_payload_ = payload;
  claimed_at_ = now;
  state_ = State::Claiming;
  for (const std::string& key : std::views::keys(own_)) displaced_.insert(displaced_.end(), key);
  return {};
}

std::expected<void, SinkError> ControlWriter::publish(const ContainmentRecord& record, std::size_t active_agents, WallTime now) {
  if (active_agents > 0) shared_.blast_radius.tell_active(active_agents);
  if (state_ == State::Speaking && waiting_.empty()) {
    auto sent = send(record, active_agents, now);
    if (sent || sent.error().kind == SinkError::Kind::Refused) return sent;
  }
  if (waiting_.size() >= kWaitingMax)
    return std::unexpected(SinkError{SinkError::Kind::Unavailable, "10000 control records wait for the control log: " + issuer_.writer});
  waiting_.push_back({record, active_agents});
  return {};
}

std::expected<void, SinkError> ControlWriter::send(ContainmentRecord record, std::size_t active_agents, WallTime now) {
  const std::string key = control_key(record.scope, issuer_.writer);
  const auto known = own_.find(key);
  if (known != own_.end() && record.epoch <= known->second.live.epoch) {
    const bool same = control_jti(record.cause_event_id, key, record.epoch) == known->second.jti;
    if (same && record.level >= Level::Halt && known->second.live.level == Level::Hold) {
      // A crash may have come between the hold and its finding, which therefore is said again, under the same id.
      record.wanted = std::exchange(record.level, Level::Hold);
      record.pending_approval = true;
      held_.push_back(std::move(record));
      return {};
    }
    if (same || record.effective_at <= known->second.effective_at) return {};
    record.epoch = known->second.live.epoch + 1;
  }
  if (known != own_.end() && record.contained && !record.approver.empty()) widen_selection(record, known->second.payload);
  const std::string agent = counted_agent(record);
  const bool widens = record.contained && record.level >= Level::Halt && record.approver.empty() && !is_drill(record.tenant);
  if (widens && !shared_.blast_radius.admit(agent, active_agents, now)) {
    record.wanted = std::exchange(record.level, Level::Hold);
    record.pending_approval = true;
  }

  const std::string payload = encode_containment(record, issuer_);
  const auto ticket = shared_.log.append(key, sign_jws(shared_.key, payload));
  if (!ticket) return std::unexpected(ticket.error());
  sent_.push_back({*ticket, record.position.offset});
  Own own{{record.epoch, record.contained, record.level},
          payload,
          control_jti(record.cause_event_id, key, record.epoch),
          shared_.key.kid(),
          record.effective_at,
          agent};
  remember(key, std::move(own), true);
  if (record.pending_approval) held_.push_back(std::move(record));
  return {};
}

std::expected<void, SinkError> ControlWriter::poll(WallTime now) {
  if (state_ != State::Speaking) return {};
  if (auto sent = send_waiting(now); !sent) return sent;
  if (auto retired = retire(); !retired) return retired;
  if (auto again = publish_again(); !again) return again;
  return beat(now);
}

std::expected<void, SinkError> ControlWriter::send_waiting(WallTime now) {
  while (!waiting_.empty()) {
    const Waiting& next = waiting_.front();
    auto sent = send(next.record, std::max(next.active_agents, shared_.blast_radius.active()), now);
    if (!sent && sent.error().kind != SinkError::Kind::Refused) return sent;
    waiting_.pop_front();  // what can never be written must not hold up the next halt
    if (!sent) return sent;
  }
  return {};
}

std::expected<void, SinkError> ControlWriter::publish_again() {
  if (claim_displaced_) {
    if (auto ticket = shared_.log.append(claim_key(issuer_.writer), sign_jws(shared_.key, claim_payload_)); !ticket)
      return std::unexpected(ticket.error());
    claim_displaced_ = false;
  }
  while (!displaced_.empty()) {
    const auto key = displaced_.begin();
    if (auto ticket = repeat(*key, own_.at(*key)); !ticket) return std::unexpected(ticket.error());
    displaced_.erase(key);
  }
  return {};
}

std::expected<std::uint64_t, SinkError> ControlWriter::repeat(const std::string& key, Own& own) {
  std::string payload = with_generation(own.payload, issuer_.generation);
  auto ticket = shared_.log.append(key, sign_jws(shared_.key, payload));
  if (!ticket) return ticket;
  own.payload = std::move(payload);
  own.kid = shared_.key.kid();
  return ticket;
}

bool ControlWriter::is_anothers(const Own& own) const { return own.live.contained && own.kid != shared_.key.kid(); }

bool ControlWriter::holds_others_words() const {
  return std::ranges::any_of(own_ | std::views::values, [this](const Own& own) { return is_anothers(own); });
}

std::expected<std::optional<std::uint64_t>, SinkError> ControlWriter::say_again(const std::set<std::string>& also) {
  std::optional<std::uint64_t> last;
  for (auto& [key, own] : own_) {
    if (!is_anothers(own) && !also.contains(key)) continue;
    const auto ticket = repeat(key, own);
    if (!ticket) return std::unexpected(ticket.error());
    last = *ticket;
  }
  return last;
}

void ControlWriter::forget(const std::string& key) {
  const auto known = own_.find(key);
  if (!known->second.live.contained) --released_;
  own_.erase(known);
  displaced_.erase(key);
  order_.forget(key);
}

/// A quarter more than one at a time, so that it is not done for each.
std::expected<void, SinkError> ControlWriter::retire() {
  if (released_ <= shared_.released_most) return {};
  std::vector<std::pair<EventTime, std::string>> released;
  for (const auto& [key, own] : own_)
    if (!own.live.contained) released.emplace_back(own.effective_at, key);
  const std::size_t past = released.size() - shared_.released_most * 3 / 4;
  std::ranges::nth_element(released, released.begin() + static_cast<std::ptrdiff_t>(past - 1));
  for (const auto& [time, key] : std::span(released).first(past)) {
    if (auto ticket = shared_.log.append(key, {}); !ticket) return std::unexpected(ticket.error());
    forget(key);
  }
  return {};
}

std::expected<void, SinkError> ControlWriter::beat(WallTime now) {
  if (last_beat_ && now.value - last_beat_->value < seconds(1).value) return {};
  std::map<std::string, LiveRecord> records;
  for (const auto& [key, own] : own_) records.emplace(key, own.live);
  const auto [count, hash] = digest_of(records);
  const Heartbeat heartbeat{issuer_.writer, issuer_.generation, count, hash, to_ms(now)};
  const auto ticket = shared_.log.append(heartbeat_key(issuer_.writer), sign_jws(shared_.key, encode_heartbeat(heartbeat, issuer_)));
  if (!ticket) return std::unexpected(ticket.error());
  last_beat_ = now;
  return {};
}

Offset ControlWriter::acknowledged(std::uint64_t ticket) {
  while (!sent_.empty() && sent_.front().ticket <= ticket) sent_.pop_front();
  Offset lowest = kAllAcknowledged;
  for (const Sent& sent : sent_) lowest = std::min(lowest, sent.cause);
  for (const Waiting& waiting : waiting_) lowest = std::min(lowest, waiting.record.position.offset);
  return lowest;
}

std::vector<ContainmentRecord> ControlWriter::take_held() { return std::exchange(held_, {}); }

}  // namespace ringfence
