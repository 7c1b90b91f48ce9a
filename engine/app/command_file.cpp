// SPDX-License-Identifier: Apache-2.0
#include "engine/app/command_file.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "engine/app/context_feed.h"
#include "engine/app/pinned_keys.h"
#include "engine/event/event.h"
#include "engine/state/codec.h"
#include "engine/state/records.h"

namespace ringfence {
namespace {

constexpr std::size_t kBatch = 1000;
constexpr std::uint64_t kVersion = 1;
/// Name in the store of what has been read.
constexpr std::string_view kRecord = "file_run.commands";

}  // namespace

std::filesystem::path command_file(const Settings& settings) {
  return settings.context.commands.empty() ? settings.state.directory / "commands.ndjson" : settings.context.commands;
}

std::expected<void, SinkError> append_command(const Settings& settings, std::string_view key, std::string_view jws) {
  const std::filesystem::path path = command_file(settings);
  std::error_code ignored;  // opening says what is wrong
  if (path.has_parent_path()) std::filesystem::create_directories(path.parent_path(), ignored);
  const auto file = FileControlLog::open(path.string());
  if (!file) return std::unexpected(file.error());
  if (const auto put = (*file)->append(key, jws); !put) return std::unexpected(put.error());
  if (const auto stored = (*file)->acknowledged(); !stored) return std::unexpected(stored.error());
  return {};
}

CommandFile::CommandFile(const Settings& settings, TrustedKeys operators, Store& store, const ContextPositions& positions,
                         const ServiceLog& log, PassedOver passed_over)
    : path_(command_file(settings)),
      operators_(std::move(operators)),
      audience_(settings.control.audience.empty() ? "" : settings.control.audience.front()),
      store_(store),
      positions_(positions),
      log_(log),
      passed_over_(std::move(passed_over)) {}

std::expected<std::unique_ptr<CommandFile>, std::string> CommandFile::open(const Settings& settings, Store& store,
                                                                           const ContextPositions& positions, const ServiceLog& log,
                                                                           PassedOver passed_over) {
  auto operators = operators_keys(settings);
  if (!operators) return std::unexpected(std::move(operators.error().message));
  std::unique_ptr<CommandFile> commands(new CommandFile(settings, std::move(*operators), store, positions, log, std::move(passed_over)));
  const auto kept = get_record(store, kRecord);
  if (!kept) return std::unexpected(kept.error().message);
  if (*kept && !commands->restore(**kept)) return std::unexpected("state: what it holds of operators' commands cannot be read");
  return commands;
}

/// Reads on, and anew where another file has taken the place of the one read.
void CommandFile::look() {
  if (file_ && file_->replaced()) {
    file_.reset();
    ahead_.clear();
    at_ = 0;
  }
  std::error_code unknown;
  if (!file_ && !std::filesystem::exists(path_, unknown)) return;
  std::optional<SinkError> fault;
  if (!file_) {
    auto opened = FileControlLog::follow(path_.string());
    if (opened)
      file_ = std::move(*opened);
    else
      fault = opened.error();
  }
  if (file_) {
    const std::uint64_t malformed = file_->malformed();
    auto batch = file_->read(kBatch);
    if (!batch) fault = batch.error();
    if (batch) std::ranges::move(batch->entries, std::back_inserter(ahead_));
    if (file_->malformed() > malformed)
      log_.warning("lines of the commands' file passed over: no entries", {{"lines", file_->malformed() - malformed}});
  }
  if (fault && fault->message != fault_) log_.warning("commands of operators cannot be read", {{"error", fault->message}});
  fault_ = fault ? fault->message : "";
}

std::expected<std::optional<OperatorCommand>, std::string> CommandFile::next() {
  if (waiting_) return waiting_;
  if (ahead_.empty()) look();
  const bool any = !ahead_.empty();
  while (!ahead_.empty()) {
    const ControlEntry& entry = ahead_.front();
    if (at_ == 0) {
      const std::uint64_t name = hash64(entry.value, hash64(entry.key));
      if (std::exchange(file_name_, name) != name) before_ += std::exchange(done_, 0);
    }
    if (at_ >= done_) {
      waiting_ = counted(entry, Offset{before_ + at_});
      if (waiting_) return waiting_;
      done_ = at_ + 1;
    }
    ahead_.pop_front();
    ++at_;
  }
  if (!any) return std::nullopt;
  if (auto kept = keep(); !kept) return std::unexpected(std::move(kept.error()));
  return std::nullopt;
}

/// Nothing where the entry counts as none, or its command stands on the context log: then it has taken effect, or does so at the start of
/// the run that finds it there.
std::optional<OperatorCommand> CommandFile::counted(const ControlEntry& entry, Offset at) {
  ContextRead read = entry.key.starts_with(kCommandKeys) ? read_signed_command(entry.value, operators_, audience_)
                                                         : ContextRead{.content = {}, .errors = {"it stands under no command's key"}};
  if (!read.content) {
    log_.warning("commands' file: an entry passed over", {{"entry", at.value}, {"error", read.errors.front()}});
    passed_over_(nullptr, at, read.errors.front());
    return std::nullopt;
  }
  auto order = std::get<OperatorCommand>(std::move(*read.content));
  const auto [sighting, first] = book_.see(order.jti, order.iat, order.command.scope, Offset{counted_});
  const bool fresh = sighting == CommandBook::Sighting::Counts && first.value == counted_;
  if (fresh) {
    ++counted_;
    if (!positions_.places(order.record)) return order;
    return std::nullopt;
  }
  const std::string_view why =
      sighting == CommandBook::Sighting::Late ? "it was signed before one that has been obeyed" : "the same signed record was there before";
  log_.warning("operator's command passed over",
               {{"entry", at.value}, {"command", order.command.command}, {"scope", order.command.scope}, {"why", why}});
  passed_over_(&order, at, why);
  return std::nullopt;
}

std::expected<void, std::string> CommandFile::placed() {
  if (!waiting_) return {};
  waiting_.reset();
  ahead_.pop_front();
  done_ = ++at_;
  return keep();
}

/// On disk when it returns: a restart would not know again what was read otherwise.
std::expected<void, std::string> CommandFile::keep() {
  if (const auto kept = put_record(store_, kRecord, encode()); !kept) return std::unexpected("state: " + kept.error().message);
  return {};
}

std::string CommandFile::encode() const {
  Writer out;
  out.varint(kVersion);
  out.u64(file_name_);
  out.svarint(done_);
  out.svarint(before_);
  out.svarint(counted_);
  out.text(book_.encode());
  return out.take();
}

bool CommandFile::restore(std::string_view bytes) {
  Reader in(bytes);
  if (in.varint() != kVersion) return false;
  file_name_ = in.u64();
  done_ = in.svarint();
  before_ = in.svarint();
  counted_ = in.svarint();
  const std::string_view book = in.text();
  return in.ok() && in.at_end() && book_.restore(book);
}

}  // namespace ringfence
