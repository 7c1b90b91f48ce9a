// SPDX-License-Identifier: Apache-2.0
#include "connectors/sinks/alarm.h"

#include <algorithm>
#include <utility>

#include "engine/verdict/analytics.h"

namespace ringfence {

FindingRecord new_alarm(Analytic analytic, std::string uid, EventTime now) {
  FindingRecord out{.analytic = analytic, .level = Level::Alert, .applied = Level::Alert};
  out.activity = FindingRecord::Activity::Create;
  out.uid = std::move(uid);
  out.title = std::string(info_of(analytic).title);
  out.count = 1;
  out.time = out.created = out.first_seen = out.last_seen = now;
  return out;
}

FindingRecord next_alarm(FindingRecord last, FindingRecord::Activity activity, EventTime now, std::string sentence) {
  last.activity = activity;
  ++last.number;
  last.time = last.last_seen = std::max(now, last.last_seen);
  last.sentence = std::move(sentence);
  return last;
}

FindingRecord closed_alarm(FindingRecord last, EventTime now, std::string reason, std::string sentence) {
  last = next_alarm(std::move(last), FindingRecord::Activity::Close, now, std::move(sentence));
  last.close_reason = std::move(reason);
  return last;
}

}  // namespace ringfence
