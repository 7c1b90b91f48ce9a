// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/event/level.h"
#include "engine/persona/glob.h"
#include "engine/persona/values.h"
#include "engine/persona/yaml_tree.h"

namespace ringfence {

/// Reads a tree that was held against its form: what is absent or was refused reads as nothing. Borrows the tree.
class View {
 public:
  explicit View(const YamlNode* node) : node_(node) {}
  [[nodiscard]] View operator[](std::string_view key) const { return View(node_ == nullptr ? nullptr : node_->find(key)); }
  explicit operator bool() const { return node_ != nullptr; }
  [[nodiscard]] const YamlNode* node() const { return node_; }
  [[nodiscard]] int line() const { return node_ == nullptr ? 0 : node_->line; }
  [[nodiscard]] int column() const { return node_ == nullptr ? 0 : node_->column; }
  [[nodiscard]] bool is_mapping() const { return node_ != nullptr && node_->is_mapping(); }
  [[nodiscard]] bool is_sequence() const { return node_ != nullptr && node_->is_sequence(); }

  [[nodiscard]] std::optional<std::string> text() const {
    return node_ != nullptr && node_->is_scalar() ? std::optional(node_->text) : std::nullopt;
  }
  [[nodiscard]] std::optional<bool> flag() const {
    if (node_ == nullptr || !node_->plain || (node_->text != "true" && node_->text != "false")) return std::nullopt;
    return node_->text == "true";
  }
  [[nodiscard]] std::optional<double> number() const { return node_ != nullptr && node_->plain ? parse_number(node_->text) : std::nullopt; }
  [[nodiscard]] std::optional<std::int64_t> integer() const {
    return node_ != nullptr && node_->plain ? parse_integer(node_->text) : std::nullopt;
  }
  [[nodiscard]] std::optional<Nanos> duration() const {
    return node_ != nullptr && node_->is_scalar() ? parse_duration(node_->text) : std::nullopt;
  }
  [[nodiscard]] std::optional<Level> level() const {
    return node_ != nullptr && node_->is_scalar() ? level_named(node_->text) : std::nullopt;
  }

  /// Elements of a list.
  template <class F>
  void each(F&& use) const {
    if (!is_sequence()) return;
    for (const YamlNode& item : node_->items) use(View(&item));
  }
  /// Keys and values of a mapping.
  template <class F>
  void each_pair(F&& use) const {
    if (!is_mapping()) return;
    for (std::size_t i = 0; i < node_->keys.size(); ++i) use(View(&node_->keys[i]), View(&node_->items[i]));
  }
  [[nodiscard]] std::vector<std::string> texts() const {
    std::vector<std::string> out;
    each([&](View item) {
      if (auto text = item.text()) out.push_back(std::move(*text));
    });
    return out;
  }
  [[nodiscard]] GlobSet globs() const { return GlobSet(texts()); }
  /// Of hosts, which events name in lower case.
  [[nodiscard]] GlobSet host_globs() const { return GlobSet(lower_hosts(texts())); }

 private:
  const YamlNode* node_;
};

}  // namespace ringfence
