// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
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
[[nodiscard]] bool stays_inside(const Glob& glob, std::string_view resource);

/// Calls `holds` with one spelling after another until it is true; false where it never is. As it is written, decoded once or twice, with
/// `\` as `/`, without empty and relative segments, query, fragment, scheme, and the slash it begins with; of what begins with a host also
/// that host in small letters without user, final dot and port, with the port that its scheme stands for, of `http` and `ws` and without a
/// scheme also as `https` and `wss`. At most two hundred, of a plain path one.
[[nodiscard]] bool in_any_spelling(std::string_view resource, const std::function<bool(std::string_view)>& holds);

/// True if the resource matches in any spelling, the globs' own hosts in small letters and without final dots.
[[nodiscard]] bool touches(const GlobSet& globs, std::string_view resource);

}  // namespace ringfence::scope
