// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <vector>

namespace ringfence::testing_support {

/// This test binary again, running one disabled test: a process of its own that may be killed. A fresh start, not a fork, because a fork
/// would inherit the store's threads without their bodies. Its arguments are environment variables; descriptor 3 is a pipe to the parent.
class ChildProcess {
 public:
  ChildProcess(const std::string& test, const std::vector<std::string>& environment) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error("no pipe");
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], 3);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    std::vector<std::string> arguments{"/proc/self/exe", "--gtest_also_run_disabled_tests", "--gtest_filter=" + test};
    std::vector<std::string> variables = environment;
    // A child is about what survives it; its stacks are mostly the library's, cut where that is not instrumented, and cannot be told from
    // ours.
    variables.emplace_back("TSAN_OPTIONS=report_bugs=0");
    for (char** inherited = environ; *inherited; ++inherited) variables.emplace_back(*inherited);
    auto argv = pointers(arguments), envp = pointers(variables);
    const int failed = posix_spawn(&pid_, "/proc/self/exe", &actions, nullptr, argv.data(), envp.data());
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    progress_ = ends[0];
    if (failed != 0) throw std::runtime_error("the child process did not start");
  }
  ~ChildProcess() {
    if (pid_ > 0) kill_now();
    close(progress_);
  }
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  /// Waits for so many bytes on the pipe; false if the child ended before.
  bool await(std::size_t bytes) const {
    char buffer[256];
    while (bytes > 0) {
      const ssize_t got = read(progress_, buffer, std::min(bytes, sizeof buffer));
      if (got <= 0) return false;
      bytes -= static_cast<std::size_t>(got);
    }
    return true;
  }
  /// SIGKILL, and gone on return.
  void kill_now() {
    kill(pid_, SIGKILL);
    wait_end();
  }
  /// Exit status, -1 for an end by signal.
  int wait_end() {
    int status = 0;
    waitpid(pid_, &status, 0);
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

 private:
  static std::vector<char*> pointers(std::vector<std::string>& texts) {
    std::vector<char*> out;
    for (auto& text : texts) out.push_back(text.data());
    out.push_back(nullptr);
    return out;
  }
  pid_t pid_ = -1;
  int progress_ = -1;
};

/// A directory that goes with its owner.
class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string form = (std::filesystem::temp_directory_path() / "ringfence-test-XXXXXX").string();
    if (!mkdtemp(form.data())) throw std::runtime_error("no temporary directory");
    path_ = form;
  }
  ~TemporaryDirectory() { std::filesystem::remove_all(path_); }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  [[nodiscard]] std::string operator/(const std::string& name) const { return (path_ / name).string(); }

 private:
  std::filesystem::path path_;
};

}  // namespace ringfence::testing_support
