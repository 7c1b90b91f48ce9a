// SPDX-License-Identifier: Apache-2.0
#include "engine/pipeline/drill_rules.h"

#include <span>
#include <stdexcept>
#include <utility>

#include "engine/event/drill.h"
#include "engine/persona/load.h"
#include "models/channel.h"

namespace ringfence {

std::span<const std::string_view> embedded_drill();

const Rulebook& drill_rules() {
  static const Rulebook kRules = [] {
    PersonaLoad load = load_personas(FileTree{{{"ringfence-drill.yaml", std::string(embedded_drill()[0])}}});
    if (!load.set) throw std::logic_error("the built-in job of drills does not load: " + to_string(load.diagnostics.front()));
    return Rulebook(std::move(*load.set), all_channels());
  }();
  return kRules;
}

const Rulebook& rules_of(std::string_view tenant, const Rulebook& in_force) { return is_drill(tenant) ? drill_rules() : in_force; }

}  // namespace ringfence
