// SPDX-License-Identifier: Apache-2.0
#include "connectors/kafka/topics.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <span>
#include <utility>

#include "connectors/kafka/native.h"

namespace ringfence {
namespace {

constexpr std::int64_t kHourMs = 3600LL * 1000;
constexpr std::int64_t kDayMs = 24 * kHourMs;
constexpr const char* kCleanup = "cleanup.policy";

TopicSpec::Number at_least(std::int64_t value) { return {value, Wanted::AtLeast}; }
TopicSpec::Number exactly(std::int64_t value) { return {value, Wanted::Exactly}; }

/// Retention of -1 keeps everything, which is more than any number.
std::int64_t rank(const std::string& property, std::int64_t value) {
  const bool unlimited = value == -1 && (property == "retention.ms" || property == "retention.bytes");
  return unlimited ? std::numeric_limits<std::int64_t>::max() : value;
}

std::string describe(const TopicSpec::Number& number) {
  return (number.wanted == Wanted::AtLeast ? "at least " : "") + std::to_string(number.value);
}

bool meets(const std::string& property, const TopicSpec::Number& wanted, std::int64_t found) {
  if (wanted.wanted == Wanted::Exactly) return found == wanted.value;
  return rank(property, found) >= rank(property, wanted.value);
}

std::optional<std::int64_t> number(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && end == text.data() + text.size() ? std::optional(value) : std::nullopt;
}

// ---- the admin interface ----

struct Admin {
  std::unique_ptr<kafka::Witness> witness;  // errors come back as values: its log goes nowhere
  kafka::Handle handle;
  kafka::Queue queue;
  std::chrono::milliseconds within;

  static std::expected<Admin, KafkaError> open(const KafkaSettings& settings, std::chrono::milliseconds within) {
    auto witness = std::make_unique<kafka::Witness>();
    auto conf = kafka::configure(settings, {}, *witness);
    if (!conf) return std::unexpected(conf.error());
    auto made = kafka::make(RD_KAFKA_PRODUCER, std::move(*conf));
    if (!made) return std::unexpected(made.error());
    kafka::Queue queue(rd_kafka_queue_new(made->get()));
    return Admin{std::move(witness), std::move(*made), std::move(queue), within};
  }

  [[nodiscard]] std::unique_ptr<rd_kafka_AdminOptions_t, kafka::Destroy<rd_kafka_AdminOptions_destroy>> options() const {
    std::unique_ptr<rd_kafka_AdminOptions_t, kafka::Destroy<rd_kafka_AdminOptions_destroy>> made(
        rd_kafka_AdminOptions_new(handle.get(), RD_KAFKA_ADMIN_OP_ANY));
    std::array<char, 128> why{};
    rd_kafka_AdminOptions_set_request_timeout(made.get(), kafka::to_ms(within), why.data(), why.size());
    return made;
  }

  /// The answer to the request just sent.
  [[nodiscard]] std::expected<kafka::Event, KafkaError> answer(const std::string& what) const {
    // A little longer than the request itself may take, so that its own time-out comes as its answer.
    kafka::Event event(rd_kafka_queue_poll(queue.get(), kafka::to_ms(within + std::chrono::seconds(2))));
    if (!event) return std::unexpected(KafkaError{.code = KafkaError::Code::Timeout, .message = what + ": no answer", .retriable = true});
    if (const auto error = rd_kafka_event_error(event.get()); error != RD_KAFKA_RESP_ERR_NO_ERROR) {
      KafkaError value = kafka::to_error(error, what, rd_kafka_event_error_string(event.get()));
      if (value.code == KafkaError::Code::Timeout) value.code = KafkaError::Code::Unreachable;
      return std::unexpected(std::move(value));
    }
    return event;
  }
};

struct Shape {
  std::int32_t partitions = 0;
  std::int32_t replication = 0;
};

std::expected<std::map<std::string, Shape>, KafkaError> shapes(const Admin& admin) {
  const auto found = kafka::metadata_of(admin.handle.get(), "listing topics", admin.within);
  if (!found) return std::unexpected(found.error());
  std::map<std::string, Shape> result;
  for (const auto& topic : std::span((*found)->topics, static_cast<std::size_t>((*found)->topic_cnt))) {
    if (topic.err != RD_KAFKA_RESP_ERR_NO_ERROR) continue;
    Shape shape{topic.partition_cnt, std::numeric_limits<std::int32_t>::max()};
    for (const auto& partition : std::span(topic.partitions, static_cast<std::size_t>(topic.partition_cnt)))
      shape.replication = std::min(shape.replication, partition.replica_cnt);
    result.emplace(topic.topic, shape);
  }
  return result;
}

/// With what counts in this cluster.
TopicSpec in_cluster(TopicSpec spec, const std::map<std::string, Shape>& found) {
  if (const auto model = found.find(spec.as_wide_as); model != found.end()) spec.partitions.value = model->second.partitions;
  return spec;
}

using ConfigValues = std::map<std::string, std::map<std::string, std::string>>;

/// The settings in force of each topic.
std::expected<ConfigValues, KafkaError> configs(const Admin& admin, const std::vector<std::string>& topics) {
  if (topics.empty()) return ConfigValues{};
  std::vector<std::unique_ptr<rd_kafka_ConfigResource_t, kafka::Destroy<rd_kafka_ConfigResource_destroy>>> owners;
  std::vector<rd_kafka_ConfigResource_t*> resources;
  for (const std::string& topic : topics) {
    owners.emplace_back(rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic.c_str()));
    resources.push_back(owners.back().get());
  }
  rd_kafka_DescribeConfigs(admin.handle.get(), resources.data(), resources.size(), admin.options().get(), admin.queue.get());
  const auto event = admin.answer("describing topics");
  if (!event) return std::unexpected(event.error());
  std::size_t count = 0;
  const auto* result = rd_kafka_event_DescribeConfigs_result(event->get());
  const auto* rows = rd_kafka_DescribeConfigs_result_resources(result, &count);
  ConfigValues values;
  for (const rd_kafka_ConfigResource_t* row : std::span(rows, count)) {
    const std::string topic = rd_kafka_ConfigResource_name(row);
    if (const auto error = rd_kafka_ConfigResource_error(row); error != RD_KAFKA_RESP_ERR_NO_ERROR) {
      const char* why = rd_kafka_ConfigResource_error_string(row);
      return std::unexpected(kafka::to_error(error, "describing topic " + topic, why == nullptr ? "" : why));
    }
    std::size_t entries = 0;
    const auto* list = rd_kafka_ConfigResource_configs(row, &entries);
    for (const rd_kafka_ConfigEntry_t* entry : std::span(list, entries)) {
      const char* value = rd_kafka_ConfigEntry_value(entry);
      values[topic][rd_kafka_ConfigEntry_name(entry)] = value == nullptr ? "" : value;
    }
  }
  return values;
}

void compare_config(const TopicSpec& spec, const std::map<std::string, std::string>& found, std::vector<TopicDifference>& differences) {
  const auto value_of = [&](const std::string& property) {
    const auto row = found.find(property);
    return row == found.end() ? std::string() : row->second;
  };
  auto texts = spec.texts;
  texts[kCleanup] = spec.cleanup_policy;
  for (const auto& [property, wanted] : texts)
    if (const std::string value = value_of(property); value != wanted) differences.push_back({spec.name, property, wanted, value});
  for (const auto& [property, wanted] : spec.numbers) {
    const std::string value = value_of(property);
    const auto parsed = number(value);
    if (!parsed || !meets(property, wanted, *parsed)) differences.push_back({spec.name, property, describe(wanted), value});
  }
}

using NewTopic = std::unique_ptr<rd_kafka_NewTopic_t, kafka::Destroy<rd_kafka_NewTopic_destroy>>;

std::expected<NewTopic, KafkaError> new_topic(const TopicSpec& spec, std::int32_t replication) {
  std::array<char, 256> why{};
  NewTopic topic(rd_kafka_NewTopic_new(spec.name.c_str(), static_cast<int>(spec.partitions.value), replication, why.data(), why.size()));
  if (!topic) return std::unexpected(KafkaError{.code = KafkaError::Code::Config, .message = "topic " + spec.name + ": " + why.data()});
  auto all = spec.texts;
  all[kCleanup] = spec.cleanup_policy;
  for (const auto& [property, wanted] : spec.numbers) all[property] = std::to_string(wanted.value);
  for (const auto& [property, value] : all) rd_kafka_NewTopic_set_config(topic.get(), property.c_str(), value.c_str());
  return topic;
}

}  // namespace

std::vector<TopicSpec> specs_of(const TopicPlan& plan) {
  const auto& names = plan.names;
  const auto retention = [](std::int64_t ms) { return std::map<std::string, TopicSpec::Number>{{"retention.ms", at_least(ms)}}; };
  std::vector<TopicSpec> specs = {
      {names.events, at_least(plan.event_partitions), "delete", retention(plan.events_retention_ms), {}},
      {names.findings, at_least(8), "delete", retention(plan.findings_retention_ms), {}},
      {names.control, exactly(1), "compact", {}, {}},
      {names.control_acks, at_least(1), "compact", {}, {}},
      {names.verdicts, at_least(1), "delete", retention(kHourMs), {}},
      {names.links, at_least(plan.event_partitions), "delete", retention(7 * kDayMs), {}},
      {names.state,
       exactly(plan.event_partitions),
       "compact",
       {{"min.compaction.lag.ms", at_least(kHourMs)}, {"max.message.bytes", at_least(kStateRecordBytes)}},
       {}},
      // A replay of anything the event topic still holds must find every fact that was in force.
      {names.context, exactly(1), "compact", {{"min.compaction.lag.ms", at_least(plan.events_retention_ms)}}, {}},
      {names.audit, at_least(1), "delete", retention(400 * kDayMs), {}},
      {names.deadletter, at_least(1), "delete", retention(30 * kDayMs), {}},
  };
  // An event of exactly the contract's limit must fit with its key and the batch's own header.
  specs.front().numbers["max.message.bytes"] = at_least(2LL << 20);
  for (TopicSpec& spec : specs)
    if (spec.name == names.links || spec.name == names.state) spec.as_wide_as = names.events;
  // `acks=all` is a promise only as good as the replicas it waits for.
  const std::int64_t in_sync = plan.replication >= 3 ? 2 : 1;
  for (TopicSpec& spec : specs) spec.numbers["min.insync.replicas"] = at_least(in_sync);
  return specs;
}

std::expected<std::vector<TopicDifference>, KafkaError> check_topics(const KafkaSettings& kafka, const std::vector<TopicSpec>& specs,
                                                                     std::int32_t replication, std::chrono::milliseconds within) {
  const auto admin = Admin::open(kafka, within);
  if (!admin) return std::unexpected(admin.error());
  const auto found = shapes(*admin);
  if (!found) return std::unexpected(found.error());
  std::vector<std::string> present;
  for (const TopicSpec& spec : specs)
    if (found->contains(spec.name)) present.push_back(spec.name);
  const auto values = configs(*admin, present);
  if (!values) return std::unexpected(values.error());

  std::vector<TopicDifference> differences;
  for (const TopicSpec& each : specs) {
    const TopicSpec spec = in_cluster(each, *found);
    const auto shape = found->find(spec.name);
    if (shape == found->end()) {
      differences.push_back({spec.name, "topic", "present", "missing"});
      continue;
    }
    if (!meets("partitions", spec.partitions, shape->second.partitions))
      differences.push_back({spec.name, "partitions", describe(spec.partitions), std::to_string(shape->second.partitions)});
    if (shape->second.replication < replication)
      differences.push_back({spec.name, "replication", describe(at_least(replication)), std::to_string(shape->second.replication)});
    compare_config(spec, values->at(spec.name), differences);
  }
  return differences;
}

std::expected<std::vector<std::string>, KafkaError> create_topics(const KafkaSettings& kafka, const std::vector<TopicSpec>& specs,
                                                                  std::int32_t replication, std::chrono::milliseconds within) {
  const auto admin = Admin::open(kafka, within);
  if (!admin) return std::unexpected(admin.error());
  const auto found = shapes(*admin);
  if (!found) return std::unexpected(found.error());
  std::vector<NewTopic> owners;
  std::vector<rd_kafka_NewTopic_t*> wanted;
  for (const TopicSpec& spec : specs) {
    if (found->contains(spec.name)) continue;
    auto topic = new_topic(in_cluster(spec, *found), replication);
    if (!topic) return std::unexpected(topic.error());
    wanted.push_back(topic->get());
    owners.push_back(std::move(*topic));
  }
  if (wanted.empty()) return std::vector<std::string>{};

  const auto options = admin->options();
  std::array<char, 128> why{};
  rd_kafka_AdminOptions_set_operation_timeout(options.get(), kafka::to_ms(within), why.data(), why.size());
  rd_kafka_CreateTopics(admin->handle.get(), wanted.data(), wanted.size(), options.get(), admin->queue.get());
  const auto event = admin->answer("creating topics");
  if (!event) return std::unexpected(event.error());
  std::size_t count = 0;
  const auto* rows = rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event->get()), &count);
  std::vector<std::string> made;
  for (const rd_kafka_topic_result_t* row : std::span(rows, count)) {
    const auto error = rd_kafka_topic_result_error(row);
    // Somebody else made it in between: it is there, and the check says whether it is right.
    if (error == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS) continue;
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
      const char* text = rd_kafka_topic_result_error_string(row);
      return std::unexpected(
          kafka::to_error(error, std::string("creating topic ") + rd_kafka_topic_result_name(row), text == nullptr ? "" : text));
    }
    made.emplace_back(rd_kafka_topic_result_name(row));
  }
  return made;
}

}  // namespace ringfence
