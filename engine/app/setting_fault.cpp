// SPDX-License-Identifier: Apache-2.0
#include "engine/app/setting_fault.h"

#include <algorithm>
#include <cstdio>
#include <optional>
#include <span>
#include <string_view>
#include <tuple>
#include <utility>

#include "connectors/encoders/name_pattern.h"
#include "connectors/gate/subject_places.h"
#include "connectors/kafka/property.h"
#include "engine/gate/ask.h"
#include "engine/persona/check.h"

namespace ringfence {
namespace {

class Faults {
 public:
  void add(std::string path, std::string why) { out_.push_back({std::move(path), std::move(why)}); }

  void subject(const Settings& settings) {
    const std::vector<std::string> known(SubjectPlaces::names().begin(), SubjectPlaces::names().end());
    for (const auto& [name, place] : settings.gate.subject) {
      const std::string path = "gate.subject/" + name;
      if (std::ranges::find(known, name) == known.end()) {
        add(path, unknown_name("name", name, " in `gate.subject`", known));
      } else if (const auto fault = SubjectPlaces::fault_of(place)) {
        add(path, "`gate.subject` of " + name + ": " + *fault);
      }
    }
    if (!out_.empty() || settings.gate.subject.empty()) return;
    if (const auto places = SubjectPlaces::parse(settings.gate.subject, settings.gate.jwt_header); !places)
      add("gate.subject", "`gate.subject`: " + places.error());
  }

  void place(const std::string& path, const std::string& place) {
    if (place.empty()) return;
    if (const auto fault = SubjectPlaces::fault_of(place)) add(path, "`" + path + "`: " + *fault);
  }

  void patterns(const std::string& path, const std::vector<std::string>& patterns) {
    for (const std::string& pattern : patterns)
      if (!is_name_pattern(pattern))
        add(path + "/" + pattern, "`" + path + "`: expected a name, or a prefix and `*`, found '" + pattern + "'");
  }

  void ask(const Settings& settings) {
    for (const auto& [tier, what] : settings.ask.tiers)
      if (const auto parsed = AskPolicy::parse({{tier, what}}, {}); !parsed) add("ask.tiers/" + tier, "`ask.tiers`: " + parsed.error());
    std::vector<std::string> known;
    for (std::size_t i = 0; i < kEffects; ++i) known.emplace_back(name_of(static_cast<Effect>(i)));
    for (const std::string& effect : settings.ask.effects)
      if (!effect_named(effect)) add("ask.effects/" + effect, unknown_name("effect", effect, " in `ask.effects`", known));
  }

  void property(const std::string& setting, const std::string& name, const std::optional<std::string>& value) {
    const auto fault = property_fault(name, value);
    if (!fault) return;
    add(setting + "/" + name,
        fault->unknown ? unknown_name("property", name, " in `" + setting + "`", client_properties()) : fault->message);
  }

  [[nodiscard]] std::vector<SettingFault> take() { return std::move(out_); }

 private:
  std::vector<SettingFault> out_;
};

}  // namespace

std::vector<SettingFault> gate_faults(const Settings& settings) {
  Faults faults;
  faults.subject(settings);
  faults.patterns("gate.writers", settings.gate.writers);
  faults.patterns("gate.read_tools", settings.gate.read_tools);
  faults.ask(settings);
  faults.place("ask.server", settings.ask.server);
  faults.place("ask.act", settings.ask.act);
  return faults.take();
}

std::vector<SettingFault> client_faults(const Settings& settings) {
  Faults faults;
  for (const auto& [name, value] : settings.kafka.client) faults.property("kafka.client", name, value);
  for (const auto& [name, file] : settings.kafka.client_secret_files) faults.property("kafka.client_secret_files", name, std::nullopt);
  return faults.take();
}

std::vector<SettingsError> placed(const std::vector<SettingFault>& faults, const SettingsLoad& load, const std::string& file) {
  std::vector<SettingsError> out;
  for (const auto& [path, why] : faults) out.push_back(settings_error(load.places, file, path, why));
  std::ranges::stable_sort(out, {}, [](const SettingsError& e) { return std::tuple(e.line, e.column); });
  return out;
}

bool tell(const std::vector<SettingFault>& faults, const SettingsLoad& load, const std::string& file) {
  for (const SettingsError& e : placed(faults, load, file)) std::fprintf(stderr, "%s\n", to_string(e).c_str());
  return !faults.empty();
}

bool is_on_topic(const SettingsLoad& load, const std::string& file, std::string_view path, bool on_topic, const std::string& otherwise) {
  const bool over_kafka = load.settings->input.kind == SourceKind::Kafka;
  return (over_kafka && on_topic) || !tell({{std::string(on_topic ? "input.kind" : path), otherwise}}, load, file);
}

}  // namespace ringfence
