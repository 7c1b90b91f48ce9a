// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "connectors/encoders/explain.h"
#include "engine/persona/persona.h"

namespace ringfence {

/// What persona files at hand are to a finding.
struct FindingPersona {
  const Persona* persona = nullptr;  // of the id and version that the finding names; of the set
  /// Why it is not the text that the finding was made under: one sentence for people, escaped, without its full stop. Empty where it is,
  /// or the finding names no persona or no digest.
  std::string doubt;

  /// It is the very text, or nothing says that it is another.
  [[nodiscard]] bool is_its_own() const { return doubt.empty(); }
};
[[nodiscard]] FindingPersona persona_of(const Account& account, const PersonaSet& set);

}  // namespace ringfence
