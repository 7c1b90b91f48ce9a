// SPDX-License-Identifier: Apache-2.0
#include "engine/gate/table.h"

#include <algorithm>
#include <array>
#include <tuple>

#include "engine/event/drill.h"
#include "engine/verdict/act_scopes.h"
#include "engine/verdict/contain.h"

namespace ringfence {
namespace {

constexpr std::int32_t kCreditsStart = 10, kCreditsCeiling = 20;  // where a throttle names none

/// The field that a scope without a `select` stands for.
std::optional<SubjectField> field_of_scope(std::string_view type) {
  using enum SubjectField;
  constexpr std::array<std::pair<std::string_view, SubjectField>, 8> kFields{{{"agent", Agent},
                                                                              {"subtree", Agent},
                                                                              {"instance", Instance},
                                                                              {"session", Session},
                                                                              {"borrowed", Credential},
                                                                              {"credential", Credential},
                                                                              {"user", User},
                                                                              {"tenant", Tenant}}};
  const auto found = std::ranges::find(kFields, type, &std::pair<std::string_view, SubjectField>::first);
  return found == kFields.end() ? std::nullopt : std::optional(found->second);
}

/// The entries a call is matched by: what was signed, or the scope itself where nothing was.
std::vector<ContainmentRecord::Select> selection_of(const ContainmentRecord& record, const std::optional<ScopeParts>& scope) {
  if (!record.select.empty() || !scope) return record.select;
  const auto field = field_of_scope(scope->type);
  if (!field) return {};
  return {{std::string(name_of(*field)), is_part(scope->type) ? scope->session : scope->id}};
}

/// Notes that a containment has been dealt with; false where it was before.
bool first_time(std::vector<const GateContainment*>& seen, const GateContainment* containment) {
  if (std::ranges::find(seen, containment) != seen.end()) return false;
  seen.push_back(containment);
  return true;
}

/// Whether a containment that one field of the caller matches is about this caller. Agents, sessions, users and credentials of two tenants
/// never meet, but the agents of drills have names that nobody else bears, so that a gate refuses them whichever tenant its callers are of.
/// A session is its agent's: another agent's of the same id is another session. What the gate cannot tell is no way out.
bool concerns(const GateContainment& containment, SubjectField field, const Subject& caller) {
  const std::string_view tenant = caller[SubjectField::Tenant], agent = caller[SubjectField::Agent];
  if (!tenant.empty() && !containment.tenant.empty() && containment.tenant != tenant && !is_drill(containment.tenant)) return false;
  return field != SubjectField::Session || agent.empty() || containment.agent.empty() || containment.agent == agent;
}

}  // namespace

Compiled compile(std::string key, const ContainmentRecord& record, Denial denial, std::optional<EventTime> expires_at,
                 VisibleFields visible, std::uint32_t minute) {
  const auto scope = parse_scope(record.scope);
  auto out = std::make_shared<GateContainment>();
  Compiled compiled;
  out->key = std::move(key);
  out->tenant = record.tenant;
  out->level = record.level;
  out->denial = std::move(denial);
  out->finding_uid = record.finding_uid;
  out->expires_at = expires_at;
  out->everyone = scope && scope->type == "global";
  if (scope && scope->type == "session") out->agent = scope->id;
  for (ContainmentRecord::Select& entry : selection_of(record, scope)) {
    const auto field = subject_field_named(entry.field);
    const bool seen = field && visible.test(static_cast<std::size_t>(*field)) && !entry.equals.empty();
    if (seen)
      out->matches.push_back({*field, std::move(entry.equals), nullptr});
    else if (field == SubjectField::Tenant)
      out->everyone = true;  // whose call it is cannot be told, so it may be one of theirs
    else
      compiled.unseen.push_back(std::move(entry.field));
  }
  if (record.level == Level::Throttle) {
    const int start = record.credits_start.value_or(kCreditsStart), ceiling = record.credits_ceiling.value_or(kCreditsCeiling);
    for (auto& match : out->matches) match.credits = std::make_unique<Credits>(start, ceiling, minute);
  }
  compiled.enforceable = out->everyone || !out->matches.empty();
  compiled.containment = std::move(out);
  return compiled;
}

GateTable::GateTable(std::vector<std::shared_ptr<const GateContainment>> containments) : containments_(std::move(containments)) {
  for (const auto& containment : containments_) {
    if (containment->everyone) everyone_.push_back(containment.get());
    for (const auto& match : containment->matches) slots_.push_back({match.field, match.value, containment.get(), match.credits.get()});
  }
  std::ranges::sort(slots_, [](const Slot& a, const Slot& b) {
    return std::tuple(a.field, a.value, b.containment->level, std::string_view(a.containment->key)) <
           std::tuple(b.field, b.value, a.containment->level, std::string_view(b.containment->key));
  });
}

/// Visits what matches, field by field; a containment that matches by several fields comes as often.
template <class Visit>
void GateTable::for_each_match(const Subject& subject, Visit visit) const {
  for (const GateContainment* containment : everyone_) visit(Slot{SubjectField::Tenant, {}, containment, nullptr});
  for (std::size_t i = 0; i < kSubjectFields; ++i) {
    const auto field = static_cast<SubjectField>(i);
    if (subject[field].empty()) continue;
    const auto wanted = std::pair(field, subject[field]);
    const auto before = [](const Slot& slot, const std::pair<SubjectField, std::string_view>& w) {
      return std::pair(slot.field, slot.value) < w;
    };
    for (auto slot = std::lower_bound(slots_.begin(), slots_.end(), wanted, before); slot != slots_.end(); ++slot) {
      if (slot->field != field || slot->value != subject[field]) break;
      if (concerns(*slot->containment, field, subject)) visit(*slot);
    }
  }
}

GateDecision GateTable::decide(const Call& call) const {
  GateDecision out;
  out.by = strictest(call.subject, call.now);
  if (out.by == nullptr) return out;
  out.level = out.by->level;
  const bool asked = out.level == Level::Hold && call.effect;
  out.allowed = !denies(out.level, asked ? call.effect() : std::nullopt);
  if (!out.allowed) return out;

  // Each throttle that matches takes its own credit; of one containment only the first field pays.
  std::vector<const GateContainment*> paid;
  for_each_match(call.subject, [&](const Slot& slot) {
    const bool live = !slot.containment->expires_at || *slot.containment->expires_at > call.now;
    if (!out.allowed || !live || slot.containment->level != Level::Throttle || !first_time(paid, slot.containment)) return;
    if (slot.credits == nullptr || slot.credits->take(call.minute)) return;
    out = {.allowed = false, .level = Level::Throttle, .by = slot.containment};
  });
  return out;
}

template <class Counts>
const GateContainment* GateTable::strongest(const Subject& subject, EventTime now, Counts counts) const {
  const GateContainment* found = nullptr;
  for_each_match(subject, [&](const Slot& slot) {
    const bool live = !slot.containment->expires_at || *slot.containment->expires_at > now;
    if (live && counts(slot.containment->level) && (found == nullptr || slot.containment->level > found->level)) found = slot.containment;
  });
  return found;
}

const GateContainment* GateTable::strictest(const Subject& subject, EventTime now) const {
  return strongest(subject, now, [](Level) { return true; });
}

const GateContainment* GateTable::refusing(const Call& call) const {
  const auto effect = call.effect ? call.effect() : std::nullopt;
  return strongest(call.subject, call.now, [&](Level level) { return level == Level::Throttle || denies(level, effect); });
}

void GateTable::settle(const Subject& subject, bool denied, std::uint32_t minute) const {
  std::vector<const GateContainment*> paid;
  for_each_match(subject, [&](const Slot& slot) {
    if (slot.credits == nullptr || !first_time(paid, slot.containment)) return;
    if (denied)
      slot.credits->penalise(minute);
    else
      slot.credits->give_back(minute);
  });
}

}  // namespace ringfence
