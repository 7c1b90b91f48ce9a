// SPDX-License-Identifier: Apache-2.0
#include "engine/app/live_state.h"

#include <filesystem>

#include "engine/event/escape.h"
#include "engine/state/changelog_restore.h"
#include "engine/state/keyspace.h"
#include "engine/state/records.h"
#include "models/channel.h"

namespace ringfence {
namespace {

/// Kafka's own practical bound on partitions of one topic; a look-up that finds nothing costs a bloom filter test.
constexpr std::int32_t kPartitionsMost = 1024;

}  // namespace

LiveState::LiveState(std::unique_ptr<Store> store) : store_(std::move(store)), table_(*store_, channel_memories(), {}) {}

std::expected<std::unique_ptr<LiveState>, std::string> LiveState::open(const std::string& directory) {
  if (!std::filesystem::is_directory(directory)) return std::unexpected(printable(directory) + ": no such state directory");
  auto store = rocksdb_store(directory);
  if (!store) {
    constexpr auto kInstead = "; `status`, `top` and `state purge --config FILE` ask the service, `explain --finding FILE` needs no state";
    return std::unexpected(store.error().message + (store.error().kind == StoreError::Kind::Locked ? kInstead : ""));
  }
  if (const auto ready = prepare_store(**store); !ready) return std::unexpected(ready.error().message);
  return std::unique_ptr<LiveState>(new LiveState(std::move(*store)));
}

std::expected<const AgentState*, std::string> LiveState::find(const std::string& tenant, const std::string& agent) {
  const AgentKey key = agent_key(tenant, agent);
  for (std::int32_t partition = 0; partition < kPartitionsMost; ++partition) {
    const auto found = table_.find(Partition{partition}, key);
    if (!found) return std::unexpected(found.error().message);
    if (*found != nullptr) return *found;
  }
  return nullptr;
}

std::expected<bool, std::string> LiveState::purge(const std::string& tenant, const std::string& agent) {
  const AgentKey key = agent_key(tenant, agent);
  bool logged = false;
  for (std::int32_t partition = 0; partition < kPartitionsMost; ++partition) {
    const std::string prefix = agent_prefix(Partition{partition}, key);
    bool any = false;
    const auto scanned = store_->scan(prefix, [&](std::string_view, std::string_view) {
      any = true;
      return false;
    });
    if (!scanned) return std::unexpected(scanned.error().message);
    if (!any) continue;
    const auto noted = note_forgotten(*store_, Partition{partition}, key);
    if (!noted) return std::unexpected(noted.error().message);
    logged = logged || *noted;
    if (const auto dropped = store_->drop(prefix); !dropped) return std::unexpected(dropped.error().message);
  }
  if (const auto synced = store_->sync(); !synced) return std::unexpected(synced.error().message);
  return logged;
}

}  // namespace ringfence
