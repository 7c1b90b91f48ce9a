// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "config/settings.h"

namespace ringfence {

/// A node of a YAML document with its place. What strict reading refuses (aliases, anchors, tags, repeated keys) is not in it.
struct SettingsNode {
  enum class Kind : std::uint8_t { Null, Scalar, List, Map };
  struct Entry;
  Kind kind = Kind::Null;
  std::string text;                 // of a scalar
  bool quoted = false;              // a quoted scalar is text whatever it looks like
  bool refused = false;             // already reported: stands where something unreadable stood
  int line = 0, column = 0;         // from 1
  std::vector<SettingsNode> items;  // of a list
  std::vector<Entry> entries;       // of a map, in document order
};

struct SettingsNode::Entry {
  std::string key;
  int line = 0, column = 0;
  SettingsNode value;
};

/// The one document in `yaml`, as a tree; what is wrong with it is added to `errors` and left out of the tree.
[[nodiscard]] SettingsNode read_yaml(std::string_view yaml, const std::string& file, std::vector<SettingsError>& errors);

}  // namespace ringfence
