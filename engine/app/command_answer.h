// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "connectors/sources/byte_stream.h"
#include "connectors/sources/descriptor_stream.h"
#include "connectors/sources/line_splitter.h"

namespace ringfence {

/// Hears what a service without Kafka puts on record about a command, for whoever gave it. From the end that the trail has when this is
/// made, so it is made before the command is given. The trail is taken at its word: `audit verify` checks it.
class CommandAnswers {
 public:
  explicit CommandAnswers(const std::string& trail);

  struct Answer {
    bool done = false;
    std::string words;
  };
  /// What came of the command of this `jti`; nothing where that is not on record in time.
  [[nodiscard]] std::optional<Answer> wait(const std::string& jti, std::chrono::milliseconds within);

 private:
  Descriptor file_;
  StopSignal never_;
  std::unique_ptr<ByteStream> lines_;  // null: there is no trail yet
  LineSplitter splitter_;
};

}  // namespace ringfence
