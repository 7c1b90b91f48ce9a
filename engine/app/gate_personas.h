// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <condition_variable>
#include <expected>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "config/settings.h"
#include "connectors/kafka/topic_reader.h"
#include "engine/app/service_log.h"
#include "engine/persona/persona.h"

namespace ringfence {

/// The personas by which a gate asks where `publish` puts them on the context topic: the same set as the engine's, and all or nothing. A
/// set with errors changes nothing. The last good one lies in the gate's own directory, so that a start needs no broker; a gate that has
/// never read one does not know whose acts to ask about.
class GatePersonas {
 public:
  /// Told of each set that is to be in force: the one kept from before by the opening thread, then by the own one.
  using Adopt = std::function<void(std::shared_ptr<const PersonaSet>)>;
  /// Opening waits for no broker.
  GatePersonas(const Settings& settings, const ServiceLog& log, Adopt adopt);
  ~GatePersonas();

  /// A set is in force.
  [[nodiscard]] bool known() const { return known_.load(std::memory_order_acquire); }
  /// Why none is, in a clause.
  [[nodiscard]] std::string why() const;

 private:
  enum class From : std::uint8_t { Kept, Topic };
  /// False where it has errors.
  [[nodiscard]] bool take(const std::string& record, From from);
  void follow(const std::stop_token& stop);
  void read_on(TopicReader& topic, const std::stop_token& stop);
  void away(const std::string& why);

  const Settings& settings_;
  const ServiceLog& log_;
  const Adopt adopt_;
  const std::filesystem::path kept_;
  std::string in_force_;  // the record
  std::atomic<bool> known_{false};
  mutable std::mutex mutex_;
  std::string why_ = "the context topic has not been read yet";
  std::condition_variable_any stopped_;
  std::jthread thread_;
};

}  // namespace ringfence
