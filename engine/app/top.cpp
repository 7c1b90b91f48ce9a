// SPDX-License-Identifier: Apache-2.0
// The live view of a service on this machine, from its endpoint.
#include <chrono>
#include <cstdio>
#include <expected>
#include <memory>
#include <string>

#include "config/settings.h"
#include "engine/app/commands.h"
#include "engine/app/http_ask.h"
#include "engine/app/live_page.h"
#include "engine/app/terminal.h"
#include "engine/event/escape.h"

namespace ringfence {
namespace {

constexpr std::chrono::milliseconds kWithin{3000};
constexpr std::chrono::milliseconds kRefresh{1000};

struct Options {
  std::string config;
  bool once = false, json = false;
};

/// The live view as the endpoint gives it; the error says why there is none.
std::expected<std::string, std::string> ask(const Address& at, std::chrono::milliseconds within) {
  const std::string name = at.host + ":" + std::to_string(at.port);
  auto reply = http_ask(at, "/top", within);
  if (!reply) return std::unexpected("no service answers at " + name + ": " + reply.error());
  if (reply->status == 404)
    return std::unexpected("what answers at " + name + " shows no live view: a service does where its http.listen is loopback");
  if (reply->status != 200) return std::unexpected("what answers at " + name + " says " + std::to_string(reply->status));
  return std::move(reply->body);
}

ExitCode fail(const std::string& why) {
  std::fprintf(stderr, "top: %s\n", printable(why, 1000).c_str());
  return ExitCode::Unreachable;
}

ExitCode once(const Address& at, bool json) {
  const auto body = ask(at, kWithin);
  if (!body) return fail(body.error());
  const auto page = json ? live_line(*body) : live_page(*body, std::nullopt);
  if (!page) return fail(page.error());
  std::fwrite(page->data(), 1, page->size(), stdout);
  return ExitCode::Done;
}

/// A service that goes away while it is looked at may come back: that is said in place of the page, and asked again.
ExitCode follow(const Address& at) {
  auto body = ask(at, kWithin);
  if (!body) return fail(body.error());
  Terminal terminal;
  while (true) {
    auto page = body ? live_page(*body, terminal.size()) : std::unexpected(body.error());
    terminal.show(page ? *page : printable(page.error(), 1000) + "\nasked again each second; q ends\n");
    if (terminal.wait(kRefresh) == Terminal::Wake::End) return ExitCode::Done;
    body = ask(at, kRefresh);
  }
}

ExitCode top(const Options& options) {
  const SettingsLoad load = load_settings(options.config);
  for (const SettingsError& e : load.errors) std::fprintf(stderr, "%s\n", to_string(e).c_str());
  if (!load.settings) return ExitCode::Unusable;
  const Address& at = load.settings->http.listen;
  return options.once || options.json || !Terminal::is_one() ? once(at, options.json) : follow(at);
}

}  // namespace

void add_top(CLI::App& app, Subcommand& action) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("top", "Live view of a running service: agents by level and score, lag, what is contained");
  command->add_option("--config", options->config, "Settings file of the service: names its endpoint")->required()->type_name("FILE");
  command->add_flag("--once", options->once, "One look instead of a refresh each second; so too where the output is no terminal");
  command->add_flag("--json", options->json, "One look as one line of JSON");
  command->footer(
      "Shown by a service whose http.listen is loopback, of agents that have acted since its start. passed: calls that succeeded though\n"
      "a containment denies them. q or Ctrl-C ends it.\n"
      "Exit codes: 0 done; 2 wrong settings; 3 no service answers.");
  command->callback([options, &action] { action = [options] { return top(*options); }; });
}

}  // namespace ringfence
