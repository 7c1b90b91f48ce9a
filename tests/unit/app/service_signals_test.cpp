// SPDX-License-Identifier: Apache-2.0
#include "engine/app/service_signals.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pthread.h>
#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <csignal>
#include <mutex>
#include <vector>

namespace ringfence {
namespace {

using testing::ElementsAre;

constexpr auto kPatience = std::chrono::seconds(20);

/// Writes down what was asked for, in order.
class Requests {
 public:
  SignalCallbacks callbacks() {
    return {[this](int signal) { add(signal); }, [this] { add(SIGHUP); }};
  }
  std::vector<int> wait_for(std::size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, kPatience, [&] { return seen_.size() >= count; });
    return seen_;
  }

 private:
  void add(int signal) {
    const std::scoped_lock lock(mutex_);
    seen_.push_back(signal);
    changed_.notify_all();
  }
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<int> seen_;
};

bool blocked(int signal) {
  sigset_t mask;
  ::pthread_sigmask(SIG_SETMASK, nullptr, &mask);
  return ::sigismember(&mask, signal) == 1;
}

TEST(ServiceSignals, HangupAsksForAReloadAndTermAndIntForTheEnd) {
  Requests requests;
  const auto signals = ServiceSignals::watch(requests.callbacks());
  ASSERT_TRUE(signals) << signals.error();
  ::kill(::getpid(), SIGHUP);
  EXPECT_THAT(requests.wait_for(1), ElementsAre(SIGHUP));
  ::kill(::getpid(), SIGTERM);
  EXPECT_THAT(requests.wait_for(2), ElementsAre(SIGHUP, SIGTERM));
  ::kill(::getpid(), SIGINT);
  EXPECT_THAT(requests.wait_for(3), ElementsAre(SIGHUP, SIGTERM, SIGINT));
}

TEST(ServiceSignals, ASecondTermIsHeardToo) {
  Requests requests;
  const auto signals = ServiceSignals::watch(requests.callbacks());
  ASSERT_TRUE(signals) << signals.error();
  ::kill(::getpid(), SIGTERM);
  requests.wait_for(1);
  ::kill(::getpid(), SIGTERM);
  EXPECT_THAT(requests.wait_for(2), ElementsAre(SIGTERM, SIGTERM));
}

TEST(ServiceSignals, TheEndOfWatchingGivesTheMaskBack) {
  ASSERT_FALSE(blocked(SIGTERM));
  {
    Requests requests;
    const auto signals = ServiceSignals::watch(requests.callbacks());
    ASSERT_TRUE(signals) << signals.error();
    EXPECT_TRUE(blocked(SIGTERM));
  }
  EXPECT_FALSE(blocked(SIGTERM));
}

TEST(ServiceSignals, AClosedPipeIsAnErrorOfTheWrite) {
  Requests requests;
  const auto signals = ServiceSignals::watch(requests.callbacks());
  ASSERT_TRUE(signals) << signals.error();
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  ::close(ends[0]);
  EXPECT_EQ(::write(ends[1], "x", 1), -1);
  EXPECT_EQ(errno, EPIPE);
  ::close(ends[1]);
}

}  // namespace
}  // namespace ringfence
