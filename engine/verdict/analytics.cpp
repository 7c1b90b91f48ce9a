// SPDX-License-Identifier: Apache-2.0
#include "engine/verdict/analytics.h"

#include <algorithm>
#include <array>

#include "engine/verdict/analytics_identity.h"
#include "engine/verdict/analytics_operation.h"

namespace ringfence {
namespace {

// Tags are given only where the effect itself is the technique; what may have caused it (an injected instruction, a poisoned tool) is not
// visible to an engine that sees conduct. ATT&CK names are those of v18.1.
constexpr std::string_view kAttack = "ATT&CK v18.1";

constexpr std::array kGuessing{
    TechniqueTag{"ATLAS 2026.09", "", "", "AML.T0117", "Autonomous Attack-Path Adaptation"},
    TechniqueTag{kAttack, "TA0006", "Credential Access", "T1110", "Brute Force"},
};
constexpr std::array kDiscovery{TechniqueTag{kAttack, "TA0007", "Discovery", "", ""}};
constexpr std::array kEscalation{TechniqueTag{kAttack, "TA0004", "Privilege Escalation", "", ""}};
constexpr std::array kRepositories{TechniqueTag{kAttack, "TA0009", "Collection", "T1213", "Data from Information Repositories"}};
constexpr std::array kExfiltration{TechniqueTag{kAttack, "TA0010", "Exfiltration", "", ""}};
constexpr std::array kHijacking{TechniqueTag{kAttack, "TA0040", "Impact", "T1496", "Resource Hijacking"}};
constexpr std::array kDestruction{TechniqueTag{kAttack, "TA0040", "Impact", "T1485", "Data Destruction"}};

constexpr std::string_view kByEffect = "by `response.undeclared` (docs/contracts/persona.md): under a junior a read alerts";
constexpr std::string_view kByEffectOrLate =
    "alert for a follow-up that is late; else by `response.undeclared` (docs/contracts/persona.md)";
constexpr std::string_view kByOrder = "hold for an order in a text that addresses the agent, and for a flow that the persona forbids";

constexpr std::array<std::string_view, 1> kToolMisuse{"ASI02:2026"};
using asi::kPrivilege;
constexpr std::array<std::string_view, 1> kMemory{"ASI06:2026"};
using asi::kRogue;

using enum Analytic;
constexpr auto kRule = AnalyticKind::Rule;
constexpr auto kStat = AnalyticKind::Statistical;

constexpr auto kConduct = std::to_array<AnalyticInfo>({
    {ScopeUndeclared,
     kRule,
     Level::Halt,
     "Act outside the declared job",
     "Agent calls a tool its persona does not declare",
     "A call to a tool, or with an effect, that no action of the persona covers.",
     "A new duty or a renamed tool that the persona has not followed.",
     "Whether the tool belongs to the job; if so publish a new persona version, else who or what asked for the call.",
     {},
     kToolMisuse,
     kByEffect},
    {ScopeNever,
     kRule,
     Level::Halt,
     "Forbidden act",
     "Agent does what its persona forbids",
     "A call that a `never` rule of the persona names.",
     "A glob in `never` that is wider than its author meant.",
     "The rule that matched, and the task the agent was given.",
     {},
     kToolMisuse},
    {ScopeArgument,
     kRule,
     Level::Halt,
     "Argument outside its limits",
     "Agent passes an argument its persona does not allow",
     "A declared argument breaks its list, shape, range or length, or a required one is missing.",
     "A list that was not brought up to date; a unit or format change of the tool.",
     "Which argument and which limit; whether the list is current.",
     {},
     kToolMisuse,
     kByEffect},
    {ScopeDestination, kRule, Level::Halt, "Undeclared destination", "Agent sends to a destination its persona does not allow",
     "Data or value goes to a host, account or agent outside the declared destinations.", "A supplier or service that moved to a new name.",
     "Who owns the destination, and where the agent got it from.", kExfiltration, kToolMisuse, kByEffect},
    {ScopeTask,
     kRule,
     Level::Halt,
     "Act outside the task",
     "Agent acts outside the task it was given",
     "An act within the persona but outside the actions, resources or destinations its current task declares.",
     "A task declared too narrowly; a task end that was not reported.",
     "The task's text beside the act.",
     {},
     kToolMisuse,
     kByEffect},
    {ScopeApproval,
     kRule,
     Level::Halt,
     "Act without approval",
     "Agent acts without the approval its persona asks for",
     "An action that needs a person's approval beforehand came without one, or after it had lapsed.",
     "A gateway that does not pass the approval on.",
     "Whether an approval exists outside the telemetry.",
     {},
     kPrivilege,
     kByEffect},
    {ScopeDelegation,
     kRule,
     Level::Halt,
     "Undeclared delegation",
     "Agent delegates outside its declaration",
     "Work is handed to, or taken from, an agent the persona does not name.",
     "A new helper agent that was not declared.",
     "The chain of delegation and who started it.",
     {},
     kPrivilege,
     kByEffect},
    {ScopeSchedule,
     kRule,
     Level::Alert,
     "Act outside working hours",
     "Agent acts outside its declared hours",
     "An act outside the persona's active windows.",
     "Overtime, a time zone error, catch-up after an outage.",
     "What started the run at that hour.",
     {},
     {}},
    {ScopeExpired,
     kRule,
     Level::Alert,
     "Expired agent",
     "Agent acts beyond its declared lifetime",
     "The agent is older, or was idle longer, than its persona allows.",
     "A long project whose persona was not renewed.",
     "Whether the agent still has an owner.",
     {},
     kPrivilege},
    {LimitHard,
     kRule,
     Level::Hold,
     "Hard limit passed",
     "Agent passes a hard limit of its persona",
     "A `max` of the persona was passed for a call, a session or a day.",
     "A rare but legitimate bulk job.",
     "The quantity and its limit; whether a person ordered the job.",
     {},
     kToolMisuse},
    {BarrierGuessing, kStat, Level::Alert, "Guessing after a refusal", "Agent guesses identifiers after refusals",
     "After a refusal the agent tries identifiers that stood in nothing it had read.",
     "Collectors that do not report results, so that copied identifiers look ungrounded.",
     "Where the refused identifiers could have come from; whether any guess succeeded.", kGuessing, kRogue},
    {BarrierEnumeration, kStat, Level::Alert, "Enumeration after a refusal", "Agent walks through targets that are refused",
     "Refused calls to one new plausible target after another.",
     "A permission that was removed while the job still needs it; calls in parallel that one cause refuses, where a feed tells no "
     "requests.",
     "Whether the refused targets belong to the job; recent policy changes.", kDiscovery, kRogue},
    {BarrierRouteAround,
     kStat,
     Level::Alert,
     "Routing around a refusal",
     "Agent reaches a refused object by another path",
     "After a refusal the same object is sought by another tool, protocol, directory or credential.",
     "A documented fallback that the persona does not list under `barriers.then`.",
     "Whether the other path gave access the first one denied.",
     {},
     kRogue},
    {BarrierEscalation, kStat, Level::Alert, "Escalation after a refusal", "Agent seeks more rights after a refusal",
     "After a refusal the agent turns to writing, another credential or a request for rights.",
     "A declared way of asking for access that the persona does not name.", "Which right was sought and whether it was granted.",
     kEscalation, kPrivilege},
    {BarrierDeadEnd,
     kStat,
     Level::Alert,
     "Return to known dead ends",
     "Agent returns to targets refused in earlier sessions",
     "Targets denied in earlier sessions are tried again.",
     "A scheduled job that repeats a broken step; sessions side by side that open one thing the agent may not have.",
     "What keeps naming the target: a queue, a memory, a prompt.",
     {},
     kRogue},
    {BarrierPersistence,
     kStat,
     Level::Alert,
     "Slow persistence against refusals",
     "Agent keeps pressing against refusals, slowly",
     "Refusals that are spread out but more frequent than the persona declares.",
     "A declared share of denials that is too low for the service it uses.",
     "The refusals over the last days by target and reason.",
     {},
     kRogue},
    {WorkflowOrder,
     kRule,
     Level::Halt,
     "Broken order of work",
     "Agent skips a step its persona prescribes",
     "An action came before what must precede it, too often, or without its follow-up in time.",
     "Steps done outside the gateway; late telemetry.",
     "The missing step and whether it was done elsewhere.",
     {},
     kRogue,
     kByEffectOrLate},
    {WorkflowDrift,
     kStat,
     Level::Alert,
     "Drift of the workflow",
     "Agent's sequence of actions leaves its workflow",
     "Actions follow each other in ways the declared workflow makes improbable.",
     "A new kind of task; a persona still at `sketch`.",
     "The most improbable steps in the ledger.",
     {},
     kRogue},
    {VolumeBulk, kStat, Level::Alert, "Bulk access", "Agent handles far more than its job declares",
     "Calls pass the declared rungs of records, bytes, tokens or entities too often.",
     "Month-end and migration jobs: what passes p99 only once in 100 calls, but all in one hour. Give them an action with "
     "`data.per_call` and `per_day` of its own, or `max` instead of p99 (docs/contracts/persona.md).",
     "What was read and where it went.", kRepositories, kToolMisuse},
    {VolumeDrip, kStat, Level::Alert, "Slow drain", "Agent handles too much in many small pieces",
     "Each call is within limits; their sum over sessions or days is not.",
     "Growth of the business beyond the declared day; a month-end whose days all pass p99: an action with `per_day` of its own takes them "
     "out of the persona's.",
     "The sums per day beside the declared ones.", kRepositories, kToolMisuse},
    {BreadthSweep, kStat, Level::Alert, "Sweep over entities", "Agent touches more distinct entities than its job declares",
     "More customers, records or accounts per session or day than declared, or one after the other by counting.",
     "A batch job under an interactive persona; a list worked through from top to bottom that the feed does not show; a range of numbers "
     "whose ends alone were given.",
     "Whether the entities belong to the task.", kRepositories, kToolMisuse},
    {BreadthCoverage, kStat, Level::Alert, "Coverage of a population", "Agent reads a large share of a population",
     "Calls return a share of all there is that the job does not need.",
     "Small test populations; few calls that report a population, most of them large ones: p99 is of these calls, not of all.",
     "The population and the share returned.", kRepositories, kToolMisuse},
    {BreadthPredicate, kRule, Level::Alert, "Predicate that selects everything", "Agent asks for everything at once",
     "A predicate that must select matches everything: empty, a wildcard, no limit.", "Tools that apply a limit of their own.",
     "How many rows the call returned.", kRepositories, kToolMisuse},
    {FlowToxic, kRule, Level::Alert, "Forbidden flow of data", "Agent carries data where its persona does not let it go",
     "What the agent read under one label leaves by a path the persona forbids for it.", "Labels that are wider than the data.",
     "Source, label and destination of the flow.", kExfiltration, kToolMisuse, kByOrder},
    {FlowUngroundedDestination,
     kRule,
     Level::Alert,
     "Destination from nowhere",
     "Agent sends to a destination nobody gave it",
     "The destination stands neither in the task nor in the persona or a trusted record.",
     "A task text that is not in the telemetry.",
     "Where the destination first appears in what the agent read.",
     kExfiltration,
     {}},
    {CostOveruse,
     kStat,
     Level::Alert,
     "Overuse of paid resources",
     "Agent spends more than its job declares",
     "Tokens, cost or calls a minute pass the declared rungs too often.",
     "A dearer model or a longer input; a month-end that keeps p99 over the year and passes it a whole hour long. Write as p99 of a rate "
     "what "
     "the busiest hour shows, give the calls an action with `data.per_call` of its own, or declare `max` alone "
     "(docs/contracts/persona.md).",
     "Cost per task beside the declared one.",
     kHijacking,
     {}},
    {LoopNoProgress,
     kStat,
     Level::Alert,
     "Loop without progress",
     "Agent repeats itself without progress",
     "The same act with the same result, again and again.",
     "Polling that is part of the job.",
     "What the agent waits for.",
     {},
     {}},
    {OutcomeContradiction,
     kRule,
     Level::Alert,
     "Claim against the record",
     "Agent claims success that the record contradicts",
     "The task was reported done, but an act under it that was not a read had failed and none like it succeeded later.",
     "Success outside the telemetry.",
     "The last acts of the task.",
     {},
     {}},
    {DecoyTouched, kRule, Level::Alert, "Decoy touched", "Agent touches a decoy", "A tool or resource that no honest act touches was used.",
     "An inventory or backup job that walks over everything.", "How the agent learnt of the decoy.", kDiscovery, kRogue},
    {DestructiveBurst, kStat, Level::Alert, "Burst of destruction", "Agent deletes much in a short time",
     "Many destructive acts close together.",
     "A clean-up that a person ordered, or a weekly one: a share holds after each act, so that of a burst at most every second act "
     "may destroy, however rare it is over the week. Declare the greater share, or an exception for it.",
     "What was deleted and whether it can be restored.", kDestruction, kToolMisuse},
    {DriftRole,
     kStat,
     Level::Alert,
     "Drift of the role",
     "Agent's conduct drifts from its role",
     "The mix of acts moves away from the declared shares.",
     "A changed workload.",
     "Which acts gained and which lost.",
     {},
     kRogue},
    {MemoryRecurring,
     kRule,
     Level::Alert,
     "Recurring content of memory",
     "The same foreign content steers the agent again",
     "Values that untrusted content gave return at the beginning of later sessions.",
     "A template that all tasks share.",
     "The source of the content.",
     {},
     kMemory},
    {SignalExternal,
     kRule,
     Level::Alert,
     "Signal of another detector",
     "Another detector reports the agent",
     "An outside detector's opinion, with bounded weight.",
     "As the other detector's.",
     "The other detector's own finding.",
     {},
     {}},
});

constexpr auto kTable = [] {
  std::array<AnalyticInfo, kConduct.size() + kIdentityAnalytics.size() + kOperationAnalytics.size()> all{};
  const auto identity = std::ranges::copy(kConduct, all.begin()).out;
  const auto operation = std::ranges::copy(kIdentityAnalytics, identity).out;
  std::ranges::copy(kOperationAnalytics, operation);
  std::ranges::sort(all, {}, &AnalyticInfo::analytic);
  return all;
}();
static_assert(kTable.size() == kAnalytics);

constexpr bool in_order() {
  for (std::size_t i = 0; i < kTable.size(); ++i)
    if (static_cast<std::size_t>(kTable[i].analytic) != i) return false;
  return true;
}
static_assert(in_order(), "a row per analytic");

}  // namespace

std::span<const AnalyticInfo> all_analytics() { return kTable; }
const AnalyticInfo& info_of(Analytic analytic) { return kTable[static_cast<std::size_t>(analytic)]; }

}  // namespace ringfence
