// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>
#include <vector>

namespace ringfence::flow {

/// A value, and the number of the record it is of.
struct FieldValue {
  std::string_view text;
  std::size_t record = 0;
};

/// The values of a text that a tool has printed as records, a field a line (`key: value`, as mail headers and YAML), each of them with the
/// lines that go on with it; nothing where the text is prose. Views of the text. A message inside a record cannot add fields to it: beyond
/// the first record only its keys begin a field, none does behind a blank line, and what is indented deeper belongs to the value above it.
/// Linear in the text; at most four levels deep, what is deeper stays whole.
[[nodiscard]] std::vector<FieldValue> field_values(std::string_view text);

}  // namespace ringfence::flow
