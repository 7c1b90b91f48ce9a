// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "engine/event/ids.h"

namespace ringfence {

/// A string of the event, or nothing where the field was absent or null. Absent never means empty.
using Text = std::optional<std::string_view>;
using Count = std::optional<std::int64_t>;
using Measure = std::optional<double>;

enum class EventKind : std::uint8_t { ToolCall, TaskStart, TaskEnd, ToolDefinition, Signal, ContextChange };
enum class Phase : std::uint8_t { Request, Complete };
enum class Effect : std::uint8_t { Read, Write, Delete, Send, Transfer, Execute, Admin, Delegate };
enum class Outcome : std::uint8_t { Ok, Denied, Error, Unknown };
enum class Trust : std::uint8_t { Asserted, Verified };
enum class TaskClaim : std::uint8_t { Done, Failed, Refused };
enum class ChangeKind : std::uint8_t { OutageStart, OutageEnd, Policy, Credential, Deploy };

inline constexpr std::size_t kEffects = 8;

/// One scalar or object key inside `args` or `result`.
struct JsonLeaf {
  enum class Kind : std::uint8_t { String, Number, Bool, Null, Key };
  /// JSON Pointer (RFC 6901) of the scalar from the root of `args` or `result`; of a Key, the pointer of the object that holds it.
  std::string_view pointer;
  /// A string unescaped, a number as it was written, `true`, `false` or `null`, a key unescaped.
  std::string_view text;
  Kind kind{};
};

/// `args` or `result`: checked, with its scalars laid flat in document order. Of two equal keys the last counts.
struct JsonValue {
  std::string_view raw;
  std::span<const JsonLeaf> leaves;
  /// XXH3-128 of `raw`, for "other args under a known key".
  Hash128 hash;
};

/// `source.product` of an act that a gate asks about before it happens; its `source.instance` is the gate, and the key of the answer.
inline constexpr std::string_view kAskingProduct = "ringfence-gate";
/// `source.product` of a fact that the fleet observer found: nobody announced it.
inline constexpr std::string_view kObservingProduct = "ringfence-observer";

/// One act of an agent, or one fact about it: the only shape the detection core knows (docs/contracts/event.md).
/// Views point into the arena the event was decoded into and live as long as that; nothing here is owned.
/// Strings are valid UTF-8 and may hold control characters: escape on every output.
struct Event {
  EventKind kind{};
  Phase phase = Phase::Complete;
  std::string_view id;
  EventTime time;
  std::string_view tenant;

  struct {
    std::string_view id;  // empty only for ContextChange
    Text instance, name, version, model, persona, charter_sha256;
    Trust trust = Trust::Asserted;
  } agent;
  struct {
    Text id, email;
  } user;
  struct {
    Text id, kind;
  } session;
  struct {
    Text parent, root, session;
    std::span<const std::string_view> chain;
  } delegation;
  struct {
    Text id, text, summary;
    std::optional<std::span<const std::string_view>> actions, destinations, resources;
    std::optional<EventTime> expires;
    std::optional<TaskClaim> claim;
  } task;
  struct {
    Text address, name, version, fingerprint;
  } client;
  struct {
    Text kind, fingerprint;
  } credential;
  struct {
    Text trace_id, span_id;
  } trace;
  struct {
    Text by;
    std::optional<EventTime> at;
  } approval;
  struct {
    Text product, instance;
  } source;

  // tool_call, tool_definition
  struct {
    Text name, server, call_id, definition_sha256;
    std::optional<Effect> effect;
  } tool;
  std::optional<JsonValue> args, result;
  struct {
    Text uri, type;
  } resource;
  struct {
    std::span<const std::string_view> hosts, accounts;
  } destination;
  struct {
    Outcome status = Outcome::Unknown;
    Text code, reason;
  } outcome;
  struct {
    Count request, response;
  } bytes;
  struct {
    Count returned, matched, population;
  } records;
  struct {
    std::span<const std::string_view> classes;
    std::optional<bool> untrusted;
  } data;
  bool result_too_large = false;                                         // there was a result, larger than is read: `result` is absent
  std::optional<std::span<const std::string_view>> arg_ids, result_ids;  // well-formed elements only
  struct {
    Measure input, output;
  } tokens;
  Measure cost_usd, duration_ms;

  // signal
  struct {
    Text name, detail;
    Measure score;
  } signal;

  // context_change
  ChangeKind change{};
  std::string_view scope;

  /// Fields no one named, and values left out (elements of `arg_ids` and `result_ids` that broke their form, a result too large): counted,
  /// never refused.
  std::uint32_t unknown_fields = 0;
  std::uint32_t ignored_elements = 0;
  /// The first of the unknown fields, as in the contract's names ("agent.trsut").
  std::span<const std::string_view> unknown_names;
};

/// An error whose code says that what was named is not there (event.md, outcome.status).
[[nodiscard]] bool is_miss(const Event& event);

[[nodiscard]] std::string_view name_of(Effect effect);
[[nodiscard]] std::optional<Effect> effect_named(std::string_view name);
[[nodiscard]] std::string_view name_of(Outcome outcome);

/// Hash of (tenant, agent.id).
[[nodiscard]] AgentKey agent_key(std::string_view tenant, std::string_view agent_id);
/// Seeded XXH3-64 of a text: the hash every set and ring of the state uses, so that encoded states mean the same on every machine.
[[nodiscard]] std::uint64_t hash64(std::string_view text, std::uint64_t seed = 0);

}  // namespace ringfence
