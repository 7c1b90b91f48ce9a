// SPDX-License-Identifier: Apache-2.0
#include "models/flow_result.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "models/flow_act.h"
#include "models/flow_fields.h"
#include "models/flow_scanner.h"
#include "models/flow_text.h"

namespace ringfence::flow {

namespace {

/// What is the same for all orders of one result.
struct Giver {
  std::string_view id;
  bool pointed = false, untrusted = false;
};

/// A sentence as hashes; a long one in parts that overlap.
void learn_sentence(FlowSession& session, std::string_view text, const ProseText& prose, const Sentence& sentence, const Giver& giver) {
  for (std::size_t first = sentence.first; first < sentence.last;) {
    const std::size_t last = std::min(first + Order::kWords, sentence.last);
    // Where insiders alone can write, and the user pointed, the agent may be spoken to.
    Order order{.addressed = sentence.addressed && (giver.untrusted || !giver.pointed),
                .pointed = giver.pointed,
                .untrusted = giver.untrusted,
                .kin = sentence.kin,  // of the whole sentence: its verb may stand in another part of it
                .nouns = sentence.nouns,
                .source = short_id(giver.id),
                .words = {}};
    order.words.reserve(last - first);
    for (std::size_t i = first; i < last; ++i)
      order.words.push_back({static_cast<std::uint32_t>(prose.words[i]), stem_at(text, prose.places[i], prose.words[i])});
    for (auto number = std::ranges::upper_bound(prose.numbers, first, {}, &ProseText::Number::end);
         number != prose.numbers.end() && number->end <= last && order.words.size() < Order::kWords; ++number)
      order.words.push_back({static_cast<std::uint32_t>(number->hash), static_cast<std::uint32_t>(number->hash)});
    session.learn_order(std::move(order));
    first = last == sentence.last ? last : last - Order::kOverlap;
  }
}

/// Prose in which no order stands is only remembered to mention its words. `named`: whether the user spoke of what it is part of.
template <class Named>
void learn_prose(FlowSession& session, std::string_view text, Giver giver, const Named& named) {
  const ProseText prose = read_prose(Words::built_in(), text);
  if (prose.words.empty()) return;
  session.learn_record(prose.words);
  session.learn_mention(prose.words);
  for (const ProseText::Number& number : prose.numbers) session.learn_mention({&number.hash, 1});
  if (!prose.commands) return;
  giver.pointed = giver.pointed || named();
  for (const Sentence& sentence : prose.sentences)
    if (sentence.commands) learn_sentence(session, text, prose, sentence, giver);
}

/// A name or a number: a record as a whole, and the parts of a name where nobody else could write them.
void learn_bare(FlowSession& session, JsonLeaf::Kind kind, WordSpan words, bool foreign) {
  if (words.empty()) return;
  session.learn_record(words);
  if (foreign) {
    session.learn_mention(words);
  } else if (kind != JsonLeaf::Kind::Number) {
    session.learn_trusted(words);
  }
}

template <class Named>
void learn_value(FlowSession& session, std::string_view text, JsonLeaf::Kind kind, const Giver& giver, const Named& named) {
  if (const std::uint64_t word = lone_word(text); word != 0) {
    learn_bare(session, kind, {&word, 1}, giver.untrusted);
  } else if (is_bare(text)) {
    learn_bare(session, kind, words_of(text), giver.untrusted);
  } else {
    learn_prose(session, text, giver, named);
  }
}

/// The record that a leaf is of: the innermost element of an array around it, else the whole result. Empty for an element of an array
/// itself, which is no record.
std::string_view record_of(const JsonLeaf& leaf) {
  if (leaf.kind != JsonLeaf::Kind::String) return {};
  const std::string_view pointer = leaf.pointer;
  const auto numbered = [](std::string_view segment) {
    return !segment.empty() && std::ranges::all_of(segment, [](char c) { return c >= '0' && c <= '9'; });
  };
  std::size_t slash = pointer.rfind('/');
  if (slash == std::string_view::npos || numbered(pointer.substr(slash + 1))) return {};
  while (slash > 0) {
    const std::size_t before = pointer.rfind('/', slash - 1);
    if (numbered(pointer.substr(before + 1, slash - before - 1))) break;
    slash = before;
  }
  return pointer.substr(0, slash + 1);
}
std::size_t record_of(const FieldValue& value) { return value.record; }

/// Whether the user spoke of the record that a value stands in: another value of it, close by, names it. Keeps the answer for the record
/// asked about last, for whatever many values of it give orders.
template <class Item, class Record>
class SpokenOf {
 public:
  SpokenOf(const FlowSession& session, std::span<const Item> items) : session_(session), items_(items) {}

  bool operator()(const Item& item, const Record& record) {
    if (!asked_ || *asked_ != record) look(item, record);
    return naming_ > 1 || (naming_ == 1 && only_ != &item);
  }

 private:
  static constexpr std::size_t kLookedAt = 64;  // on either side

  void look(const Item& item, const Record& record) {
    asked_ = record;
    naming_ = 0;
    const auto here = static_cast<std::size_t>(&item - items_.data());
    const std::size_t first = here - std::min(here, kLookedAt);
    for (const Item& other : items_.subspan(first, std::min(items_.size(), here + kLookedAt) - first)) {
      if (naming_ > 1 || record_of(other) != record || !user_named(session_, other.text)) continue;
      ++naming_;
      only_ = &other;
    }
  }

  const FlowSession& session_;
  std::span<const Item> items_;
  std::optional<Record> asked_;
  std::size_t naming_ = 0;
  const Item* only_ = nullptr;
};

/// The tool's own text: the result is nothing else, or is wrapped as MCP has it (tools/call, `content`).
bool printed(const JsonLeaf& leaf) {
  return leaf.kind == JsonLeaf::Kind::String &&
         (leaf.pointer.empty() || (leaf.pointer.starts_with("/content/") && leaf.pointer.ends_with("/text")));
}

bool untrusted(const Act& act) {
  if (act.event.data.untrusted) return *act.event.data.untrusted;
  return act.match.action && std::ranges::find(act.persona.actions[*act.match.action].returns, "untrusted") !=
                                 act.persona.actions[*act.match.action].returns.end();
}

}  // namespace

void learn_result(const Act& act, FlowSession& session, bool pointed) {
  const Giver giver{.id = act.event.id, .pointed = pointed, .untrusted = untrusted(act)};
  const std::span<const JsonLeaf> leaves = act.event.result->leaves;
  SpokenOf<JsonLeaf, std::string_view> leaf_spoken_of(session, leaves);
  for (const JsonLeaf& leaf : leaves) {
    if (leaf.kind == JsonLeaf::Kind::Null || leaf.kind == JsonLeaf::Kind::Bool || leaf.text.empty()) continue;
    const std::vector<FieldValue> fields = printed(leaf) ? field_values(leaf.text) : std::vector<FieldValue>{};
    if (fields.empty()) {
      learn_value(session, leaf.text, leaf.kind, giver, [&] {
        const std::string_view record = record_of(leaf);
        return !record.empty() && leaf_spoken_of(leaf, record);
      });
      continue;
    }
    SpokenOf<FieldValue, std::size_t> field_spoken_of(session, fields);
    for (const FieldValue& value : fields)
      learn_value(session, value.text, leaf.kind, giver, [&] { return field_spoken_of(value, value.record); });
  }
}

}  // namespace ringfence::flow
