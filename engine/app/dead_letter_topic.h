// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <expected>
#include <functional>
#include <string>

#include "config/settings.h"
#include "connectors/encoders/dead_letter.h"
#include "connectors/kafka/client.h"

namespace ringfence {

/// Calls `take` for every letter the dead-letter topic holds now; a record that is no letter of ours is passed over and counted in the
/// result.
[[nodiscard]] std::expected<std::uint64_t, KafkaError> each_letter_of_topic(const Settings& settings,
                                                                            const std::function<void(const DeadLetter&)>& take);

/// Puts whole letters back on the events topic, links on theirs, under the key they came with; returns when the last is stored.
class LetterReturn {
 public:
  [[nodiscard]] static std::expected<std::unique_ptr<LetterReturn>, KafkaError> open(const Settings& settings);
  ~LetterReturn();
  [[nodiscard]] std::expected<void, KafkaError> send(const DeadLetter& letter);
  [[nodiscard]] std::expected<void, KafkaError> finish();

 private:
  struct Parts;
  explicit LetterReturn(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace ringfence
