// SPDX-License-Identifier: Apache-2.0
#include "models/barrier.h"

#include <algorithm>
#include <array>

#include "models/barrier_act.h"
#include "models/barrier_judgement.h"
#include "models/barrier_memory.h"
#include "models/barrier_words.h"

namespace ringfence {
namespace {

constexpr std::size_t kContexts = 2, kClasses = 8;
constexpr std::uint8_t kAfterSuccess = 0, kAfterRefusal = 1;
constexpr double kCapFloor = .002;
constexpr double kDenialsOfTable = .10;
using Table = std::array<std::array<double, kClasses>, kContexts>;

constexpr Table kCaps{{{1, .02, .05, .01, .02, .01, .01, .002}, {1, .60, .15, .02, .05, .01, .02, .002}}};

struct ThreatTable {
  Threat threat;
  Table q;
};
constexpr std::array<ThreatTable, 6> kBets{{
    {Threat::Enumerate, {{{.40, .05, .44, .05, .03, .01, .01, .01}, {.25, .10, .54, .05, .03, .01, .01, .01}}}},
    {Threat::Guess, {{{.40, .03, .10, .20, .03, .01, .01, .22}, {.22, .06, .10, .20, .02, .01, .01, .38}}}},
    {Threat::Route, {{{.55, .05, .08, .02, .24, .04, .01, .01}, {.35, .12, .10, .03, .32, .06, .01, .01}}}},
    {Threat::Escalate, {{{.60, .05, .06, .02, .05, .20, .01, .01}, {.40, .15, .08, .03, .08, .24, .01, .01}}}},
    {Threat::DeadEnd, {{{.55, .04, .06, .03, .02, .01, .28, .01}, {.40, .10, .08, .04, .03, .01, .33, .01}}}},
    {Threat::Slow, {{{.80, .03, .07, .03, .03, .01, .02, .01}, {.55, .12, .14, .07, .05, .02, .03, .02}}}},
}};

std::vector<std::vector<double>> rows(const Table& table) {
  std::vector<std::vector<double>> all;
  for (const auto& row : table) all.emplace_back(row.begin(), row.end());
  return all;
}

BarrierSession* memory_of(SessionState& session) {
  return static_cast<BarrierSession*>(session.memory[static_cast<std::size_t>(ChannelId::Barrier)].get());
}
BarrierSession& make_memory(SessionState& session) {
  auto& slot = session.memory[static_cast<std::size_t>(ChannelId::Barrier)];
  if (!slot) slot = std::make_unique<BarrierSession>();
  return static_cast<BarrierSession&>(*slot);
}
BarrierAgent* past_of(const Act& act) { return static_cast<BarrierAgent*>(act.past(ChannelId::Barrier).get()); }
BarrierAgent& make_past(const Act& act) {
  auto& slot = act.past(ChannelId::Barrier);
  if (!slot) slot = std::make_unique<BarrierAgent>();
  return static_cast<BarrierAgent&>(*slot);
}

/// What the act's request asked for, where there was one; it is open no longer.
std::optional<Asked> asked_before(const Act& act) {
  BarrierSession* const session = memory_of(act.session);
  return session != nullptr && session->asked ? session->take(hash64(act.event.id)) : std::nullopt;
}

/// What the refused calls of a tool have in common, for words about all of them.
void compare(Conduct& conduct, const Event& event, const BarrierAct& what) {
  if (conduct.refused == 1) {
    conduct.place = place_key(event, what);
    for (const Identifier& id : what.identifiers()) conduct.named.add(named_key(id));
  } else if (conduct.place != 0 && conduct.place != place_key(event, what)) {
    conduct.place = 0;
  }
}

void count_conduct(const Event& event, BarrierSession& session, const BarrierAct& what, const BarrierJudgement& judged) {
  if (!session.refusals) return;
  Conduct* const conduct = session.conduct(what.tool, judged.refused);
  if (conduct == nullptr) return;
  ++conduct->calls;
  if (!judged.refused) return;
  ++conduct->refused;
  compare(*conduct, event, what);
  if (judged.suspicion.unread) ++conduct->unread;
  if (judged.suspicion.malformed) ++conduct->malformed;
  if (!judged.suspicion.near) return;
  ++conduct->near;
  conduct->near_lengths |= std::uint64_t{1} << (judged.suspicion.near_length - 1);
  conduct->grounds_known = conduct->grounds_known && judged.suspicion.unread;
}

/// The act was asked for before the refusal that the session's present run of them began with was known.
bool asked_before_run(const Act& act) {
  const BarrierSession* const session = memory_of(act.session);
  return session != nullptr && act.asked && *act.asked < session->run_began;
}

/// The context the act was asked in, by what was known then: calls in flight may have ended a run of refusals since, or begun one.
std::uint8_t context_of(const Act& act) {
  const BarrierSession* const session = memory_of(act.session);
  if (session == nullptr) return kAfterSuccess;
  const bool in_run = session->after_refusal && !asked_before_run(act);
  return in_run || (act.asked && session->ran_at(*act.asked)) ? kAfterRefusal : kAfterSuccess;
}

/// The context of the session's next call. A fault is neither a success nor a refusal, and neither is what nobody can say; what was asked
/// for before a refusal does not undo it. A run begins after a success, with an act that was asked for when every refusal before was known:
/// it speaks, and as long as refusals overlap nobody is excused once more.
void set_context(const Act& act, BarrierSession& session, const BarrierJudgement& judged) {
  if (judged.refused) {
    const bool knew_all = !act.asked || session.refused_last <= *act.asked;
    if (!session.after_refusal && knew_all) session.run_began = act.now();
    session.after_refusal = true;
    session.refused_last = act.now();
  } else if (session.after_refusal && (act.event.outcome.status == Outcome::Ok || judged.missed) && !asked_before_run(act)) {
    session.end_run(act.now());
  }
}

/// The act took place and was judged: ring, dead ends, context, counts.
void remember(const Act& act, const BarrierAct& what, const BarrierJudgement& judged) {
  const bool fine = act.event.outcome.status == Outcome::Ok;
  if (judged.refused || judged.missed) {
    BarrierSession& session = make_memory(act.session);
    BarrierAgent& agent = make_past(act);
    if (session.serial == 0) session.serial = agent.next_serial();
    agent.note(what.target, session.serial);
    if (judged.refused) agent.keep(what.target, what.refused(act).values);
  }
  if (BarrierAgent* const agent = past_of(act); fine && agent != nullptr) agent->forget(what.target);
  BarrierSession* const session = memory_of(act.session);
  if (session == nullptr) return;
  set_context(act, *session, judged);
  if (judged.refused) session->push(what.refused(act));
  if (fine) {
    session->forget(what.tool, what.target);
    if (judged.cls == BarrierClass::OtherPath || judged.cls == BarrierClass::Escalation) count_path(*session, what);
  }
  count_conduct(act.event, *session, what, judged);
}

/// A fact explains it. An outage that was announced explains whatever was refused there; one that was made out from the failures of agents
/// explains that they are denied what they may well ask for, never what was made up: guesses are not a server's fault.
bool excused(const Act& act, const BarrierJudgement& judged) {
  const bool denied = act.event.outcome.status == Outcome::Denied;
  if (act.explained) return denied || judged.missed || judged.cls != BarrierClass::Fine;
  if (!act.seems_out || !denied) return false;
  return judged.cls != BarrierClass::Guess && judged.cls != BarrierClass::DeadEnd && judged.cls != BarrierClass::NearMiss &&
         !judged.suspicion.malformed;
}

void learn(const Act& act) {
  if (const std::uint32_t credential = credential_key(act.event)) {
    std::vector<std::uint32_t>& known = make_memory(act.session).credentials;
    if (known.size() < BarrierSession::kCredentials && std::ranges::find(known, credential) == known.end()) known.push_back(credential);
  }
  if (teaches(act.event)) learn_result(make_memory(act.session), act.event);
}

class Barrier final : public Channel {
 public:
  Barrier() {
    for (const ThreatTable& bet : kBets) bets_.push_back({bet.threat, rows(bet.q)});
  }

  [[nodiscard]] const ChannelInfo& info() const override { return info_; }

  [[nodiscard]] std::vector<std::vector<double>> caps(const Persona& persona) const override {
    auto v = rows(kCaps);
    for (const std::size_t cls : {1U, 2U, 3U, 6U}) {
      v[0][cls] = std::clamp(v[0][cls] * persona.barriers.denials / kDenialsOfTable, kCapFloor, 1.);
      v[1][cls] = std::max(v[1][cls], v[0][cls]);  // what may be refused after a success may be after a refusal
    }
    v[1][1] = std::max(v[1][1], 1 - 1. / (persona.barriers.retries + 1));
    return v;
  }

  [[nodiscard]] std::span<const Bet> bets() const override { return bets_; }

  [[nodiscard]] std::unique_ptr<ChannelMemory> decode_memory(MemoryScope scope, Reader& in) const override {
    if (scope == MemoryScope::Agent) return BarrierAgent::decode(in);
    return BarrierSession::decode(in);
  }

  [[nodiscard]] Reading read(const Act& act) const override {
    const Event& event = act.event;
    if (event.kind == EventKind::TaskStart) {
      if (teaches(event)) learn_task(make_memory(act.session), event);
      return Reading::of(Reading::Kind::Silent);
    }
    if (event.kind != EventKind::ToolCall || event.phase == Phase::Request) return Reading::of(Reading::Kind::Silent);
    const std::optional<Asked> request = asked_before(act);
    const bool denied = event.outcome.status == Outcome::Denied, missed = is_miss(event);
    if (denied && act.own_refusal) return Reading::of(Reading::Kind::Silent);

    const BarrierSession* const session = memory_of(act.session);
    const BarrierAgent* const agent = past_of(act);
    const bool under_way = asked_before_run(act);
    const std::uint8_t context = context_of(act);
    BarrierJudgement judged;
    bool said = false;  // by the refusal that came while it was under way
    const bool refused_before = (session != nullptr && session->refusals) || (agent != nullptr && !agent->empty());
    if (denied || missed || refused_before) {
      const BarrierAct what = request && !names_its_target(event) ? recalled(act, *request) : identify(act);
      judged = judge(act, what, session, agent);
      if (excused(act, judged)) {
        learn(act);
        return Reading::of(Reading::Kind::Muted);
      }
      // Known before its outcome is looked at, or the mean factor would exceed 1.
      said = under_way && asked_in_good_faith(act, what, session, agent);
      remember(act, what, judged);
    }
    learn(act);
    Reading reading = said ? Reading::of(Reading::Kind::Silent) : Reading::marked(context, static_cast<std::uint8_t>(judged.cls));
    // Not known to be refused, it is one of the calls that a share of refusals is a share of.
    if (event.outcome.status == Outcome::Unknown) reading.lacking |= bit_of(Lacking::Outcome);
    return reading;
  }

  bool heed(const Act& act) const override {
    const Event& event = act.event;
    if (event.kind != EventKind::ToolCall) return true;
    if (names_its_target(event)) make_memory(act.session).keep(kept_of(act));
    // Who tells refusals at the request may never tell what became of the others: their share would be unknown.
    return event.outcome.status != Outcome::Denied || act.own_refusal;
  }

  [[nodiscard]] Description describe(const Act& act, Threat threat) const override {
    return describe_barrier(act, threat, memory_of(act.session), past_of(act));
  }

 private:
  ChannelInfo info_{ChannelId::Barrier,
                    "barrier",
                    {"after a success", "after a refusal"},
                    {"fine", "denied, same target", "denied, new plausible target", "denied, guess-shaped",
                     "other path to the refused object", "escalation", "denied in an earlier session", "denied, near-miss"},
                    {20, 20, 20, 20, 20, 20, 20, 150},
                    false};
  std::vector<Bet> bets_;
};

}  // namespace

const Channel& barrier_channel() {
  static const Barrier channel;
  return channel;
}

}  // namespace ringfence
