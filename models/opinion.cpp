// SPDX-License-Identifier: Apache-2.0
#include "models/opinion.h"

#include <algorithm>
#include <cmath>

#include "engine/event/escape.h"
#include "models/scope_memory.h"
#include "models/scope_ruling.h"

namespace ringfence {
namespace {

constexpr auto kSlot = static_cast<std::size_t>(ChannelId::Opinion);
constexpr std::uint8_t kVersion = 1;
constexpr double kReported = .5;
constexpr double kMeanScore = .05, kStake = .9;
constexpr double kLeastFactor = 1.5, kMostNats = 9;

/// ln of the product of all factors above 1 that opinions have had on this agent.
class Spent final : public ChannelMemory {
 public:
  double nats = 0;

  void encode(Writer& out) const override {
    out.u8(kVersion);
    out.f64(nats);
  }
  [[nodiscard]] std::size_t bytes() const override { return sizeof(*this); }
  [[nodiscard]] static std::unique_ptr<ChannelMemory> decode(Reader& in) {
    if (in.u8() != kVersion) return nullptr;
    auto memory = std::make_unique<Spent>();
    memory->nats = in.f64();
    if (!(memory->nats >= 0 && memory->nats <= kMostNats)) in.fail();
    return in.ok() ? std::move(memory) : nullptr;
  }
};

std::optional<Wager> wager_on(const Act& act, double score) {
  const double factor = 1 - kStake + kStake * score / kMeanScore;
  if (factor > 1 && factor < kLeastFactor) return std::nullopt;
  const bool worried = factor > 1;
  if (worried) {
    Spent& spent = scope::memory_in<Spent>(act.past(ChannelId::Opinion));
    const double nats = std::log(factor);
    if (spent.nats + nats > kMostNats) return std::nullopt;
    spent.nats += nats;
  }
  return Wager{.threat = Threat::Opinion,
               .context = 0,
               .cls = static_cast<std::uint8_t>(worried ? 1 : 0),
               .alert = static_cast<float>(factor),
               .ticks = worried};
}

class OpinionChannel final : public Channel {
 public:
  [[nodiscard]] const ChannelInfo& info() const override {
    static const ChannelInfo kInfo{ChannelId::Opinion, "opinion", {"signal"}, {"calm", "worried"}, {20, 20}, false};
    return kInfo;
  }
  [[nodiscard]] std::vector<std::vector<double>> caps(const Persona& /*persona*/) const override { return {{1, 1}}; }
  [[nodiscard]] std::span<const Bet> bets() const override {
    static const std::vector<Bet> kBets{{.threat = Threat::Opinion, .q = {}, .alert_only = true, .resting = .2}};
    return kBets;
  }
  [[nodiscard]] std::unique_ptr<ChannelMemory> decode_memory(MemoryScope scope, Reader& in) const override {
    return scope == MemoryScope::Agent ? Spent::decode(in) : nullptr;
  }

  [[nodiscard]] Reading read(const Act& act) const override {
    if (act.event.kind != EventKind::Signal) return Reading::of(Reading::Kind::Silent);
    if (!act.event.signal.score) return Reading::of(Reading::Kind::NotEvaluable);
    Reading reading = Reading::of(Reading::Kind::Silent);
    const double score = std::clamp(*act.event.signal.score, 0., 1.);
    if (score >= kReported)
      reading.breaches.push_back({Analytic::SignalExternal, "the detector " +
                                                                printable(act.event.signal.name.value_or("without a name"), 80) +
                                                                " reports it with a score of " + scope::number_words(score)});
    if (const auto wager = wager_on(act, score)) reading.wagers.push_back(*wager);
    return reading;
  }

  [[nodiscard]] Description describe(const Act& /*act*/, Threat /*threat*/) const override {
    return {.title = "Another detector reports the agent", .sentence = {}, .identifier_shape = {}, .grounded = std::nullopt};
  }
};

}  // namespace

const Channel& opinion_channel() {
  static const OpinionChannel kChannel;
  return kChannel;
}

}  // namespace ringfence
