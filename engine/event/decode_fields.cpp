// SPDX-License-Identifier: Apache-2.0
// Every field of the event contract (docs/contracts/event.md) and how it is read, one line each.
#include <algorithm>
#include <array>
#include <limits>

#include "engine/event/decode_walk.h"
#include "engine/event/limits.h"

namespace ringfence::decoding {
namespace {

constexpr std::size_t kAnyNumber = std::numeric_limits<std::size_t>::max();

/// Fields of one object and the slots that find them; built at compile time, which fails where no seed separates them.
template <std::size_t N>
struct Table {
  std::array<Field, N> fields;
  std::array<std::uint8_t, Fields::kSlots> slots{};
  std::uint64_t seed = 0;
  [[nodiscard]] constexpr Fields view() const { return {fields.data(), slots.data(), seed}; }
};

template <std::size_t N>
consteval auto table(const Field (&fields)[N]) {  // NOLINT(cppcoreguidelines-avoid-c-arrays): deduces N from a braced list
  static_assert(N <= 64, "members() keeps the fields it has seen in one word");
  Table<N> result{std::to_array(fields), {}, 0};
  for (std::uint64_t seed = 0x9E3779B97F4A7C15;; seed += 0x9E3779B97F4A7C16) {
    result.slots = {};
    result.seed = seed;
    bool clash = false;
    for (std::size_t i = 0; i < N && !clash; ++i) {
      auto& slot = result.slots[Fields::slot_of(fields[i].word, fields[i].name.size(), seed)];
      clash = slot != 0;
      slot = static_cast<std::uint8_t>(i + 1);
    }
    if (!clash) return result;
  }
}

// Readers. `Slot` gives the place in the event.

template <auto Slot>
bool text(Walk& walk, std::string_view path) {
  const std::string_view read = walk.text(path);
  if (read.data() == nullptr) return false;
  Slot(walk.event) = read;
  return true;
}

template <auto Slot, std::size_t MostCharacters>
bool name(Walk& walk, std::string_view path) {
  const std::string_view read = walk.text(path, MostCharacters);
  if (read.data() == nullptr) return false;
  Slot(walk.event) = read;
  return true;
}

template <auto Slot>
bool hex(Walk& walk, std::string_view path) {
  const std::string_view read = walk.text(path);
  if (read.data() == nullptr) return false;
  const bool digits =
      std::ranges::all_of(read, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); });
  if (read.empty() || !digits) return walk.refuse(RefusalReason::WrongType, path, "expected hex digits");
  Slot(walk.event) = read;
  return true;
}

template <auto Slot>
bool time(Walk& walk, std::string_view path) {
  const std::string_view read = walk.text(path);
  if (read.data() == nullptr) return false;
  const auto parsed = parse_rfc3339(read);
  if (!parsed) return walk.refuse(RefusalReason::WrongType, path, "expected an RFC 3339 time with offset, to nanoseconds at most");
  Slot(walk.event) = *parsed;
  return true;
}

template <auto Slot>
bool count(Walk& walk, std::string_view path) {
  const auto read = walk.integer(path);
  if (read) Slot(walk.event) = *read;
  return read.has_value();
}

template <auto Slot>
bool measure(Walk& walk, std::string_view path) {
  const auto read = walk.number(path);
  if (read) Slot(walk.event) = *read;
  return read.has_value();
}

template <auto Slot, std::size_t Most, bool OrOne>
bool list(Walk& walk, std::string_view path) {
  const auto read = walk.texts(path, Most, OrOne);
  if (read) Slot(walk.event) = *read;
  return read.has_value();
}

template <auto Slot>
bool identifiers(Walk& walk, std::string_view path) {
  const auto read = walk.arg_ids(path);
  if (read) Slot(walk.event) = *read;
  return read.has_value();
}

template <const auto& Names, auto Slot>
bool one_of(Walk& walk, std::string_view path) {
  const std::string_view read = walk.text(path);
  if (read.data() == nullptr) return false;
  const auto found = std::ranges::find(Names, read);
  if (found == std::end(Names)) {
    std::string expected = "expected one of";
    for (const std::string_view known : Names) (expected += ' ') += known;
    return walk.refuse(RefusalReason::UnknownValue, path, expected);
  }
  Slot(walk, static_cast<std::size_t>(found - std::begin(Names)));
  return true;
}

template <const auto& Nested>
bool object(Walk& walk, std::string_view path) {
  static constexpr Fields kFields = Nested.view();
  return walk.object(path, kFields);
}

// One-off readers.

bool version(Walk& walk, std::string_view path) {
  const auto read = walk.integer(path);
  if (!read) return false;
  if (*read != 1) return walk.refuse(RefusalReason::UnsupportedVersion, path, "expected 1");
  walk.present.version = true;
  return true;
}

bool event_time(Walk& walk, std::string_view path) {
  walk.present.time = time<[](Event& e) -> EventTime& { return e.time; }>(walk, path);
  return walk.present.time;
}

bool arguments(Walk& walk, std::string_view path) {
  if (!walk.object_ahead()) {
    // Only to tell a wrong type from broken JSON.
    if (!walk.json(path, 0)) return false;
    return walk.refuse(RefusalReason::WrongType, path, "expected an object");
  }
  walk.event.args = walk.json(path, 0);
  return walk.event.args.has_value();
}

bool result(Walk& walk, std::string_view path) {
  walk.event.result = walk.json(path, 1);
  return walk.event.result.has_value();
}

bool untrusted(Walk& walk, std::string_view path) {
  walk.event.data.untrusted = walk.boolean(path);
  return walk.event.data.untrusted.has_value();
}

bool score(Walk& walk, std::string_view path) {
  const auto read = walk.number(path);
  if (!read) return false;
  if (*read > 1) return walk.refuse(RefusalReason::OutOfRange, path, "expected a number from 0 to 1");
  walk.event.signal.score = *read;
  return true;
}

bool context_scope(Walk& walk, std::string_view path) {
  const std::string_view read = walk.text(path);
  if (read.data() == nullptr) return false;
  const auto named = [&](std::string_view prefix) { return read.starts_with(prefix) && read.size() > prefix.size(); };
  bool formed = read == "*" || named("agent:") || named("persona:") || named("server:") || named("tenant:");
  if (named("tool:")) {
    const std::size_t slash = read.find('/', 5);
    formed = slash != std::string_view::npos && slash > 5 && slash + 1 < read.size();
  }
  if (!formed)
    return walk.refuse(RefusalReason::UnknownValue, path, "expected agent:ID, persona:ID, server:NAME, tool:SERVER/NAME, tenant:ID or *");
  walk.event.scope = read;
  return true;
}

// Names of the enumerations, in the order of their values in event.h.

constexpr std::array<std::string_view, 6> kKinds{"tool_call", "task_start", "task_end", "tool_definition", "signal", "context_change"};
constexpr std::array<std::string_view, 2> kPhases{"request", "complete"};
constexpr std::array<std::string_view, 2> kTrusts{"asserted", "verified"};
constexpr std::array<std::string_view, 4> kOutcomes{"ok", "denied", "error", "unknown"};
constexpr std::array<std::string_view, kEffects> kEffectNames{"read",     "write",   "delete", "send",
                                                              "transfer", "execute", "admin",  "delegate"};
constexpr std::array<std::string_view, 3> kClaims{"done", "failed", "refused"};
constexpr std::array<std::string_view, 5> kChanges{"outage_start", "outage_end", "policy", "credential", "deploy"};

#define RF_SLOT(place) [](Event& e) -> auto& { return e.place; }

constexpr auto kAgent = table({
    {"agent.id", name<RF_SLOT(agent.id), limits::kAgentIdChars>},
    {"agent.instance", text<RF_SLOT(agent.instance)>},
    {"agent.name", text<RF_SLOT(agent.name)>},
    {"agent.version", text<RF_SLOT(agent.version)>},
    {"agent.model", text<RF_SLOT(agent.model)>},
    {"agent.trust", one_of<kTrusts, [](Walk& w, std::size_t i) { w.event.agent.trust = static_cast<Trust>(i); }>},
    {"agent.persona", text<RF_SLOT(agent.persona)>},
    {"agent.charter_sha256", hex<RF_SLOT(agent.charter_sha256)>},
});
constexpr auto kUser = table({{"user.id", text<RF_SLOT(user.id)>}, {"user.email", text<RF_SLOT(user.email)>}});
constexpr auto kSession = table({{"session.id", text<RF_SLOT(session.id)>}, {"session.kind", text<RF_SLOT(session.kind)>}});
constexpr auto kDelegation = table({
    {"delegation.parent", text<RF_SLOT(delegation.parent)>},
    {"delegation.root", text<RF_SLOT(delegation.root)>},
    {"delegation.session", text<RF_SLOT(delegation.session)>},
    {"delegation.chain", list<RF_SLOT(delegation.chain), limits::kDelegationChain, false>},
});
constexpr auto kTask = table({
    {"task.id", text<RF_SLOT(task.id)>},
    {"task.text", text<RF_SLOT(task.text)>},
    {"task.actions", list<RF_SLOT(task.actions), kAnyNumber, false>},
    {"task.destinations", list<RF_SLOT(task.destinations), kAnyNumber, false>},
    {"task.resources", list<RF_SLOT(task.resources), kAnyNumber, false>},
    {"task.expires", time<RF_SLOT(task.expires)>},
    {"task.claim", one_of<kClaims, [](Walk& w, std::size_t i) { w.event.task.claim = static_cast<TaskClaim>(i); }>},
    {"task.summary", text<RF_SLOT(task.summary)>},
});
constexpr auto kClient = table({
    {"client.address", text<RF_SLOT(client.address)>},
    {"client.name", text<RF_SLOT(client.name)>},
    {"client.version", text<RF_SLOT(client.version)>},
    {"client.fingerprint", text<RF_SLOT(client.fingerprint)>},
});
constexpr auto kCredential =
    table({{"credential.kind", text<RF_SLOT(credential.kind)>}, {"credential.fingerprint", text<RF_SLOT(credential.fingerprint)>}});
constexpr auto kTrace = table({{"trace.trace_id", hex<RF_SLOT(trace.trace_id)>}, {"trace.span_id", hex<RF_SLOT(trace.span_id)>}});
constexpr auto kApproval = table({{"approval.by", text<RF_SLOT(approval.by)>}, {"approval.at", time<RF_SLOT(approval.at)>}});
constexpr auto kSource = table({{"source.product", text<RF_SLOT(source.product)>}, {"source.instance", text<RF_SLOT(source.instance)>}});
constexpr auto kTool = table({
    {"tool.name", text<RF_SLOT(tool.name)>},
    {"tool.server", text<RF_SLOT(tool.server)>},
    {"tool.call_id", text<RF_SLOT(tool.call_id)>},
    {"tool.definition_sha256", hex<RF_SLOT(tool.definition_sha256)>},
    {"tool.effect", one_of<kEffectNames, [](Walk& w, std::size_t i) { w.event.tool.effect = static_cast<Effect>(i); }>},
});
constexpr auto kResource = table({{"resource.uri", text<RF_SLOT(resource.uri)>}, {"resource.type", text<RF_SLOT(resource.type)>}});
constexpr auto kDestination = table({
    {"destination.host", list<RF_SLOT(destination.hosts), limits::kDestinations, true>},
    {"destination.account", list<RF_SLOT(destination.accounts), limits::kDestinations, true>},
});
constexpr auto kOutcome = table({
    {"outcome.status", one_of<kOutcomes,
                              [](Walk& w, std::size_t i) {
                                w.event.outcome.status = static_cast<Outcome>(i);
                                w.present.status = true;
                              }>},
    {"outcome.code", text<RF_SLOT(outcome.code)>},
    {"outcome.reason", text<RF_SLOT(outcome.reason)>},
});
constexpr auto kBytes = table({{"bytes.request", count<RF_SLOT(bytes.request)>}, {"bytes.response", count<RF_SLOT(bytes.response)>}});
constexpr auto kRecords = table({
    {"records.returned", count<RF_SLOT(records.returned)>},
    {"records.matched", count<RF_SLOT(records.matched)>},
    {"records.population", count<RF_SLOT(records.population)>},
});
constexpr auto kData = table({{"data.classes", list<RF_SLOT(data.classes), kAnyNumber, false>}, {"data.untrusted", untrusted}});
constexpr auto kTokens = table({{"tokens.input", measure<RF_SLOT(tokens.input)>}, {"tokens.output", measure<RF_SLOT(tokens.output)>}});
constexpr auto kSignal =
    table({{"signal.name", text<RF_SLOT(signal.name)>}, {"signal.score", score}, {"signal.detail", text<RF_SLOT(signal.detail)>}});

constexpr auto kEvent = table({
    {"v", version},
    {"kind", one_of<kKinds,
                    [](Walk& w, std::size_t i) {
                      w.event.kind = static_cast<EventKind>(i);
                      w.present.kind = true;
                    }>},
    {"id", name<RF_SLOT(id), limits::kEventIdChars>},
    {"time", event_time},
    {"tenant", name<RF_SLOT(tenant), limits::kTenantChars>},
    {"agent", object<kAgent>},
    {"user", object<kUser>},
    {"session", object<kSession>},
    {"delegation", object<kDelegation>},
    {"task", object<kTask>},
    {"client", object<kClient>},
    {"credential", object<kCredential>},
    {"trace", object<kTrace>},
    {"approval", object<kApproval>},
    {"source", object<kSource>},
    {"phase", one_of<kPhases, [](Walk& w, std::size_t i) { w.event.phase = static_cast<Phase>(i); }>},
    {"tool", object<kTool>},
    {"args", arguments},
    {"result", result},
    {"resource", object<kResource>},
    {"destination", object<kDestination>},
    {"outcome", object<kOutcome>},
    {"bytes", object<kBytes>},
    {"records", object<kRecords>},
    {"data", object<kData>},
    {"arg_ids", identifiers<RF_SLOT(arg_ids)>},
    {"result_ids", identifiers<RF_SLOT(result_ids)>},
    {"tokens", object<kTokens>},
    {"cost_usd", measure<RF_SLOT(cost_usd)>},
    {"duration_ms", measure<RF_SLOT(duration_ms)>},
    {"signal", object<kSignal>},
    {"change", one_of<kChanges,
                      [](Walk& w, std::size_t i) {
                        w.event.change = static_cast<ChangeKind>(i);
                        w.present.change = true;
                      }>},
    {"scope", context_scope},
});

#undef RF_SLOT

}  // namespace

const Fields& event_fields() {
  static const Fields fields = kEvent.view();
  return fields;
}

}  // namespace ringfence::decoding
