// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/event/record.h"

namespace ringfence {

/// Cuts bytes into lines (LF or CRLF). A line over `most` bytes is never held whole: it is given as its first `excerpt` bytes, size,
/// SHA-256 and what it shows of its agent. Memory: about `most` plus one chunk. One thread.
class LineSplitter {
 public:
  struct Line {
    std::string_view bytes;
    std::uint64_t size = 0;        // without the line ending
    std::string_view sha256;       // lower-case hex, only where `bytes` is an excerpt
    const Shown* shown = nullptr;  // the same
  };

  LineSplitter(std::size_t most, std::size_t excerpt);
  ~LineSplitter();
  LineSplitter(LineSplitter&&) noexcept;
  LineSplitter& operator=(LineSplitter&&) noexcept;

  /// The next complete line; nothing where more bytes are needed. A line lives until `room` is called; of excerpts only until the next one.
  [[nodiscard]] std::optional<Line> next();
  /// What stands behind the last line ending, once no more bytes will come; nothing where that is empty.
  [[nodiscard]] std::optional<Line> finish();
  /// Room for more bytes, never empty after `next` gave nothing. Ends the life of lines.
  [[nodiscard]] std::span<char> room();
  /// The first `bytes` bytes of the room were filled.
  void added(std::size_t bytes) { end_ += bytes; }
  /// Bytes of lines not yet given.
  [[nodiscard]] std::size_t held() const { return end_ - begin_; }
  /// Forgets everything read so far.
  void reset();

 private:
  struct Overlong;
  void swallow(std::string_view bytes);
  Line close_overlong();

  std::size_t most_, excerpt_;
  std::vector<char> buffer_;
  std::size_t begin_ = 0;    // of the first line not yet given
  std::size_t scanned_ = 0;  // no line feed between begin_ and here
  std::size_t end_ = 0;
  /// A line that has outgrown the buffer.
  std::unique_ptr<Overlong> overlong_;
  bool in_overlong_ = false;
};

}  // namespace ringfence
