// SPDX-License-Identifier: Apache-2.0
// What stands in deploy/gateways/ for an installation to take over.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <fstream>
#include <iterator>
#include <string>

#include "config/settings.h"
#include "connectors/gate/call_facts.h"
#include "connectors/gate/subject_places.h"

namespace ringfence {
namespace {

using ::testing::HasSubstr;

struct File {
  std::string settings;  // of the gate, from the comments at its head
  std::string gateway;   // the rest, in lower case and without comments
};

File read(const std::string& name) {
  std::ifstream in(std::string(RINGFENCE_SOURCE_DIR) + "/deploy/gateways/" + name);
  File out;
  std::string line;
  while (std::getline(in, line)) {
    const std::string code = line.substr(0, line.find('#'));
    if (line.starts_with("#   "))
      out.settings += line.substr(4) + "\n";
    else
      std::ranges::transform(code + "\n", std::back_inserter(out.gateway), [](unsigned char c) { return std::tolower(c); });
  }
  return out;
}

Settings settings_of(const File& file, const std::string& name) {
  auto load = parse_settings(file.settings, name);
  for (const SettingsError& error : load.errors) ADD_FAILURE() << to_string(error);
  return load.settings ? *std::move(load.settings) : Settings{};
}

std::string kind(const ::testing::TestParamInfo<const char*>& file) {
  const std::string name = file.param;
  return name.substr(0, name.find('.'));
}

class GatewayFiles : public ::testing::TestWithParam<const char*> {};

TEST_P(GatewayFiles, HaveSettingsThatAGateTakes) {
  const Settings settings = settings_of(read(GetParam()), GetParam());
  const auto places = SubjectPlaces::parse(settings.gate.subject, settings.gate.jwt_header);
  EXPECT_TRUE(places) << places.error();
}

INSTANTIATE_TEST_SUITE_P(Each, GatewayFiles,
                         ::testing::Values("Caddyfile", "agentgateway.yaml", "envoy.yaml", "nginx.conf", "toolhive.yaml", "traefik.yaml"),
                         kind);

/// Those that show the gate only the headers they list; nginx and Caddy show it all.
class ListingGatewayFiles : public ::testing::TestWithParam<const char*> {};

TEST_P(ListingGatewayFiles, ListWhatTheGateReads) {
  const File file = read(GetParam());
  for (const std::string_view name : kMethodOverrides) {
    const auto listed = [&](const char* end) { return file.gateway.find(" " + std::string(name) + end) != std::string::npos; };
    EXPECT_TRUE(listed(",") || listed("]")) << name << ": or an overridden GET is a read to the gate";
  }
  for (const auto& [field, place] : settings_of(file, GetParam()).gate.subject) {
    if (place.starts_with("header:")) {
      EXPECT_THAT(file.gateway, HasSubstr(place.substr(7))) << field;
    }
    if (place.starts_with("jwt:")) {
      EXPECT_THAT(file.gateway, HasSubstr("authorization")) << field;
    }
    if (place == "spiffe") {
      EXPECT_THAT(file.gateway, HasSubstr("x-forwarded-client-cert")) << field;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Each, ListingGatewayFiles, ::testing::Values("agentgateway.yaml", "envoy.yaml", "traefik.yaml"), kind);

}  // namespace
}  // namespace ringfence
