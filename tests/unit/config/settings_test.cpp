// SPDX-License-Identifier: Apache-2.0
#include "config/settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

namespace ringfence {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::Pair;
using testing::UnorderedElementsAre;

std::vector<std::string> errors_of(std::string_view yaml) {
  std::vector<std::string> texts;
  for (const auto& error : parse_settings(yaml, "s.yaml").errors) texts.push_back(to_string(error));
  return texts;
}

class SecretFile : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/ringfence-secret-XXXXXX";
    const int handle = ::mkstemp(name);
    ASSERT_GE(handle, 0);
    ::close(handle);
    path_ = name;
  }
  void TearDown() override { std::filesystem::remove(path_); }
  void write(std::string_view bytes) const { std::ofstream(path_, std::ios::binary) << bytes; }

  std::filesystem::path path_;
};

TEST(Settings, AnEmptyFileMeansTheDefaults) {
  for (const auto* yaml : {"", "# nothing\n", "{}", "state:\n", "---\n"}) {
    const auto load = parse_settings(yaml, "s.yaml");
    ASSERT_TRUE(load.settings) << yaml << errors_of(yaml)[0];
    EXPECT_EQ(load.settings->topics.events, "ringfence.events");
    EXPECT_EQ(load.settings->state.memory_limit, 2ULL << 30U);
  }
}

TEST(Settings, DefaultsAreThoseOfTheContracts) {
  const auto s = default_settings();
  EXPECT_EQ(s.input.kind, SourceKind::Kafka);
  EXPECT_EQ(s.topics.acks, "ringfence.control.acks");
  EXPECT_EQ(s.topics.dead_letter, "ringfence.deadletter");
  EXPECT_EQ(s.state.expiry, days(30));
  EXPECT_EQ(s.state.flush_age, seconds(1));
  EXPECT_EQ(s.control.max_halts_per_minute, 20);
  EXPECT_DOUBLE_EQ(s.control.max_halted_share, .10);
  EXPECT_THAT(s.control.audience, ElementsAre("ringfence-gates"));
  EXPECT_THAT(s.control.gates, ElementsAre());
  EXPECT_EQ(s.http.listen.host, "127.0.0.1");
  EXPECT_EQ(s.http.listen.port, 9464);
  EXPECT_TRUE(s.outputs.findings.topic);
  EXPECT_EQ(s.log.level, LogLevel::Info);
}

TEST(Settings, EveryKindOfValueReachesItsMember) {
  const auto load = parse_settings(
      "input: {kind: file, files: [a.ndjson, b.ndjson.gz, c.ndjson], follow: true}\n"
      "kafka:\n  client: {security.protocol: SASL_SSL, enable.ssl.certificate.verification: true}\n"
      "  client_secret_files: {sasl.password: /run/secrets/kafka}\n"
      "context: {source: topic}\n"
      "internal_hosts: ['**.corp.example']\n"
      "state: {memory_limit: 512MiB, shards: 3, expiry: 45d, flush_age: 500ms}\n"
      "outputs: {findings: 'file:out/f.ndjson'}\n"
      "control: {max_halted_share: 0.25}\n"
      "http: {listen: '[::1]:0'}\n"
      "log: {level: warning, format: text}\n",
      "s.yaml");
  ASSERT_TRUE(load.settings) << to_string(load.errors.front());
  const auto& s = *load.settings;
  EXPECT_EQ(s.input.kind, SourceKind::File);
  EXPECT_THAT(s.input.files, ElementsAre("a.ndjson", "b.ndjson.gz", "c.ndjson"));
  EXPECT_TRUE(s.input.follow);
  EXPECT_THAT(s.kafka.client,
              UnorderedElementsAre(Pair("security.protocol", "SASL_SSL"), Pair("enable.ssl.certificate.verification", "true")));
  EXPECT_THAT(s.kafka.client_secret_files, ElementsAre(Pair("sasl.password", "/run/secrets/kafka")));
  EXPECT_EQ(s.context.source, ContextSource::Topic);
  EXPECT_THAT(s.internal_hosts, ElementsAre("**.corp.example"));
  EXPECT_EQ(s.state.memory_limit, 512ULL << 20U);
  EXPECT_EQ(s.state.shards, 3);
  EXPECT_EQ(s.state.expiry, days(45));
  EXPECT_EQ(s.state.flush_age, milliseconds(500));
  EXPECT_FALSE(s.outputs.findings.topic);
  EXPECT_EQ(s.outputs.findings.file, "out/f.ndjson");
  EXPECT_DOUBLE_EQ(s.control.max_halted_share, .25);
  EXPECT_EQ(s.http.listen.host, "::1");
  EXPECT_EQ(s.http.listen.port, 0);
  EXPECT_EQ(s.log.level, LogLevel::Warning);
  EXPECT_EQ(s.log.format, LogFormat::Plain);
}

TEST(Settings, AnUnknownKeyIsAnErrorWithItsPlaceAndTheNearestKey) {
  EXPECT_THAT(errors_of("state:\n  memory_limt: 1GiB\n"),
              ElementsAre("s.yaml:2:3: unknown key `memory_limt` in `state`; did you mean `memory_limit`?"));
  EXPECT_THAT(errors_of("kafak: {}\n"), ElementsAre("s.yaml:1:1: unknown key `kafak`; did you mean `kafka`?"));
  EXPECT_THAT(errors_of("log:\n  memory_limit: 1GiB\n"),
              ElementsAre("s.yaml:2:3: unknown key `memory_limit` in `log`; did you mean `state.memory_limit`?"));
  EXPECT_THAT(errors_of("colour_of_the_sky: blue\n"), ElementsAre("s.yaml:1:1: unknown key `colour_of_the_sky`"));
}

TEST(Settings, AQuotedTextWithoutAnEndDoesNotSwallowTheRestOfTheFile) {
  EXPECT_THAT(errors_of("log:\n  level: \"info\nkafka: {brokers: b}\n"), Contains("s.yaml:2:10: unterminated quoted text"));
}

TEST(Settings, AllErrorsComeInOnePassInTheOrderOfTheFile) {
  EXPECT_THAT(errors_of("state:\n  shards: many\n  expiry: 30\nlog: {level: loud}\nhttp: {listen: 9464}\nnonsense: 1\n"),
              ElementsAre(HasSubstr("s.yaml:2:11: `state.shards`: expected whole number from 0 to 256, found `many`"),
                          HasSubstr("s.yaml:3:11: `state.expiry`: expected duration with unit (ms s m h d) from 1d to 3660d"),
                          HasSubstr("s.yaml:4:14: `log.level`: expected debug, info, warning or error, found `loud`"),
                          HasSubstr("s.yaml:5:16: `http.listen`"), HasSubstr("s.yaml:6:1: unknown key `nonsense`")));
}

TEST(Settings, ContradictionsAreToldBesideOtherErrors) {
  EXPECT_THAT(
      errors_of("log: {level: loud}\ngate:\n  tls_key: k.pem\noutputs: {findings: \"file:x\", control: \"file:./x\"}\nstate: {shard: 2}\n"),
      ElementsAre(HasSubstr("s.yaml:1:14: `log.level`"), HasSubstr("s.yaml:3:3: `gate.tls_certificate` and `gate.tls_key` come together"),
                  HasSubstr("s.yaml:4:31: `outputs.control` and `outputs.findings` name the same file"),
                  HasSubstr("s.yaml:5:9: unknown key `shard`")));
}

TEST(Settings, WhatIsInDoubtContradictsNothing) {
  EXPECT_THAT(errors_of("gate:\n  tls_key: k.pem\n  tls_certificat: c.pem\n"), ElementsAre(HasSubstr("unknown key `tls_certificat`")));
  EXPECT_THAT(errors_of("gate:\n  tls_key: k.pem\nhttp:\n  tls_certificate: c.pem\n"),
              ElementsAre(HasSubstr("unknown key `tls_certificate`")));
  EXPECT_THAT(errors_of("gate:\n  tls_key: k.pem\ngata: {tls_certificate: c.pem}\n"), ElementsAre(HasSubstr("unknown key `gata`")));
  EXPECT_THAT(errors_of("gate:\n  tls_key: k.pem\n  tls_certificate: []\n"), ElementsAre(HasSubstr("`gate.tls_certificate`: expected")));
  EXPECT_THAT(errors_of("gate: {tls_key: k.pem}\nlog: &anchor {level: info}\n"), ElementsAre(HasSubstr("anchor")));
  EXPECT_THAT(errors_of("gate: 7\noutputs: {control: \"file:c\"}\nask: {tiers: {\"4\": closed}}\n"),
              ElementsAre(HasSubstr("`gate`: expected a map"), HasSubstr("`ask.tiers` needs Kafka")));
  EXPECT_THAT(errors_of("input: {kind: filo, files: [a.gz], follow: true}\n"), ElementsAre(HasSubstr("`input.kind`")));
  EXPECT_THAT(errors_of("control: {audience: [[]]}\n"), ElementsAre(HasSubstr("`control.audience`")));
}

struct Refused {
  const char* yaml;
  const char* why;
};
class RefusedValue : public testing::TestWithParam<Refused> {};
TEST_P(RefusedValue, IsAnErrorThatNamesTheSetting) {
  const auto load = parse_settings(GetParam().yaml, "s.yaml");
  EXPECT_FALSE(load.settings);
  EXPECT_THAT(errors_of(GetParam().yaml), ElementsAre(HasSubstr(GetParam().why))) << GetParam().yaml;
}
INSTANTIATE_TEST_SUITE_P(
    Settings, RefusedValue,
    testing::Values(Refused{"ask: {tiers: {'4': closed}}", "`ask.tiers` needs `agent` in `gate.subject`"},
                    Refused{"gate: {jwt_audience: tools}", "need `gate.jwks_file`"}, Refused{"state: {shards: -1}", "state.shards"},
                    Refused{"state: {shards: 257}", "state.shards"}, Refused{"state: {shards: '2'}", "state.shards"},
                    Refused{"state: {shards: 99999999999999999999}", "state.shards"},
                    Refused{"state: {memory_limit: 2147483648}", "state.memory_limit"}, Refused{"state: {memory_limit: 1KiB}", "64MiB"},
                    Refused{"state: {memory_limit: 99999999999GiB}", "state.memory_limit"}, Refused{"state: {memory_limit: 2GB}", "KiB"},
                    Refused{"state: {flush_age: 1.5s}", "state.flush_age"}, Refused{"state: {flush_age: 2m}", "from 100ms to 1m"},
                    Refused{"state: {directory: ''}", "state.directory"}, Refused{"state: {directory: [a]}", "state.directory"},
                    Refused{"state: {directory: }", "state.directory"}, Refused{"control: {max_halted_share: 1.01}", "max_halted_share"},
                    Refused{"control: {max_halted_share: nan}", "max_halted_share"},
                    Refused{"control: {audience: ringfence}", "control.audience"}, Refused{"control: {audience: []}", "no gate would take"},
                    Refused{"control: {gates: [a, '']}", "control.gates"}, Refused{"input: {follow: yes}", "input.follow"},
                    Refused{"input: {kind: kafka, follow: true}", "input.follow"}, Refused{"input: {kind: file}", "names none"},
                    Refused{"input: {files: [a]}", "is not file"},
                    Refused{"input: {kind: file, files: [a.gz], follow: true}", "compressed"},
                    Refused{"topics: {events: 'a b'}", "topics.events"},
                    Refused{"topics: {findings: ringfence.events}", "name the same topic"},
                    Refused{"outputs: {findings: findings.ndjson}", "file:PATH"}, Refused{"outputs: {findings: 'file:'}", "file:PATH"},
                    Refused{"outputs: {findings: 'file:o', control: 'file:./o'}", "name the same file"},
                    Refused{"http: {listen: '::1:80'}", "http.listen"}, Refused{"http: {listen: 'h:65536'}", "http.listen"},
                    Refused{"kafka: {bootstrap: \"a\\nb\"}", "kafka.bootstrap"}, Refused{"kafka: {client: {acks: 0}}", "set by ringfence"},
                    Refused{"kafka: {client: {a: {b: c}}}", "kafka.client"}, Refused{"kafka: {client: [a]}", "kafka.client"},
                    Refused{"kafka: yes", "`kafka`"}, Refused{"- a", "map of settings"}, Refused{"a: b: c", "not YAML"},
                    Refused{"log: {level: info}\n---\nlog: {}\n", "a second document"}, Refused{"{a: [}", "not YAML"}));

TEST(Settings, RepeatedKeysAliasesAnchorsAndTagsAreErrors) {
  EXPECT_THAT(errors_of("log: {level: info}\nstate: {shards: 1}\nlog: {level: debug}\n"),
              ElementsAre("s.yaml:3:1: duplicate key 'log', first on line 1"));
  EXPECT_THAT(errors_of("kafka:\n  group: &g x\n  instance_id: *g\n"),
              ElementsAre(HasSubstr("2:10: anchor '&g' is not allowed"), HasSubstr("3:16: aliases are not allowed")));
  EXPECT_THAT(errors_of("kafka:\n  group: !!str x\n"), ElementsAre(HasSubstr("tags are not allowed")));
}

TEST(Settings, InternalHostsAreBare) {
  EXPECT_THAT(errors_of("internal_hosts: [\"**.corp.example\",\n  \"https://erp.corp.example\"]\n"),
              ElementsAre(AllOf(HasSubstr("s.yaml:2:3: `internal_hosts`: expected a bare host"), HasSubstr("; write 'erp.corp.example'"))));
}

TEST(Settings, OfTwoTopicsOfOneNameThatIsToldWhichTheFileNames) {
  EXPECT_THAT(errors_of("topics:\n  events: ringfence.findings\n"),
              ElementsAre(HasSubstr("s.yaml:2:3: `topics.findings` and `topics.events` name the same topic")));
  EXPECT_THAT(errors_of("topics: {findings: a,\n  control: a}\n"),
              ElementsAre(HasSubstr("s.yaml:2:3: `topics.control` and `topics.findings` name the same topic")));
}

TEST(Settings, NestingIsBounded) {
  const std::string deep = "kafka: {client: " + std::string(100, '[') + std::string(100, ']') + "}";
  EXPECT_THAT(errors_of(deep), testing::Contains(HasSubstr("nested deeper than 24")));
}

TEST(Settings, GatesThatNobodyWouldHearAreRefused) {
  EXPECT_THAT(errors_of("input: {kind: stdin}\ncontrol: {gates: [edge]}\n"),
              Contains(HasSubstr("`control.gates` needs a file in `gate.acks`")));
  EXPECT_THAT(errors_of("input: {kind: stdin}\ncontrol: {gates: [edge]}\ngate: {acks: 'file:acks'}\n"),
              Not(Contains(HasSubstr("gate.acks"))));
  EXPECT_THAT(errors_of("control: {gates: [edge]}\n"), Not(Contains(HasSubstr("gate.acks"))));
}

TEST(Settings, AHostileValueIsEscapedInItsError) {
  EXPECT_THAT(errors_of("log: {level: \"\\x1b[31mred\\n\"}\n"),
              ElementsAre(AllOf(HasSubstr("log.level"), Not(HasSubstr("\x1b")), Not(HasSubstr("\n")))));
  EXPECT_THAT(errors_of("\"a\\x1b\": 1\n"), ElementsAre(Not(HasSubstr("\x1b"))));
}

TEST(Settings, ASecretInTheClientPropertiesIsRefusedAndNotRepeated) {
  EXPECT_THAT(errors_of("kafka:\n  client:\n    sasl.password: hunter2\n"),
              ElementsAre(AllOf(HasSubstr("s.yaml:3:5"), HasSubstr("client_secret_files"), Not(HasSubstr("hunter2")))));
}

TEST(Settings, APartitionIsLetGoOnByItsPlaceAlone) {
  const auto load = parse_settings("kafka:\n  move_on: {ringfence.events/3@120: oldest, ringfence.links/0@7: 9}\n", "s.yaml");
  ASSERT_TRUE(load.settings) << to_string(load.errors.front());
  EXPECT_THAT(load.settings->kafka.move_on,
              UnorderedElementsAre(Pair("ringfence.events/3@120", "oldest"), Pair("ringfence.links/0@7", "9")));
  for (const std::string entry : {"ringfence.events/3: oldest", "ringfence.events@3: oldest", "ringfence.events/3@-1: oldest",
                                  "ringfence.findings/3@1: oldest", "ringfence.events/3@120: 120", "ringfence.events/3@120: newest"})
    EXPECT_THAT(errors_of("kafka:\n  move_on:\n    " + entry + "\n"), ElementsAre(HasSubstr("s.yaml:3:5"))) << entry;
}

TEST(Settings, AMissingFileAndADirectoryAreErrorsOfTheFile) {
  EXPECT_EQ(to_string(load_settings("/no/such/file.yaml").errors.at(0)), "/no/such/file.yaml: no such file, or no right to look");
  EXPECT_EQ(to_string(load_settings("/tmp").errors.at(0)), "/tmp: not a regular file");
}

TEST_F(SecretFile, LosesTheLineEndBehindTheSecretAndNothingElse) {
  write(" s3cret \r\n");
  ASSERT_EQ(::chmod(path_.c_str(), 0600), 0);
  EXPECT_EQ(read_secret_file(path_), " s3cret ");
}

TEST_F(SecretFile, OpenToEveryUserIsRefused) {
  write("s3cret");
  ASSERT_EQ(::chmod(path_.c_str(), 0644), 0);
  const auto secret = read_secret_file(path_);
  ASSERT_FALSE(secret);
  EXPECT_THAT(secret.error(), AllOf(HasSubstr(path_.string()), HasSubstr("chmod"), Not(HasSubstr("s3cret"))));
}

TEST_F(SecretFile, EmptyOrTooLargeIsRefused) {
  write("\n");
  ASSERT_EQ(::chmod(path_.c_str(), 0600), 0);
  EXPECT_FALSE(read_secret_file(path_));
  write(std::string(65537, 'x'));
  EXPECT_FALSE(read_secret_file(path_));
  EXPECT_FALSE(read_secret_file("/no/such/file"));
}

}  // namespace
}  // namespace ringfence
