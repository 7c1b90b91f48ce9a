// SPDX-License-Identifier: Apache-2.0
// The enforcement point: wires the follower of the control log, the answers to gateways and the endpoint for metrics together.
#include <unistd.h>

#include <array>
#include <condition_variable>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "config/settings.h"
#include "connectors/gate/answers.h"
#include "connectors/gate/http_server.h"
#include "connectors/kafka/ask_feed.h"
#include "connectors/kafka/control_feed.h"
#include "engine/app/commands.h"
#include "engine/app/file_run.h"
#include "engine/app/gate_metrics.h"
#include "engine/app/gate_personas.h"
#include "engine/app/kafka_settings.h"
#include "engine/app/service_files.h"
#include "engine/app/service_http.h"
#include "engine/app/service_log.h"
#include "engine/app/service_signals.h"
#include "engine/app/setting_fault.h"
#include "engine/persona/load.h"

namespace ringfence {
namespace {

template <class Value>
using Or = std::expected<Value, std::string>;

struct Options {
  std::string config, name, listen, fail;
};

std::string name_of_gate(const Settings& settings) {
  if (!settings.gate.name.empty()) return settings.gate.name;
  std::array<char, 256> host{};
  return ::gethostname(host.data(), host.size() - 1) == 0 && host[0] != '\0' ? std::string(host.data()) : "gate";
}

KafkaLog client_log(const ServiceLog& log) {
  return [&log](KafkaLogLevel level, std::string_view line) {
    log.write(level >= KafkaLogLevel::Error     ? LogLevel::Error
              : level == KafkaLogLevel::Warning ? LogLevel::Warning
                                                : LogLevel::Debug,
              "kafka client", {{"line", line}});
  };
}

/// A file of at most 64 KiB; empty for an empty name.
Or<std::string> text_of(const std::filesystem::path& file) {
  if (file.empty()) return std::string();
  constexpr std::size_t kBytes = 64U << 10U;
  std::ifstream in(file, std::ios::binary);
  std::string text(kBytes + 1, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(in.gcount()));
  if (text.empty() || text.size() > kBytes)
    return std::unexpected("cannot use " + file.string() + ": missing, empty or larger than 64 KiB");
  return text;
}

Or<SubjectPlaces> places_of(const Settings& settings) {
  std::shared_ptr<const JwtVerifier> verifier;
  if (!settings.gate.jwks_file.empty()) {
    auto loaded = JwtVerifier::load(settings.gate.jwks_file, {settings.gate.jwt_issuer, settings.gate.jwt_audience});
    if (!loaded) return std::unexpected("gate.jwks_file: " + loaded.error());
    verifier = std::make_shared<const JwtVerifier>(std::move(*loaded));
  }
  auto places = SubjectPlaces::parse(settings.gate.subject, settings.gate.jwt_header, std::move(verifier));
  if (!places) return std::unexpected("gate.subject: " + places.error());
  return places;
}

RunError of_setting(const char* setting, RunError error) {
  error.message = std::string(setting) + ": " + error.message;
  return error;
}

std::expected<Follower::Parts, RunError> parts_of(const Settings& settings, const ServiceLog& log) {
  std::unique_ptr<ControlFeed> feed;
  if (settings.outputs.control.topic)
    feed = std::make_unique<KafkaControlFeed>(kafka_of(settings), settings.topics.control, client_log(log));
  else
    feed = std::make_unique<FileControlFeed>(settings.outputs.control.file.string());

  std::unique_ptr<AckFeed> acks;
  if (settings.gate.acks.topic) {
    auto opened = KafkaAckFeed::open(kafka_of(settings), settings.topics.acks, client_log(log));
    if (!opened) return std::unexpected(RunError{ExitCode::Unusable, "gate.acks: " + opened.error().message});
    acks = std::move(*opened);
  } else {
    auto opened = FileAckFeed::open(settings.gate.acks.file.string());
    if (!opened) return std::unexpected(of_setting("gate.acks", of_path(opened.error())));
    acks = std::move(*opened);
  }
  auto store = StateStore::open(settings.gate.state.string());
  if (!store) return std::unexpected(of_setting("gate.state", of_path(store.error())));
  return Follower::Parts{std::move(feed), std::move(acks), std::move(*store)};
}

/// By the personas of files; null where those of the context topic count.
Or<std::shared_ptr<const AskPolicy>> policy_of(const Settings& settings, const ServiceLog& log) {
  auto wanted = AskPolicy::parse(settings.ask.tiers, settings.ask.effects);
  if (!wanted) return std::unexpected("ask: " + wanted.error());
  if (settings.context.source == ContextSource::Topic) return nullptr;
  const auto lists = settings.personas.lists.empty() ? std::nullopt : std::optional(settings.personas.lists);
  PersonaLoad load = load_personas(settings.personas.directory, lists);
  for (const Diagnostic& d : load.diagnostics)
    if (d.kind == Diagnostic::Kind::Error) log.error("persona", {{"at", to_string(d)}});
  if (!load.set) return std::unexpected("ask: the personas cannot be used");
  return std::make_shared<const AskPolicy>(std::move(*wanted), std::make_shared<const PersonaSet>(std::move(*load.set)));
}

/// Nothing where nothing is asked.
Or<std::optional<GateAnswers::Asking>> asking_of(const Settings& settings, const Follower& follower, const ServiceLog& log) {
  if (settings.ask.tiers.empty()) return std::nullopt;
  auto policy = policy_of(settings, log);
  if (!policy) return std::unexpected(policy.error());
  const std::string gate = name_of_gate(settings);
  auto writer = AskWriter::open(gate, settings.ask.server, settings.ask.act, settings.gate.jwt_header);
  if (!writer) return std::unexpected(writer.error());
  auto trusted = TrustedKeys::load(settings.gate.keys_file);
  if (!trusted) return std::unexpected(trusted.error().message);
  auto feed = KafkaAskFeed::open(
      {.kafka = kafka_of(settings), .events = settings.topics.events, .verdicts = settings.topics.verdicts, .gate = gate}, client_log(log));
  if (!feed) return std::unexpected("ask: " + feed.error().message);
  Asker::Settings asker{.gate = gate,
                        .audience = settings.gate.audience,
                        .issuer = settings.control.issuer,
                        .trusted = std::move(*trusted),
                        .deadline = std::chrono::nanoseconds(settings.ask.deadline.value),
                        .waiting_max = static_cast<std::size_t>(settings.ask.waiting),
                        .generation = [&follower](std::string_view name) { return follower.generation(name); }};
  return GateAnswers::Asking{std::move(*writer), std::make_unique<Asker>(std::move(asker), std::move(*feed)), std::move(*policy)};
}

Or<HttpServer::Settings> server_of(const Settings& settings) {
  HttpServer::Settings out{.host = settings.gate.listen.host,
                           .port = settings.gate.listen.port,
                           .connections_max = static_cast<unsigned>(settings.gate.connections),
                           .body_bytes_max = settings.gate.body_limit};
  auto certificate = text_of(settings.gate.tls_certificate);
  if (!certificate) return std::unexpected(certificate.error());
  auto authority = text_of(settings.gate.tls_client_ca);
  if (!authority) return std::unexpected(authority.error());
  if (!settings.gate.tls_key.empty()) {
    auto key = read_secret_file(settings.gate.tls_key);
    if (!key) return std::unexpected(key.error());
    out.tls_key = std::move(*key);
  }
  out.tls_certificate = std::move(*certificate);
  out.tls_client_ca = std::move(*authority);
  return out;
}

Health readyz(const Follower& follower, bool closed, const GatePersonas* personas) {
  const GateReadiness now = follower.readiness();
  if (personas != nullptr && !personas->known()) return {false, "whose acts to ask about is not known: " + personas->why()};
  const bool good = now.caught_up && now.agrees && (now.fresh || !closed);
  // Fail-static: a gate without a fresh heartbeat goes on with what it knows, and says so.
  if (good) return {true, now.fresh ? "ready" : "ready, with what was known last: " + now.why};
  return {false, now.why};
}

class Gate {
 public:
  Gate(const Settings& settings, const ServiceLog& log) : settings_(settings), log_(log) {}

  ExitCode run() {
    const auto signals = ServiceSignals::watch({.stop = [this](int) { stop(); }, .reload = [this] { reload(); }});
    if (!signals) return fail(ExitCode::Internal, signals.error());
    if (const auto code = open(); code != ExitCode::Done) return code;
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return stopping_; });
    log_.info("gate ends");
    return ExitCode::Done;
  }

 private:
  ExitCode open() {
    auto places = places_of(settings_);
    if (!places) return fail(ExitCode::Unusable, places.error());
    auto trusted = TrustedKeys::load(settings_.gate.keys_file);
    if (!trusted) return fail(ExitCode::Unusable, trusted.error().message);
    if (trusted->empty()) return fail(ExitCode::Unusable, "gate.keys_file holds no key: nothing could ever be contained");
    GateAnswers::Settings answers{
        .places = *places, .allow_unidentified = settings_.gate.allow_unidentified, .read_tools = settings_.gate.read_tools};
    if (!settings_.gate.toolhive_secret_file.empty()) {
      auto secret = read_secret_file(settings_.gate.toolhive_secret_file);
      if (!secret) return fail(ExitCode::Unusable, secret.error());
      answers.toolhive_secret = std::move(*secret);
    }
    auto server = server_of(settings_);
    if (!server) return fail(ExitCode::Unusable, server.error());
    auto parts = parts_of(settings_, log_);
    if (!parts) return fail(parts.error().exit, parts.error().message);
    const bool closed = settings_.gate.fail == GateFail::Closed;
    Follower::Settings follow{.gate = name_of_gate(settings_),
                              .state = {.trusted = std::move(*trusted),
                                        .audience = settings_.gate.audience,
                                        .issuer = settings_.control.issuer,
                                        .visible = places->visible(),
                                        .heartbeat_age_max = settings_.gate.heartbeat_age,
                                        .awaited = settings_.gate.writers},
                              .fail_closed = closed,
                              .verify_threads = std::max(1U, std::thread::hardware_concurrency())};
    auto follower = Follower::start(std::move(follow), std::move(*parts), [this](std::string_view what, std::string_view detail) {
      log_.info("gate", {{"what", what}, {"detail", detail}});
    });
    if (!follower) return fail(ExitCode::Unusable, follower.error().message);
    follower_ = std::move(*follower);
    auto asking = asking_of(settings_, *follower_, log_);
    if (!asking) return fail(ExitCode::Unusable, asking.error());
    {
      const std::lock_guard lock(mutex_);
      answers_ = std::make_unique<GateAnswers>(std::move(answers), *follower_, std::move(*asking));
    }
    if (!settings_.ask.tiers.empty() && settings_.context.source == ContextSource::Topic)
      personas_ = std::make_unique<GatePersonas>(settings_, log_, [this](auto set) {
        answers_->adopt(std::make_shared<const AskPolicy>(*AskPolicy::parse(settings_.ask.tiers, settings_.ask.effects), std::move(set)));
      });
    auto serving = HttpServer::start(std::move(*server), [this](const HttpRequest& request) { return answers_->answer(request); });
    if (!serving) return fail(ExitCode::Unusable, serving.error());
    server_ = std::move(*serving);
    auto http =
        ServiceHttp::start(settings_.http.listen, {.metrics = [this] { return gate_exposition(*follower_, *answers_, *server_); },
                                                   .healthz = [] { return Health{true, "alive"}; },
                                                   .readyz = [this, closed] { return readyz(*follower_, closed, personas_.get()); }});
    if (!http) return fail(ExitCode::Unusable, http.error());
    http_ = std::move(*http);
    log_.info("gate answers", {{"port", server_->port()}, {"http_port", http_->port()}});
    return ExitCode::Done;
  }

  ExitCode fail(ExitCode code, const std::string& why) {
    log_.error("gate cannot start", {{"error", why}});
    return code;
  }

  /// The personas by which acts are asked about; with errors the old ones stay.
  void reload() {
    const std::lock_guard lock(mutex_);
    if (settings_.ask.tiers.empty() || !answers_) return;
    if (personas_) {
      log_.info("personas come from the context topic: nothing to read again");
      return;
    }
    auto policy = policy_of(settings_, log_);
    if (policy) answers_->adopt(std::move(*policy));
    log_.info(policy ? "personas read again" : "persona set refused, the old one stays", {{"error", policy ? "" : policy.error()}});
  }

  void stop() {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    changed_.notify_all();
  }

  const Settings& settings_;
  const ServiceLog& log_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false;
  // Each uses those before it.
  std::unique_ptr<Follower> follower_;
  std::unique_ptr<GateAnswers> answers_;
  std::unique_ptr<GatePersonas> personas_;  // where they come from the context topic
  std::unique_ptr<HttpServer> server_;
  std::unique_ptr<ServiceHttp> http_;
};

ExitCode gate(const Options& options) {
  SettingsLoad load = load_settings(options.config);
  for (const SettingsError& e : load.errors) std::fprintf(stderr, "%s\n", to_string(e).c_str());
  if (!load.settings) return ExitCode::Unusable;
  if (!options.name.empty()) load.settings->gate.name = options.name;
  if (!options.fail.empty()) load.settings->gate.fail = options.fail == "closed" ? GateFail::Closed : GateFail::Static;
  if (load.settings->gate.fail == GateFail::Closed && !load.settings->outputs.control.topic) {
    std::fprintf(stderr,
                 "--fail closed needs the control topic: into the file of outputs.control nobody beats while there is nothing to say\n");
    return ExitCode::Unusable;
  }
  if (tell(gate_faults(*load.settings), load, options.config)) return ExitCode::Unusable;
  if (const auto clash = gate_clash(*load.settings, options.config)) {
    std::fprintf(stderr, "%s\n", clash->c_str());
    return ExitCode::Unusable;
  }
  const ServiceLog log(load.settings->log.level, load.settings->log.format);
  return Gate(*load.settings, log).run();
}

}  // namespace

void add_gate(CLI::App& app, Subcommand& action) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand(
      "gate", "An enforcement point: follows the signed control records and answers the forward-auth questions of gateways");
  command
      ->add_option("--config", options->config, "Settings file; section `gate` of docs/settings.md, `outputs.control` is what it follows")
      ->required()
      ->type_name("FILE");
  command->add_option("--name", options->name, "What its acknowledgements call it (default: gate.name)")->type_name("TEXT");
  command
      ->add_option("--fail", options->fail,
                   "Without a fresh heartbeat: `static` stays with what is known, `closed` refuses every call (default: gate.fail)")
      ->check(CLI::IsMember({"static", "closed"}))
      ->type_name("HOW");
  command->footer(
      "TERM and INT end it. Paths it answers: /nginx /denied /envoy /forward /toolhive /outcome; /metrics, /healthz and /readyz at "
      "http.listen.\n"
      "Exit codes: 0 ended by a signal; 2 wrong settings or keys, a damaged state, an address in use; 3 the disk is full.");
  command->callback([options, &action] { action = [options] { return gate(*options); }; });
}

}  // namespace ringfence
