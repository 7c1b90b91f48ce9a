// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string_view>
#include <vector>

#include "engine/state/inputs.h"

/// What a store remembers of the files that were read into it; of inputs.cpp only.
namespace ringfence {

/// A file that was read, or stood in a list to be read.
struct KnownInput {
  std::uint64_t name = 0;  // hash64
  Hash128 file;
  InputProof proof;
  std::int64_t ordinal = 0;
  std::int64_t first = 0;     // the record this ordinal begins at
  std::int64_t records = -1;  // up to where it was read when it was ended or left; -1: neither yet
  std::uint64_t size = 0;     // of the file when it was ended, 0 where it was left
  bool given_up = false;      // left, and some states may hold records beyond
  /// By a release that knew files by name and as many bytes as there were when they were opened, up to kFormerBytes: that digest is the
  /// proof's, and its bytes are not known.
  bool former = false;
};

/// Bytes that the identities of former releases are over at most.
inline constexpr std::uint64_t kFormerBytes = 64U << 10U;
/// An identity as those releases made it.
[[nodiscard]] Hash128 former_identity(std::string_view name, const Hash128& beginning);

struct InputTable {
  std::vector<KnownInput> inputs;        // in order of ordinals
  std::optional<InputPosition> low;      // all that was read before is in the store; nothing: no run has begun
  std::optional<InputPosition> reached;  // nothing that was read from here on is in any state or output; nothing: no record was read
  bool former = false;                   // as a release wrote it that did not say how far it had come: `reached` is the furthest it can be
};

/// Corrupt where it cannot be read, Version where a newer release wrote it.
[[nodiscard]] std::expected<InputTable, StoreError> load_inputs(Store& store, Partition partition);
[[nodiscard]] StoreWrite inputs_write(const std::vector<KnownInput>& inputs);

}  // namespace ringfence
