// SPDX-License-Identifier: Apache-2.0
#include "connectors/encoders/finding_account.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "connectors/encoders/strict_json.h"
#include "engine/event/decode.h"

namespace ringfence {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kFindingBytes = 1U << 20U;
constexpr std::int64_t kNanosPerMs = 1'000'000;

EventTime time_of(const Json& finding) { return EventTime{finding.at("time").get<std::int64_t>() * kNanosPerMs}; }

Level level_in(const Json& of) { return level_named(of.at("level").get<std::string>()).value_or(Level::Observe); }

Differences differences_of(const Json& all) {
  Differences out{level_in(all), {}};
  for (const Json& one : all.at("ways")) {
    Difference way{.acts = {}, .score = one.at("score").get<double>(), .at_most = one.value("at_most", false), .level = level_in(one)};
    for (const Json& acts : one.at("without"))
      way.acts.push_back({acts.at("channel").get<std::string>(), acts.at("class").get<std::string>(), acts.at("context").get<std::string>(),
                          acts.at("acts").get<std::uint32_t>(), acts.at("of").get<std::uint32_t>()});
    out.ways.push_back(std::move(way));
  }
  return out;
}

Explanation explanation_of(const Json& ours) {
  Explanation out;
  out.threat = ours.at("threat").get<std::string>();
  out.family = ours.at("family").get<std::string>();
  out.null = ours.at("null").get<std::string>();
  out.scope = ours.at("scope").get<std::string>();
  out.score = ours.at("score").get<double>();
  out.ln_score = ours.at("ln_score").get<double>();
  out.share = ours.at("share").get<double>();
  out.tolerance = ours.at("tolerance").get<double>();
  out.threshold = ours.at("threshold").get<double>();
  out.halt_threshold = ours.value("halt_threshold", out.threshold);
  out.threshold_of = by_score(level_named(ours.value("threshold_of", ours.at("level").get<std::string>())).value_or(Level::Alert));
  out.declared_tolerance = ours.value("declared_tolerance", out.tolerance);
  out.bounded = ours.value("bounded", true);
  if (const auto alert = ours.find("alert_score"); alert != ours.end()) out.alert_score = alert->get<double>();
  out.clamped = ours.value("clamped", false);
  const Json& terms = ours.at("terms");
  out.prior = terms.at("prior").get<double>();
  out.start = terms.at("start").get<double>();
  out.late_starts = terms.at("late_starts").get<double>();
  out.others = terms.at("others").get<double>();
  for (const Json& row : ours.at("evidence")) {
    out.rows.push_back({row.at("channel").get<std::string>(), row.at("class").get<std::string>(), row.at("context").get<std::string>(),
                        row.at("count").get<std::uint32_t>(), row.at("nats").get<double>(), row.at("cap").get<double>(), std::nullopt,
                        row.at("samples").get<std::vector<std::string>>(), row.value("alerts_more", 0.)});
    if (row.contains("seen")) out.rows.back().seen = row.at("seen").get<double>();
  }
  if (ours.contains("would_differ")) out.would_differ = differences_of(ours.at("would_differ"));
  return out;
}

/// The act that caused a record, where it names one; a Close is caused by none of the finding's own.
std::vector<AccountAct> acts_from(const Json& finding) {
  if (finding.value("activity_id", 0) == static_cast<int>(FindingRecord::Activity::Close) || !finding.contains("evidences")) return {};
  const Json& evidence = finding.at("evidences").at(0);
  AccountAct act{.event_id = evidence.at("uid").get<std::string>(), .tool = "", .time = time_of(finding)};
  if (evidence.contains("api")) {
    const Json& api = evidence.at("api");
    act.tool =
        (api.contains("service") ? api.at("service").at("name").get<std::string>() + "/" : "") + api.at("operation").get<std::string>();
  }
  return {std::move(act)};
}

struct Read {
  Account account;
  EventTime time;
};

/// Throws the library's exceptions for whatever is absent or of another type; its only caller turns them into an error value.
Read parts_of(const Json& finding) {
  const Json& ours = finding.at("unmapped").at("ringfence");
  const Json& info = finding.at("finding_info");
  Account out;
  out.agent = ours.at("agent").get<std::string>();
  out.tenant = ours.at("tenant").get<std::string>();
  out.persona = ours.value("persona", "");
  out.persona_sha256 = ours.value("persona_sha256", "");
  out.level = ours.at("level").get<std::string>();
  out.applied = ours.at("applied").get<std::string>();
  out.finding_uid = info.at("uid").get<std::string>();
  out.count = info.value("related_events_count", std::uint64_t{0});
  out.analytic = info.at("analytic").at("uid").get<std::string>();
  out.title = info.at("title").get<std::string>();
  out.sentence = info.at("desc").get<std::string>();
  if (ours.contains("terms")) out.explanation = explanation_of(ours);
  if (ours.contains("breaches")) out.breaches = ours.at("breaches").get<std::vector<std::string>>();
  out.held_acts = ours.value("held_acts", std::uint32_t{0});
  if (!out.explanation || !out.breaches.empty()) out.acts = acts_from(finding);
  return {std::move(out), time_of(finding)};
}

std::expected<Read, std::string> read(std::string_view finding_json) {
  if (finding_json.size() > kFindingBytes) return std::unexpected("the finding is larger than 1 MiB");
  const auto finding = parse_strict_json(finding_json);
  if (!finding) return std::unexpected("not a finding: " + finding.error());
  try {
    return parts_of(*finding);
  } catch (const nlohmann::json::exception&) {
    return std::unexpected(
        std::string("not a finding of this program: a field of unmapped.ringfence or finding_info is missing or of another type"));
  }
}

/// It says why: by a ledger, by what was broken, or by the act that it is about.
bool gives_reasons(const Account& record) { return record.explanation || !record.breaches.empty() || !record.acts.empty(); }

template <class T, class Same>
void gather(std::vector<T>& all, std::vector<T> more, const Same& same) {
  for (T& one : more)
    if (std::ranges::none_of(all, [&](const T& known) { return same(known, one); })) all.push_back(std::move(one));
}

/// A later record of the same finding, taken into what the ones before have told.
void take_in(Account& whole, Read record) {
  Account& next = record.account;
  gather(whole.breaches, std::exchange(next.breaches, {}), std::equal_to());
  gather(whole.acts, std::exchange(next.acts, {}), [](const AccountAct& a, const AccountAct& b) { return a.event_id == b.event_id; });
  if (next.explanation) whole.explanation = std::move(next.explanation);
  whole.persona = std::move(next.persona);
  whole.persona_sha256 = std::move(next.persona_sha256);
  whole.analytic = std::move(next.analytic);
  whole.title = std::move(next.title);
  whole.sentence = std::move(next.sentence);
  whole.held_acts = std::max(whole.held_acts, next.held_acts);
  whole.since.clear();
}

}  // namespace

std::expected<Account, std::string> account_of_finding(std::string_view finding_json) {
  auto record = read(finding_json);
  if (!record) return std::unexpected(record.error());
  return std::move(record->account);
}

std::expected<Account, std::string> account_of_records(std::span<const std::string> records) {
  std::optional<Account> whole;
  for (const std::string& text : records) {
    auto record = read(text);
    if (!record) return std::unexpected(record.error());
    const Account& next = record->account;
    const std::string level = next.level, applied = next.applied;
    const std::uint64_t count = next.count;
    if (!whole) {
      whole = std::move(record->account);
    } else if (gives_reasons(next)) {
      take_in(*whole, std::move(*record));
    } else {
      whole->since.push_back(format_rfc3339(record->time) + "  " + next.sentence);
    }
    whole->level = level;
    whole->applied = applied;
    whole->count = count;
  }
  if (!whole) return std::unexpected("no record of this finding");
  return std::move(*whole);
}

}  // namespace ringfence
