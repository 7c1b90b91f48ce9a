// SPDX-License-Identifier: Apache-2.0
#include "engine/app/live_page.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <vector>

#include "connectors/encoders/strict_json.h"
#include "engine/event/escape.h"

namespace ringfence {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kNoView = "the answer is no live view";
constexpr std::size_t kHeads = 4;  // feed, an empty line, and a head over either table
constexpr std::size_t kWidest = 4096;

std::string text(const Json& row, const char* name, std::size_t chars) { return printable(row.at(name).get<std::string>(), chars); }

std::vector<std::string> agents_of(const Json& view) {
  std::vector<std::string> lines;
  for (const Json& row : view.at("agents")) {
    const std::string agent = text(row, "tenant", 16) + "/" + text(row, "agent", 60);
    lines.push_back(fmt::format("{:<44} {:<9} {:>10.3g} {:<22} {:<24} {}", agent, text(row, "level", 9), row.at("score").get<double>(),
                                text(row, "threat", 22), text(row, "last", 30), row.at("passed").get<std::uint64_t>()));
  }
  return lines;
}

std::vector<std::string> contained_of(const Json& view) {
  std::vector<std::string> lines;
  for (const Json& row : view.at("contained")) {
    // Of a service of a build before this, nothing tells.
    const auto pending = row.find("pending");
    const bool waits = pending != row.end() && pending->is_boolean() && pending->get<bool>();
    lines.push_back(fmt::format("{:<54} {:<9} {:<28} {}", text(row, "scope", 120), text(row, "level", 9),
                                text(row, "state", 18) + (waits ? ", pending" : ""), text(row, "since", 30)));
  }
  return lines;
}

std::string feed_of(const Json& view) {
  std::int64_t behind = 0, delay_ms = 0;
  for (const Json& shard : view.at("shards")) {
    behind += shard.at("records").get<std::int64_t>();
    delay_ms = std::max(delay_ms, shard.at("feed_delay_ms").get<std::int64_t>());
  }
  return fmt::format("feed: {} records behind, {} ms from event to arrival; {} agents to look at, {} contained", behind, delay_ms,
                     view.at("agents_count").get<std::uint64_t>(), view.at("contained_count").get<std::uint64_t>());
}

std::string laid_out(const Json& view, PageSize size) {
  std::string out;
  const auto line = [&](const std::string& full) { out += fmt::format("{:.{}}\n", full, size.columns); };
  line(feed_of(view));
  const std::vector<std::string> agents = agents_of(view), contained = contained_of(view);
  const std::size_t room = std::max<std::size_t>(size.rows, kHeads + 2) - kHeads;
  // Containments have a third of the room, and what agents leave of the rest.
  const std::size_t for_agents = std::min(agents.size(), std::max(room - room / 3, room - std::min(room, contained.size())));
  line(fmt::format("{:<44} {:<9} {:>10} {:<22} {:<24} {}", "agent", "level", "score", "threat", "last event", "passed"));
  for (std::size_t i = 0; i < for_agents; ++i) line(agents[i]);
  if (contained.empty()) return out;
  line("");
  line(fmt::format("{:<54} {:<9} {:<28} {}", "contained", "level", "state", "since"));
  for (std::size_t i = 0; i < std::min(contained.size(), room - for_agents); ++i) line(contained[i]);
  return out;
}

}  // namespace

std::expected<std::string, std::string> live_page(std::string_view view, std::optional<PageSize> size) {
  const auto parsed = parse_strict_json(view);
  if (!parsed) return std::unexpected(std::string(kNoView));
  try {
    return laid_out(*parsed, size.value_or(PageSize{kWidest, std::numeric_limits<std::size_t>::max() / 2}));
  } catch (const nlohmann::json::exception&) {
    return std::unexpected(std::string(kNoView));
  }
}

std::expected<std::string, std::string> live_line(std::string_view view) {
  const auto parsed = parse_strict_json(view);
  if (!parsed || !parsed->is_object() || !parsed->contains("agents") || !parsed->contains("contained"))
    return std::unexpected(std::string(kNoView));
  return parsed->dump(-1, ' ', true, nlohmann::json::error_handler_t::replace) + "\n";
}

}  // namespace ringfence
