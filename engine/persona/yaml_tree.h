// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/persona/load.h"

namespace ringfence {

/// A YAML document as it was written: order and positions kept, nothing interpreted.
struct YamlNode {
  enum class Kind { Null, Scalar, Sequence, Mapping, Refused } kind = Kind::Null;  // Refused: an error already stands for it
  std::string text;                                                                // of a scalar
  bool plain = false;                                                              // a scalar without quotes
  int line = 0, column = 0;                                                        // from 1; columns count characters
  std::vector<YamlNode> keys;                                                      // of a mapping: scalars, all different
  std::vector<YamlNode> items;                                                     // elements, or values beside `keys`

  /// Value of a mapping's key, or null.
  [[nodiscard]] const YamlNode* find(std::string_view key) const;
  [[nodiscard]] bool is_scalar() const { return kind == Kind::Scalar; }
  [[nodiscard]] bool is_mapping() const { return kind == Kind::Mapping; }
  [[nodiscard]] bool is_sequence() const { return kind == Kind::Sequence; }
};

/// The one document of `text`, or nothing where it is not one. Anchors, aliases, tags, duplicate keys, keys that are not plain words or
/// quoted strings, nesting over 24, over 262,144 nodes, a second document, a byte order mark, NUL and invalid UTF-8 are errors in
/// `diagnostics`; a tree may still come back so that all errors show in one pass.
[[nodiscard]] std::optional<YamlNode> parse_yaml(const std::string& file, std::string_view text, std::vector<Diagnostic>& diagnostics);

/// Compact JSON with the keys of every mapping sorted and every scalar a string: equal for files that differ in comments, order, quotes and
/// style.
[[nodiscard]] std::string canonical_json(const YamlNode& node);
/// Compact JSON of a value written in YAML: plain `true`, `false`, `null` and numbers keep their kind, all else is a string.
[[nodiscard]] std::string plain_json(const YamlNode& node);

/// Offset of the first byte that is not valid UTF-8, or nothing.
[[nodiscard]] std::optional<std::size_t> invalid_utf8_at(std::string_view text);

}  // namespace ringfence
