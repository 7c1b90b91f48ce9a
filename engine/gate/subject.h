// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace ringfence {

/// What a call may be known by at an enforcement point, in the order in which a decision names its ground.
enum class SubjectField : std::uint8_t { Credential, Agent, Instance, Session, User, Tenant, Root };
inline constexpr std::size_t kSubjectFields = 7;

/// The event's name of it, as `select` entries write it: `agent.id`, `credential.fingerprint` …
[[nodiscard]] std::string_view name_of(SubjectField field);
/// Nothing for fields that no gate can see.
[[nodiscard]] std::optional<SubjectField> subject_field_named(std::string_view name);

/// The tenant of what names none (docs/contracts/event.md).
inline constexpr std::string_view kDefaultTenant = "default";

/// Who makes a call. An empty value is one that is not known. Views: whoever asks keeps the text.
struct Subject {
  std::array<std::string_view, kSubjectFields> values;

  [[nodiscard]] std::string_view operator[](SubjectField field) const { return values[static_cast<std::size_t>(field)]; }
  std::string_view& operator[](SubjectField field) { return values[static_cast<std::size_t>(field)]; }
};

}  // namespace ringfence
