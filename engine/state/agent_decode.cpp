// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "engine/state/agent_body.h"
#include "engine/state/agent_codec.h"

namespace ringfence {
namespace {

class NoMemories final : public MemoryFactory {
 public:
  [[nodiscard]] std::unique_ptr<ChannelMemory> decode(ChannelId, MemoryScope, Reader&) const override { return nullptr; }
};

CodecError malformed(const char* what) { return {CodecError::Kind::Malformed, what}; }

/// Puts one agent together from its parts.
class Assembly {
 public:
  Assembly(const AgentKey& key, std::span<const PartView> parts, const MemoryFactory& memories)
      : key_(key), memories_(memories), parts_(parts.begin(), parts.end()) {
    std::ranges::sort(parts_, {}, &PartView::id);
  }

  std::expected<DecodedAgent, CodecError> run() && {
    const auto opened = part({PartId::Kind::Core, 0});
    if (!opened) return std::unexpected(opened.error());
    Reader in(opened->body);
    Body body(in, opened->schema, memories_, out_.memories_dropped);
    std::vector<std::uint64_t> sessions;
    std::uint64_t acts = 0;
    body.identity(out_.state);
    const CoreForm form = body.core(out_.state, sessions, acts);
    out_.written.core = written_sum(*opened);
    if (in.ok() && repeated(sessions)) return std::unexpected(malformed("core: a session named twice"));
    if (form == CoreForm::Whole) {
      for (const std::uint64_t session_key : sessions) {
        if (!in.ok()) break;
        session(session_key, body);
      }
      body.acts(out_.state.acts, acts);
    }
    if (!in.ok() || !in.at_end()) return std::unexpected(malformed("core: not the form of its schema"));
    if (out_.state.key != key_) return std::unexpected(malformed("core: of another agent"));
    if (form == CoreForm::InParts) {
      if (auto done = other_parts(sessions, acts); !done) return std::unexpected(std::move(done.error()));
    }
    return std::move(out_);
  }

 private:
  using Done = std::expected<void, CodecError>;

  std::expected<OpenedPart, CodecError> part(PartId id) const {
    const auto found = std::ranges::lower_bound(parts_, id, {}, &PartView::id);
    if (found == parts_.end() || found->id != id)
      return std::unexpected(CodecError{CodecError::Kind::MissingPart, "a part that the core names is not there"});
    return open_part(key_, *found);
  }

  /// What a later comparison may skip: nothing where the part is of an older form, which the next write then replaces.
  static std::uint64_t written_sum(const OpenedPart& part) {
    return part.schema == kStateSchema && part.model == kModelVersion ? part.checksum : 0;
  }

  static bool repeated(const std::vector<std::uint64_t>& keys) {
    auto ordered = keys;
    std::ranges::sort(ordered);
    return std::ranges::adjacent_find(ordered) != ordered.end();
  }

  void session(std::uint64_t session_key, Body& body) {
    SessionState& s = out_.state.sessions.emplace_back();
    s.key = session_key;
    body.session(s);
  }

  Done other_parts(const std::vector<std::uint64_t>& sessions, std::uint64_t acts) {
    for (const std::uint64_t session_key : sessions) {
      const auto opened = part({PartId::Kind::Session, session_key});
      if (!opened) return std::unexpected(opened.error());
      Reader in(opened->body);
      Body body(in, opened->schema, memories_, out_.memories_dropped);
      session(session_key, body);
      if (!in.ok() || !in.at_end()) return std::unexpected(malformed("session: not the form of its schema"));
      out_.written.sessions.emplace_back(session_key, written_sum(*opened));
    }
    return known_acts(acts);
  }

  Done known_acts(std::uint64_t count) {
    const std::uint64_t end = out_.state.acts_gone + count;
    out_.written.first_chunk = out_.state.acts_gone / kActsPerChunk;
    for (std::uint64_t at = out_.state.acts_gone; at < end;) {
      const std::uint64_t chunk = at / kActsPerChunk;
      const std::uint64_t next = std::min(end, (chunk + 1) * kActsPerChunk);
      const auto opened = part({PartId::Kind::Acts, chunk});
      if (!opened) return std::unexpected(opened.error());
      Reader in(opened->body);
      Body(in, opened->schema, memories_, out_.memories_dropped).acts(out_.state.acts, next - at);
      if (!in.ok() || !in.at_end()) return std::unexpected(malformed("acts: not as many as the core says"));
      at = next;
      out_.written.chunks.push_back(written_sum(*opened));
    }
    return {};
  }

  const AgentKey& key_;
  const MemoryFactory& memories_;
  std::vector<PartView> parts_;
  DecodedAgent out_;
};

}  // namespace

std::expected<DecodedAgent, CodecError> decode_agent(const AgentKey& key, std::span<const PartView> parts, const MemoryFactory& memories) {
  return Assembly(key, parts, memories).run();
}

std::optional<std::string> remainder_of(const AgentKey& key, std::string_view core, EventTime before) {
  const auto opened = open_part(key, {{}, core});
  if (!opened) return std::nullopt;
  AgentState state;
  std::vector<std::uint64_t> sessions;
  std::uint64_t acts = 0;
  std::uint32_t dropped = 0;
  const NoMemories memories;
  Reader in(opened->body);
  Body body(in, opened->schema, memories, dropped);
  body.identity(state);
  if (!in.ok() || state.key != key || state.last_time >= before) return std::nullopt;
  body.core(state, sessions, acts);
  if (!in.ok() || state.contained()) return std::nullopt;
  const EventTime last = state.last_time;
  state.start_afresh();
  state.last_time = last;
  WrittenParts nothing;
  return std::move(encode_changes(state, nothing).back().bytes);
}

std::optional<std::int64_t> lsn_of(const AgentKey& key, std::string_view core) {
  const auto opened = open_part(key, {{}, core});
  if (!opened) return std::nullopt;
  AgentState state;
  std::uint32_t dropped = 0;
  const NoMemories memories;
  Reader in(opened->body);
  Body(in, opened->schema, memories, dropped).identity(state);
  if (!in.ok() || state.key != key) return std::nullopt;
  return state.lsn;
}

}  // namespace ringfence
