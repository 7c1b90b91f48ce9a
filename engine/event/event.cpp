// SPDX-License-Identifier: Apache-2.0
#include "engine/event/event.h"

#include <algorithm>

namespace ringfence {

bool is_miss(const Event& event) {
  static constexpr std::array<std::string_view, 5> kMissCodes{"404", "410", "-32602", "not_found", "unknown_tool"};
  return event.outcome.status == Outcome::Error && event.outcome.code &&
         std::ranges::find(kMissCodes, *event.outcome.code) != kMissCodes.end();
}

}  // namespace ringfence
