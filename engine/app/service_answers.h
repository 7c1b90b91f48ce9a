// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <expected>
#include <memory>
#include <string>

#include "connectors/encoders/answer.h"
#include "connectors/kafka/producer.h"
#include "connectors/sinks/control_writers.h"
#include "engine/app/service_metrics.h"
#include "engine/event/record.h"
#include "engine/pipeline/shard.h"

namespace ringfence {

/// Answers gates that ask about an act before it happens, once it has been judged (docs/design/enforcement.md §3a): refused where what
/// stands after the act denies what is no read, or where the record itself was refused. Signed as the partition's writer, so only by its
/// owner. An answer is worth something for milliseconds: none holds the low-water mark, none is said again. Thread-safe.
class ServiceAnswers {
 public:
  struct Settings {
    std::string issuer;
    std::vector<std::string> audience;
    std::string verdicts;  // topic
  };
  ServiceAnswers(Settings settings, SigningKey key, const ControlWriters& writers, std::unique_ptr<Producer> producer,
                 ProcessCounters& counters)
      : settings_(std::move(settings)), key_(std::move(key)), writers_(writers), producer_(std::move(producer)), counters_(counters) {}

  /// Answers where a gate waits for it; a cheap look where none does.
  void answer(const Record& record, const Event& event, const Result& result);
  /// Tells a drill how its call was judged, and when. It wants to know and nobody decides by it, so it is not signed.
  void tell_drill(const Record& record, const Event& event, const Result& result, WallTime decided, WallTime handed_over);

 private:
  Settings settings_;
  SigningKey key_;
  const ControlWriters& writers_;
  std::unique_ptr<Producer> producer_;
  ProcessCounters& counters_;
};

/// What a gate is told of a judged act.
[[nodiscard]] AskAnswer answer_to(const Record& record, std::string_view gate, const Result& result);

}  // namespace ringfence
