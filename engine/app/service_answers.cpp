// SPDX-License-Identifier: Apache-2.0
#include "engine/app/service_answers.h"

#include "engine/app/drill_verdict.h"
#include "engine/app/service_shard.h"
#include "engine/event/sha256.h"
#include "engine/verdict/contain.h"

namespace ringfence {

AskAnswer answer_to(const Record& record, std::string_view gate, const Result& result) {
  AskAnswer out{.gate = std::string(gate), .asked = sha256_hex(record.bytes)};
  const Judgement& judged = result.judgement;
  // A copy says nothing of this call: the act was answered once, and whoever sends it again under its id has not been looked at.
  const bool looked_at = !result.refusal && !judged.copy;
  out.allowed = looked_at && !denies(judged.verdict.applied, std::nullopt);
  out.level = looked_at ? name_of(judged.verdict.applied) : "refused";
  if (!out.allowed && !judged.findings.empty()) out.finding_uid = judged.findings.front().uid;
  return out;
}

void ServiceAnswers::answer(const Record& record, const Event& event, const Result& result) {
  const auto gate = asking_gate(event);
  if (!gate) return;
  const Partition partition = record.position.partition;
  const auto generation = writers_.speaking(partition);
  AskAnswer answer = answer_to(record, *gate, result);
  if (!generation) {
    counters_.answers.failed.add();  // not ours to say, or not yet: the gate's deadline decides
    return;
  }
  answer.writer = writers_.writer_of(partition);
  answer.generation = *generation;
  answer.time_ms = wall_now().value / 1'000'000;
  const Issuer issuer{settings_.issuer, settings_.audience, answer.writer, answer.generation, 0};
  const std::string token = sign_jws(key_, encode_answer(answer, issuer));
  const auto sent = producer_->publish(
      {.topic = settings_.verdicts, .key = answer.gate, .value = token, .cause = std::nullopt, .partition = std::nullopt});
  (sent ? counters_.answers.acknowledged : counters_.answers.failed).add();
}

void ServiceAnswers::tell_drill(const Record& record, const Event& event, const Result& result, WallTime decided, WallTime handed_over) {
  DrillVerdict verdict{.event = std::string(event.id), .level = result.judgement.verdict.applied, .decided = decided, .signed_at = {}};
  // A writer that does not speak yet signs later.
  if (!result.judgement.containments.empty() && writers_.speaking(record.position.partition)) verdict.signed_at = handed_over;
  const std::string value = encode_drill_verdict(verdict);
  const auto sent = producer_->publish(
      {.topic = settings_.verdicts, .key = event.agent.id, .value = value, .cause = std::nullopt, .partition = std::nullopt});
  (sent ? counters_.answers.acknowledged : counters_.answers.failed).add();
}

}  // namespace ringfence
