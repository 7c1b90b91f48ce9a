// SPDX-License-Identifier: Apache-2.0
#include "engine/app/command_answer.h"

#include <fcntl.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "connectors/encoders/audit_verifier.h"
#include "connectors/encoders/strict_json.h"
#include "engine/event/escape.h"

namespace ringfence {
namespace {

std::optional<CommandAnswers::Answer> answer_in(std::string_view line, const std::string& jti) {
  if (line.find(jti) == std::string_view::npos) return std::nullopt;
  const auto record = parse_strict_json(line);
  if (!record) return std::nullopt;
  try {
    const auto& own = record->at("unmapped").at("ringfence");
    if (own.at("kind") != "command" || own.at("jti") != jti) return std::nullopt;
    return CommandAnswers::Answer{record->at("status_id") == 1, record->at("status_detail").get<std::string>()};
  } catch (const nlohmann::json::exception&) {
    return std::nullopt;
  }
}

}  // namespace

CommandAnswers::CommandAnswers(const std::string& trail)
    : file_(::open(trail.c_str(), O_RDONLY | O_CLOEXEC)), splitter_(kAuditLineBytes, kAuditLineBytes) {
  if (file_.number() < 0 || ::lseek(file_.number(), 0, SEEK_END) < 0) return;
  if (auto stream = descriptor_stream(file_.number(), never_, {printable(trail), trail, /*follow=*/true})) lines_ = std::move(*stream);
}

std::optional<CommandAnswers::Answer> CommandAnswers::wait(const std::string& jti, std::chrono::milliseconds within) {
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

}  // namespace ringfence
