// SPDX-License-Identifier: Apache-2.0
#include "models/flow_labels.h"

#include <algorithm>

#include "engine/event/escape.h"
#include "models/flow_act.h"
#include "models/scope_destination.h"
#include "models/scope_memory.h"
#include "models/scope_ruling.h"

namespace ringfence::flow {

namespace {

constexpr std::size_t kLabelChars = 64;

bool is_internal(const Act& act, const std::string& host) {
  const Destinations& declared = act.persona.destinations;
  return declared.internal ? declared.internal->matches(host) : declared.hosts.matches(host);
}

bool happened(const Event& event) {
  return event.kind == EventKind::ToolCall && event.outcome.status != Outcome::Denied && event.outcome.status != Outcome::Error;
}

bool speaks_of(const Act& act, const FlowRule& rule, const scope::Target& target, const std::optional<std::string>& host) {
  switch (rule.to) {
    case FlowRule::To::External:
      return host && !is_internal(act, *host);
    case FlowRule::To::Internal:
      return host && is_internal(act, *host);
    case FlowRule::To::Host:
      return host && rule.glob && rule.glob->matches(*host);
    case FlowRule::To::Account:
      break;
  }
  return target.kind != scope::Target::Kind::Host && rule.glob && rule.glob->matches(target.value);
}

/// The first rule gives way to the second.
bool gives_way(const FlowRule& first, const FlowRule& second) {
  if (first.glob.has_value() != second.glob.has_value()) return second.glob.has_value();
  if (first.glob && !first.glob->same_specificity(*second.glob)) return first.glob->less_specific_than(*second.glob);
  return first.allow && !second.allow;
}

/// The rule that decides for a label and a destination; null where none speaks of them.
const FlowRule* deciding(const Act& act, std::string_view label, const scope::Target& target, const std::optional<std::string>& host) {
  const FlowRule* found = nullptr;
  for (const FlowRule& rule : act.persona.flows) {
    if (rule.from == label && speaks_of(act, rule, target, host) && (found == nullptr || gives_way(*found, rule))) found = &rule;
  }
  return found;
}

std::string destination_words(const FlowRule& rule) {
  switch (rule.to) {
    case FlowRule::To::External:
      return "an external host";
    case FlowRule::To::Internal:
      return "an internal host";
    case FlowRule::To::Host:
      return "such a host";
    case FlowRule::To::Account:
      break;
  }
  return "such an account";
}

Breach forbidden(const Act& act, const FlowRule& rule, const scope::Target& target, const FlowAgent::Label* label) {
  std::string what = "data labelled " + printable(rule.from, kLabelChars);
  if (label != nullptr) what += ", read at event " + printable(label->source, kLabelChars) + ",";
  what += " may not go to " + destination_words(rule) + ": " + printable(target.name, kLabelChars) + " is " +
          scope::value_words(act.persona, target.name, target.value);
  return {Analytic::FlowToxic, std::move(what), Level::Hold, Severity::Critical};
}

/// A read says with its labels what it returns, any other act what it carries.
bool carries_itself(const Act& act, std::string_view label) {
  return is_sink(act.effect) && std::ranges::find(act.event.data.classes, label) != act.event.data.classes.end();
}

}  // namespace

std::vector<std::string_view> labels_read(const Act& act) {
  std::vector<std::string_view> labels(act.event.data.classes.begin(), act.event.data.classes.end());
  if (act.match.action) {
    const auto& returns = act.persona.actions[*act.match.action].returns;
    labels.insert(labels.end(), returns.begin(), returns.end());
  }
  return labels;
}

void carry_labels(const Act& act) {
  if (act.persona.flows.empty() || !happened(act.event)) return;
  for (const std::string_view label : labels_read(act)) {
    if (std::ranges::find(act.persona.flows, label, &FlowRule::from) == act.persona.flows.end()) continue;
    scope::memory_in<FlowAgent>(act.agent.memory[static_cast<std::size_t>(ChannelId::Flow)]).carry(label, act.event.id);
  }
}

std::vector<Breach> forbidden_flows(const Act& act) {
  std::vector<Breach> breaches;
  if (act.persona.flows.empty()) return breaches;
  const auto* const agent = static_cast<const FlowAgent*>(act.agent.memory[static_cast<std::size_t>(ChannelId::Flow)].get());
  std::vector<std::string_view> told;
  for (const scope::Target& target : scope::targets_of(act).first) {
    const std::optional<std::string> host = target.kind == scope::Target::Kind::Account ? std::nullopt : scope::host_of(target.value);
    for (const FlowRule& each : act.persona.flows) {
      const FlowAgent::Label* const label = agent != nullptr ? agent->carried(each.from) : nullptr;
      if ((label == nullptr && !carries_itself(act, each.from)) || std::ranges::find(told, each.from) != told.end()) continue;
      const FlowRule* const rule = deciding(act, each.from, target, host);
      if (rule == nullptr || rule->allow) continue;
      told.push_back(each.from);
      breaches.push_back(forbidden(act, *rule, target, label));
    }
  }
  return breaches;
}

Artefacts artefacts_of(const Act& act) {
  Artefacts artefacts;
  if (!happened(act.event) || !act.event.resource.uri) return artefacts;
  const std::uint64_t key = hash64(*act.event.resource.uri, hash64(act.event.tenant));
  (is_sink(act.effect) ? artefacts.written : artefacts.read).push_back(key);
  return artefacts;
}

}  // namespace ringfence::flow
