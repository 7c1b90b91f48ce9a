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

/// A label that may not go where the act goes: by which rule, and to which of its destinations, first to last.
struct Forbidden {
  std::string_view label;
  const FlowRule* rule = nullptr;
  scope::Target first;
  std::vector<std::string> targets;
};

Breach breach_of(const Act& act, Forbidden& flow, const FlowAgent::Label* label) {
  const FlowRule& rule = *flow.rule;
  const scope::Target& target = flow.first;
  std::string what = "data labelled " + printable(rule.from, kLabelChars);
  if (label != nullptr) what += ", read at event " + printable(label->source, kLabelChars) + ",";
  what += " may not go to " + destination_words(rule) + ": " + printable(target.name, kLabelChars) + " is " +
          scope::value_words(act.persona, target.name, target.value);
  return {.analytic = Analytic::FlowToxic, .what = std::move(what), .level = Level::Hold, .origin = {}, .targets = std::move(flow.targets)};
}

/// A read says with its labels what it returns, any other act what it carries.
bool carries_itself(const Act& act, std::string_view label) {
  return is_sink(act.effect) && std::ranges::find(act.event.data.classes, label) != act.event.data.classes.end();
}

/// Calls `use` with what is forbidden, once a label.
template <class Use>
void each_forbidden(const Act& act, const Use& use) {
  std::vector<Forbidden> all;
  for (const scope::Target& target : scope::targets_of(act).first) {
    const std::optional<std::string> host = target.kind == scope::Target::Kind::Account ? std::nullopt : scope::host_of(target.value);
    for (const FlowRule& each : act.persona.flows) {
      auto known = std::ranges::find(all, std::string_view(each.from), &Forbidden::label);
      if (known != all.end() && known->targets.back() == target.value) continue;
      const FlowRule* const rule = deciding(act, each.from, target, host);
      if (rule == nullptr || rule->allow) continue;
      if (known == all.end()) known = all.insert(known, {each.from, rule, target, {}});
      known->targets.emplace_back(target.value);
    }
  }
  for (Forbidden& one : all) use(one);
}

const FlowAgent* labels_of(const Act& act) { return static_cast<const FlowAgent*>(act.past(ChannelId::Flow).get()); }

}  // namespace

void carry_labels(const Act& act) {
  if (!happened(act.event)) return;
  const auto carry = [&](std::string_view label) { scope::memory_in<FlowAgent>(act.past(ChannelId::Flow)).carry(label, act.event.id); };
  for (const std::string_view label : act.event.data.classes) carry(label);
  if (!act.match.action) return;
  for (const std::string_view label : act.persona.actions[*act.match.action].returns) carry(label);
}

std::vector<Breach> forbidden_flows(const Act& act) {
  std::vector<Breach> breaches;
  if (act.persona.flows.empty()) return breaches;
  const FlowAgent* const agent = labels_of(act);
  each_forbidden(act, [&](Forbidden& flow) {
    const FlowAgent::Label* const label = agent != nullptr ? agent->carried(flow.label) : nullptr;
    if (label != nullptr || carries_itself(act, flow.label)) breaches.push_back(breach_of(act, flow, label));
  });
  return breaches;
}

Artefacts artefacts_of(const Act& act) {
  Artefacts artefacts;
  if (!happened(act.event) || !act.event.resource.uri) return artefacts;
  (is_sink(act.effect) ? artefacts.written : artefacts.read) = *act.event.resource.uri;
  return artefacts;
}

namespace {

/// What others must know of an act that writes to `written`.
std::vector<LinkNote> links_of(const Act& act, const FlowAgent& agent, std::optional<std::string_view> written) {
  std::vector<LinkNote> links;
  if (written && written->size() <= FlowAgent::kArtefactBytes) {
    if (!agent.labels().empty()) {
      LinkNote& note = links.emplace_back(LinkNote{.kind = SubjectKind::Artefact, .subject = std::string(*written), .deed = Deed::Store});
      for (const FlowAgent::Label& label : agent.labels()) note.labels.push_back(label.name);
    }
    if (agent.reads())
      links.push_back(
          {.kind = SubjectKind::Reader, .subject = std::string(act.event.agent.id), .deed = Deed::Pass, .what = std::string(*written)});
  }
  if (!agent.reads() || act.persona.flows.empty()) return links;
  LinkNote sent{.kind = SubjectKind::Reader, .subject = std::string(act.event.agent.id), .deed = Deed::Send};
  each_forbidden(act, [&](const Forbidden& flow) {
    if (agent.carried(flow.label) != nullptr) return;  // the agent itself is held for it
    sent.labels.emplace_back(flow.label);
    if (sent.what.empty()) sent.what = "to " + destination_words(*flow.rule) + " (" + printable(flow.first.name, kLabelChars) + ")";
  });
  if (sent.labels.empty()) return links;
  // One note a subject and event: what goes out is graver than what stays.
  std::erase_if(links, [](const LinkNote& note) { return note.deed == Deed::Pass; });
  std::ranges::sort(sent.labels);
  links.push_back(std::move(sent));
  return links;
}

bool is_sent(const LinkNote& note) { return note.deed == Deed::Send; }

}  // namespace

std::vector<LinkNote> label_links(const Act& act) {
  const auto& slot = act.past(ChannelId::Flow);
  if (slot == nullptr) return {};
  auto& agent = static_cast<FlowAgent&>(*slot);
  const std::optional<std::string_view> written = artefacts_of(act).written;
  std::vector<LinkNote> links = links_of(act, agent, written);
  if (act.event.phase == Phase::Request && !std::ranges::all_of(links, is_sent) && agent.await(hash64(act.event.id), *written))
    std::erase_if(links, [](const LinkNote& note) { return !is_sent(note); });
  return links;
}

std::vector<LinkNote> stored_links(const Act& act) {
  const auto& slot = act.past(ChannelId::Flow);
  if (slot == nullptr) return {};
  auto& agent = static_cast<FlowAgent&>(*slot);
  const std::optional<std::string> written = agent.arrived(hash64(act.event.id));
  if (!written || !happened(act.event)) return {};
  std::vector<LinkNote> links = links_of(act, agent, *written);
  std::erase_if(links, is_sent);
  return links;
}

std::vector<LinkNote> read_links(const Act& act) {
  const std::optional<std::string_view> read = artefacts_of(act).read;
  if (!read || read->size() > FlowAgent::kArtefactBytes) return {};
  scope::memory_in<FlowAgent>(act.past(ChannelId::Flow)).read();
  std::vector<LinkNote> links;  // a list in braces would be copied
  links.push_back({.kind = SubjectKind::Artefact, .subject = std::string(*read), .deed = Deed::Read});
  return links;
}

}  // namespace ringfence::flow
