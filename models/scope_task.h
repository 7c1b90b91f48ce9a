// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "models/scope_ruling.h"

namespace ringfence::scope {

/// Remembers the scope that a task_start declares; one under a known id in the same session replaces it. Bounded: at most
/// kTasksPerSession of one session, kTasksPerAgent and 1 MiB of an agent, expired and then oldest out. A list is kept whole or not at all:
/// 64 KiB, of which each entry costs 32 bytes more than its text, its globs 8 KiB together. Of a task whose lists are not kept it is known
/// that it narrows, of kTasksPerAgent by name: what is done under it is not evaluable (`Lacking::Past`), neither outside it nor inside.
void start_task(const Act& act);
/// Forgets the task that a task_end names; without an id, the unnamed task of the session.
void end_task(const Act& act);

/// Tasks that hold for an act at its time: those with its task.id, or without one all of the same session (event.md, task_start).
[[nodiscard]] std::vector<const TaskScope*> tasks_of(const Act& act);

/// `scope.task`: the act's tool, resource and destinations against every task that holds for it.
[[nodiscard]] Ruling judge_tasks(const Act& act);

/// True if a task that holds for the act lists this destination: given by the user. Of a task whose lists are lost it may have been.
[[nodiscard]] bool task_gives(const Act& act, std::string_view destination);

}  // namespace ringfence::scope
