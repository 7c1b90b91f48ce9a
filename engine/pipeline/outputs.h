// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <expected>
#include <string>

#include "engine/event/decode.h"
#include "engine/event/record.h"
#include "engine/pipeline/judge.h"

namespace ringfence {

/// An output that cannot be written now. The pipeline keeps its low-water mark where it is, so nothing is lost.
struct OutputError {
  bool no_space = false;
  std::string message;  // names the output and the cause, no value of an event
};

/// Where judgements leave to: encoders and sinks behind one face. Called by one thread, in order of the input.
class Outputs {
 public:
  virtual ~Outputs() = default;
  /// Findings, containments and the verdict of one judged record. Containments are sent first: a halt waits for nothing.
  [[nodiscard]] virtual std::expected<void, OutputError> publish(const Judgement& judgement) = 0;
  /// A refused record, to the dead letter.
  [[nodiscard]] virtual std::expected<void, OutputError> refuse(const Record& record, const Refusal& refusal) = 0;
  /// Highest offset such that every output of earlier records of the partition has been acknowledged.
  [[nodiscard]] virtual Offset acknowledged(Partition partition) const = 0;
};

}  // namespace ringfence
