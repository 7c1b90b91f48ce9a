// SPDX-License-Identifier: Apache-2.0
#include "engine/persona/load.h"

#include <algorithm>
#include <filesystem>
#include <tuple>
#include <utility>

#include "engine/event/escape.h"
#include "engine/event/limits.h"
#include "engine/persona/check.h"
#include "engine/persona/compile.h"
#include "engine/persona/paths.h"

namespace ringfence {
namespace {

using Out = std::vector<Diagnostic>;

void error(Out& out, const std::string& file, int line, std::string message) {
  out.push_back({Diagnostic::Kind::Error, file, line, line > 0 ? 1 : 0, std::move(message)});
}
void warn(Out& out, const std::string& file, int line, std::string message) {
  out.push_back({Diagnostic::Kind::Warning, file, line, line > 0 ? 1 : 0, std::move(message)});
}

bool is_error(const Diagnostic& diagnostic) { return diagnostic.kind == Diagnostic::Kind::Error; }

std::vector<std::string> parse_list(const std::string& file, std::string_view text, Out& out) {
  std::vector<std::string> values;
  if (text.size() > limits::kListFileBytes) {
    error(out, file, 0, "larger than 16 MiB");
    return values;
  }
  if (text.starts_with("\xEF\xBB\xBF")) error(out, file, 1, "a byte order mark; write plain UTF-8");
  if (invalid_utf8_at(text) || text.find('\0') != std::string_view::npos) {
    error(out, file, 0, "not valid UTF-8 text");
    return values;
  }
  constexpr std::string_view kBlank = " \t\r\f\v";
  int number = 0;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    std::string_view line = text.substr(begin, end - begin);
    begin = end + 1;
    ++number;
    const auto first = line.find_first_not_of(kBlank);
    if (first == std::string_view::npos || line[first] == '#') continue;
    line = line.substr(first, line.find_last_not_of(kBlank) - first + 1);
    if (line.size() > limits::kStringBytes) error(out, file, number, "a value longer than 64 KiB");
    if (line.find(" #") != std::string_view::npos)
      warn(out, file, number, "' #' is part of the value: a comment stands on a line of its own");
    values.emplace_back(line);
  }
  if (values.empty()) warn(out, file, 0, "the list is empty and admits nothing");
  return values;
}

struct Parsed {
  std::string file;
  YamlNode root;
};

std::optional<Parsed> parse_file(const std::string& file, std::string_view text, const Form& form, const std::vector<std::string>& lists,
                                 Out& out) {
  if (text.size() > limits::kPersonaFileBytes) {
    error(out, file, 0, "larger than 1 MiB");
    return std::nullopt;
  }
  auto root = parse_yaml(file, text, out);
  if (!root) return std::nullopt;
  check_form(file, *root, form, {declared_actions(*root), lists}, out);
  return Parsed{file, std::move(*root)};
}

/// Two personas that an agent could be matched to with nothing to choose between them.
void refuse_ties(const std::vector<Persona>& personas, const std::vector<Parsed>& parsed, Out& out) {
  static const GlobSet kAnyTenant({"**"});
  const auto tenants = [](const Persona& p) -> const GlobSet& { return p.tenants.empty() ? kAnyTenant : p.tenants; };
  const auto tie = [](const GlobSet& a, const GlobSet& b) -> const Glob* {
    for (const Glob& x : a.globs())
      for (const Glob& y : b.globs())
        if (x.same_specificity(y) && x.overlaps(y)) return &x;
    return nullptr;
  };
  for (std::size_t i = 0; i < personas.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      const Glob* shared = tie(personas[i].agents, personas[j].agents);
      if (shared == nullptr || tie(tenants(personas[i]), tenants(personas[j])) == nullptr) continue;
      const YamlNode* at = parsed[i].root.find("applies_to");
      out.push_back({Diagnostic::Kind::Error, personas[i].file, at == nullptr ? 0 : at->line, at == nullptr ? 0 : at->column,
                     "applies_to of '" + personas[i].id + "' and of '" + personas[j].id + "' (" + personas[j].file + ") tie at '" +
                         shared->pattern() + "': neither is more specific"});
    }
  }
}

void refuse_same_ids(const std::vector<Persona>& personas, const std::vector<Parsed>& parsed, Out& out) {
  std::map<std::string, std::string> files;
  for (std::size_t i = 0; i < personas.size(); ++i) {
    const auto [first, fresh] = files.try_emplace(personas[i].id, personas[i].file);
    if (fresh || personas[i].id.empty()) continue;
    const YamlNode* at = parsed[i].root.find("id");
    out.push_back({Diagnostic::Kind::Error, personas[i].file, at->line, at->column,
                   "persona '" + personas[i].id + "' is declared in " + first->second + " as well"});
  }
}

void warn_unused_lists(const std::vector<Parsed>& parsed, const Lists& lists, Out& out) {
  std::set<std::string> used;
  for (const Parsed& p : parsed) used.merge(named_lists(p.root));
  for (const auto& [name, values] : lists)
    if (!used.contains(name)) warn(out, std::string(kListsFolder) + "/" + name + ".txt", 0, "no persona uses this list");
}

/// By place; what stands at one place keeps the order in which it was found.
void put_in_order(Out& out) {
  std::vector<std::size_t> order(out.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::ranges::sort(order, {}, [&](std::size_t i) {
    return std::tuple<std::string_view, int, int, std::size_t>(out[i].file, out[i].line, out[i].column, i);
  });
  Out sorted;
  for (const std::size_t i : order) sorted.push_back(std::move(out[i]));
  out = std::move(sorted);
}

}  // namespace

std::string to_string(const Diagnostic& diagnostic) {
  constexpr std::size_t kMessageChars = 1000;
  std::string out = printable(diagnostic.file, kMessageChars) + ":";
  if (diagnostic.line > 0) out += std::to_string(diagnostic.line) + ":" + std::to_string(diagnostic.column) + ":";
  out += diagnostic.kind == Diagnostic::Kind::Warning ? " warning: " : " ";
  return out + printable(diagnostic.message, kMessageChars);
}

PersonaLoad load_personas(const FileTree& tree) {
  PersonaLoad result;
  Out& out = result.diagnostics;
  Lists lists;
  for (const auto& [path, text] : tree.files)
    if (const auto name = list_name(path)) lists.emplace(*name, parse_list(path, text, out));
  std::vector<std::string> list_names;
  for (const auto& [name, values] : lists) list_names.push_back(name);

  std::vector<Parsed> parsed;
  std::vector<Persona> personas;
  std::map<std::string, Entitlement> entitlements;
  bool require_entitlements = false;
  for (const auto& [path, text] : tree.files) {
    if (is_entitlements_path(path)) {
      const auto file = parse_file(path, text, entitlements_form(), {}, out);
      if (file && compile_entitlements(path, file->root, entitlements, out)) require_entitlements = true;
    } else if (is_persona_path(path)) {
      const std::size_t before = out.size();
      auto file = parse_file(path, text, persona_form(), list_names, out);
      if (!file) continue;
      personas.push_back(compile_persona({path, file->root, lists, tree}, out));
      check_kinds(path, file->root, personas.back(), out);
      // What is wrong comes before what is doubtful, and a half-read file would raise doubts of its own.
      if (std::none_of(out.begin() + static_cast<std::ptrdiff_t>(before), out.end(), is_error))
        lint_persona(path, file->root, personas.back(), out);
      parsed.push_back(std::move(*file));
    }
  }
  refuse_same_ids(personas, parsed, out);
  refuse_ties(personas, parsed, out);
  warn_unused_lists(parsed, lists, out);
  const auto failed = [&] { return std::ranges::any_of(out, is_error); };
  if (personas.empty() && !failed()) error(out, std::string(kWholeSet), 0, "no persona file");
  put_in_order(out);
  if (!failed()) result.set.emplace(std::move(personas), std::move(entitlements), require_entitlements);
  return result;
}

}  // namespace ringfence
