// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "engine/persona/persona.h"

namespace ringfence {

/// The same as `matches_tool` where the glob needs nothing that the event leaves out.
[[nodiscard]] bool surely_matches_tool(const Glob& tool, const Event& event);

/// No glob of the set has the act's tool but by its name alone, because the event does not say the server (`matches_tool`).
[[nodiscard]] bool server_undecided(const GlobSet& tools, const Event& event);

enum class Forbidden : std::uint8_t { No, Unknown, Yes };

/// Whether globs that forbid have the act's tool. Of an act without a server: by the part behind a slash, where that names something
/// (`iam/**` does not); unknown where it may be a tool of that name that the job permits, on a server that none of the globs has.
[[nodiscard]] Forbidden forbids_tool(const GlobSet& tools, const Event& event, const Persona& job);

}  // namespace ringfence
