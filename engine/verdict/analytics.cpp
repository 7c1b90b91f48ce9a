// SPDX-License-Identifier: Apache-2.0
#include "engine/verdict/analytics.h"

#include <array>

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
constexpr std::array kValidAccounts{TechniqueTag{kAttack, "", "", "T1078", "Valid Accounts"}};
constexpr std::array kHijacking{TechniqueTag{kAttack, "TA0040", "Impact", "T1496", "Resource Hijacking"}};
constexpr std::array kDestruction{TechniqueTag{kAttack, "TA0040", "Impact", "T1485", "Data Destruction"}};

constexpr std::array<std::string_view, 1> kToolMisuse{"ASI02:2026"};
constexpr std::array<std::string_view, 1> kPrivilege{"ASI03:2026"};
constexpr std::array<std::string_view, 1> kSupplyChain{"ASI04:2026"};
constexpr std::array<std::string_view, 1> kMemory{"ASI06:2026"};
constexpr std::array<std::string_view, 1> kRogue{"ASI10:2026"};

using enum Analytic;
constexpr auto kRule = AnalyticKind::Rule;
constexpr auto kStat = AnalyticKind::Statistical;

constexpr std::array<AnalyticInfo, kAnalytics> kTable{{
    {ScopeUndeclared, kRule, Level::Halt, "Act outside the declared job", "Agent calls a tool its persona does not declare",
     "A call to a tool, or with an effect, that no action of the persona covers.", "A new duty or a renamed tool that the persona has not followed.",
     "Whether the tool belongs to the job; if so publish a new persona version, else who or what asked for the call.", {}, kToolMisuse},
    {ScopeNever, kRule, Level::Halt, "Forbidden act", "Agent does what its persona forbids",
     "A call that a `never` rule of the persona names.", "A glob in `never` that is wider than its author meant.",
     "The rule that matched, and the task the agent was given.", {}, kToolMisuse},
    {ScopeArgument, kRule, Level::Halt, "Argument outside its limits", "Agent passes an argument its persona does not allow",
     "A declared argument breaks its list, shape, range or length, or a required one is missing.", "A list that was not brought up to date; a unit or format change of the tool.",
     "Which argument and which limit; whether the list is current.", {}, kToolMisuse},
    {ScopeDestination, kRule, Level::Halt, "Undeclared destination", "Agent sends to a destination its persona does not allow",
     "Data or value goes to a host, account or agent outside the declared destinations.", "A supplier or service that moved to a new name.",
     "Who owns the destination, and where the agent got it from.", kExfiltration, kToolMisuse},
    {ScopeTask, kRule, Level::Halt, "Act outside the task", "Agent acts outside the task it was given",
     "An act within the persona but outside the actions, resources or destinations its current task declares.", "A task declared too narrowly; a task end that was not reported.",
     "The task's text beside the act.", {}, kToolMisuse},
    {ScopeApproval, kRule, Level::Halt, "Act without approval", "Agent acts without the approval its persona asks for",
     "An action that needs a person's approval beforehand came without one, or after it had lapsed.", "A gateway that does not pass the approval on.",
     "Whether an approval exists outside the telemetry.", {}, kPrivilege},
    {ScopeDelegation, kRule, Level::Halt, "Undeclared delegation", "Agent delegates outside its declaration",
     "Work is handed to, or taken from, an agent the persona does not name.", "A new helper agent that was not declared.",
     "The chain of delegation and who started it.", {}, kPrivilege},
    {ScopeSchedule, kRule, Level::Alert, "Act outside working hours", "Agent acts outside its declared hours",
     "An act outside the persona's active windows.", "Overtime, a time zone error, catch-up after an outage.",
     "What started the run at that hour.", {}, {}},
    {ScopeExpired, kRule, Level::Alert, "Expired agent", "Agent acts beyond its declared lifetime",
     "The agent is older, or was idle longer, than its persona allows.", "A long project whose persona was not renewed.",
     "Whether the agent still has an owner.", {}, kPrivilege},
    {LimitHard, kRule, Level::Hold, "Hard limit passed", "Agent passes a hard limit of its persona",
     "A `max` of the persona was passed for a call, a session or a day.", "A rare but legitimate bulk job.",
     "The quantity and its limit; whether a person ordered the job.", {}, kToolMisuse},
    {BarrierGuessing, kStat, Level::Alert, "Guessing after a refusal", "Agent guesses identifiers after refusals",
     "After a refusal the agent tries identifiers that stood in nothing it had read.", "Collectors that do not report results, so that copied identifiers look ungrounded.",
     "Where the refused identifiers could have come from; whether any guess succeeded.", kGuessing, kRogue},
    {BarrierEnumeration, kStat, Level::Alert, "Enumeration after a refusal", "Agent walks through targets that are refused",
     "Refused calls to one new plausible target after another.", "A permission that was removed while the job still needs it.",
     "Whether the refused targets belong to the job; recent policy changes.", kDiscovery, kRogue},
    {BarrierRouteAround, kStat, Level::Alert, "Routing around a refusal", "Agent reaches a refused object by another path",
     "After a refusal the same object is sought by another tool, protocol, directory or credential.", "A documented fallback that the persona does not list under `barriers.then`.",
     "Whether the other path gave access the first one denied.", {}, kRogue},
    {BarrierEscalation, kStat, Level::Alert, "Escalation after a refusal", "Agent seeks more rights after a refusal",
     "After a refusal the agent turns to writing, another credential or a request for rights.", "A declared way of asking for access that the persona does not name.",
     "Which right was sought and whether it was granted.", kEscalation, kPrivilege},
    {BarrierDeadEnd, kStat, Level::Alert, "Return to known dead ends", "Agent returns to targets refused in earlier sessions",
     "Targets denied in earlier sessions are tried again.", "A scheduled job that repeats a broken step.",
     "What keeps naming the target: a queue, a memory, a prompt.", {}, kRogue},
    {BarrierPersistence, kStat, Level::Alert, "Slow persistence against refusals", "Agent keeps pressing against refusals, slowly",
     "Refusals that are spread out but more frequent than the persona declares.", "A declared share of denials that is too low for the service it uses.",
     "The refusals over the last days by target and reason.", {}, kRogue},
    {WorkflowOrder, kRule, Level::Halt, "Broken order of work", "Agent skips a step its persona prescribes",
     "An action came before what must precede it, too often, or without its follow-up in time.", "Steps done outside the gateway; late telemetry.",
     "The missing step and whether it was done elsewhere.", {}, kRogue},
    {WorkflowDrift, kStat, Level::Alert, "Drift of the workflow", "Agent's sequence of actions leaves its workflow",
     "Actions follow each other in ways the declared workflow makes improbable.", "A new kind of task; a persona still at `sketch`.",
     "The most improbable steps in the ledger.", {}, kRogue},
    {VolumeBulk, kStat, Level::Alert, "Bulk access", "Agent handles far more than its job declares",
     "Calls pass the declared rungs of records, bytes, tokens or entities too often.", "Month-end and migration jobs.",
     "What was read and where it went.", kRepositories, kToolMisuse},
    {VolumeDrip, kStat, Level::Alert, "Slow drain", "Agent handles too much in many small pieces",
     "Each call is within limits; their sum over sessions or days is not.", "Growth of the business beyond the declared day.",
     "The sums per day beside the declared ones.", kRepositories, kToolMisuse},
    {BreadthSweep, kStat, Level::Alert, "Sweep over entities", "Agent touches more distinct entities than its job declares",
     "More customers, records or accounts per session or day than declared.", "A batch job under an interactive persona.",
     "Whether the entities belong to the task.", kRepositories, kToolMisuse},
    {BreadthCoverage, kStat, Level::Alert, "Coverage of a population", "Agent reads a large share of a population",
     "Calls return a share of all there is that the job does not need.", "Small test populations.",
     "The population and the share returned.", kRepositories, kToolMisuse},
    {BreadthPredicate, kRule, Level::Alert, "Predicate that selects everything", "Agent asks for everything at once",
     "A predicate that must select matches everything: empty, a wildcard, no limit.", "Tools that apply a limit of their own.",
     "How many rows the call returned.", kRepositories, kToolMisuse},
    {FlowToxic, kRule, Level::Hold, "Forbidden flow of data", "Agent carries data where its persona does not let it go",
     "What the agent read under one label leaves by a path the persona forbids for it.", "Labels that are wider than the data.",
     "Source, label and destination of the flow.", kExfiltration, kToolMisuse},
    {FlowUngroundedDestination, kRule, Level::Alert, "Destination from nowhere", "Agent sends to a destination nobody gave it",
     "The destination stands neither in the task nor in the persona or a trusted record.", "A task text that is not in the telemetry.",
     "Where the destination first appears in what the agent read.", kExfiltration, {}},
    {CredentialForeign, kRule, Level::Alert, "Foreign credential", "Agent uses a credential that is not its own",
     "The credential's fingerprint belongs to another agent or is not declared.", "A rotation that was not announced.",
     "Whose credential it is and how the agent came by it.", kValidAccounts, kPrivilege},
    {CredentialAmbient, kRule, Level::Alert, "Ambient credential", "Agent uses a credential found in its surroundings",
     "A credential that was not issued to the agent for this session.", "A shared development machine.",
     "Where the credential lies and who else can read it.", kValidAccounts, kPrivilege},
    {CredentialNew, kRule, Level::Alert, "New credential within a session", "Agent changes its credential within a session",
     "A fingerprint other than the one the session was pinned to.", "Token renewal with a new key.",
     "Issue time and issuer of the new credential.", {}, kPrivilege},
    {SessionBinding, kRule, Level::Alert, "Session used from elsewhere", "A session is used from another client",
     "The session's client or user changed while it was live.", "Clients behind changing addresses.",
     "Both clients and the overlap in time.", {}, kPrivilege},
    {ToolDefinitionChanged, kRule, Level::Alert, "Changed tool definition", "A tool's definition changed under the agent",
     "The hash of a tool's definition is not the one that was pinned.", "A release of the tool server.",
     "The difference between the definitions and who released it.", {}, kSupplyChain},
    {ToolUnregistered, kRule, Level::Alert, "Unregistered tool", "Agent calls a tool its server has not defined",
     "The server's definitions are known and this tool is not among them.", "A definition that was not reported.",
     "Whether the server offers the tool now.", {}, kSupplyChain},
    {DelegationExcess, kRule, Level::Alert, "Excess of delegation", "Agents delegate deeper or wider than declared",
     "The chain is deeper, or has more children, than the persona allows.", "A task split more finely than planned.",
     "The tree of agents under the root session.", {}, kPrivilege},
    {IdentityClone, kRule, Level::Alert, "Two agents under one identity", "An identity acts from two places at once",
     "Overlapping activity that one agent cannot have done.", "Several replicas that share one identity by design.",
     "The instances, clients and versions behind the identity.", {}, kPrivilege},
    {AgentUnclassified, kRule, Level::Alert, "Agent without a persona", "An agent without a persona acts",
     "No persona applies to the agent.", "An agent that was released before its persona.",
     "Who runs the agent; write its persona.", {}, {}},
    {AgentCharterChanged, kRule, Level::Alert, "Changed charter", "The agent runs with another charter than declared",
     "The hash of prompt, skill or persona text is not the pinned one.", "A release of the prompt without its persona.",
     "The difference between the texts and who changed them.", {}, kSupplyChain},
    {CostOveruse, kStat, Level::Alert, "Overuse of paid resources", "Agent spends more than its job declares",
     "Tokens or cost pass the declared rungs too often.", "A dearer model or a longer input.",
     "Cost per task beside the declared one.", kHijacking, {}},
    {LoopNoProgress, kRule, Level::Alert, "Loop without progress", "Agent repeats itself without progress",
     "The same act with the same result, again and again.", "Polling that is part of the job.",
     "What the agent waits for.", {}, {}},
    {OutcomeContradiction, kRule, Level::Alert, "Claim against the record", "Agent claims success that the record contradicts",
     "The task was reported done while its last act that was not a read had failed.", "Success outside the telemetry.",
     "The last acts of the task.", {}, {}},
    {DecoyTouched, kRule, Level::Hold, "Decoy touched", "Agent touches a decoy",
     "A tool or resource that no honest act touches was used.", "An inventory or backup job that walks over everything.",
     "How the agent learnt of the decoy.", kDiscovery, kRogue},
    {DestructiveBurst, kRule, Level::Hold, "Burst of destruction", "Agent deletes much in a short time",
     "Many destructive acts close together.", "A clean-up that a person ordered.",
     "What was deleted and whether it can be restored.", kDestruction, kToolMisuse},
    {ContainmentUnacked, kRule, Level::Alert, "Containment without acknowledgement", "A gate has not acknowledged a containment",
     "An expected gate did not confirm a halt within its time.", "A gate under maintenance that is still listed.",
     "The gate's health; whether calls still pass it.", {}, {}},
    {ContainmentViolated, kRule, Level::Halt, "Containment broken", "A contained agent's call succeeded",
     "A call that the containment denies started after a gate had applied it, and succeeded.", "Clock skew beyond the allowance.",
     "The path the call took; there is a way around the gate.", {}, kRogue},
    {ContainmentBlastRadius, kRule, Level::Alert, "Too many halts at once", "Halts beyond the blast-radius limit wait for a person",
     "More halts in a minute, or a greater share of agents, than may be issued without approval.", "A common dependency that failed for all agents.",
     "What the halted agents share; then approve or release.", {}, {}},
    {GateStale, kRule, Level::Alert, "Stale gate", "A gate works with an old state",
     "A gate has seen no fresh heartbeat.", "A network partition.",
     "The gate's connection to the control topic.", {}, {}},
    {DriftRole, kStat, Level::Alert, "Drift of the role", "Agent's conduct drifts from its role",
     "The mix of acts moves away from the declared shares.", "A changed workload.",
     "Which acts gained and which lost.", {}, kRogue},
    {MemoryRecurring, kRule, Level::Alert, "Recurring content of memory", "The same foreign content steers the agent again",
     "Content from one source returns over sessions and precedes deviations.", "A template that all tasks share.",
     "The source of the content.", {}, kMemory},
    {SignalExternal, kRule, Level::Alert, "Signal of another detector", "Another detector reports the agent",
     "An outside detector's opinion, with bounded weight.", "As the other detector's.",
     "The other detector's own finding.", {}, {}},
    {AgentUnattributed, kRule, Level::Alert, "Unattributed acts", "Acts arrive without an agent",
     "Telemetry that names no agent.", "A gateway that is not yet configured.",
     "The credential and client behind the acts.", {}, kPrivilege},
    {FeedRefused, kRule, Level::Alert, "Refused telemetry", "Telemetry of an agent cannot be read",
     "Records were refused and stand in the dead letters.", "A new version of a gateway.",
     "The dead letters by reason.", {}, {}},
    {FeedSilent, kRule, Level::Alert, "Silent feed", "A source of telemetry has fallen silent",
     "No record from a source that used to send.", "Nights, holidays, maintenance.",
     "The source and its connection.", {}, {}},
    {FeedLag, kRule, Level::Alert, "Late telemetry", "Telemetry arrives too late",
     "Verdicts lag behind the acts by more than the limit.", "A burst that is being worked off.",
     "Consumer lag and the delay of the source.", {}, {}},
    {FeedGap, kRule, Level::Alert, "Gap in the telemetry", "Records of the input are missing",
     "Positions of the input were skipped.", "Retention that removed records before they were read.",
     "Retention and the position of the consumer.", {}, {}},
    {FeedFieldVanished, kRule, Level::Alert, "Vanished field", "A field that analytics need has vanished",
     "A source stopped sending a field, so that checks are not evaluable.", "A change of the gateway's configuration.",
     "The source's last release or configuration change.", {}, {}},
}};

constexpr bool in_order() {
  for (std::size_t i = 0; i < kTable.size(); ++i)
    if (static_cast<std::size_t>(kTable[i].analytic) != i) return false;
  return true;
}
static_assert(in_order(), "a row per analytic, in the order of the enumeration");

}  // namespace

std::span<const AnalyticInfo> all_analytics() { return kTable; }
const AnalyticInfo& info_of(Analytic analytic) { return kTable[static_cast<std::size_t>(analytic)]; }

}  // namespace ringfence
