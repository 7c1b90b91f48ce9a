// SPDX-License-Identifier: Apache-2.0
#include "engine/app/context_past.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <utility>
#include <variant>

#include "engine/app/command_file.h"
#include "engine/app/context_feed.h"
#include "engine/app/context_record.h"
#include "engine/event/event.h"
#include "engine/persona/load.h"

namespace ringfence {
namespace {

constexpr std::chrono::seconds kWithin{20};
constexpr std::size_t kBatch = 1000;
constexpr std::chrono::milliseconds kWait{200};  // for what has come since the last look

/// The valid set in a record of the context topic.
std::optional<PersonaSet> set_in(const std::string& record) {
  auto files = decode_persona_set(record);
  auto load = files ? load_personas(FileTree{std::move(*files)}) : PersonaLoad{};
  return std::move(load.set);
}

}  // namespace

std::expected<PersonaSet, Fault> ContextPast::personas() {
  if (topic_ == nullptr) {
    auto load = load_personas(settings_.personas.directory,
                              settings_.personas.lists.empty() ? std::nullopt : std::optional(settings_.personas.lists));
    if (!load.set)
      return std::unexpected(Fault{ExitCode::Unusable, "the personas have errors: whether a release needs an approver is open"});
    return std::move(*load.set);
  }
  if (auto looked = look_at_topic(); !looked) return std::unexpected(std::move(looked.error()));
  auto set = personas_ ? set_in(*personas_) : std::nullopt;
  if (!set) return std::unexpected(Fault{ExitCode::Unusable, "the context topic holds no valid persona set"});
  return std::move(*set);
}

std::optional<WallTime> ContextPast::last_command(const std::string& scope) {
  if (topic_ == nullptr)
    look_at_file();
  else if (!look_at_topic())
    return std::nullopt;
  const auto latest = latest_.find(scope);
  return latest == latest_.end() ? std::nullopt : std::optional(WallTime{seconds(latest->second).value});
}

std::expected<void, Fault> ContextPast::look_at_topic() {
  const auto until = std::chrono::steady_clock::now() + kWithin;
  while (true) {
    auto batch = topic_->read(kBatch, kWait);
    if (!batch) return std::unexpected(Fault{ExitCode::Unreachable, std::move(batch.error().message)});
    for (TopicRecord& record : batch->records) take(record);
    if (batch->caught_up) return {};
    if (std::chrono::steady_clock::now() > until)
      return std::unexpected(Fault{ExitCode::Unreachable, "the context topic was not read to its end in time"});
  }
}

void ContextPast::take(TopicRecord& record) {
  if (record.tombstone) return;
  if (record.key.starts_with(kCommandKeys)) take_command(record.value);
  if (record.key == kPersonaSetKey && set_in(record.value)) personas_ = std::move(record.value);
}

void ContextPast::look_at_file() {
  const std::filesystem::path path = command_file(settings_);
  std::error_code unknown;
  if (!file_ && std::filesystem::exists(path, unknown))
    if (auto opened = FileControlLog::follow(path.string())) file_ = std::move(*opened);
  if (!file_) return;
  while (true) {
    const auto batch = file_->read(kBatch);
    if (!batch) return;
    for (const ControlEntry& entry : batch->entries)
      if (entry.key.starts_with(kCommandKeys)) take_command(entry.value);
    if (batch->caught_up && batch->entries.empty()) return;
  }
}

void ContextPast::take_command(std::string_view jws) {
  if (settings_.control.audience.empty()) return;
  const ContextRead read = read_signed_command(jws, operators_, settings_.control.audience.front());
  const auto* order = read.content ? std::get_if<OperatorCommand>(&*read.content) : nullptr;
  if (order == nullptr) return;
  std::int64_t& latest = latest_[order->command.scope];
  latest = std::max(latest, order->iat);
}

}  // namespace ringfence
