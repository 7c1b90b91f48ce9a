// SPDX-License-Identifier: Apache-2.0
#include "engine/pipeline/link.h"

#include <algorithm>
#include <array>
#include <utility>

#include "engine/event/hash.h"
#include "engine/event/sha256.h"
#include "models/scope_job.h"

namespace ringfence {
namespace {

constexpr std::array<std::string_view, 6> kNames{"root_session", "user", "artefact", "credential", "reader", "tree"};
constexpr std::array<std::string_view, 6> kWords{"root session", "user", "artefact", "credential", "reader", "tree"};

/// The beginning of a text, of whole characters.
std::string_view cut(std::string_view text, std::size_t most) {
  if (text.size() <= most) return text;
  while (most > 0 && (static_cast<unsigned char>(text[most]) & 0xC0U) == 0x80U) --most;
  return text.substr(0, most);
}

/// A name that is too long for a link: its beginning and its hash, so that two names stay two.
std::string bounded(std::string_view name) {
  if (name.size() <= kLinkTextBytes) return std::string(name);
  const std::string hash = sha256_hex(name);
  return std::string(cut(name, kLinkTextBytes - hash.size() - 1)) + "#" + hash;
}

void bound(std::vector<std::string>& labels) {
  for (std::string& label : labels) label.resize(cut(label, kLinkLabelBytes).size());
  labels.erase(std::ranges::unique(labels).begin(), labels.end());
  if (labels.size() > kLinkElements) labels.resize(kLinkElements);
}

std::shared_ptr<const LinkedAct> linked(const Act& act) {
  const Event& event = act.event;
  const auto owned = [](const Text& text) { return bounded(text.value_or("")); };
  return std::make_shared<const LinkedAct>(hash64(act.persona.sha256), std::string(event.tenant), std::string(event.agent.id),
                                           owned(event.agent.name), owned(event.session.id), owned(event.user.id), std::string(event.id),
                                           owned(event.tool.server), owned(event.tool.name), event.outcome.status, event.time);
}

Link& add_link(std::vector<Link>& links, const Act& act, SubjectKind kind, std::string subject) {
  auto of = links.empty() ? linked(act) : links.front().act;
  Link& link = links.emplace_back();
  link.act = std::move(of);
  link.kind = kind;
  link.subject = std::move(subject);
  return link;
}

/// The root session an act belongs to: that of its delegation, or its own where it may have delegates.
void add_root_session(std::vector<Link>& links, const Act& act) {
  const Event& event = act.event;
  const Text session = event.delegation.session ? event.delegation.session : event.session.id;
  const Text above = scope::root_of(event);
  if (!session || (!above && !act.persona.delegation.declared)) return;
  std::string root(above.value_or(event.agent.id));
  add_link(links, act, SubjectKind::RootSession, bounded(root + "/" + std::string(*session))).root = std::move(root);
}

/// One that its job does not list: of a listed one, which several agents may have, the owner has said whose it is.
bool shows_foreign_key(const Act& act) {
  const Text& shown = act.event.credential.fingerprint;
  const auto& listed = act.persona.credentials;
  return shown && (!listed || std::ranges::find(*listed, *shown) == listed->end());
}

Link& in(std::vector<Link>& links, const Act& act, LinkNote& note) {
  // A tree is the root agent itself, by whose name gates stop it: that stays whole.
  std::string subject = note.kind == SubjectKind::Tree ? std::move(note.subject) : bounded(note.subject);
  const auto same = [&](const Link& link) { return link.kind == note.kind && link.subject == subject; };
  const auto found = std::ranges::find_if(links, same);
  if (found != links.end()) return *found;
  return add_link(links, act, note.kind, std::move(subject));
}

}  // namespace

std::string_view name_of(SubjectKind kind) { return kNames.at(static_cast<std::size_t>(kind)); }

AgentKey subject_key(const Link& link) { return subject_key(link.kind, link.act->tenant, link.subject); }

AgentKey subject_key(SubjectKind kind, std::string_view tenant, std::string_view subject) {
  // The kind goes in front of the tenant with a byte that no tenant begins with, since its length is part of what is hashed.
  constexpr std::string_view kMark = "\x1f";
  const std::array<std::string_view, 4> scope{kMark, name_of(kind), kMark, tenant};
  AgentKey key = key_of(scope, subject);
  key.hash.high = ~key.hash.high;
  return key;
}

std::string subject_name(const Link& link) {
  return std::string(kWords.at(static_cast<std::size_t>(link.kind))) + " " + link.act->tenant + "/" + link.subject;
}

static_assert(kChannels + kFurtherMost <= kLinkElements, "an act's marks fit into a link");

std::vector<Link> links_of(const Act& act, const std::vector<RowId>& marks, std::vector<LinkNote> notes, Partition partition,
                           std::int64_t lsn) {
  std::vector<Link> links;
  if (act.event.kind != EventKind::ToolCall || act.session.borrowed) return links;  // held against nobody else either
  links.reserve(notes.size() + 3);
  add_root_session(links, act);
  if (!marks.empty() && act.event.user.id) add_link(links, act, SubjectKind::User, bounded(*act.event.user.id));
  if (!marks.empty() && shows_foreign_key(act)) add_link(links, act, SubjectKind::Credential, bounded(*act.event.credential.fingerprint));
  for (Link& link : links) link.marks = marks;
  for (LinkNote& note : notes) {
    if (note.kind == SubjectKind::RootSession) {
      const auto root = std::ranges::find(links, SubjectKind::RootSession, &Link::kind);
      if (root != links.end()) root->most_members = note.most_members;
      continue;
    }
    Link& link = in(links, act, note);
    link.deed = note.deed;
    link.what = bounded(note.what);
    link.labels.insert(link.labels.end(), note.labels.begin(), note.labels.end());
    link.shared_marks.insert(link.shared_marks.end(), note.marks.begin(), note.marks.end());
  }
  for (std::size_t i = 0; i < links.size(); ++i) {
    bound(links[i].labels);
    links[i].partition = partition;
    links[i].lsn = lsn;
    links[i].index = static_cast<std::uint16_t>(i);
  }
  return links;
}

void follow_trees(const std::vector<Link>& links, const AgentKey& member, TreeMembers& trees) {
  for (const Link& link : links) {
    if (link.kind != SubjectKind::Tree) continue;
    const AgentKey root = agent_key(link.act->tenant, link.subject);
    if (link.deed == Deed::Join) trees.join(root, member);
    if (link.deed == Deed::Leave) trees.leave(root, member);
  }
}

void add_stop_of_tree(std::vector<Link>& links, const Act& act, const std::vector<ContainmentRecord>& containments, Partition partition,
                      std::int64_t lsn) {
  if (containments.empty()) return;
  const std::string tree = scope_key("subtree", act.agent.tenant, act.agent.id);
  for (const ContainmentRecord& record : containments) {
    if (record.scope != tree || !record.contained || record.level < Level::Hold) continue;
    const auto index = static_cast<std::uint16_t>(links.size());
    Link& link = add_link(links, act, SubjectKind::Tree, act.agent.id);
    link.deed = Deed::Stop;
    link.what = record.finding_uid;
    link.level = record.level;
    link.partition = partition;
    link.lsn = lsn;
    link.index = index;
  }
}

}  // namespace ringfence
