// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string_view>

#include "engine/app/live_page.h"

namespace ringfence {

/// The terminal that standard output is, as a screen of its own that is put up and taken away again whichever way it ends. Keys are read
/// from standard input where that is a terminal too; SIGINT, SIGTERM and SIGHUP end it like `q`. One at a time, on the thread of `main`.
class Terminal {
 public:
  [[nodiscard]] static bool is_one();
  Terminal();
  ~Terminal();
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  [[nodiscard]] PageSize size() const;
  /// Shows the page in place of the one before.
  void show(std::string_view page);

  enum class Wake : std::uint8_t {
    Due,      // the time is over
    Resized,  // or any other key: look again now
    End       // q, Ctrl-C, Ctrl-D, a signal, or the terminal is gone
  };
  [[nodiscard]] Wake wait(std::chrono::milliseconds most);

 private:
  struct Held;
  std::unique_ptr<Held> held_;
};

}  // namespace ringfence
