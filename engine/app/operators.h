// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "engine/app/commands.h"
#include "engine/app/exit_code.h"
#include "engine/verdict/command.h"

namespace ringfence {

/// Signs a command as the writer `operator` and puts it where engines read it; what an operator halts or frees the operator's own writer
/// says at once. Tells the outcome on standard output, a fault on standard error.
[[nodiscard]] ExitCode give_command(const Command& command, const std::string& config);

/// Declares halt, approve and release: what a person commands.
void add_operators(CLI::App& app, Subcommand& action);

}  // namespace ringfence
