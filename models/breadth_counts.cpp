// SPDX-License-Identifier: Apache-2.0
#include "models/breadth_counts.h"

#include <algorithm>
#include <cstdint>
#include <string>

#include "engine/event/escape.h"
#include "engine/persona/argument.h"
#include "models/envelope.h"
#include "models/scope_argument.h"

namespace ringfence::breadth {
namespace {

/// Few enough that a search which selects may well match them all.
constexpr std::int64_t kPopulationLeast = 10;

/// Where a key leads, as a JSON Pointer.
std::string pointer_of_key(const JsonLeaf& key) {
  std::string pointer(key.pointer);
  pointer += '/';
  for (const char c : key.text) pointer += c == '~' ? "~0" : c == '/' ? "~1" : std::string(1, c);
  return pointer;
}

/// The arguments have it, if only as `null` or as an empty array: then scope has judged it.
bool has(const JsonValue& args, const ArgumentRule& rule) {
  return std::ranges::any_of(args.leaves, [&](const JsonLeaf& leaf) {
    return leaf.kind == JsonLeaf::Kind::Key ? names(rule.pointer, pointer_of_key(leaf)) : speaks_of(rule, leaf);
  });
}

}  // namespace

scope::Ruling judge_counts(const Act& act) {
  scope::Ruling ruling;
  const Action* const action = envelope::action_of(act);
  const auto& args = act.event.args;
  const auto& records = act.event.records;
  if (action == nullptr || act.args_told || !records.matched || !records.population) return ruling;
  if (*records.population < kPopulationLeast || *records.matched < *records.population) return ruling;
  const ArgumentRule* first = nullptr;
  for (const ArgumentRule& rule : action->arguments) {
    if (!rule.selective) continue;
    if (args && has(*args, rule)) return ruling;
    if (first == nullptr) first = &rule;
  }
  if (first == nullptr) return ruling;
  ruling.breach(Analytic::BreadthPredicate, "argument " + printable(first->name, 80) +
                                                (args ? " is left out, and the call matched all " : " matched all ") +
                                                std::to_string(*records.population) + " records there are, declared is selective");
  return ruling;
}

}  // namespace ringfence::breadth
