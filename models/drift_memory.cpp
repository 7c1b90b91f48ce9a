// SPDX-License-Identifier: Apache-2.0
#include "models/drift_memory.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>

#include "models/numeraire.h"

namespace ringfence {
namespace {

constexpr std::uint8_t kVersion = 1;
constexpr float kDiscount = .95F;
constexpr double kPseudo = .2;        // of each class in the mix of late
constexpr double kPseudoCalls = 40;   // of the Beta prior, at half the cap
constexpr double kTightest = 8;       // v/8 is the least cap
constexpr double kMixWeight = .4;     // of the bet on the mix of late; the rises share the rest
constexpr double kRise = 2;           // a rise is to twice the cap
constexpr double kGreatestStep = 20;  // detection.md §3: a channel's factor is capped
constexpr float kGreatest = 1e30F;
/// A bet counts where 4 (1 - sum sqrt(q p)) >= .02: to second order its growth in nats, and no logarithm decides (streaming.md §2 rule 6).
constexpr double kLeastDistance = .02 / 4;

constexpr std::uint32_t up(std::uint32_t n) { return n < std::numeric_limits<std::uint32_t>::max() ? n + 1 : n; }

}  // namespace

/// Of the mixture: what the e-detectors hold with their ticks before this act, and after it.
struct DriftMemory::Total {
  double staked = 0, paid = 0;
  bool placed = false;
  void rest(double weight, float held) {
    staked += weight * static_cast<double>(held);
    paid += weight * static_cast<double>(held);
  }
  void bet(double weight, float& held, double factor) {
    const auto stake = static_cast<double>(held) + 1;
    held = std::min(static_cast<float>(stake * std::min(factor, kGreatestStep)), kGreatest);
    staked += weight * stake;
    paid += weight * static_cast<double>(held);
    placed = true;
  }
};

double DriftMemory::tightened(const DriftPlan& plan, std::size_t cls) const {
  const double v = plan.cap(cls);
  if (cls >= plan.capped() && cls != plan.foreign()) return v;
  const double calls = kPseudoCalls + could_[cls], mean = (kPseudoCalls * v / 2 + came_[cls]) / calls;
  const double sd = std::sqrt(mean * (1 - mean) / (calls + 1));
  return std::clamp(mean + 3 * sd, v / kTightest, v);
}

double DriftMemory::share_of_late(const DriftPlan& plan, std::size_t cls) const {
  double sum = 0;
  for (std::size_t i = 0; i < plan.classes(); ++i) sum += static_cast<double>(late_[i]);
  return sum > 0 ? static_cast<double>(late_[cls]) / sum : 0;
}

/// The box numeraire of the caps against the mix of late.
void DriftMemory::bet_on_late_mix(const DriftPlan& plan, const Box& caps, std::size_t cls, Total& total) {
  const std::size_t classes = plan.classes();
  Box q{}, v = caps;
  double sum = 0, room = 0;
  for (std::size_t i = 0; i < classes; ++i) {
    sum += q[i] = static_cast<double>(late_[i]) + kPseudo;
    room += v[i];
  }
  for (std::size_t i = 0; i < classes; ++i) {
    q[i] /= sum;
    if (room < 1) v[i] /= room;
  }
  const BoxFactors g = box_factors(std::span(v).first(classes), std::span(q).first(classes));
  double overlap = 0;
  for (std::size_t i = 0; i < classes; ++i) overlap += q[i] / std::sqrt(g[i]);  // sqrt(q p*), p* = q / g
  if (1 - overlap < kLeastDistance) return total.rest(kMixWeight, mix_);
  total.bet(kMixWeight, mix_, g[cls]);
}

/// For p_x <= v the factor r/v on x, (1-r)/(1-v) else has mean at most 1, since r >= v.
void DriftMemory::bet_on_rises(const DriftPlan& plan, const Box& caps, std::size_t cls, std::size_t before, Total& total) {
  const double weight = (1 - kMixWeight) / static_cast<double>(plan.capped());
  for (std::size_t x = 0; x < plan.capped(); ++x) {
    const double v = caps[x], r = std::min(.5, kRise * plan.cap(x));
    const bool worth = x != before && r > v && 1 - std::sqrt(r * v) - std::sqrt((1 - r) * (1 - v)) >= kLeastDistance;
    if (!worth) {
      total.rest(weight, rises_[x]);
    } else {
      total.bet(weight, rises_[x], x == cls ? r / v : (1 - r) / (1 - v));
    }
  }
}

std::optional<float> DriftMemory::step(const DriftPlan& plan, std::size_t cls, std::size_t before, bool learning) {
  Box caps{};
  for (std::size_t i = 0; i < plan.classes(); ++i) caps[i] = i == before ? 1 : tightened(plan, i);
  Total total;
  bet_on_late_mix(plan, caps, cls, total);
  bet_on_rises(plan, caps, cls, before, total);
  for (std::size_t i = 0; i < plan.classes(); ++i) {
    late_[i] = kDiscount * late_[i] + (i == cls ? 1.F : 0.F);
    if (!learning || i == before) continue;
    could_[i] = up(could_[i]);
    if (i == cls) came_[i] = up(came_[i]);
  }
  if (!total.placed) return std::nullopt;
  return static_cast<float>(total.paid / total.staked);
}

void DriftMemory::encode(Writer& out) const {
  out.u8(kVersion);
  out.u64(plan_);
  out.f32(mix_);
  for (std::size_t i = 0; i < kMost; ++i) {
    out.f32(late_[i]);
    out.f32(rises_[i]);
    out.varint(came_[i]);
    out.varint(could_[i]);
  }
}

std::unique_ptr<DriftMemory> DriftMemory::decode(Reader& in) {
  if (in.u8() != kVersion) return nullptr;
  auto memory = std::make_unique<DriftMemory>(in.u64());
  const auto held = [&] {
    const float value = in.f32();
    if (!(value >= 0 && value <= kGreatest)) in.fail();
    return value;
  };
  memory->mix_ = held();
  for (std::size_t i = 0; i < kMost; ++i) {
    memory->late_[i] = held();
    memory->rises_[i] = held();
    memory->came_[i] = in.varint32();
    memory->could_[i] = in.varint32();
  }
  if (!in.ok()) return nullptr;
  return memory;
}

void DriftSession::encode(Writer& out) const {
  out.u8(kVersion);
  out.u64(plan);
  out.u8(before);
  out.u8(own ? 1 : 0);
  if (own) own->encode(out);
}

std::unique_ptr<ChannelMemory> DriftSession::decode(Reader& in) {
  if (in.u8() != kVersion) return nullptr;
  auto memory = std::make_unique<DriftSession>();
  memory->plan = in.u64();
  memory->before = in.u8();
  if (memory->before > DriftMemory::kNone) in.fail();
  if (in.u8() == 1) {
    memory->own = DriftMemory::decode(in);
    if (!memory->own) in.fail();
  }
  if (!in.ok()) return nullptr;
  return memory;
}

}  // namespace ringfence
