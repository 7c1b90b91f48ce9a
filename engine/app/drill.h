// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <expected>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/settings.h"
#include "connectors/gate/asker.h"
#include "connectors/gate/control_feed.h"
#include "connectors/sinks/enforcement_board.h"
#include "engine/app/setting_fault.h"

namespace ringfence {

/// Where a drill can be stuck.
enum class DrillStageId : std::uint8_t {
  Preparation,  // logs read to their ends, gates asked that must not refuse yet, what an earlier drill left ended
  Detection,    // from the forbidden call to the verdict, by the engine's clock
  Signing,      // to the halt, signed and handed to the control log, by the engine's clock
  Publication,  // to the halt on the control log
  Application,  // to a gate's word that it is in force there
  Refusal,      // to the refusal of the agent's next call at a gate
  Release       // to the end: released, confirmed by every gate, and the agent's call is let through again
};
[[nodiscard]] std::string_view name_of(DrillStageId stage);

/// A stage that answered.
struct DrillStage {
  DrillStageId stage{};
  std::string gate;   // of application and refusal
  std::int64_t ns{};  // since the forbidden call was sent
};
/// The stage that did not.
struct DrillFailure {
  DrillStageId stage{};
  std::string gate;  // where it is one gate's
  std::string why;
};
struct DrillReport {
  std::string agent;
  std::vector<DrillStage> stages;  // in order
  std::optional<DrillFailure> failure;
};
/// `application at edge did not answer: …`, in one line.
[[nodiscard]] std::string words_of(const DrillFailure& failure);
/// A line of JSON.
[[nodiscard]] std::string encode_drill(const DrillReport& report);

/// What a drill meets: topics and gates, or what stands for them.
struct DrillWorld {
  EnforcementBoard::Settings board;    // whose records count; the gates that must confirm
  std::chrono::milliseconds within{};  // of each stage
  std::vector<std::string> asked;      // gates that can be asked
  ControlFeed& control;
  ControlFeed& acks;
  AskFeed& engine;  // takes events, and says how they were judged (drill_verdict.h)
  /// The status with which a gate answers the agent's call.
  std::function<std::expected<int, std::string>(const std::string& gate, const std::string& agent)> ask;
  std::function<bool()> stopping;
};
/// Plays the agent of this name through it: one call that its built-in job forbids, then one after the other the stages. What it caused is
/// ended with it, whichever stage fails. It touches nobody else: scope and agent are its own, gates are asked in its name only.
///
/// Blocks, at most `within` a stage and a gate. Signatures are checked as a gate checks them.
[[nodiscard]] DrillReport play_drill(std::string_view name, const DrillWorld& world);

/// What of the section `drill` can be used by no drill: addresses and headers, as they are written.
[[nodiscard]] std::vector<SettingFault> drill_form_faults(const Settings& settings);
/// All that stands in the way of a drill with these settings.
[[nodiscard]] std::vector<SettingFault> drill_faults(const Settings& settings);
/// And of the drills of a service (`drill.every`), whose own halts they are.
[[nodiscard]] std::vector<SettingFault> scheduled_drill_faults(const Settings& settings);
/// The same through the topics and gates of the settings, which nothing hinders.
[[nodiscard]] DrillReport run_drill(const Settings& settings, std::string_view name, const std::function<bool()>& stopping);

/// The agent of a drill of this name, and the scope it is contained under.
[[nodiscard]] std::string drill_agent(std::string_view name);
[[nodiscard]] std::string drill_scope(std::string_view name);

}  // namespace ringfence
