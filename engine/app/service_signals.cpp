// SPDX-License-Identifier: Apache-2.0
#include "engine/app/service_signals.h"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <system_error>
#include <thread>
#include <utility>

#include "connectors/sources/descriptor.h"

namespace ringfence {
namespace {

sigset_t watched_signals() {
  sigset_t set;
  ::sigemptyset(&set);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) ::sigaddset(&set, signal);
  return set;
}

}  // namespace

/// The thread that reads signals as records of a descriptor.
class ServiceSignals::Watch {
 public:
  Watch(Descriptor signals, Descriptor wake, sigset_t old_mask, SignalCallbacks callbacks)
      : signals_(std::move(signals)), wake_(std::move(wake)), old_mask_(old_mask), callbacks_(std::move(callbacks)), thread_([this] {
          run();
        }) {}

  ~Watch() {
    const std::uint64_t one = 1;
    // An eventfd whose counter is far from its end takes every write.
    [[maybe_unused]] const auto written = ::write(wake_.number(), &one, sizeof one);
    thread_.join();
    ::pthread_sigmask(SIG_SETMASK, &old_mask_, nullptr);
  }
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

 private:
  void run() {
    for (;;) {
      std::array<pollfd, 2> watched = {{{wake_.number(), POLLIN, 0}, {signals_.number(), POLLIN, 0}}};
      if (::poll(watched.data(), watched.size(), -1) < 0 && errno != EINTR) return;
      if (watched[0].revents != 0) return;
      signalfd_siginfo info{};
      if (::read(signals_.number(), &info, sizeof info) != static_cast<ssize_t>(sizeof info)) continue;
      const auto signal = static_cast<int>(info.ssi_signo);
      if (signal == SIGHUP) {
        callbacks_.reload();
      } else {
        callbacks_.stop(signal);
      }
    }
  }

  Descriptor signals_, wake_;
  sigset_t old_mask_;
  SignalCallbacks callbacks_;
  std::thread thread_;  // last: it uses all of the above
};

ServiceSignals::ServiceSignals(std::unique_ptr<Watch> watch) : watch_(std::move(watch)) {}
ServiceSignals::~ServiceSignals() = default;

std::expected<std::unique_ptr<ServiceSignals>, std::string> ServiceSignals::watch(SignalCallbacks callbacks) {
  const auto set = watched_signals();
  const auto failed = [] { return std::unexpected("cannot watch signals: " + std::generic_category().message(errno)); };
  Descriptor signals(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  Descriptor wake(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!signals.valid() || !wake.valid()) return failed();
  sigset_t old_mask;
  ::pthread_sigmask(SIG_BLOCK, &set, &old_mask);  // fails only for an operation that does not exist
  ::signal(SIGPIPE, SIG_IGN);
  return std::unique_ptr<ServiceSignals>(
      new ServiceSignals(std::make_unique<Watch>(std::move(signals), std::move(wake), old_mask, std::move(callbacks))));
}

}  // namespace ringfence
