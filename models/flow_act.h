// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "models/channel.h"
#include "models/flow_memory.h"
#include "models/flow_text.h"

/// An act as the flow channel sees it: what it carries, what its tool is called in texts, and where its values come from.
namespace ringfence::flow {

/// One value of a call (flow.md §2, rule 5). Views of the event and the persona.
struct Value {
  enum class Kind : std::uint8_t { Destination, Identifier, Payload } kind{};
  std::string_view argument;  // as the persona writes it; the pointer of an argument it does not mark
  std::string_view text;
  const ArgumentRule* rule = nullptr;
};

/// A word that could be anybody's or anything's (`me`, `all`): it is from nowhere in particular.
[[nodiscard]] bool names_nothing(WordSpan value);
/// Effects that carry data or change things: what an order may be after.
[[nodiscard]] bool is_sink(std::optional<Effect> effect);

/// Arguments marked destination (each address of one that has several) or identifier, and in a sink the addresses inside every other one.
/// Of an event without arguments the fields of `destination`. At most 2,048; what is beyond is not looked at.
using Values = ShortList<Value, 4>;
[[nodiscard]] Values values_of(const Act& act);

/// What texts call the tool: the kin of its verb and the nouns of its object, with `words` of its action. Built only where an order must be
/// held against it.
class ToolWords {
 public:
  explicit ToolWords(const Act& act);
  /// The order shares a stem of five letters with the tool's name or the kin of its verb.
  [[nodiscard]] bool fits(const Order& order) const;
  /// The order names both the tool's verb, or kin, and the noun of its object.
  [[nodiscard]] bool commanded_by(const Order& order, std::optional<Effect> effect) const;
  /// The task's text asks for this kind of act: it holds the verb or kin; for `admin` and `delete` also the object's noun, for `delete`
  /// instead of it one of the call's values (`named`).
  [[nodiscard]] bool asked_in(const FlowSession& session, std::optional<Effect> effect, bool named) const;
  /// The task's text names the tool's object: "the mail" of `mail/read`.
  [[nodiscard]] bool object_in(const FlowSession& session) const;

 private:
  void add_objects(const Act& act);
  void add_verb(std::string_view word);
  void add_noun(std::string_view word);

  std::uint64_t kin_ = 0, nouns_ = 0;                                 // rows of the word tables
  std::vector<std::uint64_t> verb_forms_, noun_forms_, asked_forms_;  // of words that no row has
  std::vector<std::uint32_t> stems_;
  bool has_nouns_ = false;
};

/// Where a value comes from, for one call.
struct Traced {
  Origin origin = Origin::Nowhere;
  bool addressed = false, pointed = false;  // of a command
  std::string source;                       // of a command: the call whose result gave the order; empty where forgotten
  bool unsure = false;                      // the user's task may have given it, by a list that is lost: nothing else is said
};

/// Of a value whose origin is not settled yet.
[[nodiscard]] Traced trace(const Act& act, const FlowSession& session, const Value& value, WordSpan words);

/// A title, a sender, a path or the like has a word of the user's that means something: it names what the user spoke of.
[[nodiscard]] bool user_named(const FlowSession& session, std::string_view text);

/// One of the call's arguments is the user's words or names what the user spoke of, or the task hands over to all that such a tool reads:
/// what the call reads is what the user pointed at.
[[nodiscard]] bool user_pointed(const Act& act, const FlowSession& session);

/// The session's memory; null where it has none.
[[nodiscard]] FlowSession* session_of(const Act& act);
[[nodiscard]] FlowSession& make_session(const Act& act);

/// Whether a destination is grounded: given by the user, the persona or a record (persona.md, destinations.external).
enum class Grounded : std::uint8_t { Yes, No, Unknown };
[[nodiscard]] Grounded grounded(const Act& act, std::string_view destination);

}  // namespace ringfence::flow
