// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <bit>
#include <limits>
#include <random>
#include <string>

#include "engine/state/agent_codec.h"
#include "engine/state/keyspace.h"
#include "engine/state/store.h"

/// States with something in every field, from a seed, and a store that fails when told to.
namespace ringfence::sample {

/// A memory that is its own text.
class TextMemory final : public ChannelMemory {
 public:
  explicit TextMemory(std::string text) : text_(std::move(text)) {}
  void encode(Writer& out) const override { out.text(text_); }
  [[nodiscard]] std::size_t bytes() const override { return sizeof(*this) + text_.capacity(); }
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  std::string text_;
};

/// Knows every channel but `unknown`.
class TextMemories final : public MemoryFactory {
 public:
  explicit TextMemories(std::optional<ChannelId> unknown = std::nullopt) : unknown_(unknown) {}
  [[nodiscard]] std::unique_ptr<ChannelMemory> decode(ChannelId channel, MemoryScope, Reader& in) const override {
    if (channel == unknown_) return nullptr;
    return std::make_unique<TextMemory>(std::string(in.text()));
  }

 private:
  std::optional<ChannelId> unknown_;
};

class Dice {
 public:
  explicit Dice(std::uint64_t seed) : engine_(seed) {}
  std::uint64_t bits() { return engine_(); }
  std::size_t below(std::size_t n) { return static_cast<std::size_t>(engine_() % n); }
  bool one_in(std::size_t n) { return below(n) == 0; }
  EventTime time() { return EventTime{static_cast<std::int64_t>(below(std::size_t{1} << 62U)) - (std::int64_t{1} << 61U)}; }
  std::string text() {
    std::string out(below(40), '\0');
    for (auto& c : out) c = static_cast<char>(below(256));
    return out;
  }

 private:
  std::mt19937_64 engine_;
};

inline AgentKey key_of(std::uint64_t number) { return {{number * 0x9E3779B97F4A7C15ULL, std::rotl(number * 0xC2B2AE3D27D4EB4FULL, 29)}}; }

inline Evidence evidence(Dice& dice) {
  Evidence out;
  if (dice.one_in(3)) return out;
  for (std::size_t i = 0; i < kThreatSlots; ++i) {
    if (dice.one_in(2)) out.alert[i] = std::bit_cast<float>(static_cast<std::uint32_t>(dice.bits()));  // NaN, infinities and -0 too
    if (dice.one_in(4)) out.declared[i] = static_cast<float>(dice.below(1000)) * 0.37F;
  }
  return out;
}

inline std::unique_ptr<Ledger> ledger(Dice& dice) {
  if (dice.one_in(2)) return nullptr;
  auto out = std::make_unique<Ledger>();
  out->start = evidence(dice);
  for (std::size_t i = dice.below(6); i > 0; --i) {
    const RowId row{static_cast<ChannelId>(dice.below(kChannels)), static_cast<std::uint8_t>(dice.below(256)),
                    static_cast<std::uint8_t>(dice.below(8))};
    out->rows.push_back({.id = row, .count = static_cast<std::uint32_t>(dice.bits())});
    for (std::size_t which = 0; which < 3; ++which) out->keep(out->rows.back(), which, dice.text());
  }
  out->opened = dice.time();
  out->last = dice.time();
  out->contributions = static_cast<std::uint32_t>(dice.bits());
  return out;
}

inline Standing standing(Dice& dice) {
  Standing out{dice.one_in(2), dice.one_in(3), std::nullopt};
  if (dice.one_in(2)) out.held = static_cast<Level>(dice.below(kLevels));
  return out;
}

inline void memories(Dice& dice, std::array<std::unique_ptr<ChannelMemory>, kChannels>& out) {
  for (auto& memory : out)
    if (dice.one_in(3)) memory = std::make_unique<TextMemory>(dice.text());
}

inline std::optional<std::vector<std::string>> list(Dice& dice) {
  if (dice.one_in(2)) return std::nullopt;
  std::vector<std::string> out(dice.below(4));
  for (auto& text : out) text = dice.text();
  return out;
}

inline std::vector<TaskScope> tasks(Dice& dice) {
  std::vector<TaskScope> out;
  for (std::size_t i = dice.below(4); i > 0; --i) {
    auto& task = out.emplace_back(TaskScope{dice.text(), dice.bits(), list(dice), list(dice), list(dice), std::nullopt});
    if (dice.one_in(2)) task.expires = dice.time();
  }
  return out;
}

inline SessionState session(Dice& dice, std::uint64_t key) {
  SessionState out;
  out.id = dice.text();
  out.key = key;
  out.last = dice.time();
  out.arrival = dice.bits();
  out.evidence = evidence(dice);
  out.ledger = ledger(dice);
  out.standing = standing(dice);
  out.held_acts = static_cast<std::uint32_t>(dice.bits());
  memories(dice, out.memory);
  return out;
}

inline SessionState borrowed_session(Dice& dice) {
  const std::string id = std::to_string(dice.bits());
  SessionState out = session(dice, borrowed_key(id));
  out.id = id;
  out.borrowed = true;
  if (dice.one_in(3)) return out;
  out.apart = std::make_unique<Past>();
  memories(dice, out.apart->memory);
  out.apart->tasks = tasks(dice);
  return out;
}

inline KnownAct act(Dice& dice) {
  KnownAct out{dice.bits(), dice.bits(), dice.one_in(3) ? 0 : dice.bits(), dice.time(), static_cast<std::uint8_t>(dice.below(4))};
  if (dice.one_in(4)) out.action = static_cast<std::uint32_t>(dice.bits());
  if (dice.one_in(5)) out.broken = static_cast<std::uint8_t>(dice.below(64));
  return out;
}

inline AgentState state(Dice& dice) {
  AgentState out;
  out.key = {{dice.bits(), dice.bits()}};
  out.tenant = dice.text();
  out.id = dice.text();
  out.lsn = static_cast<std::int64_t>(dice.bits());
  out.arrivals = dice.bits();
  out.first_time = dice.time();
  out.last_time = dice.time();
  out.persona = dice.bits();
  out.evidence = evidence(dice);
  out.ledger = ledger(dice);
  out.standing = standing(dice);
  for (std::size_t i = dice.below(5); i > 0; --i) out.sessions.push_back(session(dice, dice.bits()));
  if (dice.one_in(2)) out.sessions.push_back(borrowed_session(dice));
  out.tasks = tasks(dice);
  out.acts_gone = dice.below(1000);
  for (std::size_t i = dice.below(200); i > 0; --i) out.acts.push_back(act(dice));
  out.acts_forgotten_early = dice.bits();
  out.seen_verified = dice.one_in(2);
  for (std::size_t i = dice.below(3); i > 0; --i)
    out.findings.push_back({dice.text(), static_cast<Analytic>(dice.below(kAnalytics)), static_cast<Level>(dice.below(kLevels)),
                            dice.time(), dice.time(), dice.time(), static_cast<std::uint32_t>(dice.bits()), dice.bits(), dice.bits()});
  for (OpenFinding& finding : out.findings)
    if (finding.count % 2 == 0) finding.severity = finding.level == Level::Halt ? Severity::Low : Severity::Critical;
  for (OpenFinding& finding : out.findings)
    if (finding.severity == severity_of(finding.level)) finding.severity.reset();
  for (std::size_t i = dice.below(3); i > 0; --i)
    out.containments.push_back({dice.text(),
                                dice.bits(),
                                dice.one_in(2),
                                static_cast<Level>(dice.below(kLevels)),
                                dice.text(),
                                dice.time(),
                                {static_cast<Level>(dice.below(kLevels)), dice.time()},
                                {dice.bits(), {dice.time(), dice.text()}, {dice.time(), dice.text()}}});
  memories(dice, out.memory);
  return out;
}

inline std::vector<PartChange> parts_of(const AgentState& state) {
  WrittenParts nothing;
  return encode_changes(state, nothing);
}

inline std::vector<PartView> views(const std::vector<PartChange>& parts) {
  std::vector<PartView> out;
  for (const auto& part : parts) out.push_back({part.id, *part.bytes});
  return out;
}

/// The whole state as one text, for comparisons.
inline std::string bytes_of(const AgentState& state) {
  std::string out;
  for (const auto& part : parts_of(state)) out += *part.bytes;
  return out;
}

/// A store that takes no change while it is `full`.
class FaultyStore final : public Store {
 public:
  explicit FaultyStore(Store& under) : under_(under) {}
  std::atomic<bool> full{false};
  std::atomic<std::size_t> writes{0}, largest_batch{0};
  std::atomic<std::size_t> full_after{std::numeric_limits<std::size_t>::max()};  // so many writes

  std::expected<std::optional<std::string>, StoreError> get(std::string_view key) override { return under_.get(key); }
  std::expected<void, StoreError> scan(std::string_view prefix,
                                       const std::function<bool(std::string_view, std::string_view)>& row) override {
    return under_.scan(prefix, row);
  }
  std::expected<void, StoreError> write(const std::vector<StoreWrite>& batch) override {
    if (full) return std::unexpected(StoreError{StoreError::Kind::NoSpace, "no space, as told"});
    if (++writes >= full_after) full = true;
    if (batch.size() > largest_batch) largest_batch = batch.size();
    return under_.write(batch);
  }
  std::expected<void, StoreError> sync() override {
    if (full) return std::unexpected(StoreError{StoreError::Kind::NoSpace, "no space, as told"});
    return under_.sync();
  }
  std::expected<void, StoreError> drop(std::string_view prefix) override { return under_.drop(prefix); }

 private:
  Store& under_;
};

}  // namespace ringfence::sample
