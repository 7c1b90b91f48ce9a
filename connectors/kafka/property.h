// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace ringfence {

/// Why the client library does not take a property of `KafkaSettings::client`, as far as that shows without a cluster or a file; nothing
/// where it does. Without a value only the name is looked at.
struct PropertyFault {
  bool unknown = false;  // no such property
  std::string message;
};
[[nodiscard]] std::optional<PropertyFault> property_fault(const std::string& name, const std::optional<std::string>& value);
/// Names of the properties that the client library tells of: those that have a default.
[[nodiscard]] std::vector<std::string> client_properties();

}  // namespace ringfence
