// SPDX-License-Identifier: Apache-2.0
#include "engine/app/transcript.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <vector>

#include "engine/event/decode.h"
#include "engine/event/escape.h"

namespace ringfence {
namespace {

constexpr std::uint64_t kBarEveryEvents = 2048;

const char* colour_of(Level level) {
  switch (level) {
    case Level::Observe:
      return "";
    case Level::Alert:
      return "\033[33m";
    case Level::Throttle:
    case Level::Hold:
      return "\033[35m";
    case Level::Halt:
    case Level::Revoke:
      return "\033[31m";
  }
  return "";
}

std::string clipped(const std::string& text, std::size_t width) {
  std::string out = printable(text, width);
  if (out.size() < width) out.resize(width, ' ');
  return out;
}

/// The end of a long id says more than its beginning.
std::string short_id(const std::string& id, std::size_t width) {
  const std::size_t slash = id.rfind('/');
  return clipped(id.size() > width && slash != std::string::npos ? id.substr(slash + 1) : id, width);
}

/// `TENANT:AGENT`, short for the default tenant where that cannot be taken for another's.
std::string agent_name(const std::string& tenant, const std::string& agent_id) {
  return tenant == "default" && !agent_id.contains(':') ? agent_id : tenant + ":" + agent_id;
}

std::uint64_t percent(std::uint64_t read, std::uint64_t total) {
  return static_cast<std::uint64_t>(100 * std::min(1.0, static_cast<double>(read) / static_cast<double>(total)));
}

}  // namespace

std::string bar_line(std::uint64_t read, std::uint64_t total, std::uint64_t events) {
  std::string counted = std::to_string(events) + " events";
  if (total == 0) return counted;
  constexpr std::size_t kWidth = 30;
  const std::uint64_t share = percent(read, total);
  const std::string number = std::to_string(share);
  const std::size_t full = share * kWidth / 100;
  return "[" + std::string(full, '#') + std::string(kWidth - full, '.') + "] " + std::string(3 - number.size(), ' ') + number + " %  " +
         counted;
}

Transcript::Transcript(std::FILE* out, bool lines) : out_(out), lines_(lines), terminal_(isatty(fileno(out)) != 0) {}

void Transcript::tell(const Judgement& judgement) {
  if (judgement.copy || judgement.fact) return;
  Row& row = agents_[{judgement.verdict.tenant, judgement.verdict.agent_id}];
  ++row.calls;
  row.level = judgement.verdict.level;
  row.score = judgement.verdict.score;
  row.top_score = std::max(row.top_score, row.score);
  if (!judgement.verdict.threat.empty()) row.threat = judgement.verdict.threat;
  row.stopped += judgement.stopped ? 1 : 0;
  for (const FindingRecord& finding : judgement.findings) {
    row.findings += finding.activity == FindingRecord::Activity::Create ? 1 : 0;
    if (row.threat.empty()) row.threat = family_of(finding.analytic);
    if (!lines_) continue;
    clear_bar();
    static constexpr std::array<const char*, 4> kActivities{"", "new", "more", "closed"};
    const std::string level(name_of(finding.level));
    std::fprintf(out_, "%s  %s  %s  %s%-8s%s %-6s %s: %s\n", format_rfc3339(judgement.verdict.time).substr(11, 8).c_str(),
                 short_id(judgement.verdict.agent_id, 18).c_str(), clipped(judgement.verdict.tool, 22).c_str(),
                 terminal_ ? colour_of(finding.level) : "", level.c_str(), terminal_ ? "\033[0m" : "",
                 kActivities[static_cast<std::size_t>(finding.activity)], std::string(uid_of(finding.analytic)).c_str(),
                 printable(finding.sentence, 160).c_str());
  }
}

void Transcript::progress(std::uint64_t read, std::uint64_t total, std::uint64_t events) {
  if (!terminal_) return;
  const std::uint64_t now = total > 0 ? percent(read, total) : events;
  if (now < last_shown_ + (total > 0 ? 1 : kBarEveryEvents)) return;
  last_shown_ = now;
  bar_shown_ = true;
  std::fprintf(out_, "\r\033[K%s", bar_line(read, total, events).c_str());
  std::fflush(out_);
}

void Transcript::clear_bar() {
  if (!bar_shown_) return;
  std::fputs("\r\033[K", out_);
  bar_shown_ = false;
}

void Transcript::table(std::size_t rows) {
  clear_bar();
  std::vector<std::pair<std::pair<std::string, std::string>, Row>> sorted(agents_.begin(), agents_.end());
  std::ranges::stable_sort(sorted, [](const auto& a, const auto& b) {
    if (a.second.level != b.second.level) return a.second.level > b.second.level;
    return a.second.top_score > b.second.top_score;
  });
  std::fprintf(out_, "\n%-40s %-9s %10s %10s  %-12s %8s %8s %8s\n", "agent", "level", "score", "highest", "threat", "events", "findings",
               "stopped");
  for (std::size_t i = 0; i < std::min(rows, sorted.size()); ++i) {
    const auto& [agent, row] = sorted[i];
    std::fprintf(out_, "%s %s%-9s%s %10.3g %10.3g  %-12s %8llu %8llu %8llu\n", clipped(agent_name(agent.first, agent.second), 40).c_str(),
                 terminal_ ? colour_of(row.level) : "", std::string(name_of(row.level)).c_str(),
                 terminal_ && row.level > Level::Observe ? "\033[0m" : "", row.score, row.top_score,
                 row.threat.empty() ? "-" : row.threat.c_str(), static_cast<unsigned long long>(row.calls),
                 static_cast<unsigned long long>(row.findings), static_cast<unsigned long long>(row.stopped));
  }
  if (sorted.size() > rows) std::fprintf(out_, "… and %zu more agents\n", sorted.size() - rows);
}

}  // namespace ringfence
