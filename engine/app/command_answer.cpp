// SPDX-License-Identifier: Apache-2.0
#include "engine/app/command_answer.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <nlohmann/json.hpp>

#include "connectors/encoders/audit_verifier.h"
#include "connectors/encoders/strict_json.h"
#include "engine/event/escape.h"

namespace ringfence {
namespace {

constexpr std::chrono::milliseconds kOpenWithin{3000};
/// After one partition's answer, for what another may have done.
constexpr std::chrono::milliseconds kOthersWithin{500};
constexpr std::size_t kBatch = 1000;

std::optional<CommandAnswers::Answer> answer_in(std::string_view line, const std::string& jti) {
  if (line.find(jti) == std::string_view::npos) return std::nullopt;
  const auto record = parse_strict_json(line);
  if (!record) return std::nullopt;
  try {
    const auto& own = record->at("unmapped").at("ringfence");
    const bool passed_over = own.at("kind") == "command_passed_over";
    if ((own.at("kind") != "command" && !passed_over) || own.value("jti", "") != jti) return std::nullopt;
    return CommandAnswers::Answer{record->at("status_id") == 1, passed_over, record->at("status_detail").get<std::string>()};
  } catch (const nlohmann::json::exception&) {
    return std::nullopt;
  }
}

}  // namespace

FileAnswers::FileAnswers(const std::string& trail)
    : file_(::open(trail.c_str(), O_RDONLY | O_CLOEXEC)), splitter_(kAuditLineBytes, kAuditLineBytes) {
  if (file_.number() < 0 || ::lseek(file_.number(), 0, SEEK_END) < 0) return;
  if (auto stream = descriptor_stream(file_.number(), never_, {printable(trail), trail, /*follow=*/true})) lines_ = std::move(*stream);
}

std::optional<CommandAnswers::Answer> FileAnswers::wait(const std::string& jti, std::chrono::milliseconds within) {
  if (!lines_) return std::nullopt;
  const auto until = ByteStream::Clock::now() + within;
  while (true) {
    while (const auto line = splitter_.next())
      if (auto answer = answer_in(line->bytes, jti)) return answer;
    const auto chunk = lines_->read(splitter_.room(), until);
    if (!chunk || chunk->state != Batch::State::More) return std::nullopt;
    splitter_.added(chunk->bytes);
  }
}

std::unique_ptr<CommandAnswers> TopicAnswers::open(const KafkaSettings& kafka, const std::string& topic) {
  auto trail = TopicReader::open({.kafka = kafka, .topic = topic, .only_new = true, .open_within = kOpenWithin});
  return trail ? std::make_unique<TopicAnswers>(std::move(*trail)) : nullptr;
}

std::optional<CommandAnswers::Answer> TopicAnswers::wait(const std::string& jti, std::chrono::milliseconds within) {
  using Clock = std::chrono::steady_clock;
  auto until = Clock::now() + within;
  std::optional<Answer> found;
  while (Clock::now() < until) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now());
    const auto batch = trail_->read(kBatch, left);
    if (!batch) break;
    for (const TopicRecord& record : batch->records) {
      auto answer = answer_in(record.value, jti);
      if (!answer) continue;
      if (answer->done) return answer;
      if (!found) until = std::min(until, Clock::now() + kOthersWithin);
      found = std::move(answer);
    }
  }
  return found;
}

}  // namespace ringfence
