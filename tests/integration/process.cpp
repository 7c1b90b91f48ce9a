// SPDX-License-Identifier: Apache-2.0
#include "tests/integration/process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>

extern "C" {  // which the header of glibc 2.36 forgets to say
#include <sys/pidfd.h>
}

namespace ringfence::testing {

std::unique_ptr<Process> Process::start(const std::vector<std::string>& command, const std::filesystem::path& directory, bool errors_too) {
  std::vector<char*> arguments;
  for (const std::string& argument : command) arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return nullptr;
  Descriptor reading(ends[0]), writing(ends[1]);
  const pid_t parent = ::getpid();
  const std::string where = directory.string();
  const pid_t pid = ::fork();
  if (pid < 0) return nullptr;
  if (pid == 0) {
    // Only what is safe between fork and exec of a process with threads.
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent || ::chdir(where.c_str()) != 0) ::_exit(127);
    ::dup2(ends[1], STDOUT_FILENO);
    if (errors_too) ::dup2(ends[1], STDERR_FILENO);
    ::execvp(arguments.front(), arguments.data());
    ::_exit(127);
  }
  Descriptor process(::pidfd_open(pid, 0));
  if (process.valid()) return std::unique_ptr<Process>(new Process(std::move(process), std::move(reading)));
  ::kill(pid, SIGKILL);  // ours and not waited for yet, so the number is its own
  ::waitpid(pid, nullptr, 0);
  return nullptr;
}

Process::~Process() {
  signal(SIGKILL);
  wait();
}

void Process::signal(int number) const { ::pidfd_send_signal(process_.number(), number, nullptr, 0); }

int Process::wait() {
  const std::lock_guard lock(waiting_);
  if (status_) return *status_;
  siginfo_t ended{};
  while (::waitid(P_PIDFD, static_cast<id_t>(process_.number()), &ended, WEXITED) < 0 && errno == EINTR) {
  }
  status_ = ended.si_code == CLD_EXITED ? ended.si_status : -ended.si_status;
  return *status_;
}

std::string Process::read_all() const {
  std::string text;
  std::array<char, 65536> buffer{};
  for (ssize_t count = 0; (count = ::read(output(), buffer.data(), buffer.size())) > 0;)
    text.append(buffer.data(), static_cast<std::size_t>(count));
  return text;
}

}  // namespace ringfence::testing
