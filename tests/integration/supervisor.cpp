// SPDX-License-Identifier: Apache-2.0
#include "tests/integration/supervisor.h"

#include <signal.h>

namespace ringfence::testing {
namespace {

constexpr int kUnreachable = 3;

}  // namespace

SupervisedService::SupervisedService(std::filesystem::path config) : config_(std::move(config)) {
  thread_ = std::jthread([this] { supervise(); });
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return !processes_.empty() || ending_; });
}

SupervisedService::~SupervisedService() { end(SIGKILL); }

/// A process dies with the thread that started it, so one thread starts them all and waits for each.
void SupervisedService::supervise() {
  while (true) {
    ServiceProcess* now = nullptr;
    {
      const std::lock_guard lock(mutex_);
      if (ending_) break;
      now = processes_.emplace_back(std::make_unique<ServiceProcess>(config_)).get();
    }
    changed_.notify_all();
    const int status = now->wait();
    const std::lock_guard lock(mutex_);
    status_ = status;
    if (status != kUnreachable || processes_.size() > kRestartsMost) ending_ = true;
    changed_.notify_all();
  }
}

int SupervisedService::end(int number) {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
    if (!processes_.empty()) processes_.back()->signal(number);
  }
  if (thread_.joinable()) thread_.join();
  const std::lock_guard lock(mutex_);
  return status_;
}

bool SupervisedService::logged(const std::string& text, std::size_t times) {
  for (std::size_t i = 0;; ++i) {
    ServiceProcess* process = nullptr;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] { return processes_.size() > i || ending_; });
      if (processes_.size() <= i) return false;
      process = processes_[i].get();
    }
    if (process->logged(text, times)) return true;
  }
}

std::size_t SupervisedService::restarts() const {
  const std::lock_guard lock(mutex_);
  return processes_.empty() ? 0 : processes_.size() - 1;
}

std::string SupervisedService::log() const {
  const std::lock_guard lock(mutex_);
  std::string text;
  for (const auto& process : processes_) text += process->log();
  return text;
}

}  // namespace ringfence::testing
