// SPDX-License-Identifier: Apache-2.0
// audit verify: whether a file of audit records is whole; audit export: what the audit topic holds (docs/contracts/control.md, Audit).
#include <charconv>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "connectors/encoders/audit_verifier.h"
#include "engine/app/audit_trail.h"
#include "engine/app/commands.h"
#include "engine/app/setting_fault.h"
#include "engine/event/escape.h"

namespace ringfence {
namespace {

constexpr std::size_t kChainChars = 256;

struct Options {
  std::string file, trusted, config;
  std::vector<std::string> heads;
};

ExitCode fail(const std::string& message, ExitCode exit = ExitCode::Unusable) {
  std::fprintf(stderr, "audit: %s\n", printable(message, kMessageChars).c_str());
  return exit;
}

/// `CHAIN NUMBER SHA256`, as verify prints it.
std::optional<AuditHead> head_of(const std::string& text) {
  const std::size_t hash = text.rfind(' ');
  const std::size_t number = hash == std::string::npos || hash == 0 ? std::string::npos : text.rfind(' ', hash - 1);
  if (number == std::string::npos) return std::nullopt;
  AuditHead head{text.substr(0, number), 0, text.substr(hash + 1)};
  const char* const end = text.data() + hash;
  const auto [at, wrong] = std::from_chars(text.data() + number + 1, end, head.number);
  if (wrong != std::errc{} || at != end || head.number == 0 || head.sha256.size() != 64) return std::nullopt;
  return head;
}

/// `FILE:LINE: KIND: record N of CHAIN: what is wrong`.
ExitCode broken(const std::string& where, const AuditFault& fault) {
  std::string record;
  if (!fault.chain.empty()) record = "record " + std::to_string(fault.number) + " of " + printable(fault.chain, kChainChars) + ": ";
  std::printf("%s: %.*s: %s%s\n", where.c_str(), static_cast<int>(name_of(fault.kind).size()), name_of(fault.kind).data(), record.c_str(),
              fault.why.c_str());
  return ExitCode::AnsweredNo;
}

ExitCode verify(const Options& options) {
  const auto trusted = TrustedKeys::load(options.trusted);
  if (!trusted) return fail(trusted.error().message);
  std::vector<AuditHead> known;
  for (const std::string& text : options.heads) {
    auto head = head_of(text);
    if (!head) return fail("--head is `CHAIN NUMBER SHA256`, as verify prints it");
    known.push_back(std::move(*head));
  }
  std::ifstream file;
  if (options.file != "-") {
    file.open(options.file, std::ios::binary);
    if (!file) return fail(options.file + ": cannot be read");
  }
  std::istream& in = options.file == "-" ? std::cin : file;
  const std::string name = printable(options.file, kMessageChars);
  AuditVerifier verifier(*trusted, std::move(known));
  std::size_t records = 0;
  // One line too long is told from its end; nothing longer is ever held.
  std::string line(kAuditLineBytes + 2, '\0');
  while (in.getline(line.data(), static_cast<std::streamsize>(line.size())) || in.gcount() > 0) {
    ++records;
    const bool too_long = in.fail();
    const auto bytes = static_cast<std::size_t>(in.gcount()) - (in.eof() || too_long ? 0 : 1);
    if (const auto taken = verifier.take(std::string_view(line).substr(0, bytes)); !taken)
      return broken(name + ":" + std::to_string(records), taken.error());
  }
  if (in.bad()) return fail(options.file + ": cannot be read");
  if (const auto whole = verifier.end(); !whole) return broken(name, whole.error());
  if (records == 0) {  // whoever was given an empty file was shown nothing
    std::printf("%s: no record\n", name.c_str());
    return ExitCode::AnsweredNo;
  }
  for (const auto& [chain_name, chain] : verifier.chains())
    std::printf("%s %llu %s %s\n", printable(chain_name, kChainChars).c_str(), static_cast<unsigned long long>(chain.head.number),
                chain.head.sha256.c_str(), chain.ended ? "ended" : "open");
  std::printf("%zu records, %zu chains: whole\n", records, verifier.chains().size());
  return ExitCode::Done;
}

ExitCode write_topic(const Options& options) {
  const SettingsLoad load = load_settings(options.config);
  for (const SettingsError& e : load.errors) std::fprintf(stderr, "%s\n", to_string(e).c_str());
  if (!load.settings) return fail("the settings have errors");
  if (!is_on_topic(load, options.config, "outputs.audit", load.settings->outputs.audit.topic,
                   "a service with these settings keeps its audit trail in a file, which is one record a line as it stands: " +
                       audit_file(*load.settings).string()))
    return ExitCode::Unusable;
  bool written = true;
  const auto print = [&](std::string_view line) {
    written = written && std::fwrite(line.data(), 1, line.size(), stdout) == line.size() && std::fputc('\n', stdout) != EOF;
  };
  if (const auto read = audit_past_of_topic(*load.settings)(WallTime{0}, print); !read) return fail(read.error(), ExitCode::Unreachable);
  if (!written || std::fflush(stdout) != 0) return fail("standard output cannot be written", ExitCode::Unreachable);
  return ExitCode::Done;
}

}  // namespace

void add_audit(CLI::App& app, Subcommand& action) {
  auto options = std::make_shared<Options>();
  CLI::App* audit = app.add_subcommand("audit", "The record of what enforcement did");
  audit->require_subcommand(1);
  CLI::App* check = audit->add_subcommand(
      "verify", "Checks signatures and chains of a file of audit records, without a server, and names the first that is broken");
  check->add_option("FILE", options->file, "Records, one a line; - is standard input")->required();
  check->add_option("--trusted", options->trusted, "JWKS of the keys to trust, former ones too, as `keys show` writes them")
      ->required()
      ->type_name("FILE");
  check
      ->add_option("--head", options->heads,
                   "A record that was noted before, as an earlier verify printed it: CHAIN NUMBER SHA256. The file must hold it, or begin "
                   "behind it; a tail that was cut off is known only by this or by a later record")
      ->type_name("HEAD");
  check->footer(
      "Prints each chain's last record, and whether its process ended of its own will: an open chain is still being written, its process\n"
      "was killed, or its tail is gone.\n"
      "Exit codes: 0 whole; 1 broken: the first broken record is named, with its line, number and chain and what is wrong (unreadable,\n"
      "unknown key, wrong key, signature, gap, order, hash, tail), or there is no record at all; 2 the file or the keys cannot be read.");
  check->callback([options, &action] { action = [options] { return verify(*options); }; });
  CLI::App* dump = audit->add_subcommand("export", "Writes what the audit topic holds to standard output, one record a line, for verify");
  dump->add_option("--config", options->config, "Settings file")->required()->type_name("FILE");
  dump->footer("Exit codes: 0 done; 2 wrong settings; 3 the cluster is not reachable or the output cannot be written.");
  dump->callback([options, &action] { action = [options] { return write_topic(*options); }; });
}

}  // namespace ringfence
