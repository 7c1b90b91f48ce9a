// SPDX-License-Identifier: Apache-2.0
#include "models/flow_act.h"

#include <algorithm>
#include <array>

#include "engine/persona/argument.h"
#include "models/flow_addresses.h"
#include "models/flow_scanner.h"
#include "models/scope_destination.h"
#include "models/scope_task.h"

namespace ringfence::flow {

namespace {

constexpr std::size_t kValuesMost = 1024;
constexpr std::size_t kLeastNoun = 3;  // `to`, `in`, `by` of a tool's name say nothing

bool is_value(const JsonLeaf& leaf) {
  return (leaf.kind == JsonLeaf::Kind::String || leaf.kind == JsonLeaf::Kind::Number) && !leaf.text.empty();
}

/// Words of a tool's name in lower case: `sendMoney_to` has three.
std::vector<std::string> parts_of(std::string_view name) {
  std::vector<std::string> parts;
  std::string part;
  const auto finish = [&] {
    if (!part.empty()) parts.push_back(std::exchange(part, {}));
  };
  bool lower_before = false;
  for (const char c : name) {
    const bool upper = c >= 'A' && c <= 'Z';
    const bool letter = upper || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (c & 0x80) != 0;
    if (!letter || (upper && lower_before)) finish();
    if (letter) part.push_back(upper ? static_cast<char>(c - 'A' + 'a') : c);
    lower_before = letter && !upper;
  }
  finish();
  return parts;
}

void add_forms(std::vector<std::uint64_t>& hashes, std::string_view word) {
  for (const std::string& form : forms_of(word)) hashes.push_back(word_hash(form));
}

bool holds_any(const Order& order, const std::vector<std::uint64_t>& forms) {
  return std::ranges::any_of(forms, [&](std::uint64_t form) { return FlowSession::holds(order, {&form, 1}); });
}

constexpr std::size_t kToolNameBytes = 128;

bool strong(std::optional<Effect> effect) { return effect == Effect::Transfer || effect == Effect::Admin || effect == Effect::Delete; }

bool listed_value(const Act& act, const Value& value) {
  using Kind = scope::Target::Kind;
  if (value.rule != nullptr) return scope::listed(act, {Kind::Argument, value.argument, value.text, value.text, value.rule});
  return scope::listed(act, {scope::host_of(value.text) ? Kind::Host : Kind::Account, value.argument, value.text, value.text, nullptr});
}

}  // namespace

bool names_nothing(WordSpan value) {
  if (value.size() != 1) return false;
  const WordEntry* const known = Words::built_in().find(value.front());
  return known != nullptr && (known->classes & WordEntry::Common) != 0;
}

bool is_sink(std::optional<Effect> effect) { return effect && *effect != Effect::Read && *effect != Effect::Execute; }

Values values_of(const Act& act) {
  Values values;
  const Event& event = act.event;
  if (!event.args) {
    for (const std::string_view host : event.destination.hosts)
      values.push_back({Value::Kind::Destination, "destination.host", host, nullptr});
    for (const std::string_view account : event.destination.accounts)
      values.push_back({Value::Kind::Destination, "destination.account", account, nullptr});
    return values;
  }
  std::vector<const JsonLeaf*> marked;
  const bool sink = is_sink(act.effect);
  if (act.match.action) {
    bool destinations = false;
    for (const ArgumentRule& rule : act.persona.actions[*act.match.action].arguments) {
      if (!rule.destination && !rule.identifier) continue;
      destinations = destinations || rule.destination;
      each_argument_leaf(event, rule, [&](const JsonLeaf& leaf) {
        if (!is_value(leaf)) return;
        if (sink) marked.push_back(&leaf);
        if (!rule.destination && values.size() < kValuesMost) values.push_back({Value::Kind::Identifier, rule.name, leaf.text, &rule});
      });
    }
    if (destinations) {
      for (const scope::Target& target : scope::targets_of(act).first)
        if (target.rule != nullptr) values.push_back({Value::Kind::Destination, target.name, target.value, target.rule});
    }
  }
  if (!sink) return values;
  std::ranges::sort(marked);
  for (const JsonLeaf& leaf : event.args->leaves) {
    if (leaf.kind != JsonLeaf::Kind::String || std::ranges::binary_search(marked, &leaf)) continue;
    for (const std::string_view address : addresses_in(Words::built_in(), leaf.text)) {
      if (values.size() >= 2 * kValuesMost) return values;
      values.push_back({Value::Kind::Payload, leaf.pointer, address, nullptr});
    }
  }
  return values;
}

ToolWords::ToolWords(const Act& act) {
  const std::vector<std::string> parts = parts_of(act.event.tool.name.value_or("").substr(0, kToolNameBytes));
  const Words& lexicon = Words::built_in();
  // A name may begin with whose tool it is: `mail_send`, `payments.create`.
  auto verb = std::ranges::find_if(parts, [&](const std::string& part) { return lexicon.kin_row(part) >= 0; });
  bool known_verb = verb != parts.end();
  if (!known_verb) verb = parts.begin();
  for (auto part = parts.begin(); part != parts.end(); ++part) {
    if (part->size() >= kLeastNoun || part == verb) stems_.push_back(stem_of(*part));
    if (part == verb) {
      add_verb(*part);
    } else if (part->size() >= kLeastNoun) {
      add_noun(*part);
    }
  }
  if (!has_nouns_) add_objects(act);
  const std::span<const std::string> own =
      act.match.action ? std::span<const std::string>(act.persona.actions[*act.match.action].words) : std::span<const std::string>();
  for (const std::string& said : own) {
    const std::string word = lower_case(said);
    add_forms(asked_forms_, word);
    const WordEntry* const known = lexicon.find(word_hash(word));
    const bool verbal = known != nullptr && (known->classes & WordEntry::Verb) != 0;
    known_verb = known_verb || lexicon.kin_row(word) >= 0;
    if (!verbal) {
      add_noun(word);
    } else {
      add_verb(word);
      stems_.push_back(stem_of(word));
    }
  }
  if (known_verb || !act.effect) return;
  for (const std::string& stands_for : lexicon.verbs_of(name_of(*act.effect))) add_verb(stands_for);
}

/// Of a tool whose name is a verb alone: `drive/delete` of a `file_id`.
void ToolWords::add_objects(const Act& act) {
  const auto add = [&](std::string_view name) {
    for (const std::string& part : parts_of(name.substr(0, kToolNameBytes)))
      if (part.size() >= kLeastNoun) add_noun(part);
  };
  add(act.event.tool.server.value_or(""));
  if (!act.match.action) return;
  for (const ArgumentRule& rule : act.persona.actions[*act.match.action].arguments)
    if (rule.identifier) add(rule.name);
}

void ToolWords::add_verb(std::string_view word) {
  const Words& lexicon = Words::built_in();
  if (const int row = lexicon.kin_row(word); row >= 0) {
    kin_ |= std::uint64_t{1} << static_cast<unsigned>(row);
    for (const std::string& kin : lexicon.kin(row).words) stems_.push_back(stem_of(kin));
  }
  add_forms(verb_forms_, word);
}

void ToolWords::add_noun(std::string_view word) {
  has_nouns_ = true;
  const Words& lexicon = Words::built_in();
  int row = lexicon.noun_row(word);
  if (row < 0 && word.ends_with('s')) row = lexicon.noun_row(word.substr(0, word.size() - 1));
  if (row >= 0) {
    nouns_ |= std::uint64_t{1} << static_cast<unsigned>(row);
  } else {
    add_forms(noun_forms_, word);
  }
}

bool ToolWords::fits(const Order& order) const {
  return std::ranges::any_of(order.words, [&](const Order::Word& word) { return std::ranges::find(stems_, word.stem) != stems_.end(); });
}

bool ToolWords::commanded_by(const Order& order, std::optional<Effect> effect) const {
  const bool noun = (order.addressed && strong(effect)) || (order.nouns & nouns_) != 0 || holds_any(order, noun_forms_);
  return noun && ((order.kin & kin_) != 0 || holds_any(order, verb_forms_));
}

bool ToolWords::asked_in(const FlowSession& session, std::optional<Effect> effect, bool named) const {
  const bool verb = (session.task_kin & kin_) != 0 || session.task_holds_any(verb_forms_) || session.task_holds_any(asked_forms_);
  const bool wants_noun = effect == Effect::Admin || (effect == Effect::Delete && !named);
  return verb && (!wants_noun || !has_nouns_ || object_in(session));
}

bool ToolWords::object_in(const FlowSession& session) const {
  return (session.task_nouns & nouns_) != 0 || session.task_holds_any(noun_forms_);
}

Traced trace(const Act& act, const FlowSession& session, const Value& value, WordSpan words) {
  Traced traced;
  const auto by_task = [&] { return value.kind == Value::Kind::Destination ? scope::task_gives(act, value.text) : scope::Given::No; };
  const scope::Given by_user = session.user_wrote(words) ? scope::Given::Yes : by_task();
  if (by_user == scope::Given::Yes) {
    traced.origin = Origin::User;
    return traced;
  }
  if (listed_value(act, value)) {
    traced.origin = Origin::Listed;
    return traced;
  }
  if (by_user == scope::Given::Perhaps) {
    traced.unsure = true;
    return traced;
  }
  const bool record = session.is_record(words);
  bool commanded = false;
  bool weighs = !record;  // a record beats an order, but one that fits the tool and could not hold the value by accident
  const bool grave = strong(act.effect) || distinctive(value.text);
  std::optional<ToolWords> tool;
  traced.pointed = true;
  for (const Order& order : session.orders()) {
    if (!FlowSession::holds(order, words)) continue;
    commanded = true;
    traced.addressed = traced.addressed || order.addressed;
    traced.pointed = traced.pointed && order.pointed;
    if (traced.source.empty() || order.addressed) traced.source = order.source;
    if (weighs || !grave) continue;
    if (!tool) tool.emplace(act);
    weighs = tool->fits(order);
  }
  for (unsigned kind = 0; kind < (session.lost_orders > 0 ? 4U : 0U); ++kind) {
    const bool addressed = (kind & 1U) != 0;
    const bool pointed = (kind & 2U) != 0;
    if (!session.gone_order_held(words, addressed, pointed)) continue;
    commanded = true;
    weighs = weighs || grave;
    traced.addressed = traced.addressed || addressed;
    traced.pointed = traced.pointed && pointed;
  }
  if (commanded && weighs) {
    traced.origin = Origin::Command;
  } else if (record) {
    traced.origin = Origin::Record;
  } else {
    traced.origin = session.is_mentioned(words) ? Origin::Mention : Origin::Nowhere;
  }
  // "Open https://shop.example/in with the card's number behind it": an order names the place, the agent fills in the rest.
  const std::size_t query = traced.origin == Origin::Record ? std::string_view::npos : value.text.find('?');
  if (traced.origin != Origin::Command && query != std::string_view::npos) {
    const Value place{value.kind, value.argument, value.text.substr(0, query), value.rule};
    Traced of_place = trace(act, session, place, words_of(place.text));
    if (of_place.origin == Origin::Command) return of_place;
  }
  return traced;
}

bool user_named(const FlowSession& session, std::string_view text) {
  constexpr std::size_t kTitleBytes = 120, kLeastWord = 4;
  if (text.size() > kTitleBytes) return false;
  bool named = false;
  each_word(text, [&](std::size_t, std::size_t, std::string_view word) {
    const std::uint64_t hash = word_hash(word);
    named = named || (word.size() >= kLeastWord && Words::built_in().find(hash) == nullptr && session.task_holds(hash));
  });
  return named;
}

bool user_pointed(const Act& act, const FlowSession& session) {
  if (!act.event.args || !session.has_task_words()) return false;
  const auto wrote = [&](const JsonLeaf& leaf) { return session.user_wrote(words_of(leaf.text)); };
  if (std::ranges::any_of(act.event.args->leaves, [&](const JsonLeaf& leaf) { return leaf.kind == JsonLeaf::Kind::String && wrote(leaf); }))
    return true;
  if (!act.match.action) return false;
  const bool identified = std::ranges::any_of(act.persona.actions[*act.match.action].arguments, [&](const ArgumentRule& rule) {
    if (!rule.identifier) return false;
    const auto leaves = argument_leaves(act.event, rule);
    return std::ranges::any_of(leaves,
                               [&](const JsonLeaf* leaf) { return is_value(*leaf) && (wrote(*leaf) || user_named(session, leaf->text)); });
  });
  return identified || (session.follows_all && ToolWords(act).object_in(session));
}

FlowSession* session_of(const Act& act) {
  return static_cast<FlowSession*>(act.session.memory[static_cast<std::size_t>(ChannelId::Flow)].get());
}

FlowSession& make_session(const Act& act) {
  auto& slot = act.session.memory[static_cast<std::size_t>(ChannelId::Flow)];
  if (!slot) {
    const std::uint64_t seed = hash64(act.event.agent.id, hash64(act.event.id, act.session.key));
    slot = std::make_unique<FlowSession>(seed);
  }
  return static_cast<FlowSession&>(*slot);
}

Grounded grounded(const Act& act, std::string_view destination) {
  const FlowSession* const session = session_of(act);
  if (session == nullptr) return Grounded::Unknown;
  const Value value{Value::Kind::Destination, {}, destination, nullptr};
  const WordList words = words_of(destination);
  const std::optional<Settled> known = session->settled(run_hash(words));
  const Origin origin = known ? known->origin : trace(act, *session, value, words).origin;
  if (origin == Origin::User || origin == Origin::Listed || origin == Origin::Record) return Grounded::Yes;
  // What stood nowhere when all was known that could have given it was made up, whatever is lost since.
  const bool settled = origin == Origin::Command || (known && origin == Origin::Nowhere && !session->waiting());
  return settled || session->current() ? Grounded::No : Grounded::Unknown;
}

}  // namespace ringfence::flow
