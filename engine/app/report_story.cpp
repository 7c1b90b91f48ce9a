// SPDX-License-Identifier: Apache-2.0
#include "engine/app/report_story.h"

#include <algorithm>
#include <deque>
#include <iterator>

#include "engine/app/recorded_run.h"
#include "engine/event/decode.h"

namespace ringfence {
namespace {

constexpr std::size_t kCalls = 2000;

/// Names of the rows that speak for a threat, "channel: class".
std::vector<std::string> names_of(const std::vector<RowId>& marks, const Rulebook& rules) {
  std::vector<std::string> names;
  for (const RowId& mark : marks) {
    if (mark.cls == 0) continue;
    const auto channel = std::ranges::find_if(rules.channels(), [&](const Channel* c) { return c->info().id == mark.channel; });
    if (channel == rules.channels().end() || mark.cls >= (*channel)->info().classes.size()) continue;
    names.push_back(std::string((*channel)->info().name) + ": " + std::string((*channel)->info().classes[mark.cls]));
  }
  return names;
}

/// What stands after the call in its agent's scopes, or what it led to for the agent in a wider one, where that is more.
Level level_of(const Event& event, const Judgement& judgement) {
  Level level = judgement.verdict.level;
  for (const FindingRecord& record : judgement.findings)
    if (record.event_id == event.id && record.agent_id == event.agent.id && record.tenant == event.tenant)
      level = std::max(level, record.level);
  return level;
}

ReportCall call_of(const Event& event, const Judgement& judgement, const Rulebook& rules) {
  ReportCall call;
  call.event_id = event.id;
  call.tool = judgement.verdict.tool;
  call.session = event.session.id.value_or("");
  call.outcome = name_of(event.outcome.status);
  call.code = event.outcome.code.value_or("");
  call.time = event.time;
  call.level = level_of(event, judgement);
  call.score = judgement.verdict.score;
  call.marks = names_of(judgement.marks, rules);
  for (const Analytic analytic : judgement.verdict.raised) call.raised.emplace_back(uid_of(analytic));
  return call;
}

class Teller {
 public:
  Teller(const Rulebook& rules, const StoryOf& of) : rules_(rules), of_(of) {}

  void hear(const Event& event, const Judgement& judgement) {
    if (event.kind != EventKind::ToolCall || event.agent.id != of_.agent || event.tenant != of_.tenant) return;
    if (judgement.fact || judgement.copy) return;
    known_ = known_ && !(of_.known_until && to_milliseconds(event.time) > to_milliseconds(*of_.known_until));
    calls_.push_back(call_of(event, judgement, rules_));
    if (!known_) calls_.back().known = false, calls_.back().raised.clear();
    if (calls_.size() <= kCalls) return;
    calls_.pop_front();
    ++story_.calls_left_out;
  }

  void look_for_finding(const Judgement& judgement) {
    for (const FindingRecord& record : judgement.findings)
      if (record.uid == of_.finding_uid) story_.found = std::max(story_.found.value_or(record.level), record.level);
  }

  Story end() {
    story_.calls.assign(std::make_move_iterator(calls_.begin()), std::make_move_iterator(calls_.end()));
    return std::move(story_);
  }

 private:
  const Rulebook& rules_;
  const StoryOf& of_;
  bool known_ = true;  // what stands at the next call
  std::deque<ReportCall> calls_;
  Story story_;
};

}  // namespace

std::expected<Story, RunError> tell_story(FileRunOptions options, const std::shared_ptr<const Rulebook>& rules, const StoryOf& of) {
  auto opened = RecordedRun::open(std::move(options), rules);
  if (!opened) return std::unexpected(std::move(opened.error()));
  FileRun& run = (*opened)->run();
  Teller teller(*rules, of);
  run.on_event = [&](const Event& event, const Judgement& judgement) { teller.hear(event, judgement); };
  run.on_judgement = [&](const Judgement& judgement, const Refusal*) { teller.look_for_finding(judgement); };
  run.on_outside = [&](const Judgement& judgement) -> std::expected<void, RunError> {
    teller.look_for_finding(judgement);
    return {};
  };
  const RunEnd end = run.run();
  if (end.error) return std::unexpected(*end.error);
  if (end.report.stopped) return std::unexpected(RunError{ExitCode::Unusable, "stopped before the end of the events"});
  return teller.end();
}

}  // namespace ringfence
