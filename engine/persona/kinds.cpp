// SPDX-License-Identifier: Apache-2.0
// Whether the KINDs under `entities` are those of arguments: what is counted under a KIND are values of arguments marked so, and nothing
// else.
#include <algorithm>
#include <string>
#include <vector>

#include "engine/persona/check.h"
#include "engine/persona/compile.h"
#include "engine/persona/view.h"

namespace ringfence {
namespace {

void add_kinds(const Action& action, std::vector<std::string>& kinds) {
  for (const ArgumentRule& rule : action.arguments)
    if (rule.identifier && std::ranges::find(kinds, rule.identifier_kind) == kinds.end()) kinds.push_back(rule.identifier_kind);
}

class KindCheck {
 public:
  KindCheck(const std::string& file, std::vector<Diagnostic>& out) : file_(file), out_(out) {}

  /// `marked`: the KINDs of the arguments that may count here; `by_delegates`: a delegate's arguments may too.
  void check(View entities, const std::string& path, const std::vector<std::string>& marked, bool by_delegates) {
    entities.each_pair([&](View kind, View rungs) {
      const std::string name = kind.text().value_or("");
      if (!rungs.is_mapping() || std::ranges::find(marked, name) != marked.end()) return;
      std::string message = unknown_name("KIND", name, " in " + path, marked);
      if (marked.empty()) message += ": no argument is marked identifier";
      if (by_delegates) message += "; only arguments of delegates that are marked so count";
      out_.push_back({by_delegates ? Diagnostic::Kind::Warning : Diagnostic::Kind::Error, file_, kind.line(), kind.column(), message});
    });
  }

 private:
  const std::string& file_;
  std::vector<Diagnostic>& out_;
};

}  // namespace

void check_kinds(const std::string& file, const YamlNode& tree, const Persona& persona, std::vector<Diagnostic>& diagnostics) {
  const View root(&tree);
  KindCheck kinds(file, diagnostics);
  std::vector<std::string> all;
  for (const Action& action : persona.actions) add_kinds(action, all);
  const bool delegates = !persona.delegation.to.empty();
  for (const std::string span : {"per_call", "per_session", "per_day"})
    kinds.check(root["data"][span]["entities"], "data." + span + ".entities", all, delegates && span != "per_day");
  std::size_t n = 0;
  root["actions"].each([&](View node) {
    if (n == persona.actions.size()) return;
    std::vector<std::string> own;
    add_kinds(persona.actions[n], own);
    for (const std::string span : {"per_call", "per_day"})
      kinds.check(node["data"][span]["entities"], "actions[" + std::to_string(n) + "].data." + span + ".entities", own, false);
    ++n;
  });
}

}  // namespace ringfence
