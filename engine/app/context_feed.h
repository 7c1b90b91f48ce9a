// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <expected>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "config/settings.h"
#include "connectors/kafka/context_log.h"
#include "engine/app/command_book.h"
#include "engine/app/context_record.h"
#include "engine/app/service_log.h"
#include "engine/state/store.h"

namespace ringfence {

/// One thing every shard must take into account, in the context topic's order.
struct ContextChange {
  Offset offset;  // on the context topic
  ContextContent what;
  std::optional<Partition> only{};  // takes effect in this partition alone
};

/// Key of the persona set on the context topic.
inline constexpr std::string_view kPersonaSetKey = "personas";

/// Keys of operators' commands on the context topic begin with this.
inline constexpr std::string_view kCommandKeys = "command/";

/// Follows the context topic on a thread of its own. A record that is no fact, no command of an operator and no valid persona set changes
/// nothing: it is logged, and the old set stays in force. So is a command that has been there before; which ones have lies in `store`.
class ContextFeed {
 public:
  /// Reads what the topic holds now; an error where it is not reachable or holds no valid persona set.
  /// `passed_over` is told of each record in a command's place that counts as none, by the thread that opens and then by the own one;
  /// the command is null where nobody who may command signed it.
  using PassedOver = std::function<void(const OperatorCommand*, Offset at, std::string_view why)>;
  [[nodiscard]] static std::expected<std::unique_ptr<ContextFeed>, std::string> open(const Settings& settings, Store& store,
                                                                                     const ServiceLog& log, PassedOver passed_over);
  ~ContextFeed();

  /// Number of changes so far; grows only. Cheap.
  [[nodiscard]] std::size_t size() const { return size_.load(std::memory_order_acquire); }
  /// The changes from number `from` on.
  [[nodiscard]] std::vector<ContextChange> since(std::size_t from) const;

 private:
  ContextFeed(std::unique_ptr<ContextLog> topic, const Settings& settings, TrustedKeys operators, Store& store, const ServiceLog& log,
              PassedOver passed_over)
      : topic_(std::move(topic)),
        internal_hosts_(settings.internal_hosts),
        operators_(std::move(operators)),
        audience_(settings.control.audience.empty() ? "" : settings.control.audience.front()),
        store_(store),
        log_(log),
        passed_over_(std::move(passed_over)) {}
  [[nodiscard]] ContextRead read(const TopicRecord& record) const;
  /// Where the command counts from; nothing where it does not count.
  [[nodiscard]] std::optional<Offset> place_of(const OperatorCommand& order, Offset at);
  void take(const TopicRecord& record);
  void follow(const std::stop_token& stop);

  std::unique_ptr<ContextLog> topic_;
  const std::vector<std::string> internal_hosts_;
  const TrustedKeys operators_;
  const std::string audience_;
  Store& store_;
  CommandBook book_;
  const ServiceLog& log_;
  const PassedOver passed_over_;
  mutable std::mutex mutex_;
  std::vector<ContextChange> changes_;
  std::atomic<std::size_t> size_{0};
  std::jthread thread_;
};

}  // namespace ringfence
