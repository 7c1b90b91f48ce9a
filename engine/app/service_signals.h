// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <expected>
#include <functional>
#include <memory>
#include <string>

namespace ringfence {

/// What signals ask for. Called on the watching thread, one at a time, never inside a signal handler, so anything may be done in them.
struct SignalCallbacks {
  std::function<void(int signal)> stop;  // SIGTERM and SIGINT, each time one comes: end with all state flushed
  std::function<void()> reload;          // SIGHUP: read the personas again
};

/// Turns SIGTERM, SIGINT and SIGHUP into calls. Only threads started after `watch` are safe from these signals, so it comes first in
/// `main`'s wiring. SIGPIPE is ignored from then on: a closed pipe is an error of the write. At most one at a time.
class ServiceSignals {
 public:
  [[nodiscard]] static std::expected<std::unique_ptr<ServiceSignals>, std::string> watch(SignalCallbacks callbacks);
  /// Stops watching; the calling thread gets its old signal mask back. A callback under way is waited for.
  ~ServiceSignals();

 private:
  class Watch;
  explicit ServiceSignals(std::unique_ptr<Watch> watch);
  std::unique_ptr<Watch> watch_;
};

}  // namespace ringfence
