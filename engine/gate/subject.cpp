// SPDX-License-Identifier: Apache-2.0
#include "engine/gate/subject.h"

#include <algorithm>

namespace ringfence {
namespace {

constexpr std::array<std::string_view, kSubjectFields> kNames{
    "credential.fingerprint", "agent.id", "agent.instance", "session.id", "user.id", "tenant", "delegation.root"};

}  // namespace

std::string_view name_of(SubjectField field) { return kNames[static_cast<std::size_t>(field)]; }

std::optional<SubjectField> subject_field_named(std::string_view name) {
  const auto found = std::ranges::find(kNames, name);
  if (found == kNames.end()) return std::nullopt;
  return static_cast<SubjectField>(found - kNames.begin());
}

}  // namespace ringfence
