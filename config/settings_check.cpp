// SPDX-License-Identifier: Apache-2.0
#include "config/settings_check.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <initializer_list>
#include <numeric>
#include <optional>

#include "config/settings_table.h"
#include "engine/event/declared_host.h"
#include "engine/event/escape.h"

namespace ringfence {
namespace {

/// What the lossless rules rest on (docs/design/streaming.md §2 and §3), with the names the cluster section has for some of it.
constexpr std::array<std::string_view, 18> kEngineProperties = {"bootstrap.servers",
                                                                "metadata.broker.list",
                                                                "group.id",
                                                                "group.instance.id",
                                                                "enable.auto.commit",
                                                                "auto.commit.enable",
                                                                "enable.auto.offset.store",
                                                                "auto.offset.reset",
                                                                "partition.assignment.strategy",
                                                                "enable.idempotence",
                                                                "enable.gapless.guarantee",
                                                                "acks",
                                                                "request.required.acks",
                                                                "linger.ms",
                                                                "queue.buffering.max.ms",
                                                                "transactional.id",
                                                                "check.crcs",
                                                                "isolation.level"};
constexpr std::array<std::string_view, 6> kSecretProperties = {
    "sasl.password",          "ssl.key.password", "ssl.key.pem", "ssl.keystore.password", "sasl.oauthbearer.client.secret",
    "sasl.oauthbearer.config"};

constexpr std::size_t kNameChars = 300;  // a topic's name and two numbers

std::optional<std::int64_t> offset_of(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && end == text.data() + text.size() && value >= 0 ? std::optional(value) : std::nullopt;
}

bool among(std::span<const std::string_view> names, std::string_view name) { return std::ranges::find(names, name) != names.end(); }

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const auto above = row[j];
      row[j] = std::min({above + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1)});
      diagonal = above;
    }
  }
  return row.back();
}

class Check {
 public:
  Check(const SettingPlaces& places, const DoubtfulSettings& doubtful, const std::string& file, std::vector<SettingsError>& errors)
      : places_(places), doubtful_(doubtful), file_(file), errors_(errors) {}

  void input(const Settings& settings) {
    const auto& input = settings.input;
    if (sure({"input.kind", "input.files"})) {
      if (input.kind == SourceKind::File && input.files.empty()) refuse("input.kind", "`input.kind` is file, but `input.files` names none");
      if (input.kind != SourceKind::File && !input.files.empty())
        refuse("input.files", "`input.files` is given, but `input.kind` is not file");
    }
    if (!input.follow || !sure({"input.follow", "input.kind"})) return;
    if (input.kind != SourceKind::File) {
      refuse("input.follow", "`input.follow` is for `input.kind: file` alone");
    } else if (sure({"input.files"}) && !input.files.empty() && is_compressed(input.files.back())) {
      refuse("input.follow", "`input.follow` needs a plain file last, and the last of `input.files` is compressed");
    }
  }

  void topics(const Settings& settings) {
    std::map<std::string, std::string_view> seen;
    for (const auto& setting : settings_table()) {
      if (setting.type != SettingType::Topic || !sure({setting.path})) continue;
      auto copy = settings;
      const auto& name = std::get<std::string& (*)(Settings&)>(setting.slot)(copy);
      const auto [first, fresh] = seen.emplace(name, setting.path);
      // One of them may be a default, which stands nowhere.
      if (!fresh)
        refuse(places_.contains(setting.path) ? setting.path : first->second,
               "`" + std::string(setting.path) + "` and `" + std::string(first->second) + "` name the same topic");
    }
  }

  void hosts(const Settings& settings) {
    for (const std::string& host : settings.internal_hosts)
      if (const auto fault = host_fault(host)) refuse("internal_hosts/" + host, "`internal_hosts`: " + *fault);
  }

  void client(const Settings& settings) {
    for (const auto& [property, value] : settings.kafka.client) {
      const auto path = "kafka.client/" + property;
      if (among(kSecretProperties, property)) {
        refuse(path, "`" + property + "` is a secret: name a file that holds it in `kafka.client_secret_files`");
      } else if (among(kEngineProperties, property)) {
        refuse(path, "`" + property + "` is set by ringfence and cannot be changed here");
      } else if (settings.kafka.client_secret_files.contains(property)) {
        refuse(path, "`" + property + "` stands in `kafka.client_secret_files` too");
      }
    }
    for (const auto& [property, value] : settings.kafka.client_secret_files) {
      if (!among(kEngineProperties, property)) continue;
      refuse("kafka.client_secret_files/" + property, "`" + property + "` is set by ringfence and cannot be changed here");
    }
  }

  void move_on(const Settings& settings) {
    for (const auto& [place, to] : settings.kafka.move_on) {
      const std::size_t slash = place.rfind('/'), at = place.rfind('@');
      const bool parts = slash != std::string::npos && at != std::string::npos && slash < at;
      const auto partition = parts ? offset_of(std::string_view(place).substr(slash + 1, at - slash - 1)) : std::nullopt;
      const auto from = parts ? offset_of(std::string_view(place).substr(at + 1)) : std::nullopt;
      const std::string path = "kafka.move_on/" + place;
      if (!partition || !from) {
        refuse(path, "`" + printable(place, kNameChars) + "` names no place: expected `TOPIC/PARTITION@OFFSET`");
      } else if (const std::string topic = place.substr(0, slash); topic != settings.topics.events && topic != settings.topics.links) {
        refuse(path, "`" + printable(topic, kNameChars) + "` is neither `topics.events` nor `topics.links`");
      } else if (const auto next = offset_of(to); to != "oldest" && (!next || *next <= *from)) {
        refuse(path, "expected `oldest` or an offset behind " + std::to_string(*from));
      }
    }
  }

  void outputs(const Settings& settings) {
    const std::array<std::pair<std::string_view, const OutputTarget*>, 4> outputs = {
        {{"outputs.findings", &settings.outputs.findings},
         {"outputs.control", &settings.outputs.control},
         {"outputs.dead_letter", &settings.outputs.dead_letter},
         {"outputs.audit", &settings.outputs.audit}}};
    for (std::size_t later = 1; later < outputs.size(); ++later) {
      for (std::size_t first = 0; first < later; ++first) {
        const auto &a = *outputs[first].second, &b = *outputs[later].second;
        if (a.topic || b.topic || a.file.lexically_normal() != b.file.lexically_normal()) continue;
        if (!sure({outputs[first].first, outputs[later].first})) continue;
        refuse(outputs[later].first,
               "`" + std::string(outputs[later].first) + "` and `" + std::string(outputs[first].first) + "` name the same file");
      }
    }
  }

  void gate(const Settings& settings) {
    const auto& gate = settings.gate;
    if (sure({"gate.tls_certificate", "gate.tls_key"}) && gate.tls_certificate.empty() != gate.tls_key.empty())
      refuse(gate.tls_certificate.empty() ? "gate.tls_key" : "gate.tls_certificate",
             "`gate.tls_certificate` and `gate.tls_key` come together or not at all");
    if (sure({"gate.tls_certificate", "gate.tls_client_ca"}) && !gate.tls_client_ca.empty() && gate.tls_certificate.empty())
      refuse("gate.tls_client_ca", "`gate.tls_client_ca` needs `gate.tls_certificate`: without TLS nobody shows a certificate");
    if (sure({"gate.jwks_file", "gate.jwt_issuer", "gate.jwt_audience"}) && gate.jwks_file.empty() &&
        !(gate.jwt_issuer + gate.jwt_audience).empty())
      refuse(gate.jwt_issuer.empty() ? "gate.jwt_audience" : "gate.jwt_issuer",
             "`gate.jwt_issuer` and `gate.jwt_audience` need `gate.jwks_file`: without it the gateway alone looks at tokens");
    if (sure({"gate.fail", "outputs.control"}) && gate.fail == GateFail::Closed && !settings.outputs.control.topic)
      refuse("gate.fail",
             "`gate.fail: closed` needs the control topic: into the file of `outputs.control` nobody beats while there is nothing to say");
    if (sure({"control.gates", "gate.acks", "input.kind"}) && !settings.control.gates.empty() && gate.acks.topic &&
        settings.input.kind != SourceKind::Kafka)
      refuse("control.gates",
             "`control.gates` needs a file in `gate.acks` where the input is none of Kafka's: nobody would hear that a gate is silent");
  }

  void ask(const Settings& settings) {
    if (settings.ask.tiers.empty()) return;
    if (sure({"ask.tiers", "outputs.control"}) && !settings.outputs.control.topic)
      refuse("ask.tiers", "`ask.tiers` needs Kafka: where `outputs.control` is a file nobody answers");
    if (sure({"ask.tiers", "gate.subject"}) && !settings.gate.subject.contains("agent"))
      refuse("ask.tiers", "`ask.tiers` needs `agent` in `gate.subject`: whose acts to ask about is told by the agent's persona");
  }

  void control(const Settings& settings) {
    if (sure({"control.audience"}) && settings.control.audience.empty())
      refuse("control.audience", "`control.audience` is empty: no gate would take a record");
  }

 private:
  static bool is_compressed(const std::filesystem::path& file) { return file.extension() == ".gz" || file.extension() == ".zst"; }

  bool sure(std::initializer_list<std::string_view> paths) const {
    return std::ranges::none_of(paths, [this](std::string_view path) { return doubtful_.contain(path); });
  }

  /// At the place of `path`, or at the file where only a default stands there.
  void refuse(std::string_view path, std::string message) { errors_.push_back(settings_error(places_, file_, path, std::move(message))); }

  const SettingPlaces& places_;
  const DoubtfulSettings& doubtful_;
  const std::string& file_;
  std::vector<SettingsError>& errors_;
};

}  // namespace

SettingsError settings_error(const SettingPlaces& places, const std::string& file, std::string_view path, std::string message) {
  const auto place = places.find(path);
  const auto [line, column] = place == places.end() ? std::pair{0, 0} : place->second;
  return {file, line, column, std::move(message)};
}

bool DoubtfulSettings::contain(std::string_view path) const {
  const std::size_t dot = path.find('.');
  return all || paths.contains(path) || sections.contains(dot == std::string_view::npos ? "" : path.substr(0, dot));
}

void check_together(const Settings& settings, const SettingPlaces& places, const DoubtfulSettings& doubtful, const std::string& file,
                    std::vector<SettingsError>& errors) {
  Check check(places, doubtful, file, errors);
  check.input(settings);
  check.topics(settings);
  check.hosts(settings);
  check.client(settings);
  check.move_on(settings);
  check.outputs(settings);
  check.gate(settings);
  check.ask(settings);
  check.control(settings);
}

std::string unknown_key(std::string_view section, std::string_view key) {
  std::string message = "unknown key `" + printable(key, 60) + "`";
  if (!section.empty()) message += " in `" + std::string(section) + "`";
  constexpr std::size_t kLongestKey = 64;  // what is longer is no slip of the finger, and the distance costs its square
  if (key.size() > kLongestKey) return message;

  std::string nearest;
  std::size_t least = std::max<std::size_t>(2, key.size() / 3) + 1;
  const auto offer = [&](std::string_view candidate, std::string_view shown) {
    const auto distance = edit_distance(key, candidate);
    if (distance < least) {
      least = distance;
      nearest = shown;
    }
  };
  for (const auto& setting : settings_table()) {
    if (setting.section() == section) offer(setting.key(), setting.key());
    if (section.empty() && !setting.section().empty()) offer(setting.section(), setting.section());
  }
  if (nearest.empty()) {  // the right word in the wrong section
    for (const auto& setting : settings_table()) {
      if (setting.key() == key || setting.path == key) nearest = setting.path;
    }
  }
  if (!nearest.empty()) message += "; did you mean `" + nearest + "`?";
  return message;
}

}  // namespace ringfence
