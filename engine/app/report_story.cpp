// SPDX-License-Identifier: Apache-2.0
#include "engine/app/report_story.h"

#include <algorithm>
#include <chrono>
#include <deque>
#include <iterator>

#include "connectors/sources/file_source.h"
#include "engine/event/decode.h"
#include "engine/event/escape.h"
#include "engine/pipeline/rehearsal.h"

namespace ringfence {
namespace {

constexpr std::size_t kCalls = 2000, kBatch = 1024;
constexpr std::chrono::milliseconds kReadWait{1000};

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

ReportCall call_of(const Event& event, const Judgement& judgement, const Rulebook& rules) {
  ReportCall call;
  call.event_id = event.id;
  call.tool = judgement.verdict.tool;
  call.session = event.session.id.value_or("");
  call.outcome = name_of(event.outcome.status);
  call.code = event.outcome.code.value_or("");
  call.time = event.time;
  call.level = judgement.verdict.level;
  call.score = judgement.verdict.score;
  call.marks = names_of(judgement.marks, rules);
  for (const Analytic analytic : judgement.verdict.raised) call.raised.emplace_back(uid_of(analytic));
  return call;
}

class Teller {
 public:
  Teller(const Rulebook& rules, std::string tenant, std::string agent)
      : rules_(rules), rehearsal_(rules), tenant_(std::move(tenant)), agent_(std::move(agent)) {}

  void hear(std::string_view record) {
    const auto event = decoder_.decode(record, std::nullopt, arena_);
    if (!event) return;
    const bool fact = event->kind == EventKind::ContextChange;
    if (!fact && (event->agent.id != agent_ || event->tenant != tenant_)) return;
    const auto judgement = rehearsal_.feed(record);
    if (!judgement || judgement->fact || judgement->copy) return;
    for (const ContainmentRecord& one : judgement->containments) {
      story_.containments.push_back((one.contained ? std::string(name_of(one.level)) : "release") + " of " + one.scope + " from " +
                                    format_rfc3339(one.effective_at) + ": " + one.reason);
    }
    if (event->kind != EventKind::ToolCall) return;
    calls_.push_back(call_of(*event, *judgement, rules_));
    if (calls_.size() <= kCalls) return;
    calls_.pop_front();
    ++story_.calls_left_out;
  }

  Story end() {
    story_.calls.assign(std::make_move_iterator(calls_.begin()), std::make_move_iterator(calls_.end()));
    return std::move(story_);
  }

 private:
  const Rulebook& rules_;
  Rehearsal rehearsal_;
  EventDecoder decoder_;
  EventArena arena_;
  std::string tenant_, agent_;
  std::deque<ReportCall> calls_;
  Story story_;
};

}  // namespace

std::expected<Story, std::string> tell_story(const Rulebook& rules, const std::string& tenant, const std::string& agent,
                                             const std::vector<std::string>& files) {
  Teller teller(rules, tenant, agent);
  for (const std::string& file : files) {
    auto source = open_file_source(file, {});
    if (!source) return std::unexpected(source.error().message);
    while (true) {
      const auto batch = (*source)->next(kBatch, kReadWait);
      if (!batch) return std::unexpected(batch.error().message);
      for (const Record& record : batch->records) teller.hear(record.bytes);
      if (batch->state == Batch::State::Ended || batch->state == Batch::State::Stopped) break;
    }
  }
  return teller.end();
}

}  // namespace ringfence
