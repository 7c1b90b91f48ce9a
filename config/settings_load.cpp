// SPDX-License-Identifier: Apache-2.0
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <fstream>
#include <tuple>

#include "config/settings_as_read.h"
#include "config/settings_check.h"
#include "config/settings_table.h"
#include "config/settings_yaml.h"
#include "engine/event/escape.h"

namespace ringfence {
namespace {

constexpr std::size_t kSettingsFileBytes = 1U << 20U;
constexpr std::size_t kSecretFileBytes = 64U << 10U;

bool has_control_character(std::string_view text) {
  return std::ranges::any_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; });
}

template <class Number>
std::optional<Number> number_of(const SettingsNode& node) {
  Number value{};
  const char* end = node.text.data() + node.text.size();
  const auto [stop, error] = std::from_chars(node.text.data(), end, value);
  if (node.quoted || error != std::errc{} || stop != end) return std::nullopt;
  return value;
}

std::optional<Address> address_of(std::string_view text) {
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  auto host = text.substr(0, colon);
  const auto digits = text.substr(colon + 1);
  if (host.size() >= 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  } else if (host.find(':') != std::string_view::npos) {
    return std::nullopt;  // an IPv6 number without brackets: which colon ends it is a guess
  }
  Address address{std::string(host), 0};
  const auto [stop, error] = std::from_chars(digits.data(), digits.data() + digits.size(), address.port);
  if (host.empty() || digits.empty() || error != std::errc{} || stop != digits.data() + digits.size()) return std::nullopt;
  return address;
}

std::optional<OutputTarget> output_of(std::string_view text) {
  constexpr std::string_view kFile = "file:";
  if (text == "topic") return OutputTarget{};
  if (!text.starts_with(kFile) || text.size() == kFile.size()) return std::nullopt;
  return OutputTarget{false, std::filesystem::path(text.substr(kFile.size()))};
}

bool is_topic_name(std::string_view text) {
  constexpr std::size_t kTopicChars = 249;  // Kafka's own bound
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
  };
  return !text.empty() && text.size() <= kTopicChars && text != "." && text != ".." && std::ranges::all_of(text, allowed);
}

/// Fills the members of Settings from nodes, one setting at a time.
class Filler {
 public:
  Filler(Settings& settings, const std::string& file, std::vector<SettingsError>& errors)
      : settings_(settings), file_(file), errors_(errors) {}

  void fill(const Setting& setting, const SettingsNode& node) {
    if (node.refused) return;
    const bool list = setting.type == SettingType::TextList || setting.type == SettingType::PathList;
    const bool map = setting.type == SettingType::TextMap || setting.type == SettingType::PathMap;
    if (list) {
      fill_list(setting, node);
    } else if (map) {
      fill_map(setting, node);
    } else if (node.kind != SettingsNode::Kind::Scalar || has_control_character(node.text) || !fill_scalar(setting, node)) {
      expected(setting, node);
    }
  }

 private:
  bool fill_scalar(const Setting& setting, const SettingsNode& node) {
    switch (setting.type) {
      case SettingType::Text:
        return put_if(setting, std::string(node.text), setting.may_be_empty || !node.text.empty());
      case SettingType::Topic:
        return put_if(setting, std::string(node.text), is_topic_name(node.text));
      case SettingType::Path:
        return put_if(setting, std::filesystem::path(node.text), setting.may_be_empty || !node.text.empty());
      case SettingType::Flag:
        return put_if(setting, node.text == "true", !node.quoted && (node.text == "true" || node.text == "false"));
      case SettingType::Integer:
        return put_in_range(setting, number_of<std::int64_t>(node));
      case SettingType::Share:
        return put_in_range(setting, number_of<double>(node));
      case SettingType::Bytes:
        return put_in_range(setting, parse_bytes(node.text));
      case SettingType::Duration: {
        const auto length = parse_length_of_time(node.text);
        if (!length || static_cast<double>(length->value) < setting.least || static_cast<double>(length->value) > setting.most)
          return false;
        return put_if(setting, Nanos{*length}, true);
      }
      case SettingType::Choice: {
        const auto choice = std::ranges::find(setting.choices, node.text);
        if (choice == setting.choices.end()) return false;
        std::get<void (*)(Settings&, std::size_t)>(setting.slot)(settings_, static_cast<std::size_t>(choice - setting.choices.begin()));
        return true;
      }
      case SettingType::Listen: {
        auto address = address_of(node.text);
        return address && put_if(setting, std::move(*address), true);
      }
      case SettingType::Output: {
        auto output = output_of(node.text);
        return output && put_if(setting, std::move(*output), true);
      }
      default:
        return false;
    }
  }

  template <class Value>
  bool put_if(const Setting& setting, Value value, bool valid) {
    if (valid) std::get<Value& (*)(Settings&)>(setting.slot)(settings_) = std::move(value);
    return valid;
  }

  template <class Number>
  bool put_in_range(const Setting& setting, std::optional<Number> number) {
    if (!number) return false;
    const auto value = static_cast<double>(*number);
    if (!(value >= setting.least && value <= setting.most)) return false;  // also refuses NaN
    std::get<Number& (*)(Settings&)>(setting.slot)(settings_) = *number;
    return true;
  }

  void fill_list(const Setting& setting, const SettingsNode& node) {
    if (node.kind != SettingsNode::Kind::List) return expected(setting, node);
    std::vector<std::string> texts;
    for (const auto& item : node.items) {
      if (!is_text(setting, item)) continue;
      texts.push_back(item.text);
    }
    if (const auto* paths = std::get_if<std::vector<std::filesystem::path>& (*)(Settings&)>(&setting.slot)) {
      (*paths)(settings_).assign(texts.begin(), texts.end());
    } else {
      std::get<std::vector<std::string>& (*)(Settings&)>(setting.slot)(settings_) = std::move(texts);
    }
  }

  void fill_map(const Setting& setting, const SettingsNode& node) {
    if (node.kind != SettingsNode::Kind::Map) return expected(setting, node);
    std::map<std::string, std::string> texts;
    for (const auto& entry : node.entries) {
      if (entry.value.kind == SettingsNode::Kind::Scalar && entry.value.text.empty() && setting.type == SettingType::TextMap) {
        texts[entry.key];  // librdkafka has properties whose empty value means something
      } else if (is_text(setting, entry.value)) {
        texts[entry.key] = entry.value.text;
      }
    }
    if (const auto* paths = std::get_if<std::map<std::string, std::filesystem::path>& (*)(Settings&)>(&setting.slot)) {
      (*paths)(settings_) = {texts.begin(), texts.end()};
    } else {
      std::get<std::map<std::string, std::string>& (*)(Settings&)>(setting.slot)(settings_) = std::move(texts);
    }
  }

  bool is_text(const Setting& setting, const SettingsNode& node) {
    if (node.refused) return false;
    if (node.kind == SettingsNode::Kind::Scalar && !node.text.empty() && !has_control_character(node.text)) return true;
    errors_.push_back({file_, node.line, node.column, "`" + std::string(setting.path) + "`: every value must be a text and not empty"});
    return false;
  }

  /// Repeats what was found only where it is a scalar that cannot be a secret: values of maps are never shown.
  void expected(const Setting& setting, const SettingsNode& node) {
    std::string message = "`" + std::string(setting.path) + "`: expected " + expectation(setting);
    if (node.kind == SettingsNode::Kind::Scalar && !setting.names_secret && setting.type != SettingType::TextMap) {
      message += ", found `" + printable(node.text, 60) + "`";
    }
    errors_.push_back({file_, node.line, node.column, std::move(message)});
  }

  Settings& settings_;
  const std::string& file_;
  std::vector<SettingsError>& errors_;
};

const Setting* setting_at(std::string_view section, std::string_view key) {
  for (const auto& setting : settings_table()) {
    if (setting.section() == section && setting.key() == key) return &setting;
  }
  return nullptr;
}

bool is_section(std::string_view name) {
  return std::ranges::any_of(settings_table(), [&](const Setting& s) { return !name.empty() && s.section() == name; });
}

/// Walks the document against the table and remembers where each setting stood.
class Reading {
 public:
  Reading(const std::string& file, std::vector<SettingsError>& errors) : file_(file), errors_(errors) {
    doubtful_.all = !errors.empty();  // part of the text was refused
  }

  [[nodiscard]] Settings read(const SettingsNode& root) {
    auto settings = default_settings();
    Filler filler(settings, file_, errors_);
    if (root.kind == SettingsNode::Kind::Null || root.refused) return settings;
    if (root.kind != SettingsNode::Kind::Map) {
      errors_.push_back({file_, root.line, root.column, "expected a map of settings"});
      doubtful_.all = true;
      return settings;
    }
    for (const auto& entry : root.entries) {
      if (is_section(entry.key)) {
        read_section(filler, entry);
      } else {
        read_setting(filler, "", entry);
      }
    }
    return settings;
  }

  [[nodiscard]] const SettingPlaces& places() const { return places_; }
  [[nodiscard]] const DoubtfulSettings& doubtful() const { return doubtful_; }

 private:
  void read_section(Filler& filler, const SettingsNode::Entry& section) {
    if (section.value.kind == SettingsNode::Kind::Null || section.value.refused) return;
    if (section.value.kind != SettingsNode::Kind::Map) {
      errors_.push_back({file_, section.value.line, section.value.column, "`" + section.key + "`: expected a map of settings"});
      doubtful_.sections.insert(section.key);
      return;
    }
    for (const auto& entry : section.value.entries) read_setting(filler, section.key, entry);
  }

  void read_setting(Filler& filler, std::string_view section, const SettingsNode::Entry& entry) {
    const auto* setting = setting_at(section, entry.key);
    if (setting == nullptr) {
      errors_.push_back({file_, entry.line, entry.column, unknown_key(section, entry.key)});
      doubt(section, entry.key);
      return;
    }
    places_[std::string(setting->path)] = {entry.line, entry.column};
    for (const auto& inner : entry.value.entries) places_[std::string(setting->path) + "/" + inner.key] = {inner.line, inner.column};
    // Of a list `path/text`, so that its element is named and not the list.
    for (const auto& item : entry.value.items) places_[std::string(setting->path) + "/" + item.text] = {item.line, item.column};
    const std::size_t errors = errors_.size();
    filler.fill(*setting, entry.value);
    if (errors_.size() > errors) doubtful_.paths.emplace(setting->path);
  }

  /// An unknown key: any of its section misspelt, or one of another section; outside sections any at all.
  void doubt(std::string_view section, std::string_view key) {
    doubtful_.all = doubtful_.all || section.empty();
    doubtful_.sections.emplace(section);
    for (const Setting& setting : settings_table())
      if (setting.key() == key) doubtful_.paths.emplace(setting.path);
  }

  const std::string& file_;
  std::vector<SettingsError>& errors_;
  SettingPlaces places_;
  DoubtfulSettings doubtful_;
};

std::expected<std::string, std::string> read_bounded(const std::filesystem::path& path, std::size_t most) {
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  if (!std::filesystem::exists(status)) return std::unexpected("no such file, or no right to look");
  if (!std::filesystem::is_regular_file(status)) return std::unexpected("not a regular file");
  std::ifstream in(path, std::ios::binary);
  if (!in) return std::unexpected("cannot be opened for reading");
  std::string bytes(most + 1, '\0');
  in.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  if (in.bad()) return std::unexpected("cannot be read");
  bytes.resize(static_cast<std::size_t>(in.gcount()));
  if (bytes.size() > most) return std::unexpected("larger than " + format_bytes(most));
  return bytes;
}

}  // namespace

std::string to_string(const SettingsError& error) {
  std::string out = printable(error.file, 4096);
  if (error.line > 0) out += ":" + std::to_string(error.line) + ":" + std::to_string(error.column);
  return out + ": " + printable(error.message, 4096);
}

Settings default_settings() {
  Settings settings;
  std::vector<SettingsError> errors;
  Filler filler(settings, "", errors);
  for (const auto& setting : settings_table()) filler.fill(setting, read_yaml(setting.fallback, "", errors));
  return settings;  // that every default is valid is a test of the table
}

Settings settings_as_read(const std::filesystem::path& file) {
  std::vector<SettingsError> told_by_loading;
  const auto bytes = read_bounded(file, kSettingsFileBytes);
  const SettingsNode root = bytes ? read_yaml(*bytes, file.string(), told_by_loading) : SettingsNode{};
  return Reading(file.string(), told_by_loading).read(root);
}

SettingsLoad parse_settings(std::string_view yaml, const std::string& file) {
  SettingsLoad load;
  const SettingsNode root = read_yaml(yaml, file, load.errors);
  Reading reading(file, load.errors);
  auto settings = reading.read(root);
  check_together(settings, reading.places(), reading.doubtful(), file, load.errors);
  std::ranges::stable_sort(load.errors, {}, [](const SettingsError& e) { return std::tuple(e.line, e.column); });
  if (load.errors.empty()) load.settings = std::move(settings);
  load.places = reading.places();
  return load;
}

SettingsLoad load_settings(const std::filesystem::path& file) {
  const auto bytes = read_bounded(file, kSettingsFileBytes);
  if (!bytes) return {std::nullopt, {{file.string(), 0, 0, bytes.error()}}, {}};
  return parse_settings(*bytes, file.string());
}

std::expected<std::string, std::string> read_secret_file(const std::filesystem::path& file) {
  const auto refuse = [&](std::string_view why) {
    return std::unexpected("secret file " + printable(file.string()) + ": " + std::string(why));
  };
  struct stat status{};
  if (::stat(file.c_str(), &status) == 0 && (status.st_mode & static_cast<mode_t>(S_IRWXO)) != 0) {
    return refuse("open to every user of the machine; take the rights of others away (chmod o-rwx)");
  }
  auto bytes = read_bounded(file, kSecretFileBytes);
  if (!bytes) return refuse(bytes.error());
  if (bytes->ends_with('\n')) bytes->pop_back();
  if (bytes->ends_with('\r')) bytes->pop_back();
  if (bytes->empty()) return refuse("empty");
  return bytes;
}

}  // namespace ringfence
