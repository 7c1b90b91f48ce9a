// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "connectors/sinks/control_log.h"

namespace ringfence::testing {

/// What several owners share: the topic itself.
struct SharedTopic {
  std::vector<ControlEntry> entries;

  /// The topic after compaction: of every key the last record, at its place.
  void compact() {
    std::vector<ControlEntry> kept;
    for (std::size_t i = 0; i < entries.size(); ++i) {
      bool last = true;
      for (std::size_t j = i + 1; j < entries.size(); ++j) last = last && entries[j].key != entries[i].key;
      if (last) kept.push_back(entries[i]);
    }
    entries = kept;
  }
  [[nodiscard]] std::string last_value(const std::string& key) const {
    for (auto entry = entries.rbegin(); entry != entries.rend(); ++entry)
      if (entry->key == key) return entry->value;
    return "";
  }
  [[nodiscard]] std::size_t count(const std::string& key) const {
    std::size_t n = 0;
    for (const ControlEntry& entry : entries) n += entry.key == key ? 1U : 0U;
    return n;
  }
};

/// One client of the topic: its own place in it, acknowledgements and faults at the test's command.
class FakeControlLog final : public ControlLog {
 public:
  explicit FakeControlLog(SharedTopic& topic) : topic_(topic) {}
  std::expected<std::uint64_t, SinkError> append(std::string_view key, std::string_view value) override {
    if (fault) return std::unexpected(*fault);
    topic_.entries.push_back({std::string(key), std::string(value)});
    return ++sent_;
  }
  std::expected<std::uint64_t, SinkError> acknowledged() override { return acknowledge ? sent_ : 0; }
  std::expected<Batch, SinkError> read(std::size_t max) override {
    if (fault) return std::unexpected(*fault);
    Batch out{.entries = {}, .caught_up = false, .anew = std::exchange(lost, false)};
    if (out.anew) next_ = 0;
    const std::size_t end = blind ? next_ : topic_.entries.size();
    while (next_ < end && out.entries.size() < max) out.entries.push_back(topic_.entries[next_++]);
    out.caught_up = next_ == end;
    return out;
  }
  std::optional<SinkError> fault;
  bool acknowledge = true;
  bool lost = false;   // the topic is another one since the last read
  bool blind = false;  // sees nothing of what others append for now

 private:
  SharedTopic& topic_;
  std::size_t next_ = 0;
  std::uint64_t sent_ = 0;
};

/// A directory that goes with the test.
class TemporaryDirectory {
 public:
  explicit TemporaryDirectory(const std::string& name)
      : path_(std::filesystem::temp_directory_path() / (name + "-" + std::to_string(::getpid()))) {
    std::filesystem::remove_all(path_);
    std::filesystem::create_directory(path_);
  }
  ~TemporaryDirectory() { std::filesystem::remove_all(path_); }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  [[nodiscard]] std::string file(const std::string& name) const { return (path_ / name).string(); }

 private:
  std::filesystem::path path_;
};

inline std::string text_of(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace ringfence::testing
