// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "models/scope_ruling.h"

namespace ringfence::scope {

/// Remembers the scope that a task_start declares; one under a known id in the same session replaces it. Bounded: at most
/// kTasksPerSession of one session, kTasksPerAgent and 1 MiB of an agent, expired and then oldest out, beyond 1 MiB the longest list of
/// these first. A list is kept whole or not at all, each by itself: 64 KiB, of which each entry costs 32 bytes more than its text, its
/// globs 8 KiB together. Of a list that is not kept it is known that it narrows: what is done under it is not evaluable in this
/// (`Lacking::Past`), neither outside it nor inside. Tasks of which no list is kept are known by name, kTasksPerAgent of them; of the
/// others how many they are and what was lost: they hold for acts of no task known by name, until as many other tasks have ended or the
/// last has expired.
void start_task(const Act& act);
/// Forgets the task that a task_end names; without an id, the unnamed task of the session. Where it is not known, one of the others.
void end_task(const Act& act);

/// Tasks that hold for an act at its time: those with its task.id, or without one all of the same session (event.md, task_start).
[[nodiscard]] std::vector<const TaskScope*> tasks_of(const Act& act);

/// `scope.task`: the act's tool, resource and destinations against every task that holds for it.
[[nodiscard]] Ruling judge_tasks(const Act& act);

/// Whether a task that holds for the act lists this destination: given by the user. Perhaps: one of these lists is lost.
enum class Given : std::uint8_t { No, Perhaps, Yes };
[[nodiscard]] Given task_gives(const Act& act, std::string_view destination);

}  // namespace ringfence::scope
