// SPDX-License-Identifier: Apache-2.0
#include "engine/app/operator_word.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <set>
#include <utility>

#include "connectors/encoders/acknowledgement.h"
#include "connectors/sinks/enforcement_board.h"
#include "engine/app/control_places.h"
#include "engine/app/enforcement_feed.h"
#include "engine/app/operator_voice.h"
#include "engine/app/output_progress.h"
#include "engine/app/wall_clock.h"
#include "engine/pipeline/operate.h"
#include "engine/verdict/act_scopes.h"

namespace ringfence {
namespace {

constexpr std::chrono::seconds kAcksWithin{10};
constexpr std::size_t kBatch = 1000;
constexpr std::chrono::milliseconds kAckWait{200};
/// For releases that follow what an engine has put on record, and between looks at a log that does not wait itself.
constexpr std::chrono::milliseconds kReleasesWithin{2000}, kLook{20};
constexpr int kApprovedTier = 4;

ContainmentRecord record_of(const Command& command, const ScopeParts& scope, EventTime now) {
  ContainmentRecord record;
  record.scope = command.scope;
  record.tenant = scope.tenant;
  if (!is_wide(scope)) record.agent_id = scope.id;
  record.session_id = session_named(scope);
  record.contained = command.command == "halt";
  record.level = Level::Halt;
  if (scope.type == "subtree") record.select = {{"agent.id", scope.id}, {"delegation.root", scope.id}};
  record.effective_at = now;
  record.finding_uid = halted_by(command.by);
  record.reason = command.reason;
  record.approver = command.approver.empty() ? command.by : command.approver;
  record.position.offset = Offset{0};  // of no input: any number lower than "all" tells whether it is stored
  return record;
}

/// A job of tier 4 that an agent of this tenant may be bound to.
bool may_be_of_tier_four(const PersonaSet& set, const std::string& tenant) {
  return std::ranges::any_of(set.personas(), [&](const Persona& persona) {
    return persona.tier >= kApprovedTier && (persona.tenants.empty() || persona.tenants.matches(tenant));
  });
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

/// A place on the control log.
struct OperatorWord::Floor {
  OutputProgress progress;  // outlives the log that tells it
  std::unique_ptr<ControlLog> log;
  std::unique_ptr<OperatorVoice> voice;
  EnforcementBoard board;  // but for a halt, which waits for no signature to be checked

  explicit Floor(EnforcementBoard::Settings settings) : board(std::move(settings)) {}
  [[nodiscard]] std::expected<void, std::string> read_to_end(const Command& command) {
    const auto each = [this](const ControlEntry& entry) { board.observe(entry, WallTime{}); };
    return voice->read_to_end(command.scope, command.command == "halt" ? nullptr : std::function<void(const ControlEntry&)>(each));
  }
};

OperatorWord::OperatorWord(const Parts& parts, WallTime at) : parts_(parts), at_(at) {}
OperatorWord::OperatorWord(OperatorWord&&) noexcept = default;
OperatorWord::~OperatorWord() = default;

std::expected<OperatorWord, Fault> OperatorWord::open(const Parts& parts, Engine engine) {
  const auto& [command, scope, settings, key, trusted, past] = parts;
  OperatorWord out(parts, wall_now());
  auto floor = std::make_unique<Floor>(board_settings(settings, trusted));
  auto log = open_control_log(settings, ControlUse::Writes, [floor = floor.get()] { floor->progress.tell(); });
  if (!log) return std::unexpected(Fault{log.error().exit, log.error().message});
  floor->log = std::move(*log);
  const std::string claimant = "operator-" + std::to_string(getpid()) + "-" + std::to_string(wall_now().value);
  floor->voice = std::make_unique<OperatorVoice>(
      OperatorVoice::Settings{.iss = settings.control.issuer, .aud = settings.control.audience, .claimant = claimant}, key, trusted,
      *floor->log, floor->progress);
  OperatorVoice& voice = *floor->voice;
  out.floor_ = std::move(floor);

  if (auto read = out.floor_->read_to_end(command); !read) return std::unexpected(Fault{ExitCode::Unreachable, std::move(read.error())});
  if (voice.last()) out.at_.value = std::max(out.at_.value, (voice.last()->effective_at + milliseconds(1)).value);
  if (const auto before = past.last_command(command.scope)) out.at_.value = std::max(out.at_.value, before->value);
  if (command.command == "purge") return out;
  if (command.command != "halt") out.standing_ = standing_of(out.floor_->board, command, scope);
  if (command.command == "approve") {
    if (out.standing_->any && !out.standing_->pending)
      return std::unexpected(Fault{ExitCode::Unusable, "nothing waits for approval there: what is contained is in force as it is"});
    return out;
  }
  const bool release = command.command == "release", halted = voice.last() && voice.last()->contained;
  // By the log, which may have been lost or restored. A halt that another key has signed ends with that key.
  const bool as_commanded = release ? !halted : halted && voice.last_is_own();
  const bool behind =
      as_commanded && gates_know_later(settings, control_key(command.scope, kOperatorWriter), voice.last() ? voice.last()->epoch : 0);
  out.due_ = !as_commanded || behind;
  if (!release || !(halted || behind || engine == Engine::Takes)) return out;
  bool two = scope.type != "agent" && !is_part(scope.type);  // whoever is of tier 4 may be in what is wider
  if (!two) {
    const auto set = out.personas();
    if (!set) return std::unexpected(set.error());
    Event event;
    event.tenant = scope.tenant;
    event.agent.id = scope.id;
    const Persona* persona = (*set)->match(event);
    two = persona != nullptr && persona->tier >= kApprovedTier;
  }
  if (auto allowed = out.check_approver(two); !allowed) return std::unexpected(allowed.error());
  return out;
}

std::expected<const PersonaSet*, Fault> OperatorWord::personas() {
  if (!personas_) {
    auto set = parts_.past.personas();
    if (!set) return std::unexpected(std::move(set.error()));
    personas_ = std::move(*set);
  }
  return &*personas_;
}

/// A release of what an operator halted is the operator's writer's own, so the rule is held here as the engine holds it for its own; and
/// whoever breaks it hears so at once.
std::expected<void, Fault> OperatorWord::check_approver(bool two) {
  if (!two) return {};
  const std::string& approver = parts_.command.approver;
  if (approver.empty() || same_person(approver, parts_.command.by))
    return std::unexpected(Fault{ExitCode::Unusable, "this scope is released only with an --approver other than --by"});
  const auto& halted = floor_->voice->last();
  if (halted && halted->contained && halted->finding_uid == halted_by(approver))
    return std::unexpected(Fault{ExitCode::Unusable, "who halted cannot approve the release"});
  return {};
}

std::expected<void, Fault> OperatorWord::check_unheard() {
  if (parts_.command.command != "release" || !due_) return {};
  const auto set = personas();
  if (!set) return std::unexpected(set.error());
  auto allowed = check_approver(may_be_of_tier_four(**set, parts_.scope.tenant));
  if (!allowed) allowed.error().message += ": no engine says whether the agent's job is of tier 4, and there are such jobs";
  return allowed;
}

std::expected<void, Fault> OperatorWord::say(const std::string& jti) {
  if (auto said = floor_->voice->say(record_of(parts_.command, parts_.scope, EventTime{at_.value}), jti); !said)
    return std::unexpected(Fault{ExitCode::Unreachable, std::move(said.error())});
  return {};
}

std::expected<void, Fault> OperatorWord::take_over() {
  if (auto said = floor_->voice->take_over(); !said) return std::unexpected(Fault{ExitCode::Unreachable, std::move(said.error())});
  return {};
}

std::expected<std::vector<std::string>, Fault> OperatorWord::still_contained_by() {
  const auto until = std::chrono::steady_clock::now() + kReleasesWithin;
  while (true) {
    const std::uint64_t turn = floor_->progress.turn();
    if (auto read = floor_->read_to_end(parts_.command); !read)
      return std::unexpected(Fault{ExitCode::Unreachable, std::move(read.error())});
    std::set<std::string> writers;
    for (const auto& [key, row] : floor_->board.rows())
      if (row.record.contained && row.writer != kOperatorWriter && takes_in(parts_.scope, row.record.scope)) writers.insert(row.writer);
    const auto now = std::chrono::steady_clock::now();
    if (writers.empty() || now >= until) return std::vector(writers.begin(), writers.end());
    static_cast<void>(floor_->progress.wait(turn, now + kLook));
  }
}

}  // namespace ringfence
