// SPDX-License-Identifier: Apache-2.0
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <exception>
#include <iostream>
#include <new>
#include <sstream>
#include <string>
#include <vector>

#include "engine/app/operators.h"
#include "engine/event/escape.h"
#include "engine/persona/values.h"

namespace {

constexpr int code(ringfence::ExitCode exit) { return static_cast<int>(exit); }

/// A word that stands where a command was expected and is none; nothing where that is not what is wrong.
std::string unknown_command(const CLI::App& app) {
  const CLI::App* at = &app;
  std::string path = "ringfence";
  while (!at->get_subcommands().empty()) {
    at = at->get_subcommands().front();
    path += " " + at->get_name();
  }
  const auto known = at->get_subcommands([](const CLI::App*) { return true; });
  const auto rest = at->remaining();
  if (known.empty() || rest.empty()) return "";
  std::vector<std::string> names;
  for (const CLI::App* const command : known) names.push_back(command->get_name());
  const auto near = ringfence::nearest(rest.front(), names);
  return path + ": unknown " + (rest.front().starts_with('-') ? "option '" : "command '") + ringfence::printable(rest.front()) + "'" +
         (near ? "; the nearest is '" + *near + "'" : "");
}

/// What is wrong with the command line, which may hold anything, line by line and escaped.
int refuse(const CLI::App& app, const CLI::ParseError& error) {
  constexpr std::size_t kLineChars = 4096;
  if (const std::string unknown = unknown_command(app); !unknown.empty()) {
    std::fprintf(stderr, "%s\nRun with --help for more information.\n", unknown.c_str());
    return code(ringfence::ExitCode::Unusable);
  }
  std::stringstream message;
  static_cast<void>(app.exit(error, message, message));
  for (std::string line; std::getline(message, line);) std::fprintf(stderr, "%s\n", ringfence::printable(line, kLineChars).c_str());
  return code(ringfence::ExitCode::Unusable);
}

/// What was printed has left the process, or it is said that it has not: an answer that did not arrive is none.
int printed(int exit) {
  errno = 0;
  std::cout.flush();
  const bool flushed = std::fflush(stdout) == 0;
  if (flushed && std::ferror(stdout) == 0 && std::cout) return exit;
  const int fault = errno;
  std::fprintf(stderr, "ringfence: standard output cannot be written%s%s\n", fault == 0 ? "" : ": ",
               fault == 0 ? "" : std::strerror(fault));
  return std::max(exit, code(ringfence::ExitCode::Unreachable));
}

int run(int argc, char** argv) {
  CLI::App app{"Watches AI agents at work and stops the ones that have left their job."};
  app.name("ringfence");
  app.set_version_flag("--version", "ringfence " RINGFENCE_VERSION);
  app.require_subcommand(1);

  ringfence::Subcommand action;
  ringfence::add_replay(app, action);
  ringfence::add_run(app, action);
  ringfence::add_validate(app, action);
  ringfence::add_test(app, action);
  ringfence::add_explain(app, action);
  ringfence::add_report(app, action);
  ringfence::add_status(app, action);
  ringfence::add_top(app, action);
  ringfence::add_operators(app, action);
  ringfence::add_audit(app, action);
  ringfence::add_publish(app, action);
  ringfence::add_topics(app, action);
  ringfence::add_state(app, action);
  ringfence::add_dead_letter(app, action);
  ringfence::add_gate(app, action);
  ringfence::add_drill(app, action);
  ringfence::add_keys(app, action);
  // Behind them all, since a command takes over the footer that stands above it when it is made: each says its own codes.
  app.footer(
      "Exit codes: 0 done; 1 the answer is no (a test failed, a file is invalid, --fail-on met); 2 wrong usage, configuration or input;\n"
      "3 a dependency is not reachable, the disk is full or standard output cannot be written; 70 internal error. Each command's help has "
      "its own.");

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return error.get_exit_code() == 0 ? printed(app.exit(error)) : refuse(app, error);
  }
  return printed(code(action()));
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::bad_alloc&) {
    std::fputs("ringfence: out of memory\n", stderr);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "ringfence: internal error: %s\n", error.what());
  }
  return code(ringfence::ExitCode::Internal);
}
