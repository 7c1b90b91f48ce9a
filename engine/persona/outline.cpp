// SPDX-License-Identifier: Apache-2.0
// What is read off a tree beside the persona itself: what it refers to, its digest, and entitlements.
#include <algorithm>
#include <filesystem>
#include <utility>

#include "engine/event/escape.h"
#include "engine/event/sha256.h"
#include "engine/persona/compile.h"
#include "engine/persona/paths.h"
#include "engine/persona/values.h"
#include "engine/persona/view.h"

namespace ringfence {

std::optional<std::string> path_below(const std::string& file, const std::string& path) {
  const std::filesystem::path named(path);
  if (named.is_absolute() || path.empty()) return std::nullopt;
  std::string below = (std::filesystem::path(file).parent_path() / named).lexically_normal().generic_string();
  if (below == "." || below == ".." || below.starts_with("../")) return std::nullopt;
  return below;
}

std::string persona_digest(const YamlNode& root, const Lists& lists) {
  std::string used;
  for (const std::string& name : named_lists(root)) {
    const auto found = lists.find(name);
    if (found == lists.end()) continue;
    std::vector<std::string> values = found->second;
    std::ranges::sort(values);
    const auto repeated = std::ranges::unique(values);
    values.erase(repeated.begin(), repeated.end());
    std::string text;
    for (const std::string& value : values) text += (text.empty() ? "" : ",") + json_quoted(value);
    used += (used.empty() ? "" : ",") + json_quoted(name) + ":[" + text + "]";
  }
  return sha256_hex("{\"lists\":{" + used + "},\"persona\":" + canonical_json(root) + "}");
}

bool compile_entitlements(const std::string& file, const YamlNode& root, std::map<std::string, Entitlement>& entitlements,
                          std::vector<Diagnostic>& diagnostics) {
  const View view(&root);
  std::set<std::string> here;
  view["users"].each_pair([&](View user, View scope) {
    Entitlement entry;
    entry.tools = scope["tools"].globs();
    entry.tools_declared = static_cast<bool>(scope["tools"]);
    entry.resources = scope["resources"].globs();
    entry.resources_declared = static_cast<bool>(scope["resources"]);
    const std::string id = user.text().value_or("");
    if (!here.insert(id).second) return;  // told of as a duplicate key
    if (!entitlements.emplace(id, std::move(entry)).second) {
      diagnostics.push_back(
          {Diagnostic::Kind::Error, file, user.line(), user.column(), "user '" + id + "' has an entry in another file as well"});
    }
  });
  return view["require_entitlements"].flag().value_or(false);
}

std::vector<std::string> declared_actions(const YamlNode& root) {
  std::vector<std::string> ids;
  View(&root)["actions"].each([&](View action) {
    if (const auto id = action["id"].text(); id && std::ranges::find(ids, *id) == ids.end()) ids.push_back(*id);
  });
  return ids;
}

std::vector<std::string> named_event_files(const std::string& file, const YamlNode& root) {
  std::vector<std::string> paths;
  View(&root)["tests"].each([&](View test) {
    const auto path = test["events"].text();
    if (const auto below = path && !is_compressed_path(*path) ? path_below(file, *path) : std::nullopt) paths.push_back(*below);
  });
  return paths;
}

std::set<std::string> named_lists(const YamlNode& root) {
  std::set<std::string> names;
  const View view(&root);
  view["actions"].each([&](View action) {
    action["arguments"].each_pair([&](View, View rule) {
      if (const auto list = rule["in_list"].text()) names.insert(*list);
    });
  });
  if (const auto list = view["destinations"]["accounts"]["list"].text()) names.insert(*list);
  return names;
}

}  // namespace ringfence
