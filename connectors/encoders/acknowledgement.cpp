// SPDX-License-Identifier: Apache-2.0
#include "connectors/encoders/acknowledgement.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "connectors/encoders/strict_json.h"

namespace ringfence {
namespace {

constexpr std::size_t kGateBytes = 256, kKeyBytes = 8192, kUnsupportedMost = 64;
constexpr std::int64_t kNanosPerMs = 1'000'000;
constexpr std::int64_t kMsMost = 4'102'444'800'000;  // the year 2100

std::int64_t to_ms(WallTime time) { return time.value / kNanosPerMs; }

std::optional<AckStatus> status_of(std::int64_t number) {
  static constexpr std::array kKnown{AckStatus::Received,      AckStatus::Applied, AckStatus::BadSignature,
                                     AckStatus::WrongAudience, AckStatus::Stale,   AckStatus::Unsupported};
  const auto found = std::ranges::find(kKnown, number, [](AckStatus status) { return static_cast<std::int64_t>(status); });
  return found == kKnown.end() ? std::nullopt : std::optional(*found);
}

/// Throws where a member is missing or of another type.
std::expected<ReadAck, std::string> read(const nlohmann::ordered_json& json) {
  ReadAck out{.gate = json.at("gate").get<std::string>(), .ack = {}};
  GateAck& ack = out.ack;
  ack.jti = json.at("jti").get<std::string>();
  ack.key = json.at("key").get<std::string>();
  ack.generation = json.at("generation").get<std::uint64_t>();
  ack.epoch = json.at("epoch").get<std::uint64_t>();
  const auto status = status_of(json.at("status").get<std::int64_t>());
  if (!status) return std::unexpected("status: none of those known");
  ack.status = *status;
  if (json.contains("applied_at")) {
    const auto ms = json.at("applied_at").get<std::int64_t>();
    if (ms < 0 || ms > kMsMost) return std::unexpected("applied_at: out of range");
    ack.applied_at = WallTime{ms * kNanosPerMs};
  }
  if (!json.contains("unsupported")) return out;
  for (const auto& word : json.at("unsupported")) {
    if (ack.unsupported.size() == kUnsupportedMost) break;
    ack.unsupported.push_back(word.get<std::string>());
  }
  return out;
}

}  // namespace

std::string ack_key(std::string_view gate, std::string_view key) { return std::string(gate) + "|" + std::string(key); }

std::string encode_ack(const GateAck& ack, std::string_view gate) {
  nlohmann::ordered_json out{{"gate", gate},       {"jti", ack.jti},
                             {"key", ack.key},     {"generation", ack.generation},
                             {"epoch", ack.epoch}, {"status", static_cast<int>(ack.status)}};
  if (ack.applied_at) {
    out["applied_at"] = to_ms(*ack.applied_at);
    out["lag_ms"] = ack.effective_at ? to_ms(*ack.applied_at) - to_milliseconds(*ack.effective_at) : 0;
  }
  out["unsupported"] = ack.unsupported;
  return out.dump(-1, ' ', /*ensure_ascii=*/true, nlohmann::ordered_json::error_handler_t::replace);
}

std::expected<ReadAck, std::string> decode_ack(std::string_view key, std::string_view value) {
  const auto json = parse_strict_json(value);
  if (!json) return std::unexpected(json.error());
  try {
    auto out = read(*json);
    if (!out) return out;
    if (out->gate.empty() || out->gate.size() > kGateBytes || out->ack.key.size() > kKeyBytes)
      return std::unexpected("gate or key: empty or too long");
    if (key != ack_key(out->gate, out->ack.key)) return std::unexpected("the value speaks for another key than it stands under");
    return out;
  } catch (const nlohmann::json::exception&) {
    return std::unexpected("a member is missing or of another type");
  }
}

}  // namespace ringfence
