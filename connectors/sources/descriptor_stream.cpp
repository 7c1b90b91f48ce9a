// SPDX-License-Identifier: Apache-2.0
#include "connectors/sources/descriptor_stream.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <limits>
#include <system_error>
#include <utility>

namespace ringfence {
namespace {

std::string reason_of(int error) { return std::generic_category().message(error); }

/// Milliseconds until the deadline, rounded up, as poll takes them.
int milliseconds_until(ByteStream::Clock::time_point deadline) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - ByteStream::Clock::now()).count();
  return static_cast<int>(std::clamp<std::int64_t>(left, 0, std::numeric_limits<int>::max()));
}

/// Who writes a file that is moved away goes on with it until it is told to open its name again, some also when a new one stands there.
constexpr std::chrono::seconds kQuietMoved{5}, kQuietReplaced{1};

class DescriptorStream final : public ByteStream {
 public:
  DescriptorStream(int descriptor, const StopSignal& stop, DescriptorReading reading, bool regular, Descriptor watch)
      : descriptor_(descriptor), stop_(stop), reading_(std::move(reading)), regular_(regular), watch_(std::move(watch)) {}

  std::expected<Chunk, SourceError> read(std::span<char> out, Clock::time_point deadline) override {
    while (true) {
      if (stop_.requested()) return Chunk{Batch::State::Stopped, 0};
      if (!regular_) {
        const Batch::State ready = wait_for(descriptor_, deadline);
        if (ready != Batch::State::More) return Chunk{ready, 0};
      }
      const ssize_t got = ::read(descriptor_, out.data(), out.size());
      if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
      if (got < 0) return std::unexpected(SourceError{SourceError::Kind::Unreadable, reading_.name + ": " + reason_of(errno)});
      if (got > 0) {
        grew_ = Clock::now();
        taken_ += static_cast<std::uint64_t>(got);
        return Chunk{Batch::State::More, static_cast<std::size_t>(got)};
      }
      if (!reading_.follow || gone_) return Chunk{Batch::State::Ended, 0};
      if (const auto shrunk = check_size()) return std::unexpected(*shrunk);
      if (moved_ && Clock::now() >= quiet_at()) return Chunk{Batch::State::Ended, 0};
      const auto until = moved_ ? std::min(deadline, quiet_at()) : deadline;
      const Batch::State changed = wait_for(watch_.number(), until);
      if (changed == Batch::State::Idle && until < deadline) continue;  // a last look: what came meanwhile is read
      if (changed != Batch::State::More) return Chunk{changed, 0};
      drain_watch();
    }
  }
  [[nodiscard]] std::uint64_t taken() const override { return taken_; }

 private:
  Batch::State wait_for(int descriptor, Clock::time_point deadline) {
    std::array<pollfd, 2> polled{pollfd{descriptor, POLLIN, 0}, pollfd{stop_.descriptor(), POLLIN, 0}};
    while (true) {
      const int ready = ::poll(polled.data(), polled.size(), milliseconds_until(deadline));
      if (stop_.requested()) return Batch::State::Stopped;
      if (ready == 0) return Batch::State::Idle;
      if (ready > 0 && polled[0].revents != 0) return Batch::State::More;  // data, end or error: the read says which
    }
  }

  void drain_watch() {
    alignas(inotify_event) std::array<char, 4096> events;  // NOLINT(cppcoreguidelines-pro-type-member-init): filled by read
    while (true) {
      const ssize_t got = ::read(watch_.number(), events.data(), events.size());
      if (got <= 0) return;
      for (std::size_t at = 0; at + sizeof(inotify_event) <= static_cast<std::size_t>(got);) {
        const auto* const event = reinterpret_cast<const inotify_event*>(events.data() + at);
        if ((event->mask & IN_MOVE_SELF) != 0) {
          moved_ = true;
          grew_ = Clock::now();
        }
        if ((event->mask & (IN_DELETE_SELF | IN_IGNORED)) != 0) gone_ = true;
        at += sizeof(inotify_event) + event->len;
      }
      // The name may be gone while this descriptor still holds the file: then only the link count tells.
      struct stat status{};
      if (::fstat(descriptor_, &status) == 0 && status.st_nlink == 0) gone_ = true;
    }
  }

  /// When a file that was moved counts as one that nobody writes to any more.
  Clock::time_point quiet_at() const {
    struct stat here{}, there{};
    const bool replaced = ::fstat(descriptor_, &here) == 0 && ::stat(reading_.path.c_str(), &there) == 0 &&
                          (here.st_dev != there.st_dev || here.st_ino != there.st_ino);
    return grew_ + (replaced ? kQuietReplaced : kQuietMoved);
  }

  std::optional<SourceError> check_size() {
    struct stat status{};
    if (::fstat(descriptor_, &status) != 0) return SourceError{SourceError::Kind::Unreadable, reading_.name + ": " + reason_of(errno)};
    const off_t at = ::lseek(descriptor_, 0, SEEK_CUR);
    if (at >= 0 && status.st_size < at)
      return SourceError{SourceError::Kind::Shrunk, reading_.name + ": the file became shorter than what was read of it"};
    return std::nullopt;
  }

  int descriptor_;
  const StopSignal& stop_;
  DescriptorReading reading_;
  bool regular_;
  Descriptor watch_;
  bool gone_ = false;
  bool moved_ = false;
  Clock::time_point grew_;  // or was moved
  std::uint64_t taken_ = 0;
};

}  // namespace

Descriptor::~Descriptor() {
  if (number_ >= 0) ::close(number_);
}

StopSignal::StopSignal() : event_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (event_.number() < 0) throw std::system_error(errno, std::generic_category(), "eventfd");
}

void StopSignal::request() noexcept {
  const int before = errno;
  requested_.store(true, std::memory_order_release);
  const std::uint64_t one = 1;
  // Fails only where the counter is full, and then it is readable.
  [[maybe_unused]] const ssize_t written = ::write(event_.number(), &one, sizeof one);
  errno = before;
}

std::expected<std::unique_ptr<ByteStream>, SourceError> descriptor_stream(int descriptor, const StopSignal& stop,
                                                                          DescriptorReading reading) {
  struct stat status{};
  if (::fstat(descriptor, &status) != 0)
    return std::unexpected(SourceError{SourceError::Kind::Unreadable, reading.name + ": " + reason_of(errno)});
  if (S_ISDIR(status.st_mode))
    return std::unexpected(SourceError{SourceError::Kind::Directory, reading.name + ": is a directory, expected a file"});
  const bool regular = S_ISREG(status.st_mode);
  reading.follow = reading.follow && regular;
  Descriptor watch;
  if (reading.follow) {
    watch = Descriptor(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
    // Watched before the first read: a change after the end was seen is never missed.
    if (watch.number() < 0 ||
        ::inotify_add_watch(watch.number(), reading.path.c_str(), IN_MODIFY | IN_ATTRIB | IN_MOVE_SELF | IN_DELETE_SELF) < 0) {
      return std::unexpected(SourceError{SourceError::Kind::Unreadable, reading.name + ": cannot be followed: " + reason_of(errno)});
    }
  }
  return std::make_unique<DescriptorStream>(descriptor, stop, std::move(reading), regular, std::move(watch));
}

}  // namespace ringfence
