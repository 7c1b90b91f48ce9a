// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/event/analytic.h"
#include "engine/event/event.h"
#include "engine/persona/persona.h"
#include "engine/state/agent_state.h"
#include "models/moment.h"
#include "models/threats.h"

namespace ringfence {

/// What a channel compiles once from a persona so that judging looks nothing up by string. Immutable, shared by threads, kept beside the
/// persona's tables.
class ChannelPlan {
 public:
  virtual ~ChannelPlan() = default;
};

/// One event as a channel sees it: the event, the job it is held against, and what is remembered.
struct Act {
  const Event& event;
  const Persona& persona;
  const PersonaSet& set;
  ActionMatch match;
  std::optional<Effect> effect;
  AgentState& agent;
  SessionState& session;
  /// A context fact in force explains a refusal of this act (detection.md §3.1, context mutes).
  bool explained = false;
  /// A standing containment of ours explains this denial: it is no barrier.
  bool own_refusal = false;
  /// The same act has raised a hold before, at its request: it counts once.
  bool held_before = false;
  /// Its request has broken limits by what its arguments show (Channel::foresee): said once.
  bool limits_foreseen = false;
  /// When the latest `credential` fact about it began; looked up only where the act shows a credential.
  std::optional<EventTime> credential_changed = std::nullopt;
  /// What each channel prepared for this persona, by ChannelId; empty where nothing was prepared (tests of one channel).
  std::span<const std::unique_ptr<const ChannelPlan>> plans = {};
  /// The jobs along the chain this act was delegated over, nearest first, as far as they are known and others: their hard maxima hold
  /// beside the persona's own. Their caps are in `persona` already (engine/persona/delegated.h).
  std::span<const Persona* const> parents = {};
  /// The fleet observer has found the act's server out, which nobody announced: it explains refusals, never what was made up.
  bool seems_out = false;
  /// Its request showed arguments that this completion leaves out: they were judged there.
  bool args_told = false;
  /// When it was asked for, at its request; absent for an act that is reported whole.
  std::optional<Moment> asked = std::nullopt;
  /// What its request was found to break of what a completion may show too: a set of `late_bit`.
  std::uint8_t broken = 0;
  /// Only facts of the agent's past and this event may be used: no clock, no other agent.

  /// What is asked from here on knows of this event.
  [[nodiscard]] Moment now() const { return {agent.last_time, agent.acts_gone + agent.acts.size()}; }
  /// What the channel keeps of whoever acts over all sessions: with the agent, or, under a borrowed name, with the session, so that nothing
  /// done there bears on the agent whose name it is.
  [[nodiscard]] std::unique_ptr<ChannelMemory>& past(ChannelId channel) const {
    return (session.borrowed ? apart().memory : agent.memory)[static_cast<std::size_t>(channel)];
  }
  /// Likewise the tasks that were begun.
  [[nodiscard]] std::vector<TaskScope>& tasks() const { return session.borrowed ? apart().tasks : agent.tasks; }
  /// Under a borrowed name, what the channel knows of the agent whose name it is: to be read alone. Null where there is nothing.
  [[nodiscard]] const ChannelMemory* owners(ChannelId channel) const {
    return session.borrowed ? agent.memory[static_cast<std::size_t>(channel)].get() : nullptr;
  }
  [[nodiscard]] const ChannelPlan* plan(ChannelId channel) const {
    const auto slot = static_cast<std::size_t>(channel);
    return slot < plans.size() ? plans[slot].get() : nullptr;
  }

 private:
  [[nodiscard]] Past& apart() const {
    if (!session.apart) session.apart = std::make_unique<Past>();
    return *session.apart;
  }
};

/// Of what a completion may break by what its request has not shown, the bit that says that the request broke it already; 0 of all else.
[[nodiscard]] constexpr std::uint8_t late_bit(Analytic analytic) {
  switch (analytic) {
    case Analytic::ScopeNever:
      return 1;
    case Analytic::DecoyTouched:
      return 2;
    case Analytic::AgentCharterChanged:
      return 4;
    case Analytic::CredentialForeign:
      return 8;
    case Analytic::CredentialNew:
      return 16;
    case Analytic::CredentialAmbient:
      return 32;
    default:
      return 0;
  }
}

/// A declared limit that this one act broke; what level it gets is policy's business (persona.md, response).
struct Breach {
  Analytic analytic{};
  /// One clause for the explanation, in plain words, values only as the persona allows them: "argument amount is above the declared maximum
  /// 50000".
  std::string what;
  /// Set where the channel's own rule fixes the level (a label flow that holds); otherwise policy decides.
  std::optional<Level> level;
  /// What names the finding where that is not this event but an earlier one (a deadline it let pass); empty: this event's id.
  std::string origin;
  /// The places or accounts that broke it, as the event wrote them, where it is about where something goes; an exception by destination
  /// covers all of them or none. Empty: all that the act names.
  std::vector<std::string> targets;
  /// The action of the earlier act that broke it; absent: this act did. Of an earlier one an exception can say no more than its action.
  std::optional<ActionIndex> earlier;
  /// As the rule that was broken declares it; absent: that of the level.
  std::optional<Severity> severity;
};

/// What a declared constraint looks at and an event may not have. Where it is absent the tool alone decides, and the lack is counted per
/// source. `Past` is no field: what the constraint would need of earlier events is kept no longer.
enum class Lacking : std::uint8_t {
  Resource,
  Argument,
  Effect,
  Destination,
  User,
  Session,
  Grounding,
  Quantity,
  Population,
  Identifier,
  Charter,
  Server,
  Outcome,
  Past,
  Delegation
};
inline constexpr std::array<std::string_view, 15> kLackingNames{"resource", "argument",  "effect",   "destination", "user",
                                                                "session",  "grounding", "quantity", "population",  "identifier",
                                                                "charter",  "server",    "outcome",  "past",        "delegation"};
[[nodiscard]] constexpr std::uint32_t bit_of(Lacking what) { return std::uint32_t{1} << static_cast<unsigned>(what); }

/// A factor that the channel computed itself, for a bet that no table row can hold: a learned alternative, the total of a period. The
/// channel vouches that its mean given the past is at most 1 under the null concerned; it is capped at 20 like any other. In the ledger it
/// is a row of its own, and a row belongs to one threat.
struct Wager {
  Threat threat{};
  std::uint8_t context = 0, cls = 0;
  float alert = 1, declared = 1;
  /// False: moves the evidence without counting as a chance of a false alarm, as a period's total that grows within its period.
  bool ticks = true;
  /// What is known over all sessions (a day, a minute) belongs to the agent: a session that saw the rise but not the tick would be given
  /// the gain without its price.
  bool agent_only = false;
  /// The persona declares nothing to hold it against: the declared null has no such bet.
  bool alert_only = false;
};

/// Something wider than one agent that its acts bear on: judged as a subject of its own, apart from every agent (streaming.md §2).
enum class SubjectKind : std::uint8_t { RootSession, User, Artefact, Credential, Reader, Tree };

/// What an act means for a subject.
enum class Deed : std::uint8_t {
  Act,    // its marks add up with those of the other agents
  Store,  // it put content with these labels there
  Send,   // content read from there left for a place where these labels are forbidden
  Read,   // it read what lies there
  Pass,   // what it has read of others may lie in another artefact from here on
  Join,   // it works below the agent whose tree this is
  Leave,  // it has not worked there for an hour of its own activity
  Stop,   // the tree's root is contained, and the tree with it
};

/// A channel's note that an act concerns a subject; the judgement makes a link of it. At most one a subject and event.
struct LinkNote {
  SubjectKind kind{};
  std::string subject;  // id within the tenant; bounded by the channel
  Deed deed = Deed::Act;
  std::vector<std::string> labels;  // sorted; Store: put there, Send: forbidden where it goes
  std::string what;                 // Send: one clause on where it goes, values only as the persona allows them; Pass: the artefact
  /// Act: classes that count only because several agents concern the subject (a credential shared), beside the act's own marks.
  std::vector<RowId> marks;
  std::optional<std::uint32_t> most_members;  // declared children of a root session
};

inline constexpr std::size_t kFurtherMost = 32;

/// What one channel says of one event.
struct Reading {
  enum class Kind : std::uint8_t {
    Silent,        // does not concern this channel: no mark, no tick
    NotEvaluable,  // fields are absent: no mark, no tick, counted per source
    Muted,         // explained by a context fact: no mark, no tick
    Marked,
  };
  Kind kind = Kind::Silent;
  std::uint8_t context = 0, cls = 0;  // where Marked
  std::vector<Breach> breaches;
  /// At most one a threat; stands beside a mark or without one.
  std::vector<Wager> wagers;
  std::vector<LinkNote> links;
  /// Set of `Lacking` bits: constraints that could not be judged while others could.
  std::uint32_t lacking = 0;
  /// Bits of surprise at an act of this class, where the channel predicts; for people, it decides nothing.
  std::optional<float> surprise = std::nullopt;
  struct Mark {
    std::uint8_t context = 0, cls = 0;
  };
  /// Where Marked, what the act did beyond its first mark, in order, at most kFurtherMost: each of these keeps the caps of its context
  /// given all before it, the earlier ones of the same act too, so that the product of their factors has a mean of at most 1. All tick
  /// once.
  std::vector<Mark> further = {};

  [[nodiscard]] static Reading marked(std::uint8_t context, std::uint8_t cls) { return {Kind::Marked, context, cls, {}, {}, {}, 0}; }
  [[nodiscard]] static Reading of(Kind kind) { return {kind, 0, 0, {}, {}, {}, 0}; }
};

/// What a threat would do in one channel.
struct Bet {
  Threat threat{};
  std::vector<std::vector<double>> q;  // [context][class], rows sum to 1; empty: the channel wagers itself
  /// Evidence for an alert only: the declared null has no such bet.
  bool alert_only = false;
  /// The caps are held to be this much wider: a later link of a threat's chain of conditional caps where the condition is unsure
  /// (detection.md §4); above 1 the threat is another channel's own.
  double loosen = 1;
  /// Where the channel wagers itself: A of an endlessly clean agent, for closing ledgers.
  double resting = 0;
};

/// A bet the channel wagers itself with factors that are fixed beforehand: what a step is worth in nats, under the alert and the declared
/// null. For what a persona's owner is told beforehand (engine/verdict/blind_spots.h); it judges nothing.
struct StepLaw {
  Threat threat{};
  std::string_view steps;  // what is counted, in the plural: "days", "calls that report a cost"
  bool calls = false;      // a step is a call
  std::string abuse;       // "each beyond a declared p99"
  /// Of an honest step; of one of the threat's among honest ones; of one among its own, where that is worth more.
  std::array<double, 2> clean{}, lone{}, abused{};
};

/// What a channel can say in words of the conduct it remembers, for the finding's sentence and its evidence.
struct Description {
  std::string title;             // "Agent guesses commit identifiers after refusals"
  std::string sentence;          // "7 of the last 7 calls to git/get_commit were refused on …"; no raw argument value
  std::string identifier_shape;  // "hex41", empty where none
  std::optional<bool> grounded;  // whether the identifier stood in anything the agent had read
};

/// A channel's fixed shape. Names go into ledgers and explanations.
struct ChannelInfo {
  ChannelId id{};
  std::string_view name;
  std::vector<std::string_view> contexts;
  std::vector<std::string_view> classes;
  std::vector<double> step_caps;  // greatest factor per class (20; 150 for near-misses)
  /// Requests judge scope, flow and what `foresee` finds, completions everything else; a channel is asked once per act (event.md, `id`).
  bool judges_requests = false;
};

/// Turns events into marks and breaches. Stateless and shared by all shards: what it remembers lives in the state it is handed.
/// To add one: a file here, a line in `all_channels`, its threats in threats.h. A channel's header names bytes per agent, cost per event,
/// what it is blind to, and its source.
class Channel {
 public:
  virtual ~Channel() = default;
  [[nodiscard]] virtual const ChannelInfo& info() const = 0;
  /// Declared caps v[context][class] of a well-behaved agent, before tolerance; empty for a channel that only finds breaches.
  [[nodiscard]] virtual std::vector<std::vector<double>> caps(const Persona& persona) const = 0;
  /// The null that throttles and halts holds acts against what the persona declares and nothing between: [context][class] the class that
  /// one counts as there, itself or a lower one, whose cap bounds all of them together. Those that count as a class of cap 1 say nothing.
  /// Empty: every class as itself.
  [[nodiscard]] virtual std::vector<std::vector<std::uint8_t>> declared_classes(const Persona& /*persona*/) const { return {}; }
  [[nodiscard]] virtual std::span<const Bet> bets() const = 0;
  /// Of its bets without a table, those that have a law of steps under this persona.
  [[nodiscard]] virtual std::vector<StepLaw> step_laws(const Persona& /*persona*/) const { return {}; }
  /// Compiles what judging under this persona needs; null where that is nothing.
  [[nodiscard]] virtual std::unique_ptr<const ChannelPlan> prepare(const Persona& /*persona*/, const PersonaSet& /*set*/) const {
    return nullptr;
  }
  /// Null where the channel remembers nothing in this scope or the bytes are not its own.
  [[nodiscard]] virtual std::unique_ptr<ChannelMemory> decode_memory(MemoryScope scope, Reader& in) const = 0;
  /// Judges one event and remembers it. Called for tool calls and for the other kinds alike.
  [[nodiscard]] virtual Reading read(const Act& act) const = 0;
  /// Of a channel that judged the act at its request: what the completion breaks of the prohibitions that have a `late_bit`, whether the
  /// request showed it or not.
  [[nodiscard]] virtual std::vector<Breach> read_late(const Act& /*act*/) const { return {}; }
  /// Of a channel that judged the act at its request: learns from the completion (results, outcome), judges nothing, and says what the
  /// outcome means for wider subjects.
  [[nodiscard]] virtual std::vector<LinkNote> learn_outcome(const Act& /*act*/) const { return {}; }
  /// Of a channel that judges completions: what a request breaks already, by its arguments and what is known. Remembers nothing.
  [[nodiscard]] virtual std::vector<Breach> foresee(const Act& /*act*/) const { return {}; }
  /// Of such a channel: what it keeps of a request until the completion. Judges nothing; false where the request says something that it
  /// would have judged, were it said by a completion.
  virtual bool heed(const Act& /*act*/) const { return true; }
  /// Words for a finding about `threat`, after `read` of the same act and before its agent's next. Only called when a finding is written.
  [[nodiscard]] virtual Description describe(const Act& act, Threat threat) const = 0;
};

/// Every channel, in ChannelId order; the one list that names them.
[[nodiscard]] std::span<const Channel* const> all_channels();
/// Decodes memories of all channels.
[[nodiscard]] const MemoryFactory& channel_memories();

}  // namespace ringfence
