// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "connectors/sources/descriptor.h"

namespace ringfence::testing {

/// A program that a test started, with its standard output on a pipe. It gets SIGKILL when the thread that started it ends, and is killed
/// and waited for by its destructor.
///
/// It is held by a descriptor of the process, never by its number: a signal goes to this very process or, once that has ended, to none,
/// whoever waits for it meanwhile. All functions are thread-safe.
class Process {
 public:
  /// Null where it cannot be started. `errors_too`: standard error goes to the pipe, too.
  [[nodiscard]] static std::unique_ptr<Process> start(const std::vector<std::string>& command, const std::filesystem::path& directory,
                                                      bool errors_too);
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  void signal(int number) const;
  /// Waits for the end, as often as one likes: exit code, or minus the signal that ended it.
  int wait();
  /// The reading end of the pipe; closed with the process object.
  [[nodiscard]] int output() const { return output_.number(); }
  /// Reads everything it writes until it closes the pipe.
  [[nodiscard]] std::string read_all() const;

 private:
  Process(Descriptor process, Descriptor output) : process_(std::move(process)), output_(std::move(output)) {}

  const Descriptor process_, output_;
  std::mutex waiting_;
  std::optional<int> status_;  // under waiting_
};

}  // namespace ringfence::testing
