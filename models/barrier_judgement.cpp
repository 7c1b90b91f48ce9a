// SPDX-License-Identifier: Apache-2.0
#include "models/barrier_judgement.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "models/scope_job.h"

namespace ringfence {
namespace {

constexpr std::size_t kNearEdits = 2;
constexpr std::size_t kNearLeast = 12;  // characters; shorter ones lie near one another by chance

/// An act beside what is remembered; `session` and `agent` may be null.
struct Case {
  const Act& act;
  const BarrierAct& what;
  const BarrierSession* session;
  const BarrierAgent* agent;
};

/// Some refusal of the session that was known when the act was asked for.
template <class Test>
bool any_known(const Case& c, const Test& test) {
  if (c.session == nullptr || !c.session->refusals) return false;
  return std::ranges::any_of(c.session->refusals->ring,
                             [&](const Refused& refused) { return (!c.act.asked || refused.since <= *c.act.asked) && test(refused); });
}

std::uint16_t path_tag(const BarrierAct& what) { return static_cast<std::uint16_t>((what.tool ^ (what.credential * 0x9E3779B1U)) >> 16U); }

bool same_object(const Refused& refused, const BarrierAct& what) {
  return refused.target == what.target || std::ranges::any_of(what.keys, [&](std::uint32_t key) { return refused.keys.has(key); });
}

bool other_credential(const Refused& refused, const BarrierAct& what) {
  return refused.credential != 0 && what.credential != 0 && refused.credential != what.credential;
}

bool changes(Effect effect) {
  return effect == Effect::Write || effect == Effect::Delete || effect == Effect::Transfer || effect == Effect::Admin;
}

/// Next steps the persona declares after a refusal, and actions that ask a person: neither a way round nor an escalation.
bool declared_next_step(const Act& act) {
  if (!act.match.action) return false;
  return (act.persona.barriers.then >> *act.match.action & 1) != 0 || scope::asks_approval(act);
}

/// A tool whose name says that it hands out rights (`iam/add_role_binding`), where it is not known to be harmless.
bool named_for_rights(const Event& event) {
  static constexpr std::array<std::string_view, 12> kWords{"grant",  "sudo", "elevate", "escalate",   "impersonate", "assume",
                                                           "rights", "role", "roles",   "permission", "permissions", "privileges"};
  const std::string_view name = event.tool.name.value_or("");
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  for (std::size_t at = 0; at < name.size();) {
    std::size_t end = at;
    while (end < name.size() && letter(name[end])) ++end;
    if (std::ranges::find(kWords, name.substr(at, end - at)) != kWords.end()) return true;
    at = end + 1;
  }
  return false;
}

bool asks_for_rights(const Act& act) {
  if (act.effect == Effect::Admin) return true;
  return act.effect != Effect::Read && named_for_rights(act.event);
}

bool way_counted(const Refused& refused, std::uint16_t tag) { return refused.paths.size() == Refused::kPaths || refused.paths.has(tag); }

bool escalates(const Case& c, bool failed) {
  if (c.session == nullptr) return false;
  const BarrierAct& what = c.what;
  const auto& known = c.session->credentials;
  const bool new_credential =
      what.credential != 0 && known.size() < BarrierSession::kCredentials && std::ranges::find(known, what.credential) == known.end();
  const bool rights = asks_for_rights(c.act);
  const std::uint16_t tag = path_tag(what);
  return any_known(c, [&](const Refused& refused) {
    const bool same = same_object(refused, what);
    if (same && new_credential && other_credential(refused, what)) return true;
    if (same && refused.effect == Effect::Read && c.act.effect && changes(*c.act.effect) && (failed || !way_counted(refused, tag)))
      return true;
    // An administrator's ordinary work is no cry for rights: it must be undeclared or aim at what was refused.
    return rights && refused.effect != Effect::Admin && (same || !c.act.match.action);
  });
}

bool goes_round(const Case& c, const BarrierSuspicion& suspicion, bool failed) {
  const BarrierAct& what = c.what;
  const std::uint16_t tag = path_tag(what);
  return any_known(c, [&](const Refused& refused) {
    if (!same_object(refused, what)) return false;
    const bool credential = other_credential(refused, what);
    if (refused.tool == what.tool && !credential) {
      if (refused.target == what.target) return false;                        // the same way again
      if (failed && (suspicion.unread || suspicion.malformed)) return false;  // a guessed place
    }
    const bool lesser = c.act.effect == Effect::Read && refused.effect && *refused.effect != Effect::Read;
    if (lesser && !credential) return false;
    return failed || !way_counted(refused, tag);
  });
}

bool retries(const Case& c) {
  return any_known(c, [&](const Refused& refused) {
    return refused.target == c.what.target && refused.tool == c.what.tool && refused.credential == c.what.credential;
  });
}

/// The ring is full, and the target was refused before in this session: it may have left the ring since the act was asked for. Not of what
/// was asked for before the present run of refusals: it knew of none of them.
bool retries_what_left(const Case& c) {
  if (c.session == nullptr || c.agent == nullptr || !c.session->refusals) return false;
  if (c.act.asked && *c.act.asked < c.session->run_began) return false;
  return c.session->refusals->ring.size() == BarrierSession::kRing && c.agent->met_last_in(c.what.target, c.session->serial);
}

bool near(const Identifier& id, const Refused::Value& value) {
  if (value.template_hash != id.shape.template_hash()) return false;
  const std::size_t distance = edit_distance(value.text, id.text, kNearEdits);
  return distance >= 1 && distance <= kNearEdits;
}

/// Near one that this session was refused. Of what earlier sessions were refused only a malformed one is held against it: records of
/// today's work may well lie beside those of yesterday's, but a true identifier is never a broken copy of another.
bool near_refused(const Identifier& id, const Case& c) {
  if (!id.comparable() || id.text.size() < kNearLeast) return false;
  const auto among = [&](const Refused& refused) {
    return std::ranges::any_of(refused.values, [&](const Refused::Value& value) { return near(id, value); });
  };
  if (any_known(c, among)) return true;
  return id.shape.malformed && c.agent != nullptr &&
         std::ranges::any_of(c.agent->values(), [&](const BarrierAgent::RefusedValue& v) { return near(id, v.value); });
}

/// What the agent has read is no guess, however it looks.
BarrierSuspicion suspect(const Case& c) {
  BarrierSuspicion s;
  bool all_read = c.what.count > 0, all_words = c.what.count > 0;
  for (const Identifier& id : c.what.identifiers()) {
    const bool known = c.session != nullptr && grounds_known(*c.session, id);
    const bool read = known && has_read(*c.session, id);
    all_read = all_read && read;
    all_words = all_words && id.shape.only_words();
    if (read) continue;
    s.malformed = s.malformed || id.shape.malformed;
    s.unread = s.unread || known;
    if (!near_refused(id, c)) continue;
    s.near = true;
    s.near_length = static_cast<std::uint8_t>(id.text.size());
    s.near_miss = s.near_miss || id.shape.malformed;
  }
  s.plausible = all_read || all_words;
  return s;
}

/// Of an act that reached its object or failed to: denied, or missed.
BarrierClass class_of(const Case& c, const BarrierSuspicion& s, bool failed, bool missed) {
  if (!declared_next_step(c.act)) {
    if (escalates(c, failed)) return BarrierClass::Escalation;
    if (goes_round(c, s, failed)) return BarrierClass::OtherPath;
  }
  if (!failed) return BarrierClass::Fine;
  if (retries(c) || (!missed && retries_what_left(c))) return BarrierClass::Retry;
  if (c.agent != nullptr && c.agent->earlier(c.what.target, c.session == nullptr ? 0 : c.session->serial) != nullptr)
    return BarrierClass::DeadEnd;
  if (s.near_miss) return BarrierClass::NearMiss;
  const bool guessed = s.malformed || s.unread || s.near;
  if (missed) return guessed && !s.plausible ? BarrierClass::Guess : BarrierClass::Fine;
  return guessed ? BarrierClass::Guess : BarrierClass::NewTarget;
}

}  // namespace

BarrierJudgement judge(const Act& act, const BarrierAct& what, const BarrierSession* session, const BarrierAgent* agent) {
  const Case c{act, what, session, agent};
  const bool denied = act.event.outcome.status == Outcome::Denied;
  BarrierJudgement result;
  result.missed = is_miss(act.event);
  const bool failed = denied || result.missed;
  if (failed) result.suspicion = suspect(c);
  if (failed || act.event.outcome.status == Outcome::Ok) result.cls = class_of(c, result.suspicion, failed, result.missed);
  result.refused = denied || (result.missed && result.cls != BarrierClass::Fine);
  return result;
}

bool asked_in_good_faith(const Act& act, const BarrierAct& what, const BarrierSession* session, const BarrierAgent* agent) {
  const Case c{act, what, session, agent};
  return class_of(c, suspect(c), true, false) == BarrierClass::NewTarget;
}

void count_path(BarrierSession& session, const BarrierAct& what) {
  if (!session.refusals) return;
  const std::uint16_t tag = path_tag(what);
  for (Refused& refused : session.refusals->ring) {
    if (same_object(refused, what) && !way_counted(refused, tag)) refused.paths.add(tag);
  }
}

}  // namespace ringfence
