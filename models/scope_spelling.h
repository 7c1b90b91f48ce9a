// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "engine/persona/persona.h"

/// One resource can be written in many ways. A prohibition holds for each of them, or another spelling would be a way round it; a
/// permission holds for what was written, and for where its relative segments lead. Cost: nothing but a scan for a plain path.
namespace ringfence::scope {

/// Where `.` and `..` segments lead, also written `%2e`, encoded twice, or between backslashes; empty where there are none. A permission
/// must hold for all of it.
[[nodiscard]] std::vector<std::string> climbed(std::string_view resource);

/// True if the resource matches as it is written, and where its relative segments lead does not.
[[nodiscard]] bool leaves_by_dots(const GlobSet& globs, std::string_view matching);
/// True if the resource, and where its relative segments lead, match.
[[nodiscard]] bool stays_inside(const GlobSet& globs, std::string_view resource);

/// True if the resource matches in any spelling: as it is written, decoded once or twice, with `\` as `/`, without empty and relative
/// segments, query, fragment, scheme, and the slash it begins with. At most twenty are tried.
[[nodiscard]] bool touches(const GlobSet& globs, std::string_view resource);

}  // namespace ringfence::scope
