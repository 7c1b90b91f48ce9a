// SPDX-License-Identifier: Apache-2.0
#include "connectors/gate/state_store.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <string_view>
#include <unordered_map>

#include "connectors/sinks/posix_file.h"
#include "engine/event/escape.h"

namespace ringfence {
namespace {

constexpr std::size_t kReadAtOnce = 4096;

}  // namespace

StateStore::Lock::~Lock() {
  if (fd_ >= 0) ::close(fd_);
}

std::expected<StateStore, SinkError> StateStore::open(const std::string& directory) {
  std::error_code error;
  if (!std::filesystem::exists(directory, error)) {
    std::filesystem::create_directories(directory, error);
    if (!error) std::filesystem::permissions(directory, std::filesystem::perms::owner_all, error);
    if (error) {
      errno = error.value();
      return std::unexpected(posix_file::fault(directory, "make"));
    }
  }
  const std::string lock_file = directory + "/lock";
  const int fd = ::open(lock_file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return std::unexpected(posix_file::fault(lock_file, "open"));
  Lock lock(fd);
  if (::flock(fd, LOCK_EX | LOCK_NB) != 0)
    return std::unexpected(SinkError{SinkError::Kind::InUse, printable(directory) + " is in use by another gate"});
  const std::string path = directory + "/verified.ndjson";
  auto log = FileControlLog::open(path);
  if (!log) return std::unexpected(log.error());
  return StateStore(path, std::move(lock), std::move(*log));
}

std::expected<std::vector<ControlEntry>, SinkError> StateStore::load() {
  std::vector<ControlEntry> out;
  for (bool end = false; !end;) {
    auto batch = log_->read(kReadAtOnce);
    if (!batch) return std::unexpected(batch.error());
    end = batch->caught_up;
    std::ranges::move(batch->entries, std::back_inserter(out));
  }
  lines_ = out.size();
  if (log_->malformed() > 0)
    return std::unexpected(damaged("line " + std::to_string(log_->first_malformed()) + " is no control entry (one of " +
                                   std::to_string(log_->malformed()) + ")"));
  return out;
}

SinkError StateStore::damaged(const std::string& how) const {
  return {SinkError::Kind::Refused,
          printable(path_) + " is damaged: " + how + ". Restore it, or remove it to begin with what the control topic holds"};
}

std::expected<StateStore::LeftOut, SinkError> StateStore::judge(std::span<const ControlEntry> loaded, const Unverified& unverified) const {
  LeftOut out;
  if (unverified.empty()) return out;
  std::unordered_map<std::string_view, std::size_t> last;
  for (std::size_t i = 0; i < loaded.size(); ++i) last.insert_or_assign(loaded[i].key, i);
  for (const auto& [place, why] : unverified) {
    const std::string line = "line " + std::to_string(place + 1) + ": " + why.detail;
    if (why.cause == RefusedFor::Record) return std::unexpected(damaged(line));
    if (last.at(loaded[place].key) != place) continue;
    if (why.cause == RefusedFor::Key) ++out.of_unknown_keys;
    if (why.cause == RefusedFor::Reader && !out.not_for_this_reader)
      out.not_for_this_reader = SinkError{SinkError::Kind::Refused,
                                          printable(path_) + " holds what is not for this reader as it is set now: " + line +
                                              ". Set audience, issuer and the writers of trusted keys as they were, or remove the file to "
                                              "begin with what the control topic holds"};
  }
  return out;
}

std::expected<void, SinkError> StateStore::append(std::span<const ControlEntry> entries) {
  if (auto done = log_->append(entries); !done) return std::unexpected(done.error());
  lines_ += entries.size();
  if (auto stored = log_->acknowledged(); !stored) return std::unexpected(stored.error());
  return {};
}

std::expected<void, SinkError> StateStore::replace(std::span<const ControlEntry> entries) {
  const std::string next = path_ + ".next";
  std::remove(next.c_str());  // of an attempt that did not end
  auto log = FileControlLog::open(next);
  if (!log) return std::unexpected(log.error());
  if (auto done = (*log)->append(entries); !done) return std::unexpected(done.error());
  if (auto stored = (*log)->acknowledged(); !stored) return std::unexpected(stored.error());
  if (std::rename(next.c_str(), path_.c_str()) != 0) return std::unexpected(posix_file::fault(path_, "replace"));
  posix_file::sync_directory_of(path_);
  log_ = std::move(*log);
  lines_ = entries.size();
  return {};
}

}  // namespace ringfence
