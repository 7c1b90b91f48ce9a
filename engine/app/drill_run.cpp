// SPDX-License-Identifier: Apache-2.0
// A drill through the topics and gates of an installation.
#include <algorithm>
#include <charconv>
#include <filesystem>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <system_error>
#include <utility>

#include "connectors/encoders/keys.h"
#include "connectors/kafka/ask_feed.h"
#include "engine/app/drill.h"
#include "engine/app/enforcement_feed.h"
#include "engine/app/http_ask.h"
#include "engine/app/kafka_settings.h"
#include "engine/app/pinned_keys.h"
#include "engine/event/char_set.h"

namespace ringfence {
namespace {

constexpr std::string_view kAgentMark = "{agent}";

constexpr std::string_view kSecure = "https://";

struct Place {
  Address at;
  std::string target;
  bool secure = false;
};

/// `HOST:PORT/PATH`, and what may stand before it.
std::optional<Place> place_of(std::string text) {
  const bool secure = text.starts_with(kSecure);
  if (secure) text.erase(0, kSecure.size());
  const auto slash = text.find('/');
  const std::string host = text.substr(0, slash);
  const auto colon = host.rfind(':');
  if (colon == std::string::npos || colon == 0) return std::nullopt;
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(host.data() + colon + 1, host.data() + host.size(), port);
  if (error != std::errc{} || end != host.data() + host.size() || port == 0) return std::nullopt;
  if (slash == std::string::npos) return std::nullopt;
  const std::string target = text.substr(slash);
  if (target.find_first_of(" \r\n\t") != std::string::npos) return std::nullopt;
  return Place{{host.substr(0, colon), port}, target, secure};
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

/// A token of RFC 9110.
bool is_header_name(std::string_view text) {
  constexpr CharSet kToken("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ");
  return !text.empty() && std::ranges::all_of(text, [&](char c) { return kToken.has(c); });
}

bool is_header_value(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c == '\t' || (static_cast<unsigned char>(c) >= 0x20 && c != 0x7F); });
}

DrillReport not_begun(std::string_view name, std::string why) {
  DrillReport out;
  out.agent = drill_agent(name);
  out.failure = {DrillStageId::Preparation, {}, std::move(why)};
  return out;
}

}  // namespace

std::vector<SettingFault> drill_form_faults(const Settings& settings) {
  std::vector<SettingFault> out;
  for (const auto& [gate, where] : settings.drill.ask)
    if (!place_of(where))
      out.push_back({"drill.ask/" + gate, "`drill.ask` of " + gate + " is not HOST:PORT/PATH or https://HOST:PORT/PATH"});
  for (const auto& [name, text] : settings.drill.headers) {
    if (!is_header_name(name)) {
      out.push_back({"drill.headers/" + name, "`drill.headers`: a header's name is of letters, digits and !#$%&'*+-.^_`|~"});
    } else if (!is_header_value(text)) {
      out.push_back({"drill.headers/" + name, "`drill.headers`: " + name + " holds a line break or another control character"});
    }
  }
  return out;
}

std::vector<SettingFault> drill_faults(const Settings& settings) {
  std::vector<SettingFault> out;
  if (settings.input.kind != SourceKind::Kafka)
    out.push_back({"input.kind", "a drill goes through the topics of a service over Kafka (`input.kind`)"});
  if (settings.drill.ask.empty()) out.push_back({"drill.every", "`drill.ask` names no gate at which to ask"});
  std::ranges::move(drill_form_faults(settings), std::back_inserter(out));
  const bool secure = std::ranges::any_of(settings.drill.ask, [](const auto& ask) { return ask.second.starts_with(kSecure); });
  if (!secure && settings.drill.ca_file.empty()) return out;
  if (const auto trust = TlsTrust::load(settings.drill.ca_file); !trust) out.push_back({"drill.ca_file", trust.error()});
  return out;
}

std::vector<SettingFault> scheduled_drill_faults(const Settings& settings) {
  std::vector<SettingFault> out = drill_faults(settings);
  const auto key = SigningKey::load(settings.control.key_file);
  if (!key) out.push_back({"control.key_file", key.error().message});
  std::error_code unknown;
  if (!std::filesystem::exists(settings.gate.keys_file, unknown)) return out;  // then the own key counts
  const auto pinned = TrustedKeys::load(settings.gate.keys_file);
  if (!pinned) out.push_back({"gate.keys_file", pinned.error().message});
  if (!key || !pinned) return out;
  const TrustedKey* const own = pinned->find(key->kid());
  if (own == nullptr || !own->may_speak_as(engine_writer(input_name(settings), Partition{0})))
    out.push_back(
        {"control.key_file", "`gate.keys_file` does not trust this key as an engine's: no gate would apply what a drill leads to"});
  return out;
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
  const auto trust = TlsTrust::load(settings.drill.ca_file);
  if (!trust) return not_begun(name, "drill.ca_file: " + trust.error());
  auto trusted = board_keys(settings);
  if (!trusted) return not_begun(name, trusted.error().message);
  DrillWorld world{.board = board_settings(settings, std::move(*trusted)),
                   .within = within,
                   .asked = {},
                   .control = *logs.control,
                   .acks = *logs.acks,
                   .engine = **engine,
                   .ask = {},
                   .stopping = stopping};
  for (const auto& [gate, where] : settings.drill.ask) {
    auto place = place_of(where);
    if (!place) return not_begun(name, "`drill.ask` of " + gate + " is no address");
    places.emplace(gate, std::move(*place));
    world.asked.push_back(gate);
  }
  world.ask = [&](const std::string& gate, const std::string& asking) -> std::expected<int, std::string> {
    const Place& place = places.at(gate);
    const auto reply = http_ask(place.at, place.target, within, headers_of(settings, asking), place.secure ? &*trust : nullptr);
    if (!reply) return std::unexpected(reply.error());
    return reply->status;
  };
  return play_drill(name, world);
}

}  // namespace ringfence
