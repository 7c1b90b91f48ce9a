// SPDX-License-Identifier: Apache-2.0
#include "engine/verdict/foreign_containments.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "engine/state/codec.h"
#include "engine/verdict/act_scopes.h"

namespace ringfence {
namespace {

constexpr std::string_view kOperator = "operator";
constexpr std::uint8_t kForm = 2, kFormBefore = 1;  // before, `gone` did not tell by whose word
constexpr std::uint8_t kGone = 1, kLifted = 2;
constexpr std::size_t kMembersRead = std::size_t{1} << 24U;  // of all shards over one partition together
constexpr std::array<std::string_view, 8> kScopeTypes{"agent", "session", "instance", "credential", "subtree", "user", "tenant", "global"};

/// Parts of an agent's work count as sessions.
std::size_t type_of(const ForeignContainment& standing) {
  const std::string_view type = is_part(standing.scope.type) ? "session" : std::string_view(standing.scope.type);
  return static_cast<std::size_t>(std::ranges::find(kScopeTypes, type) - kScopeTypes.begin());
}

bool is_tree(const ForeignContainment& standing) { return standing.scope.type == "subtree"; }

/// The scopes of one type that the event's call is matched by.
std::vector<std::string> scopes_of(const Event& event, std::string_view type) {
  if (type == "agent" || type == "subtree") return {scope_key(type, event.tenant, event.agent.id)};
  if (type == "tenant") return {scope_key(type, event.tenant, event.tenant)};
  if (type == "global") return {scope_key(type, {}, {})};
  const Text& credential = event.credential.fingerprint;
  std::vector<std::string> parts;
  if (type == "session") {
    if (event.session.id) parts.push_back(session_scope_key(event.tenant, event.agent.id, *event.session.id));
    if (credential) parts.push_back(borrowed_scope_key(event.tenant, event.agent.id, *credential));
    return parts;
  }
  const Text& id = type == "user" ? event.user.id : type == "instance" ? event.agent.instance : credential;
  if (id) parts.push_back(scope_key(type, event.tenant, *id));
  return parts;
}

template <class Map, class Visit>
void each_under(const Map& all, std::string_view scope, const Visit& visit) {
  const std::string prefix = std::string(scope) + "#";
  for (auto found = all.lower_bound(prefix); found != all.end() && found->first.starts_with(prefix); ++found) visit(found->second);
}

void write(Writer& out, const ForeignContainment& s) {
  out.text(s.key);
  out.varint(s.number);
  out.u8(s.lifted ? kLifted : s.gone ? kGone : 0);
  out.u8(static_cast<std::uint8_t>(s.level));
  for (const std::string* text : {&s.finding_uid, &s.by, &s.reason}) out.text(*text);
  out.time(s.effective_at);
  out.u8(static_cast<std::uint8_t>(s.enforced));
  out.time(s.from);
  out.varint(s.gates.size());
  for (const auto& [name, applied_at] : s.gates) {
    out.text(name);
    out.time(applied_at);
  }
  out.varint(s.members.size());
  for (const AgentKey& member : s.members) {
    out.u64(member.hash.high);
    out.u64(member.hash.low);
  }
}

std::optional<ForeignContainment> read(Reader& in) {
  ForeignContainment s;
  s.key = in.text();
  auto scope = parse_scope(s.scope_text());
  s.number = in.varint();
  const std::uint8_t gone = in.u8(), level = in.u8();
  s.finding_uid = in.text();
  s.by = in.text();
  s.reason = in.text();
  s.effective_at = in.time();
  const std::uint8_t enforced = in.u8();
  s.from = in.time();
  s.gates.resize(in.count(2, 4096));
  for (auto& [name, applied_at] : s.gates) {
    name = in.text();
    applied_at = in.time();
  }
  const std::size_t members = in.count(16, kMembersRead);
  for (std::size_t i = 0; i < members && in.ok(); ++i) {
    const std::uint64_t high = in.u64(), low = in.u64();
    s.members.insert(AgentKey{{high, low}});
  }
  if (!in.ok() || !scope || gone > kLifted || level >= kLevels || enforced >= kLevels) return std::nullopt;
  s.scope = std::move(*scope);
  s.gone = gone != 0;
  s.lifted = gone == kLifted;
  s.level = static_cast<Level>(level);
  s.enforced = static_cast<Level>(enforced);
  return s;
}

}  // namespace

EnforcementIs ForeignContainments::look_at(const Enforcement& word) const {
  const auto known = all_.find(word.scope + "#" + word.writer);
  const bool stands = known != all_.end() && !known->second.gone;
  if (word.lifted()) return stands && word.effective_at >= known->second.effective_at ? EnforcementIs::News : EnforcementIs::Known;
  if (known == all_.end()) return EnforcementIs::News;
  if (word.effective_at > known->second.effective_at) return EnforcementIs::News;
  return EnforcementIs::Known;
}

bool ForeignContainments::take(const Enforcement& word) {
  const auto scope = parse_scope(word.scope);
  if (!scope || look_at(word) != EnforcementIs::News) return false;
  const std::string key = word.scope + "#" + word.writer;
  if (word.lifted()) {
    ForeignContainment& known = all_.find(key)->second;
    known.effective_at = word.effective_at;
    end(known);
    known.lifted = true;
    return true;
  }
  ForeignContainment* const standing = open(key, *scope);
  if (standing == nullptr) return false;
  if (standing->gone) begin(*standing);
  standing->level = word.level;
  if (standing->finding_uid.empty() || standing->by.empty()) standing->finding_uid = word.finding_uid;
  standing->effective_at = word.effective_at;
  standing->enforced = word.level;
  standing->from = word.from();
  standing->gates = word.gates;
  return changed_ = true;
}

bool ForeignContainments::obey(const Command& command, const ScopeParts& scope) {
  const std::string key = command.scope + "#" + std::string(kOperator);
  if (command.command == "release") {
    const auto known = all_.find(key);
    if (known == all_.end()) return false;
    // What people release is on the control log first, and may be heard from there before their command comes.
    if (known->second.gone) return std::exchange(known->second.lifted, false) && (changed_ = true);
    end(known->second);
    return true;
  }
  if (command.command != "halt") return false;
  ForeignContainment* const standing = open(key, scope);
  if (standing == nullptr || (!standing->gone && !standing->by.empty())) return false;
  if (standing->gone) begin(*standing);
  standing->finding_uid = halted_by(command.by);
  standing->by = command.approver.empty() ? command.by : command.approver;
  standing->reason = command.reason;
  return changed_ = true;
}

std::vector<const ForeignContainment*> ForeignContainments::over(const Event& event) const {
  std::vector<const ForeignContainment*> found;
  if (standing_ == 0) return found;
  for (std::size_t type = 0; type < kTypes; ++type) {
    if (of_type_.at(type) == 0) continue;
    for (const std::string& scope : scopes_of(event, kScopeTypes.at(type))) {
      each_under(all_, scope, [&](const ForeignContainment& s) {
        if (!s.gone) found.push_back(&s);
      });
    }
  }
  return found;
}

std::vector<const ForeignContainment*> ForeignContainments::trees_over(const Event& event,
                                                                       std::span<const std::string_view> ancestors) const {
  std::vector<const ForeignContainment*> found;
  for (const std::string_view ancestor : ancestors) {
    const ForeignContainment* const tree = tree_of_person(scope_key("subtree", event.tenant, ancestor));
    if (tree != nullptr) found.push_back(tree);
  }
  return found;
}

const ForeignContainment* ForeignContainments::tree_of_person(std::string_view scope) const {
  const ForeignContainment* const tree = find(std::string(scope) + "#" + std::string(kOperator));
  return tree != nullptr && is_tree(*tree) && is_halted_by_person(tree->finding_uid) ? tree : nullptr;
}

const ForeignContainment* ForeignContainments::find(std::string_view key) const {
  const auto known = all_.find(key);
  return known == all_.end() || known->second.gone ? nullptr : &known->second;
}

bool ForeignContainments::knows(const std::string& scope) const { return all_.contains(scope + "#" + std::string(kOperator)); }

void ForeignContainments::join(const std::string& key, const AgentKey& member) {
  const auto tree = all_.find(key);
  if (tree == all_.end() || !room_for_member() || !tree->second.members.insert(member).second) return;
  ++members_;
  changed_ = true;
}

std::vector<const ForeignContainment*> ForeignContainments::with_members(std::string_view scope) const {
  std::vector<const ForeignContainment*> found;
  each_under(all_, scope, [&](const ForeignContainment& s) {
    if (!s.members.empty()) found.push_back(&s);
  });
  return found;
}

bool ForeignContainments::holds(const AgentKey& member, std::string_view finding_uid) const {
  return std::ranges::any_of(all_, [&](const auto& row) {
    const ForeignContainment& tree = row.second;
    return is_tree(tree) && !tree.gone && tree.finding_uid == finding_uid && tree.members.contains(member);
  });
}

std::string ForeignContainments::encode() const {
  Writer out;
  out.u8(kForm);
  out.varint(numbers_);
  out.varint(all_.size());
  for (const auto& [key, standing] : all_) write(out, standing);
  return out.take();
}

void ForeignContainments::restore(std::string_view bytes) {
  Reader in(bytes);
  ForeignContainments read_back;
  if (const std::uint8_t form = in.u8(); form != kForm && form != kFormBefore) return;
  read_back.numbers_ = in.varint();
  const std::size_t count = in.count(12, kMost);
  for (std::size_t i = 0; i < count; ++i) {
    auto standing = read(in);
    if (!standing) return;
    read_back.members_ += standing->members.size();
    const auto [row, fresh] = read_back.all_.emplace(standing->key, std::move(*standing));
    if (!fresh || row->second.gone) continue;
    ++read_back.standing_;
    ++read_back.of_type_.at(type_of(row->second));
  }
  if (in.ok() && in.at_end()) *this = std::move(read_back);
}

void ForeignContainments::take_members(const ForeignContainments& other) {
  for (const auto& [key, theirs] : other.all_) {
    const auto mine = all_.find(key);
    if (mine == all_.end()) continue;
    members_ -= mine->second.members.size();
    mine->second.members.insert(theirs.members.begin(), theirs.members.end());
    members_ += mine->second.members.size();
  }
}

/// The row of the key, a new one where there is none; null where there is no room.
ForeignContainment* ForeignContainments::open(const std::string& key, const ScopeParts& scope) {
  if (const auto known = all_.find(key); known != all_.end()) return &known->second;
  if (!make_room()) return nullptr;
  ForeignContainment& fresh = all_[key];
  fresh.key = key;
  fresh.scope = scope;
  fresh.gone = true;
  return &fresh;
}

/// Those that are gone make room, the one that came first before the others.
bool ForeignContainments::make_room() {
  if (all_.size() < kMost) return true;
  auto oldest = all_.end();
  for (auto row = all_.begin(); row != all_.end(); ++row)
    if (row->second.gone && (oldest == all_.end() || row->second.number < oldest->second.number)) oldest = row;
  if (oldest == all_.end()) return false;
  members_ -= oldest->second.members.size();
  all_.erase(oldest);
  return true;
}

void ForeignContainments::begin(ForeignContainment& standing) {
  standing.gone = standing.lifted = false;
  standing.number = ++numbers_;
  standing.level = Level::Halt;
  standing.finding_uid.clear();
  standing.by.clear();
  standing.reason.clear();
  standing.enforced = Level::Observe;
  standing.from = {};
  standing.gates.clear();
  ++standing_;
  ++of_type_.at(type_of(standing));
  changed_ = true;
  forget_freed(standing);
}

void ForeignContainments::end(ForeignContainment& standing) {
  standing.gone = true;
  --standing_;
  --of_type_.at(type_of(standing));
  changed_ = true;
  forget_freed(standing);
}

/// What the change before this one freed is stored for good by now: only the last is taken once more after a kill.
void ForeignContainments::forget_freed(const ForeignContainment& but) {
  for (auto& [key, other] : all_) {
    if (!other.gone || &other == &but) continue;
    members_ -= other.members.size();
    other.members.clear();
  }
}

}  // namespace ringfence
