// SPDX-License-Identifier: Apache-2.0
#include "connectors/gate/subject_places.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <utility>

#include "connectors/encoders/base64url.h"
#include "connectors/encoders/strict_json.h"
#include "engine/event/limits.h"
#include "engine/event/sha256.h"
#include "engine/event/utf8.h"

namespace ringfence {
namespace {

using Json = nlohmann::ordered_json;
using Found = std::expected<std::string, std::string>;

constexpr std::size_t kTokenChars = 16384;
constexpr std::array<std::string_view, kSubjectFields> kNames{"credential", "agent", "instance", "session", "user", "tenant", "root"};
/// Fields that name who calls, each by itself.
constexpr std::array kCallers{SubjectField::Credential, SubjectField::Agent, SubjectField::Instance};

std::unexpected<std::string> refuse(std::string why) { return std::unexpected(std::move(why)); }

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

std::string_view without_bearer(std::string_view text) {
  constexpr std::string_view kBearer = "bearer ";
  if (text.size() > kBearer.size() && HttpRequest::same_name(text.substr(0, kBearer.size()), kBearer)) text.remove_prefix(kBearer.size());
  return trimmed(text);
}

/// Whether it can be a name: whole characters, none of which is a control (C0, DEL, C1). Two readers of anything else may read two names.
bool is_readable(std::string_view text) {
  while (!text.empty()) {
    const utf8::Step step = utf8::next(text);
    if (!step.valid || step.code < 0x20 || (step.code >= 0x7F && step.code < 0xA0)) return false;
    text.remove_prefix(step.length);
  }
  return true;
}

/// The value of a header that must not be there twice.
Found single(const HttpRequest& request, std::string_view name) {
  std::string_view found;
  std::size_t times = 0;
  request.for_each(name, [&](std::string_view value) {
    found = value;
    ++times;
  });
  if (times > 1) return refuse("a header that says who calls is there twice");
  return std::string(trimmed(found));
}

/// A member by JSON Pointer. Absent is empty; anything but a text is an error, because an id must not be read in two ways.
Found member(const Json& document, const std::string& pointer) {
  const Json::json_pointer at(pointer);
  if (!document.contains(at)) return std::string();
  const auto* text = document.at(at).get_ptr<const std::string*>();
  if (text == nullptr) return refuse("what says who calls is no text");
  return *text;
}

bool is_pointer(const std::string& text) {
  try {
    return text.starts_with('/') && !Json::json_pointer(text).empty();
  } catch (const Json::exception&) {
    return false;
  }
}

bool is_header_name(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  });
}

}  // namespace

Found spiffe_id_of(std::string_view value) {
  std::string found;
  std::string_view key;
  std::string text;
  bool quoted = false, in_value = false;
  std::size_t start = 0;
  const auto finish = [&]() -> std::expected<void, std::string> {
    if (!HttpRequest::same_name(trimmed(key), "uri")) return {};
    if (!found.empty()) return refuse("the client certificate names several ids");
    found = text;
    return {};
  };
  for (std::size_t i = 0; i <= value.size(); ++i) {
    const char c = i < value.size() ? value[i] : ';';
    if (quoted && i < value.size()) {
      if (c == '"')
        quoted = false;
      else
        text += c == '\\' && i + 1 < value.size() ? value[++i] : c;
      continue;
    }
    if (quoted) return refuse("the client certificate header is cut");
    if (c == ',') return refuse("the client certificate header names several certificates");
    if (c == ';') {
      if (auto done = finish(); !done) return std::unexpected(done.error());
      in_value = false;
      text.clear();
      key = {};
      start = i + 1;
    } else if (!in_value && c == '=') {
      key = value.substr(start, i - start);
      in_value = true;
    } else if (in_value && c == '"') {
      quoted = true;
    } else if (in_value) {
      text += c;
    }
  }
  if (found.empty()) return found;
  if (!found.starts_with("spiffe://")) return refuse("the client certificate's id is no SPIFFE id");
  return found;
}

Subject Identified::subject() const {
  Subject out;
  for (std::size_t i = 0; i < kSubjectFields; ++i) out.values[i] = texts[i];
  return out;
}

std::span<const std::string_view> SubjectPlaces::names() { return kNames; }

SubjectPlaces::Place SubjectPlaces::place_of(const std::string& text) {
  const auto colon = text.find(':');
  const std::string kind = text.substr(0, colon), argument = colon == std::string::npos ? "" : text.substr(colon + 1);
  if (kind == "header" && is_header_name(argument)) return {Kind::Header, argument};
  if (kind == "api_key" && is_header_name(argument)) return {Kind::ApiKey, argument};
  if (kind == "jwt" && is_pointer(argument)) return {Kind::Jwt, argument};
  if (kind == "body" && is_pointer(argument)) return {Kind::Body, argument};
  if (kind == "fixed" && !argument.empty()) return {Kind::Fixed, argument};
  return {text == "spiffe" ? Kind::Spiffe : Kind::None, {}};
}

std::optional<std::string> SubjectPlaces::fault_of(const std::string& place) {
  if (place_of(place).kind != Kind::None) return std::nullopt;
  return "not one of header:NAME, jwt:/POINTER, spiffe, api_key:NAME, body:/POINTER, fixed:TEXT";
}

std::expected<SubjectPlaces, std::string> SubjectPlaces::parse(const std::map<std::string, std::string>& places, std::string jwt_header,
                                                               std::shared_ptr<const JwtVerifier> verifier) {
  SubjectPlaces out;
  out.jwt_header_ = std::move(jwt_header);
  out.verifier_ = std::move(verifier);
  for (const auto& [name, value] : places) {
    const auto field = std::ranges::find(kNames, name);
    if (field == kNames.end()) return refuse("`" + name + "` is not one of credential agent instance session user tenant root");
    if (const auto fault = fault_of(value)) return refuse("`" + name + "`: " + *fault);
    out.places_[static_cast<std::size_t>(field - kNames.begin())] = place_of(value);
  }
  const VisibleFields visible = out.visible();
  const auto seen = [&](SubjectField field) { return visible.test(static_cast<std::size_t>(field)); };
  if (std::ranges::none_of(kCallers, seen) && !seen(SubjectField::User))
    return refuse("no place says who calls: name one at least of credential agent instance user");
  return out;
}

bool SubjectPlaces::says_who(const Subject& subject) const {
  if (std::ranges::any_of(kCallers, [&](SubjectField field) { return !subject[field].empty(); })) return true;
  const auto placed = [this](SubjectField field) { return places_[static_cast<std::size_t>(field)].kind != Kind::None; };
  return std::ranges::none_of(kCallers, placed) && !subject[SubjectField::User].empty();
}

VisibleFields SubjectPlaces::visible() const {
  VisibleFields out;
  for (std::size_t i = 0; i < kSubjectFields; ++i) out.set(i, places_[i].kind != Kind::None);
  return out;
}

/// One request, with what several places share read once.
class SubjectPlaces::Asked {
 public:
  Asked(const SubjectPlaces& places, const HttpRequest& request) : places_(places), request_(request) {}

  Found at(const Place& place) {
    switch (place.kind) {
      case Kind::Header: {
        auto value = single(request_, place.argument);
        if (value && value->find(',') != std::string::npos) return refuse("a header that says who calls has two values");
        return value;
      }
      case Kind::ApiKey: {
        const auto value = single(request_, place.argument);
        if (!value || value->empty()) return value;
        if (!is_readable(*value)) return refuse("what says who calls cannot be read");
        return sha256_hex(without_bearer(*value));
      }
      case Kind::Spiffe: {
        const auto value = single(request_, "x-forwarded-client-cert");
        if (!value) return value;
        return spiffe_id_of(*value);
      }
      case Kind::Jwt:
        return from(claims(), place.argument);
      case Kind::Body:
        return from(body(), place.argument);
      case Kind::Fixed:
        return place.argument;
      case Kind::None:
        break;
    }
    return std::string();
  }

 private:
  using Document = std::expected<Json, std::string>;

  static Found from(const Document& document, const std::string& pointer) {
    if (!document) return std::unexpected(document.error());
    return member(*document, pointer);
  }

  const Document& body() {
    if (!body_) body_ = request_.body.empty() ? Document(Json::object()) : parse_strict_json(request_.body);
    return *body_;
  }

  const Document& claims() {
    if (!claims_) claims_ = read_claims();
    return *claims_;
  }

  [[nodiscard]] Document read_claims() const {
    const auto header = single(request_, places_.jwt_header_);
    if (!header) return std::unexpected(header.error());
    const std::string_view token = without_bearer(*header);
    if (token.empty()) return Json::object();
    if (token.size() > kTokenChars) return refuse("the token is too long");
    const auto first = token.find('.'), second = first == std::string_view::npos ? first : token.find('.', first + 1);
    if (second == std::string_view::npos) return refuse("the token is none");
    if (places_.verifier_)
      if (auto holds = places_.verifier_->verify(token); !holds) return std::unexpected(holds.error());
    const auto payload = base64url_decoded(token.substr(first + 1, second - first - 1));
    if (!payload) return refuse("the token is none");
    auto claims = parse_strict_json(*payload);
    if (!claims || !claims->is_object()) return refuse("the token's claims cannot be read");
    return claims;
  }

  const SubjectPlaces& places_;
  const HttpRequest& request_;
  std::optional<Document> body_, claims_;
};

std::expected<Identified, std::string> SubjectPlaces::identify(const HttpRequest& request) const {
  Asked asked(*this, request);
  Identified out;
  for (std::size_t i = 0; i < kSubjectFields; ++i) {
    auto text = asked.at(places_[i]);
    if (!text) return std::unexpected(text.error());
    // Longer than any event may name it: it cannot be who it says.
    if (text->size() > limits::kAgentIdChars) return refuse("what says who calls is too long");
    if (!is_readable(*text)) return refuse("what says who calls cannot be read");
    out.texts[i] = std::move(*text);
  }
  std::string& tenant = out.texts[static_cast<std::size_t>(SubjectField::Tenant)];
  if (tenant.empty() && places_[static_cast<std::size_t>(SubjectField::Tenant)].kind != Kind::None) tenant = kDefaultTenant;
  return out;
}

}  // namespace ringfence
