// SPDX-License-Identifier: Apache-2.0
#include "models/scope_task.h"

#include <algorithm>
#include <span>

#include "engine/event/escape.h"
#include "engine/event/limits.h"
#include "engine/persona/values.h"
#include "models/scope_destination.h"
#include "models/scope_spelling.h"

namespace ringfence::scope {

namespace {

constexpr std::size_t kTaskBytes = 64U << 10U;
constexpr std::size_t kEntryBytes = 512;
constexpr std::size_t kTasksBytes = 1U << 20U;
/// A glob costs pattern times text, and a task's globs come from outside: few, short, and matched against short texts only.
constexpr std::size_t kPatternsPerList = 32;
constexpr std::size_t kPatternBytes = 256;
constexpr std::size_t kResourceBytes = 4096;
constexpr std::size_t kDestinationBytes = 256;

using List = std::optional<std::vector<std::string>>;

std::size_t bytes_of(const List& list) {
  std::size_t bytes = 0;
  if (list) {
    for (const std::string& entry : *list) bytes += entry.size() + sizeof(std::string);
  }
  return bytes;
}
std::size_t bytes_of(const TaskScope& task) {
  return sizeof(TaskScope) + task.id.size() + bytes_of(task.actions) + bytes_of(task.destinations) + bytes_of(task.resources);
}

List kept(const std::optional<std::span<const std::string_view>>& declared) {
  if (!declared) return std::nullopt;
  std::vector<std::string> list;
  std::size_t bytes = 0;
  std::size_t patterns = 0;
  for (const std::string_view entry : *declared) {
    const bool pattern = entry.find('*') != std::string_view::npos;
    bytes += entry.size() + sizeof(std::string);
    patterns += pattern ? 1 : 0;
    if (bytes > kTaskBytes) break;
    if (pattern ? entry.size() <= kPatternBytes && patterns <= kPatternsPerList : entry.size() <= kEntryBytes) list.emplace_back(entry);
  }
  return list;
}

bool holds_at(const TaskScope& task, EventTime time) { return !task.expires || time < *task.expires; }

std::string as_given(std::string_view text) { return std::string(text); }

/// `spelled` says how entries are compared, the text is spelled so already; it changes no length. `longest` bounds the texts that globs are
/// tried on; a literal entry is equal or not at any length.
bool lists(const List& list, std::string_view text, std::size_t longest, std::string (*spelled)(std::string_view) = as_given) {
  return std::ranges::any_of(*list, [&](const std::string& entry) {
    if (entry.find('*') != std::string::npos) return text.size() <= longest && Glob(spelled(entry)).matches(text);
    return entry.size() == text.size() && spelled(entry) == text;
  });
}

bool allows_tool(const Act& act, const List& actions) {
  const std::string_view id = act.match.action ? std::string_view(act.persona.actions[*act.match.action].id) : std::string_view{};
  return std::ranges::any_of(
      *actions, [&](const std::string& entry) { return (!id.empty() && entry == id) || matches_tool(Glob(entry), act.event); });
}

bool allows_resource(const List& resources, std::string_view uri) {
  if (!lists(resources, uri, kResourceBytes)) return false;
  return std::ranges::all_of(climbed(uri), [&](const std::string& path) { return lists(resources, path, kResourceBytes); });
}

bool allows_destination(const Act& act, const List& destinations, std::string_view destination) {
  const auto spelled = is_bare_host_of(act, destination) ? lower_ascii : lower_host_in;
  if (lists(destinations, spelled(destination), kDestinationBytes, spelled)) return true;
  return leads_to(destination, [&](const std::string& host) { return lists(destinations, host, kDestinationBytes, lower_ascii); });
}

std::string task_words(const TaskScope& task) { return task.id.empty() ? "the task" : "task " + printable(task.id, 64); }

void make_room(std::vector<TaskScope>& tasks, EventTime now) {
  const auto expired = std::ranges::find_if(tasks, [&](const TaskScope& task) { return !holds_at(task, now); });
  tasks.erase(expired != tasks.end() ? expired : tasks.begin());
}

}  // namespace

void start_task(const Act& act) {
  const Event& event = act.event;
  std::vector<TaskScope>& tasks = act.agent.tasks;
  TaskScope task{std::string(event.task.id.value_or("")),
                 act.session.key,
                 kept(event.task.actions),
                 kept(event.task.destinations),
                 kept(event.task.resources),
                 event.task.expires};
  std::erase_if(tasks, [&](const TaskScope& known) { return known.session == task.session && known.id == task.id; });
  if (!task.actions && !task.destinations && !task.resources) return;  // narrows nothing
  const auto same_session = [&](const TaskScope& known) { return known.session == task.session; };
  while (static_cast<std::size_t>(std::ranges::count_if(tasks, same_session)) >= limits::kTasksPerSession) {
    const auto expired =
        std::ranges::find_if(tasks, [&](const TaskScope& known) { return same_session(known) && !holds_at(known, event.time); });
    tasks.erase(expired != tasks.end() ? expired : std::ranges::find_if(tasks, same_session));
  }
  std::size_t bytes = bytes_of(task);
  for (const TaskScope& known : tasks) bytes += bytes_of(known);
  while (!tasks.empty() && (bytes > kTasksBytes || tasks.size() >= limits::kTasksPerSession * limits::kSessionsPerAgent)) {
    make_room(tasks, event.time);
    bytes = bytes_of(task);
    for (const TaskScope& known : tasks) bytes += bytes_of(known);
  }
  tasks.push_back(std::move(task));
}

void end_task(const Act& act) {
  const std::string_view id = act.event.task.id.value_or("");
  std::erase_if(act.agent.tasks, [&](const TaskScope& task) { return task.id == id && (!id.empty() || task.session == act.session.key); });
}

std::vector<const TaskScope*> tasks_of(const Act& act) {
  std::vector<const TaskScope*> tasks;
  for (const TaskScope& task : act.agent.tasks) {
    const bool named = act.event.task.id ? task.id == *act.event.task.id : task.session == act.session.key;
    if (named && holds_at(task, act.event.time)) tasks.push_back(&task);
  }
  return tasks;
}

Ruling judge_tasks(const Act& act) {
  Ruling ruling;
  const auto tasks = tasks_of(act);
  if (tasks.empty()) return ruling;
  const Targets targets = targets_of(act);
  for (const TaskScope* task : tasks) {
    const auto outside = [&](std::string_view name, std::string_view value, std::string_view what) {
      ruling.breach(Analytic::ScopeTask, std::string(name) + ", " + value_words(act.persona, name, value) + ", is not among the " +
                                             std::string(what) + " of " + task_words(*task));
    };
    if (task->actions && !allows_tool(act, task->actions)) {
      ruling.breach(Analytic::ScopeTask, "tool " + tool_words(act.event) + " is not among the actions of " + task_words(*task));
    }
    if (task->resources) {
      if (!act.event.resource.uri) {
        ruling.lacks(Lacking::Resource);
      } else if (!allows_resource(task->resources, *act.event.resource.uri)) {
        outside("resource.uri", *act.event.resource.uri, "resources");
      }
    }
    if (task->destinations) {
      if (targets.first.empty()) ruling.lacks(Lacking::Destination);
      std::vector<std::string> foreign;
      for (const Target& target : targets.first) {
        if (allows_destination(act, task->destinations, target.value)) continue;
        if (foreign.empty()) outside(target.name, target.value, "destinations");
        foreign.emplace_back(target.value);
      }
      if (!foreign.empty()) {
        ruling.breaches.back().targets = std::move(foreign);
      } else if (targets.more) {
        ruling.breach(Analytic::ScopeTask,
                      "it names more than " + std::to_string(Targets::kMost) + " destinations, which no task declares");
      }
    }
  }
  return ruling;
}

bool task_gives(const Act& act, std::string_view destination) {
  return std::ranges::any_of(
      tasks_of(act), [&](const TaskScope* task) { return task->destinations && allows_destination(act, task->destinations, destination); });
}

}  // namespace ringfence::scope
