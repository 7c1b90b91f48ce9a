// SPDX-License-Identifier: Apache-2.0
#include <map>
#include <mutex>

#include "engine/state/store.h"

namespace ringfence {
namespace {

class MemoryStore final : public Store {
 public:
  std::expected<std::optional<std::string>, StoreError> get(std::string_view key) override {
    const std::scoped_lock lock(mutex_);
    const auto found = rows_.find(key);
    return found == rows_.end() ? std::nullopt : std::optional(found->second);
  }

  std::expected<void, StoreError> scan(std::string_view prefix,
                                       const std::function<bool(std::string_view, std::string_view)>& row) override {
    const std::scoped_lock lock(mutex_);
    for (auto it = rows_.lower_bound(prefix); it != rows_.end() && it->first.starts_with(prefix); ++it)
      if (!row(it->first, it->second)) break;
    return {};
  }

  std::expected<void, StoreError> write(const std::vector<StoreWrite>& batch) override {
    const std::scoped_lock lock(mutex_);
    for (const auto& change : batch) {
      if (change.kind == StoreWrite::Kind::Put)
        rows_.insert_or_assign(change.key, change.value);
      else
        rows_.erase(change.key);
    }
    return {};
  }

  std::expected<void, StoreError> sync() override { return {}; }

  std::expected<void, StoreError> drop(std::string_view prefix) override {
    const std::scoped_lock lock(mutex_);
    auto end = rows_.lower_bound(prefix);
    const auto begin = end;
    while (end != rows_.end() && end->first.starts_with(prefix)) ++end;
    rows_.erase(begin, end);
    return {};
  }

 private:
  std::mutex mutex_;
  std::map<std::string, std::string, std::less<>> rows_;
};

}  // namespace

std::unique_ptr<Store> memory_store() { return std::make_unique<MemoryStore>(); }

}  // namespace ringfence
