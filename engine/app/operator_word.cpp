// SPDX-License-Identifier: Apache-2.0
#include "engine/app/operator_word.h"

#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <utility>

#include "connectors/encoders/acknowledgement.h"
#include "connectors/sinks/enforcement_board.h"
#include "engine/app/context_feed.h"
#include "engine/app/control_places.h"
#include "engine/app/enforcement_feed.h"
#include "engine/app/operator_voice.h"
#include "engine/app/output_progress.h"
#include "engine/app/wall_clock.h"
#include "engine/persona/load.h"

namespace ringfence {
namespace {

constexpr std::chrono::seconds kWithin{20};
constexpr std::chrono::seconds kAcksWithin{10};
constexpr std::size_t kBatch = 1000;
constexpr std::chrono::milliseconds kAckWait{200};
constexpr int kApprovedTier = 4;

using Done = std::expected<void, Fault>;

ContainmentRecord record_of(const Command& command, const ScopeParts& scope, bool contained) {
  const EventTime now{wall_now().value};
  ContainmentRecord record;
  record.scope = command.scope;
  record.tenant = scope.tenant;
  if (scope.type == "agent" || scope.type == "session" || scope.type == "subtree") record.agent_id = scope.id;
  record.session_id = scope.session;
  record.contained = contained;
  record.level = Level::Halt;
  if (scope.type == "subtree") record.select = {{"agent.id", scope.id}, {"delegation.root", scope.id}};
  record.effective_at = now;
  record.finding_uid = halted_by(command.by);
  record.reason = command.reason;
  record.approver = command.approver.empty() ? command.by : command.approver;
  record.cause_event_id = cause_of(command) + "-" + std::to_string(now.value);
  record.position.offset = Offset{0};  // of no input: any number lower than "all" tells whether it is stored
  return record;
}

/// The personas in force where they can be read from here.
std::expected<PersonaSet, Fault> personas_of(const Settings& settings, ContextLog* context) {
  if (context == nullptr) {
    auto load =
        load_personas(settings.personas.directory, settings.personas.lists.empty() ? std::nullopt : std::optional(settings.personas.lists));
    if (!load.set)
      return std::unexpected(Fault{ExitCode::Unusable, "the personas have errors: whether a release needs an approver is open"});
    return std::move(*load.set);
  }
  const auto stored = context->read_to_end(kWithin);
  if (!stored) return std::unexpected(Fault{ExitCode::Unreachable, stored.error().message});
  for (auto record = stored->rbegin(); record != stored->rend(); ++record) {
    if (record->tombstone || record->key != kPersonaSetKey) continue;
    auto files = decode_persona_set(record->value);
    auto load = files ? load_personas(FileTree{std::move(*files)}) : PersonaLoad{};
    if (load.set) return std::move(*load.set);
  }
  return std::unexpected(Fault{ExitCode::Unusable, "the context topic holds no valid persona set"});
}

/// Whether freeing this scope takes two people: an agent of tier 4, and whatever is wider than an agent, because such may be in it.
std::expected<bool, Fault> takes_two(const ScopeParts& scope, const Settings& settings, ContextLog* context) {
  if (scope.type != "agent" && scope.type != "session") return true;
  const auto set = personas_of(settings, context);
  if (!set) return std::unexpected(set.error());
  Event event;
  event.tenant = scope.tenant;
  event.agent.id = scope.id;
  const Persona* persona = set->match(event);
  return persona != nullptr && persona->tier >= kApprovedTier;
}

/// A release of what an operator halted is the operator's writer's own, so the rule is held here as the engine holds it for its own; and
/// whoever breaks it hears so at once.
Done check_approver(const Command& command, const ScopeParts& scope, const std::optional<ContainmentRecord>& halted,
                    const Settings& settings, ContextLog* context) {
  const auto two = takes_two(scope, settings, context);
  if (!two) return std::unexpected(two.error());
  if (!*two) return {};
  if (command.approver.empty() || same_person(command.approver, command.by))
    return std::unexpected(Fault{ExitCode::Unusable, "this scope is released only with an --approver other than --by"});
  if (halted && halted->contained && halted->finding_uid == halted_by(command.approver))
    return std::unexpected(Fault{ExitCode::Unusable, "who halted cannot approve the release"});
  return {};
}

/// A gate has confirmed a word under this key that the control log, which knows it up to `epoch`, has no more. False where there are no
/// acknowledgements to be read.
bool gates_know_later(const Settings& settings, const std::string& key, std::uint64_t epoch) {
  const bool files = !settings.outputs.control.topic;
  if (files && (settings.gate.acks.topic || !std::filesystem::exists(settings.gate.acks.file))) return false;
  const std::unique_ptr<ControlFeed> acks = enforcement_logs(settings).acks;
  const auto deadline = std::chrono::steady_clock::now() + kAcksWithin;
  while (std::chrono::steady_clock::now() < deadline) {
    const auto batch = acks->read(kBatch, kAckWait);
    if (!batch) return false;
    for (const ControlEntry& entry : batch->entries) {
      const auto read = decode_ack(entry.key, entry.value);
      if (read && read->ack.key == key && read->ack.applied_at && read->ack.epoch > epoch) return true;
    }
    if (batch->caught_up && batch->entries.empty()) return false;
  }
  return false;
}

OnTheLog standing_of(const EnforcementBoard& board, const Command& command, const ScopeParts& scope) {
  OnTheLog out;
  for (const auto& [key, row] : board.rows()) {
    if (!row.record.contained || !takes_in(scope, row.record.scope)) continue;
    out.any = true;
    out.pending = out.pending || row.record.pending_approval;
    if (row.writer == kOperatorWriter && row.record.scope != command.scope) out.by_people.push_back(row.record.scope);
  }
  return out;
}

}  // namespace

std::expected<Spoken, Fault> speak(const Command& command, const ScopeParts& scope, const Settings& settings, const SigningKey& key,
                                   const TrustedKeys& trusted, Engine engine, ContextLog* context) {
  if (command.command == "purge") return Spoken{};
  OutputProgress progress;  // outlives the log that tells it
  auto log = open_control_log(settings, ControlUse::Writes, [&progress] { progress.tell(); });
  if (!log) return std::unexpected(Fault{log.error().exit, log.error().message});
  const std::string claimant = "operator-" + std::to_string(getpid()) + "-" + std::to_string(wall_now().value);
  OperatorVoice voice({.iss = settings.control.issuer, .aud = settings.control.audience, .claimant = claimant}, key, trusted, **log,
                      progress);
  const bool release = command.command == "release";
  EnforcementBoard board(board_settings(settings, trusted));
  const auto each = [&board](const ControlEntry& entry) { board.observe(entry, WallTime{}); };
  if (auto read = voice.read_to_end(command.scope, command.command == "halt" ? nullptr : std::function<void(const ControlEntry&)>(each));
      !read)
    return std::unexpected(Fault{ExitCode::Unreachable, std::move(read.error())});
  Spoken out;
  if (command.command != "halt") out.standing = standing_of(board, command, scope);
  if (command.command == "approve") {
    if (out.standing->any && !out.standing->pending)
      return std::unexpected(Fault{ExitCode::Unusable, "nothing waits for approval there: what is contained is in force as it is"});
    return out;
  }
  const bool halted = voice.last() && voice.last()->contained;
  const bool as_commanded = halted != release;  // by the log, which may have been lost or restored
  const bool behind =
      as_commanded && gates_know_later(settings, control_key(command.scope, kOperatorWriter), voice.last() ? voice.last()->epoch : 0);
  if (release && (halted || behind || engine == Engine::Takes)) {
    if (auto allowed = check_approver(command, scope, voice.last(), settings, context); !allowed) return std::unexpected(allowed.error());
  }
  if (as_commanded && !behind) return out;
  if (auto said = voice.say(record_of(command, scope, !release)); !said)
    return std::unexpected(Fault{ExitCode::Unreachable, std::move(said.error())});
  out.said = true;
  return out;
}

}  // namespace ringfence
