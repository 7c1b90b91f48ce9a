// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <functional>
#include <utility>

#include "engine/event/escape.h"
#include "engine/event/sha256.h"
#include "engine/persona/persona.h"
#include "engine/persona/values.h"

namespace ringfence {
namespace {

std::string patterns_json(const GlobSet& globs, bool declared) {
  if (!declared) return "null";
  std::vector<std::string> patterns;
  for (const Glob& glob : globs.globs()) patterns.push_back(glob.pattern());
  std::ranges::sort(patterns);
  std::string out;
  for (const std::string& pattern : patterns) out += (out.empty() ? "" : ",") + json_quoted(pattern);
  return "[" + out + "]";
}

std::string digest_of(const std::vector<Persona>& personas, const auto& entitlements, bool required) {
  std::vector<std::pair<std::string, std::string>> digests;
  for (const Persona& persona : personas) digests.emplace_back(persona.id, persona.sha256);
  std::ranges::sort(digests);
  std::string text;
  for (const auto& [id, sha256] : digests) text += sha256 + "\n";
  for (const auto& [user, entitlement] : entitlements) {
    text += json_quoted(user) + ":[" + patterns_json(entitlement.tools, entitlement.tools_declared) + "," +
            patterns_json(entitlement.resources, entitlement.resources_declared) + "]\n";
  }
  if (required) text += "require_entitlements\n";
  return sha256_hex(text);
}

}  // namespace

double Persona::tolerance() const {
  switch (confidence) {
    case Confidence::Reviewed:
      return 1.5;
    case Confidence::Measured:
      return 1.2;
    case Confidence::Sketch:
      break;
  }
  return 2.0;
}

PersonaSet::PersonaSet(std::vector<Persona> personas, std::map<std::string, Entitlement> entitlements, bool require_entitlements)
    : personas_(std::move(personas)), require_entitlements_(require_entitlements) {
  for (auto& [user, entitlement] : entitlements) entitlements_.emplace(user, std::move(entitlement));
  calendars_.reserve(personas_.size());
  for (const Persona& persona : personas_) calendars_.emplace_back(persona.schedule);
  sha256_ = digest_of(personas_, entitlements_, require_entitlements_);
}

const Persona* PersonaSet::match(const Event& event) const {
  const auto admits_tenant = [&](const Persona& persona) { return persona.tenants.empty() || persona.tenants.matches(event.tenant); };
  if (event.agent.persona) {
    const auto bound = std::ranges::find(personas_, *event.agent.persona, &Persona::id);
    if (bound != personas_.end() && admits_tenant(*bound)) return &*bound;
  }
  static const Glob kAnyTenant("**");
  const Persona* best = nullptr;
  const Glob *best_agent = nullptr, *best_tenant = nullptr;
  for (const Persona& persona : personas_) {
    const Glob* agent = persona.agents.most_specific(event.agent.id);
    if (agent == nullptr) continue;
    const Glob* tenant = persona.tenants.empty() ? &kAnyTenant : persona.tenants.most_specific(event.tenant);
    if (tenant == nullptr) continue;
    const auto order = best == nullptr ? std::weak_ordering::greater : agent->specificity(*best_agent);
    if (order > 0 || (order == 0 && best_tenant->less_specific_than(*tenant))) best = &persona, best_agent = agent, best_tenant = tenant;
  }
  return best;
}

const LocalCalendar& PersonaSet::calendar(const Persona& persona) const {
  const std::less<const Persona*> before;
  const Persona* const first = personas_.data();
  const bool own = !before(&persona, first) && before(&persona, first + personas_.size());
  const auto known = own ? personas_.begin() + (&persona - first)  // a delegate's narrowed job is a copy
                         : std::ranges::find(personas_, persona.id, &Persona::id);
  return calendars_[static_cast<std::size_t>(known - personas_.begin())];
}

const Entitlement* PersonaSet::entitlement(std::string_view user) const {
  const auto found = entitlements_.find(user);
  return found == entitlements_.end() ? nullptr : &found->second;
}

}  // namespace ringfence
