// SPDX-License-Identifier: Apache-2.0
#include "engine/pipeline/rehearsal.h"

#include <algorithm>
#include <utility>

#include "engine/pipeline/judge_link.h"

namespace ringfence {

std::expected<Judgement, Refusal> Rehearsal::feed(std::string_view record) { return feed(record, {Partition{0}, Offset{records_++}}); }

std::expected<Judgement, Refusal> Rehearsal::feed(std::string_view record, Position position) {
  const auto event = decoder_.decode(record, std::nullopt, arena_);
  if (!event) return std::unexpected(event.error());
  if (event->kind == EventKind::ContextChange) {
    facts_.apply(*event);
    return Judgement{.position = position, .fact = true};
  }
  const AgentKey key = agent_key(event->tenant, event->agent.id);
  AgentState& agent = agents_[key];
  if (agent.id.empty()) {
    agent.key = key;
    agent.tenant = event->tenant;
    agent.id = event->agent.id;
  }
  const auto sighting = admit(agent, *event);
  if (!sighting) return std::unexpected(sighting.error());
  Judgement judgement = judge(*event, *sighting, agent, {rules_, facts_, topic_, position, position.offset.value, assume_gate_, &foreign_});
  for (const std::string& tree : judgement.joined) foreign_.join(tree, key);
  follow_trees(judgement.links, key, trees_);
  const auto judge_one = [&](const Link& link, bool /*derived*/) -> std::expected<std::optional<Judgement>, Refusal> {
    AgentState& subject = subjects_[subject_key(link)];
    if (subject.id.empty()) {
      subject.key = subject_key(link);
      subject.tenant = link.act->tenant;
      subject.id = subject_name(link);
    }
    return judge_link(link, subject, rules_, {kLinksPartition, position.offset}, kLinksTopic);
  };
  if (const auto judged = judge_at_once(judgement, judge_one); !judged) return std::unexpected(judged.error());
  return judgement;
}

Operated Rehearsal::operate(const Command& command) {
  const auto scope = check_command(command);
  if (!scope) return {CommandAnswer::NotInState, {}};
  const Position behind{Partition{0}, Offset{records_ - 1}};
  Operated out{CommandAnswer::UnknownAgent, {}};
  if (const CommandAnswer answer = operate_foreign(command, *scope, foreign_); is_wide(*scope)) out.answer = answer;
  if (command.command == "release") {
    for (const ForeignContainment* const standing : foreign_.with_members(command.scope))
      for (const AgentKey& member : standing->members)
        if (Operated one = free_member(command, *standing, agents_[member], rules_, behind, topic_);
            one.answer != CommandAnswer::NothingStands)
          join(out, std::move(one));
  }
  const ForeignContainment* const halted = command.command == "halt" ? foreign_.tree_of_person(command.scope) : nullptr;
  if (halted != nullptr) {
    for (const AgentKey& member : trees_.of(agent_key(scope->tenant, scope->id))) {
      Operated one = stop_member(command, *halted, agents_[member], rules_, behind);
      if (one.answer != CommandAnswer::Done) continue;
      foreign_.join(halted->key, member);
      join(out, std::move(one));
    }
  }
  const auto found = is_wide(*scope) ? agents_.end() : agents_.find(agent_key(scope->tenant, scope->id));
  if (found != agents_.end()) {
    join(out, held_by_tree(command, *scope, found->second, foreign_)
                  ? Operated{CommandAnswer::WiderScope, {}}
                  : ringfence::operate(command, *scope, found->second, rules_, behind, topic_));
  }
  const Position behind_links{kLinksPartition, behind.offset};
  for (auto& [key, subject] : subjects_)
    if (subject.contained()) join(out, operate_subject(command, *scope, subject, rules_, behind_links, kLinksTopic));
  return out;
}

std::vector<FindingRecord> Rehearsal::enforce(const Enforcement& enforcement) {
  if (!enforcement.writer.empty()) {
    foreign_.take(enforcement);
    return {};
  }
  const auto scope = parse_scope(enforcement.scope);
  const auto found = scope ? agents_.find(agent_key(scope->tenant, scope->id)) : agents_.end();
  if (found == agents_.end()) return {};
  const Position behind{Partition{0}, Offset{records_ - 1}};
  return take_enforcement(enforcement, found->second, {known_persona(found->second, rules_), topic_, behind});
}

const AgentState* Rehearsal::agent(std::string_view tenant, std::string_view id) const {
  const auto found = agents_.find(agent_key(tenant, id));
  return found == agents_.end() ? nullptr : &found->second;
}

}  // namespace ringfence
