// SPDX-License-Identifier: Apache-2.0
#include "connectors/encoders/audit.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "connectors/encoders/audit_verifier.h"
#include "tests/schema/json_schema.h"
#include "tests/unit/encoders/findings.h"

namespace ringfence {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr auto kChain = "engine-ringfence.events-audit/host-1";
constexpr auto kWriter = "engine-ringfence.events-0";
const WallTime kNow{1'795'170'000'000'000'000};
const Position kHere{Partition{0}, Offset{17}};

SigningKey key(char seed) { return *SigningKey::from_seed(std::string(32, seed)); }
TrustedKeys trusted() {
  TrustedKeys keys;
  keys.add(key('a'), {"engine-*"});
  keys.add(key('b'), {"operator"});
  return keys;
}

ContainmentRecord halt(int agent, bool contained = true) {
  ContainmentRecord record;
  record.agent_id = "agent-" + std::to_string(agent);
  record.tenant = "corp";
  record.scope = scope_key("agent", "corp", record.agent_id);
  record.epoch = contained ? 1 : 2;
  record.contained = contained;
  record.effective_at = EventTime{kNow.value};
  record.finding_uid = "rf-1";
  record.reason = "guessing \x1b[2J after a refusal";
  record.persona = "clerk@1";
  record.cause_event_id = "call-1";
  if (!contained) record.approver = "grace";
  return record;
}
ContainmentRecord held() {
  ContainmentRecord record = halt(3);
  record.wanted = std::exchange(record.level, Level::Hold);
  record.pending_approval = true;
  return record;
}
Enforcement confirmed() {
  return {.scope = "agent:corp/agent-1",
          .level = Level::Halt,
          .effective_at = EventTime{kNow.value},
          .gates = {{"edge", EventTime{kNow.value + 8'000'000}}, {"inner \x1b[2J", EventTime{kNow.value + 11'000'000}}},
          .skew = Nanos{0}};
}
const Command kRelease{"release", "agent:corp/agent-1", "a wrong list", "ada", "grace", "SOC-7"};
const Command kPurge{"purge", "agent:corp/agent-1", "left", "ada", "", ""};
CommandOnRecord order(const Command& command) { return {command, "ctl-1", "some-kid"}; }

AuditEntry entry(int agent) { return audit_of(halt(agent), kWriter, kNow); }

std::vector<std::string> chain(int records = 5, char seed = 'a', AuditHead from = beginning_of(kChain)) {
  const SigningKey own = key(seed);
  AuditChain chain(own, std::move(from));
  std::vector<std::string> lines;
  for (int i = 0; i < records; ++i) lines.push_back(chain.next(entry(i)));
  return lines;
}

AuditHead head_of(const std::string& line) { return read_audit_line(line, trusted()).value().at; }

/// What is wrong with the lines, as `number of the line: kind: why`; empty where nothing is.
std::string verdict(const std::vector<std::string>& lines, const std::vector<AuditHead>& known = {}) {
  const TrustedKeys keys = trusted();
  AuditVerifier verifier(keys, known);
  const auto said = [](const AuditFault& fault) { return std::string(name_of(fault.kind)) + ": " + fault.why; };
  for (std::size_t i = 0; i < lines.size(); ++i)
    if (const auto taken = verifier.take(lines[i]); !taken) return std::to_string(i + 1) + ": " + said(taken.error());
  const auto whole = verifier.end();
  return whole ? "" : said(whole.error());
}

TEST(Audit, AWholeChainIsWhole) { EXPECT_EQ(verdict(chain()), ""); }

TEST(Audit, EveryChangedByteIsNamed) {
  const std::vector<std::string> lines = chain(3);
  for (std::size_t at = 0; at < lines[1].size(); ++at) {
    std::vector<std::string> changed = lines;
    changed[1][at] = changed[1][at] == 'x' ? 'y' : 'x';
    EXPECT_THAT(verdict(changed), StartsWith("2: ")) << at;
  }
}

TEST(Audit, ARecordThatIsMissingIsNamedByTheOneBehindIt) {
  std::vector<std::string> lines = chain();
  lines.erase(lines.begin() + 1, lines.begin() + 3);
  EXPECT_EQ(verdict(lines), "2: gap: records 2 to 3 of its chain should stand before it");
  lines = chain();
  lines.erase(lines.begin());
  EXPECT_EQ(verdict(lines), "1: gap: record 1 of its chain should stand before it");
}

TEST(Audit, RecordsThatWereMovedOrRepeatedAreNamed) {
  std::vector<std::string> lines = chain();
  std::swap(lines[2], lines[3]);
  EXPECT_EQ(verdict(lines), "3: gap: record 3 of its chain should stand before it");
  lines = chain();
  lines.insert(lines.begin() + 3, lines[2]);
  EXPECT_EQ(verdict(lines), "4: order: it stands here again, or behind a later one");
}

TEST(Audit, ARecordOfAnotherPastIsNamed) {
  std::vector<std::string> lines = chain(3);
  const SigningKey own = key('a');
  AuditChain fork(own, head_of(lines[0]));
  const std::string other = fork.next(entry(7));
  EXPECT_EQ(verdict({lines[0], other, lines[2]}), "3: hash: it does not follow the record before it");
}

TEST(Audit, ACutRecordIsNamed) {
  std::vector<std::string> lines = chain();
  lines.back().resize(lines.back().size() / 2);
  EXPECT_EQ(verdict(lines), "5: unreadable: cut short, or no JSON object");
}

TEST(Audit, HostileLinesAreRefusedAndNothingOfThemIsRepeated) {
  const std::string record = chain(1)[0];
  const std::size_t signature = record.rfind(kAuditSignature) + kAuditSignature.size();
  const auto with = [&](std::string_view token) { return record.substr(0, signature) + std::string(token) + R"("}}})"; };
  for (const std::string& line : {std::string("{}"), std::string("[]"), std::string(), std::string(70'000, ' '), std::string(40'000, '['),
                                  std::string(R"({"unmapped":{"ringfence":{"chain":"x","number":1,"previous":"","signature":""}}})"),
                                  std::string(R"({"unmapped":{"ringfence":{"chain":7,"number":-1,"previous":{},"signature":".."}}})"),
                                  std::string("\xff\xfe\x00\x01", 4), with(""), with(".."), with("a..b"), with(std::string(5'000, 'A')),
                                  with("eyJhbGciOiJub25lIn0.."), with("eyJhbGciOiJub25lIn0.e30.")}) {
    const std::string said = verdict({line});
    EXPECT_THAT(said, StartsWith("1: ")) << line.substr(0, 100);
    EXPECT_LT(said.size(), 120U);
  }
}

TEST(Audit, ATailThatIsGoneIsKnownByWhatFollowsOrByANotedHead) {
  std::vector<std::string> lines = chain();
  const AuditHead head = head_of(lines.back());
  lines.pop_back();
  EXPECT_EQ(verdict(lines), "") << "the file alone cannot tell";
  EXPECT_EQ(verdict(lines, {head}), "tail: record 5 of its chain are missing at the end");
  EXPECT_EQ(verdict({}, {head}), "tail: nothing of this chain is here");
  const SigningKey own = key('a');
  AuditChain on(own, head);
  lines.push_back(on.next(entry(9)));
  EXPECT_EQ(verdict(lines), "5: gap: record 5 of its chain should stand before it") << "the process that goes on knew of it";
}

TEST(Audit, WhatRetentionTookIsVouchedForByANotedHead) {
  std::vector<std::string> lines = chain();
  const AuditHead second = head_of(lines[1]), fourth = head_of(lines[3]);
  const std::vector<std::string> rest(lines.begin() + 2, lines.end());
  EXPECT_THAT(verdict(rest), HasSubstr("gap: records 1 to 2"));
  EXPECT_EQ(verdict(rest, {second}), "");
  EXPECT_EQ(verdict(rest, {second, fourth}), "");
  AuditHead other = second;
  other.sha256 = std::string(64, 'a');
  EXPECT_THAT(verdict(rest, {other}), HasSubstr("hash: it does not follow"));
  other = fourth;
  other.sha256 = std::string(64, 'a');
  EXPECT_EQ(verdict(lines, {other}), "4: hash: it is another than was noted");
}

TEST(Audit, AWrongKeyIsNamed) {
  EXPECT_EQ(verdict(chain(1, 'z')), "1: unknown key: signed by a key that is not trusted");
  EXPECT_EQ(verdict(chain(1, 'b')), "1: wrong key: signed by a key that may not write this chain");
  EXPECT_EQ(verdict(chain(1, 'b', beginning_of("operator/people"))), "");
}

TEST(Audit, AChainGoesOnUnderANewKeyAndTheFormerOnesRecordsStayGood) {
  std::vector<std::string> lines = chain(2, 'a');
  const SigningKey next = key('c');
  AuditChain on(next, head_of(lines.back()));
  lines.push_back(on.next(entry(3)));
  EXPECT_THAT(verdict(lines), StartsWith("3: unknown key")) << "until it is trusted";
  TrustedKeys both = trusted();
  both.add(next, {"engine-*"});
  AuditVerifier verifier(both, {});
  for (const std::string& line : lines) EXPECT_TRUE(verifier.take(line).has_value());
  TrustedKeys removed;
  removed.add(next, {"engine-*"});
  AuditVerifier strict(removed, {});
  const auto refused = strict.take(lines[0]);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().kind, AuditFault::Kind::UnknownKey);
}

TEST(Audit, ChainsStandMixed) {
  const std::vector<std::string> engine = chain(3), people = chain(2, 'b', beginning_of("operator/people"));
  EXPECT_EQ(verdict({engine[0], people[0], engine[1], engine[2], people[1]}), "");
}

TEST(Audit, TheSameThingHasTheSameUidAndAnotherAnother) {
  EXPECT_EQ(entry(1).uid, audit_of(halt(1), kWriter, WallTime{kNow.value + 1}).uid);
  std::set<std::string> uids;
  const std::vector<AuditEntry> entries{entry(1),
                                        entry(2),
                                        audit_of(halt(1, false), kWriter, kNow),
                                        audit_of_held(halt(1), kWriter, kNow),
                                        audit_of(confirmed(), kHere, kNow),
                                        audit_of_taken(order(kRelease), kHere, kNow),
                                        audit_of_answer(order(kRelease), true, "done", kHere, kNow),
                                        audit_of_answer(order(kRelease), true, "done", {Partition{1}, Offset{17}}, kNow)};
  for (const AuditEntry& each : entries) uids.insert(each.uid);
  EXPECT_EQ(uids.size(), entries.size());
}

TEST(Audit, AReleaseSaysThatItSetTheEvidenceToZeroAndAThrottleThatEndsKeepsIt) {
  const auto own = [](const AuditEntry& each) { return json::parse(each.event).at("unmapped").at("ringfence"); };
  EXPECT_EQ(own(audit_of(halt(1, false), kWriter, kNow)).at("evidence"), "set to zero");
  ContainmentRecord ended = halt(1, false);
  ended.release_auto = true;
  EXPECT_EQ(own(audit_of(ended, kWriter, kNow)).at("evidence"), "kept");
}

[[nodiscard]] bool accepts(const json& record) { return testing::audit_schema().faults(record).empty(); }

TEST(AuditSchema, AcceptsEveryKindOfRecord) {
  const SigningKey own = key('a');
  AuditChain chain(own, beginning_of(kChain));
  const CommandOnRecord release = order(kRelease);
  const std::vector<AuditEntry> entries{audit_of_start({"host-1@1", own.kid(), "ab12"}, kNow),
                                        entry(1),
                                        audit_of(halt(1, false), kWriter, kNow),
                                        audit_of_held(held(), kWriter, kNow),
                                        audit_of(confirmed(), kHere, kNow),
                                        audit_of_taken(release, kHere, kNow),
                                        audit_of_answer(release, false, "who halted cannot approve", kHere, kNow),
                                        audit_of_answer(order(kPurge), true, "done", kHere, kNow),
                                        audit_of_given(release, true, "published by the writer operator", kNow),
                                        audit_of_passed_over(&release, Offset{5}, "the same signed record was there before", 3, kNow),
                                        audit_of_passed_over(nullptr, Offset{6}, "signature: does not hold", 0, kNow),
                                        audit_of_personas("ab12", 3, "0:17", kNow),
                                        audit_of_purge("agent:corp/agent-1", 1, kNow),
                                        audit_of_moved_on("ringfence.events", kHere, Offset{40}, kNow),
                                        audit_of_end({"host-1@1", own.kid(), {}}, kNow)};
  for (const AuditEntry& each : entries) {
    const std::string line = chain.next(each);
    EXPECT_EQ(line.find('\x1b'), std::string::npos);
    const json record = json::parse(line);
    EXPECT_TRUE(accepts(record)) << line;
    const int class_uid = record.at("class_uid"), activity = record.at("activity_id");
    EXPECT_EQ(record.at("type_uid"), class_uid * 100 + activity);
    EXPECT_EQ(record.at("type_name"), record.at("class_name").get<std::string>() + ": " + record.at("activity_name").get<std::string>());
    EXPECT_EQ(read_audit_line(line, trusted()).value().uid, each.uid);
  }
}

TEST(AuditSchema, IsNoRubberStamp) {
  const SigningKey own = key('a');
  AuditChain chain(own, beginning_of(kChain));
  const json good = json::parse(chain.next(audit_of_given(order(kRelease), true, "done", kNow)));
  ASSERT_TRUE(accepts(good));
  json bad = good;
  bad.erase("command_uid");
  EXPECT_FALSE(accepts(bad));
  bad = good;
  bad["metadata"].erase("profiles");
  EXPECT_FALSE(accepts(bad)) << "an actor takes the host profile";
  bad = good;
  bad["status_id"] = 7;
  EXPECT_FALSE(accepts(bad));
}

}  // namespace
}  // namespace ringfence
