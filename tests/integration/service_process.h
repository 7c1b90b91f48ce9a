// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <deque>
#include <filesystem>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "connectors/encoders/control.h"
#include "connectors/kafka/topic_reader.h"
#include "tests/integration/support.h"

/// The program as an operator runs it, on a real broker: installations with topics of their own, members as processes, and what came out.
namespace ringfence::testing {

/// Runs a program, or `ringfence`, to its end; exit code (or minus the signal) and everything it wrote.
struct Ran {
  int exit = -1;
  std::string output;
};
[[nodiscard]] Ran run(const std::vector<std::string>& command, const std::filesystem::path& directory);
[[nodiscard]] Ran run_ringfence(const std::vector<std::string>& arguments);

/// One `ringfence run`, or another subcommand that serves, killed where it still runs at the end. Its log is kept.
class ServiceProcess {
 public:
  explicit ServiceProcess(const std::filesystem::path& config, const std::string& subcommand = "run");
  ~ServiceProcess();
  ServiceProcess(const ServiceProcess&) = delete;
  ServiceProcess& operator=(const ServiceProcess&) = delete;

  /// Does nothing once it has ended. Thread-safe, also while another thread waits.
  void signal(int number) const { process_->signal(number); }
  /// Sends it, SIGTERM not before the service serves, and waits for the end: exit code, or minus the signal that ended it.
  int end(int number);
  /// Waits until it ends by itself. Thread-safe.
  int wait();
  /// Waits until `text` stands in `times` lines of the log; false at the end of patience or of the process.
  [[nodiscard]] bool logged(const std::string& text, std::size_t times = 1);
  [[nodiscard]] std::string log() const;
  /// Answer of the endpoint, with its head; empty where there is none. The log must have said "serving".
  [[nodiscard]] std::string get(const std::string& path) const;

 private:
  void read_output(int descriptor);

  std::unique_ptr<Process> process_;
  const bool serves_;  // and is no gate
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::string> lines_;
  bool ended_ = false;
  std::jthread reader_;
};

/// One event and the agent it is about; a fact has none and goes to every partition.
struct FleetEvent {
  std::string agent, value;
};
/// The example fleet's telemetry.
[[nodiscard]] const std::vector<FleetEvent>& fleet();
/// What a compressed file of events holds.
[[nodiscard]] std::vector<FleetEvent> recorded(const std::filesystem::path& file);
/// One file of the example personas' tests.
[[nodiscard]] std::vector<FleetEvent> story(const std::string& name);

/// Topics with names of their own, a signing key and the example personas.
class Installation {
 public:
  Installation(const Broker& broker, std::int32_t partitions);
  ~Installation();
  Installation(const Installation&) = delete;
  Installation& operator=(const Installation&) = delete;

  /// Writes the settings of a member with a state directory of its own; `more` is YAML that goes below the rest.
  [[nodiscard]] std::filesystem::path member(const std::string& instance, const std::string& more = {}) const;
  /// From here on the settings of members name this address instead of the port without protection, and hold `client` (YAML, as
  /// `client: {…}`) in `kafka`.
  void reach(std::string address, std::string client);
  [[nodiscard]] std::string topic(const std::string& name) const { return stem_ + "." + name; }
  [[nodiscard]] const std::string& group() const { return stem_; }
  [[nodiscard]] const std::filesystem::path& directory() const { return directory_; }
  [[nodiscard]] std::filesystem::path personas() const { return directory_ / "personas"; }
  [[nodiscard]] std::filesystem::path state(const std::string& instance) const { return directory_ / ("state-" + instance); }
  [[nodiscard]] std::filesystem::path context_log(const std::string& instance) const { return state(instance) / "context.ndjson"; }
  [[nodiscard]] std::int32_t partitions() const { return partitions_; }
  /// The input as the names of control writers have it, for a group that is not the default.
  [[nodiscard]] std::string input() const { return topic("events") + "@" + group(); }
  [[nodiscard]] std::string writer(std::int32_t partition) const { return engine_writer(input(), Partition{partition}); }

  /// Publishes events `from` to before `to`, each agent's to one partition and facts to all, and waits until they are stored.
  void feed(const std::vector<FleetEvent>& events, std::size_t from, std::size_t to);
  void feed(const std::vector<FleetEvent>& events) { feed(events, 0, events.size()); }
  /// The offset behind what was fed to a partition.
  [[nodiscard]] Offset fed(std::int32_t partition) const;
  /// Any record anywhere.
  void put(const std::string& topic, std::int32_t partition, const std::string& key, const std::string& value);

 private:
  std::int32_t partitions_;
  std::string stem_;
  std::filesystem::path directory_;
  std::string address_, client_;
  std::map<std::string, std::int32_t> places_;
  std::map<std::int32_t, std::int64_t> fed_;
  std::unique_ptr<Producer> producer_;
};

/// Everything a topic holds, read on as it comes.
class TopicTail {
 public:
  TopicTail(const Broker& broker, const std::string& topic);
  /// Reads until `holds` is true of the records so far; false at the end of patience.
  [[nodiscard]] bool until(const std::function<bool(const std::vector<TopicRecord>&)>& holds);
  /// Reads what is there now.
  const std::vector<TopicRecord>& all();

 private:
  bool read_once(std::chrono::milliseconds wait);
  std::unique_ptr<TopicReader> reader_;
  std::vector<TopicRecord> records_;
};

/// Findings by `metadata.uid`, without what may differ between a file and Kafka (streaming.md §2): the position.
[[nodiscard]] std::map<std::string, std::string> findings_in(const std::vector<TopicRecord>& records);
[[nodiscard]] std::map<std::string, std::string> findings_in(const std::string& lines);
/// Containments as `scope epoch state level finding`, for the same comparison.
[[nodiscard]] std::set<std::string> containments_in(const std::vector<ControlMessage>& messages);

/// The control topic as a gate reads it: every record checked with the installation's public key, refused ones counted.
struct ControlBoard {
  std::vector<ControlMessage> messages;
  std::vector<std::string> keys;  // of each message
  std::size_t refused = 0;
  std::string refusal;  // why the first one was
};
[[nodiscard]] ControlBoard read_board(const Installation& installation, const std::vector<TopicRecord>& records);

/// What `replay` says: the measure of every run over Kafka.
struct Expected {
  std::map<std::string, std::string> findings;
  std::set<std::string> containments;
  std::map<std::string, std::size_t> verdicts;  // events by the level at which they left their agent
  std::map<std::string, std::string> states;    // what is known of each agent in the end (states.h), its place masked
};
[[nodiscard]] Expected expected_of(const std::filesystem::path& personas, const std::vector<std::filesystem::path>& files,
                                   const std::vector<std::string>& options = {});
[[nodiscard]] const Expected& expected_of_fleet();
/// What it says of the events that the topic holds, a file for each partition, with the context log a member wrote.
[[nodiscard]] Expected expected_of_log(const Broker& broker, const Installation& at, const std::filesystem::path& context);

}  // namespace ringfence::testing
