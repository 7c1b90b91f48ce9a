// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <librdkafka/rdkafka.h>

#include <chrono>
#include <expected>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "connectors/kafka/client.h"
#include "connectors/kafka/witness.h"

/// librdkafka's handles as owners. Included by the sources of this folder only, so that its C API ends here.
namespace ringfence::kafka {

template <auto destroy>
struct Destroy {
  template <class T>
  void operator()(T* handle) const {
    if (handle != nullptr) destroy(handle);
  }
};

using Handle = std::unique_ptr<rd_kafka_t, Destroy<rd_kafka_destroy>>;
using Conf = std::unique_ptr<rd_kafka_conf_t, Destroy<rd_kafka_conf_destroy>>;
using Queue = std::unique_ptr<rd_kafka_queue_t, Destroy<rd_kafka_queue_destroy>>;
using Topic = std::unique_ptr<rd_kafka_topic_t, Destroy<rd_kafka_topic_destroy>>;
using Message = std::unique_ptr<rd_kafka_message_t, Destroy<rd_kafka_message_destroy>>;
using PartitionList = std::unique_ptr<rd_kafka_topic_partition_list_t, Destroy<rd_kafka_topic_partition_list_destroy>>;
using Error = std::unique_ptr<rd_kafka_error_t, Destroy<rd_kafka_error_destroy>>;
using Event = std::unique_ptr<rd_kafka_event_t, Destroy<rd_kafka_event_destroy>>;

/// A property that this client sets itself; with `held` a user's other value is refused, since losslessness rests on it.
struct Property {
  const char* name;
  std::string value;
  bool held = false;
};

/// A configuration of the user's settings over ours. Its lines and errors go to `witness`, which outlives the client and is the
/// opaque of every callback: cast to `Witness*` first, then to the class derived from it.
[[nodiscard]] std::expected<Conf, KafkaError> configure(const KafkaSettings& settings, std::span<const Property> ours, Witness& witness);

/// Makes a client and takes the configuration.
[[nodiscard]] std::expected<Handle, KafkaError> make(rd_kafka_type_t type, Conf conf);

[[nodiscard]] KafkaError to_error(rd_kafka_resp_err_t error, std::string_view what, std::string_view reason = {});
[[nodiscard]] KafkaError to_error(const rd_kafka_error_t& error, std::string_view what);
/// The client's fatal error with its reason.
[[nodiscard]] KafkaError fatal_error(rd_kafka_t* client);

/// All topics of the cluster, asked by a request that never creates one, whatever the cluster's settings say. Bounded by `within`, and over
/// sooner where every broker has refused the login or a certificate; the error names the cause. `what` is what the answer is for.
using Metadata = std::unique_ptr<const rd_kafka_metadata_t, Destroy<rd_kafka_metadata_destroy>>;
[[nodiscard]] std::expected<Metadata, KafkaError> metadata_of(rd_kafka_t* client, const std::string& what,
                                                              std::chrono::milliseconds within);
/// Number of partitions of a topic, asked in the same way.
[[nodiscard]] std::expected<std::int32_t, KafkaError> partitions_of(rd_kafka_t* client, const std::string& topic,
                                                                    std::chrono::milliseconds within);

[[nodiscard]] KafkaLogLevel level_of(int syslog_level);
[[nodiscard]] int to_ms(std::chrono::milliseconds time);
[[nodiscard]] inline std::int64_t steady_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

}  // namespace ringfence::kafka
