// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace ringfence {

/// One word of a shell's command line that stands for exactly this text: as it is where a shell reads nothing into it, else between single
/// quotes; where a reader would not see all of it (controls, marks that turn text around, invalid UTF-8) as `$'…'`, which bash, zsh and
/// ksh know. Never shortened; shows nothing that a terminal acts on.
[[nodiscard]] std::string shell_word(std::string_view text);

}  // namespace ringfence
