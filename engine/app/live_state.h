// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <expected>
#include <functional>
#include <memory>
#include <string>

#include "engine/state/agent_table.h"
#include "engine/state/store.h"

namespace ringfence {

/// The states of a run as its store holds them, for a look from outside: up to the last checkpoint.
class LiveState {
 public:
  /// The message says why the directory holds no states of ours.
  [[nodiscard]] static std::expected<std::unique_ptr<LiveState>, std::string> open(const std::string& directory);
  /// The agent in whichever partition it is; null: unknown.
  [[nodiscard]] std::expected<const AgentState*, std::string> find(const std::string& tenant, const std::string& agent);
  /// Forgets the agent in every partition: state, evidence, open findings and containment epochs. True where the changelog of states has it
  /// too: that hears of it with the next start on this directory, unless another host has owned the partition since.
  [[nodiscard]] std::expected<bool, std::string> purge(const std::string& tenant, const std::string& agent);

 private:
  explicit LiveState(std::unique_ptr<Store> store);
  std::unique_ptr<Store> store_;
  AgentTable table_;
};

}  // namespace ringfence
