// SPDX-License-Identifier: Apache-2.0
#include "engine/persona/compile.h"

#include <algorithm>
#include <array>
#include <tuple>
#include <utility>

#include "engine/event/limits.h"
#include "engine/persona/argument.h"
#include "engine/persona/envelope.h"
#include "engine/persona/paths.h"
#include "engine/persona/values.h"
#include "engine/persona/view.h"

namespace ringfence {
namespace {

using Out = std::vector<Diagnostic>;

void error(Out& out, const std::string& file, View at, std::string message) {
  out.push_back({Diagnostic::Kind::Error, file, at.line(), at.column(), std::move(message)});
}

template <class Enum, std::size_t N>
Enum word_of(View node, const std::array<std::string_view, N>& words, Enum preset) {
  const auto text = node.text();
  const auto found = text ? std::ranges::find(words, std::string_view(*text)) : words.end();
  return found == words.end() ? preset : static_cast<Enum>(found - words.begin());
}

std::string pointer_of(std::string_view name) {
  if (name.starts_with('/')) return std::string(name);
  std::string pointer = "/";
  for (const char c : name) pointer += c == '~' ? std::string("~0") : c == '/' ? std::string("~1") : std::string(1, c);
  return pointer;
}

class Compiler {
 public:
  Compiler(const CompileInput& input, Out& out) : in_(input), root_(&input.root), out_(out) {}

  Persona run() {
    identity();
    actions();
    prohibitions();
    destinations();
    workflow();
    data();
    conduct();
    response();
    exceptions();
    return std::move(p_);
  }

 private:
  void fail(View at, std::string message) { error(out_, in_.file, at, std::move(message)); }

  void identity() {
    const auto text = [&](std::string_view key) { return root_[key].text().value_or(""); };
    p_.file = in_.file;
    p_.id = text("id");
    p_.version = text("version");
    p_.job = text("job");
    const View owner = root_["owner"];
    p_.owner_team = owner["team"].text().value_or("");
    p_.owner_contact = owner["contact"].text().value_or("");
    if (owner.is_mapping() && !owner["team"] && !owner["contact"]) fail(owner, "owner: expected team or contact");
    p_.maturity = word_of<Maturity, 4>(root_["maturity"], {"intern", "junior", "senior", "principal"}, Maturity::Junior);
    p_.tier = static_cast<int>(std::clamp<std::int64_t>(root_["tier"].integer().value_or(2), 1, 4));
    p_.confidence = word_of<Confidence, 3>(root_["confidence"], {"sketch", "reviewed", "measured"}, Confidence::Sketch);
    if (auto sha = root_["charter_sha256"].text()) {
      std::ranges::transform(*sha, sha->begin(), [](char c) { return c >= 'A' && c <= 'F' ? static_cast<char>(c - 'A' + 'a') : c; });
      p_.charter_sha256 = std::move(sha);
    }
    p_.agents = root_["applies_to"]["agents"].globs();
    p_.tenants = root_["applies_to"]["tenants"].globs();
  }

  void actions() {
    const View list = root_["actions"];
    std::map<std::string, int> lines;
    list.each([&](View node) {
      const std::string id = node["id"].text().value_or("");
      const auto [first, fresh] = lines.try_emplace(id, node["id"].line());
      if (!fresh && !id.empty()) fail(node["id"], "action '" + id + "' is declared twice, first on line " + std::to_string(first->second));
      if (p_.actions.size() == kActionsMax) return fail(node, "more than " + std::to_string(kActionsMax) + " actions");
      if (p_.actions.size() < kActionsMax) p_.actions.push_back(action(node, id));
    });
    rank_actions();
  }

  Action action(View node, const std::string& id) {
    Action a;
    a.id = id;
    a.tools = node["tools"].globs();
    if (const auto effect = node["effect"].text()) a.effect = effect_named(*effect);
    a.resources = node["resources"].globs();
    if (const auto share = node["share"].text()) a.share = parse_share(*share);
    a.returns = node["returns"].texts();
    a.words = node["words"].texts();
    a.anytime = node["anytime"].flag().value_or(false);
    a.approval = node["approval"].flag().value_or(false);
    if (p_.maturity == Maturity::Intern && a.effect && *a.effect != Effect::Read) a.approval = true;
    if (const View own = node["data"]["per_call"]; own) a.per_call = envelope(own);
    if (const View own = node["data"]["per_day"]; own) a.per_day = envelope(own);
    node["arguments"].each_pair([&](View name, View rule) {
      if (rule.is_mapping()) a.arguments.push_back(argument(name.text().value_or(""), rule));
    });
    return a;
  }

  ValueSet values_of(const std::string& list) {
    ValueSet set;
    set.list = list;
    if (const auto found = in_.lists.find(list); found != in_.lists.end()) set.values.insert(found->second.begin(), found->second.end());
    return set;
  }

  ArgumentRule argument(const std::string& name, View node) {
    ArgumentRule rule;
    rule.name = name;
    rule.pointer = pointer_of(name);
    if (const auto list = node["in_list"].text()) rule.in_list = values_of(*list);
    if (const View choice = node["one_of"]; choice.is_sequence()) {
      const auto texts = choice.texts();
      rule.one_of = ValueSet{"", {texts.begin(), texts.end()}};
    }
    if (const View glob = node["glob"]; glob) rule.glob = glob.is_sequence() ? glob.globs() : GlobSet({glob.text().value_or("")});
    rule.max = node["max"].number();
    rule.min = node["min"].number();
    if (rule.max && rule.min && *rule.max < *rule.min) fail(node["max"], "arguments." + name + ".max: less than min");
    if (const auto most = node["max_length"].integer()) rule.max_length = static_cast<std::size_t>(std::max<std::int64_t>(*most, 0));
    rule.required = node["required"].flag().value_or(false);
    rule.selective = node["selective"].flag().value_or(false);
    rule.shapes = node["shape"].texts();
    rule.destination = node["destination"].flag().value_or(false);
    if (const View mark = node["identifier"]; mark && mark.flag() != false) {
      rule.identifier = true;
      rule.identifier_kind = mark.flag() ? name : mark.text().value_or(name);
    }
    return rule;
  }

  /// Ranks by the broadest resource glob (none declared is broadest), then by the number of argument limits; equally narrow ones share a
  /// rank.
  void rank_actions() {
    static const Glob kAnything("**");
    const auto broadest = [](const Action& a) {
      const auto& globs = a.resources.globs();
      return globs.empty() ? &kAnything
                           : &*std::ranges::min_element(globs, [](const Glob& x, const Glob& y) { return x.less_specific_than(y); });
    };
    const auto limits = [](const Action& a) {
      return std::ranges::count_if(a.arguments, [](const ArgumentRule& rule) { return rule.required || limits_values(rule); });
    };
    const auto narrower = [&](const Action& a, const Action& b) {
      const auto order = broadest(a)->specificity(*broadest(b));
      return order != 0 ? order > 0 : limits(a) > limits(b);
    };
    for (Action& a : p_.actions)
      a.narrowness = static_cast<int>(std::ranges::count_if(p_.actions, [&](const Action& other) { return narrower(a, other); }));
  }

  void prohibitions() {
    root_["never"].each([&](View node) {
      NeverRule rule;
      rule.tools = node["tools"].globs();
      rule.resources = node["resources"].globs();
      for (const std::string& word : node["effects"].texts())
        if (const auto effect = effect_named(word)) rule.effects[static_cast<std::size_t>(*effect)] = true;
      if (node["severity"])
        rule.severity =
            word_of<Severity, kSeverities>(node["severity"], {"informational", "low", "medium", "high", "critical"}, Severity::High);
      if (node.is_mapping() && !node["tools"] && !node["resources"] && !node["effects"])
        fail(node, "never: expected tools, effects or resources");
      p_.never.push_back(std::move(rule));
    });
    root_["decoys"].each([&](View node) { p_.decoys.push_back({node["tools"].globs(), node["resources"].globs()}); });
  }

  void destinations() {
    const View node = root_["destinations"];
    Destinations& d = p_.destinations;
    d.declared = static_cast<bool>(node);
    d.hosts = node["hosts"].host_globs();
    d.agents = node["agents"].globs();
    d.external = word_of<External, 4>(node["external"], {"none", "listed", "grounded", "any"}, External::None);
    if (node["internal"]) d.internal = node["internal"].host_globs();
    d.new_per_day = node["new_per_day"].integer();
    const View accounts = node["accounts"];
    if (accounts.is_sequence()) {
      const auto texts = accounts.texts();
      d.accounts = ValueSet{"", {texts.begin(), texts.end()}};
    } else if (accounts.is_mapping()) {
      d.accounts = values_of(accounts["list"].text().value_or(""));
    }
  }

  std::optional<ActionIndex> index_of(View id) const {
    const auto text = id.text();
    const auto found = text ? std::ranges::find(p_.actions, *text, &Action::id) : p_.actions.end();
    return found == p_.actions.end() ? std::nullopt : std::optional(static_cast<ActionIndex>(found - p_.actions.begin()));
  }

  ActionMask mask_of(View list) const {
    ActionMask mask = 0;
    list.each([&](View id) {
      if (const auto index = index_of(id)) mask |= ActionMask{1} << *index;
    });
    return mask;
  }

  void workflow() {
    const View node = root_["workflow"];
    Workflow& w = p_.workflow;
    w.declared = node["start"] || node["next"];
    w.start = mask_of(node["start"]);
    const auto each_action = [&](View map, auto&& use) {
      map.each_pair([&](View id, View value) {
        if (const auto index = index_of(id)) use(*index, value);
      });
    };
    each_action(node["next"], [&](ActionIndex i, View list) { w.next[i] = mask_of(list); });
    each_action(node["before"], [&](ActionIndex i, View list) { w.before[i] = mask_of(list); });
    each_action(node["at_most"], [&](ActionIndex i, View count) { w.at_most[i] = count.integer().value_or(0); });
    each_action(node["after"], [&](ActionIndex i, View value) {
      const auto followup = index_of(value["do"]);
      const auto within = value["within"].duration();
      if (followup && within) w.after[i] = {*followup, *within};
    });
  }

  void data() {
    const View node = root_["data"];
    p_.per_call = envelope(node["per_call"]);
    p_.per_session = envelope(node["per_session"]);
    p_.per_day = envelope(node["per_day"]);
    p_.coverage = ladder(node["coverage"], parse_share);
    p_.calls_per_minute = ladder(node["rate"]["per_minute"], parse_number);
    node["flows"].each([&](View flow) {
      FlowRule rule;
      rule.from = flow["from"].text().value_or("");
      rule.allow = flow["allow"].flag().value_or(false);
      const std::string to = flow["to"].text().value_or("");
      if (to == "external" || to == "internal") {
        rule.to = to == "external" ? FlowRule::To::External : FlowRule::To::Internal;
      } else {
        const bool account = to.starts_with("account:");
        rule.to = account ? FlowRule::To::Account : FlowRule::To::Host;
        rule.glob = Glob(account ? to.substr(8) : lower_ascii(to));
      }
      p_.flows.push_back(std::move(rule));
    });
  }

  void conduct() {
    const View barriers = root_["barriers"];
    if (const auto share = barriers["denials"].text()) p_.barriers.denials = parse_share(*share).value_or(p_.barriers.denials);
    p_.barriers.retries = static_cast<int>(barriers["retries"].integer().value_or(p_.barriers.retries));
    p_.barriers.then = mask_of(barriers["then"]);
    const View delegation = root_["delegation"];
    p_.delegation.declared = static_cast<bool>(delegation);
    p_.delegation.to = delegation["to"].globs();
    p_.delegation.from = delegation["from"].globs();
    if (const auto depth = delegation["max_depth"].integer()) p_.delegation.max_depth = static_cast<int>(*depth);
    if (const auto children = delegation["max_children"].integer()) p_.delegation.max_children = static_cast<int>(*children);
    const View credentials = root_["credentials"];
    if (credentials["fingerprints"]) p_.credentials = credentials["fingerprints"].texts();
    p_.credential_rotation = credentials["rotation"].duration();
    const View schedule = root_["schedule"];
    p_.schedule.timezone = schedule["timezone"].text().value_or("UTC");
    p_.schedule.active_text = schedule["active"].texts();
    for (const std::string& window : p_.schedule.active_text) static_cast<void>(add_window(window, p_.schedule.active_minutes));
    p_.max_age = root_["lifetime"]["max_age"].duration();
    p_.max_idle = root_["lifetime"]["max_idle"].duration();
    const auto show = root_["privacy"]["show"].texts();
    p_.show.insert(show.begin(), show.end());
  }

  void undeclared_defaults() {
    Response& r = p_.response;
    const bool intern_or_junior = p_.maturity == Maturity::Intern || p_.maturity == Maturity::Junior;
    r.undeclared_default = intern_or_junior ? Level::Halt : p_.maturity == Maturity::Senior ? Level::Hold : Level::Alert;
    r.undeclared.fill(r.undeclared_default);
    const auto set = [&](Effect effect, Level level) { r.undeclared[static_cast<std::size_t>(effect)] = level; };
    if (p_.maturity == Maturity::Junior || p_.maturity == Maturity::Senior) set(Effect::Read, Level::Alert);
    if (p_.maturity == Maturity::Senior) set(Effect::Write, Level::Alert);
  }

  void response() {
    const View node = root_["response"];
    Response& r = p_.response;
    r.mode = word_of<Mode, 3>(node["mode"], {"observe", "alert", "enforce"}, Mode::Observe);
    undeclared_defaults();
    const View undeclared = node["undeclared"];
    // A default in the file speaks for every effect the file does not name; without one the maturity's levels stay.
    if (const auto level = undeclared["default"].level()) {
      r.undeclared_default = *level;
      r.undeclared.fill(*level);
    }
    undeclared.each_pair([&](View effect, View value) {
      const auto named = effect_named(effect.text().value_or(""));
      if (const auto level = value.level(); named && level) r.undeclared[static_cast<std::size_t>(*named)] = *level;
    });
    node["analytics"].each_pair([&](View analytic, View value) {
      if (const auto level = value.level()) r.analytics.emplace(analytic.text().value_or(""), *level);
    });
    r.never = node["never"].level().value_or(Level::Halt);
    r.hard_limit = node["hard_limit"].level().value_or(Level::Hold);
    static constexpr std::array<Thresholds, 4> kByTier{{{1e5, 1e8, 1e12}, {1e5, 1e7, 1e10}, {1e5, 1e7, 1e9}, {1e4, 1e6, 1e8}}};
    r.scores = kByTier[static_cast<std::size_t>(p_.tier - 1)];
    const View scores = node["scores"];
    r.scores = {scores["alert"].number().value_or(r.scores.alert), scores["throttle"].number().value_or(r.scores.throttle),
                scores["halt"].number().value_or(r.scores.halt)};
    if (r.scores.alert > r.scores.throttle || r.scores.throttle > r.scores.halt) {
      fail(scores, "response.scores: with the defaults of tier " + std::to_string(p_.tier) + " alert, throttle and halt do not rise");
    }
    r.holds_to_halt = static_cast<int>(node["holds_to_halt"].integer().value_or(3));
    r.scope = word_of<HaltScope, 3>(node["scope"], {"session", "agent", "subtree"}, HaltScope::Agent);
  }

  void exceptions() {
    std::set<std::string> ids;
    root_["exceptions"].each([&](View node) {
      Exception e;
      e.line = node.line();
      e.column = node.column();
      e.id = node["id"].text().value_or("");
      if (!ids.insert(e.id).second) fail(node["id"], "exception '" + e.id + "' is declared twice");
      e.analytic = node["analytic"].text().value_or("");
      e.reason = node["reason"].text().value_or("");
      e.approved_by = node["approved_by"].text().value_or("");
      const View match = node["match"];
      const auto glob = [&](std::string_view key) {
        const auto text = match[key].text();
        return text ? std::optional<Glob>(Glob(*text)) : std::nullopt;
      };
      e.agent = glob("agent");
      e.action = glob("action");
      e.tool = glob("tool");
      e.resource = glob("resource");
      e.destination = glob("destination");
      if (const auto text = node["expires"].text()) e.expires = parse_moment(*text).value_or(EventTime{});
      p_.exceptions.push_back(std::move(e));
    });
    tests();
  }

  void tests() {
    root_["tests"].each([&](View node) {
      PersonaTest test;
      test.name = node["name"].text().value_or("");
      test.line = node.line();
      const View events = node["events"];
      events.each([&](View event) { test.events += plain_json(*event.node()) + "\n"; });
      if (const auto path = events.text()) test.events = event_file(events, *path);
      const View expect = node["expect"];
      if (expect["findings"].is_sequence()) test.findings = expect["findings"].texts();
      test.level = expect["level"].level();
      test.max_score = expect["max_score"].number();
      p_.tests.push_back(std::move(test));
    });
  }

  std::string event_file(View at, const std::string& path) {
    const auto below = path_below(in_.file, path);
    if (!below) {
      fail(at, "tests.events: '" + path + "' leaves the persona set");
      return "";
    }
    if (is_compressed_path(path)) {
      fail(at, "tests.events: '" + path + "' is compressed; name a file of plain NDJSON");
      return "";
    }
    const auto found = in_.tree.files.find(*below);
    const bool there = found != in_.tree.files.end();
    if (!there) fail(at, "tests.events: no file '" + path + "' beside the persona");
    if (there && found->second.find_first_not_of(" \t\r\n") == std::string::npos) fail(at, "tests.events: '" + path + "' holds no event");
    return there ? found->second : "";
  }

  const CompileInput& in_;
  View root_;
  Out& out_;
  Persona p_;
};

}  // namespace

Persona compile_persona(const CompileInput& input, Out& diagnostics) {
  Persona persona = Compiler(input, diagnostics).run();
  persona.sha256 = persona_digest(input.root, input.lists);
  return persona;
}

}  // namespace ringfence
