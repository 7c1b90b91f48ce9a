// SPDX-License-Identifier: Apache-2.0
#include "engine/app/control_memory.h"

#include <algorithm>
#include <vector>

#include "engine/event/escape.h"

namespace ringfence {

std::expected<std::unique_ptr<ControlMemory>, RunError> StoredControlMemory::open(const std::filesystem::path& state_directory,
                                                                                  const TrustedKeys& trusted, std::string_view audience,
                                                                                  const ServiceLog& log) {
  const std::string directory = (state_directory / "control").string();
  auto store = StateStore::open(directory);
  if (!store && store.error().kind == SinkError::Kind::InUse)
    return std::unexpected(RunError{ExitCode::Unusable, "state: " + printable(directory) + " is in use by another engine"});
  if (!store) return std::unexpected(of_path(store.error()));
  auto stored = store->load();
  if (!stored) return std::unexpected(of_path(stored.error()));
  Unverified unverified;
  for (std::size_t i = 0; i < stored->size(); ++i) {
    const ControlEntry& entry = (*stored)[i];
    if (entry.value.empty()) continue;
    if (auto read = verify_control(entry.key, entry.value, trusted, audience); !read) unverified.emplace_back(i, std::move(read.error()));
  }
  const auto left_out = store->judge(*stored, unverified);
  if (!left_out) return std::unexpected(of_path(left_out.error()));
  if (left_out->of_unknown_keys > 0)
    log.warning("kept control records are not said again: no key trusted now has signed them", {{"records", left_out->of_unknown_keys}});
  if (left_out->not_for_this_reader)
    log.warning("kept control records are not said again", {{"error", left_out->not_for_this_reader->message}});
  std::unique_ptr<StoredControlMemory> memory(new StoredControlMemory(std::move(*store)));
  for (const ControlEntry& entry : *stored) memory->note(entry);
  return memory;
}

std::vector<ControlEntry> StoredControlMemory::entries() const {
  std::vector<const std::pair<const std::string, Last>*> rows;
  rows.reserve(last_.size());
  for (const auto& row : last_) rows.push_back(&row);
  std::ranges::sort(rows, {}, [](const auto* row) { return row->second.place; });
  std::vector<ControlEntry> out;
  out.reserve(rows.size());
  for (const auto* row : rows) out.push_back({row->first, row->second.value});
  return out;
}

/// False where it was the last under its key before.
bool StoredControlMemory::note(const ControlEntry& entry) {
  if (entry.value.empty()) return last_.erase(entry.key) > 0;
  Last& last = last_[entry.key];
  if (last.value == entry.value) return false;
  last = {++said_, entry.value};
  return true;
}

std::expected<void, SinkError> StoredControlMemory::keep(std::span<const ControlEntry> entries) {
  std::vector<ControlEntry> news;
  for (const ControlEntry& entry : entries)
    if (note(entry)) news.push_back(entry);
  if (news.empty() && !rewrite_) return {};
  std::expected<void, SinkError> done;
  if (!rewrite_) done = store_.append(news);
  if (done && (rewrite_ || store_.wants_compaction(last_.size()))) done = store_.replace(this->entries());
  rewrite_ = !done;
  return done;
}

}  // namespace ringfence
