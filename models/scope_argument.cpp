// SPDX-License-Identifier: Apache-2.0
#include "models/scope_argument.h"

#include <algorithm>

#include "engine/event/escape.h"
#include "engine/persona/argument.h"
#include "engine/persona/selective.h"

namespace ringfence::scope {

namespace {

constexpr std::size_t kWordsMost = 120;

std::string argument_words(const ArgumentRule& rule) { return "argument " + printable(rule.name, 80); }

std::string set_words(const ValueSet& set) {
  return set.list.empty() ? "one of the declared values" : "in the list " + printable(set.list, 80);
}

/// What is wrong with one value, in words that follow the argument's name.
std::string fault_words(const Persona& persona, const ArgumentRule& rule, const JsonLeaf& leaf, ArgumentFault fault) {
  const auto seen = [&] { return ", " + value_words(persona, rule.name, leaf.text) + ","; };
  const auto shown = [&] { return persona.show.contains(rule.name) ? seen() : std::string{}; };
  switch (fault) {
    case ArgumentFault::NotListed:
      return seen() + " is not " + set_words(*rule.in_list);
    case ArgumentFault::NotOneOf:
      return seen() + " is not " + set_words(*rule.one_of);
    case ArgumentFault::NoGlob:
      return seen() + " does not match the declared glob";
    case ArgumentFault::NotANumber:
      return seen() + " is not the number a declared " +
             (rule.max ? "maximum of " + number_words(*rule.max) : "minimum of " + number_words(*rule.min)) + " asks for";
    case ArgumentFault::AboveMax:
      return shown() + " is above the declared maximum " + number_words(*rule.max);
    case ArgumentFault::BelowMin:
      return shown() + " is below the declared minimum " + number_words(*rule.min);
    case ArgumentFault::TooLong:
      return " is longer than the declared " + std::to_string(*rule.max_length) + " characters";
    case ArgumentFault::NotSelective:
      return " selects everything, declared is selective";
    case ArgumentFault::OtherShape:
      break;
  }
  return seen() + " is not of the declared shape " + printable(joined(rule.shapes, " or "), kWordsMost);
}

/// The pointer's parent and its last name, unescaped: how a key of that name would be laid out.
bool key_present(const Event& event, const ArgumentRule& rule) {
  const std::size_t slash = rule.pointer.rfind('/');
  if (!event.args || slash == std::string::npos) return false;
  const std::string_view parent = std::string_view(rule.pointer).substr(0, slash);
  std::string name = rule.pointer.substr(slash + 1);
  for (const auto& [escaped, plain] : {std::pair{"~1", "/"}, std::pair{"~0", "~"}}) {
    for (std::size_t at = name.find(escaped); at != std::string::npos; at = name.find(escaped, at + 1)) name.replace(at, 2, plain);
  }
  return std::ranges::any_of(event.args->leaves, [&](const JsonLeaf& leaf) {
    return leaf.kind == JsonLeaf::Kind::Key && leaf.pointer == parent && leaf.text == name;
  });
}

bool too_long_to_tell(const ArgumentRule& rule, const JsonLeaf& leaf) {
  return rule.selective && leaf.kind == JsonLeaf::Kind::String && leaf.text.size() > kPredicateBytes && !matches_everything(leaf.text);
}

/// Rules on an argument that holds no scalar: absent, null, an empty array or object, or told by `arg_ids` alone.
Ruling judge_without_values(const Act& act, const ArgumentRule& rule, bool null) {
  Ruling ruling;
  const auto breach = [&](std::string what) { ruling.breach(Analytic::ScopeArgument, argument_words(rule) + std::move(what)); };
  if (!null && key_present(act.event, rule)) {
    if (rule.selective)
      ruling.breach(Analytic::BreadthPredicate, argument_words(rule) + " is empty and so selects everything, declared is selective");
    if (rule.required) breach(" is required and holds no value");
    return ruling;
  }
  if (asks_for_all(act.persona.actions[*act.match.action], rule, act.event)) {
    ruling.breach(Analytic::BreadthPredicate, argument_words(rule) + " is absent and so selects everything, declared is selective");
    if (rule.required) breach(" is required and absent");
    return ruling;
  }
  const std::vector<std::string_view> ids = act.event.args ? std::vector<std::string_view>{} : reported_ids(act.event, rule);
  if (rule.required && ids.empty()) {
    breach(" is required and absent");
    return ruling;
  }
  if (!rule.shapes.empty() && !ids.empty()) {
    const auto declared = [&](std::string_view id) {
      return std::ranges::find(rule.shapes, id.substr(0, id.rfind(':'))) != rule.shapes.end();
    };
    if (!std::ranges::all_of(ids, declared)) breach(" is not of the declared shape " + printable(joined(rule.shapes, " or "), kWordsMost));
    return ruling;
  }
  if (limits_values(rule)) ruling.lacks(Lacking::Argument);
  return ruling;
}

}  // namespace

std::vector<std::string_view> reported_ids(const Event& event, const ArgumentRule& rule) {
  std::vector<std::string_view> ids;
  if (!event.arg_ids) return ids;
  for (const std::string_view element : *event.arg_ids) {
    const std::size_t equals = element.rfind('=');
    if (equals == std::string_view::npos) continue;
    const std::string_view name = element.substr(0, equals);
    const std::string_view pointer = rule.pointer;
    if (name == rule.name || name == pointer || (pointer.starts_with('/') && name == pointer.substr(1)))
      ids.push_back(element.substr(equals + 1));
  }
  return ids;
}

Ruling judge_arguments(const Act& act) {
  Ruling ruling;
  if (!act.match.action) return ruling;
  for (const ArgumentRule& rule : act.persona.actions[*act.match.action].arguments) {
    if (!limits_values(rule) && !rule.required) continue;
    std::size_t values = 0;
    std::size_t broken = 0;
    bool null = false;
    std::string first;
    Analytic analytic = Analytic::ScopeArgument;
    for (const JsonLeaf* leaf : argument_leaves(act.event, rule)) {
      const std::optional<ArgumentFault> fault = fault_of(rule, *leaf);
      const bool absent = leaf->kind == JsonLeaf::Kind::Null;
      null = null || absent;
      if (absent) continue;
      ++values;
      if (too_long_to_tell(rule, *leaf)) ruling.lacks(Lacking::Argument);
      if (!fault || ++broken > 1) continue;
      first = fault_words(act.persona, rule, *leaf, *fault);
      // Everything asked for at once is an analytic of its own (topics.md), found here because requests are judged here.
      if (*fault == ArgumentFault::NotSelective) analytic = Analytic::BreadthPredicate;
    }
    if (values == 0) {
      ruling += judge_without_values(act, rule, null);
    } else if (broken > 0) {
      const std::string more = broken > 1 ? " (" + std::to_string(broken) + " of " + std::to_string(values) + " values)" : "";
      ruling.breach(analytic, argument_words(rule) + first + more);
    }
  }
  return ruling;
}

}  // namespace ringfence::scope
