// SPDX-License-Identifier: Apache-2.0
#include "engine/app/input_log.h"

#include <chrono>
#include <sstream>
#include <utility>

#include "engine/event/hash.h"
#include "engine/event/limits.h"

namespace ringfence {
namespace {

constexpr std::chrono::milliseconds kLookWithin{2'000}, kReadWait{200}, kEndWait{5};

/// Of a record whose whole is not here the beginning is, and its size.
Hash128 digest_of(std::string_view key, std::string_view bytes, std::uint64_t size) {
  std::string text = std::to_string(size) + " " + std::to_string(key.size()) + " ";
  text += key;
  text += bytes.substr(0, limits::kDeadLetterExcerpt);
  return hash128(text);
}

}  // namespace

LogMark mark_of(const Record& record) { return {record.position.offset, digest_of(record.key, record.bytes, record.size)}; }

std::string encode_mark(const LogMark& mark) {
  return std::to_string(mark.offset.value) + " " + std::to_string(mark.digest.high) + " " + std::to_string(mark.digest.low);
}

std::optional<LogMark> parse_mark(std::string_view text) {
  LogMark mark;
  std::istringstream in{std::string(text)};
  if (in >> mark.offset.value >> mark.digest.high >> mark.digest.low) return mark;
  return std::nullopt;
}

LogFit fit_of(Offset position, const std::optional<LogMark>& mark, const LogLook& look) {
  if (position > look.end || (mark && mark->offset >= look.end)) return LogFit::Anew;
  if (mark && look.at_mark && *look.at_mark != mark->digest) return LogFit::Anew;
  return position < look.begin ? LogFit::Cut : LogFit::Fits;
}

std::expected<LogLook, KafkaError> InputLog::look(Partition partition, const std::optional<LogMark>& mark) {
  if (!reader_) {
    auto opened =
        TopicReader::open({.kafka = kafka_, .topic = topic_, .rests = true, .open_within = kLookWithin, .fetch_wait = kEndWait}, log_);
    if (!opened) return std::unexpected(std::move(opened.error()));
    reader_ = std::move(*opened);
  }
  const auto bounds = reader_->bounds(partition);
  if (!bounds) return std::unexpected(bounds.error());
  LogLook look{bounds->begin, bounds->end, std::nullopt};
  if (!mark || mark->offset < look.begin || mark->offset >= look.end) return look;
  auto digest = digest_at(partition, mark->offset);
  reader_->rest();
  if (!digest) return std::unexpected(std::move(digest.error()));
  look.at_mark = *digest;
  return look;
}

std::expected<std::optional<Hash128>, KafkaError> InputLog::digest_at(Partition partition, Offset offset) {
  if (auto turned = reader_->turn_to(partition, offset); !turned) return std::unexpected(std::move(turned.error()));
  const auto deadline = std::chrono::steady_clock::now() + kLookWithin;
  while (std::chrono::steady_clock::now() < deadline) {
    const auto batch = reader_->read(1, kReadWait);
    if (!batch) return std::unexpected(batch.error());
    if (!batch->records.empty()) {
      const TopicRecord& found = batch->records.front();
      if (found.position.offset != offset) return std::nullopt;
      return digest_of(found.key, found.value, found.value.size());
    }
    if (batch->caught_up) return std::nullopt;
  }
  return std::unexpected(
      KafkaError{.code = KafkaError::Code::Timeout, .message = "topic " + topic_ + ": a record was not read in time", .retriable = true});
}

}  // namespace ringfence
