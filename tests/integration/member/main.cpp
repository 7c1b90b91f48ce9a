// SPDX-License-Identifier: Apache-2.0
// A group member in a process of its own, for tests that kill it. It appends `partition offset content` of each record to a file, which is
// its store: a restart goes on behind the last whole line of each partition. After each batch it writes the number of records so far to
// standard output. Behind MOST records, where it is given, it takes no more and waits to be killed: however late that comes, something is
// left.
//   integration_member BOOTSTRAP TOPIC GROUP INSTANCE FILE [MOST]
#include <fcntl.h>
#include <unistd.h>

#include <fstream>
#include <iostream>
#include <map>
#include <mutex>
#include <optional>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "connectors/kafka/consumer.h"

namespace ringfence {
namespace {

constexpr std::size_t kShards = 2;

class FileOwner final : public PartitionOwner {
 public:
  FileOwner(const std::string& path, std::optional<std::size_t> most) : most_(most) {
    std::string content;
    {
      std::ifstream in(path, std::ios::binary);
      content.assign(std::istreambuf_iterator<char>(in), {});
    }
    // A kill may have cut the last line.
    content.resize(content.rfind('\n') == std::string::npos ? 0 : content.rfind('\n') + 1);
    if (::truncate(path.c_str(), static_cast<off_t>(content.size())) != 0 && !content.empty()) std::_Exit(70);
    std::istringstream lines(content);
    std::int32_t partition = 0;
    std::int64_t offset = 0;
    std::string text;
    while (lines >> partition >> offset >> text) next_[partition] = offset + 1;
    file_ = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (file_ < 0) std::_Exit(70);
  }

  void apply(std::span<const Record> records) {
    std::string lines;
    for (const Record& record : records)
      lines += std::to_string(record.position.partition.value) + " " + std::to_string(record.position.offset.value) + " " +
               std::string(record.bytes) + "\n";
    const std::lock_guard lock(mutex_);
    if (::write(file_, lines.data(), lines.size()) != static_cast<ssize_t>(lines.size())) std::_Exit(70);
    for (const Record& record : records) next_[record.position.partition.value] = record.position.offset.value + 1;
    applied_ += records.size();
    std::cout << applied_ << std::endl;
    while (most_ && applied_ >= *most_) ::pause();  // with the lock: no other shard goes on either
  }

  std::expected<std::optional<Offset>, std::string> assigned(Partition partition) override { return low(partition); }
  void revoked(std::span<const Partition>, bool) override {}
  std::optional<Offset> low(Partition partition) override {
    const std::lock_guard lock(mutex_);
    const auto found = next_.find(partition.value);
    return found == next_.end() ? std::nullopt : std::optional(Offset{found->second});
  }
  void alarm(const ConsumerAlarm& alarm) override { std::cerr << alarm.message << '\n'; }

 private:
  const std::optional<std::size_t> most_;
  std::mutex mutex_;
  int file_ = -1;
  std::size_t applied_ = 0;
  std::map<std::int32_t, std::int64_t> next_;
};

int run(const std::vector<std::string>& arguments) {
  FileOwner owner(arguments[5], arguments.size() > 6 ? std::optional(std::stoul(arguments[6])) : std::nullopt);
  auto consumer = Consumer::open({.kafka = {.bootstrap_servers = arguments[1], .client_id = "member", .client = {}},
                                  .topic = arguments[2],
                                  .group = arguments[3],
                                  .instance = arguments[4],
                                  .shards = kShards},
                                 owner);
  if (!consumer) {
    std::cerr << consumer.error().message << '\n';
    return 3;
  }
  std::vector<std::jthread> shards;
  for (std::size_t shard = 0; shard < kShards; ++shard)
    shards.emplace_back([&, shard] {
      while (const auto records = (*consumer)->poll(shard, std::chrono::milliseconds(100)))
        if (!records->empty()) owner.apply(*records);
      (*consumer)->leave(shard);
    });
  while ((*consumer)->serve(std::chrono::milliseconds(100))) {
  }
  return 70;
}

}  // namespace
}  // namespace ringfence

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv, argv + argc);
  if (arguments.size() != 6 && arguments.size() != 7) return 2;
  return ringfence::run(arguments);
}
