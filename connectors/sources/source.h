// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <limits>
#include <optional>
#include <span>
#include <string>

#include "engine/event/ids.h"
#include "engine/event/record.h"

namespace ringfence {

/// Why an input cannot go on, as a value. `message` is ready for a terminal: names are escaped, no byte of a record is in it.
struct SourceError {
  enum class Kind : std::uint8_t {
    Unreadable,      // not there, no permission, or a read failed
    Directory,       // a directory where a file was expected
    CutArchive,      // a compressed input ends within its data; everything complete was delivered
    CorruptArchive,  // a compressed input is damaged; everything complete before that was delivered
    Shrunk,          // a followed file became shorter than what was read of it
    CannotSeek,      // back in an input that can be read only once, or past its end
  } kind{};
  std::string message;
};

/// What tells one input from another (docs/contracts/cli.md, --state).
struct SourceIdentity {
  std::string name;  // without its directory
  Hash128 file;      // which file it is where it lies, whatever its name and what is in it
  /// So many bytes from its first on the hash stands for: as many as were asked for, less where the file is shorter.
  std::uint64_t bytes = 0;
  Hash128 beginning;  // of those bytes; of more than 2 * kIdentityBytes only the first and the last kIdentityBytes are hashed
  bool operator==(const SourceIdentity&) const = default;
};

/// Bytes at either end of what an identity stands for that are hashed where it is long.
inline constexpr std::uint64_t kIdentityBytes = 64U << 10U;
/// Asks for an identity over the lines that were given or passed over so far; of an archive over what was unpacked.
inline constexpr std::uint64_t kReadSoFar = std::numeric_limits<std::uint64_t>::max();

/// Records that are at hand. Views live until the source is asked again.
struct Batch {
  enum class State : std::uint8_t {
    More,     // ask again
    Idle,     // nothing arrived within the wait
    Ended,    // no more will come; `records` is empty
    Stopped,  // `stop` was called; `records` is empty
  } state{};
  std::span<const Record> records;
};

/// How far an input was read, in bytes as it lies there, packed or plain.
struct SourceProgress {
  std::uint64_t read = 0;             // what the records given so far stand for
  std::optional<std::uint64_t> size;  // all of it, where that can be known: not of pipes
};

/// Where records come from. One thread at a time, but for `stop`. Bounded memory, whatever the input.
class Source {
 public:
  virtual ~Source() = default;
  /// At most `most` records, as soon as there is one; waits at most `wait` for it. An error comes after every complete record before it,
  /// and again on each further call.
  [[nodiscard]] virtual std::expected<Batch, SourceError> next(std::size_t most, std::chrono::milliseconds wait) = 0;
  /// Goes on with the record of this number. Past the end is an error of the next `next`.
  [[nodiscard]] virtual std::expected<void, SourceError> seek(Offset record) = 0;
  /// Ends a wait and every later one. Thread-safe, safe in a signal handler.
  virtual void stop() noexcept = 0;
  /// Name for messages and positions: the path or topic.
  [[nodiscard]] virtual std::string describe() const = 0;
  /// Identity over the first `bytes` bytes, or kReadSoFar; nothing for what can be read only once. To see whether this is the input of an
  /// earlier run, ask for as many bytes as that identity has: a file that has grown since is still the same. One over no bytes proves
  /// nothing. Reads at most 2 * kIdentityBytes.
  [[nodiscard]] virtual std::expected<std::optional<SourceIdentity>, SourceError> identity(std::uint64_t bytes) = 0;
  [[nodiscard]] virtual SourceProgress progress() const = 0;
};

}  // namespace ringfence
