// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <librdkafka/rdkafka.h>

#include <atomic>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "connectors/kafka/client.h"

namespace ringfence::kafka {

/// Hears what the library says of one client, on any of its threads. Lines go to the log; why brokers could not be spoken to is kept, since
/// the library answers a request that found no broker with a time-out that says nothing. What owns a client derives from it, so that it
/// outlives the client.
class Witness {
 public:
  struct Cause {
    rd_kafka_resp_err_t code{};
    std::string why;
  };

  explicit Witness(KafkaLog log = {}) : log_(std::move(log)) {}
  virtual ~Witness() = default;
  Witness(const Witness&) = delete;
  Witness& operator=(const Witness&) = delete;

  /// Why a broker could not be spoken to last; nothing since one has answered.
  [[nodiscard]] std::optional<Cause> cause() const;
  /// Every broker was tried, and with each the login or a certificate was refused: more time changes nothing.
  [[nodiscard]] bool refused() const;
  /// A broker has answered. Cheap where nothing had been wrong.
  void answered();

  // What the library calls.
  void say(int syslog_level, std::string_view line) const;
  void hear(rd_kafka_t* client, rd_kafka_resp_err_t code, std::string_view why);
  /// Keeps what is wrong with a broker's certificate, in OpenSSL's number, and gives its name.
  [[nodiscard]] std::string hear_certificate(std::string_view broker, int fault);

 protected:
  /// The client is unusable.
  virtual void on_fatal(const KafkaError& error);
  /// A broker could not be spoken to, or none; by default a line of the log.
  virtual void on_trouble(rd_kafka_resp_err_t code, const std::string& why);

 private:
  const KafkaLog log_;
  mutable std::mutex mutex_;
  std::optional<Cause> cause_;
  std::string certificate_;  // what is wrong with it; the error that follows says only that something is
  bool all_down_ = false, denied_ = false, otherwise_ = false;
  std::atomic<bool> troubled_{false};  // any of the above is set
};

}  // namespace ringfence::kafka
