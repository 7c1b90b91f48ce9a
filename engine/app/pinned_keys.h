// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <expected>

#include "config/settings.h"
#include "connectors/encoders/keys.h"
#include "engine/app/file_run.h"

namespace ringfence {

/// Whose records of before count beside those of the own key: `gate.keys_file`, none where there is no such file. One that is there and
/// cannot be read ends a start: without the keys of before their records would be nobody's, and gates would take none of the next.
[[nodiscard]] std::expected<TrustedKeys, RunError> pinned_keys(const Settings& settings);
/// Whose signature makes a command: the keys of `gate.keys_file` that may speak as `operator`; without that file the own key.
[[nodiscard]] std::expected<TrustedKeys, RunError> operators_keys(const Settings& settings);
/// Whose records an EnforcementBoard takes: the pinned keys and the own one.
[[nodiscard]] std::expected<TrustedKeys, RunError> board_keys(const Settings& settings);

}  // namespace ringfence
