// SPDX-License-Identifier: Apache-2.0
#include "engine/app/context_feed.h"

#include <algorithm>
#include <chrono>

#include "engine/app/kafka_settings.h"
#include "engine/app/pinned_keys.h"
#include "engine/state/records.h"

namespace ringfence {
namespace {

constexpr std::chrono::milliseconds kReadWithin{20'000};
constexpr std::chrono::milliseconds kWait{500};
constexpr std::size_t kBatch = 100;
/// Name of the commands that have been read in the store.
constexpr std::string_view kBookRecord = "commands";

}  // namespace

std::expected<std::unique_ptr<ContextFeed>, std::string> ContextFeed::open(const Settings& settings, Store& store, const ServiceLog& log,
                                                                           PassedOver passed_over) {
  auto topic = ContextLog::open(kafka_of(settings), settings.topics.context);
  if (!topic) return std::unexpected(topic.error().message);
  auto operators = operators_keys(settings);
  if (!operators) return std::unexpected(std::move(operators.error().message));
  std::unique_ptr<ContextFeed> feed(
      new ContextFeed(std::move(*topic), settings, std::move(*operators), store, log, std::move(passed_over)));
  const auto book = get_record(store, kBookRecord);
  if (!book) return std::unexpected(book.error().message);
  if (*book && !feed->book_.restore(**book)) return std::unexpected("state: what it holds of operators' commands cannot be read");
  const auto stored = feed->topic_->read_to_end(kReadWithin);
  if (!stored) return std::unexpected(stored.error().message);
  for (const TopicRecord& record : *stored) feed->take(record);
  const auto is_rules = [](const ContextChange& change) { return std::holds_alternative<RuleSet>(change.what); };
  if (std::ranges::none_of(feed->changes_, is_rules)) {
    return std::unexpected("the context topic " + settings.topics.context +
                           " holds no valid persona set: ringfence publish puts one there");
  }
  feed->thread_ = std::jthread([raw = feed.get()](const std::stop_token& stop) { raw->follow(stop); });
  return feed;
}

ContextFeed::~ContextFeed() {
  if (thread_.joinable()) {
    thread_.request_stop();
    thread_.join();
  }
}

std::vector<ContextChange> ContextFeed::since(std::size_t from) const {
  const std::lock_guard lock(mutex_);
  return {changes_.begin() + static_cast<std::ptrdiff_t>(std::min(from, changes_.size())), changes_.end()};
}

ContextRead ContextFeed::read(const TopicRecord& record) const {
  if (record.key == kPersonaSetKey) return read_persona_set(record.value, internal_hosts_);
  if (record.key.starts_with(kCommandKeys)) return read_signed_command(record.value, operators_, audience_);
  return read_fact(record.value);
}

/// It counts only once that is on disk: a restart would not know it again otherwise.
std::optional<Offset> ContextFeed::place_of(const OperatorCommand& order, Offset at) {
  const auto [sighting, first] = book_.see(order.jti, order.iat, order.command.scope, at);
  const auto pass_over = [&](std::string_view why) {
    log_.warning("operator's command passed over",
                 {{"offset", at.value}, {"command", order.command.command}, {"scope", order.command.scope}, {"why", why}});
    passed_over_(&order, at, why);
    return std::nullopt;
  };
  if (sighting == CommandBook::Sighting::Again) return pass_over("the same signed record was there before");
  if (sighting == CommandBook::Sighting::Late) return pass_over("it was signed before one that has been obeyed");
  if (const auto kept = put_record(store_, kBookRecord, book_.encode()); !kept) return pass_over("the state is not written: give it again");
  return first;
}

void ContextFeed::take(const TopicRecord& record) {
  if (record.tombstone) return;
  const bool is_set = record.key == kPersonaSetKey;
  ContextRead read = this->read(record);
  for (const std::string& error : read.errors) {
    if (is_set)
      log_.error("persona set on the context topic refused", {{"error", error}});
    else
      log_.warning("context record passed over: no persona set, fact or command",
                   {{"offset", record.position.offset.value}, {"error", error}});
  }
  if (!read.content && record.key.starts_with(kCommandKeys))
    passed_over_(nullptr, record.position.offset, read.errors.empty() ? "" : read.errors.front());
  if (!read.content) return;
  Offset at = record.position.offset;
  if (const auto* order = std::get_if<OperatorCommand>(&*read.content)) {
    const auto place = place_of(*order, at);
    if (!place) return;
    at = *place;
  }
  if (const auto* set = std::get_if<RuleSet>(&*read.content))
    log_.info("personas taken from the context topic",
              {{"count", set->rules->set().personas().size()}, {"sha256", set->rules->set().sha256()}});
  const std::lock_guard lock(mutex_);
  changes_.push_back({at, std::move(*read.content)});
  size_.store(changes_.size(), std::memory_order_release);
}

void ContextFeed::follow(const std::stop_token& stop) {
  bool well = true;
  while (!stop.stop_requested()) {
    const auto batch = topic_->read(kBatch, kWait);
    if (!batch) {
      if (well) log_.warning("context topic", {{"error", batch.error().message}});
      well = false;
      if (batch.error().fatal) return;
      continue;
    }
    well = true;
    for (const TopicRecord& record : batch->records) take(record);
  }
}

}  // namespace ringfence
