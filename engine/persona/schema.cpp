// SPDX-License-Identifier: Apache-2.0
// Prints the table of the persona format as JSON Schema, draft 2020-12.
#include <array>
#include <nlohmann/json.hpp>
#include <string>

#include "engine/event/analytic.h"
#include "engine/persona/form.h"
#include "engine/persona/load.h"

namespace ringfence {
namespace {

using Json = nlohmann::ordered_json;

Json text(const char* pattern) { return {{"type", "string"}, {"pattern", pattern}}; }

Json words(std::span<const std::string_view> values) {
  Json out = Json::array();
  for (const std::string_view value : values) out.push_back(std::string(value));
  return {{"enum", out}};
}

Json schema_of(const Form& form);

Json object_schema(const Form& form) {
  Json properties = Json::object(), required = Json::array();
  for (const FormKey& key : form.keys) {
    Json property = schema_of(*key.form);
    std::string meaning(key.meaning);
    if (!key.preset.empty()) meaning += " (default: " + std::string(key.preset) + ")";
    property["description"] = meaning;
    properties[std::string(key.name)] = std::move(property);
    if (key.required) required.push_back(std::string(key.name));
  }
  Json out{{"type", "object"}, {"properties", std::move(properties)}, {"additionalProperties", false}};
  if (!required.empty()) out["required"] = std::move(required);
  if (form.filled) out["minProperties"] = 1;
  return out;
}

Json bounded(const char* type, const Form& form) {
  Json out{{"type", type}, {"minimum", form.least}};
  if (form.most < 1e15) out["maximum"] = form.most;
  return out;
}

Json analytics() {
  Json out = Json::array();
  for (std::size_t i = 0; i < kAnalytics; ++i) out.push_back(std::string(uid_of(static_cast<Analytic>(i))));
  return {{"enum", out}};
}

Json share() {
  static constexpr std::array<std::string_view, 5> kWords{"always", "often", "sometimes", "rarely", "never"};
  return {{"anyOf", {Json{{"type", "number"}, {"minimum", 0}, {"maximum", 1}}, words(kWords)}}};
}

Json by_style(const Form& form) {
  Json choices = Json::array();
  for (const Form* own : {form.scalar, form.sequence, form.mapping})
    if (own != nullptr) choices.push_back(schema_of(*own));
  return {{"anyOf", std::move(choices)}};
}

Json schema_of(const Form& form) {
  using K = Form::Kind;
  switch (form.kind) {
    case K::Object:
      return object_schema(form);
    case K::List: {
      Json out{{"type", "array"}, {"items", schema_of(*form.element)}};
      if (form.filled) out["minItems"] = 1;
      return out;
    }
    case K::Map:
      return {{"type", "object"}, {"additionalProperties", schema_of(*form.element)}};
    case K::ByStyle:
      return by_style(form);
    case K::LadderOrKinds: {
      Json kinds{{"type", "object"}, {"additionalProperties", schema_of(*form.element)}};
      return {{"anyOf", {schema_of(*form.element), std::move(kinds)}}};
    }
    case K::Word:
      return words(form.words);
    case K::Flag:
      return {{"type", "boolean"}};
    case K::FlagOrText:
      return {{"type", {"boolean", "string"}}};
    case K::Integer:
      return bounded("integer", form);
    case K::Number:
      return bounded("number", form);
    case K::Share:
      return share();
    case K::Size:
      return {{"anyOf", {Json{{"type", "integer"}, {"minimum", 0}}, text("^[0-9]+(\\.[0-9]+)? ?(B|KiB|MiB|GiB)$|^[0-9]+$")}}};
    case K::Duration:
      return text("^[0-9]+(\\.[0-9]+)? ?(ms|s|m|h|d)$");
    case K::Moment:
      return text("^[0-9]{4}-[0-9]{2}-[0-9]{2}([Tt ].+)?$");
    case K::Sha256:
      return text("^[0-9A-Fa-f]{64}$");
    case K::Shape:
      return text("^(uuid|word|mixed|dec-[1-9][0-9]*|hex-[1-9][0-9]*)(\\.(uuid|word|mixed|dec-[1-9][0-9]*|hex-[1-9][0-9]*))*$");
    case K::Window:
      return text("^([A-Z][a-z]{2}([-,][A-Z][a-z]{2})* )?[0-9]{2}:[0-9]{2}-[0-9]{2}:[0-9]{2}$");
    case K::Id:
      return text("^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$");
    case K::Analytic:
      return analytics();
    case K::Scalar:
      return {{"type", {"string", "number", "boolean"}}};
    case K::Anything:
      return Json::object();
    default:
      return {{"type", "string"}, {"minLength", 1}};
  }
}

}  // namespace

std::string persona_json_schema() {
  Json schema{{"$schema", "https://json-schema.org/draft/2020-12/schema"}, {"title", "ringfence persona v1"}};
  schema.update(schema_of(persona_form()));
  return schema.dump(2) + "\n";
}

}  // namespace ringfence
