// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <expected>
#include <string>
#include <vector>

namespace ringfence {

struct FindingInFile {
  std::string uid;
  std::vector<std::string> records;  // of the finding, in the file's order
  std::vector<std::string> lines;    // all of the file, in its order, other findings' too
};

/// The finding `uid` of a findings file, or, where that is empty, the one that the last record is of. `path` is - for standard input. One
/// finding laid out over several lines is one record. The error says what is wrong.
[[nodiscard]] std::expected<FindingInFile, std::string> find_finding(const std::string& path, const std::string& uid);

/// Its records alone.
[[nodiscard]] std::expected<std::vector<std::string>, std::string> records_of_finding(const std::string& path, const std::string& uid);

}  // namespace ringfence
