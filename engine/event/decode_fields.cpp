// SPDX-License-Identifier: Apache-2.0
// Every field of the event contract (docs/contracts/event.md) and how it is read, one line each.
#include <algorithm>
#include <array>
#include <cstddef>
#include <limits>
#include <type_traits>
#include <utility>

#include "engine/event/decode_walk.h"
#include "engine/event/far_times.h"
#include "engine/event/limits.h"

namespace ringfence::decoding {
namespace {

constexpr std::size_t kAnyNumber = std::numeric_limits<std::size_t>::max();

/// Fields of one object and the slots that find them; built at compile time, which fails where no seed separates them.
template <std::size_t N>
struct Table {
  std::array<Field, N> fields;
  std::uint64_t seed = 0;
  std::array<std::uint8_t, Fields::kSlots> slots{};
  [[nodiscard]] constexpr Fields view() const { return {fields.data(), seed, slots}; }
};

template <std::size_t N>
consteval auto table(const Field (&fields)[N]) {  // NOLINT(cppcoreguidelines-avoid-c-arrays): deduces N from a braced list
  static_assert(N <= 64, "Walk::object keeps the fields it has seen in one word");
  Table<N> result{std::to_array(fields)};
  for (std::uint64_t seed = 0x9E3779B97F4A7C15;; seed += 0x9E3779B97F4A7C16) {
    std::array<bool, Fields::kSlots> taken{};
    result.slots = {};
    result.seed = seed;
    bool clash = false;
    for (std::size_t i = 0; i < N && !clash; ++i) {
      const std::size_t slot = Fields::slot_of(fields[i].name.mark, fields[i].name.text.size(), seed);
      clash = taken[slot];
      taken[slot] = true;
      result.slots[slot] = static_cast<std::uint8_t>(i);
    }
    if (!clash) return result;
  }
}

// What a field is, by the type of its place in the event.

template <class T>
struct Slot {
  std::size_t at;
};
static_assert(std::is_standard_layout_v<Event>, "offsetof asks for it");
#define RF_SLOT(place) (Slot<std::remove_reference_t<decltype((std::declval<Event&>().place))>>{offsetof(Event, place)})

constexpr Field text(std::string_view path, Slot<Text> slot) { return {.path = path, .slot = slot.at}; }

template <const auto& Nested>
constexpr Fields kFieldsOf = Nested.view();
template <const auto& Nested>
constexpr Field object(std::string_view path) {
  return {.path = path, .nested = &kFieldsOf<Nested>};
}

template <std::size_t MostCharacters>
constexpr Field name(std::string_view path, Slot<std::string_view> slot) {
  const auto reader = [](Walk& walk, Place at, const Field& field) -> Place {
    const std::string_view read = walk.text(at, field.path, MostCharacters);
    if (read.data() == nullptr) return nullptr;
    field.place_in<std::string_view>(walk.event) = read;
    return at + 1;
  };
  return {path, reader, slot.at};
}

constexpr Field hex(std::string_view path, Slot<Text> slot) {
  const auto reader = [](Walk& walk, Place at, const Field& field) -> Place {
    const std::string_view read = walk.text(at, field.path);
    if (read.data() == nullptr) return nullptr;
    const bool digits =
        std::ranges::all_of(read, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); });
    if (read.empty() || !digits) return walk.refuse(RefusalReason::WrongType, field.path, "expected hex digits");
    field.place_in<Text>(walk.event) = read;
    return at + 1;
  };
  return {path, reader, slot.at};
}

template <class T>
Place read_time(Walk& walk, Place at, const Field& field) {
  const std::string_view read = walk.text(at, field.path);
  if (read.data() == nullptr) return nullptr;
  const auto parsed = parse_rfc3339(read);
  if (!parsed) return walk.refuse(RefusalReason::WrongType, field.path, "expected an RFC 3339 time with offset, to nanoseconds at most");
  field.place_in<T>(walk.event) = *parsed;
  return at + 1;
}
constexpr Field time(std::string_view path, Slot<std::optional<EventTime>> slot) {
  return {path, read_time<std::optional<EventTime>>, slot.at};
}

/// What one token says, as the walk reads it.
template <auto Read>
Place read_token(Walk& walk, Place at, const Field& field) {
  auto read = (walk.*Read)(at, field.path);
  if (!read) return nullptr;
  field.place_in<decltype(read)>(walk.event) = read;
  return at + 1;
}
constexpr Field count(std::string_view path, Slot<Count> slot) { return {path, read_token<&Walk::integer>, slot.at}; }
constexpr Field measure(std::string_view path, Slot<Measure> slot) { return {path, read_token<&Walk::number>, slot.at}; }
constexpr Field flag(std::string_view path, Slot<std::optional<bool>> slot) { return {path, read_token<&Walk::boolean>, slot.at}; }

template <class T>
Place put(Walk& walk, const Walk::Texts& read, const Field& field) {
  if (read.behind != nullptr) field.place_in<T>(walk.event) = read.list;
  return read.behind;
}
template <std::size_t Most, bool OrOne, class T>
constexpr Field list(std::string_view path, Slot<T> slot) {
  return {path, [](Walk& walk, Place at, const Field& field) { return put<T>(walk, walk.texts(at, field.path, Most, OrOne), field); },
          slot.at};
}
template <class T>
constexpr Field identifiers(std::string_view path, Slot<T> slot) {
  return {path, [](Walk& walk, Place at, const Field& field) { return put<T>(walk, walk.arg_ids(at, field.path), field); }, slot.at};
}

/// `Set` is called with the index of the name that was read.
template <const auto& Names, auto Set>
Place one_of(Walk& walk, Place at, const Field& field) {
  const std::string_view read = walk.text(at, field.path);
  if (read.data() == nullptr) return nullptr;
  const std::uint64_t mark = byte_word::mark_of(read);
  for (std::size_t i = 0; i < Names.size(); ++i) {
    if (Names[i].is(read, mark)) return Set(walk, i), at + 1;
  }
  std::string expected = "expected one of";
  for (const Name& known : Names) (expected += ' ') += known.text;
  return walk.refuse(RefusalReason::UnknownValue, field.path, expected);
}

// One-off readers.

Place version(Walk& walk, Place at, const Field& field) {
  const auto read = walk.integer(at, field.path);
  if (!read) return nullptr;
  if (*read != 1) return walk.refuse(RefusalReason::UnsupportedVersion, field.path, "expected 1");
  walk.present.version = true;
  return at + 1;
}

Place event_time(Walk& walk, Place at, const Field& field) {
  walk.present.time = true;
  const Place behind = read_time<EventTime>(walk, at, field);
  const EventTime time = field.place_in<EventTime>(walk.event);
  if (behind != nullptr && (time < kEventTimeLeast || time >= kEventTimeBehind))
    return walk.refuse(RefusalReason::OutOfRange, field.path, "expected a time from 2000 to 2199");
  return behind;
}

Place arguments(Walk& walk, Place at, const Field& field) {
  const Place behind = walk.json(at, field.path, &Event::args, 0);
  // Read all the same where it is no object: only to tell a wrong type from broken JSON.
  if (behind != nullptr && !walk.is_object(at)) return walk.refuse(RefusalReason::WrongType, field.path, "expected an object");
  return behind;
}

Place result(Walk& walk, Place at, const Field& field) { return walk.json(at, field.path, &Event::result, 1); }

Place score(Walk& walk, Place at, const Field& field) {
  const auto read = walk.number(at, field.path);
  if (!read) return nullptr;
  if (*read > 1) return walk.refuse(RefusalReason::OutOfRange, field.path, "expected a number from 0 to 1");
  walk.event.signal.score = read;
  return at + 1;
}

Place context_scope(Walk& walk, Place at, const Field& field) {
  const std::string_view read = walk.text(at, field.path);
  if (read.data() == nullptr) return nullptr;
  const auto named = [&](std::string_view prefix) { return read.starts_with(prefix) && read.size() > prefix.size(); };
  bool formed = read == "*" || named("agent:") || named("persona:") || named("server:") || named("tenant:");
  if (named("tool:")) {
    const std::size_t slash = read.find('/', 5);
    formed = slash != std::string_view::npos && slash > 5 && slash + 1 < read.size();
  }
  if (!formed)
    return walk.refuse(RefusalReason::UnknownValue, field.path,
                       "expected agent:ID, persona:ID, server:NAME, tool:SERVER/NAME, tenant:ID or *");
  walk.event.scope = read;
  return at + 1;
}

// Names of the enumerations, in the order of their values in event.h.

template <class... Texts>
consteval auto names(const Texts&... texts) {
  return std::array{Name{texts}...};
}
constexpr auto kKinds = names("tool_call", "task_start", "task_end", "tool_definition", "signal", "context_change");
constexpr auto kPhases = names("request", "complete");
constexpr auto kTrusts = names("asserted", "verified");
constexpr auto kOutcomes = names("ok", "denied", "error", "unknown");
constexpr auto kEffectNames = names("read", "write", "delete", "send", "transfer", "execute", "admin", "delegate");
constexpr auto kClaims = names("done", "failed", "refused");
constexpr auto kChanges = names("outage_start", "outage_end", "policy", "credential", "deploy");

constexpr auto kAgent = table({
    name<limits::kAgentIdChars>("agent.id", RF_SLOT(agent.id)),
    text("agent.instance", RF_SLOT(agent.instance)),
    text("agent.name", RF_SLOT(agent.name)),
    text("agent.version", RF_SLOT(agent.version)),
    text("agent.model", RF_SLOT(agent.model)),
    {"agent.trust", one_of<kTrusts, [](Walk& w, std::size_t i) { w.event.agent.trust = static_cast<Trust>(i); }>},
    text("agent.persona", RF_SLOT(agent.persona)),
    hex("agent.charter_sha256", RF_SLOT(agent.charter_sha256)),
});
constexpr auto kUser = table({text("user.id", RF_SLOT(user.id)), text("user.email", RF_SLOT(user.email))});
constexpr auto kSession = table({text("session.id", RF_SLOT(session.id)), text("session.kind", RF_SLOT(session.kind))});
constexpr auto kDelegation = table({
    text("delegation.parent", RF_SLOT(delegation.parent)),
    text("delegation.root", RF_SLOT(delegation.root)),
    text("delegation.session", RF_SLOT(delegation.session)),
    list<limits::kDelegationChain, false>("delegation.chain", RF_SLOT(delegation.chain)),
});
constexpr auto kTask = table({
    text("task.id", RF_SLOT(task.id)),
    text("task.text", RF_SLOT(task.text)),
    list<kAnyNumber, false>("task.actions", RF_SLOT(task.actions)),
    list<kAnyNumber, false>("task.destinations", RF_SLOT(task.destinations)),
    list<kAnyNumber, false>("task.resources", RF_SLOT(task.resources)),
    time("task.expires", RF_SLOT(task.expires)),
    {"task.claim", one_of<kClaims, [](Walk& w, std::size_t i) { w.event.task.claim = static_cast<TaskClaim>(i); }>},
    text("task.summary", RF_SLOT(task.summary)),
});
constexpr auto kClient = table({
    text("client.address", RF_SLOT(client.address)),
    text("client.name", RF_SLOT(client.name)),
    text("client.version", RF_SLOT(client.version)),
    text("client.fingerprint", RF_SLOT(client.fingerprint)),
});
constexpr auto kCredential =
    table({text("credential.kind", RF_SLOT(credential.kind)), text("credential.fingerprint", RF_SLOT(credential.fingerprint))});
constexpr auto kTrace = table({hex("trace.trace_id", RF_SLOT(trace.trace_id)), hex("trace.span_id", RF_SLOT(trace.span_id))});
constexpr auto kApproval = table({text("approval.by", RF_SLOT(approval.by)), time("approval.at", RF_SLOT(approval.at))});
constexpr auto kSource = table({text("source.product", RF_SLOT(source.product)), text("source.instance", RF_SLOT(source.instance))});
constexpr auto kTool = table({
    text("tool.name", RF_SLOT(tool.name)),
    text("tool.server", RF_SLOT(tool.server)),
    text("tool.call_id", RF_SLOT(tool.call_id)),
    hex("tool.definition_sha256", RF_SLOT(tool.definition_sha256)),
    {"tool.effect", one_of<kEffectNames, [](Walk& w, std::size_t i) { w.event.tool.effect = static_cast<Effect>(i); }>},
});
constexpr auto kResource = table({text("resource.uri", RF_SLOT(resource.uri)), text("resource.type", RF_SLOT(resource.type))});
constexpr auto kDestination = table({
    list<limits::kDestinations, true>("destination.host", RF_SLOT(destination.hosts)),
    list<limits::kDestinations, true>("destination.account", RF_SLOT(destination.accounts)),
});
constexpr auto kOutcome = table({
    {"outcome.status", one_of<kOutcomes,
                              [](Walk& w, std::size_t i) {
                                w.event.outcome.status = static_cast<Outcome>(i);
                                w.present.status = true;
                              }>},
    text("outcome.code", RF_SLOT(outcome.code)),
    text("outcome.reason", RF_SLOT(outcome.reason)),
});
constexpr auto kBytes = table({count("bytes.request", RF_SLOT(bytes.request)), count("bytes.response", RF_SLOT(bytes.response))});
constexpr auto kRecords = table({
    count("records.returned", RF_SLOT(records.returned)),
    count("records.matched", RF_SLOT(records.matched)),
    count("records.population", RF_SLOT(records.population)),
});
constexpr auto kData =
    table({list<kAnyNumber, false>("data.classes", RF_SLOT(data.classes)), flag("data.untrusted", RF_SLOT(data.untrusted))});
constexpr auto kTokens = table({measure("tokens.input", RF_SLOT(tokens.input)), measure("tokens.output", RF_SLOT(tokens.output))});
constexpr auto kSignal =
    table({text("signal.name", RF_SLOT(signal.name)), {"signal.score", score}, text("signal.detail", RF_SLOT(signal.detail))});

constexpr auto kEvent = table({
    {"v", version},
    {"kind", one_of<kKinds,
                    [](Walk& w, std::size_t i) {
                      w.event.kind = static_cast<EventKind>(i);
                      w.present.kind = true;
                    }>},
    name<limits::kEventIdChars>("id", RF_SLOT(id)),
    {"time", event_time, RF_SLOT(time).at},
    name<limits::kTenantChars>("tenant", RF_SLOT(tenant)),
    object<kAgent>("agent"),
    object<kUser>("user"),
    object<kSession>("session"),
    object<kDelegation>("delegation"),
    object<kTask>("task"),
    object<kClient>("client"),
    object<kCredential>("credential"),
    object<kTrace>("trace"),
    object<kApproval>("approval"),
    object<kSource>("source"),
    {"phase", one_of<kPhases, [](Walk& w, std::size_t i) { w.event.phase = static_cast<Phase>(i); }>},
    object<kTool>("tool"),
    {"args", arguments},
    {"result", result},
    object<kResource>("resource"),
    object<kDestination>("destination"),
    object<kOutcome>("outcome"),
    object<kBytes>("bytes"),
    object<kRecords>("records"),
    object<kData>("data"),
    identifiers("arg_ids", RF_SLOT(arg_ids)),
    identifiers("result_ids", RF_SLOT(result_ids)),
    object<kTokens>("tokens"),
    measure("cost_usd", RF_SLOT(cost_usd)),
    measure("duration_ms", RF_SLOT(duration_ms)),
    object<kSignal>("signal"),
    {"change", one_of<kChanges,
                      [](Walk& w, std::size_t i) {
                        w.event.change = static_cast<ChangeKind>(i);
                        w.present.change = true;
                      }>},
    {"scope", context_scope},
});

#undef RF_SLOT

}  // namespace

const Fields& event_fields() { return kFieldsOf<kEvent>; }

}  // namespace ringfence::decoding
