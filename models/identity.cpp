// SPDX-License-Identifier: Apache-2.0
#include "models/identity.h"

#include <algorithm>

#include "engine/event/escape.h"
#include "engine/event/limits.h"
#include "models/identity_memory.h"
#include "models/identity_secrets.h"
#include "models/scope_destination.h"
#include "models/scope_memory.h"
#include "models/scope_ruling.h"

namespace ringfence {
namespace {

using identity::AgentIdentity;
using identity::Client;
using identity::Keys;
using identity::SessionIdentity;
using scope::Ruling;

constexpr auto kSlot = static_cast<std::size_t>(ChannelId::Identity);
/// `Shared`: another job's, by its list.
enum class Fingerprint : std::uint8_t { Declared, Rotated, Shared, NeverSeen };

/// Why the mean of the factors is at most 1: the class follows from the past and the fingerprint alone, and the persona caps how often a
/// well-behaved agent shows each class given the past. The bet puts no more on a rotation than its cap, so one inside its window never
/// adds.
const std::vector<std::vector<double>> kCaps{{1, .05, .005, .01}};
const std::vector<Bet> kBets{{.threat = Threat::CredentialAbuse, .q = {{.56, .04, .15, .25}}}};

/// Keys that other jobs list and this one does not. Tenants never meet, so a job says nothing where it does not apply.
struct OthersKeys final : ChannelPlan {
  struct Key {
    std::uint64_t hash = 0;
    std::size_t job = 0;  // whose, by its place in `tenants`
  };
  std::vector<Key> keys;         // sorted by hash
  std::vector<GlobSet> tenants;  // of each job; empty: all
};

std::unique_ptr<const ChannelPlan> others_keys(const Persona& persona, const PersonaSet& set) {
  auto plan = std::make_unique<OthersKeys>();
  const auto mine = [&](const std::string& key) {
    return persona.credentials && std::ranges::find(*persona.credentials, key) != persona.credentials->end();
  };
  for (const Persona& other : set.personas()) {
    if (&other == &persona || !other.credentials) continue;
    for (const std::string& key : *other.credentials)
      if (!mine(key)) plan->keys.push_back({hash64(key), plan->tenants.size()});
    plan->tenants.push_back(other.tenants);
  }
  if (plan->keys.empty()) return nullptr;
  std::ranges::sort(plan->keys, {}, &OthersKeys::Key::hash);
  return plan;
}

bool anothers(const Act& act, std::uint64_t hash) {
  const auto* plan = static_cast<const OthersKeys*>(act.plan(ChannelId::Identity));
  if (plan == nullptr) return false;
  return std::ranges::any_of(std::ranges::equal_range(plan->keys, hash, {}, &OthersKeys::Key::hash), [&](const OthersKeys::Key& key) {
    const GlobSet& tenants = plan->tenants[key.job];
    return tenants.empty() || tenants.matches(act.event.tenant);
  });
}

SessionIdentity& session_memory(const Act& act) { return scope::memory_in<SessionIdentity>(act.session.memory[kSlot]); }
AgentIdentity& agent_memory(const Act& act) { return scope::memory_in<AgentIdentity>(act.past(ChannelId::Identity)); }
const AgentIdentity* owners_memory(const Act& act) { return static_cast<const AgentIdentity*>(act.owners(ChannelId::Identity)); }

/// Against the declared list.
Fingerprint against_list(const Act& act, std::uint64_t hash) {
  const auto& declared = *act.persona.credentials;
  const auto listed = [&](std::uint64_t key) {
    return std::ranges::any_of(declared, [&](const std::string& one) { return hash64(one) == key; });
  };
  const Keys::Rotation rotation{act.credential_changed, act.persona.credential_rotation.value_or(Nanos{})};
  Keys& known = agent_memory(act).keys;
  known.note_list(listed, rotation, act.event.time);
  if (listed(hash)) {
    known.add(hash);
    return Fingerprint::Declared;
  }
  if (!rotation.covers(act.event.time)) return Fingerprint::NeverSeen;
  const AgentIdentity* const owner = owners_memory(act);
  if (known.covers(hash, rotation, act.event.time) || (owner != nullptr && owner->keys.covers(hash, rotation, act.event.time)))
    return Fingerprint::Rotated;
  // An agent that was never seen with a listed key may still have the one that left the list before it was watched: one, no second.
  if (!known.empty() || (owner != nullptr && !owner->keys.empty())) return Fingerprint::NeverSeen;
  known.take(hash, rotation);
  return Fingerprint::Rotated;
}

/// Without a list: against what the session began with. A fingerprint is new once.
Fingerprint against_session(const Act& act, std::uint64_t hash) {
  SessionIdentity& session = session_memory(act);
  const bool first = session.fingerprints.empty();
  if (!session.fingerprints.add(hash) || first) return Fingerprint::Declared;
  const Keys::Rotation rotation{act.credential_changed, act.persona.credential_rotation.value_or(limits::kChangeMute)};
  return rotation.covers(act.event.time) ? Fingerprint::Rotated : Fingerprint::NeverSeen;
}

/// `Declared` also where it shows none.
Fingerprint class_of(const Act& act) {
  if (!act.event.credential.fingerprint) return Fingerprint::Declared;
  const std::uint64_t hash = hash64(*act.event.credential.fingerprint);
  auto cls = Fingerprint::Declared;
  if (act.persona.credentials) {
    cls = against_list(act, hash);
  } else if (act.event.session.id) {
    cls = against_session(act, hash);
  }
  return anothers(act, hash) ? Fingerprint::Shared : cls;
}

std::string key_words(const Act& act) {
  return "credential.fingerprint, " + scope::value_words(act.persona, "credential.fingerprint", *act.event.credential.fingerprint) + ",";
}

/// A host of the act is permitted, and no host is not.
bool on_permitted_hosts(const Act& act) {
  return !act.event.destination.hosts.empty() && std::ranges::none_of(act.event.destination.hosts, [&](std::string_view host) {
    return scope::barred(act, {scope::Target::Kind::Host, "destination.host", host, host, nullptr});
  });
}

/// The target that says whose account it is, where that is not one of the job's.
std::optional<scope::Target> foreign_account(const Act& act) {
  const bool marked = act.match.action && std::ranges::any_of(act.persona.actions[*act.match.action].arguments, &ArgumentRule::destination);
  if (act.event.destination.accounts.empty() && !marked) return std::nullopt;
  for (const scope::Target& target : scope::targets_of(act).first) {
    const bool account =
        target.kind == scope::Target::Kind::Account || (target.kind == scope::Target::Kind::Argument && !scope::host_of(target.value));
    if (account && scope::barred(act, target)) return target;
  }
  return std::nullopt;
}

Ruling judge_account(const Act& act) {
  Ruling ruling;
  if (const auto target = foreign_account(act); target && on_permitted_hosts(act)) {
    ruling.breach(Analytic::CredentialForeign, "the permitted host is used with " + std::string(target->name) + ", " +
                                                   scope::value_words(act.persona, target->name, target->value) +
                                                   ", which is not the job's");
  }
  return ruling;
}

Ruling judge_fingerprint(const Act& act, Fingerprint cls) {
  Ruling ruling;
  if (cls == Fingerprint::Shared)
    ruling.breach(Analytic::CredentialForeign, key_words(act) + " is declared by another job and not by its own");
  if (cls != Fingerprint::NeverSeen) return ruling;
  if (act.persona.credentials && on_permitted_hosts(act))
    ruling.breach(Analytic::CredentialForeign, "the permitted host is used with a key that is not the job's: " + key_words(act) +
                                                   " is not among the declared credentials");
  ruling.breach(Analytic::CredentialNew, key_words(act) + (act.persona.credentials ? " is not among the declared credentials"
                                                                                   : " is not the one this session began with"));
  return ruling;
}

Ruling judge_store(const Act& act) {
  Ruling ruling;
  if (const std::string_view store = identity::reads_credential_store(act); !store.empty())
    ruling.breach(Analytic::CredentialAmbient, "tool " + scope::tool_words(act.event) + " is pointed at " + std::string(store));
  return ruling;
}

Ruling judge_ambient(const Act& act) {
  Ruling ruling = judge_store(act);
  if (!act.event.credential.kind || !act.event.session.id) return ruling;
  SessionIdentity& session = session_memory(act);
  const bool first = session.kinds.empty();
  if (session.kinds.add(hash64(*act.event.credential.kind)) && !first && !act.explained)
    ruling.breach(Analytic::CredentialAmbient,
                  "a credential of kind " + printable(*act.event.credential.kind, 40) + " is used, the session began with another kind");
  return ruling;
}

/// An address without its port, which every connection has anew.
std::string_view without_port(std::string_view address) {
  const std::size_t colon = address.rfind(':');
  if (colon == std::string_view::npos) return address;
  const bool bracketed = address.starts_with('[') && address[colon - 1] == ']';
  return bracketed || address.find(':') == colon ? address.substr(0, colon) : address;
}

std::uint64_t part_of(const Text& text) { return text ? std::max<std::uint64_t>(hash64(*text), 1) : 0; }

Client client_of(const Event& event) {
  const auto& said = event.client;
  if (!said.fingerprint && !said.address && !said.name) return {};
  const Text address = said.address ? Text(without_port(*said.address)) : std::nullopt;
  std::uint64_t whole = 1;
  for (const Text& part : {said.fingerprint, address, said.name}) whole = hash64(part.value_or(""), whole + (part ? 1 : 0));
  return {{part_of(said.fingerprint), part_of(address), part_of(said.name), std::max<std::uint64_t>(whole, 1)}};
}

Ruling judge_binding(const Act& act, const Client& client) {
  Ruling ruling;
  if (!client.said() || !act.event.session.id) return ruling;
  SessionIdentity& session = session_memory(act);
  const bool first = session.clients.empty();
  if (session.clients.add(client) && !first && !act.explained)
    ruling.breach(Analytic::SessionBinding,
                  "session " + printable(*act.event.session.id, 80) + " is used from another client than it began with");
  return ruling;
}

/// Two places of which one says no client are told apart by their runs.
bool elsewhere(const AgentIdentity::Place& a, const AgentIdentity::Place& b) {
  return a.client.said() && b.client.said() ? a.client.differs(b.client) : a.run != b.run;
}

Ruling judge_clone(const Act& act, const Client& client) {
  Ruling ruling;
  const std::uint64_t run = act.event.agent.instance ? hash64(*act.event.agent.instance) : 0;
  const bool listed = act.persona.credentials.has_value();
  if (!client.said() && (run == 0 || !listed)) return ruling;
  AgentIdentity& agent = agent_memory(act);
  if (const AgentIdentity* const owner = owners_memory(act)) agent.follow(*owner);
  AgentIdentity::Place& here = agent.visit(client, run, act.event.time);
  const auto at_once = [&](const AgentIdentity::Place& place) {
    return place.returns > 0 && here.returns > 0 && act.event.time - place.last <= AgentIdentity::kAtOnce;
  };
  const auto told = [&] {
    for (AgentIdentity::Place& place : agent.places()) place.told = place.told || at_once(place);
  };
  if (here.told || act.explained) return ruling;
  const auto other_client_of_run = [&](const AgentIdentity::Place& place) {
    return run != 0 && place.run == run && place.client.differs(client) && at_once(place);
  };
  if (std::ranges::any_of(agent.places(), other_client_of_run)) {
    ruling.breach(Analytic::IdentityClone, "run " + printable(*act.event.agent.instance, 80) + " acts from two clients at once");
    told();
    return ruling;
  }
  if (!listed) return ruling;
  std::vector<const AgentIdentity::Place*> active;
  for (const AgentIdentity::Place& place : agent.places()) {
    const bool another = std::ranges::all_of(active, [&](const AgentIdentity::Place* one) { return elsewhere(*one, place); });
    if (at_once(place) && another) active.push_back(&place);
  }
  const std::size_t keys = std::max<std::size_t>(act.persona.credentials->size(), 1);
  if (active.size() <= keys) return ruling;
  ruling.breach(Analytic::IdentityClone, "the identity acts from " + std::to_string(active.size()) + " places at once, declared " +
                                             (keys == 1 ? "is 1 credential" : "are " + std::to_string(keys) + " credentials"));
  told();
  return ruling;
}

class IdentityChannel final : public Channel {
 public:
  [[nodiscard]] const ChannelInfo& info() const override {
    static const ChannelInfo kInfo{ChannelId::Identity, "identity", {"credential shown"}, {"declared", "rotated", "shared", "never seen"},
                                   {20, 20, 20, 20},    true};
    return kInfo;
  }
  [[nodiscard]] std::vector<std::vector<double>> caps(const Persona& /*persona*/) const override { return kCaps; }
  [[nodiscard]] std::span<const Bet> bets() const override { return kBets; }
  [[nodiscard]] std::unique_ptr<const ChannelPlan> prepare(const Persona& persona, const PersonaSet& set) const override {
    return others_keys(persona, set);
  }
  [[nodiscard]] std::unique_ptr<ChannelMemory> decode_memory(MemoryScope scope, Reader& in) const override {
    return scope == MemoryScope::Agent ? AgentIdentity::decode(in) : SessionIdentity::decode(in);
  }

  [[nodiscard]] Reading read(const Act& act) const override {
    Reading reading = Reading::of(Reading::Kind::Silent);
    const Event& event = act.event;
    if (event.kind != EventKind::ToolCall) return reading;
    const Fingerprint cls = class_of(act);
    if (event.credential.fingerprint) {
      if (act.persona.credentials || event.session.id) reading = Reading::marked(0, static_cast<std::uint8_t>(cls));
    } else if (act.persona.credentials) {
      reading = Reading::of(Reading::Kind::NotEvaluable);
    }
    Ruling ruling = judge_account(act);
    ruling += judge_fingerprint(act, cls);
    ruling += judge_ambient(act);
    const Client client = client_of(event);
    ruling += judge_binding(act, client);
    ruling += judge_clone(act, client);
    reading.breaches = std::move(ruling.breaches);
    return reading;
  }

  [[nodiscard]] std::vector<Breach> read_late(const Act& act) const override {
    Ruling ruling;
    if (act.event.credential.fingerprint) ruling = judge_fingerprint(act, class_of(act));
    ruling += judge_store(act);
    return std::move(ruling.breaches);
  }

  [[nodiscard]] Description describe(const Act& act, Threat /*threat*/) const override {
    return {.title = "Agent acts with credentials that are not its own",
            .sentence = act.event.credential.fingerprint ? "The credential it shows is not one its job or its session knows."
                                                         : "It has shown credentials that its job or its session does not know.",
            .identifier_shape = {},
            .grounded = std::nullopt};
  }
};

}  // namespace

const Channel& identity_channel() {
  static const IdentityChannel kChannel;
  return kChannel;
}

}  // namespace ringfence
