// SPDX-License-Identifier: Apache-2.0
#include "engine/app/service_observer.h"

#include <algorithm>

namespace ringfence {

std::expected<void, OutputError> ServiceObserver::see(const Event& event, Position at, const Say& say) {
  if (event.kind != EventKind::ToolCall || !event.tool.server) return {};
  const std::lock_guard lock(mutex_);
  const auto fact = observer_.see(event);
  if (!fact) return {};
  open_.push_back(at);
  return say(*fact);
}

std::optional<std::string> ServiceObserver::to_keep(bool anyway) {
  const std::lock_guard lock(mutex_);
  if ((open_.empty() && !anyway) || !std::ranges::all_of(open_, stored_)) return std::nullopt;
  open_.clear();
  return observer_.encode();
}

void ServiceObserver::restore(std::string_view bytes) {
  const std::lock_guard lock(mutex_);
  (void)observer_.restore(bytes);
}

}  // namespace ringfence
