// SPDX-License-Identifier: Apache-2.0
#include "models/drift_plan.h"

#include <algorithm>
#include <string>

namespace ringfence {
namespace {

/// Rare ones with a class of their own; with the rest of the capped, the uncapped and the foreign there are 16.
constexpr std::size_t kAlone = 13;

double cap_of(double share) { return std::min(1., 3 * share + .02); }

}  // namespace

DriftPlan::DriftPlan(const Persona& persona) : actions_(persona.actions.size()) {
  std::vector<ActionIndex> rare;
  bool any_free = false;
  for (std::size_t i = 0; i < actions_; ++i) {
    const auto& share = persona.actions[i].share;
    if (share && cap_of(*share) < 1) {
      rare.push_back(static_cast<ActionIndex>(i));
    } else {
      any_free = true;
    }
  }
  std::ranges::stable_sort(rare, {}, [&](ActionIndex i) { return persona.actions[i].share.value_or(0); });
  double together = 0;
  for (std::size_t place = 0; place < rare.size(); ++place) {
    const double share = persona.actions[rare[place]].share.value_or(0);
    class_of_[rare[place]] = static_cast<std::uint8_t>(std::min(place, kAlone));
    if (place < kAlone) {
      caps_.push_back(cap_of(share));
    } else {
      together += share;
    }
  }
  if (rare.size() > kAlone) caps_.push_back(cap_of(together));
  capped_ = caps_.size();
  if (any_free) {
    for (std::size_t i = 0; i < actions_; ++i)
      if (std::ranges::find(rare, i) == rare.end()) class_of_[i] = static_cast<std::uint8_t>(capped_);
    caps_.push_back(1);
  }
  caps_.push_back(cap_of(0));
  double sum = 0;
  for (const double cap : caps_) sum += cap;
  if (sum < 1)
    for (double& cap : caps_) cap /= sum;  // a box that holds no distribution is scaled up until it holds one
  for (std::size_t i = 0; i < actions_; ++i) stamp_ = hash64(persona.actions[i].id, stamp_ + class_of_[i]);
  for (const double cap : caps_) stamp_ = hash64(std::to_string(cap), stamp_);
}

std::vector<ActionIndex> DriftPlan::actions_of(std::size_t cls) const {
  std::vector<ActionIndex> all;
  for (std::size_t i = 0; i < actions_; ++i)
    if (class_of_[i] == cls) all.push_back(static_cast<ActionIndex>(i));
  return all;
}

}  // namespace ringfence
