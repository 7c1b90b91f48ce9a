// SPDX-License-Identifier: Apache-2.0
// The service whose state store cannot be written: it goes on from memory, says so, and does not end as if all were well.
#include <signal.h>
#include <sys/resource.h>

#include <cstdlib>
#include <fstream>

#include "tests/integration/service_fixture.h"

namespace ringfence::testing {
namespace {

using ::testing::HasSubstr;

/// The process that was started with this file.
pid_t process_of(const std::filesystem::path& config) {
  for (const auto& process : std::filesystem::directory_iterator("/proc")) {
    std::ifstream in(process.path() / "cmdline", std::ios::binary);
    const std::string line{std::istreambuf_iterator<char>(in), {}};
    if (line.find(config.string()) != std::string::npos) return std::atoi(process.path().filename().c_str());
  }
  return -1;
}

/// No file may grow beyond so many bytes from here on, as if the disk were full.
void limit_files(pid_t process, rlim_t bytes) {
  rlimit limit{};
  ASSERT_EQ(::prlimit(process, RLIMIT_FSIZE, nullptr, &limit), 0);
  limit.rlim_cur = bytes;
  ASSERT_EQ(::prlimit(process, RLIMIT_FSIZE, &limit, nullptr), 0);
}

class FullDisk : public Services {
 protected:
  void SetUp() override {
    Services::SetUp();
    before_ = ::signal(SIGXFSZ, SIG_IGN);  // what a full disk does not send; processes started from here inherit that
  }
  void TearDown() override { ::signal(SIGXFSZ, before_); }

  /// A service that has judged something, before and since nothing can be stored any more.
  [[nodiscard]] std::unique_ptr<ServiceProcess> failing(Installation& at, const std::filesystem::path& config) {
    auto service = std::make_unique<ServiceProcess>(config);
    // A partition that cannot be taken on ends the process: both are there first.
    for (const char* taken : {"partition assigned", "links assigned"}) EXPECT_TRUE(service->logged(taken)) << service->log();
    limit_files(process_of(config), 16);
    TopicTail findings(broker(), at.topic("findings"));
    at.feed({forbidden_call("code-1", "1")});
    EXPECT_TRUE(findings.until(about("code-1"))) << "it judges from memory: " << service->log();
    EXPECT_TRUE(service->logged("the state store fails")) << service->log();
    return service;
  }

 private:
  sighandler_t before_ = SIG_DFL;
};

double sample(const std::string& page, const std::string& name) {
  const auto at = page.find("\n" + name + " ");
  return at == std::string::npos ? -1 : std::strtod(page.c_str() + at + name.size() + 2, nullptr);
}

TEST_F(FullDisk, IsSaidAndCountedAndAStopThatLosesStatesIsNoSuccess) {
  Installation at(broker(), 1);
  const auto config = at.member("a");
  const auto service = failing(at, config);
  EXPECT_THAT(service->get("/healthz"), HasSubstr("503"));
  const std::string waiting = "ringfence_flush_age_seconds{shard=\"0\"}";
  TopicTail findings(broker(), at.topic("findings"));
  EXPECT_TRUE(findings.until([&](const auto&) { return sample(service->get("/metrics"), waiting) >= 3; }))
      << "above any flush age, it grows";
  EXPECT_GE(sample(service->get("/metrics"), "ringfence_store_faults_total"), 1);
  EXPECT_EQ(service->end(SIGTERM), 3) << service->log();
  EXPECT_THAT(service->log(), HasSubstr("state not flushed"));
}

TEST_F(FullDisk, ThatIsOverIsForgottenWithNothingLost) {
  Installation at(broker(), 1);
  const auto config = at.member("a");
  const auto service = failing(at, config);
  limit_files(process_of(config), RLIM_INFINITY);
  ASSERT_TRUE(service->logged("the state store is written again")) << service->log();
  ASSERT_TRUE(all_judged(at)) << service->log();
  EXPECT_THAT(service->get("/healthz"), HasSubstr("200 OK"));
  EXPECT_EQ(service->end(SIGTERM), 0) << service->log();
}

}  // namespace
}  // namespace ringfence::testing
