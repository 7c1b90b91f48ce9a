// SPDX-License-Identifier: Apache-2.0
#include "engine/app/control_places.h"

#include <chrono>
#include <filesystem>
#include <utility>

#include "connectors/kafka/control_log.h"
#include "connectors/sinks/file_control_log.h"
#include "engine/app/kafka_settings.h"

namespace ringfence {
namespace {

constexpr std::chrono::milliseconds kReadWait{200};

}  // namespace

std::expected<std::unique_ptr<ControlLog>, RunError> open_control_log(const Settings& settings, ControlUse use,
                                                                      std::function<void()> progress) {
  if (!settings.outputs.control.topic) {
    const std::filesystem::path& file = settings.outputs.control.file;
    std::error_code unknown;  // opening says what is wrong
    if (use == ControlUse::Reads && !std::filesystem::exists(file, unknown))
      return std::unexpected(RunError{ExitCode::Unreachable, file.string() + ": no such file"});
    if (file.has_parent_path()) std::filesystem::create_directories(file.parent_path(), unknown);
    auto log = FileControlLog::open(file.string(), FileControlLog::WhenReplaced::Moves);
    if (!log) return std::unexpected(RunError{ExitCode::Unreachable, log.error().message});
    return std::move(*log);
  }
  auto log =
      KafkaControlLog::open(kafka_of(settings), settings.topics.control, {}, {.progress = std::move(progress), .read_wait = kReadWait});
  if (!log) return std::unexpected(RunError{exit_of(log.error()), log.error().message});
  return std::move(*log);
}

}  // namespace ringfence
