// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <expected>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "tests/integration/process.h"

namespace ringfence::testing {

/// A real Apache Kafka (KRaft, broker and controller in one process) on free loopback ports and a directory of its own, which goes with it.
/// Besides the port without protection it has one that wants TLS and a user's password, and one that wants TLS and a client's certificate.
/// The process dies with the thread that started it, whatever happens to the test. One thread at a time.
class Broker {
 public:
  /// `libs` is the folder of jars that tests/integration/broker/fetch.sh fills.
  explicit Broker(std::filesystem::path libs);
  ~Broker();
  Broker(const Broker&) = delete;
  Broker& operator=(const Broker&) = delete;

  /// The broker all tests of this binary share: started by the first call, stopped at exit. An error says what to run where the jars are
  /// missing.
  [[nodiscard]] static std::expected<Broker*, std::string> shared();
  /// The same, started again where a test has stopped it. Throws where there is none, which fails the test that needs one wherever it asks.
  [[nodiscard]] static Broker& running_shared();

  /// Starts it, again on the same data and ports if it ran before, and waits for the line that says it is ready.
  [[nodiscard]] std::expected<void, std::string> start(std::chrono::seconds within = std::chrono::seconds(120));
  /// Ends it as an operator does; all data is flushed.
  void stop();
  /// Ends it as a power cut does for the process.
  void kill();

  [[nodiscard]] bool running() const { return process_ != nullptr; }
  /// `127.0.0.1:PORT`.
  [[nodiscard]] std::string address() const { return "127.0.0.1:" + std::to_string(ports_.plain); }
  /// Takes `user()` with `password()` over TLS, by SASL PLAIN or SCRAM-SHA-512. Its certificate is for 127.0.0.1.
  [[nodiscard]] std::string password_address() const { return "127.0.0.1:" + std::to_string(ports_.password); }
  /// Takes whoever shows a certificate that `authority.pem` has issued, as `client.pem`.
  [[nodiscard]] std::string certificate_address() const { return "127.0.0.1:" + std::to_string(ports_.certificate); }
  [[nodiscard]] static std::string user() { return "ringfence"; }
  /// Takes `password()` too, and may do nothing that it was not given the right to. Everybody else may do everything.
  [[nodiscard]] static std::string stranger() { return "stranger"; }
  [[nodiscard]] const std::string& password() const { return password_; }
  /// Holds `authority.pem`, `client.pem` and `client.key`.
  [[nodiscard]] const std::filesystem::path& directory() const { return directory_; }

 private:
  struct Ports {
    int plain = 0, controller = 0, password = 0, certificate = 0;
  };
  [[nodiscard]] std::string properties() const;
  std::expected<void, std::string> make_certificates() const;
  std::expected<void, std::string> format();
  std::expected<void, std::string> launch(std::chrono::seconds within);
  void end(int signal);
  void read_output(int descriptor);
  [[nodiscard]] std::string last_lines();

  std::filesystem::path libs_;
  std::filesystem::path directory_;
  const std::string password_;
  Ports ports_;
  bool formatted_ = false;
  std::unique_ptr<Process> process_;  // null while it does not run

  std::jthread reader_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool ready_ = false;
  bool ended_ = false;
  std::deque<std::string> lines_;
};

}  // namespace ringfence::testing
