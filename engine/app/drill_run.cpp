// SPDX-License-Identifier: Apache-2.0
// A drill through the topics and gates of an installation.
#include <charconv>
#include <map>
#include <memory>
#include <optional>
#include <system_error>
#include <utility>

#include "connectors/kafka/ask_feed.h"
#include "engine/app/drill.h"
#include "engine/app/enforcement_feed.h"
#include "engine/app/http_ask.h"
#include "engine/app/kafka_settings.h"

namespace ringfence {
namespace {

constexpr std::string_view kAgentMark = "{agent}";

struct Place {
  Address at;
  std::string target;
};

/// `HOST:PORT/PATH`.
std::optional<Place> place_of(const std::string& text) {
  const auto slash = text.find('/');
  const std::string host = text.substr(0, slash);
  const auto colon = host.rfind(':');
  if (colon == std::string::npos || colon == 0) return std::nullopt;
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(host.data() + colon + 1, host.data() + host.size(), port);
  if (error != std::errc{} || end != host.data() + host.size() || port == 0) return std::nullopt;
  const std::string target = slash == std::string::npos ? "/" : text.substr(slash);
  if (target.find_first_of(" \r\n\t") != std::string::npos) return std::nullopt;
  return Place{{host.substr(0, colon), port}, target};
}

std::vector<std::string> headers_of(const Settings& settings, const std::string& agent) {
  std::vector<std::string> out;
  for (const auto& [name, text] : settings.drill.headers) {
    std::string value = text;
    if (const auto at = value.find(kAgentMark); at != std::string::npos) value.replace(at, kAgentMark.size(), agent);
    out.push_back(name + ": " + value);
  }
  return out;
}

DrillReport not_begun(std::string_view name, std::string why) {
  DrillReport out;
  out.agent = drill_agent(name);
  out.failure = {DrillStageId::Preparation, {}, std::move(why)};
  return out;
}

}  // namespace

std::optional<std::string> drill_hindrance(const Settings& settings) {
  if (settings.input.kind != SourceKind::Kafka) return "a drill goes through the topics of a service over Kafka (`input.kind`)";
  if (settings.drill.ask.empty()) return "`drill.ask` names no gate at which to ask";
  for (const auto& [gate, where] : settings.drill.ask)
    if (!place_of(where)) return "`drill.ask` of " + gate + " is not HOST:PORT/PATH";
  for (const auto& [name, text] : settings.drill.headers)
    if ((name + text).find_first_of("\r\n") != std::string::npos) return "`drill.headers` holds a line break";
  return std::nullopt;
}

DrillReport run_drill(const Settings& settings, std::string_view name, const std::function<bool()>& stopping) {
  const std::chrono::milliseconds within(settings.drill.within.value / 1'000'000);
  const std::string agent = drill_agent(name);
  // What is said to a gate of the agent's name is said to the drill.
  auto engine = KafkaAskFeed::open(
      {.kafka = kafka_of(settings), .events = settings.topics.events, .verdicts = settings.topics.verdicts, .gate = agent}, {});
  if (!engine) return not_begun(name, engine.error().message);
  const EnforcementLogs logs = enforcement_logs(settings);
  std::map<std::string, Place> places;
  DrillWorld world{.board = board_settings(settings),
                   .within = within,
                   .asked = {},
                   .control = *logs.control,
                   .acks = *logs.acks,
                   .engine = **engine,
                   .ask = {},
                   .stopping = stopping};
  for (const auto& [gate, where] : settings.drill.ask) {
    auto place = place_of(where);
    if (!place) return not_begun(name, *drill_hindrance(settings));
    places.emplace(gate, std::move(*place));
    world.asked.push_back(gate);
  }
  world.ask = [&](const std::string& gate, const std::string& asking) -> std::expected<int, std::string> {
    const Place& place = places.at(gate);
    const auto reply = http_ask(place.at, place.target, within, headers_of(settings, asking));
    if (!reply) return std::unexpected(reply.error());
    return reply->status;
  };
  return play_drill(name, world);
}

}  // namespace ringfence
