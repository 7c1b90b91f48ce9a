// SPDX-License-Identifier: Apache-2.0
#include <nlohmann/json.hpp>

#include <algorithm>

#include "config/settings_table.h"

namespace ringfence {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kCommentWidth = 110;

/// Sections in the order of the table, each once.
std::vector<std::string_view> sections() {
  std::vector<std::string_view> names;
  for (const auto& setting : settings_table()) {
    if (names.empty() || names.back() != setting.section()) names.push_back(setting.section());
  }
  return names;
}

/// `text` as comment lines of at most kCommentWidth characters.
std::string comment(std::string_view text, std::string_view indent) {
  std::string out, line;
  const auto flush = [&] {
    if (!line.empty()) out += line + "\n";
    line.clear();
  };
  while (!text.empty()) {
    const auto space = text.find(' ');
    const auto word = text.substr(0, space);
    text = space == std::string_view::npos ? std::string_view{} : text.substr(space + 1);
    if (!line.empty() && line.size() + 1 + word.size() > kCommentWidth) flush();
    if (line.empty()) line = std::string(indent) + "#";
    line += " " + std::string(word);
  }
  flush();
  return out;
}

/// Meaning of a setting, with its bounds where it has any.
std::string description(const Setting& setting) {
  switch (setting.type) {
    case SettingType::Integer:
    case SettingType::Share:
    case SettingType::Bytes:
    case SettingType::Duration:
    case SettingType::Choice:
    case SettingType::Listen:
      return std::string(setting.doc) + " (" + expectation(setting) + ")";
    default:
      return std::string(setting.doc);
  }
}

Json text_schema(const Setting& setting) {
  Json schema = {{"type", "string"}};
  if (!setting.may_be_empty) schema["minLength"] = 1;
  return schema;
}

Json schema_of(const Setting& setting) {
  const Json text = {{"type", "string"}, {"minLength", 1}};
  switch (setting.type) {
    case SettingType::Text:
    case SettingType::Path:
      return text_schema(setting);
    case SettingType::Topic:
      return {{"type", "string"}, {"pattern", "^[A-Za-z0-9._-]{1,249}$"}};
    case SettingType::Flag:
      return {{"type", "boolean"}};
    case SettingType::Integer:
      return {
          {"type", "integer"}, {"minimum", static_cast<std::int64_t>(setting.least)}, {"maximum", static_cast<std::int64_t>(setting.most)}};
    case SettingType::Share:
      return {{"type", "number"}, {"minimum", setting.least}, {"maximum", setting.most}};
    case SettingType::Bytes:
      return {{"type", "string"}, {"pattern", "^[0-9]+(B|KiB|MiB|GiB)$"}};
    case SettingType::Duration:
      return {{"type", "string"}, {"pattern", "^[0-9]+(ms|s|m|h|d)$"}};
    case SettingType::Choice: {
      Json choices = Json::array();
      for (const auto choice : setting.choices) choices.push_back(choice);
      return {{"enum", choices}};
    }
    case SettingType::Listen:
      return {{"type", "string"}, {"pattern", R"(^([^:\[\]]+|\[[^\[\]]+\]):[0-9]{1,5}$)"}};
    case SettingType::Output:
      return {{"type", "string"}, {"pattern", "^(topic|file:.+)$"}};
    case SettingType::TextList:
    case SettingType::PathList:
      return {{"type", "array"}, {"items", text}};
    case SettingType::TextMap:
      return {{"type", "object"}, {"additionalProperties", {{"type", Json::array({"string", "number", "boolean"})}}}};
    case SettingType::PathMap:
      return {{"type", "object"}, {"additionalProperties", text}};
  }
  return {};
}

/// The default as JSON, so that an editor can offer it. Lists in the table are written in the flow form both languages share but for
/// quotes.
Json default_of(const Setting& setting) {
  switch (setting.type) {
    case SettingType::Flag:
    case SettingType::Integer:
    case SettingType::Share:
      return Json::parse(setting.fallback);
    case SettingType::TextMap:
    case SettingType::PathMap:
      return Json::object();
    case SettingType::TextList:
    case SettingType::PathList: {
      Json items = Json::array();
      auto inner = setting.fallback.substr(1, setting.fallback.size() - 2);
      while (!inner.empty()) {
        const auto comma = inner.find(", ");
        items.push_back(inner.substr(0, comma));
        inner.remove_prefix(comma == std::string_view::npos ? inner.size() : comma + 2);
      }
      return items;
    }
    default:
      return setting.fallback == "\"\"" ? std::string_view{} : setting.fallback;
  }
}

Json object_schema() {
  return {{"type", Json::array({"object", "null"})}, {"additionalProperties", false}, {"properties", Json::object()}};
}

}  // namespace

std::string default_settings_yaml() {
  std::string out =
      "# Settings of ringfence, every one with its default: what is left out means the same.\n"
      "# Written from the settings table, like docs/settings.md and config/settings.schema.json.\n";
  for (const auto section : sections()) {
    const std::string_view indent = section.empty() ? "" : "  ";
    out += "\n" + comment(section_doc(section), "");
    if (!section.empty()) out += std::string(section) + ":\n";
    for (const auto& setting : settings_table()) {
      if (setting.section() != section) continue;
      out += comment(description(setting), indent);
      out += std::string(indent) + std::string(setting.key()) + ": " + std::string(setting.fallback) + "\n";
    }
  }
  return out;
}

std::string settings_reference_markdown() {
  std::string out =
      "# Settings\n\n"
      "`ringfence run --config FILE` and `ringfence replay --config FILE` read one YAML file. Written from the settings table; the default "
      "file is\n"
      "`config/ringfence.yaml`, a JSON Schema for editors `config/settings.schema.json`. Unknown and repeated keys, aliases and tags are "
      "errors;\n"
      "`ringfence validate ringfence.yaml` shows all of them at once. Nothing is read from the environment. A setting marked † names a "
      "file that "
      "holds a\n"
      "secret; the secret itself never stands in settings, arguments or environment, and its file must be closed to other users.\n";
  for (const auto section : sections()) {
    out += section.empty() ? "\n## Without a section\n\n" : "\n## `" + std::string(section) + "`\n\n";
    out += std::string(section_doc(section)) + "\n\n| setting | type and range | default | meaning |\n|---|---|---|---|\n";
    for (const auto& setting : settings_table()) {
      if (setting.section() != section) continue;
      out += "| `" + std::string(setting.path) + "`" + (setting.names_secret ? " †" : "") + " | " + expectation(setting) + " | `" +
             std::string(setting.fallback) + "` | " + std::string(setting.doc) + " |\n";
    }
  }
  return out;
}

std::string settings_json_schema() {
  Json root = {{"$schema", "https://json-schema.org/draft/2020-12/schema"}, {"title", "ringfence settings"}};
  root.update(object_schema());
  auto& properties = root["properties"];
  for (const auto& setting : settings_table()) {
    const std::string section(setting.section());
    if (!section.empty() && !properties.contains(section)) {
      properties[section] = object_schema();
      properties[section]["description"] = section_doc(section);
    }
    auto& home = section.empty() ? properties : properties[section]["properties"];
    auto schema = schema_of(setting);
    schema["description"] = description(setting);
    schema["default"] = default_of(setting);
    home[std::string(setting.key())] = std::move(schema);
  }
  return root.dump(2) + "\n";
}

}  // namespace ringfence
