// SPDX-License-Identifier: Apache-2.0
#include "connectors/encoders/dead_letter.h"

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "config/settings.h"
#include "engine/app/commands.h"
#include "engine/app/dead_letter_topic.h"
#include "engine/app/file_clash.h"
#include "engine/app/kafka_settings.h"
#include "engine/app/setting_fault.h"
#include "engine/event/escape.h"

namespace ringfence {
namespace {

struct Options {
  std::string file, config, reason;
  std::optional<std::string> to;  // standard output
  bool summary = false;
};

ExitCode fail(const std::string& message) {
  std::fprintf(stderr, "deadletter: %s\n", message.c_str());
  return ExitCode::Unusable;
}

ExitCode fail(const KafkaError& error) {
  fail(printable(error.message, kMessageChars));
  return exit_of(error);
}

/// Runs `work` with the settings, or says what is wrong with them.
template <class Work>
ExitCode with_settings(const Options& options, Work work) {
  const SettingsLoad load = load_settings(options.config);
  for (const SettingsError& e : load.errors) std::fprintf(stderr, "%s\n", to_string(e).c_str());
  if (!load.settings) return ExitCode::Unusable;
  const bool there = is_on_topic(load, options.config, "outputs.dead_letter", load.settings->outputs.dead_letter.topic,
                                 "a service with these settings writes its dead letters to a file: give that in place of --config");
  return there ? work(*load.settings) : ExitCode::Unusable;
}

/// Calls `take` for each letter of the file that has the wanted reason.
template <class Take>
ExitCode each_letter(const Options& options, Take take) {
  if (options.file.empty() == options.config.empty()) return fail("give a FILE, or --config for the topic");
  if (!options.config.empty()) {
    return with_settings(options, [&](const Settings& settings) {
      bool taken = true;
      const auto strange = each_letter_of_topic(settings, [&](const DeadLetter& letter) {
        if (options.reason.empty() || letter.reason == options.reason) taken = taken && take(letter);
      });
      if (!strange) return fail(strange.error());
      if (*strange > 0) std::fprintf(stderr, "%llu records of the topic are no dead letters\n", static_cast<unsigned long long>(*strange));
      return taken ? ExitCode::Done : ExitCode::Unreachable;
    });
  }
  std::ifstream file;
  if (options.file != "-") {
    file.open(options.file);
    if (!file || std::filesystem::is_directory(options.file)) return fail(printable(options.file) + ": cannot be read");
  }
  std::istream& in = options.file == "-" ? std::cin : file;
  std::string line;
  for (std::size_t number = 1; std::getline(in, line); ++number) {
    if (line.empty()) continue;
    const auto letter = parse_dead_letter(line);
    if (!letter) return fail(printable(options.file) + ":" + std::to_string(number) + ": " + letter.error());
    if (!options.reason.empty() && letter->reason != options.reason) continue;
    if (!take(*letter)) return ExitCode::Unreachable;
  }
  return ExitCode::Done;
}

ExitCode show(const Options& options) {
  std::map<std::string, std::uint64_t> by_reason;
  const ExitCode exit = each_letter(options, [&](const DeadLetter& letter) {
    ++by_reason[letter.reason];
    if (!options.summary) {
      std::printf("%s:%lld  %s  %s  %s  %llu bytes%s%s\n", printable(letter.topic).c_str(),
                  static_cast<long long>(letter.line.value_or(letter.position.offset.value)), letter.stage.c_str(), letter.reason.c_str(),
                  printable(letter.detail).c_str(), static_cast<unsigned long long>(letter.size), letter.agent_id.empty() ? "" : "  agent ",
                  printable(letter.agent_id, 80).c_str());
    }
    return true;
  });
  for (const auto& [reason, count] : by_reason) std::printf("%8llu  %s\n", static_cast<unsigned long long>(count), reason.c_str());
  return exit;
}

/// What became of letters that are sent back.
struct Tally {
  std::uint64_t sent = 0, cut = 0, empty = 0;

  /// Whether there is a record to send; counted where there is none.
  bool leaves_out(const DeadLetter& letter) {
    if (!letter.whole())
      ++cut;
    else if (letter.record.empty())
      ++empty;
    return !letter.whole() || letter.record.empty();
  }
  void tell() const {
    std::string text = std::to_string(sent) + " records sent back, " + std::to_string(cut) + " left out: only their beginning is here";
    if (empty > 0) text += "; " + std::to_string(empty) + " left out: they came empty, and there is nothing to judge";
    std::fprintf(stderr, "%s\n", text.c_str());
  }
};

/// Letters of the topic go back to the events topic.
ExitCode resend_to_topic(const Options& options) {
  return with_settings(options, [&](const Settings& settings) {
    auto back = LetterReturn::open(settings);
    if (!back) return fail(back.error());
    Tally tally;
    std::optional<KafkaError> fault;
    const ExitCode exit = each_letter(options, [&](const DeadLetter& letter) {
      if (tally.leaves_out(letter)) return true;
      const auto done = (*back)->send(letter);
      if (!done) fault = done.error();
      tally.sent += done ? 1U : 0U;
      return done.has_value();
    });
    if (const auto finished = (*back)->finish(); !finished) fault = finished.error();
    tally.tell();
    return fault ? fail(*fault) : exit;
  });
}

ExitCode resend(const Options& options) {
  if (!options.config.empty()) {
    if (options.to) return fail("--to is for the letters of a file: those of the topic that --config names go back to the events topic");
    return resend_to_topic(options);
  }
  const std::string to = options.to.value_or("-");
  const std::array<FileInUse, 1> inputs{{{"dead-letter file", options.file}}}, outputs{{{"--to", to}}};
  if (const auto clash = clash_of(inputs, outputs)) return fail(*clash);
  std::FILE* out = to == "-" ? stdout : std::fopen(to.c_str(), "ab");
  if (out == nullptr) return fail(printable(to) + ": cannot be written");
  Tally tally;
  errno = 0;
  const ExitCode exit = each_letter(options, [&](const DeadLetter& letter) {
    if (tally.leaves_out(letter)) return true;
    ++tally.sent;
    return std::fwrite(letter.record.data(), 1, letter.record.size(), out) == letter.record.size() && std::fputc('\n', out) != EOF;
  });
  bool written = std::ferror(out) == 0 && std::fflush(out) == 0;
  if (out != stdout) written = std::fclose(out) == 0 && written;
  if (!written) {
    fail((to == "-" ? std::string("standard output") : printable(to)) + ": cannot be written (" + std::strerror(errno) +
         "); how many records arrived is not known");
    return ExitCode::Unreachable;
  }
  tally.tell();
  return exit;
}

}  // namespace

void add_dead_letter(CLI::App& app, Subcommand& action) {
  auto options = std::make_shared<Options>();
  CLI::App* letters = app.add_subcommand("deadletter", "Refused records: look at them, send them back after a repair");
  letters->require_subcommand(1);
  CLI::App* look = letters->add_subcommand("show", "A line a record and the number by reason");
  CLI::App* back = letters->add_subcommand(
      "resend", "Gives the records back as they came: to a file or standard output, or, with --config, to the events topic");
  for (CLI::App* command : {look, back}) {
    command->add_option("FILE", options->file, "A dead-letter file; - is standard input");
    command->add_option("--config", options->config, "Settings file: the dead-letter topic it names, instead of a file")->type_name("FILE");
    command->add_option("--reason", options->reason, "Only records refused for this reason");
    command->footer(
        "Exit codes: 0 done; 2 wrong usage, unreadable input; 3 the output cannot be written, or the cluster is not reachable.");
  }
  look->add_flag("--summary", options->summary, "Only the numbers");
  back->add_option("--to", options->to, "File to append to; - is standard output")->default_str("-");
  look->callback([options, &action] { action = [options] { return show(*options); }; });
  back->callback([options, &action] { action = [options] { return resend(*options); }; });
}

}  // namespace ringfence
