// SPDX-License-Identifier: Apache-2.0
#include "engine/state/facts.h"

#include <algorithm>
#include <array>
#include <limits>
#include <optional>

#include "engine/event/limits.h"

namespace ringfence {

namespace {

constexpr std::size_t kFactsMost = 4096;
constexpr std::string_view kEverywhereTenant = "default";
constexpr std::array<std::string_view, 5> kTypes{"agent", "persona", "server", "tool", "tenant"};

struct Scope {
  std::string_view type, id;
};

/// `agent:ID`, `persona:ID`, `server:NAME`, `tool:SERVER/NAME`, `tenant:ID` or `*`; type `*` has no id.
std::optional<Scope> parsed(std::string_view text) {
  if (text == "*") return Scope{"*", {}};
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos || colon + 1 == text.size()) return std::nullopt;
  const Scope scope{text.substr(0, colon), text.substr(colon + 1)};
  if (std::ranges::find(kTypes, scope.type) == kTypes.end()) return std::nullopt;
  if (scope.type == "tool") {
    const std::size_t slash = scope.id.find('/');
    if (slash == 0 || slash == std::string_view::npos || slash + 1 == scope.id.size()) return std::nullopt;
  }
  return scope;
}

EventTime later_by(EventTime time, Nanos length) {
  const std::int64_t latest = std::numeric_limits<std::int64_t>::max() - length.value;
  return EventTime{std::min(time.value, latest) + length.value};
}

bool reaches(const Facts::Fact& fact, std::string_view tenant) {
  if (fact.tenant == tenant) return true;
  return fact.tenant == kEverywhereTenant && (fact.scope_type == "tenant" || fact.scope_type == "*");
}

bool covers(const Facts::Fact& fact, const Event& event, std::string_view persona_id) {
  if (fact.scope_type == "*") return true;
  if (fact.scope_type == "tenant") return fact.scope_id == event.tenant;
  if (fact.scope_type == "agent") return fact.scope_id == event.agent.id;
  if (fact.scope_type == "persona") return fact.scope_id == persona_id;
  if (!event.tool.server) return false;
  const std::string_view server = *event.tool.server;
  if (fact.scope_type == "server") return fact.scope_id == server;
  const std::string_view named = fact.scope_id;
  return event.tool.name && named.size() == server.size() + 1 + event.tool.name->size() && named.starts_with(server) &&
         named[server.size()] == '/' && named.ends_with(*event.tool.name);
}

}  // namespace

bool Facts::apply(const Event& change) {
  const std::optional<Scope> scope = parsed(change.scope);
  if (change.kind != EventKind::ContextChange || !scope) return false;
  const bool observed = change.source.product == Text(kObservingProduct);
  // What was announced ends by an announcement; what was observed ends by either. An end that comes late says nothing of an outage that
  // began after it.
  const auto ended = [&](const Fact& fact) {
    return fact.change == ChangeKind::OutageStart && fact.from <= change.time && fact.tenant == change.tenant &&
           fact.scope_type == scope->type && fact.scope_id == scope->id && (fact.observed || !observed);
  };
  if (change.change == ChangeKind::OutageEnd) {
    for (Fact& fact : facts_) {
      if (ended(fact)) fact.until = std::min(fact.until, change.time);
    }
    std::erase_if(facts_, [](const Fact& fact) { return fact.until <= fact.from; });
    return true;
  }
  const Nanos length = change.change == ChangeKind::OutageStart ? limits::kOutageMute : limits::kChangeMute;
  if (facts_.size() == kFactsMost) facts_.erase(facts_.begin());
  facts_.push_back({change.change, std::string(change.tenant), std::string(scope->type), std::string(scope->id), change.time,
                    later_by(change.time, length), observed});
  return true;
}

bool Facts::explains(const Event& event, std::string_view persona_id) const { return covered(event, persona_id, false); }

bool Facts::seems_out(const Event& event, std::string_view persona_id) const { return covered(event, persona_id, true); }

bool Facts::covered(const Event& event, std::string_view persona_id, bool observed) const {
  return std::ranges::any_of(facts_, [&](const Fact& fact) {
    return fact.observed == observed && fact.from <= event.time && event.time < fact.until && reaches(fact, event.tenant) &&
           covers(fact, event, persona_id);
  });
}

std::optional<EventTime> Facts::credential_changed(const Event& event, std::string_view persona_id) const {
  std::optional<EventTime> latest;
  for (const Fact& fact : facts_) {
    if (fact.change != ChangeKind::Credential || fact.from > event.time || (latest && fact.from <= *latest)) continue;
    if (reaches(fact, event.tenant) && covers(fact, event, persona_id)) latest = fact.from;
  }
  return latest;
}

}  // namespace ringfence
