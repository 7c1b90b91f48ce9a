// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/event/event.h"
#include "engine/persona/persona.h"
#include "engine/state/agent_state.h"
#include "models/channel.h"

/// Acts and a job, built by hand: what a declared limit sees, without JSON or YAML.
namespace ringfence::testing {

/// Friday 20 November 2026, 10:00 UTC.
inline constexpr EventTime kFriday{1'795'168'800'000'000'000};

/// One event in the making. Owns what its views point at; the event is valid as long as it.
class Made {
 public:
  explicit Made(EventKind kind) {
    event_.kind = kind;
    event_.id = "act-1";
    event_.tenant = "corp";
    event_.agent.id = "agent-1";
    event_.session.id = "s1";
    event_.time = kFriday;
    event_.outcome.status = Outcome::Ok;
  }
  Made(const Made&) = delete;
  Made& operator=(const Made&) = delete;
  Made(Made&&) = default;

  Event& event() { return event_; }
  std::string_view own(std::string text) { return strings_.emplace_back(std::move(text)); }

  Made&& tool(std::string_view server_and_name) && {
    const std::size_t slash = server_and_name.find('/');
    if (slash != std::string_view::npos) event_.tool.server = own(std::string(server_and_name.substr(0, slash)));
    event_.tool.name = own(std::string(slash == std::string_view::npos ? server_and_name : server_and_name.substr(slash + 1)));
    return std::move(*this);
  }
  Made&& after(Nanos length) && {
    event_.time = kFriday + length;
    return std::move(*this);
  }
  Made&& on(std::string resource) && {
    event_.resource.uri = own(std::move(resource));
    return std::move(*this);
  }
  Made&& effect(Effect effect) && {
    event_.tool.effect = effect;
    return std::move(*this);
  }
  /// An argument's string; `name` may be a path such as `to/0`.
  Made&& with(std::string name, std::string value) && {
    return std::move(*this).leaf(std::move(name), std::move(value), JsonLeaf::Kind::String);
  }
  Made&& number(std::string name, std::string value) && {
    return std::move(*this).leaf(std::move(name), std::move(value), JsonLeaf::Kind::Number);
  }
  Made&& null(std::string name) && { return std::move(*this).leaf(std::move(name), "null", JsonLeaf::Kind::Null); }
  /// An argument that is an empty array or object: its key alone.
  Made&& empty(std::string name) && {
    leaves_.push_back({"", own(std::move(name)), JsonLeaf::Kind::Key});
    return std::move(*this);
  }
  Made&& host(std::string host) && {
    hosts_.push_back(own(std::move(host)));
    return std::move(*this);
  }
  Made&& account(std::string account) && {
    accounts_.push_back(own(std::move(account)));
    return std::move(*this);
  }
  Made&& session(std::optional<std::string> id) && {
    event_.session.id = id ? Text(own(*id)) : std::nullopt;
    return std::move(*this);
  }
  Made&& task(std::string id) && {
    event_.task.id = own(std::move(id));
    return std::move(*this);
  }
  Made&& user(std::string id) && {
    event_.user.id = own(std::move(id));
    return std::move(*this);
  }
  Made&& parent(std::string id) && {
    event_.delegation.parent = own(std::move(id));
    return std::move(*this);
  }
  Made&& chain(std::vector<std::string> ids) && {
    for (std::string& id : ids) chain_.push_back(own(std::move(id)));
    return std::move(*this);
  }
  Made&& ids(std::vector<std::string> ids) && {
    for (std::string& id : ids) arg_ids_.push_back(own(std::move(id)));
    return std::move(*this);
  }
  Made&& result(std::string text) && {
    result_.push_back({"/0", own(std::move(text)), JsonLeaf::Kind::String});
    return std::move(*this);
  }
  /// One value of a result, at its JSON Pointer.
  Made&& gives(std::string pointer, std::string text) && {
    result_.push_back({own(std::move(pointer)), own(std::move(text)), JsonLeaf::Kind::String});
    return std::move(*this);
  }
  Made&& records(std::int64_t returned, Count population = std::nullopt) && {
    event_.records.returned = returned;
    event_.records.population = population;
    return std::move(*this);
  }
  Made&& bytes(Count request, Count response) && {
    event_.bytes.request = request;
    event_.bytes.response = response;
    return std::move(*this);
  }
  /// Anything else, said in place.
  template <class Change>
  Made&& but(Change change) && {
    change(event_);
    return std::move(*this);
  }
  Made&& actions(std::vector<std::string> list) && { return std::move(*this).narrowed(actions_, std::move(list), event_.task.actions); }
  Made&& destinations(std::vector<std::string> list) && {
    return std::move(*this).narrowed(destinations_, std::move(list), event_.task.destinations);
  }
  Made&& resources(std::vector<std::string> list) && {
    return std::move(*this).narrowed(resources_, std::move(list), event_.task.resources);
  }

  /// The event with its lists attached.
  const Event& done() {
    if (!leaves_.empty()) event_.args = JsonValue{"{}", leaves_, {}};
    if (!result_.empty()) event_.result = JsonValue{"[]", result_, {}};
    if (!arg_ids_.empty()) event_.arg_ids = arg_ids_;
    event_.destination.hosts = hosts_;
    event_.destination.accounts = accounts_;
    event_.delegation.chain = chain_;
    return event_;
  }

 private:
  using Views = std::vector<std::string_view>;

  Made&& leaf(std::string name, std::string value, JsonLeaf::Kind kind) && {
    if (name.find('/') == std::string::npos) leaves_.push_back({"", own(name), JsonLeaf::Kind::Key});
    leaves_.push_back({own("/" + name), own(std::move(value)), kind});
    return std::move(*this);
  }
  Made&& narrowed(Views& views, std::vector<std::string> list, std::optional<std::span<const std::string_view>>& field) && {
    for (std::string& entry : list) views.push_back(own(std::move(entry)));
    field = views;
    return std::move(*this);
  }

  Event event_;
  std::deque<std::string> strings_;
  std::vector<JsonLeaf> leaves_, result_;
  Views hosts_, accounts_, chain_, arg_ids_, actions_, destinations_, resources_;
};

inline Made call(std::string_view tool) { return Made(EventKind::ToolCall).tool(tool); }
inline Made task_start(std::string id) { return Made(EventKind::TaskStart).task(std::move(id)); }
inline Made task_end(std::string id) { return Made(EventKind::TaskEnd).task(std::move(id)); }

inline Action action(std::string id, std::vector<std::string> tools, std::optional<Effect> effect = Effect::Read) {
  Action made;
  made.id = std::move(id);
  made.tools = GlobSet(tools);
  made.effect = effect;
  return made;
}

inline ArgumentRule rule(std::string name) {
  ArgumentRule made;
  made.pointer = "/" + name;
  made.name = std::move(name);
  return made;
}

/// One agent under one job, and one channel that reads its events in order.
class World {
 public:
  /// `beside` reads every event after the channel, whose answers count.
  explicit World(const Channel& channel, const Channel* beside = nullptr) : channel_(channel), beside_(beside) {
    job.id = "clerk";
    job.version = "1.0.0";
    job.agents = GlobSet({"agent-*"});
    job.actions.push_back(action("read", {"files/read"}));
    job.destinations.external = External::Any;
  }

  Persona job;  // changed before the first read
  std::vector<Persona> other_jobs;
  std::map<std::string, Entitlement> entitlements;
  bool require_entitlements = false;
  AgentState agent;
  bool limits_foreseen = false;  // the requests of the acts from here on broke limits
  bool refused_by_us = false;    // a standing containment explains refusals from here on

  /// The act's request, before `read` tells what became of it.
  void ask(Made made) {
    settle_job();
    Act act = act_of(made.done());
    act.plans = plans_;
    agent.last_time = std::max(agent.last_time, act.event.time);
    act.asked = asked_[std::string(act.event.id)] = act.now();
    ++agent.acts_gone;
    (void)channel_.heed(act);
  }

  Reading read(Made made) {
    settle_job();
    const Event& event = made.done();
    const Persona& persona = set_->personas().front();
    SessionState& session = sessions_[std::string(event.session.id.value_or("-"))];
    session.key = hash64(event.session.id.value_or("-"));
    ActionMatch match = event.kind == EventKind::ToolCall ? match_action(persona, event) : ActionMatch{};
    Act act{event, persona, *set_, match, effect_of(persona, match.action, event), agent, session};
    act.own_refusal = refused_by_us;
    act.limits_foreseen = limits_foreseen;
    act.plans = plans_;
    if (parent != nullptr) act.parents = {&parent, 1};
    if (const auto request = asked_.find(std::string(event.id)); request != asked_.end())
      act.asked = request->second;
    else
      ++agent.acts_gone;
    if (agent.arrivals++ == 0) agent.first_time = event.time;
    Reading reading = channel_.read(act);
    if (beside_ != nullptr) (void)beside_->read(act);
    if (words_for) told = channel_.describe(act, *words_for);
    return reading;
  }
  /// What the request of an act breaks already, by its analytics.
  std::vector<std::string> foresee(Made made) {
    const Act act = act_of(made.done());
    Reading reading;
    reading.breaches = channel_.foresee(act);
    return uids(reading);
  }
  /// The act's completion, after `read` saw its request.
  std::vector<LinkNote> outcome(Made made) {
    const Act act = act_of(made.done());
    std::vector<LinkNote> links = channel_.learn_outcome(act);
    if (beside_ != nullptr) (void)beside_->learn_outcome(act);
    return links;
  }
  const Persona* parent = nullptr;  // the job of who delegated each act
  std::optional<Threat> words_for;  // `told` is what the channel says of it after each event
  Description told;
  /// Analytic ids of what one act broke, in order.
  std::vector<std::string> breaks(Made made) { return uids(read(std::move(made))); }

  static std::vector<std::string> uids(const Reading& reading) {
    std::vector<std::string> ids;
    for (const Breach& breach : reading.breaches) ids.emplace_back(uid_of(breach.analytic));
    return ids;
  }

  /// Writes what the channel remembers and reads it back, as a restart does.
  void restart() {
    for (const Channel* const channel : {&channel_, beside_}) {
      if (channel == nullptr) continue;
      const std::size_t slot = static_cast<std::size_t>(channel->info().id);
      const auto again = [&](std::unique_ptr<ChannelMemory>& memory, MemoryScope scope) {
        if (!memory) return;
        Writer out;
        memory->encode(out);
        Reader in(out.bytes());
        memory = channel->decode_memory(scope, in);
      };
      again(agent.memory.at(slot), MemoryScope::Agent);
      for (auto& [id, session] : sessions_) again(session.memory.at(slot), MemoryScope::Session);
    }
  }
  SessionState& session(const std::string& id) { return sessions_[id]; }

 private:
  void settle_job() {
    if (set_) return;
    std::vector<Persona> jobs{job};
    for (Persona& other : other_jobs) jobs.push_back(std::move(other));
    set_.emplace(std::move(jobs), entitlements, require_entitlements);
    plans_.resize(kChannels);
    plans_[static_cast<std::size_t>(channel_.info().id)] = channel_.prepare(set_->personas().front(), *set_);
  }
  Act act_of(const Event& event) {
    const Persona& persona = set_->personas().front();
    const ActionMatch match = match_action(persona, event);
    return {event,
            persona,
            *set_,
            match,
            effect_of(persona, match.action, event),
            agent,
            sessions_[std::string(event.session.id.value_or("-"))]};
  }

  const Channel& channel_;
  const Channel* beside_;
  std::optional<PersonaSet> set_;
  std::vector<std::unique_ptr<const ChannelPlan>> plans_;
  std::map<std::string, SessionState> sessions_;
  std::map<std::string, Moment> asked_;  // by event id
};

inline bool lacks(const Reading& reading, Lacking what) { return (reading.lacking & bit_of(what)) != 0; }

}  // namespace ringfence::testing
