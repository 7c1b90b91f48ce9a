// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "models/channel.h"

namespace ringfence::identity {

/// What kind of credential store a path or address names, in words ("an SSH key"); empty where it names none. Only places that are such by
/// wide convention; public halves (`*.pub`) and templates (`*.example`, `*.sample`, `*.template`) are none. Either slash, any case.
[[nodiscard]] std::string_view credential_store(std::string_view path);

/// The first credential store that the act's resource or an argument names, in words; empty where there is none, or where the job's own
/// resources name such a place by its name (`**/*.pem`). Arguments: the first 64 strings of at most 256 bytes, and their words where the
/// act reads, executes or declares no effect; a write reads nothing.
[[nodiscard]] std::string_view reads_credential_store(const Act& act);

}  // namespace ringfence::identity
