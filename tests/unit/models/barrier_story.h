// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <deque>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/persona/persona.h"
#include "engine/state/agent_state.h"
#include "models/barrier.h"
#include "models/channel.h"
#include "models/detector.h"

/// Calls of one agent, told one after another, as real events through the channel into the evidence.
namespace ringfence::story {

struct Call {
  std::string session = "s1";
  std::string tool = "git/get_commit";  // server/name
  std::string uri{};
  std::string type{};
  std::vector<std::pair<std::string, std::string>> args{};
  std::optional<std::vector<std::string>> arg_ids{}, result_ids{};
  Outcome outcome = Outcome::Ok;
  std::string code{};
  std::vector<std::string> result{};
  std::string credential{};
  std::optional<Effect> effect = Effect::Read;
  std::optional<ActionIndex> action{};
  Phase phase = Phase::Complete;
  bool explained = false, own_refusal = false, seems_out = false;
  std::optional<Moment> asked{};  // when its request came, where there was one
};

inline Call denied(Call call) {
  call.outcome = Outcome::Denied;
  call.code = "403";
  return call;
}
inline Call missed(Call call) {
  call.outcome = Outcome::Error;
  call.code = "404";
  return call;
}

/// A maintainer of code whose limits have been reviewed: reads (`ref`, `path` are identifiers), lists (an accepted next step), asks,
/// administers.
inline Persona maintainer() {
  Persona persona;
  persona.id = "maintainer";
  persona.version = "1";
  persona.confidence = Confidence::Reviewed;
  const auto rule = [](std::string name) {
    ArgumentRule r;
    r.name = r.identifier_kind = name;
    r.pointer = "/" + name;
    r.identifier = true;
    return r;
  };
  persona.actions.resize(4);
  persona.actions[0].id = "read";
  persona.actions[0].arguments = {rule("ref"), rule("path")};
  persona.actions[1].id = "list";
  persona.actions[2].id = "ask";
  persona.actions[2].approval = true;
  persona.actions[3].id = "administer";
  persona.barriers.then = ActionMask{1} << 1U;
  return persona;
}
inline constexpr ActionIndex kRead = 0, kList = 1, kAsk = 2, kAdminister = 3;

class Story {
 public:
  explicit Story(Persona persona = maintainer()) : persona_(std::move(persona)), tables_(persona_, kChannels_) {}

  /// The user's own words; `reported_by` = "agent" where the agent itself tells the task.
  void task(std::string text, std::string session = "s1", std::string reported_by = "gateway") {
    Event event;
    event.kind = EventKind::TaskStart;
    event.task.text = keep(std::move(text));
    event.source.product = keep(std::move(reported_by));
    event.session.id = keep(session);
    (void)barrier_channel().read(act(event, session, {}));
  }

  /// Reads and scores one call.
  Reading tell(const Call& call) {
    last_ = std::make_unique<Event>(event_of(call));
    const Act seen = act(*last_, call.session, call);
    last_call_ = call;
    const Reading reading = barrier_channel().read(seen);
    if (reading.kind != Reading::Kind::Marked) return reading;
    const std::array<RowId, 1> marks{RowId{ChannelId::Barrier, reading.context, reading.cls}};
    update(agent_.evidence, tables_, marks);
    update(seen.session.evidence, tables_, marks);
    return reading;
  }
  /// The class of the next call; it must be marked.
  BarrierClass cls(const Call& call) {
    const Reading reading = tell(call);
    if (reading.kind != Reading::Kind::Marked) throw std::logic_error("the call was not marked");
    return static_cast<BarrierClass>(reading.cls);
  }
  /// A request that comes now.
  [[nodiscard]] Moment now() const { return {EventTime{number_}, 0}; }
  /// What the channel says of a request itself.
  bool heed(Call call) {
    call.phase = Phase::Request;
    last_ = std::make_unique<Event>(event_of(call));
    return barrier_channel().heed(act(*last_, call.session, call));
  }
  void clean(int calls, std::string session = "s1") {
    Call call{.session = std::move(session), .tool = "git/list_files", .uri = "repos/billing-core/files", .action = kList};
    for (int i = 0; i < calls; ++i) (void)tell(call);
  }

  [[nodiscard]] Description describe(Threat threat) {
    return barrier_channel().describe(act(*last_, last_call_.session, last_call_), threat);
  }
  [[nodiscard]] double alert() const { return score(agent_, tables_, Null::Alert); }
  [[nodiscard]] double declared() const { return score(agent_, tables_, Null::Declared); }
  [[nodiscard]] AgentState& agent() { return agent_; }
  [[nodiscard]] const Tables& tables() const { return tables_; }
  [[nodiscard]] SessionState& session(std::string_view id) {
    for (SessionState& s : agent_.sessions)
      if (s.id == id) return s;
    agent_.sessions.emplace_back();
    agent_.sessions.back().id = id;
    agent_.sessions.back().key = hash64(id);
    return agent_.sessions.back();
  }
  void end_session(std::string_view id) {
    std::erase_if(agent_.sessions, [&](const SessionState& s) { return s.id == id; });
  }

  /// As after a restart: every memory goes through its bytes.
  void restart() {
    constexpr auto kSlot = static_cast<std::size_t>(ChannelId::Barrier);
    const auto reload = [](std::unique_ptr<ChannelMemory>& memory, MemoryScope scope) {
      if (!memory) return;
      Writer out;
      memory->encode(out);
      Reader in(out.bytes());
      memory = channel_memories().decode(ChannelId::Barrier, scope, in);
      if (!memory || !in.at_end()) throw std::logic_error("a memory did not come back");
    };
    reload(agent_.memory[kSlot], MemoryScope::Agent);
    for (SessionState& s : agent_.sessions) reload(s.memory[kSlot], MemoryScope::Session);
  }

 private:
  std::string_view keep(std::string text) { return texts_.emplace_back(std::move(text)); }

  std::optional<JsonValue> value(std::vector<JsonLeaf> leaves) {
    std::string raw;
    for (const JsonLeaf& leaf : leaves) raw += std::string(leaf.pointer) + "=" + std::string(leaf.text) + ";";
    const Hash128 hash{hash64(raw, 1), hash64(raw, 2)};
    return JsonValue{keep(raw), leaves_.emplace_back(std::move(leaves)), hash};
  }

  std::span<const std::string_view> views(const std::vector<std::string>& all) {
    std::vector<std::string_view> out;
    for (const std::string& one : all) out.push_back(keep(one));
    return views_.emplace_back(std::move(out));
  }

  Event event_of(const Call& call) {
    Event event;
    event.kind = EventKind::ToolCall;
    event.phase = call.phase;
    event.id = keep("call-" + std::to_string(++number_));
    event.agent.id = "agent";
    event.tenant = "default";
    event.session.id = keep(call.session);
    const std::size_t slash = call.tool.find('/');
    if (slash != std::string::npos) event.tool.server = keep(call.tool.substr(0, slash));
    event.tool.name = keep(call.tool.substr(slash + 1));
    if (!call.uri.empty()) event.resource.uri = keep(call.uri);
    if (!call.type.empty()) event.resource.type = keep(call.type);
    event.outcome.status = call.outcome;
    if (!call.code.empty()) event.outcome.code = keep(call.code);
    if (!call.credential.empty()) event.credential.fingerprint = keep(call.credential);
    std::vector<JsonLeaf> args, result;
    for (const auto& [name, text] : call.args) args.push_back({keep("/" + name), keep(text), JsonLeaf::Kind::String});
    if (!args.empty()) event.args = value(std::move(args));
    for (const std::string& text : call.result) result.push_back({"", keep(text), JsonLeaf::Kind::String});
    if (!result.empty()) event.result = value(std::move(result));
    if (call.arg_ids) event.arg_ids = views(*call.arg_ids);
    if (call.result_ids) event.result_ids = views(*call.result_ids);
    return event;
  }

  Act act(const Event& event, std::string_view session_id, const Call& call) {
    SessionState& where = session(session_id);
    agent_.last_time = EventTime{number_};
    ActionMatch match;
    match.action = call.action;
    match.tool_declared = call.action.has_value();
    Act act{event, persona_, set_, match, call.effect, agent_, where, call.explained, call.own_refusal};
    act.seems_out = call.seems_out;
    act.asked = call.asked;
    return act;
  }

  static inline const std::array<const Channel*, 1> kChannels_{&barrier_channel()};
  Persona persona_;
  PersonaSet set_;
  Tables tables_;
  AgentState agent_;
  std::deque<std::string> texts_;
  std::deque<std::vector<JsonLeaf>> leaves_;
  std::deque<std::vector<std::string_view>> views_;
  std::unique_ptr<Event> last_;
  Call last_call_;
  int number_ = 0;
};

}  // namespace ringfence::story
