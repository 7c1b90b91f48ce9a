// SPDX-License-Identifier: Apache-2.0
#include "engine/app/finding_persona.h"

#include <algorithm>

#include "engine/event/escape.h"

namespace ringfence {

FindingPersona persona_of(const Account& account, const PersonaSet& set) {
  if (account.persona.empty()) return {};
  const auto found = std::ranges::find(set.personas(), account.persona, &Persona::reference);
  if (found == set.personas().end()) return {nullptr, "no persona " + printable(account.persona) + " is among the files given"};
  if (account.persona_sha256.empty() || found->sha256 == account.persona_sha256) return {&*found, {}};
  return {&*found, printable(found->file) + ": " + printable(account.persona) +
                       " is not as the finding was made under it: the file or a list that it names has changed (SHA-256 " + found->sha256 +
                       ", the finding's " + printable(account.persona_sha256, 64) + ")"};
}

}  // namespace ringfence
