// SPDX-License-Identifier: Apache-2.0
#include "connectors/encoders/blind_spot_table.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

namespace ringfence {
namespace {

using testing::HasSubstr;
using testing::Not;

BlindSpots clerk() {
  BlindSpots spots{.calls_per_day = 1200, .rate_declared = true, .tolerance = 1.5};
  spots.spots = {{.threat = Threat::Guess,
                  .by_table = true,
                  .growth = {.51083, .33667},
                  .contexts = {{{"barrier: after a refusal"}, {"barrier: after a refusal"}}},
                  .alert = 28.402,
                  .throttle = 56.773,
                  .halt = std::nullopt,
                  .unseen_share = .535,
                  .unhalted_share = 1},
                 {.threat = Threat::DripDay,
                  .steps = {{.law = {.threat = Threat::DripDay, .steps = "days", .abuse = "each beyond one declared p99"},
                             .alert = 5.245,
                             .throttle = 6.782,
                             .halt = 9.088,
                             .unseen_share = .0693,
                             .unhalted_share = .1064}},
                  .declared = {"records a day: p99 200, max 400"}},
                 {.threat = Threat::RoleDrift, .alert_only = true}};
  spots.not_judged = {Threat::Scrape, Threat::Coverage};
  return spots;
}

TEST(BlindSpotTable, AlignsWhatIsKnownAndNamesWhatIsNot) {
  EXPECT_EQ(blind_spot_table(clerk(), "clerk@1"), R"(clerk@1: 1200 calls a day (declared rate on its busiest day), tolerance 1.5
  threat               alert  throttle      halt  unseen/day  unhalted/day   context
  guess                   29        57     never         642          1200   barrier: after a refusal
  drip                     6         7        10       6.9 %          11 %   days: each beyond one declared p99
                  declared: records a day: p99 200, max 400
  role_drift      factors are learned of the agent itself; measured in docs/proof.md; alerts only
  not judged by evidence, as nothing is declared for it or no channel holds it: scrape, coverage
)");
}

TEST(BlindSpotTable, SaysThatARateIsAssumed) {
  BlindSpots spots = clerk();
  spots.rate_declared = false;
  EXPECT_THAT(blind_spot_table(spots, "clerk@1"), HasSubstr("(assumed: no data.rate is declared)"));
}

TEST(BlindSpotTable, ShowsHostileNamesAsText) {
  BlindSpots spots = clerk();
  const std::string attack = "\x1b[2J\xe2\x80\xae\n";
  spots.spots[0].contexts[1] = {attack};
  spots.spots[1].declared = {attack};
  const std::string table = blind_spot_table(spots, "clerk" + attack);
  for (const char* raw : {"\x1b", "\xe2\x80\xae"}) EXPECT_THAT(table, Not(HasSubstr(raw)));
  EXPECT_THAT(blind_spot_json(spots, "clerk" + attack), Not(HasSubstr("\x1b")));
}

TEST(BlindSpotTable, JsonHoldsTheSame) {
  const auto json = nlohmann::json::parse(blind_spot_json(clerk(), "clerk@1"));
  EXPECT_EQ(json["persona"], "clerk@1");
  EXPECT_EQ(json["threats"][0]["analytic"], "barrier.guessing");
  EXPECT_EQ(json["threats"][0]["calls"]["alert"], 28.4);
  EXPECT_TRUE(json["threats"][0]["calls"]["halt"].is_null());
  EXPECT_EQ(json["threats"][0]["unseen"]["per_day"], 642);
  EXPECT_FALSE(json["threats"][1]["by_table"].get<bool>());
  EXPECT_EQ(json["threats"][1]["steps"][0]["of"], "days");
  EXPECT_EQ(json["threats"][1]["steps"][0]["until"]["halt"], 9.088);
  EXPECT_EQ(json["not_judged"], nlohmann::json::array({"scrape", "coverage"}));
}

}  // namespace
}  // namespace ringfence
