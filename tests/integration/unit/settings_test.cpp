// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "connectors/kafka/consumer.h"
#include "connectors/kafka/producer.h"
#include "connectors/kafka/topics.h"

namespace ringfence {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

KafkaSettings with(std::map<std::string, std::string> client) {
  return {.bootstrap_servers = "127.0.0.1:1", .client_id = "test", .client = std::move(client)};
}

std::string refusal(std::map<std::string, std::string> client) {
  const auto producer = Producer::open({.kafka = with(std::move(client))});
  if (producer) return "accepted";
  EXPECT_EQ(producer.error().code, KafkaError::Code::Config);
  return producer.error().message;
}

namespace fs = std::filesystem;

class SecretFile {
 public:
  explicit SecretFile(const std::string& content, fs::perms rights = fs::perms::owner_read) {
    std::ofstream(path_) << content;
    fs::permissions(path_, rights);
  }
  ~SecretFile() { std::filesystem::remove(path_); }
  [[nodiscard]] std::string path() const { return path_.string(); }

 private:
  std::filesystem::path path_ = std::filesystem::temp_directory_path() / ("ringfence-secret-" + std::to_string(::getpid()));
};

TEST(KafkaSettings, PassesThroughWhatTheClientKnows) {
  const SecretFile secret("hunter2\n");
  EXPECT_EQ(refusal({{"security.protocol", "SASL_SSL"},
                     {"sasl.mechanism", "SCRAM-SHA-512"},
                     {"sasl.username", "engine"},
                     {"sasl.password_file", secret.path()}}),
            "accepted");
}

TEST(KafkaSettings, NamesASettingTheClientDoesNotKnow) { EXPECT_THAT(refusal({{"linger.mss", "5"}}), HasSubstr("linger.mss")); }

TEST(KafkaSettings, RefusesToLoosenWhatLosslessnessRestsOn) {
  EXPECT_THAT(refusal({{"enable.idempotence", "false"}}), HasSubstr("must stay true"));
  EXPECT_THAT(refusal({{"acks", "1"}}), HasSubstr("must stay all"));
  EXPECT_THAT(refusal({{"message.timeout.ms", "1000"}}), HasSubstr("must stay 0"));
  EXPECT_EQ(refusal({{"enable.idempotence", "true"}}), "accepted") << "saying the same is no harm";
}

TEST(KafkaSettings, RefusesASecondPlaceForWhatHasASettingOfItsOwn) {
  EXPECT_THAT(refusal({{"bootstrap.servers", "elsewhere:9092"}}), HasSubstr("setting of its own"));
}

TEST(KafkaSettings, TakesSecretsFromFilesOnlyAndNeverRepeatsThem) {
  EXPECT_THAT(refusal({{"sasl.password", "hunter2"}}), AllOf(HasSubstr("sasl.password_file"), Not(HasSubstr("hunter2"))));
  const SecretFile secret("hunter2\n");
  EXPECT_EQ(refusal({{"sasl.password_file", secret.path()}}), "accepted");
}

TEST(KafkaSettings, SaysWhichSecretFileCannotBeUsed) {
  EXPECT_THAT(refusal({{"sasl.password_file", "/nowhere/secret"}}), AllOf(HasSubstr("sasl.password_file"), HasSubstr("/nowhere/secret")));
  const SecretFile empty("\n");
  EXPECT_THAT(refusal({{"ssl.key.password_file", empty.path()}}), HasSubstr("is empty"));
  const SecretFile huge(std::string(100'000, 'x'));
  EXPECT_THAT(refusal({{"ssl.key.password_file", huge.path()}}), HasSubstr("larger than 64 KiB"));
}

TEST(KafkaSettings, RefusesASecretFileThatEveryUserCanRead) {
  const SecretFile open("hunter2\n", fs::perms::owner_read | fs::perms::others_read);
  EXPECT_THAT(refusal({{"sasl.password_file", open.path()}}), AllOf(HasSubstr(open.path()), HasSubstr("chmod"), Not(HasSubstr("hunter2"))));
  const SecretFile group("hunter2\n", fs::perms::owner_read | fs::perms::group_read);
  EXPECT_EQ(refusal({{"sasl.password_file", group.path()}}), "accepted");
}

TEST(KafkaSettings, NeedsABroker) {
  const auto producer = Producer::open({.kafka = {}});
  ASSERT_FALSE(producer);
  EXPECT_THAT(producer.error().message, HasSubstr("bootstrap_servers"));
}

TEST(KafkaErrors, ABrokerThatIsAwayIsAnErrorInBoundedTime) {
  const auto before = std::chrono::steady_clock::now();
  const auto differences = check_topics(with({}), specs_of({}), 3, std::chrono::milliseconds(300));
  ASSERT_FALSE(differences);
  EXPECT_EQ(differences.error().code, KafkaError::Code::Unreachable) << differences.error().message;
  EXPECT_TRUE(differences.error().retriable);
  EXPECT_LT(std::chrono::steady_clock::now() - before, std::chrono::seconds(30));
}

TEST(Topics, FollowTheContract) {
  const auto specs = specs_of({});
  const auto find = [&](const std::string& name) { return *std::ranges::find(specs, name, &TopicSpec::name); };
  EXPECT_EQ(specs.size(), 10U);
  for (const auto* name : {"ringfence.control", "ringfence.context"}) {
    EXPECT_EQ(find(name).cleanup_policy, "compact");
    EXPECT_EQ(find(name).partitions.value, 1) << "one order for all";
    EXPECT_EQ(find(name).partitions.wanted, Wanted::Exactly);
  }
  EXPECT_EQ(find("ringfence.state").partitions.value, find("ringfence.events").partitions.value);
  EXPECT_GE(find("ringfence.context").numbers.at("min.compaction.lag.ms").value, find("ringfence.events").numbers.at("retention.ms").value)
      << "a replay of what is still there finds every fact";
  EXPECT_EQ(find("ringfence.verdicts").numbers.at("retention.ms").value, 3'600'000);
}

TEST(Topics, GiveEachComponentWhatItNeedsAndNoMore) {
  const auto lines = acl_lines({}, {}, "ringfence");
  const auto granted = [&](const std::string& principal, const std::string& operation, const std::string& topic) {
    return std::ranges::any_of(lines, [&](const std::string& line) {
      return line.find("'User:" + principal + "'") != std::string::npos &&
             line.find("--operation " + operation + " ") != std::string::npos && line.ends_with("--topic '" + topic + "'");
    });
  };
  EXPECT_TRUE(granted("ringfence-engine", "Write", "ringfence.control"));
  EXPECT_TRUE(granted("ringfence-engine", "Read", "ringfence.events"));
  EXPECT_TRUE(granted("ringfence-gate", "Write", "ringfence.control.acks"));
  EXPECT_FALSE(granted("ringfence-gate", "Write", "ringfence.control")) << "a gate never speaks for the engine";
  EXPECT_FALSE(granted("ringfence-feeder", "Read", "ringfence.events"));
  EXPECT_FALSE(granted("ringfence-feeder", "Write", "ringfence.control"));
  EXPECT_FALSE(granted("ringfence-engine", "Write", "ringfence.events"));
  EXPECT_TRUE(granted("ringfence-operator", "Write", "ringfence.context"));
  EXPECT_TRUE(granted("ringfence-operator", "Write", "ringfence.control")) << "halt and release speak there as the writer operator";
  EXPECT_TRUE(granted("ringfence-operator", "Read", "ringfence.control"));
  EXPECT_FALSE(granted("ringfence-operator", "Write", "ringfence.control.acks"));
  EXPECT_FALSE(granted("ringfence-siem", "Write", "ringfence.control"));
}

TEST(Topics, QuoteNamesForAShell) {
  EXPECT_THAT(acl_lines({}, {.gate = "User:CN=gate's"}, "ringfence"), ::testing::Contains(HasSubstr("'User:CN=gate'\\''s'")));
}

}  // namespace
}  // namespace ringfence
