// SPDX-License-Identifier: Apache-2.0
#include "engine/app/dead_letter_topic.h"

#include <chrono>
#include <memory>

#include "connectors/kafka/producer.h"
#include "connectors/kafka/topic_reader.h"
#include "engine/app/kafka_settings.h"

namespace ringfence {
namespace {

constexpr std::size_t kBatch = 1000;
constexpr std::chrono::milliseconds kWait{500};
constexpr std::chrono::milliseconds kFlush{20'000};
constexpr std::chrono::milliseconds kLinger{5};

}  // namespace

struct LetterReturn::Parts {
  std::string events, links;
  std::unique_ptr<Producer> producer;
};

LetterReturn::LetterReturn(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
LetterReturn::~LetterReturn() = default;

std::expected<std::uint64_t, KafkaError> each_letter_of_topic(const Settings& settings,
                                                              const std::function<void(const DeadLetter&)>& take) {
  auto reader = TopicReader::open({.kafka = kafka_of(settings), .topic = settings.topics.dead_letter});
  if (!reader) return std::unexpected(reader.error());
  std::uint64_t strange = 0;
  while (true) {
    const auto batch = (*reader)->read(kBatch, kWait);
    if (!batch) return std::unexpected(batch.error());
    for (const TopicRecord& record : batch->records) {
      const auto letter = parse_dead_letter(record.value);
      if (letter) {
        take(*letter);
      } else {
        ++strange;
      }
    }
    if (batch->caught_up && batch->records.empty()) return strange;
  }
}

std::expected<std::unique_ptr<LetterReturn>, KafkaError> LetterReturn::open(const Settings& settings) {
  auto producer = Producer::open({.kafka = kafka_of(settings), .linger = kLinger});
  if (!producer) return std::unexpected(producer.error());
  return std::unique_ptr<LetterReturn>(
      new LetterReturn(std::make_unique<Parts>(Parts{settings.topics.events, settings.topics.links, std::move(*producer)})));
}

std::expected<void, KafkaError> LetterReturn::send(const DeadLetter& letter) {
  const OutputRecord record{
      .topic = letter.topic == parts_->links ? parts_->links : parts_->events, .key = letter.key, .value = letter.record};
  auto sent = parts_->producer->publish(record);
  if (sent || sent.error().code != KafkaError::Code::QueueFull) return sent;
  if (auto flushed = parts_->producer->flush(kFlush); !flushed) return flushed;
  return parts_->producer->publish(record);
}

std::expected<void, KafkaError> LetterReturn::finish() { return parts_->producer->flush(kFlush); }

}  // namespace ringfence
