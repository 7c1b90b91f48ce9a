// SPDX-License-Identifier: Apache-2.0
#include "models/scope_job.h"

#include <algorithm>

#include "engine/event/escape.h"
#include "engine/persona/tool_name.h"
#include "models/scope_memory.h"
#include "models/scope_spelling.h"

namespace ringfence::scope {

namespace {

constexpr Nanos kApprovalLife = hours(24);

std::string resource_words(const Act& act) {
  return "resource.uri, " + value_words(act.persona, "resource.uri", *act.event.resource.uri) + ",";
}

/// When whoever acts was last heard of under this name, as far as that is kept.
std::optional<EventTime> last_heard(const Act& act) {
  std::optional<EventTime> last;
  for (const ChannelMemory* memory : {static_cast<const ChannelMemory*>(act.past(ChannelId::Scope).get()), act.owners(ChannelId::Scope)})
    if (memory != nullptr) last = std::max(last, static_cast<const AgentMemory*>(memory)->last);
  return last;
}

bool same_hex(std::string_view a, std::string_view b) {
  const auto small = [](char c) { return c >= 'A' && c <= 'F' ? static_cast<char>(c - 'A' + 'a') : c; };
  return std::ranges::equal(a, b, {}, small, small);
}

Ruling judge_entitlement(const Act& act) {
  Ruling ruling;
  if (!act.set.has_entitlements()) return ruling;
  if (!act.event.user.id) {
    ruling.lacks(Lacking::User);
    return ruling;
  }
  const Entitlement* entitlement = act.set.entitlement(*act.event.user.id);
  if (entitlement == nullptr) {
    if (act.set.require_entitlements()) ruling.breach(Analytic::ScopeUndeclared, "the user on whose behalf it acts has no entitlements");
    return ruling;
  }
  if (entitlement->tools_declared && !matches_tool(entitlement->tools, act.event)) {
    ruling.breach(Analytic::ScopeUndeclared, "tool " + tool_words(act.event) + " is not among the user's entitlements");
  } else if (entitlement->tools_declared && server_undecided(entitlement->tools, act.event)) {
    ruling.lacks(Lacking::Server);
  }
  if (entitlement->resources_declared) {
    if (!act.event.resource.uri) {
      ruling.lacks(Lacking::Resource);
    } else if (!stays_inside(entitlement->resources, *act.event.resource.uri)) {
      ruling.breach(Analytic::ScopeUndeclared, resource_words(act) + " is not among the user's entitlements");
    }
  }
  return ruling;
}

Ruling judge_rules(const Act& act, const Persona& job, std::string_view whose) {
  Ruling ruling;
  const auto breach = [&](const NeverRule& rule, const std::string& what) {
    ruling.breach(Analytic::ScopeNever, what + " " + std::string(whose), rule.severity);
  };
  for (const NeverRule& rule : job.never) {
    const Forbidden forbidden = forbids_tool(rule.tools, act.event, act.persona);
    if (forbidden == Forbidden::Yes) {
      breach(rule, "tool " + tool_words(act.event) + " is forbidden by");
      continue;
    }
    if (forbidden == Forbidden::Unknown) ruling.lacks(Lacking::Server);
    if (!rule.resources.empty()) {
      if (!act.event.resource.uri) {
        ruling.lacks(Lacking::Resource);
      } else if (touches(rule.resources, *act.event.resource.uri)) {
        breach(rule, resource_words(act) + " is forbidden by");
        continue;
      }
    }
    if (std::ranges::find(rule.effects, true) == rule.effects.end()) continue;
    if (!act.effect) {
      ruling.lacks(Lacking::Effect);
    } else if (rule.effects[static_cast<std::size_t>(*act.effect)]) {
      breach(rule, "the effect " + std::string(name_of(*act.effect)) + " of tool " + tool_words(act.event) + " is forbidden by");
    }
  }
  return ruling;
}

/// Jobs of the agents above this one, each once; unknown agents have none.
std::vector<const Persona*> jobs_above(const Act& act) {
  std::vector<const Persona*> jobs;
  for (const std::string_view id : ancestors_of(act.event)) {
    const Persona* job = job_of(act, id);
    if (job != nullptr && job->id != act.persona.id && std::ranges::find(jobs, job) == jobs.end()) jobs.push_back(job);
  }
  return jobs;
}

Ruling judge_being_delegate(const Act& act, const std::vector<std::string_view>& ancestors, const Depth& depth) {
  Ruling ruling;
  const Delegation& declared = act.persona.delegation;
  const auto breach = [&](std::string what) { ruling.breach(Analytic::ScopeDelegation, std::move(what)); };
  if (ancestors.empty()) return ruling;
  const std::string nearest = printable(ancestors.front(), 80);
  if (!declared.declared) {
    breach("it acts on behalf of agent " + nearest + ", its job declares no delegation");
    return ruling;
  }
  if (!parent_of(act.event) && !declared.from.empty()) {
    ruling.lacks(Lacking::Delegation);
  } else if (!declared.from.matches(ancestors.front())) {
    breach("it acts on behalf of agent " + nearest + ", which is not among the declared delegation.from");
  }
  if (!declared.max_depth) return ruling;
  if (depth.least > *declared.max_depth) {
    breach("it acts at delegation depth " + depth_words(depth) + ", declared is at most " + std::to_string(*declared.max_depth));
  } else if (!depth.exact) {
    ruling.lacks(Lacking::Delegation);
  }
  return ruling;
}

Ruling judge_delegating(const Act& act, const Depth& own) {
  Ruling ruling;
  const Delegation& declared = act.persona.delegation;
  // A job without the block names its handing over as an action: that is declaration enough.
  if (act.effect != Effect::Delegate || !declared.declared) return ruling;
  const auto breach = [&](std::string what) {
    ruling.breach(Analytic::ScopeDelegation, "tool " + tool_words(act.event) + " delegates, " + std::move(what));
  };
  if (declared.max_children && *declared.max_children == 0) {
    breach("declared are no children");
    return ruling;
  }
  const Depth depth{own.least + 1, own.exact};
  if (declared.max_depth && depth.least > *declared.max_depth)
    breach("to depth " + depth_words(depth) + ", declared is at most " + std::to_string(*declared.max_depth));
  const auto delegates = delegates_of(act);
  for (const auto& [name, delegate] : delegates) {
    if (declared.to.matches(delegate)) continue;
    breach(std::string(name) + ", " + value_words(act.persona, name, delegate) + ", is not among the declared delegation.to");
    ruling.breaches.back().targets.emplace_back(delegate);
  }
  if (delegates.empty()) ruling.lacks(Lacking::Destination);
  return ruling;
}

Ruling judge_charter(const Act& act) {
  Ruling ruling;
  const std::optional<std::string>& pinned = act.persona.charter_sha256;
  if (pinned && !act.event.agent.charter_sha256) {
    ruling.lacks(Lacking::Charter);
  } else if (pinned && !same_hex(*pinned, *act.event.agent.charter_sha256)) {
    ruling.breach(Analytic::AgentCharterChanged, "the hash of the text it runs with differs from the declared charter_sha256");
  }
  return ruling;
}

bool asked_by_action(const Act& act) { return act.match.action && act.persona.actions[*act.match.action].approval; }

}  // namespace

std::vector<std::string_view> ancestors_of(const Event& event) {
  std::vector<std::string_view> ancestors;
  const auto add = [&](std::string_view id) {
    if (!id.empty() && id != event.agent.id && std::ranges::find(ancestors, id) == ancestors.end()) ancestors.push_back(id);
  };
  if (event.delegation.parent) add(*event.delegation.parent);
  for (const std::string_view id : event.delegation.chain) add(id);
  if (event.delegation.root) add(*event.delegation.root);
  return ancestors;
}

Text parent_of(const Event& event) {
  const auto another = [&](std::string_view id) { return !id.empty() && id != event.agent.id; };
  if (event.delegation.parent && another(*event.delegation.parent)) return event.delegation.parent;
  const auto found = std::ranges::find_if(event.delegation.chain, another);
  return found == event.delegation.chain.end() ? Text() : Text(*found);
}

Text root_of(const Event& event) {
  const bool told = event.delegation.root && !event.delegation.root->empty();
  if (!told && event.delegation.chain.empty()) return std::nullopt;
  const std::string_view root = told ? *event.delegation.root : event.delegation.chain.back();
  return root.empty() || root == event.agent.id ? Text() : Text(root);
}

Depth depth_of(const Event& event, const std::vector<std::string_view>& ancestors) {
  const Text root = root_of(event);
  const bool whole_chain = root && !event.delegation.chain.empty() && event.delegation.chain.back() == *root;
  return {static_cast<std::int64_t>(ancestors.size()), ancestors.empty() || whole_chain || parent_of(event) == root};
}

std::string depth_words(const Depth& depth) { return std::to_string(depth.least) + (depth.exact ? "" : " or more"); }

const Persona* job_of(const Act& act, std::string_view agent) {
  Event probe;
  probe.tenant = act.event.tenant;
  probe.agent.id = agent;
  return act.set.match(probe);
}

std::vector<std::pair<std::string_view, std::string_view>> delegates_of(const Act& act) {
  std::vector<std::pair<std::string_view, std::string_view>> delegates;
  for (const std::string_view account : act.event.destination.accounts) delegates.emplace_back("destination.account", account);
  if (!act.match.action) return delegates;
  for (const ArgumentRule& rule : act.persona.actions[*act.match.action].arguments) {
    if (!rule.destination) continue;
    for (const JsonLeaf* leaf : argument_leaves(act.event, rule))
      if (leaf->kind == JsonLeaf::Kind::String && !leaf->text.empty()) delegates.emplace_back(rule.name, leaf->text);
  }
  return delegates;
}

Ruling judge_declared(const Act& act) {
  Ruling ruling;
  const auto breach = [&](std::string what) { ruling.breach(Analytic::ScopeUndeclared, std::move(what)); };
  if (!act.match.action) {
    if (act.match.tool_declared && act.event.resource.uri) {
      breach(resource_words(act) + " is outside the resources declared for tool " + tool_words(act.event));
    } else {
      breach("tool " + tool_words(act.event) + " is not among the declared actions");
    }
  } else if (const Action& action = act.persona.actions[*act.match.action]; !action.resources.empty()) {
    if (!act.event.resource.uri) {
      ruling.lacks(Lacking::Resource);
    } else if (leaves_by_dots(action.resources, *act.event.resource.uri)) {  // it matches: that is how the action was found
      breach(resource_words(act) + " leaves the resources declared for tool " + tool_words(act.event) + " by its relative segments");
    }
  }
  if (act.match.action && server_undecided(act.persona.actions[*act.match.action].tools, act.event)) ruling.lacks(Lacking::Server);
  ruling += judge_entitlement(act);
  return ruling;
}

Ruling judge_never(const Act& act) {
  Ruling ruling = judge_rules(act, act.persona, "its job");
  if (act.event.delegation.parent || act.event.delegation.root || !act.event.delegation.chain.empty()) {
    for (const Persona* job : jobs_above(act))
      ruling += judge_rules(act, *job, "the job " + printable(job->reference(), 80) + " it was delegated from");
  }
  return ruling;
}

Ruling judge_decoys(const Act& act) {
  Ruling ruling;
  for (const Decoy& decoy : act.persona.decoys) {
    if (decoy.tools.empty() && decoy.resources.empty()) continue;
    const Forbidden touched = decoy.tools.empty() ? Forbidden::Yes : forbids_tool(decoy.tools, act.event, act.persona);
    if (touched == Forbidden::Unknown) ruling.lacks(Lacking::Server);
    if (touched != Forbidden::Yes) continue;
    if (!decoy.resources.empty()) {
      if (!act.event.resource.uri) {
        ruling.lacks(Lacking::Resource);
        continue;
      }
      if (!touches(decoy.resources, *act.event.resource.uri)) continue;
    }
    ruling.breach(Analytic::DecoyTouched, "tool " + tool_words(act.event) + " touched a decoy that no honest act touches");
    break;
  }
  return ruling;
}

bool asks_approval(const Act& act) {
  if (asked_by_action(act)) return true;
  return act.persona.maturity == Maturity::Intern && act.effect != Effect::Read;
}

Ruling judge_approval(const Act& act) {
  Ruling ruling;
  if (!asks_approval(act)) return ruling;
  const std::string asks = asked_by_action(act)
                               ? "action " + printable(act.persona.actions[*act.match.action].id, 64) + " asks for approval"
                               : "every act of an intern but a read asks for approval";
  const std::optional<EventTime>& at = act.event.approval.at;
  if (!at || *at > act.event.time) {
    ruling.breach(Analytic::ScopeApproval, asks + ", the act has none");
  } else if (const Nanos before = between(*at, act.event.time); before > kApprovalLife) {
    ruling.breach(Analytic::ScopeApproval,
                  asks + " at most 24 h before the act, it was given " + over_words(before, kApprovalLife) + " before");
  }
  return ruling;
}

Ruling judge_delegation(const Act& act) {
  const std::vector<std::string_view> ancestors = ancestors_of(act.event);
  const Depth depth = depth_of(act.event, ancestors);
  Ruling ruling = judge_being_delegate(act, ancestors, depth);
  ruling += judge_delegating(act, depth);
  return ruling;
}

Ruling judge_circumstances(const Act& act) {
  Ruling ruling;
  const Persona& job = act.persona;
  if (!job.schedule.active_minutes.empty() && !act.set.calendar(job).active(act.event.time)) {
    ruling.breach(Analytic::ScopeSchedule,
                  "it acts outside the declared hours " + printable(joined(job.schedule.active_text, ", ") + " " + job.schedule.timezone));
  }
  if (job.max_age && act.agent.arrivals > 0) {
    const Nanos age = between(act.agent.first_time, act.event.time);
    if (age > *job.max_age)
      ruling.breach(Analytic::ScopeExpired,
                    "the agent is " + over_words(age, *job.max_age) + " old, declared is a max_age of " + duration_words(*job.max_age));
  }
  if (const std::optional<EventTime> last = job.max_idle ? last_heard(act) : std::nullopt) {
    const Nanos idle = between(*last, act.event.time);
    if (idle > *job.max_idle)
      ruling.breach(Analytic::ScopeExpired, "the agent was idle for " + over_words(idle, *job.max_idle) + ", declared is a max_idle of " +
                                                duration_words(*job.max_idle));
  }
  ruling += judge_charter(act);
  return ruling;
}

Ruling judge_shown_late(const Act& act) {
  Ruling ruling = judge_charter(act);
  if (!act.event.resource.uri) return ruling;
  ruling += judge_never(act);
  ruling += judge_decoys(act);
  return ruling;
}

void note_activity(const Act& act) {
  if (!act.persona.max_idle) return;
  auto& memory = memory_in<AgentMemory>(act.past(ChannelId::Scope));
  if (!memory.last || *memory.last < act.event.time) memory.last = act.event.time;
}

}  // namespace ringfence::scope
