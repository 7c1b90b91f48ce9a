// SPDX-License-Identifier: Apache-2.0
#include "connectors/kafka/ask_feed.h"

#include <utility>

namespace ringfence {
namespace {

constexpr std::chrono::milliseconds kOpenWithin{2'000};
constexpr std::size_t kBatch = 1000;
/// Acts handed over and not yet stored; beyond it nothing is sent, and what becomes of the call is the gate's setting.
constexpr std::size_t kOpenMax = 10'000;

}  // namespace

std::expected<std::unique_ptr<KafkaAskFeed>, KafkaError> KafkaAskFeed::open(Settings settings, KafkaLog log) {
  auto producer = Producer::open(
      {.kafka = settings.kafka, .linger = std::chrono::milliseconds(0), .compression = "none", .max_open = kOpenMax, .progress = {}}, log);
  if (!producer) return std::unexpected(producer.error());
  return std::unique_ptr<KafkaAskFeed>(new KafkaAskFeed(std::move(settings), std::move(*producer), std::move(log)));
}

std::expected<void, SinkError> KafkaAskFeed::send(std::string_view agent, std::string_view event) {
  if (!hears_.load(std::memory_order_acquire))
    return std::unexpected(SinkError{SinkError::Kind::Unavailable, "the answers' topic is not read yet"});
  const auto sent =
      producer_->publish({.topic = settings_.events, .key = agent, .value = event, .cause = std::nullopt, .partition = std::nullopt});
  if (!sent) return std::unexpected(to_sink_error(sent.error()));
  return {};
}

std::expected<std::vector<std::string>, SinkError> KafkaAskFeed::read(std::chrono::milliseconds wait) {
  if (!reader_) {
    auto opened =
        TopicReader::open({.kafka = settings_.kafka, .topic = settings_.verdicts, .only_new = true, .open_within = kOpenWithin}, log_);
    if (!opened) return std::unexpected(to_sink_error(opened.error()));
    reader_ = std::move(*opened);
    // The first ask does not wait for a connection; where that fails the first ask tells.
    [[maybe_unused]] const auto warmed = producer_->warm(settings_.events, kOpenWithin);
    hears_.store(true, std::memory_order_release);
  }
  auto batch = reader_->read(kBatch, wait);
  if (!batch) {
    if (batch.error().fatal) {
      hears_.store(false, std::memory_order_release);
      reader_.reset();  // the next call begins anew, at the end
    }
    return std::unexpected(to_sink_error(batch.error()));
  }
  std::vector<std::string> out;
  for (TopicRecord& record : batch->records)
    if (record.key == settings_.gate) out.push_back(std::move(record.value));
  return out;
}

}  // namespace ringfence
