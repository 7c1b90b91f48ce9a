// SPDX-License-Identifier: Apache-2.0
#include "engine/app/live_view.h"

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>
#include <span>

#include "engine/event/decode.h"
#include "engine/event/drill.h"
#include "engine/event/hash.h"

namespace ringfence {
namespace {

constexpr double kWorthShowing = 1;
constexpr std::string_view kReleased = "released";
constexpr std::int64_t kNanosPerMs = 1'000'000;

std::pair<Level, double> rank(const LiveView::Row& row) { return {row.level, row.score}; }

}  // namespace

std::uint64_t LiveView::key_of(std::string_view tenant, std::string_view agent) { return hash64(agent, hash64(tenant)); }

/// What an operator's release leaves of an agent is seen again with its next event.
void LiveView::forget_released(const Judgement& judgement) {
  const std::lock_guard lock(mutex_);
  for (const ContainmentRecord& record : judgement.containments)
    if (!record.contained) rows_.erase(key_of(record.tenant, record.agent_id));
  for (const FindingRecord& finding : judgement.findings)  // of a scope wider than its agents, which is contained in no agent's name
    if (finding.close_reason == kReleased) rows_.erase(key_of(finding.tenant, finding.agent_id));
}

void LiveView::see(const Judgement& judgement) {
  const Verdict& verdict = judgement.verdict;
  if (verdict.event_id.empty()) forget_released(judgement);
  if (judgement.copy || judgement.fact || verdict.event_id.empty() || is_drill(verdict.tenant)) return;
  const bool worth = verdict.level > Level::Observe || verdict.score >= kWorthShowing;
  if (!worth && rows_.empty()) return;
  const std::uint64_t key = key_of(verdict.tenant, verdict.agent_id);
  const auto known = rows_.find(key);
  if (known == rows_.end() && !worth) return;
  const std::lock_guard lock(mutex_);
  if (!worth) {
    rows_.erase(known);
    return;
  }
  if (known == rows_.end() && rows_.size() >= kRows) {
    const auto least = std::ranges::min_element(rows_, {}, [](const auto& row) { return rank(row.second); });
    if (rank(least->second) >= std::pair(verdict.level, verdict.score)) return;
    rows_.erase(least);
  }
  rows_[key] = {.tenant = verdict.tenant,
                .agent = verdict.agent_id,
                .threat = std::string(verdict.threat),
                .level = verdict.level,
                .score = verdict.score,
                .last = verdict.time,
                .passed = judgement.passed};
}

std::vector<LiveView::Row> LiveView::shown() const {
  const std::lock_guard lock(mutex_);
  std::vector<Row> out;
  for (const auto& [key, row] : rows_) out.push_back(row);
  return out;
}

std::string encode_live_view(std::vector<LiveView::Row> agents, const std::vector<ShardLag>& lag,
                             const EnforcementBoard::Standing& contained) {
  std::ranges::stable_sort(agents, std::ranges::greater(), rank);
  nlohmann::ordered_json rows = nlohmann::ordered_json::array(), shards = rows, standing = rows;
  for (const LiveView::Row& row : std::span(agents).first(std::min(agents.size(), LiveView::kShown)))
    rows.push_back({{"tenant", row.tenant},
                    {"agent", row.agent},
                    {"level", name_of(row.level)},
                    {"score", std::min(row.score, std::numeric_limits<double>::max())},
                    {"threat", row.threat},
                    {"last", format_rfc3339(row.last)},
                    {"passed", row.passed}});
  for (const auto& [records, delay] : lag) shards.push_back({{"records", records}, {"feed_delay_ms", delay / kNanosPerMs}});
  for (const auto& [scope, level, state, since, pending] : contained.latest)
    standing.push_back(
        {{"scope", scope}, {"level", name_of(level)}, {"state", name_of(state)}, {"since", format_rfc3339(since)}, {"pending", pending}});
  const nlohmann::ordered_json out{{"agents", std::move(rows)},
                                   {"agents_count", agents.size()},
                                   {"shards", std::move(shards)},
                                   {"contained", std::move(standing)},
                                   {"contained_count", contained.count}};
  return out.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace) + "\n";
}

}  // namespace ringfence
