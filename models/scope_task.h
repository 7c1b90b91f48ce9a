// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "models/scope_ruling.h"

namespace ringfence::scope {

/// Remembers the scope that a task_start declares; one under a known id in the same session replaces it. Bounded: at most
/// kTasksPerSession of one session and 1 MiB an agent, expired and then oldest out. Of a list what passes 64 KiB, entries over 512 bytes,
/// globs over 256 bytes and more than 32 of them are left out, which only narrows.
void start_task(const Act& act);
/// Forgets the task that a task_end names; without an id, the unnamed task of the session.
void end_task(const Act& act);

/// Tasks that hold for an act at its time: those with its task.id, or without one all of the same session (event.md, task_start).
[[nodiscard]] std::vector<const TaskScope*> tasks_of(const Act& act);

/// `scope.task`: the act's tool, resource and destinations against every task that holds for it.
[[nodiscard]] Ruling judge_tasks(const Act& act);

/// True if a task that holds for the act lists this destination: given by the user.
[[nodiscard]] bool task_gives(const Act& act, std::string_view destination);

}  // namespace ringfence::scope
