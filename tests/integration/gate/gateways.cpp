// SPDX-License-Identifier: Apache-2.0
#include "tests/integration/gate/gateways.h"

#include <signal.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <stdexcept>

#include "tests/integration/certificates.h"

namespace ringfence::testing {
namespace {

namespace fs = std::filesystem;

fs::path programs() {
  const char* given = std::getenv("RINGFENCE_GATEWAYS");
  return given != nullptr ? fs::path(given) : fs::path(RINGFENCE_SOURCE_DIR) / "build/gateways";
}

std::string lower(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

/// What it has written; it ends with that.
std::string last_words(const Process& process) {
  process.signal(SIGKILL);
  return process.read_all();
}

/// What `curl -i` prints, without the heads of provisional answers.
HttpAnswer answer_in(const std::string& printed) {
  constexpr std::string_view kEnd = "\r\n\r\n";
  HttpAnswer out;
  std::size_t at = 0;
  do {
    const auto end = printed.find(kEnd, at);
    if (end == std::string::npos || !printed.substr(at).starts_with("HTTP/")) return {};
    out.head = lower(printed.substr(at, end + 2 - at));
    out.status = std::stoi(out.head.substr(out.head.find(' ') + 1));
    at = end + kEnd.size();
  } while (out.status < 200);
  out.body = printed.substr(at);
  return out;
}

/// Throws where it cannot be made.
void certify(const fs::path& directory, const std::string& name, const CertificateOf& of = {}) {
  if (const auto made = make_certificate(directory, name, of); !made) throw std::runtime_error(made.error());
}

}  // namespace

std::optional<fs::path> gateway_program(const std::string& name) {
  const fs::path at = programs();
  return fs::exists(at / ".complete") && fs::exists(at / name) ? std::optional(at / name) : std::nullopt;
}

std::string not_fetched(const std::string& name) {
  return "no " + name + " in " + programs().string() + ": run tests/integration/gateways/fetch.sh (needs pip)";
}

Tool::Tool() {
  HttpServer::Settings settings{.host = "127.0.0.1"};
  settings.body_bytes_max = 8U << 20U;  // more than any gateway here passes on
  auto started = HttpServer::start(settings, [this](const HttpRequest& request) {
    Call call{std::string(request.method), std::string(request.path), request.body.size(), {}};
    for (const auto& [name, value] : request.headers) {
      auto& joined = call.headers[lower(name)];
      joined += (joined.empty() ? "" : ",") + std::string(value);
    }
    const std::lock_guard lock(mutex_);
    calls_.push_back(std::move(call));
    return HttpReply{.status = status_, .body = "done", .type = "text/plain"};
  });
  if (!started) throw std::runtime_error(started.error());
  server_ = *std::move(started);
}

std::vector<Tool::Call> Tool::calls() {
  const std::lock_guard lock(mutex_);
  return std::exchange(calls_, {});
}

void Tool::answer_with(int status) {
  const std::lock_guard lock(mutex_);
  status_ = status;
}

Traefik::Traefik(const fs::path& directory, ShippedFile file, const Tool& tool) {
  // Not by the name of the file it takes for its static configuration where it starts.
  std::ofstream(directory / "dynamic.yaml") << file.put_port(8000, tool.port()).text();
  process_ = Process::start({gateway_program("traefik").value().string(), "--entryPoints.tools.address=127.0.0.1:" + std::to_string(port_),
                             "--entryPoints.tools.http.aliasHeadersStrategy=delete",
                             "--providers.file.filename=" + (directory / "dynamic.yaml").string(), "--global.checkNewVersion=false"},
                            directory, true);
  if (!process_) throw std::runtime_error("cannot start Traefik");
  // It listens before it has a route, and a file that it does not take leaves it without one.
  const auto routed = [this] {
    const int status = call({}).status;
    return status != 0 && status != 404;
  };
  if (!wait_until(routed)) throw std::runtime_error("Traefik does not take its file over: " + last_words(*process_));
}

HttpAnswer Traefik::call(const std::vector<std::string>& headers, const std::string& method, const std::string& body) {
  return client_.ask(method, "/mcp", headers, body);
}

Envoy::Envoy(const fs::path& directory, ShippedFile file, const Tool& tool) : directory_(directory) {
  certify(directory_, "agents-ca");
  certify(directory_, "gateway", {.issuer = {}, .names = "IP:127.0.0.1"});
  file.put("0.0.0.0", "127.0.0.1").put_port(8443, port_).put_port(8000, tool.port()).put("/etc/envoy/", directory_.string() + "/");
  std::ofstream(directory_ / "envoy.yaml") << file.text();
  // A hot restart wants a number that no other Envoy of this machine has.
  process_ = Process::start({gateway_program("envoy").value().string(), "-c", "envoy.yaml", "--disable-hot-restart", "--concurrency", "1",
                             "--log-level", "warning"},
                            directory_, true);
  if (!process_) throw std::runtime_error("cannot start Envoy");
  issue("somebody", {"spiffe://corp.example/agent/somebody"});
  if (!wait_until([this] { return call("somebody").status != 0; }))
    throw std::runtime_error("Envoy does not answer: " + last_words(*process_));
}

void Envoy::issue(const std::string& name, const std::vector<std::string>& uris) const {
  std::string names;
  for (const std::string& uri : uris) names += (names.empty() ? "URI:" : ",URI:") + uri;
  certify(directory_, name, {.issuer = "agents-ca", .names = names});
}

HttpAnswer Envoy::call(const std::string& certificate, const std::string& method, const std::string& body,
                       const std::vector<std::string>& headers) const {
  // `Expect` would make the body wait for a word of the gateway's.
  std::vector<std::string> command{"curl", "-s", "-i", "--cacert", "gateway.pem", "-X", method, "-H", "Expect:"};
  if (!certificate.empty()) command.insert(command.end(), {"--cert", certificate + ".pem", "--key", certificate + ".key"});
  for (const std::string& header : headers) command.insert(command.end(), {"-H", header});
  if (!body.empty()) {
    std::ofstream(directory_ / "body") << body;
    command.insert(command.end(), {"-H", "Content-Type: application/json", "--data-binary", "@body"});
  }
  command.push_back("https://127.0.0.1:" + std::to_string(port_) + "/mcp");
  return answer_in(run(command, directory_).output);
}

void GateBehindGateway::said(ContainmentRecord record) {
  record.finding_uid = "rf-0123";
  const ControlEntry entry = engine_.say(record);
  world_.say(entry);
  ASSERT_TRUE(world_.acknowledged(entry.key, 200, record.epoch).has_value()) << world_.gate().log();
}

}  // namespace ringfence::testing
