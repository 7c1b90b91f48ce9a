// SPDX-License-Identifier: Apache-2.0
#include "engine/app/gate_personas.h"

#include <algorithm>
#include <chrono>
#include <fstream>
#include <ranges>
#include <sstream>
#include <utility>
#include <vector>

#include "connectors/sinks/posix_file.h"
#include "engine/app/context_feed.h"
#include "engine/app/context_record.h"
#include "engine/app/kafka_settings.h"
#include "engine/persona/load.h"

namespace ringfence {
namespace {

constexpr std::chrono::milliseconds kOpenWithin{2000};
constexpr std::chrono::milliseconds kWait{500};
constexpr std::chrono::seconds kAgain{1};
constexpr std::size_t kBatch = 100;

std::string text_of(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

}  // namespace

GatePersonas::GatePersonas(const Settings& settings, const ServiceLog& log, Adopt adopt)
    : settings_(settings), log_(log), adopt_(std::move(adopt)), kept_(settings.gate.state / "personas.json") {
  if (const std::string before = text_of(kept_); !before.empty()) (void)take(before, From::Kept);
  thread_ = std::jthread([this](const std::stop_token& stop) { follow(stop); });
}

GatePersonas::~GatePersonas() {
  thread_.request_stop();
  if (thread_.joinable()) thread_.join();
}

std::string GatePersonas::why() const {
  const std::lock_guard lock(mutex_);
  return why_;
}

bool GatePersonas::take(const std::string& record, From from) {
  if (record == in_force_) return true;
  auto files = decode_persona_set(record);
  PersonaLoad load = files ? load_personas(FileTree{std::move(*files)}) : PersonaLoad{};
  if (!load.set) {
    if (!files) log_.error("persona set refused, the old one stays", {{"error", files.error()}});
    for (const Diagnostic& d : load.diagnostics)
      if (d.kind == Diagnostic::Kind::Error) log_.error("persona set refused, the old one stays", {{"at", to_string(d)}});
    return false;
  }
  // Where it cannot be kept a start without a broker knows the one before, or none.
  if (from == From::Topic)
    if (const auto kept = posix_file::replace(kept_.string(), record); !kept)
      log_.warning("the persona set is not kept for the next start", {{"error", kept.error().message}});
  in_force_ = record;
  const auto set = std::make_shared<const PersonaSet>(std::move(*load.set));
  adopt_(set);
  known_.store(true, std::memory_order_release);
  // Once it is so: whoever reads the line may count on it.
  log_.info(from == From::Kept ? "personas kept from before" : "personas taken from the context topic",
            {{"count", set->personas().size()}, {"sha256", set->sha256()}});
  return true;
}

void GatePersonas::away(const std::string& why) {
  const std::lock_guard lock(mutex_);
  if (why != why_ && !why.empty()) log_.warning("context topic", {{"error", why}});
  why_ = why;
}

void GatePersonas::follow(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    auto topic = TopicReader::open({.kafka = kafka_of(settings_), .topic = settings_.topics.context, .open_within = kOpenWithin});
    if (topic)
      read_on(**topic, stop);
    else
      away(topic.error().message);
    std::unique_lock lock(mutex_);
    stopped_.wait_for(lock, stop, kAgain, [] { return false; });
  }
}

/// Until it is told to stop, or the reader is of no more use.
void GatePersonas::read_on(TopicReader& topic, const std::stop_token& stop) {
  std::vector<std::string> lying;  // there at the start: the last good one counts
  bool at_end = false;
  while (!stop.stop_requested()) {
    const auto batch = topic.read(kBatch, kWait);
    if (!batch) {
      away(batch.error().message);
      if (batch.error().fatal) return;
      continue;
    }
    for (const TopicRecord& record : batch->records) {
      if (record.tombstone || record.key != kPersonaSetKey) continue;
      if (at_end)
        (void)take(record.value, From::Topic);
      else
        lying.push_back(record.value);
    }
    if (!batch->caught_up) continue;
    if (!std::exchange(at_end, true))
      (void)std::ranges::any_of(lying | std::views::reverse, [this](const std::string& record) { return take(record, From::Topic); });
    away(known() ? "" : "the context topic " + settings_.topics.context + " holds no valid persona set");
  }
}

}  // namespace ringfence
