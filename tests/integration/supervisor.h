// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "tests/integration/service_process.h"

namespace ringfence::testing {

/// One member under a supervisor, as operators run it: what ends with 3 (a dependency is away, or a fatal client error) is started again;
/// any other end stays. All functions are thread-safe.
class SupervisedService {
 public:
  explicit SupervisedService(std::filesystem::path config);
  /// Kills what still runs.
  ~SupervisedService();
  SupervisedService(const SupervisedService&) = delete;
  SupervisedService& operator=(const SupervisedService&) = delete;

  /// Sends it to the process of the moment, which is not started again, and waits for its end.
  int end(int number);
  /// Waits until `text` stands in `times` lines of one process's log; false at the end of patience, or where it stays ended.
  [[nodiscard]] bool logged(const std::string& text, std::size_t times = 1);
  /// How often it was started again.
  [[nodiscard]] std::size_t restarts() const;
  /// The logs of all its processes in turn.
  [[nodiscard]] std::string log() const;

 private:
  /// More restarts than any test's outage explains: the supervisor gives up, as real ones do.
  static constexpr std::size_t kRestartsMost = 50;
  void supervise();

  const std::filesystem::path config_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::unique_ptr<ServiceProcess>> processes_;  // the last one is the one of the moment
  bool ending_ = false;
  int status_ = 0;
  std::jthread thread_;  // last: it uses all of the above
};

}  // namespace ringfence::testing
