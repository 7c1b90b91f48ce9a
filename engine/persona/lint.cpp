// SPDX-License-Identifier: Apache-2.0
// Warnings on personas that load: what the contract asks to be told, and what an owner would want to know before it matters.
#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "engine/event/decode.h"
#include "engine/event/escape.h"
#include "engine/event/governed.h"
#include "engine/persona/argument.h"
#include "engine/persona/compile.h"
#include "engine/persona/form.h"
#include "engine/persona/load.h"
#include "engine/persona/view.h"

namespace ringfence {
namespace {

bool overlap(const GlobSet& a, const GlobSet& b) {
  return std::ranges::any_of(a.globs(),
                             [&](const Glob& x) { return std::ranges::any_of(b.globs(), [&](const Glob& y) { return x.overlaps(y); }); });
}

bool same_globs(const GlobSet& a, const GlobSet& b) {
  const auto within = [](const GlobSet& x, const GlobSet& y) {
    return std::ranges::all_of(x.globs(), [&](const Glob& g) {
      return std::ranges::any_of(y.globs(), [&](const Glob& h) { return g.pattern() == h.pattern(); });
    });
  };
  return within(a, b) && within(b, a);
}

/// Some argument tells the two apart: both name the values it may have, and no value is in both.
bool told_apart(const Action& a, const Action& b) {
  return std::ranges::any_of(a.arguments, [&](const ArgumentRule& x) {
    return std::ranges::any_of(b.arguments, [&](const ArgumentRule& y) {
      if (x.pointer != y.pointer || !x.one_of || !y.one_of) return false;
      return std::ranges::none_of(x.one_of->values, [&](const std::string& value) { return y.one_of->values.contains(value); });
    });
  });
}

/// Evidence is clamped, so scores end somewhere: at no less than this for every threat that may halt, one scope alone having evidence.
constexpr double kReachedByAll = 5e27;

class Linter {
 public:
  Linter(const std::string& file, const YamlNode& root, const Persona& persona, std::vector<Diagnostic>& out)
      : file_(file), root_(&root), p_(persona), out_(out) {}

  void run() {
    identity();
    shares();
    rivals();
    for (std::size_t i = 0; i < p_.actions.size(); ++i) action(i);
    order();
    contradictions();
    responses();
    rungs_of_calls();
    flows();
    privacy();
    exceptions();
    tests();
  }

 private:
  void warn(View at, std::string message) {
    const View where = at ? at : root_;
    out_.push_back({Diagnostic::Kind::Warning, file_, where.line(), where.column(), std::move(message)});
  }
  [[nodiscard]] View action_node(std::size_t i) const { return View(&root_["actions"].node()->items[i]); }
  [[nodiscard]] std::string quoted(std::size_t i) const { return "action '" + p_.actions[i].id + "'"; }

  void identity() {
    if (p_.agents.empty()) warn(root_["applies_to"], "applies_to names no agents: the persona holds only where a gateway binds it");
    if (p_.owner_contact.empty()) warn(root_["owner"], "owner has no contact: nobody can be asked");
    if (p_.actions.empty()) warn(root_, "no actions: every act is outside the job");
  }

  void shares() {
    double sum = 0;
    for (const Action& a : p_.actions) sum += a.share.value_or(1);
    if (!p_.actions.empty() && sum < 1 - 1e-9) warn(root_["actions"], "declared shares sum to less than 1 and are scaled up to 1");
  }

  void rivals() {
    for (std::size_t i = 0; i < p_.actions.size(); ++i) {
      for (std::size_t j = 0; j < i; ++j) {
        const Action &later = p_.actions[i], &first = p_.actions[j];
        if (later.narrowness != first.narrowness || !overlap(later.tools, first.tools) || told_apart(later, first)) continue;
        const bool one_place = later.resources.empty() || first.resources.empty() || overlap(later.resources, first.resources);
        if (!one_place) continue;
        const bool shadowed = same_globs(later.tools, first.tools) && same_globs(later.resources, first.resources);
        warn(action_node(i),
             shadowed ? quoted(i) + " is never chosen: '" + first.id + "' has the same tools and is as narrow"
                      : quoted(i) + " and '" + first.id + "' share a tool and are equally narrow: the first in the file decides");
      }
    }
  }

  void action(std::size_t i) {
    const Action& a = p_.actions[i];
    if (!a.effect) warn(action_node(i), quoted(i) + " declares no effect: the event's word is taken for it");
    const bool sends = a.effect == Effect::Send || a.effect == Effect::Transfer;
    const bool marked = std::ranges::any_of(a.arguments, &ArgumentRule::destination);
    if (sends && !marked)
      warn(action_node(i), quoted(i) + " sends, but no argument is marked destination: values given there are not traced");
    for (const ArgumentRule& rule : a.arguments)
      if (rule.in_list && rule.in_list->values.empty())
        warn(action_node(i)["arguments"], "argument '" + rule.name + "' of " + quoted(i) + " can hold no value: its list is empty");
  }

  void order() {
    const Workflow& w = p_.workflow;
    if (w.declared) {
      ActionMask reachable = w.start;
      for (const auto& [from, to] : w.next) reachable |= to;
      for (std::size_t i = 0; i < p_.actions.size(); ++i)
        if (!p_.actions[i].anytime && ((reachable >> i) & 1U) == 0)
          warn(action_node(i), quoted(i) + " has no place in the workflow and is not anytime");
    }
    for (const auto& [index, mask] : w.before)
      if (((mask >> index) & 1U) != 0)
        warn(root_["workflow"]["before"], quoted(index) + " must precede itself: its first act always breaks the order");
    circles();
  }

  /// Each waits for the other, or for one that does.
  void circles() {
    std::map<ActionIndex, ActionMask> ahead = p_.workflow.before;
    for (const auto& [middle, unused] : p_.workflow.before)
      for (auto& [index, mask] : ahead)
        if (((mask >> middle) & 1U) != 0) mask |= ahead.at(middle);
    for (const auto& [index, direct] : p_.workflow.before) {
      const bool itself = ((direct >> index) & 1U) != 0;
      if (itself || ((ahead.at(index) >> index) & 1U) == 0) continue;
      const auto other = std::ranges::find_if(p_.workflow.before, [&](const auto& row) {
        return ((direct >> row.first) & 1U) != 0 && ((ahead.at(row.first) >> index) & 1U) != 0;
      });
      warn(root_["workflow"]["before"], quoted(index) + " must come after '" + p_.actions[other->first].id +
                                            "', and that after it: the first of either always breaks the order");
    }
  }

  void contradictions() {
    std::size_t n = 0;
    for (const NeverRule& rule : p_.never) {
      const View at(&root_["never"].node()->items[n++]);
      for (const Action& a : p_.actions) {
        const bool by_tool = rule.resources.empty() && overlap(rule.tools, a.tools);
        const bool by_effect = a.effect && rule.effects[static_cast<std::size_t>(*a.effect)];
        if (by_tool || by_effect) warn(at, "forbids what action '" + a.id + "' declares");
      }
    }
    n = 0;
    for (const Decoy& decoy : p_.decoys) {
      const View at(&root_["decoys"].node()->items[n++]);
      for (const Action& a : p_.actions) {
        const bool tools = decoy.tools.empty() || overlap(decoy.tools, a.tools);
        const bool resources = decoy.resources.empty() || (!a.resources.empty() && overlap(decoy.resources, a.resources));
        if (tools && resources && !(decoy.tools.empty() && decoy.resources.empty())) warn(at, "action '" + a.id + "' may touch this decoy");
      }
    }
  }

  void responses() {
    const Response& r = p_.response;
    if (p_.tier == 4 && r.mode != Mode::Enforce) warn(root_["response"], "tier 4 without response.mode enforce: nothing is stopped");
    if (const auto drift = r.analytics.find("drift.role"); drift != r.analytics.end() && drift->second > Level::Alert) {
      warn(root_["response"]["analytics"], "drift.role never exceeds alert");
    }
    for (const auto& [uid, level] : r.analytics) {
      const auto analytic = analytic_named(uid);
      if (analytic && !takes_level(*analytic))
        warn(root_["response"]["analytics"], uid + " is not about a job: its level here has no effect");
    }
    if (r.scores.halt > kReachedByAll)
      warn(root_["response"]["scores"], "halt is out of reach: scores end where evidence is clamped, for some threats at 5e27");
    for (const auto& [what, ladder] : {std::pair{"records", p_.per_call.records}, std::pair{"bytes", p_.per_call.bytes}})
      if (ladder && !ladder->max)
        warn(root_["data"]["per_call"], std::string("per_call.") + what + " has no max: no single call is too large");
  }

  void rungs_of_calls() {
    std::size_t with_p90 = 0, without = 0;
    const auto count = [&](const Ladder& ladder) {
      if (ladder.p90) ++with_p90;
      if (!ladder.p90 && (ladder.p50 || ladder.p99)) ++without;
    };
    const auto marked = [&](const auto& such) {
      return std::ranges::any_of(p_.actions, [&](const Action& a) {
        return std::ranges::any_of(a.arguments, [&](const ArgumentRule& rule) { return rule.identifier && such(rule); });
      });
    };
    const auto all = [&](const Envelope& envelope) {
      for (const auto unit : {&Envelope::records, &Envelope::bytes, &Envelope::tokens, &Envelope::cost_usd})
        if (envelope.*unit) count(*(envelope.*unit));
      if (envelope.entities && marked([](const ArgumentRule&) { return true; })) count(*envelope.entities);
      for (const auto& [kind, ladder] : envelope.entities_by_kind)
        if (marked([&](const ArgumentRule& rule) { return rule.identifier_kind == kind; })) count(ladder);
    };
    all(p_.per_call);
    for (const Action& a : p_.actions)
      if (a.per_call) all(*a.per_call);
    if (with_p90 > 0 && without > 0)
      warn(root_["data"]["per_call"], "p90 raises alerts alone: throttles and halts go by it where every ladder of per_call declares one");
  }

  void flows() {
    std::size_t n = 0;
    for (const FlowRule& rule : p_.flows) {
      const View at(&root_["data"]["flows"].node()->items[n++]);
      carried(at["from"], rule.from);
      if (rule.to == FlowRule::To::Host) led_to(at["to"]);
    }
  }

  /// Any label may come with events, so none is an error.
  void carried(View at, const std::string& label) {
    std::vector<std::string> known{"restricted"};
    for (const std::string_view returned : returned_labels()) known.emplace_back(returned);
    if (std::ranges::find(known, label) == known.end())
      warn(at, "no action can return '" + label + "': it comes with events whose data.classes say so alone" + meant(label, known));
  }

  /// A word that is nearly one of the format's is probably no host.
  void led_to(View at) {
    static const std::vector<std::string> kWords{"external", "internal", "account:"};
    const std::string to = at.text().value_or("");
    const std::size_t colon = to.find(':');
    const std::string word = to.substr(0, colon == std::string::npos ? colon : colon + 1);
    if (const std::string near = meant(word, kWords); !near.empty()) warn(at, "'" + to + "' is taken for a host" + near);
  }

  static std::string meant(const std::string& word, const std::vector<std::string>& known) {
    const auto near = nearest(word, known);
    return near ? "; did you mean '" + *near + "'?" : "";
  }

  void privacy() {
    const View keep = root_["privacy"]["keep_text"];
    if (keep.flag().value_or(false)) warn(keep, "keep_text: true keeps nothing more: only hashes of words are kept with either value");
  }

  void exceptions() {
    std::size_t n = 0;
    for (const Exception& e : p_.exceptions) {
      const View at(&root_["exceptions"].node()->items[n++]);
      if (e.action && std::ranges::none_of(p_.actions, [&](const Action& a) { return e.action->matches(a.id); })) {
        warn(at["match"], "exception '" + e.id + "' matches no declared action");
      }
      const auto analytic = analytic_named(e.analytic);
      if (analytic && !takes_exceptions(*analytic))
        warn(at, "exception '" + e.id + "' has no effect: no act is held against " + e.analytic);
      if (analytic && is_of_earlier_acts(*analytic) && (e.tool || e.resource || e.destination))
        warn(at["match"],
             "exception '" + e.id + "' matches nothing: of the act that " + e.analytic + " is about only agent and action are known");
    }
  }

  void tests() {
    std::set<std::string> names;
    std::size_t n = 0;
    for (const PersonaTest& test : p_.tests) {
      const View at(&root_["tests"].node()->items[n++]);
      if (!names.insert(test.name).second) warn(at["name"], "a second test named '" + test.name + "'");
    }
  }

  const std::string& file_;
  View root_;
  const Persona& p_;
  std::vector<Diagnostic>& out_;
};

}  // namespace

void lint_persona(const std::string& file, const YamlNode& root, const Persona& persona, std::vector<Diagnostic>& diagnostics) {
  Linter(file, root, persona, diagnostics).run();
}

std::vector<Diagnostic> expired(const PersonaSet& set, EventTime now) {
  std::vector<Diagnostic> out;
  for (const Persona& persona : set.personas())
    for (const Exception& e : persona.exceptions)
      if (e.expires < now)
        out.push_back({Diagnostic::Kind::Warning, persona.file, e.line, e.column,
                       "exception '" + e.id + "' (" + printable(e.reason) + "; approved by " + printable(e.approved_by) + ") expired on " +
                           format_rfc3339(e.expires) + ": it excuses nothing any more"});
  return out;
}

}  // namespace ringfence
