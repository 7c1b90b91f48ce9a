// SPDX-License-Identifier: Apache-2.0
#include "connectors/encoders/analytic_page.h"

#include <algorithm>

#include "connectors/encoders/numbers.h"
#include "engine/event/governed.h"

namespace ringfence {
namespace {

constexpr std::string_view kGenerated =
    "<!-- Generated from engine/verdict/analytics.cpp and the channels' headers: see CONTRIBUTING.md. -->\n";

std::string row(std::string_view name, const std::string& value) { return "| " + std::string(name) + " | " + value + " |\n"; }

std::string section(std::string_view title, const std::vector<std::string>& paragraphs) {
  if (paragraphs.empty()) return {};
  std::string out = "\n## " + std::string(title) + "\n";
  for (const std::string& paragraph : paragraphs) out += "\n" + paragraph + "\n";
  return out;
}

std::string tag_text(const TechniqueTag& tag) {
  const auto part = [](std::string_view uid, std::string_view name) {
    return uid.empty() ? "" : " " + std::string(uid) + " " + std::string(name);
  };
  const std::string tactic = part(tag.tactic_uid, tag.tactic_name), technique = part(tag.technique_uid, tag.technique_name);
  return std::string(tag.taxonomy) + ":" + tactic + (tactic.empty() || technique.empty() ? "" : ",") + technique;
}

std::string threat_text(const AnalyticThreat& threat) {
  return "threat `" + std::string(threat.id) + "` of family " + std::string(threat.family) + ", weight " + plain_text(threat.weight) +
         (threat.may_halt ? "" : "; never halts");
}

std::string joined(const std::vector<std::string>& texts) {
  std::string out;
  for (const std::string& text : texts) out += (out.empty() ? "" : "; ") + text;
  return out;
}

std::string kind_text(AnalyticKind kind) {
  return kind == AnalyticKind::Rule ? "rule: one act against a declaration" : "statistical: evidence over many acts";
}

}  // namespace

std::string analytic_page(const AnalyticInfo& info, const AnalyticSources& sources) {
  std::string out(kGenerated);
  out += "# `" + std::string(uid_of(info.analytic)) + "`: " + std::string(info.name) + "\n\n**" + std::string(info.title) + ".** " +
         std::string(info.meaning) + "\n\n| | |\n|---|---|\n";
  out += row("kind", kind_text(info.kind));
  out += row("usual level", std::string(name_of(info.usual_level)) +
                                (takes_level(info.analytic) ? ", where neither the persona nor the evidence sets another"
                                                            : "; `response.analytics` and `exceptions` of a persona have no effect on it") +
                                (info.other_levels.empty() ? "" : "; " + std::string(info.other_levels)));
  std::vector<std::string> texts;
  for (const AnalyticThreat& threat : sources.threats) texts.push_back(threat_text(threat));
  if (!texts.empty()) out += row("evidence", joined(texts));
  texts.clear();
  for (const std::string& file : sources.files) texts.push_back("`" + file + "`");
  out += row("judged by", texts.empty() ? "nothing in this release: the id is reserved" : joined(texts));
  texts.clear();
  for (const TechniqueTag& tag : info.techniques) texts.push_back(tag_text(tag));
  out += row("MITRE", texts.empty() ? "none applies" : joined(texts));
  texts.clear();
  for (const std::string_view tag : info.owasp_asi) texts.emplace_back(tag);
  out += row("OWASP Top 10 for Agentic Applications", texts.empty() ? "none applies" : joined(texts));
  out += section("What innocent conduct looks like this", {std::string(info.false_positives)});
  out += section("What to look at first", {std::string(info.check)});
  out += section("Blind to", sources.blind_to);
  std::vector<std::string> lineage = sources.lineage;
  if (!info.source.empty()) lineage.emplace_back(info.source);
  out += section("Source", lineage);
  return out + "\n[All analytics](README.md)\n";
}

std::string analytic_index(std::span<const AnalyticInfo> analytics, std::span<const std::string> unjudged) {
  std::string out(kGenerated);
  out +=
      "# Analytics\n\nWhat a finding can be about: `finding_info.analytic.uid`. The ids are stable; the family is the part before the "
      "dot.\n\n"
      "| id | name | what happened | usual level |\n|---|---|---|---|\n";
  for (const AnalyticInfo& info : analytics) {
    const std::string uid(uid_of(info.analytic));
    const bool reserved = std::ranges::find(unjudged, uid) != unjudged.end();
    out += "| [`" + uid + "`](" + uid + ".md) | " + std::string(info.name) + " | " + std::string(info.title) + " | " +
           std::string(name_of(info.usual_level)) + (info.other_levels.empty() ? "" : ", by case") +
           (reserved ? ", not judged in this release" : "") + " |\n";
  }
  return out + "\nWhich telemetry each needs: [telemetry_gaps.md](../telemetry_gaps.md).\n";
}

}  // namespace ringfence
