// SPDX-License-Identifier: Apache-2.0
#include "connectors/encoders/answer.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "connectors/encoders/strict_json.h"

namespace ringfence {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kAnswerUri = "https://ringfence.dev/secevent/answer/v1";
constexpr std::size_t kDigestChars = 64;

std::unexpected<ControlRefusal> refused(AckStatus status, std::string detail) {
  return std::unexpected(ControlRefusal{status, std::move(detail)});
}

std::optional<AskAnswer> read(const Json& event) {
  try {
    if (!event.at("generation").is_number_unsigned()) return std::nullopt;
    AskAnswer out{.writer = event.at("writer").get<std::string>(),
                  .generation = event.at("generation").get<std::uint64_t>(),
                  .gate = event.at("gate").get<std::string>(),
                  .asked = event.at("asked").get<std::string>(),
                  .allowed = false,
                  .level = event.at("level").get<std::string>(),
                  .finding_uid = event.at("finding_uid").get<std::string>(),
                  .time_ms = event.at("time").get<std::int64_t>()};
    // One word opens; every other one refuses.
    out.allowed = event.at("decision").get<std::string>() == "allow";
    return out.asked.size() == kDigestChars ? std::optional(std::move(out)) : std::nullopt;
  } catch (const Json::exception&) {
    return std::nullopt;
  }
}

bool names(const Json& audiences, std::string_view audience) {
  return audiences.is_array() && std::ranges::any_of(audiences, [&](const Json& one) { return one.is_string() && one == audience; });
}

}  // namespace

std::optional<std::string_view> asking_gate(const Event& event) {
  const bool asked = event.kind == EventKind::ToolCall && event.phase == Phase::Request && event.source.product == kAskingProduct;
  return asked && event.source.instance && !event.source.instance->empty() ? event.source.instance : std::nullopt;
}

std::string encode_answer(const AskAnswer& answer, const Issuer& issuer) {
  Json payload{{"iss", issuer.iss}, {"jti", "ans-" + answer.asked.substr(0, 16)}, {"iat", answer.time_ms / 1000}, {"aud", issuer.aud}};
  payload["events"][std::string(kAnswerUri)] = {{"writer", answer.writer},
                                                {"generation", answer.generation},
                                                {"gate", answer.gate},
                                                {"asked", answer.asked},
                                                {"decision", answer.allowed ? "allow" : "deny"},
                                                {"level", answer.level},
                                                {"finding_uid", answer.finding_uid},
                                                {"time", answer.time_ms}};
  return payload.dump(-1, ' ', /*ensure_ascii=*/true, Json::error_handler_t::replace);
}

std::expected<AskAnswer, ControlRefusal> verify_answer(std::string_view jws, const TrustedKeys& trusted, std::string_view audience,
                                                       std::string_view issuer) {
  if (jws.size() > kAnswerBytes) return refused(AckStatus::BadSignature, "answer: too long");
  const auto token = verify_jws(jws, trusted);
  if (!token) return std::unexpected(token.error());
  const auto payload = parse_strict_json(token->payload);
  if (!payload || !payload->is_object()) return refused(AckStatus::BadSignature, "payload: no object");
  const auto events = payload->find("events");
  if (events == payload->end() || !events->is_object() || events->size() != 1 || events->begin().key() != kAnswerUri)
    return refused(AckStatus::Unsupported, "events: expected one answer");
  auto answer = read(events->begin().value());
  if (!answer) return refused(AckStatus::BadSignature, "answer: a member is missing or of another type");
  if (!answer->writer.starts_with("engine-") || !token->key.may_speak_as(answer->writer))
    return refused(AckStatus::BadSignature, "writer: the key may not speak as it");
  if (!payload->contains("iss") || payload->at("iss") != issuer) return refused(AckStatus::BadSignature, "iss: another issuer");
  if (!payload->contains("aud") || !names(payload->at("aud"), audience))
    return refused(AckStatus::WrongAudience, "aud: does not name this audience");
  return *std::move(answer);
}

}  // namespace ringfence
