// SPDX-License-Identifier: Apache-2.0
// The serving thread's part of a consumer: rebalances, moves, commits.
#include <algorithm>
#include <utility>

#include "connectors/kafka/consumer_client.h"

namespace ringfence {
namespace {

using kafka::PartitionList;
using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds kCommitEach{1};
constexpr std::chrono::seconds kBoundsEach{5}, kBoundsWithin{1};
constexpr std::chrono::seconds kSeekWithin{2};
/// Heartbeats go out each second; a coordinator silent for three of them may be gone.
constexpr std::chrono::seconds kHeardWithin{3};

rd_kafka_topic_partition_list_t* new_list(std::size_t size) { return rd_kafka_topic_partition_list_new(static_cast<int>(size)); }

std::span<rd_kafka_topic_partition_t> rows(rd_kafka_topic_partition_list_t* list) {
  return {list->elems, static_cast<std::size_t>(list->cnt)};
}

}  // namespace

std::expected<void, KafkaError> Consumer::serve(std::chrono::milliseconds wait) {
  Client& client = *client_;
  if (client.failed.load(std::memory_order_acquire)) return std::unexpected(client.failure_copy());
  if (auto joined = client.join(); !joined) return joined;
  if (const kafka::Message message(rd_kafka_consumer_poll(client.handle.get(), kafka::to_ms(wait))); message) client.on_main(*message);
  client.seek();
  client.forward_moved();
  if (Clock::now() >= client.commit_due) {
    client.commit(client.assigned);
    client.commit_due = Clock::now() + kCommitEach;
  }
  if (Clock::now() >= client.bounds_due) {
    client.ask_bounds();
    client.bounds_due = Clock::now() + kBoundsEach;
  }
  if (client.failed.load(std::memory_order_acquire)) return std::unexpected(client.failure_copy());
  return {};
}

void Consumer::Client::on_main(const rd_kafka_message_t& message) {
  if (message.err == RD_KAFKA_RESP_ERR_NO_ERROR) {
    // Only a shard's queue may carry records; its continuity check fetches this one again.
    strays.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  if (message.err == RD_KAFKA_RESP_ERR__FATAL) return fail(kafka::fatal_error(handle.get()));
  owner.alarm({.kind = ConsumerAlarm::Kind::Unavailable,
               .partition = {},
               .expected = {},
               .found = {},
               .message = kafka::to_error(message.err, "group " + settings.group, rd_kafka_message_errstr(&message)).message});
}

bool Consumer::Client::park_shards() {
  const auto wake = [this] {
    for (const Shard& shard : shards) rd_kafka_queue_yield(shard.queue.get());
  };
  if (park.close(kParkWithin, wake)) return true;
  fail({.code = KafkaError::Code::Owner, .message = "a shard did not come to rest for a rebalance"});
  return false;
}

void Consumer::Client::rebalance(rd_kafka_resp_err_t event, rd_kafka_topic_partition_list_t* list) {
  rebalances.fetch_add(1, std::memory_order_relaxed);
  if (!park_shards()) return;
  if (event == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
    assign(list);
  } else if (event == RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS) {
    revoke(list);
  } else {
    const kafka::Error ignored(rd_kafka_incremental_unassign(handle.get(), list));
    fail(kafka::to_error(event, "rebalance of group " + settings.group));
  }
  rebalanced = Clock::now();
  park.open();
}

void Consumer::Client::assign(rd_kafka_topic_partition_list_t* list) {
  {
    const std::lock_guard lock(mutex);
    for (const auto& row : rows(list))
      while (partitions.size() <= static_cast<std::size_t>(row.partition)) partitions.emplace_back();
  }
  for (auto& row : rows(list)) {
    const auto start = owner.assigned(Partition{row.partition});
    if (!start) {
      fail({.code = KafkaError::Code::Owner,
            .message = settings.topic + " partition " + std::to_string(row.partition) + ": " + start.error()});
      const PartitionList none(new_list(0));
      const kafka::Error ignored(rd_kafka_incremental_assign(handle.get(), none.get()));
      return;
    }
    row.offset = *start ? (*start)->value : RD_KAFKA_OFFSET_BEGINNING;
    Continuity& continuity = partitions[static_cast<std::size_t>(row.partition)];
    continuity.begin(*start ? (*start)->value : Continuity::kUnknown, settings.holes_expected);
    if (const auto why = owner.distrusts(Partition{row.partition})) {
      alarm(ConsumerAlarm::Kind::OutOfRange, Partition{row.partition}, continuity.next(), continuity.next(), *why);
      continuity.stop();
      row.offset = RD_KAFKA_OFFSET_END;  // what comes there is dropped: the least that an assignment fetches
    }
    // Before the assignment: the client then never forwards this partition to its main queue.
    forward(Partition{row.partition});
    const std::lock_guard lock(mutex);
    assigned.push_back(Partition{row.partition});
  }
  if (const kafka::Error error(rd_kafka_incremental_assign(handle.get(), list)); error)
    fail(kafka::to_error(*error, "assignment of " + settings.topic));
}

void Consumer::Client::revoke(rd_kafka_topic_partition_list_t* list) {
  const bool lost = rd_kafka_assignment_lost(handle.get()) != 0;
  std::vector<Partition> leaving;
  for (const auto& row : rows(list))
    if (std::ranges::find(assigned, Partition{row.partition}) != assigned.end()) leaving.push_back(Partition{row.partition});
  owner.revoked(leaving, lost);
  if (!lost) commit(leaving);
  if (const kafka::Error error(rd_kafka_incremental_unassign(handle.get(), list)); error)
    fail(kafka::to_error(*error, "revocation of " + settings.topic));
  const std::lock_guard lock(mutex);
  for (const Partition partition : leaving) {
    partitions[static_cast<std::size_t>(partition.value)].end();
    committed.erase(partition);
    bounds.erase(partition);
    std::erase(assigned, partition);
    std::erase_if(moves, [&](const Move& move) { return move.partition == partition; });
  }
}

void Consumer::Client::seek() {
  std::vector<Move> due;
  {
    const std::lock_guard lock(mutex);
    due.swap(moves);
  }
  // What is no longer ours, or not ours yet, starts where its owner says when it is assigned.
  std::erase_if(due, [&](const Move& move) { return std::ranges::find(assigned, move.partition) == assigned.end(); });
  // A batch call beside a seek is unsafe in this client: it may lose or repeat records.
  if (due.empty() || !park_shards()) return;
  for (const Move& move : due) {
    Continuity& continuity = partitions[static_cast<std::size_t>(move.partition.value)];
    const auto error = continuity.standing() ? reassign(move) : seek_to(move);
    if (!error) {
      continuity.sought(move.offset < 0 ? Continuity::kUnknown : move.offset);
      continue;
    }
    alarm(ConsumerAlarm::Kind::Unavailable, move.partition, move.offset, move.offset, error->message);
    const std::lock_guard lock(mutex);
    moves.push_back(move);
  }
  park.open();
}

std::optional<KafkaError> Consumer::Client::seek_to(const Move& move) {
  const PartitionList list(new_list(1));
  rd_kafka_topic_partition_list_add(list.get(), settings.topic.c_str(), move.partition.value)->offset = move.offset;
  const kafka::Error ignored(rd_kafka_seek_partitions(handle.get(), list.get(), kafka::to_ms(kSeekWithin)));
  const auto result = rows(list.get()).front().err;
  // A seek that outlasts the wait is still under way; only a refused one is asked for again.
  if (result == RD_KAFKA_RESP_ERR_NO_ERROR || result == RD_KAFKA_RESP_ERR__IN_PROGRESS) return std::nullopt;
  return kafka::to_error(result, "seeking in " + settings.topic);
}

/// A partition whose offset was out of range is not fetched any more, and then the client refuses to seek in it.
std::optional<KafkaError> Consumer::Client::reassign(const Move& move) {
  const PartitionList list(new_list(1));
  rd_kafka_topic_partition_list_add(list.get(), settings.topic.c_str(), move.partition.value)->offset = move.offset;
  if (const kafka::Error error(rd_kafka_incremental_unassign(handle.get(), list.get())); error)
    return kafka::to_error(*error, "moving in " + settings.topic);
  if (const kafka::Error error(rd_kafka_incremental_assign(handle.get(), list.get())); error)
    return kafka::to_error(*error, "moving in " + settings.topic);
  moved.insert_or_assign(move.partition, move.offset);
  return std::nullopt;
}

void Consumer::Client::forward(Partition partition) {
  const kafka::Queue queue(rd_kafka_queue_get_partition(handle.get(), settings.topic.c_str(), partition.value));
  rd_kafka_queue_forward(queue.get(), shards[static_cast<std::size_t>(partition.value) % shards.size()].queue.get());
}

/// The client takes a forwarding back when it gets round to stopping a partition, which may be after that was assigned again: it is renewed
/// until the first record has come.
void Consumer::Client::forward_moved() {
  std::erase_if(moved, [&](const auto& row) {
    const bool ours = std::ranges::find(assigned, row.first) != assigned.end();
    return !ours || partitions[static_cast<std::size_t>(row.first.value)].next() > row.second;
  });
  for (const auto& [partition, offset] : moved) forward(partition);
}

/// Of partitions that stand still, of which no fetch tells it. All in one request for the beginnings and one for the ends.
void Consumer::Client::ask_bounds() {
  std::map<Partition, Bounds> found;
  for (const Partition partition : assigned)
    if (partitions[static_cast<std::size_t>(partition.value)].standing()) found.emplace(partition, Bounds{-1, -1});
  const auto ask = [&](std::int64_t which, std::int64_t Bounds::* member) {
    const PartitionList list(new_list(found.size()));
    for (const auto& [partition, unknown] : found)
      rd_kafka_topic_partition_list_add(list.get(), settings.topic.c_str(), partition.value)->offset = which;
    if (rd_kafka_offsets_for_times(handle.get(), list.get(), kafka::to_ms(kBoundsWithin)) != RD_KAFKA_RESP_ERR_NO_ERROR) return;
    for (const auto& row : rows(list.get()))
      if (row.err == RD_KAFKA_RESP_ERR_NO_ERROR) found.at(Partition{row.partition}).*member = row.offset;
  };
  if (!found.empty()) {
    ask(RD_KAFKA_OFFSET_BEGINNING, &Bounds::begin);
    ask(RD_KAFKA_OFFSET_END, &Bounds::end);
    std::erase_if(found, [](const auto& row) { return row.second.begin < 0 || row.second.end < 0; });
  }
  const std::lock_guard lock(mutex);
  bounds = std::move(found);
}

/// A commit handed to the client while the coordinator is away waits inside it, and after the session's end goes out with the instance's
/// name and no member's id: a coordinator that kept the group calls that member fenced, which is fatal. So none is handed over then.
bool Consumer::Client::coordinator_answers() const {
  const std::int64_t heard = heard_ns.load();
  return heard > trouble_ns.load() && kafka::steady_ns() - heard < std::chrono::nanoseconds(kHeardWithin).count();
}

void Consumer::Client::commit(std::span<const Partition> which) {
  if (!coordinator_answers()) return;
  const PartitionList list(new_list(which.size()));
  for (const Partition partition : which) {
    const auto low = owner.low(partition);
    const auto last = committed.find(partition);
    if (!low || (last != committed.end() && last->second == *low)) continue;
    committed.insert_or_assign(partition, *low);
    rd_kafka_topic_partition_list_add(list.get(), settings.topic.c_str(), partition.value)->offset = low->value;
  }
  // For lag tools alone: a commit that fails is made good by a later one.
  if (list->cnt > 0) rd_kafka_commit(handle.get(), list.get(), 1);
}

}  // namespace ringfence
