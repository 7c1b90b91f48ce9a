// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "models/channel.h"

namespace ringfence::identity {

/// What kind of credential store a path or address names, in words ("an SSH key"); empty where it names none. Only places that are such by
/// wide convention; public halves (`*.pub`) and templates (`*.example`, `*.sample`, `*.template`) are none, and a `.pem` is a key's where
/// its name or directory says so. Any case, and in any spelling (scope_spelling.h); longer than 1 KiB it names none.
[[nodiscard]] std::string_view credential_store(std::string_view path);

/// The first credential store that the act's resource or an argument names, in words; empty where there is none, or where the job's own
/// resources name such a place by its name (`**/*.pem`). Arguments: the first 64 strings, of up to 1 KiB without a space and of up to 256
/// bytes with spaces; their words where the act reads or declares no effect, and of up to 4 KiB where it executes; a write reads nothing.
[[nodiscard]] std::string_view reads_credential_store(const Act& act);

}  // namespace ringfence::identity
