// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "engine/event/char_set.h"

namespace ringfence {

/// ASCII of which names and numbers of hosts are made; beside it all that is not ASCII, as in internationalised names.
inline constexpr CharSet kHostAscii("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_.:");

/// What is wrong with a host (or glob over hosts) as a persona or a setting declares it: acts are held against declared hosts by the bare
/// host that they name (docs/contracts/event.md, `destination.host`), so one with a scheme, user, port, path, brackets or final dot would
/// match none. The message says what to write instead. Nothing where it may match.
[[nodiscard]] std::optional<std::string> host_fault(std::string_view declared);

}  // namespace ringfence
