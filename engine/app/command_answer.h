// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "connectors/kafka/topic_reader.h"
#include "connectors/sources/byte_stream.h"
#include "connectors/sources/descriptor_stream.h"
#include "connectors/sources/line_splitter.h"

namespace ringfence {

/// Hears what engines put on record about a command, for whoever gave it. From the end that the trail has when this is made, so it is made
/// before the command is given. The trail is taken at its word: `audit verify` checks it.
class CommandAnswers {
 public:
  struct Answer {
    bool done = false;
    bool passed_over = false;  // it counts as none: forged, repeated, too late
    std::string words;
  };
  virtual ~CommandAnswers() = default;
  /// What came of the command of this `jti`; nothing where that is not on record in time.
  [[nodiscard]] virtual std::optional<Answer> wait(const std::string& jti, std::chrono::milliseconds within) = 0;
};

/// In the file of a service without Kafka.
class FileAnswers final : public CommandAnswers {
 public:
  explicit FileAnswers(const std::string& trail);
  [[nodiscard]] std::optional<Answer> wait(const std::string& jti, std::chrono::milliseconds within) override;

 private:
  Descriptor file_;
  StopSignal never_;
  std::unique_ptr<ByteStream> lines_;  // null: there is no trail yet
  LineSplitter splitter_;
};

/// On the audit topic: several partitions may know something of a scope, and that it was done anywhere is what counts.
class TopicAnswers final : public CommandAnswers {
 public:
  /// Null where the topic cannot be read: then the engines' logs alone tell.
  [[nodiscard]] static std::unique_ptr<CommandAnswers> open(const KafkaSettings& kafka, const std::string& topic);
  explicit TopicAnswers(std::unique_ptr<TopicReader> trail) : trail_(std::move(trail)) {}
  [[nodiscard]] std::optional<Answer> wait(const std::string& jti, std::chrono::milliseconds within) override;

 private:
  std::unique_ptr<TopicReader> trail_;
};

}  // namespace ringfence
