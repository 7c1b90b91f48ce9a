// SPDX-License-Identifier: Apache-2.0
// The one table of the persona format (docs/contracts/persona.md).
#include "engine/persona/form.h"

#include <array>

#include "engine/event/limits.h"

namespace ringfence {
namespace {

using K = Form::Kind;
constexpr double kUnbounded = 9e15;

constexpr std::array<std::string_view, 4> kMaturities{"intern", "junior", "senior", "principal"};
constexpr std::array<std::string_view, 3> kConfidences{"sketch", "reviewed", "measured"};
constexpr std::array<std::string_view, 8> kEffectWords{"read", "write", "delete", "send", "transfer", "execute", "admin", "delegate"};
constexpr std::array<std::string_view, 6> kLabels{"untrusted", "internal", "confidential", "secret", "pii", "public"};
constexpr std::array<std::string_view, 4> kSeverities{"low", "medium", "high", "critical"};
constexpr std::array<std::string_view, 4> kExternals{"none", "listed", "grounded", "any"};
constexpr std::array<std::string_view, 3> kModes{"observe", "alert", "enforce"};
constexpr std::array<std::string_view, 6> kLevelWords{"observe", "alert", "throttle", "hold", "halt", "revoke"};
constexpr std::array<std::string_view, 3> kScopes{"session", "agent", "subtree"};
constexpr std::array<std::string_view, 1> kSchemas{"ringfence/persona/v1"};

constexpr Form word(std::span<const std::string_view> words) { return {.kind = K::Word, .words = words}; }
constexpr Form number(double least, double most) { return {.kind = K::Number, .least = least, .most = most}; }
constexpr Form integer(double least, double most) { return {.kind = K::Integer, .least = least, .most = most}; }
constexpr Form list(const Form* element, bool filled = false) { return {.kind = K::List, .element = element, .filled = filled}; }
constexpr Form map(const Form* names, const Form* element) { return {.kind = K::Map, .element = element, .names = names}; }
constexpr Form object(std::span<const FormKey> keys, bool filled = false, bool rising = false) {
  return {.kind = K::Object, .keys = keys, .filled = filled, .rising = rising};
}

constexpr Form kText{.kind = K::AnyText}, kQuoted{.kind = K::Quoted}, kId{.kind = K::Id}, kArgument{.kind = K::Argument},
    kGlob{.kind = K::Glob}, kHost{.kind = K::HostGlob}, kFlag{.kind = K::Flag}, kFlagOrText{.kind = K::FlagOrText},
    kShare{.kind = K::Share}, kSize{.kind = K::Size}, kDuration{.kind = K::Duration}, kMoment{.kind = K::Moment}, kZone{.kind = K::Zone},
    kWindow{.kind = K::Window}, kSha256{.kind = K::Sha256}, kIdShape{.kind = K::Shape}, kFlowTarget{.kind = K::FlowTarget},
    kAnalytic{.kind = K::Analytic}, kScalar{.kind = K::Scalar}, kAnything{.kind = K::Anything}, kActionRef{.kind = K::ActionRef},
    kListRef{.kind = K::ListRef};
constexpr Form kMaturity = word(kMaturities), kConfidence = word(kConfidences), kEffect = word(kEffectWords), kLabel = word(kLabels),
               kSeverity = word(kSeverities), kExternal = word(kExternals), kMode = word(kModes), kLevel = word(kLevelWords),
               kScope = word(kScopes), kSchema = word(kSchemas);
constexpr Form kTier = integer(1, 4), kNatural = integer(0, 1'000'000), kCount = integer(0, kUnbounded), kDistinct = integer(0, 4096),
               kChildren = integer(0, limits::kChildrenDeclared), kAmount = number(0, kUnbounded), kAnyNumber = number(-1e300, 1e300),
               kScore = number(1, 1e30);
constexpr Form kGlobs = list(&kGlob), kHosts = list(&kHost), kSomeGlobs = list(&kGlob, true), kTexts = list(&kText),
               kActions = list(&kActionRef), kEffectList = list(&kEffect, true), kLabelList = list(&kLabel),
               kScalars = list(&kScalar, true), kShapes = list(&kIdShape, true), kWindows = list(&kWindow, true),
               kAnalyticList = list(&kAnalytic), kInlineEvents = list(&kAnything, true);
constexpr Form kGlobOrGlobs{.kind = K::ByStyle, .scalar = &kGlob, .sequence = &kSomeGlobs};

// --- rungs
// ---------------------------------------------------------------------------------------------------------------------------------
constexpr FormKey p50(const Form& rung) { return {"p50", &rung, "half of all are at most this"}; }
constexpr FormKey p90(const Form& rung) { return {"p90", &rung, "9 of 10 are at most this"}; }
constexpr FormKey p99(const Form& rung) { return {"p99", &rung, "99 of 100 are at most this"}; }
constexpr FormKey max(const Form& rung) { return {"max", &rung, "never more; beyond it limit.hard"}; }
template <const Form* Rung>
constexpr std::array<FormKey, 3> kRungs{p50(*Rung), p99(*Rung), max(*Rung)};
template <const Form* Rung>
constexpr std::array<FormKey, 4> kCallRungs{p50(*Rung), p90(*Rung), p99(*Rung), max(*Rung)};
constexpr Form kAmountLadder = object(kRungs<&kAmount>, true, true), kSizeLadder = object(kRungs<&kSize>, true, true),
               kDistinctLadder = object(kRungs<&kDistinct>, true, true);
constexpr Form kAmountOfCall = object(kCallRungs<&kAmount>, true, true), kSizeOfCall = object(kCallRungs<&kSize>, true, true),
               kDistinctOfCall = object(kCallRungs<&kDistinct>, true, true);
constexpr Form kEntities{.kind = K::LadderOrKinds, .element = &kDistinctLadder, .names = &kText},
    kEntitiesOfCall{.kind = K::LadderOrKinds, .element = &kDistinctOfCall, .names = &kText};
constexpr std::array<FormKey, 2> kCoverageKeys{
    {{"p99", &kShare, "99 of 100 calls return at most this share"}, {"max", &kShare, "never a greater share"}}};
constexpr Form kCoverage = object(kCoverageKeys, true, true);
template <const Form* Amount, const Form* Size, const Form* Entities>
constexpr std::array<FormKey, 5> kEnvelopeKeys{
    {{"records", Amount, "rows handed out"},
     {"bytes", Size, "bytes of request and response"},
     {"tokens", Amount, "tokens in and out"},
     {"cost_usd", Amount, "cost"},
     {"entities", Entities, "distinct values of arguments marked identifier, at most 4096; may be given per KIND"}}};
constexpr Form kEnvelope = object(kEnvelopeKeys<&kAmountLadder, &kSizeLadder, &kEntities>, true),
               kCallEnvelope = object(kEnvelopeKeys<&kAmountOfCall, &kSizeOfCall, &kEntitiesOfCall>, true);

// --- who
// ------------------------------------------------------------------------------------------------------------------------------------
constexpr std::array<FormKey, 3> kOwnerKeys{{{"team", &kText, "team that answers for the agent"},
                                             {"contact", &kText, "address of the team"},
                                             {"approver", &kText, "who approved the job; for people, nothing is decided by it"}}};
constexpr Form kOwner = object(kOwnerKeys, true);
constexpr std::array<FormKey, 2> kAppliesKeys{{{"agents", &kGlobs, "globs over agent.id; the most specific of all personas wins"},
                                               {"tenants", &kSomeGlobs, "globs over tenant", "all"}}};
constexpr Form kApplies = object(kAppliesKeys, true);

// --- actions
// --------------------------------------------------------------------------------------------------------------------------------
constexpr std::array<FormKey, 11> kArgumentKeys{{
    {"in_list", &kListRef, "the value stands in this list"},
    {"one_of", &kScalars, "the value is one of these"},
    {"glob", &kGlobOrGlobs, "the value matches"},
    {"max", &kAnyNumber, "greatest number"},
    {"min", &kAnyNumber, "least number"},
    {"max_length", &kCount, "most characters"},
    {"required", &kFlag, "its absence is the breach", "false"},
    {"selective", &kFlag, "refuses predicates that match everything", "false"},
    {"shape", &kShapes, "shapes an identifier may have, such as hex-40"},
    {"destination", &kFlag, "the argument says where data or value goes", "false"},
    {"identifier", &kFlagOrText, "the argument names an object; a text is its KIND", "false"},
}};
constexpr Form kRule = object(kArgumentKeys, true);
constexpr Form kArguments = map(&kArgument, &kRule);
constexpr std::array<FormKey, 2> kActionDataKeys{
    {{"per_call", &kCallEnvelope, "counted here instead of in the persona's, for the units named"},
     {"per_day", &kEnvelope, "counted here instead of in the persona's, for the units named"}}};
constexpr Form kActionData = object(kActionDataKeys, true);
constexpr std::array<FormKey, 11> kActionKeys{{
    {"id", &kId, "name of the action", {}, true},
    {"tools", &kSomeGlobs, "globs over server/name or the bare name", {}, true},
    {"effect", &kEffect, "what the action does to the world"},
    {"resources", &kSomeGlobs, "globs over what may be touched", "any"},
    {"arguments", &kArguments, "limits on arguments by name or JSON Pointer"},
    {"share", &kShare, "share of all calls", "no cap"},
    {"returns", &kLabelList, "labels of what it returns"},
    {"anytime", &kFlag, "outside the order of the workflow", "false"},
    {"words", &kTexts, "how people ask for this action"},
    {"approval", &kFlag, "asks for approval at most 24 h before the act", "false; true for all but read where maturity is intern"},
    {"data", &kActionData, "limits of its own"},
}};
constexpr Form kAction = object(kActionKeys);
constexpr Form kActionList = list(&kAction);

// --- prohibitions and destinations
// -----------------------------------------------------------------------------------------------------------
constexpr std::array<FormKey, 4> kNeverKeys{
    {{"tools", &kSomeGlobs, "tools never used"},
     {"effects", &kEffectList, "effects never had"},
     {"resources", &kSomeGlobs, "resources never touched"},
     {"severity", &kSeverity, "how bad; of the finding, not of the response", "that of the level"}}};
constexpr Form kNever = object(kNeverKeys, true);
constexpr Form kNevers = list(&kNever);
constexpr std::array<FormKey, 2> kDecoyKeys{
    {{"tools", &kSomeGlobs, "tools no honest act uses"}, {"resources", &kSomeGlobs, "resources no honest act touches"}}};
constexpr Form kDecoy = object(kDecoyKeys, true);
constexpr Form kDecoys = list(&kDecoy);
constexpr std::array<FormKey, 1> kAccountListKeys{{{"list", &kListRef, "name of the list", {}, true}}};
constexpr Form kAccountList = object(kAccountListKeys);
constexpr Form kAccounts{.kind = K::ByStyle, .sequence = &kTexts, .mapping = &kAccountList};
constexpr std::array<FormKey, 6> kDestinationKeys{{{"hosts", &kHosts, "bare hosts, permitted whatever external says"},
                                                   {"accounts", &kAccounts, "accounts, or {list: NAME}"},
                                                   {"agents", &kGlobs, "agents it may send to"},
                                                   {"external", &kExternal, "which other hosts outside", "none"},
                                                   {"internal", &kHosts, "globs of inside hosts", "the setting internal_hosts, else hosts"},
                                                   {"new_per_day", &kNatural, "hosts and accounts never contacted before, per day"}}};
constexpr Form kDestinations = object(kDestinationKeys, true);

// --- workflow
// --------------------------------------------------------------------------------------------------------------------------------
constexpr Form kNext = map(&kActionRef, &kActions), kAtMost = map(&kActionRef, &kNatural);
constexpr std::array<FormKey, 2> kAfterKeys{
    {{"do", &kActionRef, "what must follow", {}, true}, {"within", &kDuration, "how soon", {}, true}}};
constexpr Form kAfter = object(kAfterKeys);
constexpr Form kAfters = map(&kActionRef, &kAfter);
constexpr std::array<FormKey, 5> kWorkflowKeys{{{"start", &kActions, "actions a session may begin with"},
                                                {"next", &kNext, "actions that may follow each"},
                                                {"before", &kNext, "actions that must precede each in the session"},
                                                {"at_most", &kAtMost, "times per session"},
                                                {"after", &kAfters, "what must follow, and how soon"}}};
constexpr Form kWorkflow = object(kWorkflowKeys, true);

// --- data
// ------------------------------------------------------------------------------------------------------------------------------------
constexpr std::array<FormKey, 1> kRateKeys{{{"per_minute", &kAmountLadder, "calls, over minutes with at least one", {}, true}}};
constexpr Form kRate = object(kRateKeys);
constexpr std::array<FormKey, 3> kFlowKeys{{{"from", &kText, "label of what was read", {}, true},
                                            {"to", &kFlowTarget, "external, internal, a host glob or account:GLOB", {}, true},
                                            {"allow", &kFlag, "false holds", {}, true}}};
constexpr Form kFlow = object(kFlowKeys);
constexpr Form kFlows = list(&kFlow);
constexpr std::array<FormKey, 6> kDataKeys{{{"per_call", &kCallEnvelope, "of one call"},
                                            {"per_session", &kEnvelope, "of one session"},
                                            {"per_day", &kEnvelope, "of one day in the persona's time zone"},
                                            {"coverage", &kCoverage, "share of a population one call may return"},
                                            {"rate", &kRate, "calls"},
                                            {"flows", &kFlows, "labels against destinations"}}};
constexpr Form kData = object(kDataKeys, true);
constexpr std::array<FormKey, 3> kBarrierKeys{{{"denials", &kShare, "share of calls that may be denied", "0.10"},
                                               {"retries", &kNatural, "retries of the same target tolerated after a denial", "2"},
                                               {"then", &kActions, "accepted next steps after a denial"}}};
constexpr Form kBarriers = object(kBarrierKeys, true);

// --- identity
// --------------------------------------------------------------------------------------------------------------------------------
constexpr std::array<FormKey, 4> kDelegationKeys{{{"to", &kGlobs, "agents it may delegate to"},
                                                  {"from", &kGlobs, "agents it may act for"},
                                                  {"max_depth", &kNatural, "length of the chain below it"},
                                                  {"max_children", &kChildren, "distinct agents per root session, at most 256"}}};
constexpr Form kDelegation = object(kDelegationKeys, true);
constexpr std::array<FormKey, 2> kCredentialKeys{
    {{"fingerprints", &kTexts, "credentials it may use", "any, pinned on first use per session"},
     {"rotation", &kDuration, "how long a former one stays valid"}}};
constexpr Form kCredentials = object(kCredentialKeys, true);
constexpr std::array<FormKey, 2> kScheduleKeys{{{"timezone", &kZone, "IANA zone; also cuts the days of per_day", "UTC"},
                                                {"active", &kWindows, "windows such as \"Mon-Fri 07:00-19:00\"", "always"}}};
constexpr Form kSchedule = object(kScheduleKeys, true);
constexpr std::array<FormKey, 2> kLifetimeKeys{
    {{"max_age", &kDuration, "since the first accepted event"}, {"max_idle", &kDuration, "since the last"}}};
constexpr Form kLifetime = object(kLifetimeKeys, true);

// --- response
// --------------------------------------------------------------------------------------------------------------------------------
constexpr std::array<FormKey, 9> kUndeclaredKeys{{{"read", &kLevel, "level"},
                                                  {"write", &kLevel, "level"},
                                                  {"delete", &kLevel, "level"},
                                                  {"send", &kLevel, "level"},
                                                  {"transfer", &kLevel, "level"},
                                                  {"execute", &kLevel, "level"},
                                                  {"admin", &kLevel, "level"},
                                                  {"delegate", &kLevel, "level"},
                                                  {"default", &kLevel, "effects not named here, and acts whose effect nobody names"}}};
constexpr Form kUndeclared = object(kUndeclaredKeys, true);
constexpr Form kAnalyticLevels = map(&kAnalytic, &kLevel);
constexpr std::array<FormKey, 3> kScoreKeys{
    {{"alert", &kScore, "evidence", "by tier"}, {"throttle", &kScore, "evidence", "by tier"}, {"halt", &kScore, "evidence", "by tier"}}};
constexpr Form kScores = object(kScoreKeys, true, true);
constexpr std::array<FormKey, 8> kResponseKeys{{{"mode", &kMode, "what findings and levels lead to", "observe"},
                                                {"undeclared", &kUndeclared, "level for one act outside the job, by effect", "by maturity"},
                                                {"analytics", &kAnalyticLevels, "level per analytic"},
                                                {"never", &kLevel, "level of a forbidden act", "halt"},
                                                {"hard_limit", &kLevel, "level beyond a max", "hold"},
                                                {"scores", &kScores, "evidence thresholds", "by tier"},
                                                {"holds_to_halt", &kNatural, "held acts in one session that are a halt; 0 never", "3"},
                                                {"scope", &kScope, "what a halt stops", "agent"}}};
constexpr Form kResponse = object(kResponseKeys, true);
constexpr std::array<FormKey, 2> kPrivacyKeys{{{"show", &kTexts, "arguments whose values may stand in findings", "none"},
                                               {"keep_text", &kFlag, "accepted; only hashes of words are kept with either value", "true"}}};
constexpr Form kPrivacy = object(kPrivacyKeys, true);
constexpr std::array<FormKey, 5> kMatchKeys{{{"agent", &kGlob, "glob over agent.id"},
                                             {"action", &kGlob, "glob over action ids"},
                                             {"tool", &kGlob, "glob over server/name"},
                                             {"resource", &kGlob, "glob over resource.uri"},
                                             {"destination", &kGlob, "glob over hosts and accounts"}}};
constexpr Form kMatch = object(kMatchKeys, true);
constexpr std::array<FormKey, 6> kExceptionKeys{{{"id", &kId, "name", {}, true},
                                                 {"analytic", &kAnalytic, "what is excepted", {}, true},
                                                 {"match", &kMatch, "all must hold", {}, true},
                                                 {"reason", &kText, "why", {}, true},
                                                 {"approved_by", &kText, "who answers for it", {}, true},
                                                 {"expires", &kMoment, "a time, or a date until its end in UTC", {}, true}}};
constexpr Form kException = object(kExceptionKeys);
constexpr Form kExceptions = list(&kException);

// --- tests
// -----------------------------------------------------------------------------------------------------------------------------------
constexpr std::array<FormKey, 3> kExpectKeys{
    {{"findings", &kAnalyticList, "analytics found"}, {"level", &kLevel, "highest level"}, {"max_score", &kAmount, "greatest score"}}};
constexpr Form kExpect = object(kExpectKeys, true);
constexpr Form kEvents{.kind = K::ByStyle, .scalar = &kText, .sequence = &kInlineEvents};
constexpr std::array<FormKey, 3> kTestKeys{
    {{"name", &kText, "what must happen", {}, true},
     {"events", &kEvents, "events in place, or an NDJSON file found from the persona's folder", {}, true},
     {"expect", &kExpect, "the answer", {}, true}}};
constexpr Form kTest = object(kTestKeys);
constexpr Form kTests = list(&kTest);

constexpr std::array<FormKey, 26> kPersonaKeys{{
    {"schema", &kSchema, "format", {}, true},
    {"id", &kId, "findings name id@version", {}, true},
    {"version", &kQuoted, "quoted", {}, true},
    {"title", &kText, "a short name, for readers of the file"},
    {"job", &kText, "the job description in plain words", {}, true},
    {"owner", &kOwner, "who answers for it", {}, true},
    {"maturity", &kMaturity, "sets the response defaults", "junior"},
    {"tier", &kTier, "blast radius, 1 harmless to 4 crown jewels", "2"},
    {"confidence", &kConfidence, "how well the limits are known: tolerance 2.0, 1.5, 1.2", "sketch"},
    {"charter_sha256", &kSha256, "pins the prompt or skill text"},
    {"applies_to", &kApplies, "which agents"},
    {"actions", &kActionList, "the declared actions, at most 64"},
    {"never", &kNevers, "what must never happen"},
    {"destinations", &kDestinations, "where data and value may go", "none"},
    {"decoys", &kDecoys, "what no honest act touches"},
    {"workflow", &kWorkflow, "order of actions", "any order"},
    {"data", &kData, "amounts and flows"},
    {"barriers", &kBarriers, "conduct after a refusal"},
    {"delegation", &kDelegation, "delegation", "no delegation"},
    {"credentials", &kCredentials, "credentials", "any, pinned on first use per session"},
    {"schedule", &kSchedule, "when it works", "always, UTC"},
    {"lifetime", &kLifetime, "how long it lives"},
    {"response", &kResponse, "what breaches lead to"},
    {"privacy", &kPrivacy, "what findings may show"},
    {"exceptions", &kExceptions, "narrow, owned, expiring"},
    {"tests", &kTests, "examples with their expected verdicts"},
}};
constexpr Form kPersona = object(kPersonaKeys);

constexpr std::array<FormKey, 2> kUserKeys{
    {{"tools", &kGlobs, "globs over server/name", "any"}, {"resources", &kGlobs, "globs over resource.uri", "any"}}};
constexpr Form kUser = object(kUserKeys);
constexpr Form kUsers = map(&kText, &kUser);
constexpr std::array<FormKey, 2> kEntitlementKeys{
    {{"users", &kUsers, "what each user may do at most"},
     {"require_entitlements", &kFlag, "a user without an entry has an empty scope", "false"}}};
constexpr Form kEntitlements = object(kEntitlementKeys, true);

}  // namespace

const Form& persona_form() { return kPersona; }
const Form& entitlements_form() { return kEntitlements; }
std::span<const std::string_view> returned_labels() { return kLabels; }

}  // namespace ringfence
