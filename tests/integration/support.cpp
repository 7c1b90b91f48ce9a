// SPDX-License-Identifier: Apache-2.0
#include "tests/integration/support.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>

// Test support alone deletes records and reads committed offsets; the product has no use for either.
#include "connectors/kafka/native.h"

namespace ringfence::testing {
namespace {

using std::chrono::milliseconds;
constexpr milliseconds kRequest{20'000};

/// What the library says of these clients goes to nobody.
kafka::Witness& nobody() {
  static kafka::Witness witness;
  return witness;
}

kafka::Handle raw_client(const Broker& broker, rd_kafka_type_t type, const std::string& group) {
  const std::vector<kafka::Property> ours =
      type == RD_KAFKA_CONSUMER ? std::vector<kafka::Property>{{"group.id", group}} : std::vector<kafka::Property>{};
  auto conf = kafka::configure(settings_for(broker), ours, nobody());
  if (!conf) return nullptr;
  auto made = kafka::make(type, std::move(*conf));
  return made ? std::move(*made) : nullptr;
}

bool bindable(std::uint16_t port) {
  const int descriptor = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const bool free = ::bind(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  ::close(descriptor);
  return free;
}

}  // namespace

std::uint16_t free_port() {
  constexpr int kFirst = 20'000;
  constexpr int kCount = 12'000;
  static int next = static_cast<int>(::getpid()) * 37 % kCount;
  while (true) {
    next = (next + 1) % kCount;
    if (const auto port = static_cast<std::uint16_t>(kFirst + next); bindable(port)) return port;
  }
}

KafkaSettings settings_for(const Broker& broker) {
  return {.bootstrap_servers = broker.address(), .client_id = "ringfence-test", .client = {}};
}

std::string unique_name(const std::string& stem) {
  static int number = 0;
  return stem + "-" + std::to_string(::getpid()) + "-" + std::to_string(++number);
}

TopicSpec plain_topic(const std::string& name, std::int32_t partitions) {
  return {.name = name, .partitions = {partitions, Wanted::Exactly}, .cleanup_policy = "delete", .numbers = {}, .texts = {}};
}

std::expected<void, std::string> make_topic(const Broker& broker, const TopicSpec& spec) {
  const auto kafka = settings_for(broker);
  if (const auto made = create_topics(kafka, {spec}, 1, kRequest); !made) return std::unexpected(made.error().message);
  // The controller has it; the broker hears of it a moment later.
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (std::chrono::steady_clock::now() < deadline) {
    const auto differences = check_topics(kafka, {spec}, 1, kRequest);
    if (differences && differences->empty()) return {};
  }
  return std::unexpected("topic " + spec.name + " did not appear");
}

std::string payload(std::int32_t partition, std::int64_t number) { return std::to_string(partition) + ":" + std::to_string(number); }

std::expected<void, std::string> fill(Producer& producer, const std::string& topic, std::int32_t partitions, std::int64_t first,
                                      std::int64_t count) {
  for (std::int64_t number = first; number < first + count; ++number)
    for (std::int32_t partition = 0; partition < partitions; ++partition) {
      const std::string value = payload(partition, number);
      const auto done = producer.publish({.topic = topic, .key = value, .value = value, .cause = {}, .partition = Partition{partition}});
      if (!done) return std::unexpected(done.error().message);
    }
  if (const auto done = producer.flush(kPatience); !done) return std::unexpected(done.error().message);
  return {};
}

std::expected<void, std::string> delete_topic(const Broker& broker, const std::string& topic) {
  const auto client = raw_client(broker, RD_KAFKA_PRODUCER, {});
  const kafka::Queue queue(rd_kafka_queue_new(client.get()));
  const std::unique_ptr<rd_kafka_DeleteTopic_t, kafka::Destroy<rd_kafka_DeleteTopic_destroy>> request(
      rd_kafka_DeleteTopic_new(topic.c_str()));
  rd_kafka_DeleteTopic_t* row = request.get();
  rd_kafka_DeleteTopics(client.get(), &row, 1, nullptr, queue.get());
  const kafka::Event event(rd_kafka_queue_poll(queue.get(), kafka::to_ms(kPatience)));
  if (!event) return std::unexpected("no answer");
  if (rd_kafka_event_error(event.get()) != RD_KAFKA_RESP_ERR_NO_ERROR) return std::unexpected(rd_kafka_event_error_string(event.get()));
  return {};
}

std::expected<void, std::string> delete_records(const Broker& broker, const std::string& topic, std::int32_t partition,
                                                std::int64_t before) {
  const auto client = raw_client(broker, RD_KAFKA_PRODUCER, {});
  const kafka::Queue queue(rd_kafka_queue_new(client.get()));
  const kafka::PartitionList list(rd_kafka_topic_partition_list_new(1));
  rd_kafka_topic_partition_list_add(list.get(), topic.c_str(), partition)->offset = before;
  std::unique_ptr<rd_kafka_DeleteRecords_t, kafka::Destroy<rd_kafka_DeleteRecords_destroy>> request(rd_kafka_DeleteRecords_new(list.get()));
  rd_kafka_DeleteRecords_t* row = request.get();
  rd_kafka_DeleteRecords(client.get(), &row, 1, nullptr, queue.get());
  const kafka::Event event(rd_kafka_queue_poll(queue.get(), kafka::to_ms(kPatience)));
  if (!event) return std::unexpected("no answer");
  if (rd_kafka_event_error(event.get()) != RD_KAFKA_RESP_ERR_NO_ERROR) return std::unexpected(rd_kafka_event_error_string(event.get()));
  return {};
}

namespace {

using Acl = std::unique_ptr<rd_kafka_AclBinding_t, kafka::Destroy<rd_kafka_AclBinding_destroy>>;

/// The word in single quotes behind an option.
std::string quoted_behind(const std::string& line, const std::string& option) {
  const auto at = line.find(option + " '");
  if (at == std::string::npos) return {};
  const auto from = at + option.size() + 2;
  return line.substr(from, line.find('\'', from) - from);
}

std::expected<void, std::string> answered(const kafka::Queue& queue) {
  const kafka::Event event(rd_kafka_queue_poll(queue.get(), kafka::to_ms(kPatience)));
  if (!event) return std::unexpected("no answer");
  if (rd_kafka_event_error(event.get()) != RD_KAFKA_RESP_ERR_NO_ERROR) return std::unexpected(rd_kafka_event_error_string(event.get()));
  return {};
}

}  // namespace

std::expected<void, std::string> grant(const Broker& broker, const std::vector<std::string>& lines, const std::string& principal) {
  const std::string stranger = "User:" + Broker::stranger();
  const auto client = raw_client(broker, RD_KAFKA_PRODUCER, {});
  const kafka::Queue queue(rd_kafka_queue_new(client.get()));
  std::array<char, 256> why{};
  Acl all(rd_kafka_AclBindingFilter_new(RD_KAFKA_RESOURCE_ANY, nullptr, RD_KAFKA_RESOURCE_PATTERN_ANY, stranger.c_str(), nullptr,
                                        RD_KAFKA_ACL_OPERATION_ANY, RD_KAFKA_ACL_PERMISSION_TYPE_ANY, why.data(), why.size()));
  rd_kafka_AclBindingFilter_t* filter = all.get();
  rd_kafka_DeleteAcls(client.get(), &filter, 1, nullptr, queue.get());
  if (auto done = answered(queue); !done) return done;

  const std::map<std::string, rd_kafka_AclOperation_t> operations = {{"Read", RD_KAFKA_ACL_OPERATION_READ},
                                                                     {"Write", RD_KAFKA_ACL_OPERATION_WRITE},
                                                                     {"Describe", RD_KAFKA_ACL_OPERATION_DESCRIBE},
                                                                     {"Create", RD_KAFKA_ACL_OPERATION_CREATE},
                                                                     {"DescribeConfigs", RD_KAFKA_ACL_OPERATION_DESCRIBE_CONFIGS}};
  std::vector<Acl> owners;
  std::vector<rd_kafka_AclBinding_t*> rows;
  for (const std::string& line : lines) {
    if (quoted_behind(line, "--allow-principal") != principal) continue;
    const std::string topic = quoted_behind(line, "--topic"), group = quoted_behind(line, "--group");
    for (const auto& [word, operation] : operations) {
      if (line.find("--operation " + word + " ") == std::string::npos) continue;
      owners.emplace_back(rd_kafka_AclBinding_new(topic.empty() ? RD_KAFKA_RESOURCE_GROUP : RD_KAFKA_RESOURCE_TOPIC,
                                                  (topic + group).c_str(), RD_KAFKA_RESOURCE_PATTERN_LITERAL, stranger.c_str(), "*",
                                                  operation, RD_KAFKA_ACL_PERMISSION_TYPE_ALLOW, why.data(), why.size()));
      rows.push_back(owners.back().get());
    }
  }
  rd_kafka_CreateAcls(client.get(), rows.data(), rows.size(), nullptr, queue.get());
  return answered(queue);
}

std::optional<Offset> committed(const Broker& broker, const std::string& group, const std::string& topic, std::int32_t partition) {
  const auto client = raw_client(broker, RD_KAFKA_CONSUMER, group);
  const kafka::PartitionList list(rd_kafka_topic_partition_list_new(1));
  rd_kafka_topic_partition_list_add(list.get(), topic.c_str(), partition);
  if (rd_kafka_committed(client.get(), list.get(), kafka::to_ms(kRequest)) != RD_KAFKA_RESP_ERR_NO_ERROR || list->elems[0].offset < 0)
    return std::nullopt;
  return Offset{list->elems[0].offset};
}

std::optional<Offset> SharedPositions::next(Partition partition) const {
  const std::lock_guard lock(mutex_);
  const auto found = next_.find(partition);
  return found == next_.end() ? std::nullopt : std::optional(found->second);
}

void SharedPositions::applied(Partition partition, Offset offset) { set(partition, Offset{offset.value + 1}); }

void SharedPositions::set(Partition partition, Offset offset) {
  const std::lock_guard lock(mutex_);
  next_.insert_or_assign(partition, offset);
}

void Seen::add(const Record& record) {
  const std::lock_guard lock(mutex_);
  records_[record.position.partition.value].emplace_back(record.position.offset.value, std::string(record.bytes));
  if (record.cut()) cut_.emplace_back(record.size, std::string(record.sha256));
  ++size_;
  changed_.notify_all();
}

void Seen::wake() {
  const std::lock_guard lock(mutex_);
  changed_.notify_all();
}

bool Seen::wait_for(std::size_t records) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, kPatience, [&] { return size_ >= records; });
}

bool Seen::wait_until(const std::function<bool()>& holds) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, kPatience, holds);
}

std::map<std::int32_t, std::vector<std::pair<std::int64_t, std::string>>> Seen::by_partition() const {
  const std::lock_guard lock(mutex_);
  return records_;
}

std::vector<std::pair<std::uint64_t, std::string>> Seen::cut() const {
  const std::lock_guard lock(mutex_);
  return cut_;
}

Member::Member(ConsumerSettings settings, SharedPositions& positions, Seen& seen)
    : settings_(std::move(settings)), positions_(positions), seen_(seen) {}

Member::~Member() { stop(); }

std::expected<void, KafkaError> Member::start() {
  auto opened = Consumer::open(settings_, *this);
  if (!opened) return std::unexpected(opened.error());
  consumer_ = std::move(*opened);
  for (std::size_t shard = 0; shard < settings_.shards; ++shard)
    threads_.emplace_back([this, shard](const std::stop_token& stop) { run_shard(stop, shard); });
  threads_.emplace_back([this](const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      if (const auto served = consumer_->serve(milliseconds(50)); !served) {
        {
          const std::lock_guard lock(mutex_);
          failure_ = served.error();
        }
        return seen_.wake();
      }
    }
  });
  return {};
}

void Member::run_shard(const std::stop_token& stop, std::size_t shard) {
  while (!stop.stop_requested()) {
    const auto records = consumer_->poll(shard, milliseconds(50));
    if (!records) {
      {
        const std::lock_guard lock(mutex_);
        shard_failure_ = records.error();
      }
      seen_.wake();
      break;
    }
    ++busy_;
    for (const Record& record : *records) {
      positions_.applied(record.position.partition, record.position.offset);
      seen_.add(record);
    }
    --busy_;
  }
  consumer_->leave(shard);
}

void Member::stop() {
  // The serving thread ends last: a shard that is parked waits for it.
  for (std::size_t k = 0; k + 1 < threads_.size(); ++k) threads_[k].request_stop();
  for (std::size_t k = 0; k + 1 < threads_.size(); ++k) threads_[k].join();
  threads_.clear();
  consumer_.reset();
}

std::expected<std::optional<Offset>, std::string> Member::assigned(Partition partition) {
  if (refuse_) return std::unexpected("the store cannot be read");
  if (busy_ != 0) disturbed_ = true;
  {
    const std::lock_guard lock(mutex_);
    owned_.insert(partition);
  }
  seen_.wake();
  return positions_.next(partition);
}

void Member::revoked(std::span<const Partition> partitions, bool) {
  if (busy_ != 0) disturbed_ = true;
  {
    const std::lock_guard lock(mutex_);
    for (const Partition partition : partitions) owned_.erase(partition);
  }
  seen_.wake();
}

void Member::alarm(const ConsumerAlarm& alarm) {
  {
    const std::lock_guard lock(mutex_);
    alarms_.push_back(alarm);
  }
  seen_.wake();
}

std::set<Partition> Member::owned() const {
  const std::lock_guard lock(mutex_);
  return owned_;
}

std::vector<ConsumerAlarm> Member::alarms(ConsumerAlarm::Kind kind) const {
  const std::lock_guard lock(mutex_);
  std::vector<ConsumerAlarm> result;
  std::ranges::copy_if(alarms_, std::back_inserter(result), [&](const ConsumerAlarm& alarm) { return alarm.kind == kind; });
  return result;
}

std::optional<KafkaError> Member::failure() const {
  const std::lock_guard lock(mutex_);
  return failure_;
}

std::optional<KafkaError> Member::shard_failure() const {
  const std::lock_guard lock(mutex_);
  return shard_failure_;
}

bool Member::disturbed() const { return disturbed_; }

}  // namespace ringfence::testing
