// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <CLI/CLI.hpp>
#include <cstddef>
#include <functional>

#include "engine/app/exit_code.h"

namespace ringfence {

/// What the chosen subcommand will run once the whole line is parsed.
using Subcommand = std::function<ExitCode()>;

/// Of what a command says on standard error: a path or a cluster's reason may be long.
inline constexpr std::size_t kMessageChars = 1024;

/// Each declares one subcommand with its options and help, and stores what it does in `action`.
void add_replay(CLI::App& app, Subcommand& action);
void add_run(CLI::App& app, Subcommand& action);
void add_validate(CLI::App& app, Subcommand& action);
void add_test(CLI::App& app, Subcommand& action);
void add_explain(CLI::App& app, Subcommand& action);
void add_report(CLI::App& app, Subcommand& action);
void add_audit(CLI::App& app, Subcommand& action);
void add_status(CLI::App& app, Subcommand& action);
void add_drill(CLI::App& app, Subcommand& action);
void add_top(CLI::App& app, Subcommand& action);
void add_publish(CLI::App& app, Subcommand& action);
void add_topics(CLI::App& app, Subcommand& action);
void add_state(CLI::App& app, Subcommand& action);
void add_dead_letter(CLI::App& app, Subcommand& action);
void add_gate(CLI::App& app, Subcommand& action);
void add_keys(CLI::App& app, Subcommand& action);

}  // namespace ringfence
