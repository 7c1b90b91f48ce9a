// SPDX-License-Identifier: Apache-2.0
#include "models/scope_task.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <span>

#include "engine/event/escape.h"
#include "engine/event/limits.h"
#include "engine/persona/tool_name.h"
#include "engine/persona/values.h"
#include "models/scope_destination.h"
#include "models/scope_spelling.h"

namespace ringfence::scope {

namespace {

constexpr std::size_t kListBytes = 64U << 10U;  // with kEntryBytes more for each entry
constexpr std::size_t kEntryBytes = 32;
constexpr std::size_t kTasksBytes = 1U << 20U;
/// A glob costs pattern times text, and a task's globs come from outside: few, and matched against short texts only.
constexpr std::size_t kPatternsBytes = 8U << 10U;
constexpr std::size_t kResourceBytes = 4096;
constexpr std::size_t kDestinationBytes = 256;

using List = std::optional<std::vector<std::string>>;
constexpr std::array kLists{&TaskScope::actions, &TaskScope::destinations, &TaskScope::resources};

/// The one entry of a list that was declared and could not be kept: what it narrows to is not known. Not UTF-8, so an entry of no event.
constexpr std::string_view kLost = "\xff";

bool lost(const List& list) { return list && list->size() == 1 && list->front() == kLost; }
bool kept(const List& list) { return list && !lost(list); }
List lost_list() { return List(std::in_place, 1, std::string(kLost)); }

std::size_t bytes_of(const List& list) {
  std::size_t bytes = 0;
  if (list) {
    for (const std::string& entry : *list) bytes += entry.size() + kEntryBytes;
  }
  return bytes;
}
std::size_t bytes_of(const TaskScope& task) {
  return sizeof(TaskScope) + task.id.size() + bytes_of(task.actions) + bytes_of(task.destinations) + bytes_of(task.resources);
}

using Declared = std::optional<std::span<const std::string_view>>;

/// A list that can be kept whole: part of one would bar what the rest allows.
bool fits(const Declared& declared) {
  std::size_t bytes = 0, patterns = 0;
  for (const std::string_view entry : declared.value_or(std::span<const std::string_view>{})) {
    bytes += entry.size() + kEntryBytes;
    if (entry.find('*') != std::string_view::npos) patterns += entry.size();
  }
  return bytes <= kListBytes && patterns <= kPatternsBytes;
}
List list_of(const Declared& declared) {
  if (!declared) return std::nullopt;
  return fits(declared) ? List(std::in_place, declared->begin(), declared->end()) : lost_list();
}

bool any_kept(const TaskScope& task) {
  return std::ranges::any_of(kLists, [&](auto list) { return kept(task.*list); });
}
/// Written by a former build, which kept none of the lists where one was too long.
bool unsaid(const TaskScope& task) { return !task.actions && !task.destinations && !task.resources; }
bool may_have_lost(const TaskScope& task, List TaskScope::* list) { return lost(task.*list) || unsaid(task); }

void lose_longest(TaskScope& task) {
  const auto length = [&](auto list) { return kept(task.*list) ? 1 + bytes_of(task.*list) : 0; };
  task.*std::ranges::max(kLists, {}, length) = lost_list();
}
void lose_all(TaskScope& task) {
  for (const auto list : kLists)
    if (task.*list) task.*list = lost_list();
}

/// Stands, as the first, for tasks without a list kept that are no longer told apart; `session` is how many. Not UTF-8, so the id of no
/// event.
constexpr std::string_view kOthers = "\xff";
bool has_others(const std::vector<TaskScope>& tasks) { return !tasks.empty() && tasks.front().id == kOthers; }

void forget_one(std::vector<TaskScope>& tasks) {
  const bool first = !has_others(tasks);
  if (first) tasks.emplace(tasks.begin())->id = kOthers;
  TaskScope& others = tasks.front();
  const auto gone = std::ranges::find_if_not(tasks.begin() + 1, tasks.end(), any_kept);
  for (const auto list : kLists)
    if (may_have_lost(*gone, list)) others.*list = lost_list();
  if (first || !gone->expires) {
    others.expires = gone->expires;
  } else if (others.expires) {
    others.expires = std::max(*others.expires, *gone->expires);
  }
  ++others.session;
  tasks.erase(gone);
}
/// The end of a task that is not known by name may be that of one of the others.
void end_one_of_others(std::vector<TaskScope>& tasks) {
  if (!has_others(tasks)) return;
  if (tasks.front().session > 1) {
    --tasks.front().session;
  } else {
    tasks.erase(tasks.begin());
  }
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

std::string task_words(const TaskScope& task) { return task.id.empty() ? "the task" : "task " + printable(task.id, 64); }

void judge_tool(const Act& act, const List& actions, const TaskScope& task, Ruling& ruling) {
  const std::string_view id = act.match.action ? std::string_view(act.persona.actions[*act.match.action].id) : std::string_view{};
  const auto any = [&](auto such) { return std::ranges::any_of(*actions, such); };
  if (any([&](const std::string& entry) { return (!id.empty() && entry == id) || surely_matches_tool(Glob(entry), act.event); })) return;
  if (any([&](const std::string& entry) { return matches_tool(Glob(entry), act.event); })) return ruling.lacks(Lacking::Server);
  ruling.breach(Analytic::ScopeTask, "tool " + tool_words(act.event) + " is not among the actions of " + task_words(task));
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

void make_room(std::vector<TaskScope>& tasks, std::uint64_t session, EventTime now) {
  const auto here = [&](const TaskScope& task) { return any_kept(task) && task.session == session; };
  const auto lost_by_name = [](const TaskScope& task) { return !any_kept(task); };
  const auto count = [&](const auto& such) { return static_cast<std::size_t>(std::ranges::count_if(tasks, such)); };
  const auto too_large = [&] {
    return std::accumulate(tasks.begin(), tasks.end(), std::size_t{0},
                           [](std::size_t sum, const TaskScope& task) { return sum + bytes_of(task); }) > kTasksBytes;
  };
  const auto let_go = [&](const auto& such, void (*lose_of)(TaskScope&)) {
    const auto over = std::ranges::find_if(tasks, [&](const TaskScope& task) { return such(task) && !holds_at(task, now); });
    over != tasks.end() ? (void)tasks.erase(over) : lose_of(*std::ranges::find_if(tasks, such));
  };
  while (count(here) > limits::kTasksPerSession) let_go(here, lose_all);
  while (count(any_kept) > limits::kTasksPerAgent) let_go(any_kept, lose_all);
  while (too_large() && count(any_kept) > 0) let_go(any_kept, lose_longest);
  std::erase_if(tasks, [&](const TaskScope& task) { return !any_kept(task) && !holds_at(task, now); });
  while (count(lost_by_name) > limits::kTasksPerAgent || too_large()) forget_one(tasks);
}

}  // namespace

void start_task(const Act& act) {
  const Event& event = act.event;
  std::vector<TaskScope>& tasks = act.tasks();
  TaskScope task{.id = std::string(event.task.id.value_or("")),
                 .session = act.session.key,
                 .actions = list_of(event.task.actions),
                 .destinations = list_of(event.task.destinations),
                 .resources = list_of(event.task.resources),
                 .expires = event.task.expires};
  std::erase_if(tasks, [&](const TaskScope& known) { return known.session == task.session && known.id == task.id; });
  if (!task.actions && !task.destinations && !task.resources) return;  // narrows nothing
  tasks.push_back(std::move(task));
  make_room(tasks, act.session.key, event.time);
}

void end_task(const Act& act) {
  const std::string_view id = act.event.task.id.value_or("");
  const auto ended = [&](const TaskScope& task) { return task.id == id && (!id.empty() || task.session == act.session.key); };
  if (std::erase_if(act.tasks(), ended) == 0) end_one_of_others(act.tasks());
}

std::vector<const TaskScope*> tasks_of(const Act& act) {
  std::vector<const TaskScope*> tasks;
  const auto add_of = [&](const std::vector<TaskScope>& known) {
    bool any = false;
    for (const TaskScope& task : known) {
      const bool named = act.event.task.id ? task.id == *act.event.task.id : task.session == act.session.key;
      any = any || named;
      if (named && holds_at(task, act.event.time)) tasks.push_back(&task);
    }
    if (!any && has_others(known) && holds_at(known.front(), act.event.time)) tasks.push_back(&known.front());
  };
  add_of(act.tasks());
  if (act.session.borrowed) add_of(act.agent.tasks);  // a task of the agent's narrows also who borrows its name
  return tasks;
}

Ruling judge_tasks(const Act& act) {
  Ruling ruling;
  const auto tasks = tasks_of(act);
  if (tasks.empty()) return ruling;
  const Targets targets = targets_of(act);
  for (const TaskScope* task : tasks) {
    if (std::ranges::any_of(kLists, [&](auto list) { return may_have_lost(*task, list); })) ruling.lacks(Lacking::Past);
    const auto outside = [&](std::string_view name, std::string_view value, std::string_view what) {
      ruling.breach(Analytic::ScopeTask, std::string(name) + ", " + value_words(act.persona, name, value) + ", is not among the " +
                                             std::string(what) + " of " + task_words(*task));
    };
    if (kept(task->actions)) judge_tool(act, task->actions, *task, ruling);
    if (kept(task->resources)) {
      if (!act.event.resource.uri) {
        ruling.lacks(Lacking::Resource);
      } else if (!allows_resource(task->resources, *act.event.resource.uri)) {
        outside("resource.uri", *act.event.resource.uri, "resources");
      }
    }
    if (kept(task->destinations)) {
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

Given task_gives(const Act& act, std::string_view destination) {
  Given given = Given::No;
  for (const TaskScope* task : tasks_of(act)) {
    if (kept(task->destinations) && allows_destination(act, task->destinations, destination)) return Given::Yes;
    if (may_have_lost(*task, &TaskScope::destinations)) given = Given::Perhaps;
  }
  return given;
}

}  // namespace ringfence::scope
