// SPDX-License-Identifier: Apache-2.0
// Which declared action an act is, and what its arguments are: asked for every event.
#include <algorithm>
#include <array>
#include <cstring>
#include <span>
#include <string>

#include "engine/persona/argument.h"
#include "engine/persona/persona.h"
#include "engine/persona/selective.h"
#include "engine/persona/shape.h"
#include "engine/persona/tool_name.h"
#include "engine/persona/values.h"

namespace ringfence {
namespace {

/// `server/name` without an allocation for names of ordinary length.
class FullToolName {
 public:
  explicit FullToolName(const Event& event) {
    const std::string_view name = event.tool.name.value_or(std::string_view{});
    if (!event.tool.server) {
      text_ = name;
      return;
    }
    const std::string_view server = *event.tool.server;
    const std::size_t size = server.size() + 1 + name.size();
    char* at = small_.data();
    if (size > small_.size()) {
      large_.resize(size);
      at = large_.data();
    }
    std::memcpy(at, server.data(), server.size());
    at[server.size()] = '/';
    if (!name.empty()) std::memcpy(at + server.size() + 1, name.data(), name.size());
    text_ = {at, size};
  }
  FullToolName(const FullToolName&) = delete;
  FullToolName& operator=(const FullToolName&) = delete;
  [[nodiscard]] std::string_view text() const { return text_; }

 private:
  std::array<char, 256> small_;
  std::string large_;
  std::string_view text_;
};

/// The tool of an act as globs are held against it.
struct ToolName {
  explicit ToolName(const Event& event) : full(event), bare(*event.tool.name), server_known(event.tool.server.has_value()) {}
  FullToolName full;
  std::string_view bare;
  bool server_known;
};

/// Nothing that the event leaves out is needed for it.
bool surely(const Glob& glob, const ToolName& tool) {
  return glob.matches(tool.full.text()) || (glob.matches(tool.bare) && glob.pattern().find('/') == std::string::npos);
}

bool is_wild(std::string_view pattern) { return pattern.find_first_not_of("*/.:") == std::string_view::npos; }

/// For an act without a server: some part of the glob behind a slash is of this name. Where the server ends is not told, both may hold a
/// slash. `telling`: a part that names something.
bool by_name(const Glob& glob, const ToolName& tool, bool telling = false) {
  if (tool.server_known) return false;
  const std::string_view pattern = glob.pattern();
  for (std::size_t slash = pattern.find('/'); slash != std::string_view::npos; slash = pattern.find('/', slash + 1)) {
    const std::string_view name = pattern.substr(slash + 1);
    if (telling && is_wild(name)) continue;
    if (name.find('*') == std::string_view::npos ? name == tool.bare : Glob(std::string(name)).matches(tool.bare)) return true;
  }
  return false;
}

bool matches(const Glob& glob, const ToolName& tool) { return surely(glob, tool) || by_name(glob, tool); }
bool matches(const GlobSet& set, const ToolName& tool) {
  return std::ranges::any_of(set.globs(), [&](const Glob& glob) { return matches(glob, tool); });
}

/// The glob's server with the tool's name behind it; what no glob says a server of is of any.
std::string on_server_of(const Glob& glob, std::string_view bare) {
  const std::size_t slash = glob.pattern().rfind('/');
  return (slash == std::string::npos ? "*" : glob.pattern().substr(0, slash)) + "/" + std::string(bare);
}

bool is_index(std::string_view segment) { return !segment.empty() && segment.find_first_not_of("0123456789") == std::string_view::npos; }

std::string_view first_segment(std::string_view pointer) { return pointer.substr(1, std::min(pointer.find('/', 1), pointer.size()) - 1); }

/// Whether a segment of the pointer may be a position in an array.
bool may_hold_index(std::string_view pointer) {
  for (std::size_t i = 1; i < pointer.size(); ++i)
    if (pointer[i - 1] == '/' && pointer[i] >= '0' && pointer[i] <= '9') return true;
  return false;
}

bool arguments_hold(const Action& action, const Event& event) {
  return std::ranges::all_of(action.arguments, [&](const ArgumentRule& rule) {
    if (!rule.required && !limits_values(rule)) return true;
    bool any = false;
    for (const JsonLeaf& leaf : event.args ? event.args->leaves : std::span<const JsonLeaf>()) {
      if (!speaks_of(rule, leaf) || (rule.selective && leaf.kind == JsonLeaf::Kind::Null)) continue;
      any = true;
      if (fault_of(rule, leaf)) return false;
    }
    return any || (!rule.required && !asks_for_all(action, rule, event));
  });
}

std::size_t characters(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

}  // namespace

bool names(std::string_view rule, std::string_view pointer) {
  if (pointer.starts_with(rule) && (pointer.size() == rule.size() || pointer[rule.size()] == '/')) return true;
  if (!may_hold_index(pointer)) return rule.empty();
  while (!rule.empty()) {
    if (pointer.empty()) return false;
    const std::string_view wanted = first_segment(rule), found = first_segment(pointer);
    pointer.remove_prefix(found.size() + 1);
    if (wanted == found) {
      rule.remove_prefix(wanted.size() + 1);
    } else if (!is_index(found)) {
      return false;
    }
  }
  return true;
}

bool matches_tool(const GlobSet& tools, const Event& event) {
  if (!event.tool.name) return false;
  return matches(tools, ToolName(event));
}

bool matches_tool(const Glob& tool, const Event& event) {
  if (!event.tool.name) return false;
  return matches(tool, ToolName(event));
}

bool surely_matches_tool(const Glob& tool, const Event& event) { return event.tool.name && surely(tool, ToolName(event)); }

bool server_undecided(const GlobSet& tools, const Event& event) {
  if (!event.tool.name || event.tool.server) return false;
  const ToolName tool(event);
  const auto any = [&](auto such) { return std::ranges::any_of(tools.globs(), such); };
  return !any([&](const Glob& glob) { return surely(glob, tool); }) && any([&](const Glob& glob) { return by_name(glob, tool); });
}

Forbidden forbids_tool(const GlobSet& tools, const Event& event, const Persona& job) {
  if (!event.tool.name) return Forbidden::No;
  const ToolName tool(event);
  const auto any = [&](auto such) { return std::ranges::any_of(tools.globs(), such); };
  if (any([&](const Glob& glob) { return surely(glob, tool); })) return Forbidden::Yes;
  if (!any([&](const Glob& glob) { return by_name(glob, tool); })) return Forbidden::No;
  if (!any([&](const Glob& glob) { return by_name(glob, tool, true); })) return Forbidden::Unknown;
  const auto of_another_server = [&](const Glob& glob) { return matches(glob, tool) && !tools.matches(on_server_of(glob, tool.bare)); };
  const bool may_be_another =
      std::ranges::any_of(job.actions, [&](const Action& action) { return std::ranges::any_of(action.tools.globs(), of_another_server); });
  return may_be_another ? Forbidden::Unknown : Forbidden::Yes;
}

ActionMatch match_action(const Persona& persona, const Event& event) {
  ActionMatch match;
  if (!event.tool.name) return match;
  const ToolName tool(event);
  std::array<ActionIndex, kActionsMax> candidates;
  std::size_t count = 0;
  for (std::size_t i = 0; i < persona.actions.size() && i < kActionsMax; ++i) {
    const Action& action = persona.actions[i];
    if (!matches(action.tools, tool)) continue;
    match.tool_declared = true;
    if (!action.resources.empty() && event.resource.uri && !action.resources.matches(*event.resource.uri)) continue;
    candidates[count++] = static_cast<ActionIndex>(i);
  }
  if (count == 0) return match;
  if (!tool.server_known) {  // what has the tool by its name alone gives way to what has it surely
    const auto by_name_alone = [&](ActionIndex i) { return server_undecided(persona.actions[i].tools, event); };
    const auto sure = std::span(candidates).first(count);
    if (!std::ranges::all_of(sure, by_name_alone)) count -= std::ranges::remove_if(sure, by_name_alone).size();
  }
  // Arguments are only looked at where they can make a difference.
  std::array<bool, kActionsMax> holds{};
  bool any_holds = count == 1;
  for (std::size_t c = 0; count > 1 && c < count; ++c) {
    holds[c] = arguments_hold(persona.actions[candidates[c]], event);
    any_holds = any_holds || holds[c];
  }
  std::optional<ActionIndex> best;
  for (std::size_t c = 0; c < count; ++c) {
    if (count > 1 && any_holds && !holds[c]) continue;
    if (!best || persona.actions[candidates[c]].narrowness > persona.actions[*best].narrowness) best = candidates[c];
  }
  match.action = best;
  match.resource_evaluable = event.resource.uri.has_value() || persona.actions[*best].resources.empty();
  return match;
}

std::optional<Effect> effect_of(const Persona& persona, std::optional<ActionIndex> action, const Event& event) {
  if (!action || *action >= persona.actions.size()) return event.tool.effect;
  const Action& found = persona.actions[*action];
  const bool of_another_perhaps = event.tool.effect && !event.tool.server && server_undecided(found.tools, event);
  return found.effect && !of_another_perhaps ? found.effect : event.tool.effect;
}

std::vector<const JsonLeaf*> argument_leaves(const Event& event, const ArgumentRule& rule) {
  std::vector<const JsonLeaf*> leaves;
  if (!event.args) return leaves;
  for (const JsonLeaf& leaf : event.args->leaves)
    if (speaks_of(rule, leaf)) leaves.push_back(&leaf);
  return leaves;
}

bool asks_for_all(const Action& action, const ArgumentRule& rule, const Event& event) {
  return rule.selective && event.args && std::ranges::none_of(action.arguments, [&](const ArgumentRule& other) {
           if (!other.identifier) return false;
           const auto value = [&](const JsonLeaf& leaf) {
             return leaf.kind != JsonLeaf::Kind::Null && !leaf.text.empty() && speaks_of(other, leaf);
           };
           return std::ranges::any_of(event.args->leaves, value);
         });
}

bool limits_values(const ArgumentRule& rule) {
  return rule.in_list || rule.one_of || rule.glob || rule.max || rule.min || rule.max_length || rule.selective || !rule.shapes.empty();
}

std::optional<ArgumentFault> fault_of(const ArgumentRule& rule, const JsonLeaf& leaf) {
  using F = ArgumentFault;
  if (leaf.kind == JsonLeaf::Kind::Null) return std::nullopt;
  if (rule.in_list && !rule.in_list->contains(leaf.text)) return F::NotListed;
  if (rule.one_of && !rule.one_of->contains(leaf.text)) return F::NotOneOf;
  if (rule.glob && !rule.glob->matches(leaf.text)) return F::NoGlob;
  if (rule.max || rule.min) {
    const auto value = parse_number(leaf.text);
    if (!value) return F::NotANumber;
    if (rule.max && *value > *rule.max) return F::AboveMax;
    if (rule.min && *value < *rule.min) return F::BelowMin;
  }
  if (rule.max_length && characters(leaf.text) > *rule.max_length) return F::TooLong;
  if (rule.selective && leaf.kind == JsonLeaf::Kind::String && matches_everything(leaf.text).value_or(false)) return F::NotSelective;
  if (!rule.shapes.empty() && std::ranges::find(rule.shapes, shape_of(leaf.text)) == rule.shapes.end()) return F::OtherShape;
  return std::nullopt;
}

}  // namespace ringfence
