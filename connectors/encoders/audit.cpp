// SPDX-License-Identifier: Apache-2.0
#include "connectors/encoders/audit.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <utility>

#include "connectors/encoders/jws.h"
#include "engine/event/escape.h"
#include "engine/event/sha256.h"

namespace ringfence {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kRemediation = 7001, kManagement = 3004;
constexpr int kEntityOther = 99;
constexpr std::size_t kScopeChars = 1024, kReasonChars = 1024, kNameChars = 256;
constexpr std::size_t kGatesMost = 64;  // named in one record

struct Activity {
  int id;
  std::string_view name;
};
constexpr Activity kIsolate{1, "Isolate"}, kRestore{3, "Restore"};
constexpr Activity kUpdate{3, "Update"}, kDelete{4, "Delete"}, kActivate{10, "Activate"}, kDeactivate{11, "Deactivate"};
constexpr Activity kOther{99, "Other"};

enum class AuditStatus : std::uint8_t { Success = 1, Failure = 2, Partial = 4 };

std::int64_t milliseconds_of(WallTime time) { return time.value / 1'000'000; }

std::string place_of(Position after) { return std::to_string(after.partition.value) + ":" + std::to_string(after.offset.value); }

/// What every event of ours has; `class_uid` decides the rest.
Json event_of(int class_uid, Activity activity, std::int64_t time_ms, WallTime logged) {
  const bool remediation = class_uid == kRemediation;
  const std::string name = remediation ? "Remediation Activity" : "Entity Management";
  return {{"activity_id", activity.id},
          {"activity_name", activity.name},
          {"category_uid", remediation ? 7 : 3},
          {"category_name", remediation ? "Remediation" : "Identity & Access Management"},
          {"class_uid", class_uid},
          {"class_name", name},
          {"type_uid", class_uid * 100 + activity.id},
          {"type_name", name + ": " + std::string(activity.name)},
          {"time", time_ms},
          {"severity_id", 1},
          {"severity", "Informational"},
          {"metadata",
           {{"version", "1.8.0"},
            {"product", {{"name", "ringfence"}, {"vendor_name", "ringfence"}, {"version", RINGFENCE_VERSION}}},
            {"log_name", "ringfence.audit"},
            {"logged_time", milliseconds_of(logged)}}}};
}

void set_status(Json& event, AuditStatus ending, std::string_view detail) {
  static constexpr std::array<std::string_view, 5> kNames{"Unknown", "Success", "Failure", "Does Not Exist", "Partial"};
  event["status_id"] = static_cast<int>(ending);
  event["status"] = kNames[static_cast<std::size_t>(ending)];
  event["status_detail"] = detail;
}

/// Who did it. In a Remediation Activity that is an attribute of the host profile.
void set_actor(Json& event, std::string_view who) {
  if (who.empty()) return;
  if (event["class_uid"] == kRemediation) event["metadata"]["profiles"] = Json::array({"host"});
  event["actor"] = {{"user", {{"name", printable(who, kNameChars)}}}};
}

void set_entity(Json& event, std::string_view name, std::string_view uid, std::string_view type) {
  event["entity"] = {{"name", printable(name, kScopeChars)}, {"uid", uid}, {"type_id", kEntityOther}, {"type", type}};
}

std::string written(const Json& json) { return json.dump(-1, ' ', true, Json::error_handler_t::replace); }

Json own_of(const ContainmentRecord& record, std::string_view writer) {
  return {{"scope", record.scope},
          {"writer", writer},
          {"epoch", record.epoch},
          {"level", name_of(record.level)},
          {"finding_uid", record.finding_uid},
          {"persona", printable(record.persona, kNameChars)},
          {"reason", printable(record.reason, kReasonChars)}};
}

/// The event of a command of any kind; what came of it is added by the caller.
Json event_of(const CommandOnRecord& order, std::string_view kind, WallTime logged) {
  const Command& command = order.command;
  const bool forgets = command.command == "purge";
  const Activity activity = forgets ? kDelete : command.command == "release" ? kRestore : kIsolate;
  Json event = event_of(forgets ? kManagement : kRemediation, activity, milliseconds_of(logged), logged);
  event["message"] = command.command + " of " + printable(command.scope, kScopeChars);
  if (forgets)
    set_entity(event, command.scope, order.jti, "Agent state");
  else
    event["command_uid"] = order.jti;
  set_actor(event, command.by);
  event["unmapped"]["ringfence"] = {{"kind", kind},
                                    {"command", command.command},
                                    {"scope", printable(command.scope, kScopeChars)},
                                    {"reason", printable(command.reason, kReasonChars)},
                                    {"by", printable(command.by, kNameChars)},
                                    {"approver", printable(command.approver, kNameChars)},
                                    {"ticket", printable(command.ticket, kNameChars)},
                                    {"jti", order.jti},
                                    {"kid", order.kid}};
  return event;
}

}  // namespace

AuditHead beginning_of(std::string chain) { return {std::move(chain), 0, std::string(64, '0')}; }

AuditEntry audit_of(const ContainmentRecord& record, std::string_view writer, WallTime logged) {
  Json event = event_of(kRemediation, record.contained ? kIsolate : kRestore, to_milliseconds(record.effective_at), logged);
  const std::string jti = control_jti(record.cause_event_id, control_key(record.scope, writer), record.epoch);
  event["command_uid"] = jti;
  const std::string what = record.contained ? std::string(name_of(record.level)) + " of " : "release of ";
  event["message"] = what + printable(record.scope, kScopeChars);
  set_status(event, AuditStatus::Success, "given to its writer");
  set_actor(event, record.approver);
  Json& own = event["unmapped"]["ringfence"] = {{"kind", record.contained ? "contained" : "released"}};
  own.update(own_of(record, writer));
  if (!record.contained) own["evidence"] = record.release_auto ? "kept" : "set to zero";
  return {jti, written(event)};
}

AuditEntry audit_of_held(const ContainmentRecord& held, std::string_view writer, WallTime logged) {
  Json event = event_of(kRemediation, kIsolate, to_milliseconds(held.effective_at), logged);
  const std::string jti = control_jti(held.cause_event_id, control_key(held.scope, writer), held.epoch);
  event["command_uid"] = jti;
  event["message"] = std::string(name_of(held.wanted)) + " of " + printable(held.scope, kScopeChars) + " waits for a person";
  set_status(event, AuditStatus::Partial, "went out as a hold: beyond the blast radius");
  Json& own = event["unmapped"]["ringfence"] = {{"kind", "held_back"}};
  own.update(own_of(held, writer));
  own["wanted"] = name_of(held.wanted);
  return {"held:" + jti, written(event)};
}

AuditEntry audit_of(const Enforcement& enforcement, Position after, WallTime logged) {
  Json gates = Json::array();
  std::int64_t last_ms = 0;
  std::string said = enforcement.scope + place_of(after) + std::string(name_of(enforcement.level));
  for (const Enforcement::Gate& gate : enforcement.gates) {
    const std::int64_t applied_ms = to_milliseconds(gate.applied_at);
    last_ms = std::max(last_ms, applied_ms);
    said += gate.name + std::to_string(applied_ms);
    if (gates.size() < kGatesMost) gates.push_back({{"gate", printable(gate.name, kNameChars)}, {"applied_at", applied_ms}});
  }
  const std::string uid = "enforced:" + sha256_hex(said).substr(0, 16);
  Json event = event_of(kRemediation, kIsolate, last_ms, logged);
  event["command_uid"] = uid;
  event["message"] = std::string(name_of(enforcement.level)) + " of " + printable(enforcement.scope, kScopeChars) + " is in force";
  set_status(event, AuditStatus::Success, "confirmed by every expected gate");
  event["unmapped"]["ringfence"] = {{"kind", "enforced"},
                                    {"scope", printable(enforcement.scope, kScopeChars)},
                                    {"level", name_of(enforcement.level)},
                                    {"effective_at", to_milliseconds(enforcement.effective_at)},
                                    {"gates", std::move(gates)},
                                    {"after", place_of(after)}};
  return {uid, written(event)};
}

AuditEntry audit_of_taken(const CommandOnRecord& order, Position after, WallTime logged) {
  Json event = event_of(order, "command_taken", logged);
  set_status(event, AuditStatus::Success, "taken");
  event["unmapped"]["ringfence"]["after"] = place_of(after);
  return {"taken:" + std::string(order.jti), written(event)};
}

AuditEntry audit_of_answer(const CommandOnRecord& order, bool done, std::string_view answer, Position after, WallTime logged) {
  Json event = event_of(order, "command", logged);
  set_status(event, done ? AuditStatus::Success : AuditStatus::Failure, answer);
  event["unmapped"]["ringfence"]["after"] = place_of(after);
  return {std::string(order.jti) + ":" + std::to_string(after.partition.value) + ":" + std::string(answer), written(event)};
}

AuditEntry audit_of_given(const CommandOnRecord& order, bool done, std::string_view answer, WallTime logged) {
  Json event = event_of(order, "command", logged);
  set_status(event, done ? AuditStatus::Success : AuditStatus::Failure, printable(answer, kReasonChars));
  return {"given:" + std::string(order.jti), written(event)};
}

AuditEntry audit_of_passed_over(const CommandOnRecord* order, Offset at, std::string_view why, std::uint64_t more, WallTime logged) {
  Json event;
  if (order != nullptr) {
    event = event_of(*order, "command_passed_over", logged);
  } else {
    event = event_of(kManagement, kOther, milliseconds_of(logged), logged);
    event["message"] = "a record in the place of a command counts as none";
    set_entity(event, "operator's command", std::to_string(at.value), "Signed command");
    event["unmapped"]["ringfence"] = {{"kind", "command_passed_over"}};
  }
  set_status(event, AuditStatus::Failure, printable(why, kReasonChars));
  event["unmapped"]["ringfence"]["offset"] = at.value;
  if (more > 0) event["unmapped"]["ringfence"]["more_before"] = more;
  return {"passed_over:" + std::to_string(at.value), written(event)};
}

AuditEntry audit_of_personas(std::string_view sha256, std::size_t personas, std::string_view places, WallTime logged) {
  Json event = event_of(kManagement, kUpdate, milliseconds_of(logged), logged);
  event["message"] = "another persona set is in force";
  set_status(event, AuditStatus::Success, "in force");
  set_entity(event, std::to_string(personas) + " personas", sha256, "Agent persona set");
  event["unmapped"]["ringfence"] = {{"kind", "personas"}, {"after", places}};
  return {"personas:" + std::string(sha256.substr(0, 16)) + ":" + std::string(places), written(event)};
}

AuditEntry audit_of_purge(std::string_view scope, std::int64_t time_ms, WallTime logged) {
  Json event = event_of(kManagement, kDelete, time_ms, logged);
  event["message"] = "an agent was forgotten while no process served";
  set_status(event, AuditStatus::Success, "forgotten");
  set_entity(event, scope, sha256_hex(scope).substr(0, 16), "Agent state");
  event["unmapped"]["ringfence"] = {{"kind", "purged_offline"}, {"scope", printable(scope, kScopeChars)}};
  return {"purged:" + std::to_string(time_ms) + ":" + sha256_hex(scope).substr(0, 16), written(event)};
}

AuditEntry audit_of_moved_on(std::string_view topic, Position from, Offset to, WallTime logged) {
  const std::string place = std::string(topic) + "/" + std::to_string(from.partition.value);
  Json event = event_of(kManagement, kUpdate, milliseconds_of(logged), logged);
  event["message"] = "a partition that stood still was let go on: what lies between is never judged";
  set_status(event, AuditStatus::Success, "moved on");
  set_entity(event, place, place, "Input partition");
  event["unmapped"]["ringfence"] = {
      {"kind", "moved_on"}, {"topic", topic}, {"partition", from.partition.value}, {"from", from.offset.value}, {"to", to.value}};
  return {"moved_on:" + place + ":" + std::to_string(from.offset.value) + ":" + std::to_string(to.value), written(event)};
}

AuditEntry audit_of_start(const AuditProcess& process, WallTime logged) {
  Json event = event_of(kManagement, kActivate, milliseconds_of(logged), logged);
  event["message"] = "the process that writes this chain has started";
  set_status(event, AuditStatus::Success, "started");
  set_entity(event, process.start, process.start, "Detection engine");
  event["unmapped"]["ringfence"] = {{"kind", "started"}, {"kid", process.kid}, {"personas", process.personas}};
  return {"started:" + std::string(process.start), written(event)};
}

AuditEntry audit_of_end(const AuditProcess& process, WallTime logged) {
  Json event = event_of(kManagement, kDeactivate, milliseconds_of(logged), logged);
  event["message"] = "the process that writes this chain has ended";
  set_status(event, AuditStatus::Success, "ended");
  set_entity(event, process.start, process.start, "Detection engine");
  event["unmapped"]["ringfence"] = {{"kind", "ended"}};
  return {"ended:" + std::string(process.start), written(event)};
}

std::string AuditChain::next(const AuditEntry& entry) {
  Json event = Json::parse(entry.event);
  event["metadata"]["uid"] = entry.uid;
  Json own = std::move(event["unmapped"]["ringfence"]);
  event.erase("unmapped");  // it goes last, and in it the signature
  own["chain"] = head_.chain;
  own["number"] = head_.number + 1;
  own["previous"] = head_.sha256;
  own["signature"] = "";
  event["unmapped"] = {{"ringfence", std::move(own)}};
  std::string line = written(event);
  line.insert(line.size() - kAuditLineEnd.size(), sign_detached(key_, line));
  head_ = {head_.chain, head_.number + 1, sha256_hex(line)};
  return line;
}

}  // namespace ringfence
