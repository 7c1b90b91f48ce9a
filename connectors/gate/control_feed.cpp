// SPDX-License-Identifier: Apache-2.0
#include "connectors/gate/control_feed.h"

#include <algorithm>
#include <thread>

namespace ringfence {
namespace {

/// How often a quiet file is looked at: half of it is what a halt waits on average, and a look costs two system calls.
constexpr std::chrono::milliseconds kLookAgain{4};

}  // namespace

std::expected<ControlLog::Batch, SinkError> FileControlFeed::read(std::size_t max, std::chrono::milliseconds wait) {
  const auto until = std::chrono::steady_clock::now() + wait;
  for (;;) {
    if (log_ && log_->replaced()) log_.reset();
    if (!log_) {
      auto opened = FileControlLog::follow(path_);
      if (opened)
        log_ = std::move(*opened);
      else if (std::chrono::steady_clock::now() >= until)
        return std::unexpected(opened.error());
    }
    if (log_) {
      auto batch = log_->read(max);
      if (!batch) {
        log_.reset();
        return batch;
      }
      if (!batch->entries.empty() || std::chrono::steady_clock::now() >= until) return batch;
    }
    std::this_thread::sleep_for(std::min<std::chrono::steady_clock::duration>(kLookAgain, until - std::chrono::steady_clock::now()));
  }
}

std::expected<std::unique_ptr<FileAckFeed>, SinkError> FileAckFeed::open(const std::string& path) {
  auto log = FileControlLog::open(path);
  if (!log) return std::unexpected(log.error());
  return std::unique_ptr<FileAckFeed>(new FileAckFeed(std::move(*log)));
}

std::expected<void, SinkError> FileAckFeed::send(std::string_view key, std::string_view value) {
  const auto sent = log_->append(key, value);
  if (!sent) return std::unexpected(sent.error());
  return {};
}

}  // namespace ringfence
