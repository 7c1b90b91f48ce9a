// SPDX-License-Identifier: Apache-2.0
#include "models/flow.h"

#include <algorithm>
#include <array>
#include <bit>
#include <numeric>

#include "engine/event/escape.h"
#include "models/flow_act.h"
#include "models/flow_labels.h"
#include "models/flow_result.h"
#include "models/result_shown.h"
#include "models/scope_destination.h"
#include "models/scope_ruling.h"

namespace ringfence {

namespace {

using flow::FlowSession;
using flow::Origin;
using flow::Settled;
using flow::ToolWords;
using flow::Value;

constexpr std::size_t kContexts = 2, kClasses = FlowSession::kClasses;
constexpr std::uint8_t kRead = 0, kSink = 1;
constexpr std::size_t kNameChars = 64;
using Table = std::array<std::array<double, kClasses>, kContexts>;

// Reads: what a page mentions is what is looked at next, so only commands are held against their caps there.
constexpr Table kCaps{{{1, 1, 1, 1, .03, .02, .002}, {1, .60, .30, .07, .03, .02, .002}}};

struct ThreatTable {
  Threat threat;
  Table q;
};
// An agent that follows orders it reads: most of its sinks carry what they gave. One that makes up where things go. One that carries data
// out: what it sends goes where an order or nobody named.
constexpr std::array<ThreatTable, 3> kBets{{
    {Threat::ToxicFlow, {{{.52, .16, .10, .05, .01, .14, .02}, {.30, .14, .09, .03, .06, .12, .26}}}},
    {Threat::Ungrounded, {{{.40, .20, .20, .17, .01, .01, .01}, {.25, .16, .24, .32, .01, .01, .01}}}},
    {Threat::Exfiltration, {{{.58, .18, .10, .06, .01, .05, .02}, {.28, .14, .14, .14, .04, .10, .16}}}},
}};

std::vector<std::vector<double>> rows(const Table& table) {
  std::vector<std::vector<double>> all;
  for (const auto& row : table) all.emplace_back(row.begin(), row.end());
  return all;
}

class FlowPlan final : public ChannelPlan {
 public:
  FlowPlan(bool has_sinks_or_marks, bool any_forbidden) : concerned(has_sinks_or_marks), watched(any_forbidden) {}
  bool concerned;
  bool watched;  // some persona in force forbids a flow: what is read and written may matter to somebody
};

/// The persona declares something that values can be traced for: a sink, a marked argument, groundedness.
bool concerns(const Persona& persona) {
  if (persona.destinations.external == External::Grounded) return true;
  return std::ranges::any_of(persona.actions, [](const Action& action) {
    const auto marked = [](const ArgumentRule& rule) { return rule.destination || rule.identifier; };
    return !action.effect || flow::is_sink(action.effect) || std::ranges::any_of(action.arguments, marked);
  });
}

bool concerned(const Act& act) {
  const ChannelPlan* const plan = act.plan(ChannelId::Flow);
  return plan != nullptr ? static_cast<const FlowPlan*>(plan)->concerned : concerns(act.persona);
}

bool forbids_flows(const Persona& persona) {
  return std::ranges::any_of(persona.flows, [](const FlowRule& rule) { return !rule.allow; });
}

bool watched(const Act& act) {
  const ChannelPlan* const plan = act.plan(ChannelId::Flow);
  return plan != nullptr ? static_cast<const FlowPlan*>(plan)->watched : forbids_flows(act.persona);
}

/// The worst value of a call, and why.
struct Worst {
  FlowClass cls = FlowClass::Given;
  std::string argument, source;
  Value value;
  bool named = false;                         // the user gave one of the values
  bool unsure = false;                        // the user may have given one: a list of the task is lost
  std::size_t destinations = 0, records = 0;  // records: destinations that are no more and no less
};

/// What is known of the tool and the task, worked out once a call and only where an order asks for it.
class Asking {
 public:
  Asking(const Act& act, const FlowSession& session) : act_(act), session_(session) {}
  const ToolWords& tool() {
    if (!tool_) tool_.emplace(act_);
    return *tool_;
  }
  bool asked() {
    if (!asked_) asked_ = tool().asked_in(session_, act_.effect, false);
    return *asked_;
  }
  /// The user asked for this kind of act, or handed over to a text.
  bool handed_over() { return session_.follows || asked(); }

 private:
  const Act& act_;
  const FlowSession& session_;
  std::optional<ToolWords> tool_;
  std::optional<bool> asked_;
};

FlowClass class_of(const Act& act, const Settled& value, Asking& asking) {
  switch (value.origin) {
    case Origin::User:
    case Origin::Listed:
      return FlowClass::Given;
    case Origin::Record:
      return FlowClass::Record;
    case Origin::Mention:
      return FlowClass::Mention;
    case Origin::Nowhere:
      return FlowClass::Nowhere;
    case Origin::Command:
      break;
  }
  if (value.pointed && !value.addressed && asking.handed_over()) return FlowClass::Mention;  // excused
  return value.addressed && flow::is_sink(act.effect) ? FlowClass::AddressedCommand : FlowClass::Command;
}

/// The origin of a value, settled now if this is its first use in a call; nothing where the user may have given it.
std::optional<Settled> settled(const Act& act, FlowSession& session, const Value& value, flow::WordSpan words, std::string& source) {
  const std::uint64_t hash = flow::run_hash(words);
  if (const std::optional<Settled> known = session.used(hash)) {
    if (known->origin == Origin::Command) source = flow::trace(act, session, value, words).source;
    return known;
  }
  flow::Traced traced = flow::trace(act, session, value, words);
  if (traced.unsure) return std::nullopt;
  source = std::move(traced.source);
  // While a result is still to come, what stands nowhere may stand there.
  if (traced.origin == Origin::Nowhere && !session.complete()) return Settled{traced.origin};
  const Settled now{traced.origin, traced.addressed, traced.pointed};
  session.settle(hash, now);
  return now;
}

/// Of several destinations the only one that is more than a record, because a plain order holds it too, while all are records: one of a
/// list of people. Whom the user named makes no such list.
bool one_of_a_list(const FlowSession& session, const Worst& worst) {
  return worst.cls == FlowClass::Command && worst.value.kind == Value::Kind::Destination && worst.destinations > 1 &&
         worst.records + 1 == worst.destinations && session.is_record(flow::words_of(worst.value.text));
}

Worst worst_value(const Act& act, FlowSession& session, const flow::Values& values, Asking& asking) {
  const auto worst_but = [&](std::string_view excused) {
    Worst worst;
    for (const Value& value : values) {
      const flow::WordList words = flow::words_of(value.text);
      if (words.empty() || flow::names_nothing(words) || value.text.data() == excused.data()) continue;
      std::string source;
      const std::optional<Settled> now = settled(act, session, value, words, source);
      worst.unsure = worst.unsure || !now;
      worst.named = worst.named || !now || now->origin == Origin::User;
      if (!now) continue;
      const FlowClass cls = class_of(act, *now, asking);
      if (value.kind == Value::Kind::Destination) {
        ++worst.destinations;
        worst.records += cls == FlowClass::Record ? 1U : 0U;
      }
      if (cls <= worst.cls) continue;
      worst.cls = cls;
      worst.argument = printable(value.argument, kNameChars);
      worst.source = std::move(source);
      worst.value = value;
    }
    return worst;
  };
  Worst worst = worst_but({});
  return one_of_a_list(session, worst) ? worst_but(worst.value.text) : worst;
}

/// An order of an outsider that names this kind of act, which the user did not ask for and no excuse covers (rule 9).
const flow::Order* commanding_order(const Act& act, const FlowSession& session, Asking& asking, bool named) {
  if (!flow::is_sink(act.effect) || !session.task_known()) return nullptr;
  if (named && act.effect != Effect::Admin && act.effect != Effect::Delete) return nullptr;
  const flow::Order* found = nullptr;
  for (const flow::Order& order : session.orders()) {
    if (!order.untrusted || !asking.tool().commanded_by(order, act.effect)) continue;
    if (asking.tool().asked_in(session, act.effect, named)) return nullptr;
    if (order.pointed && !order.addressed && session.follows) return nullptr;  // the paper the user handed over to orders it too
    if (found == nullptr) found = &order;
  }
  return found;
}

Worst judge(const Act& act, FlowSession& session, const flow::Values& values) {
  Asking asking(act, session);
  Worst worst = worst_value(act, session, values, asking);
  if (worst.cls >= FlowClass::CommandedAct) return worst;
  if (const flow::Order* const order = commanding_order(act, session, asking, worst.named))
    return {.cls = FlowClass::CommandedAct, .argument = {}, .source = order->source, .value = {}, .unsure = worst.unsure};
  return worst;
}

std::string source_words(const std::string& source) {
  return source.empty() ? "an earlier result" : "the result of event " + printable(source, kNameChars);
}

std::optional<Breach> breach_of(const Act& act, const Worst& worst) {
  if (worst.cls < FlowClass::CommandedAct) return std::nullopt;
  const std::string_view effect = act.effect ? name_of(*act.effect) : std::string_view("call");
  if (worst.cls == FlowClass::CommandedAct) {
    return Breach{Analytic::FlowToxic,
                  "the user did not ask for this " + std::string(effect) + ", but an order that outsiders can write, in " +
                      source_words(worst.source) + ", does",
                  Level::Alert};
  }
  const bool addressed = worst.cls == FlowClass::AddressedCommand;
  std::string what = worst.argument + ", " + scope::value_words(act.persona, worst.value.argument, worst.value.text) +
                     ", was given by an order in " + source_words(worst.source) + (addressed ? ", a text that addresses the agent" : "") +
                     "; neither the user's task nor a record has it";
  Breach breach{Analytic::FlowToxic, std::move(what), addressed ? Level::Hold : Level::Alert};
  if (worst.value.kind == Value::Kind::Destination) breach.targets.emplace_back(worst.value.text);
  return breach;
}

/// Where destinations must be grounded, those outside the arguments are settled too, so that no echo grounds them later.
void settle_targets(const Act& act, FlowSession& session) {
  if (act.persona.destinations.external != External::Grounded) return;
  std::string source;
  for (const scope::Target& target : scope::targets_of(act).first) {
    (void)settled(act, session, {Value::Kind::Destination, target.name, target.value, target.rule}, flow::words_of(target.value), source);
    if (const auto host = scope::host_of(target.value))
      (void)settled(act, session, {Value::Kind::Destination, target.name, *host, nullptr}, flow::words_of(*host), source);
  }
}

void learn_outcome_of(const Act& act, FlowSession& session, bool pointed) {
  const Event& event = act.event;
  if (event.result) {
    ++session.results;
    flow::learn_result(act, session, pointed || flow::user_pointed(act, session));
  } else if (event.outcome.status == Outcome::Ok && returns_values(event)) {
    ++session.unheard;
  }
  if (event.result_too_large) ++session.lost_leaves;
}

void note(FlowSession& session, const Worst& worst) {
  const auto cls = static_cast<std::uint8_t>(worst.cls);
  ++session.seen.at(cls);
  if (cls >= session.told.cls) session.told = {cls, worst.argument, worst.source};
}

std::string describe_worst(const flow::Told& told) {
  const std::string where = told.argument.empty() ? "a value" : "argument " + told.argument;
  switch (static_cast<FlowClass>(told.cls)) {
    case FlowClass::Given:
    case FlowClass::Record:
      return "its values come from the user, the persona or records";
    case FlowClass::Mention:
      return where + " was only mentioned in what the agent read";
    case FlowClass::Nowhere:
      return where + " stands in nothing the agent was given or read";
    case FlowClass::CommandedAct:
      return "an act that the user did not ask for was ordered in " + source_words(told.source);
    case FlowClass::Command:
      return where + " was given by an order in " + source_words(told.source);
    case FlowClass::AddressedCommand:
      break;
  }
  return where + " was given by an order in " + source_words(told.source) + ", a text that addresses the agent";
}

class Flow final : public Channel {
 public:
  Flow() {
    for (const ThreatTable& bet : kBets) bets_.push_back({bet.threat, rows(bet.q)});
  }

  [[nodiscard]] const ChannelInfo& info() const override { return info_; }
  [[nodiscard]] std::vector<std::vector<double>> caps(const Persona& persona) const override {
    return concerns(persona) ? rows(kCaps) : std::vector<std::vector<double>>{};
  }
  /// Who may send anywhere has declared nothing of where values come from: there only what texts order speaks against a sink.
  [[nodiscard]] std::vector<std::vector<std::uint8_t>> declared_classes(const Persona& persona) const override {
    if (persona.destinations.external != External::Any) return {};
    std::vector classes(kContexts, std::vector<std::uint8_t>(kClasses));
    for (std::vector<std::uint8_t>& context : classes) std::iota(context.begin(), context.end(), std::uint8_t{0});
    for (const FlowClass open : {FlowClass::Record, FlowClass::Mention, FlowClass::Nowhere})
      classes[kSink][static_cast<std::size_t>(open)] = static_cast<std::uint8_t>(FlowClass::Given);
    return classes;
  }
  [[nodiscard]] std::span<const Bet> bets() const override { return bets_; }
  [[nodiscard]] std::unique_ptr<const ChannelPlan> prepare(const Persona& persona, const PersonaSet& set) const override {
    return std::make_unique<FlowPlan>(concerns(persona), forbids_flows(persona) || std::ranges::any_of(set.personas(), forbids_flows));
  }
  [[nodiscard]] std::unique_ptr<ChannelMemory> decode_memory(MemoryScope scope, Reader& in) const override {
    return scope == MemoryScope::Agent ? flow::FlowAgent::decode(in) : FlowSession::decode(in);
  }

  [[nodiscard]] Reading read(const Act& act) const override {
    const Event& event = act.event;
    Reading reading;
    if (event.kind == EventKind::TaskStart && event.task.text && event.source.product.value_or("") != "agent" && concerned(act))
      flow::make_session(act).hear_task(flow::read_task(flow::Words::built_in(), *event.task.text));
    if (event.kind != EventKind::ToolCall) return reading;
    if (concerned(act)) reading = judge_call(act);
    for (Breach& breach : flow::forbidden_flows(act)) reading.breaches.push_back(std::move(breach));
    reading.links = flow::label_links(act);
    if (event.phase != Phase::Complete) return reading;
    flow::carry_labels(act);
    if (!watched(act)) return reading;
    std::vector<LinkNote> read = flow::read_links(act);
    if (reading.links.empty()) {
      reading.links = std::move(read);
    } else {
      std::ranges::move(read, std::back_inserter(reading.links));
    }
    return reading;
  }

  [[nodiscard]] std::vector<LinkNote> learn_outcome(const Act& act) const override {
    if (act.event.kind != EventKind::ToolCall) return {};
    std::vector<LinkNote> links = flow::stored_links(act);
    flow::carry_labels(act);
    if (watched(act)) std::ranges::move(flow::read_links(act), std::back_inserter(links));
    if (!concerned(act)) return links;
    FlowSession& session = flow::make_session(act);
    const bool pointed = session.arrived(hash64(act.event.id));
    learn_outcome_of(act, session, pointed);
    return links;
  }

  [[nodiscard]] Description describe(const Act& act, Threat threat) const override {
    const FlowSession* const session = flow::session_of(act);
    if (session == nullptr) return {};
    const auto seen = [&](FlowClass cls) { return session->seen.at(static_cast<std::size_t>(cls)); };
    Description words;
    words.title = threat == Threat::Ungrounded ? "Agent sends to destinations that nobody gave it" : "Agent does what texts it read order";
    const std::uint32_t commands = seen(FlowClass::CommandedAct) + seen(FlowClass::Command) + seen(FlowClass::AddressedCommand);
    words.sentence = "In this session " + std::to_string(commands) + " calls followed orders in what the agent read, " +
                     std::to_string(seen(FlowClass::Nowhere)) + " carried values that stand nowhere and " +
                     std::to_string(seen(FlowClass::Mention)) +
                     " values that were only mentioned; the gravest: " + describe_worst(session->told) + ".";
    return words;
  }

 private:
  static Reading judge_call(const Act& act) {
    FlowSession& session = flow::make_session(act);
    const bool complete = session.complete(), blind = session.blind();
    const bool request = act.event.phase == Phase::Request;
    const bool pointed = request && flow::user_pointed(act, session);
    ++session.calls;
    const flow::Values values = flow::values_of(act);
    const Worst worst = judge(act, session, values);
    settle_targets(act, session);

    Reading reading;
    const bool sink = flow::is_sink(act.effect);
    const bool known = !worst.unsure && (worst.cls != FlowClass::Nowhere || (complete && session.task_known()));
    if (!known) reading.lacking |= bit_of(Lacking::Grounding);
    if ((sink || !values.empty()) && (blind || !known)) {
      reading.kind = Reading::Kind::NotEvaluable;
    } else if (sink || !values.empty()) {
      reading = Reading::marked(sink ? kSink : kRead, static_cast<std::uint8_t>(worst.cls));
      note(session, worst);
    }
    // What another value shows by itself stands whatever is not known of one.
    if (std::optional<Breach> breach = blind ? std::nullopt : breach_of(act, worst)) reading.breaches.push_back(std::move(*breach));
    if (request) {
      session.await(hash64(act.event.id), pointed);
    } else {
      learn_outcome_of(act, session, false);
    }
    return reading;
  }

  ChannelInfo info_{ChannelId::Flow,
                    "flow",
                    {"a read", "a sink"},
                    {"given", "from a record", "mentioned", "from nowhere", "an act that a text orders", "given by an order",
                     "given by an order to the agent"},
                    {20, 20, 20, 20, 20, 20, 20},
                    true};
  std::vector<Bet> bets_;
};

}  // namespace

const Channel& flow_channel() {
  static const Flow kChannel;
  return kChannel;
}

}  // namespace ringfence
