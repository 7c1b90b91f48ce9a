// SPDX-License-Identifier: Apache-2.0
// Opening the service: store, control writers, outputs, consumer, endpoint.
#include <unistd.h>

#include <algorithm>
#include <array>

#include "connectors/encoders/keys.h"
#include "connectors/sinks/file_control_log.h"
#include "connectors/sinks/file_sink.h"
#include "engine/app/control_memory.h"
#include "engine/app/kafka_settings.h"
#include "engine/app/pinned_keys.h"
#include "engine/app/service_subjects.h"
#include "engine/state/records.h"

namespace ringfence {
namespace {

constexpr Millis kFindingsLinger{5};
constexpr Millis kOpenWithin{10'000};
constexpr Millis kWarmWithin{2'000};          // of what the service does without
constexpr std::size_t kAnswersOpen = 10'000;  // answers not stored yet; beyond it a gate's deadline decides

std::string host_name() {
  std::string name(256, '\0');
  if (gethostname(name.data(), name.size() - 1) != 0) return "ringfence";
  name.resize(name.find('\0'));
  return name;
}

/// Of generations: this process and this start.
std::string claimant() { return host_name() + "-" + std::to_string(getpid()) + "-" + std::to_string(wall_now().value); }

}  // namespace

std::string instance_of(const Settings& settings) { return settings.kafka.instance_id.empty() ? host_name() : settings.kafka.instance_id; }

std::expected<std::unique_ptr<Service>, RunError> Service::open(const Settings& settings, RuleSet rules, const ServiceLog& log) {
  std::unique_ptr<Service> service(new Service(settings, log));
  service->rules_ = std::move(rules);
  const auto processors = std::max(1U, std::thread::hardware_concurrency());
  service->shards_count_ = settings.state.shards > 0 ? static_cast<std::size_t>(settings.state.shards) : processors;
  service->metrics_ = std::make_unique<ServiceMetrics>(service->shards_count_);
  service->events_log_ = std::make_unique<InputLog>(kafka_of(settings), settings.topics.events, service->client_log());
  service->links_log_ = std::make_unique<InputLog>(kafka_of(settings), settings.topics.links, service->client_log());
  for (const auto opening : {&Service::open_store, &Service::open_control, &Service::open_enforcement, &Service::open_outputs,
                             &Service::open_answers, &Service::open_context, &Service::open_observer, &Service::open_links,
                             &Service::open_consumer, &Service::open_http, &Service::open_drills}) {
    if (auto opened = (service.get()->*opening)(); !opened) return std::unexpected(std::move(opened.error()));
  }
  return service;
}

KafkaLog Service::client_log() const {
  return [this](KafkaLogLevel level, std::string_view line) {
    static constexpr std::array kLogLevels{LogLevel::Debug, LogLevel::Info, LogLevel::Warning, LogLevel::Error};
    log_.write(kLogLevels[static_cast<std::size_t>(level)], "kafka client", {{"line", line}});
  };
}

std::expected<void, RunError> Service::open_store() {
  auto store = rocksdb_store(settings_.state.directory.string(), settings_.state.expiry);
  if (!store) return std::unexpected(of_store(store.error()));
  store_ = std::move(*store);
  if (settings_.state.changelog) {
    auto topic = KafkaChangelog::open(kafka_of(settings_), settings_.topics.state, client_log(), kOpenWithin);
    if (!topic) return std::unexpected(of_kafka(topic.error()));
    states_topic_ = std::move(*topic);
    auto changelog = std::make_unique<Changelog>(std::move(store_), *states_topic_, claimant());
    changelog_ = changelog.get();
    store_ = std::move(changelog);
  }
  if (const auto ready = prepare_store(*store_); !ready) return std::unexpected(of_store(ready.error()));
  flusher_ = std::make_unique<Flusher>(*store_, FlusherSettings{});
  const auto active = get_record(*store_, kActiveRecord);
  if (!active) return std::unexpected(of_store(active.error()));
  if (*active) active_before_.restore(**active);
  return {};
}

std::expected<void, RunError> Service::open_control() {
  auto key = SigningKey::load(settings_.control.key_file);
  if (!key && key.error().kind == KeyError::Kind::NotFound && !settings_.outputs.control.topic) {
    // Without Kafka there is no one to have been given the key beforehand: the first start makes it.
    key = SigningKey::generate();
    if (key) {
      if (const auto saved = key->save(settings_.control.key_file); !saved)
        return std::unexpected(RunError{ExitCode::Unusable, saved.error().message});
    }
  }
  if (!key) return std::unexpected(RunError{ExitCode::Unusable, key.error().message});
  if (settings_.outputs.control.topic) {
    const auto progress = [this] { progress_.tell(); };
    auto opened = KafkaControlLog::open(kafka_of(settings_), settings_.topics.control, client_log(),
                                        {.open_within = kOpenWithin, .progress = progress});
    if (!opened) return std::unexpected(of_kafka(opened.error()));
    control_log_ = std::move(*opened);
  } else {
    auto opened = FileControlLog::open(settings_.outputs.control.file.string(), FileControlLog::WhenReplaced::Moves);
    if (!opened) return std::unexpected(of_path(opened.error()));
    control_log_ = std::move(*opened);
  }
  // What former keys signed is this writer's history too: without it a new key would begin at the first generation, which no gate takes.
  auto trusted = pinned_keys(settings_);
  if (!trusted) return std::unexpected(std::move(trusted.error()));
  trusted->add(*key, {"engine-*"});
  ControlWriters::Settings control{.iss = settings_.control.issuer,
                                   .aud = settings_.control.audience,
                                   .topic = input_name(settings_),
                                   .claimant = claimant(),
                                   .limits = {.max_halts_per_minute = static_cast<std::uint32_t>(settings_.control.max_halts_per_minute),
                                              .max_halted_share = settings_.control.max_halted_share}};
  auto memory = StoredControlMemory::open(settings_.state.directory, *trusted, settings_.control.audience.front(), log_);
  if (!memory) return std::unexpected(std::move(memory.error()));
  control_ = std::make_unique<ControlWriters>(std::move(control), std::move(*key), std::move(*trusted), *control_log_, std::move(*memory));
  return {};
}

std::expected<void, RunError> Service::open_outputs() {
  auto producer =
      Producer::open({.kafka = kafka_of(settings_), .linger = kFindingsLinger, .progress = [this] { progress_.tell(); }}, client_log());
  if (!producer) return std::unexpected(of_kafka(producer.error()));
  producer_ = std::move(*producer);
  const auto open_one = [&](const OutputTarget& target, const std::string& topic) -> std::expected<std::unique_ptr<Sink>, RunError> {
    if (!target.topic) {
      auto file = FileSink::open(target.file.string(), 0);
      if (!file) return std::unexpected(of_path(file.error()));
      auto shared = std::make_unique<SharedSink>(std::move(*file));
      files_.push_back(shared.get());
      return shared;
    }
    if (const auto warm = producer_->warm(topic, kOpenWithin); !warm) return std::unexpected(of_kafka(warm.error()));
    return std::make_unique<TopicSink>(*producer_, topic);
  };
  auto findings = open_one(settings_.outputs.findings, settings_.topics.findings);
  if (!findings) return std::unexpected(std::move(findings.error()));
  findings_ = std::move(*findings);
  auto letters = open_one(settings_.outputs.dead_letter, settings_.topics.dead_letter);
  if (!letters) return std::unexpected(std::move(letters.error()));
  dead_letters_ = std::move(*letters);
  auto links = open_one({.topic = true, .file = {}}, settings_.topics.links);
  if (!links) return std::unexpected(std::move(links.error()));
  links_ = std::move(*links);
  auto audit = open_one(settings_.outputs.audit, settings_.topics.audit);
  if (!audit) return std::unexpected(std::move(audit.error()));
  audit_sink_ = std::move(*audit);
  return open_audit();
}

std::expected<void, RunError> Service::open_audit() {
  auto key = SigningKey::load(settings_.control.key_file);
  if (!key) return std::unexpected(RunError{ExitCode::Unusable, key.error().message});
  auto trusted = pinned_keys(settings_);
  if (!trusted) return std::unexpected(std::move(trusted.error()));
  const bool topic = settings_.outputs.audit.topic;
  auto trail = AuditTrail::open({.writer = "engine-" + settings_.topics.events + "-audit",
                                 .instance = instance_of(settings_),
                                 .note = settings_.state.directory / kAuditNote,
                                 .adopt = !topic},
                                std::move(*key), std::move(*trusted), *audit_sink_,
                                topic ? audit_past_of_topic(settings_) : audit_past_of_file(settings_.outputs.audit.file.string()));
  if (!trail) return std::unexpected(RunError{ExitCode::Unreachable, trail.error()});
  audit_ = std::move(*trail);
  if (!audit_->warning().empty()) log_.error("audit trail", {{"chain", audit_->chain()}, {"warning", audit_->warning()}});
  if (const auto told = tell_purges(settings_.state.directory, *audit_, *audit_sink_); !told) return std::unexpected(of_sink(told.error()));
  return {};
}

std::expected<void, RunError> Service::open_answers() {
  auto key = SigningKey::load(settings_.control.key_file);
  if (!key) return std::unexpected(RunError{ExitCode::Unusable, key.error().message});
  // A producer of its own: an answer waits for no company, and what happens to it stops nothing else.
  auto producer = Producer::open(
      {.kafka = kafka_of(settings_), .linger = Millis(0), .compression = "none", .max_open = kAnswersOpen, .progress = {}}, client_log());
  if (!producer) return std::unexpected(of_kafka(producer.error()));
  if (const auto warm = (*producer)->warm(settings_.topics.verdicts, kWarmWithin); !warm)
    log_.warning("gates that ask before an act get no answer", {{"error", warm.error().message}});
  answers_ = std::make_unique<ServiceAnswers>(
      ServiceAnswers::Settings{
          .issuer = settings_.control.issuer, .audience = settings_.control.audience, .verdicts = settings_.topics.verdicts},
      std::move(*key), *control_, std::move(*producer), metrics_->process());
  return {};
}

std::unique_ptr<ServiceOutputs> Service::outputs_of_thread() {
  ServiceOutputs::Parts parts{.findings = *findings_,
                              .dead_letters = *dead_letters_,
                              .links = *links_,
                              .facts = facts_.get(),
                              .control = *control_,
                              .audit = *audit_,
                              .counters = metrics_->process(),
                              .topic = settings_.topics.events,
                              .links_topic = settings_.topics.links,
                              .now = wall_now,
                              .active_agents = [this] { return active_agents(); },
                              .give_time = [this](Millis time) { return wait_a_little(time); }};
  return std::make_unique<ServiceOutputs>(std::move(parts));
}

std::expected<void, RunError> Service::open_context() {
  auto positions = ContextPositions::open(context_log_file(settings_));
  if (!positions) return std::unexpected(of_path(positions.error()));
  positions_ = std::move(*positions);
  if (settings_.context.source != ContextSource::Topic) return {};
  const auto passed = [this](const OperatorCommand* order, Offset at, std::string_view why) { passed_over(order, at, why); };
  auto context = ContextFeed::open(settings_, *store_, log_, passed);
  if (!context) return std::unexpected(RunError{ExitCode::Unreachable, context.error()});
  context_ = std::move(*context);
  return {};
}

std::expected<void, RunError> Service::open_links() {
  auto subjects = SubjectsRun::open(*this);
  if (!subjects) return std::unexpected(std::move(subjects.error()));
  subjects_ = std::move(*subjects);
  return {};
}

std::expected<void, RunError> Service::open_observer() {
  const auto known = get_record(*store_, kObserverRecord);
  if (!known) return std::unexpected(of_store(known.error()));
  if (settings_.context.source == ContextSource::Topic) {
    facts_ = std::make_unique<TopicSink>(*producer_, settings_.topics.context);
    observer_ = std::make_unique<ServiceObserver>([this](Position cause) { return facts_->acknowledged(cause.partition) > cause.offset; });
  } else {
    const auto taken = [](const auto& shard) { return shard->observed_count.load() == 0; };
    observer_ = std::make_unique<ServiceObserver>([this, taken](Position) { return std::ranges::all_of(shards_, taken); });
  }
  if (*known) observer_->restore(**known);
  return {};
}

std::expected<void, RunError> Service::open_consumer() {
  for (std::size_t i = 0; i < shards_count_; ++i) {
    shards_.push_back(std::make_unique<ShardRun>(i, *store_, *flusher_, settings_, shards_count_, rules_));
    metrics_->watch(shards_.back()->shard.evaluability());
    shards_.back()->outputs = outputs_of_thread();
    shards_.back()->oldest_dirty_ns = &metrics_->shard(i).oldest_dirty_ns;
    shards_.back()->log = events_log_.get();
    // What the topic holds already is in force before the first partition is ours.
    for (const ContextChange& change : changes_due(*shards_.back()))
      if (auto taken = take(*shards_.back(), change); !taken) return taken;
  }
  auto consumer = Consumer::open({.kafka = kafka_of(settings_),
                                  .topic = settings_.topics.events,
                                  .group = settings_.kafka.group,
                                  .instance = instance_of(settings_),
                                  .shards = shards_count_,
                                  .holes_expected = settings_.kafka.holes_expected},
                                 *this, client_log());
  if (!consumer) return std::unexpected(of_kafka(consumer.error()));
  consumer_ = std::move(*consumer);
  return {};
}

std::expected<void, RunError> Service::open_http() {
  const auto healthy = [this] {
    const auto fault = flusher_->health().fault;
    return Health{!fault, fault ? "the state store fails" : "ok"};
  };
  const auto ready = [this] {
    if (stop_.stop_requested()) return Health{false, "stopping"};
    if (const std::string standing = gaps_.said(); !standing.empty()) return Health{false, "not read on: " + standing};
    return partitions_ > 0 ? Health{true, "ok"} : Health{false, "no partition is assigned"};
  };
  HttpEndpoints endpoints{.metrics = [this] { return metrics_->exposition(steady_now()); }, .healthz = healthy, .readyz = ready};
  if (is_loopback(settings_.http.listen)) endpoints.top = [this] { return live_view(); };
  auto http = ServiceHttp::start(settings_.http.listen, std::move(endpoints));
  if (!http) return std::unexpected(RunError{ExitCode::Unusable, http.error()});
  http_ = std::move(*http);
  return {};
}

}  // namespace ringfence
