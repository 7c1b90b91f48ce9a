// SPDX-License-Identifier: Apache-2.0
#include "models/outcome.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/event/short_hash.h"
#include "models/numeraire.h"
#include "models/outcome_memory.h"
#include "models/scope_memory.h"
#include "models/scope_ruling.h"

namespace ringfence {
namespace {

using outcome::SessionOutcome;
using scope::Ruling;

constexpr auto kSlot = static_cast<std::size_t>(ChannelId::Outcome);
/// Contexts and classes of the loop's table, and behind them those of the sweep's wagers, for the ledger.
constexpr std::uint8_t kAfterProgress = 0, kAfterRepeat = 1, kAfterOther = 2, kAfterDestruction = 3;
constexpr std::uint8_t kProgress = 0, kRepeat = 1, kHarmless = 2, kDestructive = 3;

/// The class follows from the past and the act; the caps bound it given the past, so the box numeraire's mean is at most 1 (§2.1). No act
/// of a loop has a class of the sweep, nor the other way round: the loop stakes nothing there, whatever the cap.
constexpr double kNever = .002;
const std::vector<Bet> kBets{
    {.threat = Threat::NoProgress, .q = {{.1, .9, 0, 0}, {.05, .95, 0, 0}, {0, 0, 1, 0}, {0, 0, 1, 0}}, .alert_only = true},
    {.threat = Threat::DestructiveSweep, .q = {}, .resting = .5},
};

constexpr double kSweepAfterLike = .5;
constexpr std::array<double, 2> kSweepQ{.7, .95};  // of a destructive act, by context
constexpr std::array<std::string_view, 9> kDestructiveWords{"delete",  "remove",    "cancel", "purge", "drop",
                                                            "destroy", "terminate", "wipe",   "revoke"};

bool upper(char c) { return c >= 'A' && c <= 'Z'; }
bool lower(char c) { return c >= 'a' && c <= 'z'; }

bool same_word(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, {}, [](char c) { return upper(c) ? static_cast<char>(c - 'A' + 'a') : c; });
}

/// The end of the word that begins at `at`: before one of `_ - . / :` or the `*` of a glob, or where capitals begin another (`bulkDelete`,
/// `HTTPDelete`).
std::size_t word_end(std::string_view name, std::size_t at) {
  const std::size_t most = std::min(name.find_first_of("_-./:*", at), name.size());
  for (std::size_t i = at + 1; i < most; ++i) {
    const bool rises = !upper(name[i - 1]) && upper(name[i]);
    const bool last_capital = upper(name[i - 1]) && upper(name[i]) && i + 1 < most && lower(name[i + 1]);
    if (rises || last_capital) return i;
  }
  return most;
}

/// A word of the tool's name says so.
bool named_destructive(std::string_view name) {
  for (std::size_t at = 0, end = 0; at < name.size(); at = std::max(end, at + 1)) {
    end = word_end(name, at);
    const std::string_view word = name.substr(at, end - at);
    if (std::ranges::any_of(kDestructiveWords, [&](std::string_view one) { return same_word(word, one); })) return true;
  }
  return false;
}

bool destructive(std::optional<Effect> effect, std::string_view name) {
  if (effect == Effect::Delete || effect == Effect::Admin) return true;
  return effect != Effect::Read && named_destructive(name);
}

/// Which actions destroy, and the factors of a sweep under both nulls: [context][0 other, 1 destructive].
struct SweepPlan final : ChannelPlan {
  ActionMask destroying = 0;  // their shares are in the cap
  std::array<std::array<Wager, 2>, 2> wagers;
};

/// A glob's text is read like a name, without that of the server.
bool names_destruction(const Glob& glob) {
  const std::string_view pattern = glob.pattern();
  return named_destructive(pattern.substr(pattern.find('/') + 1));
}

/// Any of an action's tools names destruction.
bool destroys(const Action& action) {
  if (action.effect == Effect::Delete || action.effect == Effect::Admin) return true;
  return action.effect != Effect::Read && std::ranges::any_of(action.tools.globs(), names_destruction);
}

struct Destroying {
  ActionMask actions = 0;            // none: no sweep is judged
  std::array<double, 2> caps{1, 1};  // of a destructive act, by context; the second is never the smaller
};

Destroying destroying(const Persona& persona) {
  Destroying out;
  double share = 0;
  for (std::size_t i = 0; i < persona.actions.size(); ++i) {
    const Action& action = persona.actions[i];
    if (!destroys(action)) continue;
    if (!action.share) return {};  // no cap declared: nothing to hold it against
    share += *action.share;
    out.actions |= ActionMask{1} << i;
  }
  const double cap = 3 * share + .02;
  if (out.actions == 0 || cap >= 1) return {};  // so great a share is a cap on nothing
  out.caps = {cap, std::max(kSweepAfterLike, cap)};
  return out;
}

std::unique_ptr<const ChannelPlan> plan_of(const Persona& persona) {
  const auto [actions, caps] = destroying(persona);
  if (actions == 0) return nullptr;
  auto plan = std::make_unique<SweepPlan>();
  plan->destroying = actions;
  for (const std::size_t context : {0U, 1U}) {
    const std::array q{1 - kSweepQ[context], kSweepQ[context]};
    const auto factors = [&](double tolerance) {
      const std::array v{1., std::min(1., caps[context] * tolerance)};
      return box_numeraire(v, q);
    };
    const auto alert = factors(1), declared = factors(persona.tolerance());
    for (const std::size_t cls : {0U, 1U})
      plan->wagers[context][cls] = {.threat = Threat::DestructiveSweep,
                                    .context = static_cast<std::uint8_t>(kAfterOther + context),
                                    .cls = static_cast<std::uint8_t>(kHarmless + cls),
                                    .alert = static_cast<float>(alert[cls]),
                                    .declared = static_cast<float>(declared[cls]),
                                    .alert_only = caps[context] * persona.tolerance() >= 1};
  }
  return plan;
}

SessionOutcome& memory_of(const Act& act) { return scope::memory_in<SessionOutcome>(act.session.memory[kSlot]); }

std::uint64_t hash_text(const Text& text, std::uint64_t seed) { return text ? short_hash::of(*text, seed) : seed; }
std::uint64_t hash_count(const Count& count, std::uint64_t seed) {
  return count ? short_hash::of({reinterpret_cast<const char*>(&*count), sizeof(*count)}, seed) : seed;
}

/// Tool, arguments and resource; nothing where the event does not say what is asked for.
std::optional<std::uint64_t> asked_by(const Event& event) {
  if (!event.args && !event.arg_ids && !event.resource.uri) return std::nullopt;
  std::uint64_t hash = hash_text(event.tool.server, 1);
  hash = hash_text(event.tool.name, hash);
  hash = hash_text(event.resource.uri, hash);
  if (event.args) hash ^= event.args->hash.low;
  if (event.arg_ids)
    for (const std::string_view id : *event.arg_ids) hash = hash64(id, hash);
  return hash;
}

/// What was asked for: where requests are reported their word counts, a completion may leave out some of it or all. Nothing where nobody
/// says, or where the request is kept no longer.
std::optional<std::uint64_t> act_hash(const Act& act, SessionOutcome& memory) {
  if (!act.asked) return asked_by(act.event);
  const auto request = memory.answer(hash64(act.event.id));
  if (!request) return std::nullopt;
  return *request != 0 ? request : asked_by(act.event);
}

/// All that the event shows of the result.
std::uint64_t result_hash(const Event& event) {
  std::uint64_t hash = 2 + static_cast<std::uint64_t>(event.outcome.status);
  hash = hash_text(event.outcome.code, hash);
  hash = hash_count(event.bytes.response, hash);
  hash = hash_count(event.records.returned, hash);
  if (event.result) hash ^= event.result->hash.low;
  if (event.result_ids)
    for (const std::string_view id : *event.result_ids) hash = hash64(id, hash);
  return hash;
}

/// A read that the job's own median pace allows, waiting for something.
bool polls(const Act& act, Nanos since) {
  const auto& rate = act.persona.calls_per_minute;
  if (act.effect != Effect::Read || !rate || !rate->p50 || *rate->p50 <= 0) return false;
  return static_cast<double>(since.value) * *rate->p50 >= static_cast<double>(minutes(1).value);
}

/// True for a repetition; notes the act either way.
bool repeats(const Act& act, SessionOutcome& memory, std::uint64_t hash) {
  const std::uint64_t result = result_hash(act.event);
  const auto like =
      std::ranges::find_if(memory.recent, [&](const SessionOutcome::Seen& one) { return one.act == hash && one.result == result; });
  bool repeat = like != memory.recent.end();
  const bool failed = act.event.outcome.status == Outcome::Denied || act.event.outcome.status == Outcome::Error;
  if (repeat && failed) repeat = ++memory.failed > static_cast<std::uint32_t>(std::max(act.persona.barriers.retries, 0));
  if (!failed) memory.failed = 0;
  if (repeat) repeat = !polls(act, scope::between(like->time, act.event.time));
  if (like != memory.recent.end()) memory.recent.erase(like);
  if (memory.recent.size() == SessionOutcome::kRecent) memory.recent.erase(memory.recent.begin());
  memory.recent.push_back({hash, result, act.event.time});
  return repeat;
}

void judge_loop(const Act& act, Reading& reading) {
  SessionOutcome& memory = memory_of(act);
  const auto hash = act_hash(act, memory);
  if (!hash || act.event.outcome.status == Outcome::Unknown) {
    reading.kind = Reading::Kind::NotEvaluable;
    return;
  }
  const std::uint8_t context = memory.repeats > 0 ? kAfterRepeat : kAfterProgress;
  const bool repeat = repeats(act, memory, *hash);
  memory.repeats = repeat ? memory.repeats + 1 : 0;
  reading.kind = Reading::Kind::Marked;
  reading.context = context;
  reading.cls = repeat ? kRepeat : kProgress;
}

/// By its name an act of another action may destroy too, but its share is not in the cap. What no action declares has no share at all.
bool destroyed_by(const Act& act, const SweepPlan& plan) {
  const bool counts = !act.match.action || (plan.destroying >> *act.match.action & 1) != 0;
  return counts && destructive(act.effect, act.event.tool.name.value_or(""));
}

/// Every act whose end is told is one of which a share may destroy; one that failed, or of which nobody knows, destroyed nothing. The
/// context that allows more holds behind each that tried to, and for what was asked for while it held.
void judge_sweep(const Act& act, Reading& reading) {
  const auto* plan = static_cast<const SweepPlan*>(act.plan(ChannelId::Outcome));
  if (plan == nullptr) return;
  SessionOutcome& memory = memory_of(act);
  const bool tried = destroyed_by(act, *plan), destroyed = tried && act.event.outcome.status == Outcome::Ok;
  const bool after = memory.after_destruction || (act.asked && *act.asked < memory.spree_ended);
  reading.wagers.push_back(plan->wagers[after ? 1 : 0][destroyed ? 1 : 0]);
  if (memory.after_destruction && !tried) memory.spree_ended = act.now();
  memory.after_destruction = tried;
  memory.destroyed += destroyed ? 1 : 0;
}

using Failures = std::vector<SessionOutcome::Failure>;

std::uint64_t task_of(const Event& event) { return event.task.id ? hash64(*event.task.id) : 0; }

/// Calls `use` with the failures of the session, and with those of the agent's other sessions where the event names its task: a task is one
/// over all of them. Who bears another's name speaks for its own session alone.
template <class Use>
void each_failures(const Act& act, const Use& use) {
  const auto of = [&](const SessionState& session, bool own) {
    if (const auto& slot = session.memory[kSlot]) use(static_cast<SessionOutcome&>(*slot).failures, own);
  };
  of(act.session, true);
  if (!act.event.task.id || act.session.borrowed) return;
  for (const SessionState& session : act.agent.sessions)
    if (&session != &act.session && !session.borrowed) of(session, false);
}

/// In its own session what names no task belongs to any.
bool belongs(const SessionOutcome::Failure& one, std::uint64_t task, bool own) {
  return one.task == task || (own && (one.task == 0 || task == 0));
}

/// What succeeded takes back the failures like it; what failed is kept until then. Of a failure whose effect nobody states it is not known
/// that it was no read.
void note_outcome(const Act& act, Reading& reading) {
  const Event& event = act.event;
  if (event.outcome.status == Outcome::Unknown || act.effect == Effect::Read) return;
  if (!act.effect) {
    if (event.outcome.status != Outcome::Ok) reading.lacking |= bit_of(Lacking::Effect);
    return;
  }
  const std::uint64_t action = act.match.action ? hash64(act.persona.actions[*act.match.action].id) : hash_text(event.tool.name, 3);
  const std::uint64_t target = event.resource.uri ? hash64(*event.resource.uri, static_cast<std::uint64_t>(*act.effect) + 1) : 0;
  const std::uint64_t task = task_of(event);
  each_failures(act, [&](Failures& failures, bool own) {
    std::erase_if(failures, [&](const SessionOutcome::Failure& one) {
      return belongs(one, task, own) && (one.action == action || (target != 0 && one.target == target));
    });
  });
  if (event.outcome.status == Outcome::Ok) return;
  Failures& failures = memory_of(act).failures;
  if (failures.size() == SessionOutcome::kFailures) failures.erase(failures.begin());
  failures.push_back({task, action, target, scope::tool_words(event).substr(0, SessionOutcome::kLabelBytes)});
}

/// The declared action that the failure was of.
std::optional<ActionIndex> action_of(const SessionOutcome::Failure& failure, const Persona& job) {
  const auto found = std::ranges::find(job.actions, failure.action, [](const Action& action) { return hash64(action.id); });
  if (found == job.actions.end()) return std::nullopt;
  return static_cast<ActionIndex>(found - job.actions.begin());
}

/// A failure under a task stands until the task is reported done, whatever else is claimed before. One that names no task may be of any in
/// its session: the first that ends there takes it along. An action is told once.
Ruling judge_claim(const Act& act) {
  Ruling ruling;
  const bool done = act.event.task.claim == TaskClaim::Done;
  const std::uint64_t task = task_of(act.event);
  Failures undone;  // the last first, of this session before those of others
  each_failures(act, [&](Failures& failures, bool own) {
    const auto of_task = [&](const SessionOutcome::Failure& one) { return belongs(one, task, own); };
    if (done) std::ranges::copy_if(failures.rbegin(), failures.rend(), std::back_inserter(undone), of_task);
    std::erase_if(failures, [&](const SessionOutcome::Failure& one) { return of_task(one) && (done || one.task == 0); });
  });
  for (auto one = undone.begin(); one != undone.end(); ++one) {
    if (std::ranges::find(undone.begin(), one, one->action, &SessionOutcome::Failure::action) != one) continue;
    ruling.breach(Analytic::OutcomeContradiction,
                  "the task is reported done, the last call to " + one->label + " under it did not succeed");
    ruling.breaches.back().earlier = action_of(*one, act.persona);
  }
  return ruling;
}

class OutcomeChannel final : public Channel {
 public:
  [[nodiscard]] const ChannelInfo& info() const override {
    static const ChannelInfo kInfo{ChannelId::Outcome,
                                   "outcome",
                                   {"after progress", "after a repetition", "after another act", "after a destructive act"},
                                   {"progress", "same act, same result", "not destructive", "destructive"},
                                   {20, 20, 20, 20},
                                   false};
    return kInfo;
  }
  [[nodiscard]] std::vector<std::vector<double>> caps(const Persona& persona) const override {
    const auto sweep = destroying(persona).caps;
    return {{1, .2, kNever, kNever}, {1, .5, kNever, kNever}, {kNever, kNever, 1, sweep[0]}, {kNever, kNever, 1, sweep[1]}};
  }
  [[nodiscard]] std::span<const Bet> bets() const override { return kBets; }
  [[nodiscard]] std::unique_ptr<const ChannelPlan> prepare(const Persona& persona, const PersonaSet& /*set*/) const override {
    return plan_of(persona);
  }
  [[nodiscard]] std::unique_ptr<ChannelMemory> decode_memory(MemoryScope scope, Reader& in) const override {
    return scope == MemoryScope::Session ? SessionOutcome::decode(in) : nullptr;
  }

  [[nodiscard]] std::vector<StepLaw> step_laws(const Persona& persona) const override {
    const auto plan = plan_of(persona);
    if (!plan) return {};
    const auto& wagers = static_cast<const SweepPlan&>(*plan).wagers;
    StepLaw law{
        .threat = Threat::DestructiveSweep, .steps = "acts that complete", .calls = true, .abuse = "19 in 20 delete, administer or cancel"};
    for (std::size_t null = 0; null < 2; ++null) {
      const auto nats = [&](const Wager& wager) { return std::log(static_cast<double>(null == 0 ? wager.alert : wager.declared)); };
      const auto expected = [&](std::size_t context) {
        return (1 - kSweepQ.at(context)) * nats(wagers.at(context)[0]) + kSweepQ.at(context) * nats(wagers.at(context)[1]);
      };
      law.clean.at(null) = nats(wagers[0][0]);
      law.lone.at(null) = expected(0);
      law.abused.at(null) = expected(1);
    }
    return {std::move(law)};
  }

  [[nodiscard]] Reading read(const Act& act) const override {
    Reading reading = Reading::of(Reading::Kind::Silent);
    if (act.event.kind == EventKind::TaskEnd) {
      reading.breaches = judge_claim(act).breaches;
    } else if (act.event.kind == EventKind::ToolCall && act.event.phase == Phase::Complete) {
      note_outcome(act, reading);
      const bool failed = act.event.outcome.status != Outcome::Ok;
      if (failed && (act.explained || (act.seems_out && !is_miss(act.event)))) return Reading::of(Reading::Kind::Muted);
      judge_sweep(act, reading);
      judge_loop(act, reading);
    }
    return reading;
  }

  bool heed(const Act& act) const override {
    if (act.event.kind == EventKind::ToolCall) memory_of(act).ask(hash64(act.event.id), asked_by(act.event).value_or(0));
    return true;
  }

  [[nodiscard]] Description describe(const Act& act, Threat threat) const override {
    const auto* memory = static_cast<const SessionOutcome*>(act.session.memory[kSlot].get());
    Description out;
    if (threat == Threat::NoProgress) {
      out.title = "Agent repeats itself without progress";
      if (memory != nullptr && memory->repeats > 0)
        out.sentence = "The last " + std::to_string(memory->repeats + 1) + " acts of the session, among them calls to " +
                       scope::tool_words(act.event) + ", were acts it had just made, with the results it had just got.";
    } else {
      out.title = "Agent destroys one thing after another";
      if (memory != nullptr)
        out.sentence = std::to_string(memory->destroyed) + " acts of this session deleted, administered or cancelled something.";
    }
    return out;
  }
};

}  // namespace

const Channel& outcome_channel() {
  static const OutcomeChannel kChannel;
  return kChannel;
}

}  // namespace ringfence
