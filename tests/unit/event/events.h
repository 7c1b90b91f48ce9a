// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fstream>
#include <sstream>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "engine/event/decode.h"

namespace ringfence::testing_events {

inline constexpr std::string_view kAct =
    R"({"v":1,"kind":"tool_call","id":"call-1","time":"2026-11-20T10:20:00Z","agent":{"id":"agent-1"},"tool":{"name":"get"},"outcome":{"status":"ok"}})";
inline constexpr std::string_view kTaskStart =
    R"({"v":1,"kind":"task_start","id":"t","time":"2026-11-20T10:20:00Z","agent":{"id":"agent-1"}})";
inline constexpr std::string_view kChange =
    R"({"v":1,"kind":"context_change","id":"c","time":"2026-11-20T10:20:00Z","change":"deploy","scope":"server:erp"})";

/// `event` with the value at `pointer` set to `raw`, which is pasted as it is written.
inline std::string with(std::string_view pointer, std::string_view raw, std::string_view event = kAct) {
  auto json = nlohmann::ordered_json::parse(event);
  json[nlohmann::ordered_json::json_pointer(std::string(pointer))] = "@@";
  std::string text = json.dump();
  return text.replace(text.find("\"@@\""), 4, raw);
}

inline std::string without(std::string_view pointer, std::string_view event = kAct) {
  auto json = nlohmann::ordered_json::parse(event);
  const nlohmann::ordered_json::json_pointer where{std::string(pointer)};
  json[where.parent_pointer()].erase(where.back());
  return json.dump();
}

inline std::string str(std::string_view text) { return '"' + std::string(text) + '"'; }

inline std::string data_file(std::string_view name) {
  std::ifstream in(std::string(RINGFENCE_SOURCE_DIR) + "/tests/data/contracts/" + std::string(name), std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

/// Decodes into memory of its own that lives as long as this.
class Decoding {
 public:
  [[nodiscard]] std::expected<Event, Refusal> operator()(std::string_view bytes, std::optional<EventTime> arrival = std::nullopt) {
    return decoder_.decode(bytes, arrival, arena_);
  }
  EventArena& arena() { return arena_; }

 private:
  EventDecoder decoder_;
  EventArena arena_;
};

}  // namespace ringfence::testing_events
