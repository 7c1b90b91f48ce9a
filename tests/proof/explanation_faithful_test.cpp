// SPDX-License-Identifier: Apache-2.0
// An explanation is the reason: without the acts that its leading rows count, the level is not reached (docs/design/detection.md §8).
#include <gmock/gmock.h>

#include <cmath>
#include <random>
#include <set>

#include "tests/unit/pipeline/watch.h"

namespace ringfence {
namespace {

using ringfence::testing::Call;
using ringfence::testing::Watch;
using ::testing::Gt;
using ::testing::Lt;

/// Identifiers are marked and bytes graded; nothing acts on what is found, so that an incident goes on to its end.
Rulebook rules() { return testing::rulebook({testing::clerk("mode: observe") + "data: {per_call: {bytes: {p50: 4KiB, p99: 40KiB}}}\n"}); }

std::string word(std::mt19937_64& dice) {
  std::string text;
  for (int i = 0; i < 9; ++i) text += static_cast<char>('a' + dice() % 26);
  return text;
}

enum class Incident : std::uint8_t { NearMisses, MadeUpIds, Enumeration, Bulk, Mixed };
constexpr std::array kIncidents{Incident::NearMisses, Incident::MadeUpIds, Incident::Enumeration, Incident::Bulk, Incident::Mixed};

Call attempt(Incident incident, int number, std::mt19937_64& dice) {
  if (incident == Incident::Mixed) incident = kIncidents[dice() % 4];
  Call call{.outcome = "denied"};
  std::string id;
  switch (incident) {
    case Incident::NearMisses:
      call.ref = testing::near_miss(number % 40);
      break;
    case Incident::MadeUpIds:
      for (int i = 0; i < 41; ++i) id += "0123456789abcdef"[dice() % 16];
      call.ref = id;
      break;
    case Incident::Enumeration:
      call.ref = word(dice);
      break;
    default:
      call.outcome = "ok";
      call.ref = word(dice);
      call.more = R"(,"bytes":{"request":0,"response":)" + std::to_string(100'000 + dice() % 1'000'000) + "}";
  }
  return call;
}

/// Ordinary calls with the incident's among them, half of the calls from some point on.
std::vector<std::string> story(Incident incident, std::uint64_t seed) {
  std::mt19937_64 dice(seed);
  std::vector<std::string> events;
  const EventTime start = parse_rfc3339("2026-11-20T08:00:00Z").value();
  const int begin = 20 + static_cast<int>(dice() % 60), length = begin + 60 + static_cast<int>(dice() % 60);
  for (int n = 0; n < length; ++n) {
    Call call{.ref = word(dice),
              .more = R"(,"result":"nothing of the kind","bytes":{"request":0,"response":)" + std::to_string(dice() % 9000) + "}"};
    if (n == begin || (n > begin && dice() % 2 == 0)) call = attempt(incident, n - begin, dice);
    call.id = "c" + std::to_string(n);
    events.push_back(Watch::json(call, start + seconds(std::int64_t{7} * n)));
  }
  return events;
}

struct Seen {
  std::vector<std::vector<RowId>> marks;  // by event
  std::vector<double> score;              // under the null of the explanation
  std::optional<Explanation> explanation;
  std::size_t at = 0;  // event that the first explanation was written for
};

Seen replay(const Rulebook& rules, const std::vector<std::string>& events, Null null) {
  Rehearsal rehearsal(rules);
  Seen seen;
  for (const std::string& event : events) {
    const auto judged = rehearsal.feed(event);
    if (!judged) throw std::runtime_error("refused: " + judged.error().detail);
    seen.marks.push_back(judged->marks);
    seen.score.push_back(score(*rehearsal.agent("default", "clerk-1"), rules.tables(0), null));
    for (const FindingRecord& finding : judged->findings) {
      if (seen.explanation || !finding.explanation) continue;
      seen.explanation = finding.explanation;
      seen.at = seen.marks.size() - 1;
    }
  }
  return seen;
}

/// The leading rows without whose nats the explained score would be under its threshold.
std::vector<const EvidenceRow*> leading_rows(const Explanation& explanation) {
  double left = explanation.ln_score;
  std::vector<const EvidenceRow*> rows;
  for (const EvidenceRow& row : explanation.rows) {
    if (left < std::log(explanation.threshold)) break;
    rows.push_back(&row);
    left -= row.nats;
  }
  return rows;
}

class Explanations : public ::testing::TestWithParam<Incident> {};

TEST_P(Explanations, WithoutTheActsOfTheirLeadingRowsTheLevelIsNotReached) {
  const Rulebook rules = ringfence::rules();
  int explained = 0;
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    const std::vector<std::string> events = story(GetParam(), seed);
    Seen seen = replay(rules, events, Null::Alert);
    if (!seen.explanation) continue;
    ++explained;
    const Explanation& explanation = *seen.explanation;
    const Null null = explanation.null == "alert" ? Null::Alert : Null::Declared;
    const auto rows = leading_rows(explanation);
    ASSERT_FALSE(rows.empty());
    std::vector<std::string> without;
    for (std::size_t i = 0; i <= seen.at; ++i) {
      const bool counted = std::ranges::any_of(seen.marks[i], [&](const RowId& mark) {
        return std::ranges::any_of(rows, [&](const EvidenceRow* row) {
          const Channel* const channel =
              *std::ranges::find_if(rules.channels(), [&](const Channel* c) { return c->info().id == mark.channel; });
          const ChannelInfo& info = channel->info();
          return info.name == row->channel && info.contexts.at(mark.context) == row->context && info.classes.at(mark.cls) == row->cls;
        });
      });
      if (!counted) without.push_back(events[i]);
    }
    ASSERT_THAT(without.size(), Lt(seen.at + 1));
    const Seen rest = replay(rules, without, null);
    EXPECT_THAT(*std::ranges::max_element(rest.score), Lt(explanation.threshold))
        << "seed " << seed << ": " << explanation.threat << " at ln S " << explanation.ln_score << ", " << rows.size() << " of "
        << explanation.rows.size() << " rows, " << seen.at + 1 - without.size() << " acts deleted";
    EXPECT_FALSE(rest.explanation) << "seed " << seed;
  }
  EXPECT_THAT(explained, Gt(8)) << "most of the incidents are found";
}

TEST_P(Explanations, WithoutAsManyOtherActsItStaysReached) {
  const Rulebook rules = ringfence::rules();
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    const std::vector<std::string> events = story(GetParam(), seed);
    const Seen seen = replay(rules, events, Null::Alert);
    if (!seen.explanation) continue;
    const Null null = seen.explanation->null == "alert" ? Null::Alert : Null::Declared;
    // The clean acts: class 0 everywhere. They are no reason, so that their absence lowers nothing.
    std::vector<std::string> without;
    for (std::size_t i = 0; i <= seen.at; ++i)
      if (std::ranges::any_of(seen.marks[i], [](const RowId& mark) { return mark.cls > 0; })) without.push_back(events[i]);
    const Seen rest = replay(rules, without, null);
    EXPECT_THAT(*std::ranges::max_element(rest.score), Gt(.2 * seen.explanation->threshold)) << "seed " << seed;
  }
}

std::string name_of_incident(const ::testing::TestParamInfo<Incident>& tested) {
  constexpr std::array<const char*, 5> kNames{"NearMisses", "MadeUpIds", "Enumeration", "Bulk", "Mixed"};
  return kNames.at(static_cast<std::size_t>(tested.param));
}
INSTANTIATE_TEST_SUITE_P(Incidents, Explanations, ::testing::ValuesIn(kIncidents), name_of_incident);

}  // namespace
}  // namespace ringfence
