// SPDX-License-Identifier: Apache-2.0
#include "config/settings_yaml.h"

#include <algorithm>
#include <utility>

#include "engine/persona/yaml_tree.h"

namespace ringfence {
namespace {

/// The strict reader's tree in the shape the settings loader walks.
SettingsNode converted(YamlNode node) {
  SettingsNode out;
  out.line = node.line;
  out.column = node.column;
  switch (node.kind) {
    case YamlNode::Kind::Null:
      break;
    case YamlNode::Kind::Refused:
      out.refused = true;
      break;
    case YamlNode::Kind::Scalar:
      out.kind = SettingsNode::Kind::Scalar;
      out.text = std::move(node.text);
      out.quoted = !node.plain;
      break;
    case YamlNode::Kind::Sequence:
      out.kind = SettingsNode::Kind::List;
      for (YamlNode& item : node.items) out.items.push_back(converted(std::move(item)));
      break;
    case YamlNode::Kind::Mapping:
      out.kind = SettingsNode::Kind::Map;
      for (std::size_t i = 0; i < node.keys.size(); ++i) {
        YamlNode& key = node.keys[i];
        out.entries.push_back({std::move(key.text), key.line, key.column, converted(std::move(node.items[i]))});
      }
      break;
  }
  return out;
}

/// Nothing but comments and white space: settings that leave everything at its default.
bool says_nothing(std::string_view yaml) {
  while (!yaml.empty()) {
    const std::string_view line = yaml.substr(0, yaml.find('\n'));
    yaml.remove_prefix(std::min(line.size() + 1, yaml.size()));
    const std::size_t first = line.find_first_not_of(" \t\r");
    if (first != std::string_view::npos && line[first] != '#') return false;
  }
  return true;
}

}  // namespace

SettingsNode read_yaml(std::string_view yaml, const std::string& file, std::vector<SettingsError>& errors) {
  if (says_nothing(yaml)) return {};
  std::vector<Diagnostic> diagnostics;
  std::optional<YamlNode> tree = parse_yaml(file, yaml, diagnostics);
  for (Diagnostic& d : diagnostics) errors.push_back({std::move(d.file), d.line, d.column, std::move(d.message)});
  if (!tree) return {.refused = true};
  return converted(std::move(*tree));
}

}  // namespace ringfence
