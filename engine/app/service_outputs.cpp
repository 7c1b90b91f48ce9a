// SPDX-License-Identifier: Apache-2.0
#include "engine/app/service_outputs.h"

#include <algorithm>

#include "connectors/encoders/dead_letter.h"
#include "connectors/encoders/ocsf.h"
#include "engine/pipeline/link_json.h"
#include "engine/verdict/contain.h"

namespace ringfence {
namespace {

constexpr std::chrono::milliseconds kBackpressure{10};

}  // namespace

std::vector<HeldBack> held_back(ControlWriters& control, const std::string& topic, const std::string& links_topic, WallTime now) {
  std::vector<HeldBack> out;
  for (const ContainmentRecord& held : control.take_held())
    out.push_back({blast_radius_finding(held, held.position.partition < kLinksPartition ? topic : links_topic),
                   audit_of_held(held, control.writer_of(held.position.partition), now)});
  return out;
}

void log_command(const ServiceLog& log, const OperatorCommand& order, CommandAnswer answer) {
  log.info("operator's command", {{"command", order.command.command},
                                  {"scope", order.command.scope},
                                  {"by", order.command.by},
                                  {"approver", order.command.approver},
                                  {"effective", answer == CommandAnswer::Done},
                                  {"answer", words_of(answer)}});
}

std::expected<void, OutputError> ServiceOutputs::publish(const Judgement& judgement) {
  for (const ContainmentRecord& record : judgement.containments) {
    const auto hand_over = [&] { return parts_.control.publish(record, parts_.active_agents(), parts_.now()); };
    if (auto sent = until_taken(parts_.counters.control, hand_over); !sent) return sent;
    handed_over_ = parts_.now();
    const AuditEntry entry = audit_of(record, parts_.control.writer_of(record.position.partition), parts_.now());
    if (auto said = this->record(entry, record.position); !said) return said;
  }
  std::vector<HeldBack> held;
  if (!judgement.containments.empty()) held = held_back(parts_.control, parts_.topic, parts_.links_topic, parts_.now());
  for (const auto& [finding, audit] : held) {
    if (auto said = record(audit, finding.position); !said) return said;
    if (auto sent = send(parts_.findings, parts_.counters.findings, encode_finding(finding), finding.agent_id, finding.position); !sent)
      return sent;
  }
  for (const FindingRecord& finding : judgement.findings) {
    if (auto sent = send(parts_.findings, parts_.counters.findings, encode_finding(finding), finding.agent_id, judgement.position); !sent)
      return sent;
  }
  for (const Link& link : judgement.links) {
    if (auto sent = send(parts_.links, parts_.counters.links, encode_link(link), link_record_key(link), judgement.position); !sent)
      return sent;
  }
  return {};
}

std::expected<void, OutputError> ServiceOutputs::refuse(const Record& record, const Refusal& refusal) {
  const bool link = record.position.partition >= kLinksPartition;
  DeadLetter letter = dead_letter(record, refusal, link ? parts_.links_topic : parts_.topic, InputKind::Topic);
  letter.position.partition = partition_in_topic(letter.position.partition);
  return send(parts_.dead_letters, parts_.counters.dead_letter, encode_dead_letter(letter), dead_letter_key(letter), record.position);
}

std::expected<void, OutputError> ServiceOutputs::record(const AuditEntry& entry, Position cause) {
  return until_taken(parts_.counters.audit, [&] { return parts_.audit.say(entry, cause); });
}

std::expected<void, OutputError> ServiceOutputs::announce(const std::string& fact, std::string_view scope, Position cause) {
  return send(*parts_.facts, parts_.counters.observer_facts, fact, scope, cause);
}

std::expected<void, OutputError> ServiceOutputs::send(Sink& sink, ProcessCounters::Output& counter, const std::string& line,
                                                      std::string_view key, Position cause) {
  return until_taken(counter, [&] { return sink.publish(line, key, cause); });
}

std::expected<void, OutputError> ServiceOutputs::until_taken(ProcessCounters::Output& counter,
                                                             const std::function<std::expected<void, SinkError>()>& hand_over) {
  while (true) {
    const auto taken = hand_over();
    if (taken) {
      counter.acknowledged.add();
      return {};
    }
    counter.failed.add();
    const bool no_space = taken.error().kind == SinkError::Kind::NoSpace;
    const bool may_pass = no_space || taken.error().kind == SinkError::Kind::Unavailable;
    if (!may_pass || !parts_.give_time(kBackpressure)) return std::unexpected(OutputError{no_space, taken.error().message});
  }
}

Offset ServiceOutputs::acknowledged(Partition partition) const {
  const Offset facts = parts_.facts == nullptr ? kAllAcknowledged : parts_.facts->acknowledged(partition);
  return std::min({facts, parts_.findings.acknowledged(partition), parts_.dead_letters.acknowledged(partition),
                   parts_.links.acknowledged(partition), parts_.control.acknowledged(partition), parts_.audit.acknowledged(partition)});
}

}  // namespace ringfence
