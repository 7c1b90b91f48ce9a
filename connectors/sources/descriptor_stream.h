// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <expected>
#include <memory>
#include <string>

#include "connectors/sources/byte_stream.h"
#include "connectors/sources/descriptor.h"

namespace ringfence {

/// A request to stop that wakes whoever polls for it. `request` is thread-safe and safe in a signal handler; a request stands for good.
class StopSignal {
 public:
  StopSignal();
  void request() noexcept;
  [[nodiscard]] bool requested() const noexcept { return requested_.load(std::memory_order_acquire); }
  /// Readable once stop was requested.
  [[nodiscard]] int descriptor() const { return event_.number(); }

 private:
  Descriptor event_;
  std::atomic<bool> requested_ = false;
};

/// How to read a descriptor. `follow` needs the path, for changes to the file are watched by it.
struct DescriptorReading {
  std::string name;  // for messages, escaped
  std::string path;
  bool follow = false;
};

/// Reads a descriptor, waiting in poll(2) alone. A followed file ends when it is removed and read to its end, or was renamed and has not
/// grown for 5 s, for 1 s where its name is another file's by then; otherwise the end of the file is the end. `descriptor` and `stop`
/// outlive the stream.
[[nodiscard]] std::expected<std::unique_ptr<ByteStream>, SourceError> descriptor_stream(int descriptor, const StopSignal& stop,
                                                                                        DescriptorReading reading);

}  // namespace ringfence
