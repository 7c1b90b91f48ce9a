// SPDX-License-Identifier: Apache-2.0
#include "connectors/sinks/control_writers.h"

#include <algorithm>
#include <utility>

namespace ringfence {
namespace {

constexpr std::size_t kReadAtOnce = 1000;
constexpr int kReadsPerPoll = 100;

}  // namespace

ControlWriters::ControlWriters(Settings settings, SigningKey key, TrustedKeys trusted, ControlLog& log,
                               std::unique_ptr<ControlMemory> memory)
    : settings_(std::move(settings)),
      key_(std::move(key)),
      trusted_(std::move(trusted)),
      log_(log),
      memory_(std::move(memory)),
      blast_radius_(settings_.limits) {
  // A writer must be able to read back its own claims, whatever the file of trusted keys says.
  if (trusted_.find(key_.kid()) != nullptr) return;
  std::vector<std::string> own;
  for (const Partition partition : {Partition{0}, kLinksPartition}) {
    own.push_back(writer_of(partition));
    own.back().back() = '*';
  }
  trusted_.add(key_, std::move(own));
}

void ControlWriters::own(Partition partition) {
  const std::scoped_lock lock(mutex_);
  if (writers_.contains(partition)) return;
  const Issuer issuer{settings_.iss, settings_.aud, writer_of(partition), 0, settings_.ack_within_ms};
  auto [writer, added] =
      writers_.try_emplace(partition, issuer, settings_.claimant, ControlWriter::Shared{key_, trusted_, log_, blast_radius_});
  // First what this process has said before, which the log need not hold any more; what is later there comes after it.
  if (memory_)
    for (const ControlEntry& entry : memory_->entries()) writer->second.observe(entry);
  // Compaction would leave the same: of every key the latest, in the log's order. An owner that died before it said again what stands
  // leaves a claim behind records of its predecessor, which hold all the same.
  std::vector<const std::pair<const std::string, Latest>*> said;
  for (const auto& row : latest_)
    if (row.first.ends_with(issuer.writer)) said.push_back(&row);
  std::ranges::sort(said, {}, [](const auto* row) { return row->second.place; });
  for (const auto* row : said) writer->second.observe({row->first, row->second.value});
}

void ControlWriters::disown(Partition partition) {
  const std::scoped_lock lock(mutex_);
  writers_.erase(partition);
  note_speaking();
}

std::expected<void, SinkError> ControlWriters::publish(const ContainmentRecord& record, std::size_t active_agents, WallTime now) {
  const std::scoped_lock lock(mutex_);
  const auto writer = writers_.find(record.position.partition);
  if (writer == writers_.end())
    return std::unexpected(
        SinkError{SinkError::Kind::Refused, "partition " + std::to_string(record.position.partition.value) + " is not owned here"});
  return writer->second.publish(record, active_agents, now);
}

std::expected<bool, SinkError> ControlWriters::read_on() {
  for (int i = 0; i < kReadsPerPoll; ++i) {
    auto batch = log_.read(kReadAtOnce);
    if (!batch) return std::unexpected(batch.error());
    if (batch->anew) begin_anew();
    for (const ControlEntry& entry : batch->entries) {
      bool own = false;
      for (auto& [partition, writer] : writers_) own = writer.observe(entry) || own;
      if (own && memory_) unkept_.push_back(entry);
      if (entry.value.empty())
        latest_.erase(entry.key);
      else
        latest_.insert_or_assign(entry.key, Latest{read_++, entry.value});
    }
    if (batch->caught_up) return true;
  }
  return false;
}

void ControlWriters::begin_anew() {
  latest_.clear();
  for (auto& [partition, writer] : writers_) writer.log_began_anew();
}

std::expected<void, SinkError> ControlWriters::keep() {
  if (unkept_.empty()) return {};
  if (auto kept = memory_->keep(unkept_); !kept) return kept;
  unkept_.clear();
  return {};
}

std::expected<void, SinkError> ControlWriters::poll(WallTime now) {
  const std::scoped_lock lock(mutex_);
  const auto caught_up = read_on();
  const auto kept = keep();
  note_speaking();
  if (!caught_up) return std::unexpected(caught_up.error());
  for (auto& [partition, writer] : writers_) {
    if (*caught_up)
      if (auto claimed = writer.caught_up(now); !claimed) return claimed;
    if (auto polled = writer.poll(now); !polled) return polled;
  }
  const auto ticket = log_.acknowledged();
  if (!ticket) return std::unexpected(ticket.error());
  acknowledged_ = *ticket;
  return kept;
}

Offset ControlWriters::acknowledged(Partition partition) {
  const std::scoped_lock lock(mutex_);
  const auto writer = writers_.find(partition);
  return writer == writers_.end() ? kAllAcknowledged : writer->second.acknowledged(acknowledged_);
}

std::optional<ControlWriter::State> ControlWriters::state(Partition partition) const {
  const std::scoped_lock lock(mutex_);
  const auto writer = writers_.find(partition);
  if (writer == writers_.end()) return std::nullopt;
  return writer->second.state();
}

std::optional<std::uint64_t> ControlWriters::speaking(Partition partition) const {
  const auto now = speaking_.load();
  const auto found = now->find(partition);
  return found == now->end() ? std::nullopt : std::optional(found->second);
}

void ControlWriters::note_speaking() {
  Generations now;
  for (const auto& [partition, writer] : writers_)
    if (writer.state() == ControlWriter::State::Speaking) now.emplace(partition, writer.generation());
  if (now != *speaking_.load()) speaking_.store(std::make_shared<const Generations>(std::move(now)));
}

bool ControlWriters::speaks(std::string_view writer) const {
  const std::scoped_lock lock(mutex_);
  return std::ranges::any_of(writers_, [&](const auto& row) { return writer_of(row.first) == writer; });
}

std::vector<Partition> ControlWriters::fenced() const {
  const std::scoped_lock lock(mutex_);
  std::vector<Partition> out;
  for (const auto& [partition, writer] : writers_)
    if (writer.state() == ControlWriter::State::Fenced) out.push_back(partition);
  return out;
}

void ControlWriters::claim_again(Partition partition) {
  const std::scoped_lock lock(mutex_);
  if (const auto writer = writers_.find(partition); writer != writers_.end()) writer->second.claim_again();
}

std::vector<ContainmentRecord> ControlWriters::take_held() {
  const std::scoped_lock lock(mutex_);
  std::vector<ContainmentRecord> out;
  for (auto& [partition, writer] : writers_)
    for (ContainmentRecord& record : writer.take_held()) out.push_back(std::move(record));
  return out;
}

}  // namespace ringfence
