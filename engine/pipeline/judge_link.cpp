// SPDX-License-Identifier: Apache-2.0
#include "engine/pipeline/judge_link.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "engine/event/escape.h"
#include "engine/event/hash.h"
#include "engine/verdict/case.h"
#include "engine/verdict/contain.h"
#include "engine/verdict/ledger.h"
#include "engine/verdict/policy.h"
#include "models/subject_memory.h"

namespace ringfence {
namespace {

constexpr std::size_t kNameChars = 96;

SubjectMemory& memory_of(AgentState& subject) {
  auto& slot = subject.memory[static_cast<std::size_t>(ChannelId::Subject)];
  if (!slot) slot = std::make_unique<SubjectMemory>();
  return static_cast<SubjectMemory&>(*slot);
}

/// The act as its subject sees it. Views into the link.
Event event_of(const Link& link) {
  const auto text = [](const std::string& s) { return s.empty() ? Text() : Text(s); };
  const LinkedAct& act = *link.act;
  Event event;
  event.kind = EventKind::ToolCall;
  event.id = act.event_id;
  event.time = act.time;
  event.tenant = act.tenant;
  event.agent.id = act.agent;
  event.agent.name = text(act.agent_name);
  event.session.id = text(act.session);
  event.user.id = text(act.user);
  event.tool.server = text(act.tool_server);
  event.tool.name = text(act.tool_name);
  event.outcome.status = act.outcome;
  return event;
}

/// The evidence and levels of a subject are its own; the one session it has only gives decisions a place to stand in.
SessionState& place_of(AgentState& subject) {
  if (subject.sessions.empty()) {
    subject.sessions.emplace_back();
    subject.sessions.front().id = "-";
    subject.sessions.front().key = hash64("-");
  }
  subject.sessions.front().last = subject.last_time;
  return subject.sessions.front();
}

/// Content went where its labels are forbidden.
std::optional<Breach> sent_out(const Link& link, const SubjectMemory& memory, std::span<const std::string> forbidden,
                               const std::string& where) {
  const std::string_view label = memory.first_of(forbidden);
  if (label.empty()) return std::nullopt;
  std::string what = "content labelled " + printable(label, kNameChars) + " by another agent was read ";
  const std::string_view from = memory.from(label);
  what += (link.kind == SubjectKind::Reader && !from.empty() ? "in " + printable(from, kNameChars) : std::string("here")) + " and sent " +
          where;
  return Breach{Analytic::FlowToxic, std::move(what), Level::Hold};
}

std::vector<Breach> breaches_of(const Link& link, SubjectMemory& memory) {
  std::vector<Breach> breaches;
  const bool joined = memory.join(link.act->agent);
  if (link.kind == SubjectKind::RootSession && joined && link.most_members) {
    const auto children = static_cast<std::size_t>(std::ranges::count_if(memory.members(), [&](const auto& m) { return m != link.root; }));
    if (children > *link.most_members && link.act->agent != link.root) {
      breaches.push_back(
          {Analytic::DelegationExcess,
           std::to_string(children) + " agents work for one root session, declared are at most " + std::to_string(*link.most_members)});
    }
  }
  std::vector<std::string> fresh;
  if (link.deed == Deed::Store) {
    std::ranges::set_difference(link.labels, memory.labels(), std::back_inserter(fresh));
    memory.store(link.labels, link.kind == SubjectKind::Reader ? link.what : std::string_view{});
  }
  if (link.deed == Deed::Send) {
    if (auto breach = sent_out(link, memory, link.labels, link.what)) breaches.push_back(std::move(*breach));
    if (link.kind == SubjectKind::Reader) memory.did({.time = link.act->time, .sent = true, .what = link.what, .labels = link.labels});
  }
  if (link.kind == SubjectKind::Reader && !fresh.empty()) {
    for (const SubjectMemory::Late& deed : memory.deeds()) {
      std::vector<std::string> both;
      std::ranges::set_intersection(deed.labels, fresh, std::back_inserter(both));
      if (!deed.sent || deed.time <= link.act->time || both.empty()) continue;
      if (auto breach = sent_out(link, memory, both, deed.what)) breaches.push_back(std::move(*breach));
    }
  }
  return breaches;
}

/// A link that a link led to: the same act, at another subject.
Link further(const Link& link, SubjectKind kind, std::string subject, Deed deed, std::vector<std::string> labels, std::string what = {}) {
  Link next = link;
  next.kind = kind;
  next.subject = std::move(subject);
  next.deed = deed;
  next.labels = std::move(labels);
  next.what = std::move(what);
  next.marks.clear();
  next.shared_marks.clear();
  next.most_members.reset();
  next.root.clear();
  return next;
}

/// Labels on their way: from an artefact to who reads it, from a reader into what it writes.
std::vector<Link> passed_on(const Link& link, SubjectMemory& memory, Position at) {
  std::vector<Link> links;
  if (link.kind == SubjectKind::Artefact && link.deed == Deed::Read && !memory.labels().empty())
    links.push_back(further(link, SubjectKind::Reader, link.act->agent, Deed::Store, memory.labels(), link.subject));
  if (link.kind == SubjectKind::Reader && link.deed == Deed::Pass) {
    memory.did({.time = link.act->time, .sent = false, .what = link.what, .labels = memory.labels()});
    if (!memory.labels().empty()) links.push_back(further(link, SubjectKind::Artefact, link.what, Deed::Store, memory.labels()));
  }
  if (link.kind == SubjectKind::Reader && link.deed == Deed::Store) {
    for (SubjectMemory::Late& deed : memory.deeds()) {
      if (deed.sent || deed.time <= link.act->time || deed.what == link.what) continue;
      std::vector<std::string> missing = SubjectMemory::carry(deed, link.labels);
      if (!missing.empty()) links.push_back(further(link, SubjectKind::Artefact, deed.what, Deed::Store, std::move(missing)));
    }
  }
  for (std::size_t i = 0; i < links.size(); ++i) {
    links[i].partition = at.partition;
    links[i].lsn = at.offset.value;
    links[i].index = static_cast<std::uint16_t>(i);
  }
  return links;
}

/// `room` holds them where they are put together.
std::span<const RowId> marks_of(const Link& link, const SubjectMemory& memory, std::vector<RowId>& room) {
  const bool several = memory.members().size() > 1;
  if (link.kind == SubjectKind::RootSession) return link.marks;
  if (!several) return {};
  if (link.shared_marks.empty()) return link.marks;
  room = link.marks;
  room.insert(room.end(), link.shared_marks.begin(), link.shared_marks.end());
  return room;
}

bool move_evidence(const Act& act, const Tables& tables, std::span<const RowId> marks) {
  if (marks.empty()) return false;
  const bool adds = std::ranges::any_of(marks, [&](RowId id) { return tables.contributes(id); });
  if (frozen(act.agent, act.session, act.persona)) return adds;
  if (!act.agent.ledger && !adds) {
    update(act.agent.evidence, tables, marks);
    return false;
  }
  const Evidence before = act.agent.evidence;
  update(act.agent.evidence, tables, marks);
  record(act.agent.ledger, before, act.agent.evidence, tables, marks, act.event.id, act.event.time);
  return adds;
}

/// What the evidence is of, where no channel remembers the conduct: the marks that weigh most, in the context of those who acted.
std::string conduct_words(const Link& link, const FindingRecord& record) {
  if (!record.explanation || record.explanation->rows.empty()) return {};
  const EvidenceRow& most = record.explanation->rows.front();
  std::string words = std::to_string(most.count) + (most.count == 1 ? " act" : " acts") + " of class \"" + most.cls + "\", " + most.context;
  words += "; the last call is " + printable(link.act->tool_server, kNameChars) + (link.act->tool_server.empty() ? "" : "/");
  return words + printable(link.act->tool_name, kNameChars) + " by " + printable(link.act->agent, kNameChars) + ".";
}

/// Says whose evidence it is: nothing of it is held against the one agent whose act came last.
void tell(const Link& link, const SubjectMemory& memory, FindingRecord& record) {
  if (link.kind == SubjectKind::User || link.kind == SubjectKind::Credential) {  // nothing is stopped for it: people look
    record.level = std::min(record.level, Level::Alert);
    record.applied = std::min(record.applied, Level::Alert);
  }
  if (record.explanation) record.explanation->scope = name_of(link.kind);
  if (link.kind == SubjectKind::Reader) return;  // it speaks of one agent, by name
  const std::string whose = printable(subject_name(link), kNameChars);
  const std::size_t members = memory.members().size();
  if (record.sentence.empty()) record.sentence = conduct_words(link, record);
  record.sentence = "Over " + std::to_string(members) + (members == 1 ? " agent" : " agents") + " of " + whose + ": " + record.sentence;
}

ContainmentRecord next_record(const Link& link, const Act& act, AgentState& subject, const std::string& scope, Level level, Position at) {
  Containment& entry = entry_for(subject, scope);
  ++entry.epoch;
  entry.contained = true;
  entry.level = level;
  entry.since = link.act->time;
  const auto parts = parse_scope(scope);
  return {.scope = scope,
          .agent_id = parts ? parts->id : link.act->agent,
          .tenant = link.act->tenant,
          .epoch = entry.epoch,
          .level = level,
          .effective_at = link.act->time,
          .persona = act.persona.reference(),
          .cause_event_id = link.act->event_id,
          .position = at};
}

Level standing_over(const AgentState& subject, const std::string& scope) {
  const auto entry = std::ranges::find(subject.containments, scope, &Containment::scope);
  return entry == subject.containments.end() || !entry->contained ? Level::Observe : entry->level;
}

/// Whom a level over the subject stops: the root with all it leads and each member by name, or the agent that sent.
std::vector<ContainmentRecord> contain_members(const Link& link, const Act& act, const ContainmentCause& cause, Level level, Position at) {
  std::vector<ContainmentRecord> records;
  if (act.persona.response.mode != Mode::Enforce || level < Level::Hold) return records;
  const auto stop = [&](const std::string& scope, std::vector<ContainmentRecord::Select> select) {
    if (standing_over(act.agent, scope) >= level) return;
    ContainmentRecord& record = records.emplace_back(next_record(link, act, act.agent, scope, level, at));
    record.select = std::move(select);
    record.finding_uid = cause.finding_uid;
    record.reason = cause.reason;
    entry_for(act.agent, scope).finding_uid = cause.finding_uid;
  };
  const auto stop_agent = [&](const std::string& id) { stop(scope_key("agent", link.act->tenant, id), {{"agent.id", id}}); };
  if (link.kind == SubjectKind::Artefact || link.kind == SubjectKind::Reader) stop_agent(link.act->agent);
  if (link.kind == SubjectKind::RootSession) {
    stop(scope_key("subtree", link.act->tenant, link.root), {{"agent.id", link.root}, {"delegation.root", link.root}});
    for (const std::string& member : memory_of(act.agent).members())
      if (member != link.root) stop_agent(member);
  }
  return records;
}

/// A tree has no evidence of its own: it knows who works in it, and all of them stop with its root, whoever comes later too.
std::vector<ContainmentRecord> judge_tree(const Link& link, const Act& act, SubjectMemory& memory, Position at) {
  if (link.deed == Deed::Join) memory.join(link.act->agent);
  if (link.deed == Deed::Leave) memory.leave(link.act->agent);
  const std::string tree = scope_key("subtree", link.act->tenant, link.subject);
  if (link.deed == Deed::Stop) {
    Containment& root = entry_for(act.agent, tree);  // its record is the root's writer's: here it says that the tree stands
    root.contained = true;
    root.level = std::max(root.level, link.level);
    root.finding_uid = link.what;
    root.since = link.act->time;
  }
  const auto stands = std::ranges::find(act.agent.containments, tree, &Containment::scope);
  std::vector<ContainmentRecord> records;
  if (stands == act.agent.containments.end() || !stands->contained) return records;
  const Level level = stands->level;
  const std::string finding_uid = stands->finding_uid;
  const auto stop = [&](const std::string& id) {
    const std::string scope = scope_key("agent", link.act->tenant, id);
    if (id == link.subject || standing_over(act.agent, scope) >= level) return;
    ContainmentRecord& record = records.emplace_back(next_record(link, act, act.agent, scope, level, at));
    record.select = {{"agent.id", id}};
    record.finding_uid = finding_uid;
    record.reason = works_in(tree, "is stopped with its root", {});
    entry_for(act.agent, scope).finding_uid = finding_uid;
  };
  if (link.deed == Deed::Join) stop(link.act->agent);
  if (link.deed == Deed::Stop)
    for (const std::string& member : memory.members()) stop(member);
  return records;
}

}  // namespace

bool judge_link(Judgement& out, const Link& link, AgentState& subject, const Rulebook& rules, Position at, std::string_view topic) {
  SubjectMemory& memory = memory_of(subject);
  const std::size_t index = rules.persona_named(link.act->persona);
  if (!memory.news({link.partition.value, link.lsn, link.index}) || index == Rulebook::kNoPersona) return false;
  const Persona* const persona = &rules.persona(index);
  subject.last_time = subject.arrivals == 0 ? link.act->time : std::max(subject.last_time, link.act->time);
  ++subject.arrivals;

  out.position = at;
  if (!subject.findings.empty()) out.findings = close_idle(subject, subject.last_time, {persona, topic, at});
  const std::size_t closed = out.findings.size();
  const Tables& tables = rules.tables(index);
  const Event event = event_of(link);
  SessionState& place = place_of(subject);
  const Act act{.event = event, .persona = *persona, .set = rules.set(), .match = {}, .effect = {}, .agent = subject, .session = place};

  if (link.kind == SubjectKind::Tree) {
    out.containments = judge_tree(link, act, memory, at);
    return true;
  }
  const std::vector<Breach> breaches = breaches_of(link, memory);
  std::vector<RowId> room;
  const bool adds = move_evidence(act, tables, marks_of(link, memory, room));
  Decision decision = decide(act, breaches, tables, adds);
  for (FindingRecord& record : findings_of({act, decision, tables, adds, topic, at}, rules.channels())) {
    tell(link, memory, record);
    out.findings.push_back(std::move(record));
  }
  for (std::size_t i = closed; i < out.findings.size(); ++i) {
    if (out.findings[i].activity == FindingRecord::Activity::Create) out.verdict.raised.push_back(out.findings[i].analytic);
  }
  out.containments = contain_members(link, act, cause_of(subject, out.findings), decision.level, at);
  out.links = passed_on(link, memory, at);
  if (link.kind == SubjectKind::Artefact || link.kind == SubjectKind::Reader) {  // what is sent next is judged by itself
    subject.standing.held.reset();
    place.standing.held.reset();
    place.held_acts = 0;
  }
  return true;
}

std::optional<Judgement> judge_link(const Link& link, AgentState& subject, const Rulebook& rules, Position at, std::string_view topic) {
  std::optional<Judgement> made(std::in_place);
  if (!judge_link(*made, link, subject, rules, at, topic)) made.reset();
  return made;
}

void join(Judgement& act, Judgement link) {
  std::ranges::move(link.findings, std::back_inserter(act.findings));
  std::ranges::move(link.containments, std::back_inserter(act.containments));
  for (const Analytic raised : link.verdict.raised)
    if (std::ranges::find(act.verdict.raised, raised) == act.verdict.raised.end()) act.verdict.raised.push_back(raised);
}

}  // namespace ringfence
