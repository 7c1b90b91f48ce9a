// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "engine/event/event.h"
#include "engine/state/agent_state.h"

namespace ringfence {

/// Sessions under a borrowed name have places beside the agent's own and make room for one another alone.
inline constexpr std::size_t kBorrowedSessionsMost = 16;

/// Acts under a borrowed name that name no session are judged apart by the credential they show: it stands for the session, whose `id` it
/// then is. The key keeps it apart from sessions of that id.
[[nodiscard]] inline std::uint64_t borrowed_credential_key(std::string_view fingerprint) { return hash64(fingerprint, 2); }

[[nodiscard]] inline bool stands_for_credential(const SessionState& session) { return session.key == borrowed_credential_key(session.id); }

/// What `SessionState::borrowed` is of a session that was read back.
[[nodiscard]] inline bool has_borrowed_key(const SessionState& session) {
  return session.key == borrowed_key(session.id) || stands_for_credential(session);
}

}  // namespace ringfence
