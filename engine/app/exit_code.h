// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace ringfence {

/// Exit codes of the program (docs/contracts/cli.md); the highest that applies is given.
enum class ExitCode : int {
  Done = 0,
  AnsweredNo = 1,   // a persona test failed, a file is invalid, a finding at or above --fail-on
  Unusable = 2,     // wrong usage, bad configuration, personas or keys, unreadable input
  Unreachable = 3,  // a dependency is not reachable or the disk is full
  Internal = 70,
};

}  // namespace ringfence
