// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <map>
#include <string>
#include <string_view>

namespace ringfence {

/// What went wrong with a broker or a client, as a value. `message` names topics, partitions, settings and causes, never a record or a
/// secret.
struct KafkaError {
  enum class Code : std::uint8_t {
    Config,        // a setting is unknown, refused or has a value the client does not take
    Unreachable,   // no broker answered in the time given
    UnknownTopic,  // the topic is not there, or this principal may not see it
    Denied,        // authentication or authorization
    QueueFull,     // too much is unacknowledged: drain and try again
    TooLarge,      // the record is above the client's or the topic's limit
    Tombstone,     // a record without a value, which nothing of ours may write
    Timeout,       // the time given was too short
    NotAssigned,   // the partition belongs to another member
    Owner,         // the owner of the partitions could not take or give them
    Fatal,         // the client is unusable: end the process, the next one goes on from its own offsets
    Other,
  } code = Code::Other;
  std::string message;
  bool fatal = false;
  bool retriable = false;
};

enum class KafkaLogLevel : std::uint8_t { Debug, Info, Warning, Error };
/// Receives the client library's own lines, from any of its threads. A line may quote names a broker sent: escape it before showing it.
using KafkaLog = std::function<void(KafkaLogLevel level, std::string_view line)>;

/// How to reach a cluster. `client` is handed to librdkafka as it is (TLS, SASL and the rest), with three exceptions:
/// - a name that ends in `_file` sets the property without that ending to the content of the file (`ssl.key.password_file`), and properties
///   that are secrets are taken in this form only;
/// - what the rest of these settings name (`bootstrap.servers`, `client.id`, `group.id`) is refused here;
/// - what losslessness rests on (docs/kafka.md, "Held settings") is refused with any other value than ours.
struct KafkaSettings {
  std::string bootstrap_servers;
  std::string client_id = "ringfence";
  std::map<std::string, std::string> client;
};

}  // namespace ringfence
