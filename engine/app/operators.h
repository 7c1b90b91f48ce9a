// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine/app/commands.h"

namespace ringfence {

/// Declares halt, approve and release: what a person commands.
void add_operators(CLI::App& app, Subcommand& action);

}  // namespace ringfence
