// SPDX-License-Identifier: Apache-2.0
// The stages of a drill, whatever it is played through.
#include "engine/app/drill.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "engine/app/drill_verdict.h"
#include "engine/app/wall_clock.h"
#include "engine/event/decode.h"
#include "engine/event/drill.h"
#include "engine/event/escape.h"

namespace ringfence {
namespace {

using Clock = std::chrono::steady_clock;
using enum DrillStageId;

constexpr std::size_t kBatch = 1000;
constexpr std::chrono::milliseconds kWait{20};  // for a log's next records, so that a stop is heard
constexpr std::chrono::milliseconds kEndWithin{2000};
constexpr int kRefused = 403;

class Drill {
 public:
  Drill(std::string_view name, const DrillWorld& world) : world_(world), board_(world.board), scope_(drill_scope(name)) {
    report_.agent = drill_agent(name);
    id_ = "drill-" + std::to_string(wall_now().value);
    gates_.insert(world.board.gates.begin(), world.board.gates.end());
    gates_.insert(world.asked.begin(), world.asked.end());
  }

  DrillReport run() {
    if (!prepare()) return std::move(report_);
    const bool passed = play();
    const auto failure = report_.failure;
    ending_ = true;
    static_cast<void>(end(passed));
    if (!passed) report_.failure = failure;  // what comes of the rest is less than why it came to it
    return std::move(report_);
  }

 private:
  // --- the stages ------------------------------------------------------------------------------------------------------------------------

  bool prepare() {
    std::string fault;
    const auto hears = [&] {
      const auto said = world_.engine.read(kWait);
      if (!said) fault = said.error().message;
      return said.has_value();
    };
    if (!until(hears)) return failed(Preparation, {}, "the verdicts topic cannot be read: " + fault);
    if (!to_end(world_.control, "the control log") || !to_end(world_.acks, "the acknowledgements")) return false;
    board_.caught_up(wall_now());
    if (contained()) {
      started_ = Clock::now();
      if (!send(Preparation, "task_end", id_ + "-before")) return false;
      if (!until([this] { return heard_control() && !contained(); }))
        return failed(Preparation, {}, "an earlier drill's halt stands and is not released: is the engine running?");
      if (!freed(Preparation)) return false;
    }
    for (const std::string& gate : world_.asked) {
      const auto status = world_.ask(gate, report_.agent);
      if (status && *status == kRefused) return failed(Preparation, gate, "it refuses the agent before anything has happened");
    }
    return true;
  }

  bool play() {
    started_ = Clock::now();
    started_wall_ = wall_now();
    if (!send(Detection, "tool_call", id_)) return false;
    std::optional<DrillVerdict> verdict;
    if (!until([&] { return (verdict = heard_verdict()).has_value(); }))
      return failed(Detection, {}, "no verdict on the forbidden call: is the engine running, and does it read this topic?");
    answered(Detection, {}, by_engine(verdict->decided));
    if (verdict->level < Level::Halt) return failed(Detection, {}, "the verdict is " + std::string(name_of(verdict->level)) + ", not halt");
    if (!until([this] { return heard_control() && contained(); })) return unpublished(*verdict);
    published_ = true;
    const std::int64_t published = since_start();
    answered(Signing, {}, verdict->signed_at ? by_engine(*verdict->signed_at) : published);
    answered(Publication, {}, published);
    return applied() && refused();
  }

  bool unpublished(const DrillVerdict& verdict) {
    if (spoken_)
      return failed(Signing, {}, "what stands on the control log under the agent's key was signed by no key that is trusted here");
    if (!verdict.signed_at) return failed(Signing, {}, "the engine has a verdict and has signed nothing: may its control writer speak?");
    return failed(Publication, {}, "the engine has signed the halt, and it is not on the control log");
  }

  bool applied() {
    for (const std::string& gate : gates_) {
      std::optional<EnforcementBoard::Word> word;
      const auto said = [&] {
        word = heard_acks() ? word_of(gate, true) : std::nullopt;
        return word && word->status != AckStatus::Received;
      };
      if (!until(said))
        return failed(Application, gate, "it has not acknowledged the halt: is it running, and can it reach the control log?");
      if (word->status != AckStatus::Applied || !word->applied_at)
        return failed(Application, gate, "it acknowledged the halt with " + std::to_string(static_cast<int>(word->status)));
      answered(Application, gate, since_start());
    }
    return true;
  }

  bool refused() {
    for (const std::string& gate : world_.asked) {
      const auto status = world_.ask(gate, report_.agent);
      if (!status) return failed(Refusal, gate, status.error());
      if (*status != kRefused) return failed(Refusal, gate, "it let the halted agent's call through: " + std::to_string(*status));
      answered(Refusal, gate, since_start());
    }
    return true;
  }

  /// The halt goes with the drill, whatever came of it; where it is not there yet, the engine ends it when it comes to it.
  bool end(bool passed) {
    if (!send(Release, "task_end", id_ + "-end")) return false;
    if (!published_) return true;
    if (!until([this] { return heard_control() && !contained(); })) return failed(Release, {}, "the halt of the drill's agent stands");
    if (!passed) return true;
    if (!freed(Release)) return false;
    for (const std::string& gate : world_.asked) {
      const auto status = world_.ask(gate, report_.agent);
      if (!status) return failed(Release, gate, status.error());
      if (*status == kRefused) return failed(Release, gate, "it still refuses the released agent");
    }
    answered(Release, {}, since_start());
    return true;
  }

  /// Every gate has said that the release is in force.
  bool freed(DrillStageId stage) {
    for (const std::string& gate : gates_) {
      const auto said = [&] {
        const auto word = heard_acks() ? word_of(gate, false) : std::nullopt;
        return word && word->status != AckStatus::Received;
      };
      if (!until(said)) return failed(stage, gate, "it has not acknowledged the release");
    }
    return true;
  }

  // --- what is sent and heard ------------------------------------------------------------------------------------------------------------

  bool send(DrillStageId stage, std::string_view kind, const std::string& id) {
    nlohmann::ordered_json event{{"v", 1},
                                 {"kind", kind},
                                 {"id", id},
                                 {"time", format_rfc3339(EventTime{wall_now().value})},
                                 {"tenant", kDrillTenant},
                                 {"agent", {{"id", report_.agent}, {"trust", "verified"}}}};
    if (kind == "tool_call") {
      event["tool"] = {{"server", kDrillServer}, {"name", kDrillTool}};
      event["outcome"] = {{"status", "ok"}};
    } else {
      event["task"] = {{"id", "drill"}, {"claim", "done"}};
    }
    const auto sent = world_.engine.send(report_.agent, event.dump());
    return sent ? true : failed(stage, {}, "the events topic does not take it: " + sent.error().message);
  }

  /// Waits for it, at most `within`, or until it is to stop, though what ends the drill has a moment; false where it has not come to hold.
  template <class Holds>
  bool until(Holds holds) {
    const auto from = Clock::now();
    while (!holds()) {
      const bool stopping = world_.stopping();
      const auto most = !stopping ? world_.within : ending_ ? std::min(world_.within, kEndWithin) : std::chrono::milliseconds(0);
      if (Clock::now() >= from + most) return false;
    }
    return true;
  }

  bool to_end(ControlFeed& feed, const std::string& name) {
    std::string fault;
    const bool control = &feed == &world_.control;
    const bool reached = until([&] {
      const auto batch = feed.read(kBatch, kWait);
      if (!batch) fault = ": " + batch.error().message;
      if (!batch) return false;
      for (const ControlEntry& entry : batch->entries) control ? board_.observe(entry, wall_now()) : board_.acknowledge(entry, wall_now());
      return batch->caught_up;
    });
    return reached ? true : failed(Preparation, {}, name + " could not be read to the end" + fault);
  }

  /// Reads on; always true, so that a condition can follow it.
  bool heard_control() {
    const auto batch = world_.control.read(kBatch, kWait);
    if (!batch) return true;  // it is asked again, until the stage is over
    for (const ControlEntry& entry : batch->entries) {
      board_.observe(entry, wall_now());
      spoken_ = spoken_ || entry.key.starts_with(scope_ + "#");
    }
    return true;
  }
  /// The engine's word on the drill's call.
  std::optional<DrillVerdict> heard_verdict() {
    const auto said = world_.engine.read(kWait);
    if (!said) return std::nullopt;
    for (const std::string& value : *said)
      if (auto verdict = decode_drill_verdict(value); verdict && verdict->event == id_) return verdict;
    return std::nullopt;
  }
  bool heard_acks() {
    const auto batch = world_.acks.read(kBatch, kWait);
    if (!batch) return true;
    for (const ControlEntry& entry : batch->entries) board_.acknowledge(entry, wall_now());
    return true;
  }

  [[nodiscard]] bool is_ours(const EnforcementBoard::Row& row) const { return row.record.scope == scope_ && row.record.contained; }
  [[nodiscard]] bool contained() const {
    return std::ranges::any_of(board_.rows(), [this](const auto& row) { return is_ours(row.second); });
  }
  /// A gate's word on the drill's record, which is a halt or a release.
  [[nodiscard]] std::optional<EnforcementBoard::Word> word_of(const std::string& gate, bool halt) const {
    for (const auto& [key, row] : board_.rows()) {
      if (row.record.scope != scope_ || row.record.contained != halt) continue;
      const auto words = board_.words(key);
      if (const auto word = words.find(gate); word != words.end()) return word->second;
    }
    return std::nullopt;
  }

  [[nodiscard]] std::int64_t since_start() const {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now() - started_).count();
  }
  /// The engine's clock may differ from this one: never outside what this one has seen.
  [[nodiscard]] std::int64_t by_engine(WallTime time) const {
    return std::clamp<std::int64_t>(time.value - started_wall_.value, 0, since_start());
  }
  void answered(DrillStageId stage, std::string gate, std::int64_t ns) { report_.stages.push_back({stage, std::move(gate), ns}); }
  bool failed(DrillStageId stage, std::string gate, std::string why) {
    report_.failure = {stage, std::move(gate), world_.stopping() ? std::string("stopped") : std::move(why)};
    return false;
  }

  const DrillWorld& world_;
  EnforcementBoard board_;
  std::set<std::string> gates_;  // that must confirm
  std::string id_, scope_;
  Clock::time_point started_;
  WallTime started_wall_;
  bool spoken_ = false;     // something has come under the agent's key
  bool published_ = false;  // and it was the halt
  bool ending_ = false;
  DrillReport report_;
};

}  // namespace

std::string_view name_of(DrillStageId stage) {
  static constexpr std::array<std::string_view, 7> kNames{"preparation", "detection", "signing", "publication",
                                                          "application", "refusal",   "release"};
  return kNames[static_cast<std::size_t>(stage)];
}

std::string words_of(const DrillFailure& failure) {
  std::string out(name_of(failure.stage));
  if (!failure.gate.empty()) out += " at " + printable(failure.gate, 80);
  return out + " did not answer: " + printable(failure.why, 1000);
}

std::string encode_drill(const DrillReport& report) {
  nlohmann::ordered_json stages = nlohmann::ordered_json::array();
  for (const auto& [stage, gate, ns] : report.stages) {
    nlohmann::ordered_json one{{"stage", name_of(stage)}};
    if (!gate.empty()) one["gate"] = gate;
    const std::int64_t microseconds = ns / 1000;
    one["ms"] = static_cast<double>(microseconds) / 1000;
    stages.push_back(std::move(one));
  }
  nlohmann::ordered_json out{{"agent", report.agent}, {"passed", !report.failure.has_value()}, {"stages", std::move(stages)}};
  if (report.failure) {
    out["failed"] = {{"stage", name_of(report.failure->stage)}};
    if (!report.failure->gate.empty()) out["failed"]["gate"] = report.failure->gate;
    out["failed"]["why"] = report.failure->why;
  }
  return out.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
}

std::string drill_agent(std::string_view name) { return std::string(kDrillAgents) + std::string(name); }
std::string drill_scope(std::string_view name) { return scope_key("agent", kDrillTenant, drill_agent(name)); }

DrillReport play_drill(std::string_view name, const DrillWorld& world) { return Drill(name, world).run(); }

}  // namespace ringfence
