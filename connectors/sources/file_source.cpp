// SPDX-License-Identifier: Apache-2.0
#include "connectors/sources/file_source.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <nlohmann/json.hpp>
#include <system_error>
#include <utility>
#include <vector>

#include "connectors/sinks/posix_file.h"
#include "connectors/sources/descriptor_stream.h"
#include "connectors/sources/line_splitter.h"
#include "engine/event/escape.h"
#include "engine/event/hash.h"
#include "engine/event/limits.h"

namespace ringfence {
namespace {

SourceError unreadable(const std::string& name, int error) {
  return {SourceError::Kind::Unreadable, name + ": " + std::generic_category().message(error)};
}

std::string_view file_name(std::string_view path) { return path.substr(path.rfind('/') + 1); }

/// A line without line feed that more may follow: a whole object has its end.
bool is_unfinished(const LineSplitter::Line& line) {
  return line.size > line.bytes.size() || !line.bytes.starts_with('{') || !nlohmann::json::accept(line.bytes);
}

class FileSource final : public Source {
 public:
  FileSource(std::string path, FileSourceOptions options, Descriptor descriptor)
      : path_(std::move(path)),
        name_(path_ == "-" ? "standard input" : printable(path_, 512)),
        options_(options),
        descriptor_(std::move(descriptor)),
        splitter_(limits::kEventBytes, limits::kDeadLetterExcerpt) {}

  /// Starts reading where the descriptor stands.
  std::expected<void, SourceError> open() {
    const bool gzip = path_.ends_with(".gz");
    const bool zstd = path_.ends_with(".zst");
    packed_ = gzip || zstd;
    auto stream = descriptor_stream(descriptor_.number(), stop_, {name_, path_, options_.follow && path_ != "-" && !packed_});
    if (!stream) return std::unexpected(stream.error());
    struct stat status{};
    leaves_unfinished_ = options_.leave_unfinished && !options_.follow && path_ != "-" && !packed_ &&
                         ::fstat(descriptor_.number(), &status) == 0 && S_ISREG(status.st_mode);
    stream_ = gzip ? gzip_stream(std::move(*stream), name_) : zstd ? zstd_stream(std::move(*stream), name_) : std::move(*stream);
    splitter_.reset();
    number_ = 0;
    chunk_ = taken_before_ = whole_ = 0;
    ended_ = false;
    error_.reset();
    return {};
  }

  std::expected<Batch, SourceError> next(std::size_t most, std::chrono::milliseconds wait) override {
    const auto deadline = ByteStream::Clock::now() + wait;
    records_.clear();
    while (true) {
      if (stop_.requested()) return Batch{Batch::State::Stopped, {}};
      take_lines(most);
      if (!records_.empty()) return Batch{Batch::State::More, records_};
      if (error_) return std::unexpected(*error_);
      if (ended_) return end();

      const std::uint64_t taken = stream_->taken();
      auto chunk = stream_->read(splitter_.room(), deadline);
      if (!chunk) {
        // What stands behind the last line feed may be half a record: it is not delivered.
        error_ = std::move(chunk.error());
      } else if (chunk->state == Batch::State::Ended) {
        ended_ = true;
        if (const auto line = splitter_.finish(); line && !(leaves_unfinished_ && number_ >= first_ && is_unfinished(*line))) take(*line);
      } else if (chunk->state == Batch::State::More) {
        splitter_.added(chunk->bytes);
        chunk_ = chunk->bytes;
        taken_before_ = taken;
        if (ByteStream::Clock::now() >= deadline) passed_deadline_ = true;
      } else {
        return Batch{chunk->state, {}};
      }
      // A line without end, or records being skipped, must not hold the caller for longer than it wants to wait.
      if (std::exchange(passed_deadline_, false)) {
        take_lines(most);
        return Batch{records_.empty() ? Batch::State::Idle : Batch::State::More, records_};
      }
    }
  }

  std::expected<void, SourceError> seek(Offset record) override {
    if (record.value < number_ || ended_ || error_) {
      if (::lseek(descriptor_.number(), 0, SEEK_SET) != 0) {
        return std::unexpected(SourceError{SourceError::Kind::CannotSeek, name_ + ": can be read only once, not from an earlier record"});
      }
      if (auto opened = open(); !opened) return opened;
    }
    first_ = record.value;
    return {};
  }

  void stop() noexcept override { stop_.request(); }

  [[nodiscard]] std::string describe() const override { return path_; }

  std::expected<std::optional<SourceIdentity>, SourceError> identity(std::uint64_t bytes) override {
    struct stat status{};
    if (::fstat(descriptor_.number(), &status) != 0) return std::unexpected(unreadable(name_, errno));
    const auto inode = posix_file::inode(descriptor_.number());
    if (!inode) return std::optional<SourceIdentity>();
    // What was read stays the measure where the file has become shorter since: then nothing is like it.
    const std::uint64_t over = bytes == kReadSoFar ? whole_ : std::min(bytes, static_cast<std::uint64_t>(status.st_size));
    const std::uint64_t head = over > 2 * kIdentityBytes ? kIdentityBytes : over;
    const std::uint64_t tail = over > 2 * kIdentityBytes ? kIdentityBytes : 0;
    std::string ends;
    for (const auto& [at, size] : {std::pair{std::uint64_t{0}, head}, std::pair{over - tail, tail}})
      if (auto read = read_at(at, size, ends); !read) return std::unexpected(std::move(read.error()));
    const std::array<std::uint64_t, 4> which{inode->device, inode->number, inode->born_s, inode->born_ns};
    return SourceIdentity{std::string(file_name(path_)), hash128({reinterpret_cast<const char*>(which.data()), sizeof which}), over,
                          hash128(ends)};
  }

  [[nodiscard]] SourceProgress progress() const override {
    struct stat status{};
    const bool known = ::fstat(descriptor_.number(), &status) == 0 && S_ISREG(status.st_mode);
    // What lines that wait here stand for, in proportion: of the last chunk at most, so this never goes back.
    const double waiting = chunk_ > 0 ? std::min(1.0, static_cast<double>(splitter_.held()) / static_cast<double>(chunk_)) : 0;
    const std::uint64_t taken = stream_->taken();
    return {taken - static_cast<std::uint64_t>(static_cast<double>(taken - taken_before_) * waiting),
            known ? std::optional(static_cast<std::uint64_t>(status.st_size)) : std::nullopt};
  }

 private:
  void take_lines(std::size_t most) {
    while (records_.size() < most) {
      const auto line = splitter_.next();
      if (!line) return;
      // Of an excerpt only one lives at a time, and a line without one must not outlive it in the same batch either.
      if (take(*line) && !line->sha256.empty()) return;
    }
  }

  /// Appends what the file has of these bytes; leaves alone where it is being read.
  std::expected<void, SourceError> read_at(std::uint64_t at, std::uint64_t size, std::string& out) const {
    const std::size_t before = out.size();
    out.resize(before + size);
    std::size_t have = 0;
    while (have < size) {
      const ssize_t got = ::pread(descriptor_.number(), out.data() + before + have, size - have, static_cast<off_t>(at + have));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return std::unexpected(unreadable(name_, errno));
      if (got == 0) break;
      have += static_cast<std::size_t>(got);
    }
    out.resize(before + have);
    return {};
  }

  bool take(const LineSplitter::Line& line) {
    const std::int64_t number = number_++;
    whole_ = stream_->taken() - (packed_ ? 0 : splitter_.held());
    if (line.size == 0 || number < first_) return false;
    records_.push_back({line.bytes, {Partition{0}, Offset{number}}, std::nullopt, {}, line.size, line.sha256, line.shown});
    return true;
  }

  std::expected<Batch, SourceError> end() {
    if (number_ < first_) {
      return std::unexpected(SourceError{SourceError::Kind::CannotSeek, name_ + ": has fewer records than were read of it before"});
    }
    return Batch{Batch::State::Ended, {}};
  }

  std::string path_;
  std::string name_;
  FileSourceOptions options_;
  Descriptor descriptor_;
  StopSignal stop_;
  std::unique_ptr<ByteStream> stream_;
  LineSplitter splitter_;
  std::vector<Record> records_;
  std::int64_t number_ = 0;         // of the next line
  std::uint64_t chunk_ = 0;         // bytes handed to the splitter last
  std::uint64_t taken_before_ = 0;  // of the input, for all before them
  std::uint64_t whole_ = 0;         // bytes of the input up to the end of the line taken last; of an archive all that was unpacked
  std::int64_t first_ = 0;          // lines before it are skipped
  bool packed_ = false;
  bool ended_ = false;
  bool leaves_unfinished_ = false;
  bool passed_deadline_ = false;
  std::optional<SourceError> error_;
};

}  // namespace

std::expected<std::unique_ptr<Source>, SourceError> open_file_source(const std::string& path, FileSourceOptions options) {
  const bool standard_input = path == "-";
  Descriptor descriptor(standard_input ? ::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0) : ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
  if (descriptor.number() < 0) return std::unexpected(unreadable(standard_input ? "standard input" : printable(path, 512), errno));
  auto source = std::make_unique<FileSource>(path, options, std::move(descriptor));
  if (auto opened = source->open(); !opened) return std::unexpected(opened.error());
  return source;
}

}  // namespace ringfence
