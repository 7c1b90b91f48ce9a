// SPDX-License-Identifier: Apache-2.0
#include "connectors/gate/control_feed.h"

#include <poll.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <limits>
#include <string_view>

namespace ringfence {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::uint32_t kChanges = IN_MODIFY | IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_DELETE_SELF | IN_MOVE_SELF;
constexpr std::uint32_t kWatchEnds = IN_IGNORED | IN_DELETE_SELF | IN_MOVE_SELF;

int milliseconds_until(Clock::time_point until) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - Clock::now()).count();
  return static_cast<int>(std::clamp<std::int64_t>(left, 0, std::numeric_limits<int>::max()));
}

}  // namespace

void FileControlFeed::watch() {
  if (watch_.number() >= 0) return;
  const std::filesystem::path directory = std::filesystem::path(path_).parent_path();
  Descriptor made(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  if (made.number() < 0 || ::inotify_add_watch(made.number(), directory.empty() ? "." : directory.c_str(), kChanges) < 0) return;
  watch_ = std::move(made);
}

/// Takes what the watch tells: whether any of it is about the file, or the watch itself has ended.
bool FileControlFeed::concerns_us() {
  const std::string name = std::filesystem::path(path_).filename().string();
  alignas(inotify_event) std::array<char, 4096> events;  // NOLINT(cppcoreguidelines-pro-type-member-init): filled by read
  bool ours = false, ended = false;
  for (ssize_t got = 0; (got = ::read(watch_.number(), events.data(), events.size())) > 0;) {
    for (std::size_t at = 0; at + sizeof(inotify_event) <= static_cast<std::size_t>(got);) {
      const auto* const event = reinterpret_cast<const inotify_event*>(events.data() + at);
      ended = ended || (event->mask & kWatchEnds) != 0;
      ours = ours || (event->mask & IN_Q_OVERFLOW) != 0 || (event->len > 0 && name == std::string_view(event->name));
      at += sizeof(inotify_event) + event->len;
    }
  }
  if (ended) watch_ = Descriptor();
  return ours || ended;
}

void FileControlFeed::wait_for_change(Clock::time_point until) {
  while (Clock::now() < until) {
    pollfd polled{watch_.number(), POLLIN, 0};  // poll passes over a negative number and waits the time out
    if (::poll(&polled, 1, milliseconds_until(until)) > 0 && concerns_us()) return;
  }
}

std::expected<ControlLog::Batch, SinkError> FileControlFeed::read(std::size_t max, std::chrono::milliseconds wait) {
  const auto until = std::chrono::steady_clock::now() + wait;
  for (;;) {
    watch();
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
    wait_for_change(until);
  }
}

std::expected<std::unique_ptr<FileAckFeed>, SinkError> FileAckFeed::open(const std::string& path) {
  auto log = FileControlLog::open(path, FileControlLog::WhenReplaced::Moves);
  if (!log) return std::unexpected(log.error());
  return std::unique_ptr<FileAckFeed>(new FileAckFeed(std::move(*log)));
}

std::expected<void, SinkError> FileAckFeed::send(std::string_view key, std::string_view value) {
  const auto sent = log_->append(key, value);
  if (!sent) return std::unexpected(sent.error());
  return {};
}

}  // namespace ringfence
