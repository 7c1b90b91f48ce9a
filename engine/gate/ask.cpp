// SPDX-License-Identifier: Apache-2.0
#include "engine/gate/ask.h"

#include <algorithm>
#include <charconv>

namespace ringfence {

std::expected<AskPolicy::Settings, std::string> AskPolicy::parse(const std::map<std::string, std::string>& tiers,
                                                                 const std::vector<std::string>& effects) {
  constexpr int kLowest = 1, kHighest = 4;
  Settings out;
  for (const auto& [name, what] : tiers) {
    int tier = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), tier);
    if (error != std::errc{} || end != name.data() + name.size() || tier < kLowest || tier > kHighest)
      return std::unexpected("`" + name + "` is no tier: they are 1 to 4");
    if (what != "closed" && what != "open") return std::unexpected("tier " + name + ": expected closed or open");
    out.tiers[tier] = what == "open" ? WithoutAnswer::Open : WithoutAnswer::Closed;
  }
  for (const std::string& name : effects) {
    const auto effect = effect_named(name);
    if (!effect) return std::unexpected("`" + name + "` is no effect");
    out.effects.set(static_cast<std::size_t>(*effect));
  }
  return out;
}

std::optional<WithoutAnswer> AskPolicy::concerns(std::string_view tenant, std::string_view agent) const {
  Event probe;
  if (!tenant.empty()) probe.tenant = tenant;
  probe.agent.id = agent;
  const Persona* const persona = personas_->match(probe);
  if (persona == nullptr) return std::nullopt;
  const auto found = settings_.tiers.find(persona->tier);
  return found == settings_.tiers.end() ? std::nullopt : std::optional(found->second);
}

std::optional<WithoutAnswer> AskPolicy::strictest() const {
  if (settings_.tiers.empty()) return std::nullopt;
  const auto closed = [](const auto& tier) { return tier.second == WithoutAnswer::Closed; };
  return std::ranges::any_of(settings_.tiers, closed) ? WithoutAnswer::Closed : WithoutAnswer::Open;
}

bool AskPolicy::asks(const Event& act) const {
  const Persona* const persona = personas_->match(act);
  if (persona == nullptr) return false;
  const auto effect = effect_of(*persona, match_action(*persona, act).action, act);
  return !effect || settings_.effects.test(static_cast<std::size_t>(*effect));
}

}  // namespace ringfence
