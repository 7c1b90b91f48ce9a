// SPDX-License-Identifier: Apache-2.0
#include "config/settings_yaml.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <sstream>
#include <utility>

namespace ringfence {
namespace {

constexpr std::size_t kDepth = 8;

/// Builds the tree from the parser's events, because yaml-cpp's own nodes keep repeated keys and expand aliases silently.
class TreeBuilder : public YAML::EventHandler {
 public:
  TreeBuilder(const std::string& file, std::vector<SettingsError>& errors) : file_(file), errors_(errors) {}

  void OnDocumentStart(const YAML::Mark& /*mark*/) override {}
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override { add(checked(mark, "", anchor, SettingsNode::Kind::Null)); }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t /*anchor*/) override {
    report(mark, "aliases are not allowed: write the value out");
    auto node = at(mark, SettingsNode::Kind::Null);
    node.refused = true;
    add(std::move(node));
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, const std::string& value) override {
    auto node = checked(mark, tag, anchor, SettingsNode::Kind::Scalar);
    node.text = value;
    node.quoted = tag == "!";  // yaml-cpp's mark of a quoted scalar
    add(std::move(node));
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value /*style*/) override {
    open(checked(mark, tag, anchor, SettingsNode::Kind::List), mark);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, YAML::EmitterStyle::value /*style*/) override {
    open(checked(mark, tag, anchor, SettingsNode::Kind::Map), mark);
  }
  void OnMapEnd() override { close(); }

  [[nodiscard]] SettingsNode take() { return std::move(root_); }

 private:
  struct Open {
    SettingsNode node;
    bool has_key = false;
    SettingsNode key;
  };

  void report(const YAML::Mark& mark, std::string message) {
    errors_.push_back({file_, mark.line + 1, mark.column + 1, std::move(message)});
  }

  static SettingsNode at(const YAML::Mark& mark, SettingsNode::Kind kind) {
    SettingsNode node;
    node.kind = kind;
    node.line = mark.line + 1;
    node.column = mark.column + 1;
    return node;
  }

  SettingsNode checked(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, SettingsNode::Kind kind) {
    auto node = at(mark, kind);
    if (anchor != 0) report(mark, "anchors are not allowed");
    if (!tag.empty() && tag != "?" && tag != "!") {
      report(mark, "tags are not allowed");
      node.refused = true;
    }
    return node;
  }

  void open(SettingsNode node, const YAML::Mark& mark) {
    if (open_.size() == kDepth) report(mark, "nested more than " + std::to_string(kDepth) + " deep");
    open_.push_back({std::move(node), false, {}});
  }

  void close() {
    auto node = std::move(open_.back().node);
    open_.pop_back();
    if (open_.size() >= kDepth) {  // reported when it was opened; its place must still be filled
      node = SettingsNode{};
      node.refused = true;
    }
    add(std::move(node));
  }

  void add(SettingsNode node) {
    if (open_.empty()) {
      root_ = std::move(node);
      return;
    }
    auto& parent = open_.back();
    if (parent.node.kind == SettingsNode::Kind::List) {
      parent.node.items.push_back(std::move(node));
    } else if (!parent.has_key) {
      parent.key = std::move(node);
      parent.has_key = true;
    } else {
      parent.has_key = false;
      add_entry(parent, std::move(node));
    }
  }

  void add_entry(Open& parent, SettingsNode value) {
    auto& key = parent.key;
    if (key.refused) return;
    if (key.kind != SettingsNode::Kind::Scalar) {
      errors_.push_back({file_, key.line, key.column, "a key must be plain text"});
      return;
    }
    const auto same = std::ranges::find(parent.node.entries, key.text, &SettingsNode::Entry::key);
    if (same != parent.node.entries.end()) {
      errors_.push_back(
          {file_, key.line, key.column, "key `" + key.text + "` stands here twice, first in line " + std::to_string(same->line)});
      return;
    }
    parent.node.entries.push_back({std::move(key.text), key.line, key.column, std::move(value)});
  }

  const std::string& file_;
  std::vector<SettingsError>& errors_;
  std::vector<Open> open_;
  SettingsNode root_;
};

}  // namespace

SettingsNode read_yaml(std::string_view yaml, const std::string& file, std::vector<SettingsError>& errors) {
  TreeBuilder builder(file, errors);
  std::istringstream in{std::string(yaml)};
  try {
    YAML::Parser parser(in);
    if (parser.HandleNextDocument(builder)) {
      TreeBuilder ignored(file, errors);
      if (parser.HandleNextDocument(ignored)) errors.push_back({file, 0, 0, "more than one YAML document"});
    }
  } catch (const YAML::Exception& error) {
    errors.push_back({file, error.mark.line + 1, error.mark.column + 1, "not YAML: " + error.msg});
    return {};
  }
  return builder.take();
}

}  // namespace ringfence
