// SPDX-License-Identifier: Apache-2.0
#include "engine/verdict/contribution.h"

#include <algorithm>

#include "engine/verdict/case.h"
#include "engine/verdict/contain.h"

namespace ringfence {
namespace {

constexpr std::uint64_t kUpdateFactor = 10;

OpenFinding* open_as(AgentState& agent, const std::string& uid) {
  const auto found = std::ranges::find(agent.findings, uid, &OpenFinding::uid);
  return found == agent.findings.end() ? nullptr : &*found;
}

/// As it is kept: nothing where it is the level's own.
std::optional<Severity> kept(Severity severity, Level level) {
  return severity == severity_of(level) ? std::nullopt : std::optional(severity);
}

/// Level and severity only rise, each by itself; the finding is about what raised the level, or the severity at its level.
void raise(OpenFinding& finding, const Contribution& part) {
  const Severity before = severity_told(finding), now = std::max(before, severity_told(part));
  if (part.level > finding.level || (part.level == finding.level && now > before)) finding.analytic = part.analytic;
  finding.level = std::max(finding.level, part.level);
  finding.severity = kept(now, finding.level);
}

}  // namespace

OpenFinding* open_in_family(AgentState& agent, std::string_view family) {
  const auto apart = [&](const OpenFinding& f) {
    return std::ranges::any_of(agent.containments, [&](const Containment& c) { return is_foreign(c) && c.finding_uid == f.uid; });
  };
  const auto found =
      std::ranges::find_if(agent.findings, [&](const OpenFinding& f) { return family_of(f.analytic) == family && !apart(f); });
  return found == agent.findings.end() ? nullptr : &*found;
}

bool due(const OpenFinding& finding, Level level, Severity severity) {
  return level > finding.level || severity > severity_told(finding) || finding.count >= kUpdateFactor * finding.count_written;
}

Booked book(AgentState& agent, const Event& event, std::string_view persona_sha256, const Contribution& part) {
  OpenFinding* finding = part.about != nullptr ? open_as(agent, part.about->finding_uid) : open_in_family(agent, family_of(part.analytic));
  if (finding == nullptr) {
    const std::string_view named_by = part.origin.empty() ? event.id : std::string_view(part.origin);
    agent.findings.push_back({.uid = finding_uid(event.tenant, agent.id, named_by, part.analytic, persona_sha256),
                              .analytic = part.analytic,
                              .level = part.level,
                              .created = event.time,
                              .first_seen = part.first_seen,
                              .last_seen = std::max(agent.last_time, event.time),
                              .records = 1,
                              .count = part.count,
                              .count_written = part.count,
                              .severity = kept(severity_told(part), part.level)});
    if (part.about != nullptr) part.about->finding_uid = agent.findings.back().uid;
    return {&agent.findings.back(), FindingRecord::Activity::Create};
  }
  finding->count += part.count;
  finding->last_seen = std::max({finding->last_seen, agent.last_time, event.time});
  if (!due(*finding, part.level, severity_told(part))) return {};
  raise(*finding, part);
  finding->count_written = finding->count;
  ++finding->records;
  return {finding, FindingRecord::Activity::Update};
}

}  // namespace ringfence
