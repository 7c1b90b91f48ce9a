// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "engine/event/event.h"
#include "engine/event/level.h"
#include "engine/event/severity.h"
#include "engine/persona/glob.h"

namespace ringfence {

/// The declared job of an agent (docs/contracts/persona.md), checked and compiled: names resolved to indices, globs and lists ready.
/// Everything here is immutable after loading and shared by all threads; scoring looks nothing up by string.
/// What the file did not declare is nullopt or empty; defaults of the contract are already filled in.

enum class Maturity : std::uint8_t { Intern, Junior, Senior, Principal };
enum class Confidence : std::uint8_t { Sketch, Reviewed, Measured };
enum class Mode : std::uint8_t { Observe, Alert, Enforce };
enum class HaltScope : std::uint8_t { Session, Agent, Subtree };

/// Index of an action in `Persona::actions`; at most 64 actions, so a set of them is one word.
using ActionIndex = std::uint8_t;
using ActionMask = std::uint64_t;
inline constexpr std::size_t kActionsMax = 64;

/// Rungs of one declared quantity; a rung is passed by a greater value.
struct Ladder {
  std::optional<double> p50, p99, max;
  std::optional<double> p90 = std::nullopt;  // of what one call handles alone
};

/// Declared quantities of one scope (call, session or day).
struct Envelope {
  std::optional<Ladder> records, bytes, tokens, cost_usd;
  std::optional<Ladder> entities;                  // of any kind not named below
  std::map<std::string, Ladder> entities_by_kind;  // KIND -> rungs
};

/// A loaded list, or values written in place.
struct ValueSet {
  std::string list;  // name of the list, empty where written in place
  std::unordered_set<std::string> values;
  [[nodiscard]] bool contains(std::string_view value) const { return values.contains(std::string(value)); }
};

struct ArgumentRule {
  std::string name;     // as written: a JSON Pointer or a top-level name
  std::string pointer;  // always a JSON Pointer into args; matches the leaf itself and every leaf below it (arrays are flattened)
  std::optional<ValueSet> in_list, one_of;
  std::optional<GlobSet> glob;
  std::optional<double> max, min;
  std::optional<std::size_t> max_length;
  bool required = false;
  bool selective = false;
  std::vector<std::string> shapes;
  bool destination = false;
  bool identifier = false;
  std::string identifier_kind;  // the argument's name where the file says `true`
};

struct Action {
  std::string id;
  GlobSet tools;
  std::optional<Effect> effect;
  GlobSet resources;  // empty: any
  std::vector<ArgumentRule> arguments;
  std::optional<double> share;
  std::vector<std::string> returns;
  std::vector<std::string> words;
  bool anytime = false;
  bool approval = false;
  std::optional<Envelope> per_call, per_day;
  /// Rank of how narrow resources and arguments are; the greater decides where a tool is matched by two actions.
  int narrowness = 0;
};

struct NeverRule {
  GlobSet tools, resources;
  std::array<bool, kEffects> effects{};
  std::optional<Severity> severity;  // absent: that of the level
};

struct Decoy {
  GlobSet tools, resources;  // all parts named must match
};

enum class External : std::uint8_t { None, Listed, Grounded, Any };

struct Destinations {
  bool declared = false;
  GlobSet hosts;
  std::optional<ValueSet> accounts;
  GlobSet agents;
  External external = External::None;
  std::optional<GlobSet> internal;
  std::optional<std::int64_t> new_per_day;
};

struct Workflow {
  bool declared = false;  // start or next given
  ActionMask start = 0;
  std::map<ActionIndex, ActionMask> next;
  std::map<ActionIndex, ActionMask> before;
  std::map<ActionIndex, std::int64_t> at_most;
  struct Followup {
    ActionIndex action;
    Nanos within;
  };
  std::map<ActionIndex, Followup> after;
};

struct FlowRule {
  std::string from;  // label
  enum class To : std::uint8_t { External, Internal, Host, Account } to{};
  std::optional<Glob> glob;
  bool allow = false;
};

struct Barriers {
  double denials = 0.10;
  int retries = 2;
  ActionMask then = 0;
};

struct Delegation {
  bool declared = false;
  GlobSet to, from;
  std::optional<int> max_depth, max_children;
};

struct Schedule {
  std::string timezone = "UTC";
  /// One minute-of-week bit set per active window: bit m is minute m after Monday 00:00 in `timezone`. Empty: always.
  std::vector<bool> active_minutes;
  std::vector<std::string> active_text;
};

struct Thresholds {
  double alert = 1e5, throttle = 1e7, halt = 1e10;
};

struct Response {
  Mode mode = Mode::Observe;
  std::array<Level, kEffects> undeclared{};  // per effect, defaults by maturity filled in
  Level undeclared_default = Level::Halt;    // for an act whose effect nobody names
  std::map<std::string, Level> analytics;
  Level never = Level::Halt;
  Level hard_limit = Level::Hold;
  Thresholds scores;
  int holds_to_halt = 3;
  HaltScope scope = HaltScope::Agent;
};

struct Exception {
  std::string id, analytic, reason, approved_by;
  std::optional<Glob> agent, action, tool, resource, destination;
  EventTime expires;  // the last moment it holds
  int line = 0, column = 0;
};

struct PersonaTest {
  std::string name;
  std::string events;  // NDJSON text
  std::optional<std::vector<std::string>> findings;
  std::optional<Level> level;
  std::optional<double> max_score;
  int line = 0;
};

struct Persona {
  std::string id, version, job;
  std::string owner_team, owner_contact;
  std::string sha256;  // of the normalised file with its lists, lower-case hex
  std::string file;    // as found below the directory
  Maturity maturity = Maturity::Junior;
  int tier = 2;
  Confidence confidence = Confidence::Sketch;
  std::optional<std::string> charter_sha256;
  GlobSet agents, tenants;  // applies_to; tenants empty: all
  std::vector<Action> actions;
  std::vector<NeverRule> never;
  Destinations destinations;
  std::vector<Decoy> decoys;
  Workflow workflow;
  Envelope per_call, per_session, per_day;
  std::optional<Ladder> coverage;  // p99 and max only
  std::optional<Ladder> calls_per_minute;
  std::vector<FlowRule> flows;
  Barriers barriers;
  Delegation delegation;
  std::optional<std::vector<std::string>> credentials;
  std::optional<Nanos> credential_rotation;
  Schedule schedule;
  std::optional<Nanos> max_age, max_idle;
  Response response;
  std::set<std::string> show;
  std::vector<Exception> exceptions;
  std::vector<PersonaTest> tests;

  /// Tolerance of the declared null: sketch 2.0, reviewed 1.5, measured 1.2.
  [[nodiscard]] double tolerance() const;
  /// `id@version`, as findings name it.
  [[nodiscard]] std::string reference() const { return id + "@" + version; }
};

/// Which action of the persona an act is, and why it may not be one.
struct ActionMatch {
  std::optional<ActionIndex> action;  // the narrowest whose tools match and whose resources, where evaluable, match
  bool tool_declared = false;         // some action has the tool
  bool resource_evaluable = true;     // false: the act names no resource and the tool alone decided
};

/// A glob of tools against the act's tool: `server/name`, the bare `name` for a glob without `/`, a glob's name alone without a server.
[[nodiscard]] bool matches_tool(const GlobSet& tools, const Event& event);
[[nodiscard]] bool matches_tool(const Glob& tool, const Event& event);

/// The action an act is held against. Among the actions with its tool: those whose resources admit `resource.uri` (all where the act names
/// none); of these, those whose argument limits hold, or all where none's do; of these the narrowest, of equally narrow ones the first in
/// the file.
[[nodiscard]] ActionMatch match_action(const Persona& persona, const Event& event);

/// Effect of the act: the persona's declaration, or the event's where there is none or the tool is the action's by name alone.
[[nodiscard]] std::optional<Effect> effect_of(const Persona& persona, std::optional<ActionIndex> action, const Event& event);

/// Leaves of `args` that the rule's pointer names (itself and everything below it), in document order.
[[nodiscard]] std::vector<const JsonLeaf*> argument_leaves(const Event& event, const ArgumentRule& rule);

/// Local calendar of a persona: days of `per_day`, weekly activity. Built once per persona (time zone data of the system).
class LocalCalendar {
 public:
  explicit LocalCalendar(const Schedule& schedule);
  ~LocalCalendar();
  LocalCalendar(LocalCalendar&&) noexcept;
  /// Days since 1970-01-01 in the persona's time zone.
  [[nodiscard]] std::int64_t local_day(EventTime time) const;
  /// True where no window is declared or one holds `time`.
  [[nodiscard]] bool active(EventTime time) const;

 private:
  struct Zone;
  std::unique_ptr<Zone> zone_;
};

/// What a user may do at most (entitlements/*.yaml).
struct Entitlement {
  GlobSet tools, resources;
  bool resources_declared = false, tools_declared = false;
};

/// All personas, lists and entitlements in force at once; replaced as a whole. Immutable, thread-safe.
class PersonaSet {
 public:
  PersonaSet() = default;
  PersonaSet(std::vector<Persona> personas, std::map<std::string, Entitlement> entitlements, bool require_entitlements);

  /// The persona the gateway bound (`agent.persona`), else the most specific `applies_to`; null: unclassified.
  [[nodiscard]] const Persona* match(const Event& event) const;
  [[nodiscard]] const std::vector<Persona>& personas() const { return personas_; }
  [[nodiscard]] const LocalCalendar& calendar(const Persona& persona) const;
  /// Null: no entry for this user.
  [[nodiscard]] const Entitlement* entitlement(std::string_view user) const;
  [[nodiscard]] bool require_entitlements() const { return require_entitlements_; }
  [[nodiscard]] bool has_entitlements() const { return !entitlements_.empty() || require_entitlements_; }
  /// Hosts that count as inside for every persona that names none itself (the setting `internal_hosts`). Before the set is shared.
  void assume_internal(const std::vector<std::string>& hosts) {
    if (hosts.empty()) return;
    for (Persona& persona : personas_) {
      if (!persona.destinations.internal) persona.destinations.internal = GlobSet(hosts);
    }
  }
  /// SHA-256 over the personas' digests in order of id and the entitlements, lower-case hex: names the set in the state and the context
  /// log.
  [[nodiscard]] const std::string& sha256() const { return sha256_; }

 private:
  std::vector<Persona> personas_;
  std::vector<LocalCalendar> calendars_;
  std::map<std::string, Entitlement, std::less<>> entitlements_;
  bool require_entitlements_ = false;
  std::string sha256_;
};

}  // namespace ringfence
