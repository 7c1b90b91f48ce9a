// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdlib>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "engine/event/decode.h"
#include "engine/pipeline/rulebook.h"
#include "models/channel.h"

/// Agents that upgrade code under the shipped `code-maintainer`, for benchmarks of what an act costs.
namespace ringfence::bench {

inline constexpr std::size_t kCoders = 50;

/// One in `refusals` calls is refused, 0: none; the object is another each time.
inline std::vector<std::string> coders_calls(std::size_t count, unsigned refusals) {
  std::mt19937_64 random(1);  // NOLINT: seeded, the corpus is part of the answer
  std::vector<std::string> events;
  EventTime now = *parse_rfc3339("2026-11-20T00:00:00Z");
  for (std::size_t i = 0; i < count; ++i) {
    now = now + Nanos{seconds(15).value / static_cast<std::int64_t>(kCoders)};
    const std::string agent = std::to_string(i % kCoders), number = std::to_string(i);
    const std::string run = agent + "-" + std::to_string(i / kCoders / 60);
    const std::string file = "src/part" + std::to_string(random() % 97) + "/ledger_" + std::to_string(random() % 90) + ".cpp";
    const bool refused = refusals > 0 && i / kCoders % refusals == 0, list = random() % 6 == 0;
    std::string result = R"({"content":"Amount rounded(Amount amount) {\n  return Amount(amount.cents() / )" +
                         std::to_string(random() % 1000) + R"( * 5);\n}\n","lines":)" + std::to_string(random() % 500) + "}";
    if (list) result = R"({"files":[")" + file + R"(","src/part3/ledger_7.cpp","src/part3/ledger_12.cpp"]})";
    events.push_back(R"({"v":1,"kind":"tool_call","id":"call-)" + number + R"(","time":")" + format_rfc3339(now) +
                     R"(","tenant":"corp","agent":{"id":"spiffe://corp.example/agent/code-)" + agent + R"(","instance":"run-)" + run +
                     R"(","trust":"verified","persona":"code-maintainer"},"user":{"id":"u-17"},"session":{"id":"run-)" + run +
                     R"(","kind":"background"},"tool":{"server":"git","name":")" + (list ? "list_files" : "get_file") +
                     (list ? R"("},"args":{"directory":"src"})" : R"("},"args":{"path":")" + file + R"(","branch":"main"})") +
                     R"(,"resource":{"uri":"repos/billing-core/files/)" + file + R"("},"destination":{"host":"git.corp.example"},)" +
                     (refused ? R"("outcome":{"status":"denied","code":"403","reason":"no access"})"
                              : R"("outcome":{"status":"ok","code":"200"},"result":)" + result) +
                     R"(,"bytes":{"request":212,"response":300},"duration_ms":41,"source":{"product":"agentgateway"}})");
  }
  return events;
}

/// Their calls as acts, in order; what channels remember stays with the agents. Aborts where a record is no event of theirs.
class Coders {
 public:
  Coders(const Rulebook& rules, std::vector<std::string> records) : rules_(rules), records_(std::move(records)), arenas_(records_.size()) {
    for (std::size_t i = 0; i < records_.size(); ++i) {
      auto event = decoder_.decode(records_[i], std::nullopt, arenas_[i]);
      if (!event) std::abort();
      events_.push_back(*event);
    }
    persona_ = rules_.match(events_.front());
    if (persona_ == Rulebook::kNoPersona) std::abort();
  }

  [[nodiscard]] std::size_t size() const { return events_.size(); }
  [[nodiscard]] const std::vector<AgentState>& agents() const { return agents_; }
  [[nodiscard]] const Tables& tables() const { return rules_.tables(persona_); }

  Act act(std::size_t i) {
    const Event& event = events_[i];
    const Persona& persona = rules_.persona(persona_);
    AgentState& agent = agents_[i % kCoders];
    const std::uint64_t key = hash64(*event.session.id);
    if (agent.sessions.empty() || agent.sessions.front().key != key) {
      agent.sessions.clear();
      agent.sessions.emplace_back();
      agent.sessions.front().id = *event.session.id;
      agent.sessions.front().key = key;
    }
    agent.id = event.agent.id;
    agent.tenant = event.tenant;
    agent.last_time = event.time;
    ++agent.arrivals;
    const ActionMatch match = match_action(persona, event);
    return {.event = event,
            .persona = persona,
            .set = rules_.set(),
            .match = match,
            .effect = effect_of(persona, match.action, event),
            .agent = agent,
            .session = agent.sessions.front(),
            .plans = rules_.plans(persona_)};
  }

 private:
  const Rulebook& rules_;
  std::vector<std::string> records_;
  std::vector<EventArena> arenas_;
  EventDecoder decoder_;
  std::vector<Event> events_;
  std::vector<AgentState> agents_{kCoders};
  std::size_t persona_ = 0;
};

}  // namespace ringfence::bench
