// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <expected>
#include <string>
#include <vector>

namespace ringfence {

/// The records of one finding in a findings file, in its order: of `uid`, or, where that is empty, of the finding that the last record is
/// of. `path` is - for standard input. One finding laid out over several lines is one record. The error says what is wrong.
[[nodiscard]] std::expected<std::vector<std::string>, std::string> records_of_finding(const std::string& path, const std::string& uid);

}  // namespace ringfence
