// SPDX-License-Identifier: Apache-2.0
#include "models/sequence_model.h"

#include <algorithm>

namespace ringfence {
namespace {

constexpr std::uint8_t kVersion = 1;
constexpr double kPseudoCalls = 20;  // kappa
constexpr float kFading = .995F;
constexpr double kForeignShare = .005;  // of acts outside the persona: the cap that the workflow gives them
constexpr double kOutOfOrder = .10;     // left to what `next` does not name: the cap of an act out of order
constexpr float kLeastWeight = 1e-4F;   // b_d stays inside (0, 1), so that a context can come back

void normalise(SequenceMix& mix) {
  float sum = 0;
  for (const float part : mix) sum += part;
  for (float& part : mix) part /= sum;
}

constexpr std::uint16_t key_of(std::size_t order, SequenceContext context) {
  if (order == 0) return 0;
  const auto one = static_cast<std::uint16_t>(1 + context.one);
  return order == 1 ? one : static_cast<std::uint16_t>(one + 32 * (1 + context.two));
}

}  // namespace

SequencePlan::SequencePlan(const Persona& persona) {
  declares_ = !persona.workflow.next.empty() || std::ranges::any_of(persona.actions, [](const Action& a) { return a.share.has_value(); });
  for (std::size_t i = 0; i < persona.actions.size(); ++i) {
    class_of_[i] = static_cast<std::uint8_t>(std::min<std::size_t>(i, kOthers));
    own_ = class_of_[i] + 1U;
    stamp_ = hash64(persona.actions[i].id, stamp_);
  }
  weigh_shares(persona);
  weigh_successors(persona);
}

/// Declared shares as they are; what they leave, at least a tenth, is for the actions without one.
void SequencePlan::weigh_shares(const Persona& persona) {
  double declared = 0, silent = 0;
  for (const Action& action : persona.actions) {
    declared += action.share.value_or(0);
    silent += action.share ? 0 : 1;
  }
  const double left = silent > 0 ? std::max(1 - declared, .1) / silent : 0;
  for (std::size_t i = 0; i < persona.actions.size(); ++i)
    shares_[class_of_[i]] += static_cast<float>(std::max(persona.actions[i].share.value_or(left), kForeignShare));
  normalise(shares_);
  for (float& part : shares_) part *= static_cast<float>(1 - kForeignShare);
  shares_[kForeign] = static_cast<float>(kForeignShare);
  const auto there = std::ranges::count_if(shares_, [](float part) { return part > 0; });
  off_ = 1 / static_cast<float>(there);
}

void SequencePlan::weigh_successors(const Persona& persona) {
  after_.fill(shares_);
  const auto weigh = [&](std::uint8_t before, ActionMask successors) {
    SequenceMix next{};
    for (std::size_t i = 0; i < persona.actions.size(); ++i)
      if (((successors >> i) & 1U) != 0 || persona.actions[i].anytime) next[class_of_[i]] = shares_[class_of_[i]];
    if (std::ranges::all_of(next, [](float part) { return part == 0; })) return;
    normalise(next);
    declared_[before] = true;
    for (std::size_t x = 0; x < next.size(); ++x)
      after_[before][x] =
          static_cast<float>((1 - kOutOfOrder) * static_cast<double>(next[x]) + kOutOfOrder * static_cast<double>(shares_[x]));
  };
  for (const auto& [from, to] : persona.workflow.next)
    if (class_of_[from] != kOthers) weigh(class_of_[from], to);
  if (persona.workflow.start != 0) weigh(kSequenceStart, persona.workflow.start);
}

std::size_t SequenceMemory::row(std::uint16_t key) const {
  const auto found = std::ranges::find(rows_, key, &Row::key);
  return found == rows_.end() ? kNone : static_cast<std::size_t>(found - rows_.begin());
}

std::size_t SequenceMemory::make_row(std::uint16_t key, float weight) {
  if (const std::size_t known = row(key); known != kNone || rows_.size() == kRowsMost) return known;
  if (rows_.size() == rows_.capacity()) {  // doubling would pass the bytes the header states
    rows_.reserve(rows_.size() + kRowsMost / 4);
    counts_.reserve(rows_.capacity() * width_);
  }
  rows_.push_back({.key = key, .weight = weight});
  counts_.resize(rows_.size() * width_);
  return rows_.size() - 1;
}

void SequenceMemory::widen(std::size_t own) {
  if (own + 1 <= width_) return;
  std::vector<float> wider;
  wider.reserve(rows_.capacity() * (own + 1));
  wider.resize(rows_.size() * (own + 1));
  for (std::size_t i = 0; i < rows_.size(); ++i) {
    std::copy_n(counts(i), width_ - 1, wider.data() + i * (own + 1));
    wider[i * (own + 1) + own] = counts(i)[width_ - 1];
  }
  counts_ = std::move(wider);
  width_ = own + 1;
}

double SequenceMemory::estimate(const SequenceMix& declared, std::size_t row, std::uint8_t cls) const {
  const auto prior = static_cast<double>(declared[cls]);
  if (row == kNone) return prior;
  const float* const n = counts(row);
  double sum = 0;
  for (std::size_t i = 0; i < width_; ++i) sum += static_cast<double>(n[i]);
  const bool counted = cls == SequencePlan::kForeign || cls + 1U < width_;
  return (kPseudoCalls * prior + (counted ? static_cast<double>(n[place(cls)]) : 0)) / (kPseudoCalls + sum);
}

double SequenceMemory::predicted(const SequencePlan& plan, SequenceContext context, std::uint8_t cls) const {
  double p = estimate(plan.shares(), row(0), cls);
  for (std::size_t order = 1; order <= 2; ++order) {
    const std::size_t longer = row(key_of(order, context));
    if (longer == kNone && order == 2) continue;  // an unmet longer context knows no more than the shorter one
    const double weight = longer != kNone ? static_cast<double>(rows_[longer].weight) : static_cast<double>(plan.first_weight(context.one));
    p = weight * estimate(plan.after(context.one), longer, cls) + (1 - weight) * p;
  }
  return p;
}

void SequenceMemory::learn(const SequencePlan& plan, SequenceContext context, std::uint8_t cls) {
  widen(plan.own());
  double shorter = estimate(plan.shares(), row(0), cls);
  for (std::size_t order = 0; order <= 2; ++order) {
    const std::size_t known = make_row(key_of(order, context), order == 1 ? plan.first_weight(context.one) : .5F);
    if (known == kNone) continue;
    if (order > 0) {
      const auto weight = static_cast<double>(rows_[known].weight);
      const double mine = weight * estimate(plan.after(context.one), known, cls), all = mine + (1 - weight) * shorter;
      if (all > 0) rows_[known].weight = std::clamp(static_cast<float>(mine / all), kLeastWeight, 1 - kLeastWeight);
      shorter = all;
    }
    float* const n = counts(known);
    for (std::size_t i = 0; i < width_; ++i) n[i] *= kFading;
    n[place(cls)] += 1;
  }
}

/// As if every class there can be were counted.
void SequenceMemory::encode(Writer& out) const {
  out.u8(kVersion);
  out.u64(plan_);
  out.varint(rows_.size());
  for (std::size_t i = 0; i < rows_.size(); ++i) {
    out.varint(rows_[i].key);
    out.f32(rows_[i].weight);
    for (std::size_t cls = 0; cls + 1 < kSequenceClasses; ++cls) out.f32(cls + 1 < width_ ? counts(i)[cls] : 0);
    out.f32(counts(i)[width_ - 1]);
  }
}

std::unique_ptr<SequenceMemory> SequenceMemory::decode(Reader& in) {
  if (in.u8() != kVersion) return nullptr;
  auto memory = std::make_unique<SequenceMemory>(in.u64());
  constexpr float kMostCounted = 201;  // 1 / (1 - .995), rounding included
  const std::size_t rows = in.count(1 + (kSequenceClasses + 1) * sizeof(float), kRowsMost);
  memory->rows_.reserve(rows);
  for (std::size_t i = 0; i < rows; ++i) {
    const std::uint64_t key = in.varint();
    if (key > UINT16_MAX) in.fail();
    const float weight = in.f32();
    if (!(weight > 0 && weight < 1)) in.fail();
    SequenceMix mix;
    for (float& n : mix) {
      n = in.f32();
      if (!(n >= 0 && n <= kMostCounted)) in.fail();
    }
    memory->take(static_cast<std::uint16_t>(key), weight, mix);
  }
  if (!in.ok()) return nullptr;
  return memory;
}

void SequenceMemory::take(std::uint16_t key, float weight, const SequenceMix& mix) {
  std::size_t own = SequencePlan::kForeign;
  while (own > 0 && mix[own - 1] == 0) --own;
  widen(own);
  rows_.push_back({.key = key, .weight = weight});
  counts_.resize(rows_.size() * width_);
  std::copy_n(mix.begin(), width_ - 1, counts(rows_.size() - 1));
  counts(rows_.size() - 1)[width_ - 1] = mix.back();
}

void SequenceSession::encode(Writer& out) const {
  out.u8(kVersion);
  out.u64(plan);
  out.u8(context.one);
  out.u8(context.two);
  out.u8(own ? 1 : 0);
  if (own) own->encode(out);
}

std::unique_ptr<ChannelMemory> SequenceSession::decode(Reader& in) {
  if (in.u8() != kVersion) return nullptr;
  auto memory = std::make_unique<SequenceSession>();
  memory->plan = in.u64();
  memory->context.one = in.u8();
  memory->context.two = in.u8();
  if (memory->context.one > kSequenceStart || memory->context.two > kSequenceStart) in.fail();
  if (in.u8() == 1) {
    memory->own = SequenceMemory::decode(in);
    if (!memory->own) in.fail();
  }
  if (!in.ok()) return nullptr;
  return memory;
}

}  // namespace ringfence
