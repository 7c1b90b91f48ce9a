// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>

#include "engine/verdict/analytics_operation.h"

/// What is said about findings that concern who acts, with which credential, tools and delegation; a part of `all_analytics`.
namespace ringfence {

namespace identity {
inline constexpr std::array kValidAccounts{TechniqueTag{"ATT&CK v18.1", "", "", "T1078", "Valid Accounts"}};
inline constexpr std::array<std::string_view, 1> kSupplyChain{"ASI04:2026"};
}  // namespace identity

inline constexpr auto kIdentityAnalytics = [] {
  using enum Analytic;
  using asi::kPrivilege, identity::kSupplyChain, identity::kValidAccounts;
  constexpr auto kRule = AnalyticKind::Rule;
  return std::to_array<AnalyticInfo>({
      {CredentialForeign, kRule, Level::Alert, "Foreign credential", "Agent uses a credential that is not its own",
       "A permitted host with an account or a key that is not the job's, or a key that another job declares.",
       "A rotation that was not announced.", "Whose credential it is and how the agent came by it.", kValidAccounts, kPrivilege},
      {CredentialAmbient, kRule, Level::Alert, "Ambient credential", "Agent uses a credential found in its surroundings",
       "A place where keys lie is read, or the session goes over to another kind of credential.", "A shared development machine.",
       "Where the credential lies and who else can read it.", kValidAccounts, kPrivilege},
      {CredentialNew,
       kRule,
       Level::Alert,
       "New credential within a session",
       "Agent changes its credential within a session",
       "A fingerprint other than the one the session was pinned to.",
       "Token renewal with a new key.",
       "Issue time and issuer of the new credential.",
       {},
       kPrivilege},
      {SessionBinding,
       kRule,
       Level::Alert,
       "Session used from elsewhere",
       "A session is used from another client",
       "The session's client changed while it was live.",
       "Clients behind changing addresses.",
       "Both clients and the overlap in time.",
       {},
       kPrivilege},
      {ToolDefinitionChanged,
       kRule,
       Level::Alert,
       "Changed tool definition",
       "A tool's definition changed under the agent",
       "The hash of a tool's definition is not the one that was pinned.",
       "A release of the tool server.",
       "The difference between the definitions and who released it.",
       {},
       kSupplyChain},
      {ToolUnregistered,
       kRule,
       Level::Alert,
       "Unregistered tool",
       "Agent calls a tool its server has not defined",
       "The server's definitions are known and this tool is not among them.",
       "A definition that was not reported.",
       "Whether the server offers the tool now.",
       {},
       kSupplyChain},
      {DelegationExcess,
       kRule,
       Level::Alert,
       "Excess of delegation",
       "Agents go beyond what was delegated to them",
       "A delegate does more than a job above it allows, or the chain is deeper or wider than declared.",
       "A task split more finely than planned.",
       "The tree of agents under the root session.",
       {},
       kPrivilege},
      {IdentityClone,
       kRule,
       Level::Alert,
       "Two agents under one identity",
       "An identity acts from two places at once",
       "Overlapping activity that one agent cannot have done.",
       "Several replicas that share one identity by design.",
       "The instances, clients and versions behind the identity.",
       {},
       kPrivilege},
      {AgentUnclassified,
       kRule,
       Level::Alert,
       "Agent without a persona",
       "An agent without a persona acts",
       "No persona applies to the agent.",
       "An agent that was released before its persona.",
       "Who runs the agent; write its persona.",
       {},
       {},
       {},
       "docs/design/detection.md §3.6, shadow agents."},
      {AgentCharterChanged,
       kRule,
       Level::Alert,
       "Changed charter",
       "The agent runs with another charter than declared",
       "The hash of prompt, skill or persona text is not the pinned one.",
       "A release of the prompt without its persona.",
       "The difference between the texts and who changed them.",
       {},
       kSupplyChain},
  });
}();

}  // namespace ringfence
