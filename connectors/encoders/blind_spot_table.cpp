// SPDX-License-Identifier: Apache-2.0
#include "connectors/encoders/blind_spot_table.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "connectors/encoders/numbers.h"
#include "engine/event/escape.h"

namespace ringfence {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kNameWidth = 16, kNumberWidth = 10;

const ThreatInfo& info_of(Threat threat) { return kThreats[static_cast<std::size_t>(threat)]; }

std::string left(std::string text, std::size_t width) {
  if (text.size() < width) text.append(width - text.size(), ' ');
  return text;
}
std::string right(const std::string& text, std::size_t width = kNumberWidth) {
  return text.size() < width ? std::string(width - text.size(), ' ') + text : text;
}

/// Whole numbers as they are, great ones by their first digits.
std::string number(double value) { return value < 1e6 ? std::to_string(std::llround(value)) : score_text(value); }
std::string calls(const std::optional<double>& value) { return value ? number(std::ceil(*value)) : "never"; }
std::string acts(double share, double calls_per_day) { return number(std::floor(share * calls_per_day)); }

std::string joined(const std::vector<std::string>& texts, const char* separator) {
  std::string out;
  for (const std::string& text : texts) out += (out.empty() ? "" : separator) + text;
  return out;
}

/// Where the declared null grows most; the alert null's where that is the only one.
const std::vector<std::string>& contexts_of(const BlindSpot& spot) {
  const auto& declared = spot.contexts[static_cast<std::size_t>(Null::Declared)];
  return declared.empty() ? spot.contexts[static_cast<std::size_t>(Null::Alert)] : declared;
}

std::string numbers(const auto& spot, const std::string& unseen, const std::string& unhalted, const std::string& about) {
  return right(calls(spot.alert)) + right(calls(spot.throttle)) + right(calls(spot.halt)) + right(unseen, 12) + right(unhalted, 14) +
         "   " + printable(about, 160);
}

/// What no number can be given for beforehand, and why.
std::string without_numbers(const BlindSpot& spot) {
  const std::string_view why = spot.threat == Threat::Opinion ? "what another detector says, bounded in all"
                               : info_of(spot.threat).bounded ? "factors come with each event"
                                                              : "factors are learned of the agent itself; measured in docs/proof.md";
  return std::string(why) + (spot.alert_only ? "; alerts only" : "");
}

std::string row(const BlindSpot& spot, double calls_per_day) {
  std::string line = "  " + left(std::string(info_of(spot.threat).id), kNameWidth);
  const std::string next = "\n  " + left("", kNameWidth);
  if (spot.by_table)
    line +=
        numbers(spot, acts(spot.unseen_share, calls_per_day), acts(spot.unhalted_share, calls_per_day), joined(contexts_of(spot), " + "));
  for (std::size_t i = 0; i < spot.steps.size(); ++i) {
    const StepSpot& step = spot.steps[i];
    const auto share = [&](double of) { return step.law.calls ? acts(of, calls_per_day) : percent_text(of, 2); };
    line += (spot.by_table || i > 0 ? next : "") +
            numbers(step, share(step.unseen_share), share(step.unhalted_share), std::string(step.law.steps) + ": " + step.law.abuse);
  }
  if (!spot.by_table && spot.steps.empty()) line += without_numbers(spot);
  if (!spot.declared.empty()) line += next + "declared: " + printable(joined(spot.declared, "; "), 400);
  return line + "\n";
}

Json optional_number(const std::optional<double>& value) { return value ? Json(significant(*value, 4)) : Json(nullptr); }

Json spot_json(const BlindSpot& spot, double calls_per_day) {
  const ThreatInfo& threat = info_of(spot.threat);
  Json out{{"threat", threat.id},
           {"analytic", uid_of(threat.analytic)},
           {"weight", threat.prior},
           {"by_table", spot.by_table},
           {"alert_only", spot.alert_only}};
  if (spot.by_table) {
    out["calls"] = {
        {"alert", optional_number(spot.alert)}, {"throttle", optional_number(spot.throttle)}, {"halt", optional_number(spot.halt)}};
    out["unseen"] = {{"share", significant(spot.unseen_share, 4)}, {"per_day", std::floor(spot.unseen_share * calls_per_day)}};
    out["unhalted"] = {{"share", significant(spot.unhalted_share, 4)}, {"per_day", std::floor(spot.unhalted_share * calls_per_day)}};
    const auto null_json = [&](Null null) {
      const auto n = static_cast<std::size_t>(null);
      return Json{{"nats_per_call", significant(spot.growth[n], 4)}, {"contexts", spot.contexts[n]}};
    };
    out["growth"] = {{"alert", null_json(Null::Alert)}, {"declared", null_json(Null::Declared)}};
  }
  for (const StepSpot& step : spot.steps) {
    out["steps"].push_back(
        {{"of", step.law.steps},
         {"abuse", step.law.abuse},
         {"until",
          {{"alert", optional_number(step.alert)}, {"throttle", optional_number(step.throttle)}, {"halt", optional_number(step.halt)}}},
         {"unseen_share", significant(step.unseen_share, 4)},
         {"unhalted_share", significant(step.unhalted_share, 4)},
         {"nats_per_step", {{"alert", significant(step.law.abused[0], 4)}, {"declared", significant(step.law.abused[1], 4)}}}});
  }
  if (!spot.declared.empty()) out["declared"] = spot.declared;
  return out;
}

}  // namespace

std::string blind_spot_legend() {
  return "Blind spots: calls until alert, throttle and halt where every act is the threat's, at its fastest in the context named; and how\n"
         "many of its acts a day at most, among clean ones, can go on without raising anything (unseen) or a halt (unhalted).\n"
         "Where the context names what is counted (days, sessions, minutes), these are counts of them, and shares of them go on so.\n"
         "A closed form of the declared tables, not a measurement: beyond it being found is certain. Adversaries that were simulated got\n"
         "away with as much within a factor of four (docs/proof.md, Adversaries).\n";
}

std::string blind_spot_table(const BlindSpots& spots, std::string_view persona) {
  std::string out = printable(persona) + ": " + number(spots.calls_per_day) + " calls a day" +
                    (spots.rate_declared ? " (declared rate on its busiest day)" : " (assumed: no data.rate is declared)") +
                    ", tolerance " + plain_text(spots.tolerance) + "\n";
  out += "  " + left("threat", kNameWidth) + right("alert") + right("throttle") + right("halt") + right("unseen/day", 12) +
         right("unhalted/day", 14) + "   context\n";
  for (const BlindSpot& spot : spots.spots) out += row(spot, spots.calls_per_day);
  std::vector<std::string> names;
  for (const Threat threat : spots.not_judged) names.emplace_back(info_of(threat).id);
  if (!names.empty())
    out += "  not judged by evidence, as nothing is declared for it or no channel holds it: " + joined(names, ", ") + "\n";
  return out;
}

std::string blind_spot_json(const BlindSpots& spots, std::string_view persona) {
  Json rows = Json::array(), names = Json::array();
  for (const BlindSpot& spot : spots.spots) rows.push_back(spot_json(spot, spots.calls_per_day));
  for (const Threat threat : spots.not_judged) names.push_back(info_of(threat).id);
  const Json out{{"persona", persona},
                 {"calls_per_day", spots.calls_per_day},
                 {"rate_declared", spots.rate_declared},
                 {"tolerance", spots.tolerance},
                 {"threats", rows},
                 {"not_judged", names}};
  return out.dump(-1, ' ', /*ensure_ascii=*/true, Json::error_handler_t::replace);
}

}  // namespace ringfence
