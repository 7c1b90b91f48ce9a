// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "engine/app/exit_code.h"

namespace ringfence {

/// Why a command was not given.
struct Fault {
  ExitCode exit = ExitCode::Unusable;
  std::string message;
  std::string jti{};  // of the command that was signed for it; empty where none was
};

}  // namespace ringfence
