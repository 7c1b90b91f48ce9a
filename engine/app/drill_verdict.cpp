// SPDX-License-Identifier: Apache-2.0
#include "engine/app/drill_verdict.h"

#include <nlohmann/json.hpp>

#include "connectors/encoders/strict_json.h"

namespace ringfence {

std::string encode_drill_verdict(const DrillVerdict& verdict) {
  nlohmann::ordered_json out{{"drill", verdict.event}, {"level", name_of(verdict.level)}, {"decided_ns", verdict.decided.value}};
  if (verdict.signed_at) out["signed_ns"] = verdict.signed_at->value;
  return out.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
}

std::optional<DrillVerdict> decode_drill_verdict(std::string_view value) {
  const auto parsed = parse_strict_json(value);
  if (!parsed) return std::nullopt;
  try {
    const auto level = level_named(parsed->at("level").get<std::string>());
    if (!level) return std::nullopt;
    DrillVerdict out{parsed->at("drill").get<std::string>(), *level, WallTime{parsed->at("decided_ns").get<std::int64_t>()}, {}};
    if (parsed->contains("signed_ns")) out.signed_at = WallTime{parsed->at("signed_ns").get<std::int64_t>()};
    return out;
  } catch (const nlohmann::json::exception&) {
    return std::nullopt;
  }
}

}  // namespace ringfence
