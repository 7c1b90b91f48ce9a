// SPDX-License-Identifier: Apache-2.0
#include "engine/app/context_feed.h"

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>

#include "connectors/encoders/strict_json.h"
#include "engine/app/kafka_settings.h"
#include "engine/event/decode.h"
#include "engine/persona/load.h"

namespace ringfence {
namespace {

constexpr std::chrono::milliseconds kReadWithin{20'000};
constexpr std::chrono::milliseconds kWait{500};
constexpr std::size_t kBatch = 100;

std::shared_ptr<const Rulebook> rules_of(const std::string& record, const std::vector<std::string>& internal_hosts, const ServiceLog& log) {
  auto files = decode_persona_set(record);
  if (!files) {
    log.error("persona set on the context topic refused", {{"error", files.error()}});
    return nullptr;
  }
  PersonaLoad load = load_personas(FileTree{std::move(*files)});
  for (const Diagnostic& d : load.diagnostics) {
    if (d.kind == Diagnostic::Kind::Error) log.error("persona", {{"at", to_string(d)}});
  }
  if (!load.set) return nullptr;
  load.set->assume_internal(internal_hosts);
  log.info("personas taken from the context topic", {{"count", load.set->personas().size()}, {"sha256", load.set->sha256()}});
  return std::make_shared<const Rulebook>(std::move(*load.set), all_channels());
}

bool is_fact(const std::string& record) {
  EventDecoder decoder;
  EventArena arena;
  const auto event = decoder.decode(record, std::nullopt, arena);
  return event && event->kind == EventKind::ContextChange;
}

}  // namespace

std::string encode_persona_set(const std::map<std::string, std::string>& files) {
  return nlohmann::ordered_json{{"v", 1}, {"kind", "persona_set"}, {"files", files}}.dump(-1, ' ', true,
                                                                                          nlohmann::json::error_handler_t::replace);
}

std::expected<std::map<std::string, std::string>, std::string> decode_persona_set(const std::string& record) {
  const auto json = parse_strict_json(record);
  if (!json) return std::unexpected(json.error());
  if (!json->is_object() || json->value("kind", "") != "persona_set" || !json->contains("files") || !json->at("files").is_object()) {
    return std::unexpected("not a persona set");
  }
  std::map<std::string, std::string> files;
  for (const auto& [path, text] : json->at("files").items()) {
    if (!text.is_string()) return std::unexpected("a file of the set is not text");
    files[path] = text.get<std::string>();
  }
  return files;
}

std::expected<std::unique_ptr<ContextFeed>, std::string> ContextFeed::open(const Settings& settings, const ServiceLog& log) {
  auto topic = ContextLog::open(kafka_of(settings), settings.topics.context);
  if (!topic) return std::unexpected(topic.error().message);
  std::unique_ptr<ContextFeed> feed(new ContextFeed(std::move(*topic), settings.internal_hosts, log));
  const auto stored = feed->topic_->read_to_end(kReadWithin);
  if (!stored) return std::unexpected(stored.error().message);
  for (const TopicRecord& record : *stored) feed->take(record);
  const auto is_rules = [](const ContextChange& change) { return std::holds_alternative<std::shared_ptr<const Rulebook>>(change.what); };
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

void ContextFeed::take(const TopicRecord& record) {
  if (record.tombstone) return;
  ContextChange change{.offset = record.position.offset, .what = record.value};
  if (record.key == kPersonaSetKey) {
    auto rules = rules_of(record.value, internal_hosts_, log_);
    if (!rules) return;
    change.what = std::move(rules);
  } else if (!is_fact(record.value)) {
    log_.warning("context record passed over: neither a persona set nor a fact", {{"offset", record.position.offset.value}});
    return;
  }
  const std::lock_guard lock(mutex_);
  changes_.push_back(std::move(change));
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
