// SPDX-License-Identifier: Apache-2.0
#include "connectors/kafka/client.h"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <limits>
#include <optional>
#include <utility>

#include "connectors/kafka/native.h"
#include "connectors/kafka/property.h"

namespace ringfence::kafka {
namespace {

constexpr std::string_view kFileEnding = "_file";
constexpr std::size_t kSecretBytes = 64U << 10U;

// Never taken inline: a settings file is read by more people than a secret's file, and printed by more tools.
constexpr std::array kSecrets = {
    "sasl.password",          "ssl.key.password", "ssl.keystore.password", "ssl.key.pem", "sasl.oauthbearer.client.secret",
    "sasl.oauthbearer.config"};
// Named by settings of their own.
constexpr std::array kElsewhere = {"bootstrap.servers", "metadata.broker.list", "client.id", "group.id", "group.instance.id"};

KafkaError config_error(std::string message) { return {.code = KafkaError::Code::Config, .message = std::move(message)}; }

bool is_secret(std::string_view name) { return std::ranges::find(kSecrets, name) != kSecrets.end(); }

std::expected<std::string, KafkaError> read_secret(const std::string& name, const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  struct stat status{};
  if (!file || ::stat(path.c_str(), &status) != 0) return std::unexpected(config_error("kafka." + name + ": cannot read " + path));
  if ((status.st_mode & static_cast<mode_t>(S_IRWXO)) != 0)
    return std::unexpected(config_error("kafka." + name + ": " + path +
                                        " is open to every user of the machine; take the rights of others away (chmod o-rwx)"));
  std::string text(kSecretBytes + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (file.bad()) return std::unexpected(config_error("kafka." + name + ": cannot read " + path));
  text.resize(static_cast<std::size_t>(file.gcount()));
  if (text.size() > kSecretBytes) return std::unexpected(config_error("kafka." + name + ": " + path + " is larger than 64 KiB"));
  // Editors and `echo` end a file with a line feed that is no part of the secret.
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
  if (text.empty()) return std::unexpected(config_error("kafka." + name + ": " + path + " is empty"));
  return text;
}

std::expected<void, KafkaError> set(rd_kafka_conf_t* conf, const std::string& name, const std::string& value) {
  std::array<char, 512> why{};
  if (rd_kafka_conf_set(conf, name.c_str(), value.c_str(), why.data(), why.size()) == RD_KAFKA_CONF_OK) return {};
  // The library's words quote the value.
  if (is_secret(name)) return std::unexpected(config_error("kafka." + name + ": the client refuses the file's content"));
  return std::unexpected(config_error("kafka." + name + ": " + why.data()));
}

std::expected<void, KafkaError> set_from_user(rd_kafka_conf_t* conf, const std::string& given, const std::string& value,
                                              std::span<const Property> ours) {
  const bool by_file = given.ends_with(kFileEnding);
  const std::string name = by_file ? given.substr(0, given.size() - kFileEnding.size()) : given;
  if (std::ranges::find(kElsewhere, name) != kElsewhere.end())
    return std::unexpected(config_error("kafka." + name + ": has a setting of its own and cannot be passed through"));
  if (is_secret(name) && !by_file)
    return std::unexpected(config_error("kafka." + name + ": is a secret; give the file that holds it as " + name + "_file"));
  const auto mine = std::ranges::find_if(ours, [&](const Property& p) { return p.held && name == p.name; });
  if (mine != ours.end() && value != mine->value)
    return std::unexpected(config_error("kafka." + name + ": must stay " + mine->value + ", or records could be lost or doubled"));
  if (!by_file) return set(conf, name, value);
  const auto text = read_secret(given, value);
  return text ? set(conf, name, *text) : std::unexpected(text.error());
}

struct CodeOf {
  rd_kafka_resp_err_t native;
  KafkaError::Code code;
};
constexpr std::array kCodes = {
    CodeOf{RD_KAFKA_RESP_ERR__TRANSPORT, KafkaError::Code::Unreachable},
    CodeOf{RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN, KafkaError::Code::Unreachable},
    CodeOf{RD_KAFKA_RESP_ERR__RESOLVE, KafkaError::Code::Unreachable},
    CodeOf{RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC, KafkaError::Code::UnknownTopic},
    CodeOf{RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION, KafkaError::Code::UnknownTopic},
    CodeOf{RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, KafkaError::Code::UnknownTopic},
    CodeOf{RD_KAFKA_RESP_ERR__AUTHENTICATION, KafkaError::Code::Denied},
    CodeOf{RD_KAFKA_RESP_ERR__SSL, KafkaError::Code::Denied},
    CodeOf{RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED, KafkaError::Code::Denied},
    CodeOf{RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, KafkaError::Code::Denied},
    CodeOf{RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED, KafkaError::Code::Denied},
    CodeOf{RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED, KafkaError::Code::Denied},
    CodeOf{RD_KAFKA_RESP_ERR__QUEUE_FULL, KafkaError::Code::QueueFull},
    CodeOf{RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, KafkaError::Code::TooLarge},
    CodeOf{RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE, KafkaError::Code::TooLarge},
    CodeOf{RD_KAFKA_RESP_ERR__TIMED_OUT, KafkaError::Code::Timeout},
    CodeOf{RD_KAFKA_RESP_ERR__MSG_TIMED_OUT, KafkaError::Code::Timeout},
    CodeOf{RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT, KafkaError::Code::Timeout},
    CodeOf{RD_KAFKA_RESP_ERR__FATAL, KafkaError::Code::Fatal},
    CodeOf{RD_KAFKA_RESP_ERR__FENCED, KafkaError::Code::Fatal},
    CodeOf{RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID, KafkaError::Code::Fatal},
};

/// As long as an answer usually takes at most; each further look for one is twice as long.
constexpr std::chrono::milliseconds kFirstLook{1'000};

Witness* witness_of(void* opaque) { return static_cast<Witness*>(opaque); }

/// OpenSSL's own judgement stands; only its reason, which the library's error leaves out, is kept.
int on_certificate(rd_kafka_t*, const char* broker, std::int32_t, int* fault, int, const char*, std::size_t, char* why, std::size_t size,
                   void* opaque) {
  if (*fault == 0) return 1;
  std::snprintf(why, size, "%s", witness_of(opaque)->hear_certificate(broker, *fault).c_str());
  return 0;
}

bool retriable(KafkaError::Code code) {
  return code == KafkaError::Code::Unreachable || code == KafkaError::Code::QueueFull || code == KafkaError::Code::Timeout;
}

}  // namespace

KafkaError to_error(rd_kafka_resp_err_t error, std::string_view what, std::string_view reason) {
  const auto* row = std::ranges::find(kCodes, error, &CodeOf::native);
  const auto code = row == kCodes.end() ? KafkaError::Code::Other : row->code;
  std::string message(what);
  message += ": ";
  message += reason.empty() ? std::string_view(rd_kafka_err2str(error)) : reason;
  message += " (";
  message += rd_kafka_err2name(error);
  message += ')';
  return {.code = code, .message = std::move(message), .fatal = code == KafkaError::Code::Fatal, .retriable = retriable(code)};
}

KafkaError to_error(const rd_kafka_error_t& error, std::string_view what) {
  KafkaError value = to_error(rd_kafka_error_code(&error), what, rd_kafka_error_string(&error));
  if (rd_kafka_error_is_fatal(&error) != 0) {
    value.code = KafkaError::Code::Fatal;
    value.fatal = true;
  }
  value.retriable = !value.fatal && (value.retriable || rd_kafka_error_is_retriable(&error) != 0);
  return value;
}

KafkaError fatal_error(rd_kafka_t* client) {
  std::array<char, 512> why{};
  const auto error = rd_kafka_fatal_error(client, why.data(), why.size());
  KafkaError value = to_error(error, "Kafka client", why.data());
  value.code = KafkaError::Code::Fatal;
  value.fatal = true;
  value.retriable = false;
  return value;
}

std::expected<Conf, KafkaError> configure(const KafkaSettings& settings, std::span<const Property> ours, Witness& witness) {
  if (settings.bootstrap_servers.empty()) return std::unexpected(config_error("kafka.bootstrap_servers: names no broker"));
  Conf conf(rd_kafka_conf_new());
  const std::array<Property, 5> common = {{
      {"bootstrap.servers", settings.bootstrap_servers},
      {"client.id", settings.client_id},
      {"socket.nagle.disable", "true"},
      // A broker that went away is asked for again soon: a halt must not wait for the default of up to 10 s.
      {"reconnect.backoff.ms", "50"},
      {"reconnect.backoff.max.ms", "1000"},
  }};
  for (const std::span<const Property> table : {std::span<const Property>(common), ours})
    for (const Property& property : table)
      if (auto done = set(conf.get(), property.name, property.value); !done) return std::unexpected(done.error());
  for (const auto& [name, value] : settings.client)
    if (auto done = set_from_user(conf.get(), name, value, ours); !done) return std::unexpected(done.error());
  rd_kafka_conf_set_opaque(conf.get(), &witness);
  rd_kafka_conf_set_log_cb(conf.get(), [](const rd_kafka_t* rk, int level, const char*, const char* line) {
    witness_of(rd_kafka_opaque(rk))->say(level, line);
  });
  rd_kafka_conf_set_error_cb(conf.get(), [](rd_kafka_t* rk, int error, const char* why, void* opaque) {
    witness_of(opaque)->hear(rk, static_cast<rd_kafka_resp_err_t>(error), why);
  });
  if (rd_kafka_conf_set_ssl_cert_verify_cb(conf.get(), on_certificate) != RD_KAFKA_CONF_OK)
    return std::unexpected(config_error("Kafka client: built without TLS"));
  return conf;
}

std::expected<Handle, KafkaError> make(rd_kafka_type_t type, Conf conf) {
  std::array<char, 512> why{};
  rd_kafka_t* client = rd_kafka_new(type, conf.get(), why.data(), why.size());
  if (client == nullptr) return std::unexpected(config_error(std::string("Kafka client: ") + why.data()));
  // The client owns it now. NOLINTNEXTLINE(bugprone-unused-return-value)
  static_cast<void>(conf.release());
  return Handle(client);
}

std::expected<Metadata, KafkaError> metadata_of(rd_kafka_t* client, const std::string& what, std::chrono::milliseconds within) {
  using Clock = std::chrono::steady_clock;
  const auto deadline = Clock::now() + within;
  Witness& witness = *witness_of(rd_kafka_opaque(client));
  for (auto look = kFirstLook;; look *= 2) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now());
    // The list of all topics is the one form of this request that never creates one: a producer that names a topic may make the broker
    // create it with its defaults, and a control topic that is not compacted forgets halts.
    const rd_kafka_metadata_t* found = nullptr;
    const auto error = rd_kafka_metadata(client, 1, nullptr, &found, to_ms(std::min(look, left)));
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR) {
      witness.answered();
      return Metadata(found);
    }
    rd_kafka_poll(client, 0);  // what has gone wrong meanwhile
    const bool silent = error == RD_KAFKA_RESP_ERR__TRANSPORT || error == RD_KAFKA_RESP_ERR__TIMED_OUT;
    if (silent && look < left && !witness.refused()) continue;
    const auto cause = silent ? witness.cause() : std::nullopt;
    KafkaError value = cause ? to_error(cause->code, what, cause->why) : to_error(error, what);
    if (value.code == KafkaError::Code::Timeout) value.code = KafkaError::Code::Unreachable;
    return std::unexpected(std::move(value));
  }
}

std::expected<std::int32_t, KafkaError> partitions_of(rd_kafka_t* client, const std::string& topic, std::chrono::milliseconds within) {
  const auto found = metadata_of(client, "asking the cluster for topic " + topic, within);
  if (!found) return std::unexpected(found.error());
  for (const auto& row : std::span((*found)->topics, static_cast<std::size_t>((*found)->topic_cnt))) {
    if (topic != row.topic) continue;
    if (row.err != RD_KAFKA_RESP_ERR_NO_ERROR) return std::unexpected(to_error(row.err, "topic " + topic));
    return row.partition_cnt;
  }
  return std::unexpected(
      KafkaError{.code = KafkaError::Code::UnknownTopic,
                 .message = "topic " + topic + " is not there, or this principal may not describe it; `ringfence topics create` makes it"});
}

KafkaLogLevel level_of(int syslog_level) {
  if (syslog_level <= 3) return KafkaLogLevel::Error;
  if (syslog_level <= 4) return KafkaLogLevel::Warning;
  return syslog_level <= 6 ? KafkaLogLevel::Info : KafkaLogLevel::Debug;
}

int to_ms(std::chrono::milliseconds time) {
  return static_cast<int>(std::clamp<std::int64_t>(time.count(), 0, std::numeric_limits<int>::max()));
}

}  // namespace ringfence::kafka

namespace ringfence {

std::optional<PropertyFault> property_fault(const std::string& given, const std::optional<std::string>& value) {
  const bool by_file = given.ends_with(kafka::kFileEnding);
  const std::string name = by_file ? given.substr(0, given.size() - kafka::kFileEnding.size()) : given;
  const kafka::Conf conf(rd_kafka_conf_new());
  if (rd_kafka_conf_set(conf.get(), name.c_str(), "", nullptr, 0) == RD_KAFKA_CONF_UNKNOWN) return PropertyFault{true, "no such property"};
  if (by_file || !value) return std::nullopt;
  const auto taken = kafka::set_from_user(conf.get(), name, *value, {});
  return taken ? std::nullopt : std::optional(PropertyFault{false, taken.error().message});
}

std::vector<std::string> client_properties() {
  const kafka::Conf conf(rd_kafka_conf_new());
  std::size_t count = 0;
  const char** const dump = rd_kafka_conf_dump(conf.get(), &count);
  std::vector<std::string> names;
  for (std::size_t i = 0; i < count; i += 2) names.emplace_back(dump[i]);
  rd_kafka_conf_dump_free(dump, count);
  return names;
}

}  // namespace ringfence
