// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <expected>
#include <memory>
#include <span>

#include "connectors/sources/source.h"

namespace ringfence {

/// Bytes as they come, plain or decompressed. One thread.
class ByteStream {
 public:
  using Clock = std::chrono::steady_clock;
  struct Chunk {
    Batch::State state{};
    std::size_t bytes = 0;  // above 0 exactly where `state` is More
  };

  virtual ~ByteStream() = default;
  /// Fills at most `out`, waiting until `deadline` for the first byte.
  [[nodiscard]] virtual std::expected<Chunk, SourceError> read(std::span<char> out, Clock::time_point deadline) = 0;
  /// Bytes of the input, as it lies there, that went into what was given.
  [[nodiscard]] virtual std::uint64_t taken() const = 0;
};

/// The bytes a gzip (RFC 1952) or zstd (RFC 8878) input stands for, all members or frames of it, decompressed as asked for: a bomb costs
/// time, never memory (zstd windows over 128 MiB are refused). `name` is for messages.
[[nodiscard]] std::unique_ptr<ByteStream> gzip_stream(std::unique_ptr<ByteStream> compressed, std::string name);
[[nodiscard]] std::unique_ptr<ByteStream> zstd_stream(std::unique_ptr<ByteStream> compressed, std::string name);

}  // namespace ringfence
