// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "connectors/kafka/topic_reader.h"
#include "engine/event/ids.h"
#include "engine/event/record.h"

namespace ringfence {

/// A record that was read from a partition's log. By it the log is known again at the next start: a topic that is made anew begins to
/// number anew, so that offsets alone say nothing.
struct LogMark {
  Offset offset;
  Hash128 digest;
  bool operator==(const LogMark&) const = default;
};
[[nodiscard]] LogMark mark_of(const Record& record);
/// `offset high low`, for the store; nothing where a text is none.
[[nodiscard]] std::string encode_mark(const LogMark& mark);
[[nodiscard]] std::optional<LogMark> parse_mark(std::string_view text);

/// What the log of a partition holds now.
struct LogLook {
  Offset begin, end;
  std::optional<Hash128> at_mark;  // digest of the record at the mark's offset, where there is one
};

/// Whether a position is one of this log.
enum class LogFit : std::uint8_t {
  Fits,
  Cut,   // its records from there on are deleted in part
  Anew,  // it is another log than the one that was read
};
[[nodiscard]] LogFit fit_of(Offset position, const std::optional<LogMark>& mark, const LogLook& look);

/// Looks into the logs of a topic's partitions, beside whoever consumes them. One thread at a time.
class InputLog {
 public:
  InputLog(KafkaSettings kafka, std::string topic, KafkaLog log)
      : kafka_(std::move(kafka)), topic_(std::move(topic)), log_(std::move(log)) {}
  /// Takes some milliseconds; an error after a few seconds where the partition's leader does not answer.
  [[nodiscard]] std::expected<LogLook, KafkaError> look(Partition partition, const std::optional<LogMark>& mark);
  [[nodiscard]] const std::string& topic() const { return topic_; }

 private:
  [[nodiscard]] std::expected<std::optional<Hash128>, KafkaError> digest_at(Partition partition, Offset offset);

  KafkaSettings kafka_;
  std::string topic_;
  KafkaLog log_;
  std::unique_ptr<TopicReader> reader_;  // opened by the first look
};

}  // namespace ringfence
