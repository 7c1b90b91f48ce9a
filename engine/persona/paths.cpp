// SPDX-License-Identifier: Apache-2.0
#include "engine/persona/paths.h"

namespace ringfence {
namespace {

bool is_yaml(std::string_view path) { return path.ends_with(".yaml") || path.ends_with(".yml"); }

/// True if one of the folders on the way satisfies `match`.
template <class F>
bool any_folder(std::string_view path, F&& match) {
  for (auto slash = path.find('/'); slash != std::string_view::npos; slash = path.find('/')) {
    if (match(path.substr(0, slash))) return true;
    path.remove_prefix(slash + 1);
  }
  return false;
}

bool is_hidden(std::string_view path) {
  const auto slash = path.rfind('/');
  return path.substr(slash == std::string_view::npos ? 0 : slash + 1).starts_with('.') ||
         any_folder(path, [](std::string_view f) { return f.starts_with('.'); });
}

}  // namespace

bool is_persona_path(std::string_view path) {
  return is_yaml(path) && !is_hidden(path) &&
         !any_folder(path, [](std::string_view f) { return f == kListsFolder || f == kEntitlementsFolder || f == kTestsFolder; });
}

bool is_entitlements_path(std::string_view path) {
  return is_yaml(path) && !is_hidden(path) && any_folder(path, [](std::string_view f) { return f == kEntitlementsFolder; });
}

bool is_compressed_path(std::string_view path) { return path.ends_with(".gz") || path.ends_with(".zst"); }

std::optional<std::string> list_name(std::string_view path) {
  constexpr std::string_view kEnd = ".txt";
  if (!path.starts_with(kListsFolder) || !path.ends_with(kEnd) || path.size() <= kListsFolder.size() + 1 + kEnd.size()) return std::nullopt;
  path.remove_prefix(kListsFolder.size());
  if (!path.starts_with('/') || path.find('/', 1) != std::string_view::npos || path[1] == '.') return std::nullopt;
  return std::string(path.substr(1, path.size() - 1 - kEnd.size()));
}

}  // namespace ringfence
