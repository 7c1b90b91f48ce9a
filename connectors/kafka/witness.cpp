// SPDX-License-Identifier: Apache-2.0
#include "connectors/kafka/witness.h"

#include <openssl/x509_vfy.h>

#include "connectors/kafka/native.h"

namespace ringfence::kafka {
namespace {

/// The first librdkafka whose SCRAM says the nonce as RFC 5802 wants it (confluentinc/librdkafka#4895), which Kafka insists on since 4.0.
constexpr int kTrueScram = 0x020601ff;

}  // namespace

std::optional<Witness::Cause> Witness::cause() const {
  const std::lock_guard lock(mutex_);
  return cause_;
}

bool Witness::refused() const {
  const std::lock_guard lock(mutex_);
  return all_down_ && denied_ && !otherwise_;
}

void Witness::answered() {
  if (!troubled_.load(std::memory_order_relaxed)) return;
  const std::lock_guard lock(mutex_);
  cause_.reset();
  certificate_.clear();
  all_down_ = denied_ = otherwise_ = false;
  troubled_ = false;
}

void Witness::say(int syslog_level, std::string_view line) const {
  if (log_) log_(level_of(syslog_level), line);
}

void Witness::hear(rd_kafka_t* client, rd_kafka_resp_err_t code, std::string_view why) {
  if (code == RD_KAFKA_RESP_ERR__FATAL) return on_fatal(fatal_error(client));
  std::string reason(why);
  {
    const std::lock_guard lock(mutex_);
    troubled_ = true;
    if (code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN) {
      all_down_ = true;
    } else {
      if (!certificate_.empty() && why.find("certificate verify failed") != std::string_view::npos) reason = certificate_;
      if (code == RD_KAFKA_RESP_ERR__AUTHENTICATION && why.find("SCRAM") != std::string_view::npos && rd_kafka_version() < kTrueScram)
        reason += std::string("; librdkafka ") + rd_kafka_version_str() + " cannot log in by SCRAM to Kafka 4.0 and later (docs/kafka.md)";
      const bool denied = to_error(code, {}).code == KafkaError::Code::Denied;
      (denied ? denied_ : otherwise_) = true;
      cause_ = {code, reason};
    }
  }
  on_trouble(code, reason);
}

std::string Witness::hear_certificate(std::string_view broker, int fault) {
  std::string text = "the certificate of " + std::string(broker) + " is not taken: " + X509_verify_cert_error_string(fault);
  const std::lock_guard lock(mutex_);
  troubled_ = true;
  certificate_ = text;
  return text;
}

void Witness::on_fatal(const KafkaError& error) {
  if (log_) log_(KafkaLogLevel::Error, error.message);
}

void Witness::on_trouble(rd_kafka_resp_err_t, const std::string& why) {
  if (log_) log_(KafkaLogLevel::Warning, why);
}

}  // namespace ringfence::kafka
