// SPDX-License-Identifier: Apache-2.0
#include "models/delegation.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/event/escape.h"
#include "engine/event/limits.h"
#include "models/scope_argument.h"
#include "models/scope_destination.h"
#include "models/scope_job.h"
#include "models/scope_memory.h"

namespace ringfence {
namespace {

using scope::Ruling;

constexpr auto kSlot = static_cast<std::size_t>(ChannelId::Delegation);
constexpr std::uint8_t kVersion = 1;
constexpr std::string_view kTokenSession = "token";
enum Context : std::uint8_t { kActsForAnother, kDelegates };
enum Class : std::uint8_t { kInside, kOutsideParent, kOutsideChild, kTooDeep, kFanOut };

/// The class follows from the act and the declared jobs; the caps bound it given the past, so the box numeraire's mean is at most 1 (§2.1).
const std::vector<std::vector<double>> kCaps{{1, .02, .02, .01, .01}, {1, .02, .02, .01, .01}};
const std::vector<Bet> kBets{{.threat = Threat::DelegationExcess, .q = {{.45, .30, .10, .13, .02}, {.50, .02, .02, .02, .44}}}};

/// To whom a session has delegated, and for whom a token's session acts.
class SessionDelegation final : public ChannelMemory {
 public:
  static constexpr std::size_t kChildren = limits::kChildrenDeclared, kAsked = limits::kChildrenDeclared;

  /// A request for a child that no act has got yet; more of them than there is room for are taken for granted.
  struct Asked {
    std::uint64_t act = 0, child = 0;  // hashes of ids
  };
  std::vector<std::uint64_t> children;  // hashes of agent ids, sorted
  std::vector<Asked> asked;             // of children that are there only because they were asked for
  std::uint64_t bound = 0;              // hash of the delegation a token's session began with; 0: none yet

  /// Notes that an act delegates to `child`; false where it would be one more than `most`. `act`: of a request, else 0.
  [[nodiscard]] bool delegate(std::uint64_t child, std::size_t most, std::uint64_t act) {
    const auto place = std::ranges::lower_bound(children, child);
    const bool known = place != children.end() && *place == child;
    if (!known && children.size() >= most) return false;
    const bool sure = known && std::ranges::find(asked, child, &Asked::child) == asked.end();
    if (!known) children.insert(place, child);
    if (act == 0) confirm(child);
    if (act != 0 && !sure && asked.size() < kAsked) asked.push_back({act, child});
    return true;
  }
  /// What came of a request: where nothing came of it, its children are none unless another act asks for them.
  void settle(std::uint64_t act, bool failed) {
    std::vector<std::uint64_t> of_act;
    for (const Asked& one : asked)
      if (one.act == act) of_act.push_back(one.child);
    std::erase_if(asked, [&](const Asked& one) { return one.act == act; });
    for (const std::uint64_t child : of_act) {
      if (!failed) {
        confirm(child);
      } else if (std::ranges::find(asked, child, &Asked::child) == asked.end()) {
        std::erase(children, child);
      }
    }
  }

  void encode(Writer& out) const override {
    out.u8(kSessionVersion);
    out.u64(bound);
    out.varint(children.size());
    for (const std::uint64_t child : children) out.u64(child);
    out.varint(asked.size());
    for (const Asked& one : asked) {
      out.u64(one.act);
      out.u64(one.child);
    }
  }
  [[nodiscard]] std::size_t bytes() const override {
    return sizeof(*this) + children.capacity() * sizeof(std::uint64_t) + asked.capacity() * sizeof(Asked);
  }
  [[nodiscard]] static std::unique_ptr<ChannelMemory> decode(Reader& in) {
    const std::uint8_t version = in.u8();
    if (version != 1 && version != kSessionVersion) return nullptr;
    auto memory = std::make_unique<SessionDelegation>();
    memory->bound = in.u64();
    memory->children.resize(in.count(sizeof(std::uint64_t), kChildren));
    for (std::uint64_t& child : memory->children) child = in.u64();
    if (version != 1) memory->asked.resize(in.count(sizeof(Asked), kAsked));
    for (Asked& one : memory->asked) {
      one.act = in.u64();
      one.child = in.u64();
    }
    return in.ok() ? std::move(memory) : nullptr;
  }

 private:
  static constexpr std::uint8_t kSessionVersion = 2;  // 1: without what was asked

  void confirm(std::uint64_t child) {
    std::erase_if(asked, [&](const Asked& one) { return one.child == child; });
  }
};

/// Below whom an agent works, for the trees of those agents: they are told when it comes and when it has left.
class AgentDelegation final : public ChannelMemory {
 public:
  static constexpr std::size_t kTrees = 16;

  /// Notes that the agent acted below `ancestors`. A tree is told once a day, so that neither its memory nor this one outlives the other
  /// for long; one where the agent has done nothing for an hour, by its own acts, is told that it left.
  [[nodiscard]] std::vector<LinkNote> follow(std::span<const std::string_view> ancestors, EventTime time) {
    std::vector<LinkNote> notes;
    for (const std::string_view ancestor : ancestors.first(std::min(ancestors.size(), kTrees))) {
      auto tree = std::ranges::find(trees_, ancestor, &Tree::root);
      if (tree == trees_.end()) {
        if (trees_.size() == kTrees) leave(std::ranges::min_element(trees_, {}, &Tree::last), notes);
        tree = trees_.insert(trees_.end(), {std::string(ancestor), time, time - kTellAgain});
      }
      tree->last = std::max(tree->last, time);
      if (time - tree->told < kTellAgain) continue;
      tree->told = time;
      notes.push_back({.kind = SubjectKind::Tree, .subject = tree->root, .deed = Deed::Join});
    }
    for (auto tree = trees_.begin(); tree != trees_.end();) tree = time - tree->last > kLeft ? leave(tree, notes) : std::next(tree);
    return notes;
  }

  void encode(Writer& out) const override {
    out.u8(kVersion);
    out.varint(trees_.size());
    for (const Tree& tree : trees_) {
      out.text(tree.root);
      out.time(tree.last);
      out.time(tree.told);
    }
  }
  [[nodiscard]] std::size_t bytes() const override {
    std::size_t total = sizeof(*this) + trees_.capacity() * sizeof(Tree);
    for (const Tree& tree : trees_) total += tree.root.capacity();
    return total;
  }
  [[nodiscard]] static std::unique_ptr<ChannelMemory> decode(Reader& in) {
    if (in.u8() != kVersion) return nullptr;
    auto memory = std::make_unique<AgentDelegation>();
    memory->trees_.resize(in.count(3, kTrees));
    for (Tree& tree : memory->trees_) {
      tree.root = in.text();
      tree.last = in.time();
      tree.told = in.time();
    }
    return in.ok() ? std::move(memory) : nullptr;
  }

 private:
  static constexpr Nanos kTellAgain = days(1), kLeft = hours(1);
  struct Tree {
    std::string root;
    EventTime last, told;
  };
  using Place = std::vector<Tree>::iterator;

  Place leave(Place tree, std::vector<LinkNote>& notes) {
    notes.push_back({.kind = SubjectKind::Tree, .subject = std::move(tree->root), .deed = Deed::Leave});
    return trees_.erase(tree);
  }

  std::vector<Tree> trees_;
};

SessionDelegation& memory_of(const Act& act) { return scope::memory_in<SessionDelegation>(act.session.memory[kSlot]); }

/// The same act held against another job.
Act under(const Act& act, const Persona& job) {
  const ActionMatch match = match_action(job, act.event);
  return {.event = act.event,
          .persona = job,
          .set = act.set,
          .match = match,
          .effect = effect_of(job, match.action, act.event),
          .agent = act.agent,
          .session = act.session};
}

bool outside(const Act& act) { return !scope::judge_declared(act).breaches.empty() || !scope::judge_arguments(act).breaches.empty(); }

/// A host or account that the job bars; nothing where all are permitted or it cannot be said.
const scope::Target* barred_by(const Act& act, const scope::Targets& targets) {
  const auto found = std::ranges::find_if(targets.first, [&](const scope::Target& target) { return scope::barred(act, target); });
  return found == targets.first.end() ? nullptr : &*found;
}

struct Verdict {
  Ruling ruling;
  std::optional<Class> cls;
};

Verdict judge_as_delegate(const Act& act, const std::vector<std::string_view>& ancestors) {
  Verdict out;
  if (ancestors.empty()) return out;
  const bool parent_told = scope::parent_of(act.event).has_value();
  const scope::Depth depth = scope::depth_of(act.event, ancestors);
  const auto excess = [&](std::string what) { out.ruling.breach(Analytic::DelegationExcess, std::move(what)); };
  const auto worst = [&](Class cls) { out.cls = std::max(out.cls.value_or(cls), cls); };
  std::vector<const Persona*> judged;  // two agents of one job are told of once
  std::string_view child = act.event.agent.id;
  for (const std::string_view ancestor : ancestors) {
    const Persona* job = scope::job_of(act, ancestor);
    const std::string_view delegate = std::exchange(child, ancestor);
    if (job == nullptr) continue;
    const Delegation& declared = job->delegation;
    if (declared.declared && !parent_told && !declared.to.empty()) {
      out.ruling.lacks(Lacking::Delegation);
    } else if (declared.declared && !declared.to.matches(delegate) && delegate == act.event.agent.id) {
      excess("it acts on behalf of agent " + printable(ancestor, 80) + ", whose delegation.to does not name it");
    }
    if (std::ranges::find(judged, job) != judged.end()) continue;
    judged.push_back(job);
    if (declared.max_depth && depth.least > *declared.max_depth) {
      worst(kTooDeep);
      excess("it acts at delegation depth " + scope::depth_words(depth) + ", the job " + printable(job->reference(), 80) +
             " it was delegated from allows " + std::to_string(*declared.max_depth));
    } else if (declared.max_depth && !depth.exact) {
      out.ruling.lacks(Lacking::Delegation);
    }
    if (job->id == act.persona.id) continue;
    const Act theirs = under(act, *job);
    const scope::Targets targets = scope::targets_of(theirs);
    const scope::Target* const barred = barred_by(theirs, targets);
    const bool beyond = outside(theirs);
    if (!beyond && barred == nullptr) continue;
    worst(kOutsideParent);
    const std::string what =
        beyond ? "tool " + scope::tool_words(act.event) + " is"
               : printable(barred->name, 80) + ", " + scope::value_words(act.persona, barred->name, barred->value) + ", is";
    excess(what + " outside the job " + printable(job->reference(), 80) + " it was delegated from");
  }
  if (!judged.empty() && !out.cls) out.cls = outside(act) ? kOutsideChild : kInside;
  return out;
}

/// A token that was issued for one delegation serves no other.
Ruling judge_token(const Act& act, const std::vector<std::string_view>& ancestors) {
  Ruling ruling;
  if (!act.event.session.id || act.event.session.kind != kTokenSession) return ruling;
  if (ancestors.empty() && act.session.memory[kSlot] == nullptr) return ruling;
  std::uint64_t hash = 1;
  for (const std::string_view ancestor : ancestors) hash = hash64(ancestor, hash);
  hash = std::max<std::uint64_t>(hash, 1);
  SessionDelegation& memory = memory_of(act);
  if (memory.bound == 0) {
    memory.bound = hash;
  } else if (memory.bound != hash) {
    ruling.breach(Analytic::DelegationExcess, "the token of session " + printable(*act.event.session.id, 80) +
                                                  " is used for another delegation than the one it began with");
  }
  return ruling;
}

Verdict judge_fan_out(const Act& act) {
  Verdict out;
  const Delegation& declared = act.persona.delegation;
  if (act.effect != Effect::Delegate || !declared.max_children || !act.event.session.id) return out;
  if (act.event.outcome.status == Outcome::Denied) return out;  // nobody was asked
  const bool failed = act.event.outcome.status == Outcome::Error;
  const auto most = static_cast<std::size_t>(std::clamp<std::int64_t>(*declared.max_children, 0, SessionDelegation::kChildren));
  const std::uint64_t request = act.event.phase == Phase::Request ? std::max<std::uint64_t>(hash64(act.event.id), 1) : 0;
  for (const auto& [name, delegate] : scope::delegates_of(act)) {
    out.cls = out.cls.value_or(kInside);
    if (failed || memory_of(act).delegate(hash64(delegate), most, request)) continue;
    out.cls = kFanOut;
    out.ruling.breach(Analytic::DelegationExcess,
                      "it delegates to another child in this session, declared are at most " + std::to_string(most));
  }
  return out;
}

/// What the evidence of the agent, or of a root session, is of: its classes that are not inside both jobs, in words.
std::string conduct(const Act& act) {
  static constexpr std::array<std::string_view, 5> kWords{"", "acts outside the job it was delegated from", "acts outside its own job",
                                                          "acts deeper than was delegated",
                                                          "delegates to more children than its job declares"};
  std::array<bool, kWords.size()> found{};
  for (const Ledger* const ledger : {act.agent.ledger.get(), act.session.ledger.get()}) {
    if (ledger == nullptr || (act.session.borrowed && ledger == act.agent.ledger.get())) continue;
    for (const Ledger::Row& row : ledger->rows)
      if (row.id.channel == ChannelId::Delegation && row.id.cls < found.size()) found.at(row.id.cls) = true;
  }
  std::vector<std::string> parts;
  for (std::size_t cls = kOutsideParent; cls < found.size(); ++cls)
    if (found.at(cls)) parts.emplace_back(kWords.at(cls));
  return parts.empty() ? "leaves the jobs that were declared for it" : scope::joined(parts, ", and ");
}

/// What the trees above the agent are to know of this act. A borrowed name says nothing of whom its owner works for.
std::vector<LinkNote> tell_trees(const Act& act, std::span<const std::string_view> ancestors) {
  auto& slot = act.agent.memory[kSlot];
  if (act.session.borrowed || (ancestors.empty() && slot == nullptr)) return {};
  return scope::memory_in<AgentDelegation>(slot).follow(ancestors, act.event.time);
}

class DelegationChannel final : public Channel {
 public:
  [[nodiscard]] const ChannelInfo& info() const override {
    static const ChannelInfo kInfo{
        ChannelId::Delegation,
        "delegation",
        {"acts for another", "delegates"},
        {"inside both jobs", "outside the parent's job", "outside its own job", "deeper than declared", "more children than declared"},
        {20, 20, 20, 20, 20},
        true};
    return kInfo;
  }
  [[nodiscard]] std::vector<std::vector<double>> caps(const Persona& /*persona*/) const override { return kCaps; }
  [[nodiscard]] std::span<const Bet> bets() const override { return kBets; }
  [[nodiscard]] std::unique_ptr<ChannelMemory> decode_memory(MemoryScope scope, Reader& in) const override {
    return scope == MemoryScope::Session ? SessionDelegation::decode(in) : AgentDelegation::decode(in);
  }

  [[nodiscard]] Reading read(const Act& act) const override {
    Reading reading = Reading::of(Reading::Kind::Silent);
    const Event& event = act.event;
    if (event.kind != EventKind::ToolCall) return reading;
    const bool delegated = event.delegation.parent || event.delegation.root || !event.delegation.chain.empty();
    const std::vector<std::string_view> ancestors = delegated ? scope::ancestors_of(event) : std::vector<std::string_view>{};
    Verdict below = judge_fan_out(act);
    Verdict above = judge_as_delegate(act, ancestors);
    above.ruling += judge_token(act, ancestors);
    if (below.cls && (*below.cls == kFanOut || !above.cls)) {
      reading = Reading::marked(kDelegates, *below.cls);
    } else if (above.cls) {
      reading = Reading::marked(kActsForAnother, *above.cls);
    } else if (!ancestors.empty()) {
      reading = Reading::of(Reading::Kind::NotEvaluable);
    }
    if (const Text root = scope::root_of(event); root && reading.kind == Reading::Kind::Marked) {
      const Persona* job = scope::job_of(act, *root);
      if (job != nullptr && job->delegation.max_children)
        reading.links.push_back(
            {.kind = SubjectKind::RootSession, .most_members = static_cast<std::uint32_t>(std::max(*job->delegation.max_children, 0))});
    }
    std::ranges::move(tell_trees(act, ancestors), std::back_inserter(reading.links));
    above.ruling += std::move(below.ruling);
    reading.breaches = std::move(above.ruling.breaches);
    reading.lacking = above.ruling.lacking;
    return reading;
  }

  [[nodiscard]] std::vector<LinkNote> learn_outcome(const Act& act) const override {
    const Outcome status = act.event.outcome.status;
    if (act.event.kind == EventKind::ToolCall && act.session.memory[kSlot] != nullptr)
      memory_of(act).settle(std::max<std::uint64_t>(hash64(act.event.id), 1), status == Outcome::Denied || status == Outcome::Error);
    return {};
  }

  [[nodiscard]] Description describe(const Act& act, Threat /*threat*/) const override {
    const auto ancestors = scope::ancestors_of(act.event);
    Description out;
    out.title = "Agent goes beyond what was delegated to it";
    if (!ancestors.empty())
      out.sentence = "It acts on behalf of agent " + printable(ancestors.front(), 80) + ", at depth " +
                     scope::depth_words(scope::depth_of(act.event, ancestors)) + ". ";
    out.sentence += "It " + conduct(act) + ".";
    return out;
  }
};

}  // namespace

const Channel& delegation_channel() {
  static const DelegationChannel kChannel;
  return kChannel;
}

}  // namespace ringfence
