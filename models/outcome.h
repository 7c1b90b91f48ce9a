// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "models/channel.h"

namespace ringfence {

/// What came of the acts: claims against the record, loops without progress, sweeps of destruction.
///
/// - `outcome.contradiction`: a task is reported done, but an act under it that was no read was denied or failed, and none like it (same
///   action, or same effect on the same resource) succeeded later, whatever else did and whatever else was reported before. A task with an
///   id is looked for in all live sessions of the agent. What names no task is of its session, and may be of any task there: the first that
///   ends takes it along. An act whose effect nobody states is not evaluable. An exception knows the failed act's action, nothing else of
///   it.
/// - `loop.no_progress`: class 1 is an act that one of the session's last four acts already was, tool, arguments, resource and result alike
///   (what was asked for is what the request says, where requests are reported); contexts:
///   after progress (cap .2), after such a repetition (cap .5). Not repetitions: up to `barriers.retries` of a failed act, and a poll, that
///   is a read in a job that declares `data.rate.per_minute.p50`, no sooner after its like than that median allows. About
///   25 in a row alert at tier 2. Alert only: the caps are ours, not the persona's.
/// - `destructive.burst`: acts that delete, administer or by their name cancel, where every such action declares a `share` w (their sum):
///   caps 3 w + .02 after another act, the greater of that and .5 after one like it; a wager of its own with factors compiled from these.
///   Each act whose end is told counts; what failed or ended unknown destroyed nothing, but the next is one after it.
///   Shares of a third and more cap nothing, so nothing is judged. An action is such a one by its effect, or where one of its tools, behind
///   the server, names it by a word (`delete remove cancel purge drop destroy terminate wipe revoke`) between `_ - . / :` or capitals
///   (`bulkDelete`); only its acts count, and those no action declares.
///
/// State: 0.2 KiB a session with calls, up to 128 bytes more where requests are reported. Cost: 20 ns; an event's hashes are already there.
/// Blind to: loops longer than four acts or with a result that changes (a clock in it), or with more than eight requests of the session
/// under way; destruction in an action without a share or under a tool that does not name it by one of these words (`booking.*`,
/// `erase_all`). Source: docs/contracts/topics.md; the bets by docs/design/detection.md §2.
[[nodiscard]] const Channel& outcome_channel();

}  // namespace ringfence
