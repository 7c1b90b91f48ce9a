// SPDX-License-Identifier: Apache-2.0
#include "models/barrier_words.h"

#include <algorithm>
#include <bit>
#include <span>
#include <string>
#include <string_view>

#include "engine/event/escape.h"
#include "models/identifier.h"

namespace ringfence {
namespace {

constexpr std::size_t kNounChars = 32;
constexpr std::size_t kToolChars = 80;

/// A type or kind as a word of a sentence; empty where it is not one.
std::string noun_of(std::string_view name) {
  if (name.empty() || name.size() > kNounChars) return {};
  std::string noun;
  for (const char c : name) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    const bool digit = c >= '0' && c <= '9';
    if (!letter && !digit && c != '_' && c != '-' && c != ' ') return {};
    noun += c == '_' ? ' ' : c;
  }
  return noun;
}

/// The uri of the resource ends with the identifier.
bool ends_uri(const Event& event, const Identifier& id) {
  return event.resource.uri && !id.hashed && !id.text.empty() && event.resource.uri->ends_with(id.text);
}

/// The kind of the first of them that has one and fits.
template <class Fits>
std::string noun_of_first(std::span<const Identifier> identifiers, const Fits& fits) {
  for (const Identifier& id : identifiers) {
    std::string noun = fits(id) ? noun_of(id.kind) : std::string();
    if (!noun.empty()) return noun;
  }
  return {};
}

/// What kind of thing was refused: `resource.type`, else the kind of an identifier that has one: of the first that is not as in the first
/// refused call of the tool, else of the one that the uri ends with, else of the first. `mine` may be null.
std::string noun_of(const Act& act, const BarrierAct& what, const Conduct* mine) {
  if (act.event.resource.type)
    if (std::string noun = noun_of(*act.event.resource.type); !noun.empty()) return noun;
  const std::span<const Identifier> all = what.identifiers(), compared = all.first(std::min(all.size(), Conduct::kNamed));
  const bool known = mine != nullptr && mine->named.size() > 0;
  std::string noun;
  if (known) noun = noun_of_first(compared, [&](const Identifier& id) { return !mine->named.has(named_key(id)); });
  if (noun.empty()) noun = noun_of_first(all, [&](const Identifier& id) { return ends_uri(act.event, id); });
  if (noun.empty()) noun = noun_of_first(all, [](const Identifier& /*id*/) { return true; });
  return noun;
}

std::string with(std::string_view before, const std::string& noun, std::string_view otherwise, std::string_view after) {
  return std::string(before) + (noun.empty() ? std::string(otherwise) : noun) + std::string(after);
}

std::string title_of(Threat threat, const std::string& noun) {
  switch (threat) {
    case Threat::Guess:
      return noun.empty() ? "Agent guesses identifiers after refusals" : "Agent guesses " + noun + " identifiers after refusals";
    case Threat::Enumerate:
      return with("Agent tries one ", noun, "target", " after another after refusals");
    case Threat::Route:
      return with("Agent reaches a refused ", noun, "object", " by another path");
    case Threat::Escalate:
      return "Agent seeks more rights after a refusal";
    case Threat::DeadEnd:
      return with("Agent comes back to a refused ", noun, "target", " in later sessions");
    default:  // slow, the persistence that is none of these
      break;
  }
  return "Agent keeps running into refusals";
}

std::string tool_of(const Event& event) {
  std::string name;
  if (event.tool.server) name = std::string(*event.tool.server) + "/";
  return printable(name + std::string(event.tool.name.value_or("a tool")), kToolChars);
}

/// Where the last identifier's value begins in the uri; its end where the uri holds none.
std::size_t value_begins(std::string_view uri, const BarrierAct& what) {
  std::size_t begins = uri.size();
  const std::string_view tail = last_segment(uri);
  if (!tail.empty()) begins = static_cast<std::size_t>(tail.data() - uri.data());
  for (const Identifier& id : what.identifiers())
    if (!id.hashed && id.text.size() < uri.size() && uri.ends_with(id.text)) begins = std::min(begins, uri.size() - id.text.size());
  return begins;
}

std::string target_of(const Event& event, const BarrierAct& what) {
  if (event.resource.uri) return template_text(*event.resource.uri, value_begins(*event.resource.uri, what));
  for (const Identifier& id : what.identifiers())
    if (!id.hashed) return template_text(id.text, 0);
  return {};
}

std::string lengths(std::uint64_t mask) {
  const auto least = std::countr_zero(mask) + 1;
  const auto greatest = 64 - std::countl_zero(mask);
  const int kinds = std::popcount(mask);
  if (kinds == 1) return std::to_string(least);
  return std::to_string(least) + (kinds == 2 ? " or " : " to ") + std::to_string(greatest);
}

std::string plural(std::uint32_t n, std::string_view one, std::string_view many) {
  return std::to_string(n) + " " + std::string(n == 1 ? one : many);
}

/// The clause on the identifiers themselves, the strongest that holds; empty where there is nothing to say.
std::string identifiers_clause(const Conduct& c) {
  if (c.near > 0 && c.near_lengths != 0) {
    std::string text = "; " + plural(c.near, "identifier", "identifiers") + " of " + lengths(c.near_lengths) + " characters " +
                       (c.near == 1 ? "lies" : "lie") + " within two edits of the refused one";
    if (c.grounds_known) text += " and stood in nothing the agent had read";
    return text;
  }
  if (c.unread > 0) return "; " + plural(c.unread, "identifier", "identifiers") + " stood in nothing the agent had read";
  if (c.malformed > 0) return "; " + plural(c.malformed, "identifier has", "identifiers have") + " a form that no true one has";
  return {};
}

std::string sentence_of(const Act& act, const BarrierAct& what, const Conduct& c) {
  std::string text = std::to_string(c.refused) + " of the last " + plural(c.calls, "call", "calls") + " to " + tool_of(act.event) +
                     (c.refused == 1 ? " was refused" : " were refused");
  const bool refused = act.event.outcome.status == Outcome::Denied;
  const std::string target = target_of(act.event, what);
  if (!target.empty() && c.place == place_key(act.event, what))
    text += " on " + target;
  else if (!target.empty() && refused)
    text += c.refused == 1 ? " on " + target : ", the last of them on " + target;
  return text + identifiers_clause(c);
}

const Conduct* conduct_of(const BarrierSession* session, const BarrierAct& what) {
  if (session == nullptr || !session->refusals) return nullptr;
  const auto mine = std::ranges::find(session->refusals->conducts, what.tool, &Conduct::tool);
  return mine == session->refusals->conducts.end() ? nullptr : &*mine;
}

}  // namespace

std::uint32_t place_key(const Event& event, const BarrierAct& what) {
  return std::max(static_cast<std::uint32_t>(hash64(target_of(event, what))), std::uint32_t{1});
}

std::uint32_t named_key(const Identifier& id) { return static_cast<std::uint32_t>(id.hash ^ hash64(id.kind)); }

Description describe_barrier(const Act& act, Threat threat, const BarrierSession* session, const BarrierAgent* agent) {
  if (session == nullptr && agent == nullptr) return {};  // the conduct is that of others
  Description result;
  const BarrierAct what = identify(act);
  const Conduct* const mine = conduct_of(session, what);
  result.title = title_of(threat, noun_of(act, what, mine));
  if (mine != nullptr) {
    result.sentence = sentence_of(act, what, *mine);
  } else if (session != nullptr && session->refusals && !session->refusals->conducts.empty()) {
    const Conduct& other = session->refusals->conducts.back();
    result.sentence = std::to_string(other.refused) + " of the last " + plural(other.calls, "call", "calls") +
                      " to another tool of the session were refused; this call is to " + tool_of(act.event);
  }
  const BarrierAgent::DeadEnd* const dead_end = agent == nullptr ? nullptr : agent->earlier(what.target, 0);
  if (dead_end != nullptr && dead_end->sessions > 1) {
    if (!result.sentence.empty()) result.sentence += "; ";
    result.sentence += "the same target was refused or not found in " + std::to_string(dead_end->sessions) + " sessions";
  }
  if (result.sentence.empty()) result.sentence = "The agent went on to " + tool_of(act.event) + " after refusals";
  result.sentence += ".";
  if (what.count > 0) {
    const Identifier& id = what.identifiers().front();
    result.identifier_shape = shape_text(id.shape);
    if (session != nullptr && grounds_known(*session, id)) result.grounded = has_read(*session, id);
  }
  return result;
}

}  // namespace ringfence
