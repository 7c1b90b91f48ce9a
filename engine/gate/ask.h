// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bitset>
#include <cstdint>
#include <expected>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/event/event.h"
#include "engine/persona/persona.h"

namespace ringfence {

/// What becomes of an act that was to be asked about and has no answer: refused, or let pass.
enum class WithoutAnswer : std::uint8_t { Closed, Open };

/// Which acts an enforcement point asks the engine about before they happen (docs/design/enforcement.md §3a): those of agents whose persona
/// is of a chosen tier, where the persona declares one of the chosen effects for them, or declares nothing, so that nobody can say what
/// they do. Immutable, thread-safe. About 1 µs an act.
class AskPolicy {
 public:
  struct Settings {
    std::map<int, WithoutAnswer> tiers;  // that are asked about at all
    std::bitset<kEffects> effects;
  };
  /// Tiers by number (`4`) with `closed` or `open`, effects by name; the error says what does not fit.
  [[nodiscard]] static std::expected<Settings, std::string> parse(const std::map<std::string, std::string>& tiers,
                                                                  const std::vector<std::string>& effects);

  AskPolicy(Settings settings, std::shared_ptr<const PersonaSet> personas)
      : settings_(std::move(settings)), personas_(std::move(personas)) {}

  /// Nothing where the acts of this agent are not asked about: it has no persona, or one of another tier.
  [[nodiscard]] std::optional<WithoutAnswer> concerns(std::string_view tenant, std::string_view agent) const;
  /// Of whoever does not say which agent it is: the strictest of the chosen tiers; nothing where no tier is chosen.
  [[nodiscard]] std::optional<WithoutAnswer> strictest() const;
  /// Whether this act, of an agent that it concerns, is to be asked about.
  [[nodiscard]] bool asks(const Event& act) const;

 private:
  Settings settings_;
  std::shared_ptr<const PersonaSet> personas_;
};

}  // namespace ringfence
