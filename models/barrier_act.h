// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <span>
#include <string_view>
#include <vector>

#include "models/barrier_memory.h"
#include "models/channel.h"
#include "models/identifier.h"

/// What an act reaches for, as the barrier channel compares it: identifiers, target, object keys, and what the agent has read of them.
namespace ringfence {

/// One identifier of an act. Views live as long as the event.
struct Identifier {
  std::string_view text;  // empty where the gateway sends only hashes
  std::string_view kind;  // KIND or name of the argument, empty for the last segment of the uri
  std::uint64_t hash = 0;
  bool hashed = false;
  IdentifierShape shape;

  /// Long enough and of a kind whose values lie far apart by nature, so that two edits between two of them say something.
  [[nodiscard]] bool comparable() const;
};

/// Identifiers are the arguments the persona marks, else `arg_ids`, else the last segment of `resource.uri`; at most eight, of at most 512
/// bytes; one of a form that the action declares is well formed. The target is the uri and these, else tool and arguments. Object keys
/// stand for the object whatever leads to it: the basename of a path, a record id, or, where one alone says little (`main`, `7`), all
/// identifiers together with what holds them (repository and ref).
struct BarrierAct {
  static constexpr std::size_t kIdentifiers = 8;
  std::array<Identifier, kIdentifiers> storage{};
  std::size_t count = 0;
  std::uint64_t target = 0;
  std::uint32_t tool = 0, credential = 0;
  Handful<std::uint32_t, Refused::kKeys> keys;

  [[nodiscard]] std::span<const Identifier> identifiers() const { return {storage.data(), count}; }
  /// As the ring keeps it, refused now.
  [[nodiscard]] Refused refused(const Act& act) const;
};
[[nodiscard]] BarrierAct identify(const Act& act);

/// The event names what it reaches for.
[[nodiscard]] bool names_its_target(const Event& event);
/// What of a request is kept until its completion, and the act made of it again; the act's views live as long as what was kept.
[[nodiscard]] Asked kept_of(const Act& request);
[[nodiscard]] BarrierAct recalled(const Act& completion, const Asked& kept);

[[nodiscard]] std::uint32_t tool_key(const Event& event);
/// 0 where the event names no credential.
[[nodiscard]] std::uint32_t credential_key(const Event& event);

/// The agent has read this identifier in the session: whole, or every part of it between white space and `/`.
[[nodiscard]] bool has_read(const BarrierSession& session, const Identifier& id);
/// Whether `has_read` can be known: the session holds a task text or results in the same form (values, or hashes).
[[nodiscard]] bool grounds_known(const BarrierSession& session, const Identifier& id);

/// Identifiers of the task's text count as given by the user; true where it held any text.
void learn_task(BarrierSession& session, const Event& task_start);
/// The tokens of the result's leaves. A refusal or error that repeats the agent's own values grounds none of them.
void learn_result(BarrierSession& session, const Event& call);
/// True if `learn_task` or `learn_result` has anything to learn from the event.
[[nodiscard]] bool teaches(const Event& event);

}  // namespace ringfence
