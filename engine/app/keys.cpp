// SPDX-License-Identifier: Apache-2.0
#include "connectors/encoders/keys.h"

#include <cstdio>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "connectors/encoders/name_pattern.h"
#include "connectors/encoders/strict_json.h"
#include "engine/app/commands.h"
#include "engine/event/escape.h"

namespace ringfence {
namespace {

struct Options {
  std::string file;
  std::vector<std::string> writers{"engine-*"};
  std::vector<std::string> files, without;
};

ExitCode fail(const KeyError& error) {
  std::fprintf(stderr, "keys: %s\n", printable(error.message, kMessageChars).c_str());
  return ExitCode::Unusable;
}

ExitCode generate(const Options& options) {
  if (options.file == "-") {
    std::fputs("keys: a private key is written to a file alone, and - is standard output: name a file\n", stderr);
    return ExitCode::Unusable;
  }
  const auto key = SigningKey::generate();
  if (!key) return fail(key.error());
  if (const auto saved = key->save(options.file); !saved) return fail(saved.error());
  std::printf("%s\n", key->kid().c_str());
  return ExitCode::Done;
}

ExitCode show(const Options& options) {
  for (const std::string& writer : options.writers)
    if (!is_writer_pattern(writer)) return fail({KeyError::Kind::Malformed, "--writer '" + writer + "': " + std::string(kWriterPattern)});
  const auto key = SigningKey::load(options.file);
  if (!key) return fail(key.error());
  TrustedKeys trusted;
  trusted.add(*key, options.writers);
  std::printf("%s\n", trusted.jwks().c_str());
  return ExitCode::Done;
}

/// Each file is checked as a gate checks it before anything of it is taken over, and so is what comes of them.
ExitCode merge(const Options& options) {
  std::map<std::string, nlohmann::ordered_json> keys;
  for (const std::string& file : options.files) {
    const auto trusted = TrustedKeys::load(file);
    if (!trusted) return fail(trusted.error());
    const auto jwks = parse_strict_json(trusted->jwks());
    for (const auto& key : jwks->at("keys")) keys.insert_or_assign(key.at("kid").get<std::string>(), key);
  }
  for (const std::string& kid : options.without)
    if (keys.erase(kid) == 0) return fail({KeyError::Kind::NotFound, "no file holds a key " + kid});
  nlohmann::ordered_json all{{"keys", nlohmann::ordered_json::array()}};
  for (auto& [kid, key] : keys) all["keys"].push_back(std::move(key));
  const auto merged = TrustedKeys::parse(all.dump());
  if (!merged) return fail(merged.error());
  std::printf("%s\n", merged->jwks().c_str());
  return ExitCode::Done;
}

}  // namespace

void add_keys(CLI::App& app, Subcommand& action) {
  auto options = std::make_shared<Options>();
  CLI::App* keys = app.add_subcommand("keys", "Ed25519 signing keys of the control topic");
  keys->require_subcommand(1);
  CLI::App* make = keys->add_subcommand("generate", "Makes a key file, mode 0600, and prints its kid; never touches an existing file");
  make->add_option("FILE", options->file, "Where to write the key")->required();
  make->footer(
      "Exit codes: 0 done; 2 the file exists or cannot be made, as in a directory that is not there; 3 the kid cannot be printed.");
  make->callback([options, &action] { action = [options] { return generate(*options); }; });
  CLI::App* print =
      keys->add_subcommand("show", "Prints the public part as JWKS, with the writers it may speak as: what gates are pinned to");
  print->add_option("FILE", options->file, "A key file")->required();
  print->add_option("--writer", options->writers, "Writer the key may speak as; a name or a prefix and *")->capture_default_str();
  print->footer(
      "Exit codes: 0 done; 2 the file cannot be read, is open to others, or is no Ed25519 key, or a writer is none; 3 the output cannot be "
      "written.");
  print->callback([options, &action] { action = [options] { return show(*options); }; });
  CLI::App* join =
      keys->add_subcommand("merge", "Prints the public keys of several JWKS files as one: what is trusted while a key changes");
  join->add_option("FILE", options->files, "JWKS files, as `keys show` writes them; of a key in several the last one's writers count")
      ->required();
  join->add_option("--without", options->without, "A key to leave out")->type_name("KID");
  join->footer("Exit codes: 0 done; 2 a file cannot be read or is no such JWKS, or no file holds the KID; 3 the output cannot be written.");
  join->callback([options, &action] { action = [options] { return merge(*options); }; });
}

}  // namespace ringfence
