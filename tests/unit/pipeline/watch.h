// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "engine/event/decode.h"
#include "engine/persona/load.h"
#include "engine/pipeline/rehearsal.h"

/// One job as text, and calls held against it one after another.
namespace ringfence::testing {

/// A clerk who reads by reference and writes; everything else is undeclared. `response` goes into the braces of the key.
inline std::string clerk(const std::string& response, const std::string& agents = "clerk-*", const std::string& id = "clerk") {
  return "schema: ringfence/persona/v1\nid: " + id +
         "\nversion: \"1\"\njob: Reads what it is asked for and writes reports.\nowner: {team: desk, contact: desk@corp.example}\n"
         "confidence: reviewed\napplies_to: {agents: [\"" +
         agents +
         "\"]}\n"
         "actions:\n  - {id: read, tools: [\"files/read\"], effect: read, arguments: {ref: {identifier: true}}}\n"
         "  - {id: write, tools: [\"files/write\"], effect: write}\n"
         "destinations: {external: any}\nresponse: {" +
         response + "}\n";
}

inline Rulebook rulebook(const std::vector<std::string>& personas) {
  FileTree tree;
  for (std::size_t i = 0; i < personas.size(); ++i) tree.files["p" + std::to_string(i) + ".yaml"] = personas[i];
  PersonaLoad load = load_personas(tree);
  if (!load.set) throw std::runtime_error(load.diagnostics.empty() ? "does not load" : to_string(load.diagnostics.front()));
  return Rulebook(std::move(*load.set), all_channels());
}

struct Call {
  std::string id{};  // by default its number
  std::string tool = "files/read";
  std::string session = "s1";
  std::string agent = "clerk-1";
  std::string instance{};
  std::string trust = "verified";
  std::string outcome = "ok";
  std::string code{};
  std::string ref{};
  std::string effect{};
  std::string phase{};
  std::string kind = "tool_call";
  std::string more{};                // further members, each after a comma
  std::optional<std::int64_t> at{};  // seconds after the start; by default one more than the call before
};

inline Call undeclared(const std::string& effect) { return {.tool = "mail/post", .effect = effect}; }

/// A 41-digit commit id one insertion away from the one that was refused first.
inline std::string near_miss(int n) {
  std::string id = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b";
  if (n > 0) id.insert(static_cast<std::size_t>(n), 1, id[static_cast<std::size_t>(n)] == '7' ? '3' : '7');
  return id;
}

/// What a person orders, with all that an order may need.
inline Command command_on(const std::string& word, const std::string& scope) {
  return {.command = word, .scope = scope, .reason = "ordered by the desk", .by = "ada", .approver = "grace", .ticket = ""};
}

class Watch {
 public:
  explicit Watch(const std::string& response, bool assume_gate = false)
      : rules_(std::make_unique<Rulebook>(rulebook({clerk(response)}))), rehearsal_(*rules_, "events", assume_gate) {}

  Judgement see(Call call) {
    auto judgement = try_see(std::move(call));
    if (!judgement) throw std::runtime_error("refused: " + judgement.error().detail);
    return std::move(*judgement);
  }
  std::expected<Judgement, Refusal> try_see(Call call) {
    ++calls_;
    seconds_ = call.at.value_or(seconds_ + 1);
    if (call.id.empty()) call.id = "c" + std::to_string(calls_);
    return rehearsal_.feed(json(call, *parse_rfc3339("2026-11-20T08:00:00Z") + seconds(seconds_)));
  }
  /// A read that went well and returned something, then a refusal and `misses` near-misses of it; the last judgement.
  Judgement guess(int misses, const Call& as = {}) {
    Call call = as;
    call.more += R"(,"result":"nothing of the kind")";
    (void)see(call);
    call = as;
    call.outcome = "denied";
    Judgement last;
    for (int i = 0; i <= misses; ++i) {
      call.ref = near_miss(i);
      last = see(call);
    }
    return last;
  }
  std::vector<FindingRecord> enforce(const Enforcement& enforcement) { return rehearsal_.enforce(enforcement); }
  Operated operate(const Command& command) { return rehearsal_.operate(command); }
  const AgentState& agent(const std::string& id = "clerk-1") { return *rehearsal_.agent("default", id); }
  const Rulebook& rules() { return *rules_; }

  static std::string json(const Call& call, EventTime time) {
    const auto slash = call.tool.find('/');
    std::string text = R"({"v":1,"kind":")" + call.kind + R"(","id":")" + call.id + R"(","time":")" + format_rfc3339(time) +
                       R"(","agent":{"id":")" + call.agent + R"(","trust":")" + call.trust + "\"" +
                       (call.instance.empty() ? "" : R"(,"instance":")" + call.instance + "\"") + "}";
    if (!call.session.empty()) text += R"(,"session":{"id":")" + call.session + "\"}";
    if (call.kind == "tool_call") {
      text += R"(,"tool":{"server":")" + call.tool.substr(0, slash) + R"(","name":")" + call.tool.substr(slash + 1) + "\"";
      if (!call.effect.empty()) text += R"(,"effect":")" + call.effect + "\"";
      text += R"(},"outcome":{"status":")" + call.outcome + "\"";
      if (!call.code.empty()) text += R"(,"code":")" + call.code + "\"";
      text += "}";
    }
    if (!call.phase.empty()) text += R"(,"phase":")" + call.phase + "\"";
    if (!call.ref.empty()) text += R"(,"args":{"ref":")" + call.ref + "\"}";
    return text + call.more + "}";
  }

 private:
  std::unique_ptr<Rulebook> rules_;
  Rehearsal rehearsal_;
  std::int64_t seconds_ = 0;
  int calls_ = 0;
};

}  // namespace ringfence::testing
