// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <expected>
#include <span>
#include <string>
#include <string_view>

#include "connectors/encoders/explain.h"

/// Findings read back, to be explained.
namespace ringfence {

/// The account of one record, as `encode_finding` writes it, rounded as it was printed there. The error says what is missing; at most 1
/// MiB, of any origin.
[[nodiscard]] std::expected<Account, std::string> account_of_finding(std::string_view finding_json);

/// The account of a finding over its records, in the order in which they were written; at least one. Level and count are those of the last.
/// The reasons are those of the last that gives any: a confirmation by gates or a Close gives none, and is told in `since`. The ledger is
/// the last that was written, the persona that of these reasons; what was broken and by which acts is gathered from all.
[[nodiscard]] std::expected<Account, std::string> account_of_records(std::span<const std::string> records);

}  // namespace ringfence
