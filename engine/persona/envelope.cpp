// SPDX-License-Identifier: Apache-2.0
#include "engine/persona/envelope.h"

#include <algorithm>

#include "engine/persona/values.h"

namespace ringfence {

std::optional<Ladder> ladder(View node, std::optional<double> (*parse)(std::string_view)) {
  if (!node.is_mapping()) return std::nullopt;
  const auto rung = [&](std::string_view name) -> std::optional<double> {
    const auto text = node[name].text();
    return text ? parse(*text) : std::nullopt;
  };
  return Ladder{.p50 = rung("p50"), .p99 = rung("p99"), .max = rung("max"), .p90 = rung("p90")};
}

Envelope envelope(View node) {
  Envelope out;
  out.records = ladder(node["records"], parse_number);
  out.bytes = ladder(node["bytes"], parse_size);
  out.tokens = ladder(node["tokens"], parse_number);
  out.cost_usd = ladder(node["cost_usd"], parse_number);
  const View entities = node["entities"];
  const bool by_kind =
      entities.is_mapping() && std::ranges::any_of(entities.node()->items, [](const YamlNode& item) { return item.is_mapping(); });
  if (!by_kind) {
    out.entities = ladder(entities, parse_number);
    return out;
  }
  entities.each_pair([&](View kind, View rungs) {
    if (auto one = ladder(rungs, parse_number)) out.entities_by_kind.emplace(kind.text().value_or(""), *one);
  });
  return out;
}

}  // namespace ringfence
