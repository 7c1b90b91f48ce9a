// SPDX-License-Identifier: Apache-2.0
#include "models/barrier_act.h"

#include <algorithm>
#include <array>

#include "engine/event/short_hash.h"
#include "engine/persona/argument.h"
#include "engine/persona/shape.h"
#include "models/byte_masks.h"

namespace ringfence {
namespace {

constexpr std::size_t kIdentifierBytes = 512;
constexpr std::size_t kComparedBytes = 64;
constexpr std::size_t kComparedLeast = 12;
constexpr std::size_t kKeptElementBytes = 128;
constexpr std::size_t kTellingLeast = 5;  // a shorter record id says too little without its kind

// Seeds keep hashes of different things apart; they are part of the encoded state.
enum Seed : std::uint64_t { kSeenSeed = 11, kServerSeed, kToolSeed, kCredentialSeed, kUriSeed, kKindSeed, kObjectSeed, kHashedSeed };

std::uint64_t mix(std::uint64_t a, std::uint64_t b) {
  std::uint64_t x = a * 0x9E3779B97F4A7C15U + b;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9U;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBU;
  return x ^ (x >> 31);
}

std::uint32_t fold(std::uint64_t hash) { return static_cast<std::uint32_t>(hash ^ (hash >> 32)); }

/// What parts tokens.
constexpr bytes::Set kGaps("/ \t\n\v\f\r");

/// What a character is to the words around it, as bits.
enum Role : std::uint8_t { kBefore = 1, kAfter = 2 };
constexpr std::array<std::uint8_t, 256> kRoles = [] {
  std::array<std::uint8_t, 256> roles{};
  const auto give = [&](std::string_view characters, Role role) {
    for (const char c : characters) roles[static_cast<unsigned char>(c)] |= role;
  };
  give("([{<\"'`", kBefore);
  give(")]}>\"'`,;:!?.", kAfter);
  return roles;
}();
bool is(char c, Role role) { return (kRoles[static_cast<unsigned char>(c)] & role) != 0; }

/// A token without the punctuation of the sentence around it.
inline std::string_view bare(std::string_view token) {
  const char *first = token.data(), *last = first + token.size();
  while (first != last && is(*first, kBefore)) ++first;
  while (first != last && is(last[-1], kAfter)) --last;
  return {first, static_cast<std::size_t>(last - first)};
}

/// One or two letters are no identifier worth a place in the filter; an identifier made of them counts as read.
inline bool trivial(std::string_view token) {
  return token.size() < 3 && std::ranges::all_of(token, [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); });
}

inline std::uint64_t seen_hash(std::string_view text) { return short_hash::of(text, kSeenSeed); }

/// Every hash by which `has_read` needs an identifier of this text: its tokens without the punctuation around them. What is more than one
/// token has been read where all of it has; what is nothing but gaps is known as a whole.
template <class Visit>
void each_id(std::string_view text, const Visit& visit) {
  bool any = false;
  const auto offer = [&](std::string_view id) {
    any = true;
    const std::string_view inner = bare(id);
    if (!inner.empty() && id.size() <= kIdentifierBytes && !trivial(inner)) visit(seen_hash(inner));
  };
  bytes::each_piece<kGaps>(text, offer);
  if (!any) offer(text);
}

std::uint64_t hashed_key(std::uint64_t hash) { return mix(hash, kHashedSeed); }

std::string_view basename(std::string_view text) {
  while (text.ends_with('/')) text.remove_suffix(1);
  return text.substr(text.rfind('/') + 1);
}

std::string_view parent(std::string_view uri) {
  while (uri.ends_with('/')) uri.remove_suffix(1);
  const std::size_t slash = uri.rfind('/');
  return slash == std::string_view::npos ? std::string_view{} : uri.substr(0, slash);
}

/// The name alone stands for the object: a file name, a number of some length, a code; not `main` or `7`.
bool telling(std::string_view name) {
  if (name.size() < kTellingLeast) return false;
  const IdentifierShape shape = read_shape(name);
  return shape.count >= 2 || (shape.count == 1 && shape.pieces[0].kind != PieceKind::Word);
}

bool is_path(const Identifier& id) {
  if (id.hashed) return false;
  const bool named = id.shape.count >= 2 && id.text.contains('.') &&
                     std::ranges::any_of(id.shape.all(), [](const Piece& p) { return p.kind != PieceKind::Dec; });
  return id.text.contains('/') || named;
}

bool is_long_code(const Identifier& id) {
  return std::ranges::any_of(id.shape.all(),
                             [](const Piece& p) { return p.kind == PieceKind::Uuid || (p.kind == PieceKind::Hex && p.length >= 16); });
}

std::uint64_t object_hash(const Identifier& id) { return id.hashed ? hashed_key(id.hash) : hash64(basename(id.text), kObjectSeed); }

/// The identifier alone names an object.
bool stands_alone(const Identifier& id) { return id.hashed ? is_long_code(id) : telling(basename(id.text)); }

void add_key(BarrierAct& what, std::uint64_t hash) {
  const std::uint32_t key = fold(hash);
  if (!what.keys.has(key)) what.keys.add(key);
}

void add_keys(BarrierAct& what, std::string_view uri, bool from_uri) {
  const std::span<const Identifier> ids = what.identifiers();
  if (ids.empty()) return;
  const std::uint64_t around = hash64(from_uri ? basename(parent(uri)) : parent(uri), kUriSeed);
  std::array<std::uint64_t, BarrierAct::kIdentifiers> objects{};
  std::array<bool, BarrierAct::kIdentifiers> alone{};
  std::uint64_t together = 0;
  bool any_alone = false;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    objects[i] = object_hash(ids[i]);
    alone[i] = stands_alone(ids[i]);
    any_alone = any_alone || alone[i];
    together += mix(objects[i], hash64(alone[i] ? std::string_view{} : ids[i].kind, kKindSeed));
  }
  if (ids.size() == 1) {
    add_key(what, alone[0] ? objects[0] : mix(together, around));
  } else {
    add_key(what, any_alone ? together : mix(together, around));
    // Of several, the one that names the innermost thing also counts alone: a path, else a long code.
    const bool paths = std::ranges::any_of(ids, is_path);
    for (std::size_t i = 0; i < ids.size(); ++i)
      if (alone[i] && (paths ? is_path(ids[i]) : is_long_code(ids[i]))) add_key(what, objects[i]);
  }
  const std::string_view tail = last_segment(uri);
  if (tail.empty()) return;
  for (std::size_t i = 0; i < ids.size(); ++i)
    if (alone[i] && !ids[i].hashed && basename(ids[i].text) == tail) return add_key(what, objects[i]);
}

bool add_identifier(BarrierAct& what, const Identifier& id) {
  if (what.count == BarrierAct::kIdentifiers) return false;
  what.storage[what.count++] = id;
  return true;
}

/// The action declares this form for an argument, so true identifiers have it.
bool declares_form(const Act& act, std::string_view form) {
  if (!act.match.action) return false;
  return std::ranges::any_of(act.persona.actions[*act.match.action].arguments,
                             [&](const ArgumentRule& rule) { return std::ranges::find(rule.shapes, form) != rule.shapes.end(); });
}

void add_value(BarrierAct& what, const Act& act, std::string_view text, std::string_view kind) {
  if (text.empty() || text.size() > kIdentifierBytes || what.count == BarrierAct::kIdentifiers) return;
  Identifier id{text, kind, seen_hash(text), false, read_shape(text)};
  // A form has no check digits of an account: these stay.
  if (id.shape.malformed && iban_valid(text) != false && declares_form(act, shape_of(text))) id.shape.malformed = false;
  add_identifier(what, id);
}

void add_element(BarrierAct& what, const Act& act, const HashedIdentifier& element) {
  Identifier id{{}, element.name, element.hash, true, element.shape};
  if (id.shape.malformed && declares_form(act, element.form)) id.shape.malformed = false;
  add_identifier(what, id);
}

void add_marked(BarrierAct& what, const Act& act) {
  if (!act.match.action || !act.event.args) return;
  for (const ArgumentRule& rule : act.persona.actions[*act.match.action].arguments) {
    if (!rule.identifier) continue;
    each_argument_leaf(act.event, rule, [&](const JsonLeaf& leaf) {
      if (leaf.kind != JsonLeaf::Kind::String && leaf.kind != JsonLeaf::Kind::Number) return;
      add_value(what, act, leaf.text, rule.identifier_kind.empty() ? std::string_view(rule.name) : std::string_view(rule.identifier_kind));
    });
  }
}

/// Where elements carry the names of marked arguments, only these.
void add_hashed(BarrierAct& what, const Act& act) {
  if (!act.event.arg_ids) return;
  const auto marked = [&](std::string_view name) {
    if (name.empty() || !act.match.action) return false;
    return std::ranges::any_of(act.persona.actions[*act.match.action].arguments,
                               [&](const ArgumentRule& rule) { return rule.identifier && rule.name == name; });
  };
  bool any_marked = false;
  for (const std::string_view element : *act.event.arg_ids) {
    const auto id = read_hashed(element);
    any_marked = any_marked || (id && marked(id->name));
  }
  for (const std::string_view element : *act.event.arg_ids) {
    const auto id = read_hashed(element);
    if (id && (!any_marked || marked(id->name))) add_element(what, act, *id);
  }
}

}  // namespace

bool Identifier::comparable() const {
  return !hashed && text.size() >= kComparedLeast - 2 && text.size() <= kComparedBytes &&
         (shape.has_code() || shape.malformed || card_valid(text));
}

Refused BarrierAct::refused(const Act& act) const {
  Refused r{.target = target,
            .tool = tool,
            .credential = credential,
            .effect = act.effect,
            .keys = keys,
            .values = {},
            .paths = {},
            .since = act.now()};
  for (const Identifier& id : identifiers())
    if (id.comparable() && r.values.size() < Refused::kValues) r.values.push_back({std::string(id.text), id.shape.template_hash()});
  return r;
}

std::uint32_t tool_key(const Event& event) {
  return fold(mix(hash64(event.tool.server.value_or(""), kServerSeed), hash64(event.tool.name.value_or(""), kToolSeed)));
}

std::uint32_t credential_key(const Event& event) {
  if (!event.credential.fingerprint) return 0;
  return fold(hash64(*event.credential.fingerprint, kCredentialSeed)) | 1U;
}

BarrierAct identify(const Act& act) {
  const Event& event = act.event;
  BarrierAct what;
  what.tool = tool_key(event);
  what.credential = credential_key(event);
  const std::string_view uri = event.resource.uri.value_or("");
  add_marked(what, act);
  if (what.count == 0) add_hashed(what, act);
  const bool from_uri = what.count == 0;
  if (from_uri) add_value(what, act, last_segment(uri), {});
  if (!uri.empty() || what.count > 0) {
    what.target = hash64(uri, kUriSeed);
    for (const Identifier& id : what.identifiers()) what.target = mix(what.target, id.hashed ? hashed_key(id.hash) : id.hash);
  } else {
    const std::uint64_t args = event.args ? event.args->hash.low ^ event.args->hash.high : 0;
    what.target = mix(what.tool, args);
  }
  add_keys(what, uri, from_uri);
  return what;
}

bool names_its_target(const Event& event) { return event.args || event.arg_ids || event.resource.uri; }

Asked kept_of(const Act& request) {
  const BarrierAct what = identify(request);
  Asked kept{.event = hash64(request.event.id),
             .target = what.target,
             .tool = what.tool,
             .credential = what.credential,
             .keys = what.keys,
             .said = {}};
  const auto keep = [&](std::string_view text, std::size_t longest, bool hashed) {
    if (text.size() <= longest && kept.said.size() < Asked::kSaid) kept.said.push_back({std::string(text), hashed});
  };
  for (const Identifier& id : what.identifiers())
    if (!id.hashed) keep(id.text, kComparedBytes, false);
  if (!request.event.arg_ids) return kept;
  for (const std::string_view element : *request.event.arg_ids) {
    const auto hashed = read_hashed(element);
    const auto same = [&](const Identifier& id) { return id.hashed && id.hash == hashed->hash; };
    if (hashed && std::ranges::any_of(what.identifiers(), same)) keep(element, kKeptElementBytes, true);
  }
  return kept;
}

BarrierAct recalled(const Act& completion, const Asked& kept) {
  BarrierAct what;
  what.target = kept.target;
  what.tool = kept.tool;
  what.credential = kept.credential;
  what.keys = kept.keys;
  for (const Asked::Said& said : kept.said) {
    if (!said.hashed) {
      add_value(what, completion, said.text, {});
    } else if (const auto id = read_hashed(said.text)) {
      add_element(what, completion, *id);
    }
  }
  return what;
}

bool has_read(const BarrierSession& session, const Identifier& id) {
  if (id.hashed) return session.seen.contains(hashed_key(id.hash));
  const auto known = [&](std::string_view text) {
    if (trivial(text) || session.seen.contains(seen_hash(text))) return true;
    const std::string_view inner = bare(text);
    return inner.size() != text.size() && (trivial(inner) || session.seen.contains(seen_hash(inner)));
  };
  if (known(id.text)) return true;
  bool all = true, several = false;
  bytes::each_piece<kGaps>(id.text, [&](std::string_view token) {
    several = several || token.size() != id.text.size();
    all = all && known(token);
  });
  return several && all;
}

bool grounds_known(const BarrierSession& session, const Identifier& id) { return id.hashed ? session.hashes_known : session.text_known; }

bool teaches(const Event& event) {
  if (event.kind == EventKind::TaskStart) return event.task.text && event.source.product != Text("agent");
  return (event.result && !event.result->leaves.empty()) || (event.result_ids && !event.result_ids->empty());
}

void learn_task(BarrierSession& session, const Event& task_start) {
  session.text_known = true;
  each_id(*task_start.task.text, [&](std::uint64_t hash) { session.seen.add(hash); });
}

void learn_result(BarrierSession& session, const Event& call) {
  std::vector<std::uint64_t> own;  // the agent's own values, sorted
  const bool fine = call.outcome.status == Outcome::Ok || call.outcome.status == Outcome::Unknown;
  if (!fine) {
    const auto keep = [&](std::uint64_t hash) { own.push_back(hash); };
    if (call.args)
      for (const JsonLeaf& leaf : call.args->leaves) each_id(leaf.text, keep);
    each_id(call.resource.uri.value_or(""), keep);
    if (call.arg_ids)
      for (const std::string_view element : *call.arg_ids)
        if (const auto id = read_hashed(element)) own.push_back(hashed_key(id->hash));
    std::ranges::sort(own);
  }
  std::size_t next = 0;
  const auto learn = [&](std::uint64_t hash) {
    if (own.empty() || !std::ranges::binary_search(own, hash)) session.seen.add(hash, next);
  };
  if (call.result) {
    session.text_known = session.text_known || (fine && !call.result->leaves.empty());
    for (const JsonLeaf& leaf : call.result->leaves) each_id(leaf.text, learn);
  }
  if (!call.result_ids) return;
  for (const std::string_view element : *call.result_ids) {
    const auto id = read_hashed(element);
    if (!id) continue;
    session.hashes_known = session.hashes_known || fine;
    learn(hashed_key(id->hash));
  }
}

}  // namespace ringfence
