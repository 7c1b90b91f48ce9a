// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <expected>
#include <memory>
#include <string>

#include "connectors/sources/source.h"

namespace ringfence {

struct FileSourceOptions {
  /// Wait for more at the end of a plain file until it is removed, `stop`ped, or renamed and quiet for some seconds; its last line counts
  /// only once it is complete. No effect on archives, pipes and standard input.
  bool follow = false;
  /// What stands behind the last line feed of a plain file may still be being written: unless it is a whole JSON object it is neither
  /// delivered nor counted, so that a later run finds it complete. No effect on archives, pipes, standard input and a file that is
  /// followed.
  bool leave_unfinished = false;
};

/// NDJSON from a file, `-` for standard input; `.gz` and `.zst` by the ending of the name. Record numbers are line numbers from 0: empty
/// lines are skipped, and counted. The last line needs no line feed, unless the input is cut. A line over `limits::kEventBytes` is
/// delivered as its beginning, size and hash. Memory about 1.5 MiB.
[[nodiscard]] std::expected<std::unique_ptr<Source>, SourceError> open_file_source(const std::string& path, FileSourceOptions options = {});

}  // namespace ringfence
