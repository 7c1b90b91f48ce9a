// SPDX-License-Identifier: Apache-2.0
// halt, approve, release: what a person commands, signed as the writer `operator` (docs/contracts/control.md, Operators' commands).
#include "engine/app/operators.h"

#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "connectors/encoders/acknowledgement.h"
#include "connectors/encoders/strict_json.h"
#include "connectors/kafka/context_log.h"
#include "connectors/sinks/file_sink.h"
#include "engine/app/audit_trail.h"
#include "engine/app/command_answer.h"
#include "engine/app/command_file.h"
#include "engine/app/commands.h"
#include "engine/app/context_feed.h"
#include "engine/app/control_places.h"
#include "engine/app/enforcement_feed.h"
#include "engine/app/kafka_settings.h"
#include "engine/app/operator_voice.h"
#include "engine/app/output_progress.h"
#include "engine/app/pinned_keys.h"
#include "engine/app/wall_clock.h"
#include "engine/event/escape.h"
#include "engine/event/sha256.h"
#include "engine/persona/load.h"
#include "engine/state/store.h"
#include "engine/verdict/command.h"

namespace ringfence {
namespace {

constexpr std::chrono::seconds kWithin{20};
constexpr std::chrono::seconds kAnswerWithin{10};
constexpr std::chrono::seconds kAcksWithin{10};
constexpr Nanos kTurnWithin = seconds(20);
constexpr std::size_t kBatch = 1000;
constexpr std::chrono::milliseconds kAckWait{200};
constexpr int kApprovedTier = 4;

struct Fault {
  ExitCode exit = ExitCode::Unusable;
  std::string message;
};
using Done = std::expected<void, Fault>;

ContainmentRecord record_of(const Command& command, const ScopeParts& scope, bool contained) {
  const EventTime now{wall_now().value};
  ContainmentRecord record;
  record.scope = command.scope;
  record.tenant = scope.tenant;
  if (scope.type == "agent" || scope.type == "session" || scope.type == "subtree") record.agent_id = scope.id;
  record.session_id = scope.session;
  record.contained = contained;
  record.level = Level::Halt;
  if (scope.type == "subtree") record.select = {{"agent.id", scope.id}, {"delegation.root", scope.id}};
  record.effective_at = now;
  record.finding_uid = halted_by(command.by);
  record.reason = command.reason;
  record.approver = command.approver.empty() ? command.by : command.approver;
  record.cause_event_id = cause_of(command) + "-" + std::to_string(now.value);
  record.position.offset = Offset{0};  // of no input: any number lower than "all" tells whether it is stored
  return record;
}

/// The personas in force where they can be read from here.
std::expected<PersonaSet, Fault> personas_of(const Settings& settings, ContextLog* context) {
  if (context == nullptr) {
    auto load =
        load_personas(settings.personas.directory, settings.personas.lists.empty() ? std::nullopt : std::optional(settings.personas.lists));
    if (!load.set)
      return std::unexpected(Fault{ExitCode::Unusable, "the personas have errors: whether a release needs an approver is open"});
    return std::move(*load.set);
  }
  const auto stored = context->read_to_end(kWithin);
  if (!stored) return std::unexpected(Fault{ExitCode::Unreachable, stored.error().message});
  for (auto record = stored->rbegin(); record != stored->rend(); ++record) {
    if (record->tombstone || record->key != kPersonaSetKey) continue;
    auto files = decode_persona_set(record->value);
    auto load = files ? load_personas(FileTree{std::move(*files)}) : PersonaLoad{};
    if (load.set) return std::move(*load.set);
  }
  return std::unexpected(Fault{ExitCode::Unusable, "the context topic holds no valid persona set"});
}

/// Whether freeing this scope takes two people: an agent of tier 4, and whatever is wider than an agent, because such may be in it.
std::expected<bool, Fault> takes_two(const ScopeParts& scope, const Settings& settings, ContextLog* context) {
  if (scope.type != "agent" && scope.type != "session") return true;
  const auto set = personas_of(settings, context);
  if (!set) return std::unexpected(set.error());
  Event event;
  event.tenant = scope.tenant;
  event.agent.id = scope.id;
  const Persona* persona = set->match(event);
  return persona != nullptr && persona->tier >= kApprovedTier;
}

/// A release of what an operator halted is the operator's writer's own, so the rule is held here as the engine holds it for its own; and
/// whoever breaks it hears so at once.
Done check_approver(const Command& command, const ScopeParts& scope, const std::optional<ContainmentRecord>& halted,
                    const Settings& settings, ContextLog* context) {
  const auto two = takes_two(scope, settings, context);
  if (!two) return std::unexpected(two.error());
  if (!*two) return {};
  if (command.approver.empty() || same_person(command.approver, command.by))
    return std::unexpected(Fault{ExitCode::Unusable, "this scope is released only with an --approver other than --by"});
  if (halted && halted->contained && halted->finding_uid == halted_by(command.approver))
    return std::unexpected(Fault{ExitCode::Unusable, "who halted cannot approve the release"});
  return {};
}

/// A command as engines read it.
struct Signed {
  std::string key, jws, jti;
};
Signed sign(const Command& command, const Settings& settings, const SigningKey& key) {
  const Issuer issuer{.iss = settings.control.issuer, .aud = settings.control.audience, .writer = std::string(kOperatorWriter)};
  const std::string payload = encode_command(command, issuer, wall_now());
  return {std::string(kCommandKeys) + sha256_hex(payload).substr(0, 16), sign_jws(key, payload),
          parse_strict_json(payload)->at("jti").get<std::string>()};
}

Done put_on_context(const Command& command, const Settings& settings, const SigningKey& key, ContextLog& context) {
  const Signed order = sign(command, settings, key);
  if (const auto sent = context.append(order.key, order.jws, kWithin); !sent)
    return std::unexpected(Fault{ExitCode::Unreachable, sent.error().message});
  return {};
}

/// A gate has confirmed a word under this key that the control log, which knows it up to `epoch`, has no more. False where there are no
/// acknowledgements to be read.
bool gates_know_later(const Settings& settings, const std::string& key, std::uint64_t epoch) {
  const bool files = !settings.outputs.control.topic;
  if (files && (settings.gate.acks.topic || !std::filesystem::exists(settings.gate.acks.file))) return false;
  const std::unique_ptr<ControlFeed> acks = enforcement_logs(settings).acks;
  const auto deadline = std::chrono::steady_clock::now() + kAcksWithin;
  while (std::chrono::steady_clock::now() < deadline) {
    const auto batch = acks->read(kBatch, kAckWait);
    if (!batch) return false;
    for (const ControlEntry& entry : batch->entries) {
      const auto read = decode_ack(entry.key, entry.value);
      if (read && read->ack.key == key && read->ack.applied_at && read->ack.epoch > epoch) return true;
    }
    if (batch->caught_up && batch->entries.empty()) return false;
  }
  return false;
}

/// Whether engines of these settings take commands at all.
enum class Engine : std::uint8_t { Takes, TakesNone };

/// True where the operator's own writer had something to say.
std::expected<bool, Fault> speak(const Command& command, const ScopeParts& scope, const Settings& settings, const SigningKey& key,
                                 const TrustedKeys& trusted, Engine engine, ContextLog* context = nullptr) {
  if (command.command == "approve" || command.command == "purge") return false;
  OutputProgress progress;  // outlives the log that tells it
  auto log = open_control_log(settings, ControlUse::Writes, [&progress] { progress.tell(); });
  if (!log) return std::unexpected(Fault{log.error().exit, log.error().message});
  const std::string claimant = "operator-" + std::to_string(getpid()) + "-" + std::to_string(wall_now().value);
  OperatorVoice voice({.iss = settings.control.issuer, .aud = settings.control.audience, .claimant = claimant}, key, trusted, **log,
                      progress);
  if (auto read = voice.read_to_end(command.scope); !read) return std::unexpected(Fault{ExitCode::Unreachable, std::move(read.error())});
  const bool halted = voice.last() && voice.last()->contained;
  const bool release = command.command == "release";
  const bool as_commanded = halted != release;  // by the log, which may have been lost or restored
  const bool behind =
      as_commanded && gates_know_later(settings, control_key(command.scope, kOperatorWriter), voice.last() ? voice.last()->epoch : 0);
  if (release && (halted || behind || engine == Engine::Takes)) {
    if (auto allowed = check_approver(command, scope, voice.last(), settings, context); !allowed) return std::unexpected(allowed.error());
  }
  if (as_commanded && !behind) return false;
  if (auto said = voice.say(record_of(command, scope, !release)); !said)
    return std::unexpected(Fault{ExitCode::Unreachable, std::move(said.error())});
  return true;
}

std::string words_of(const Command& command, const CommandAnswers::Answer& answer) {
  if (!answer.done || command.command != "release") return answer.words;
  return answer.words + ": its evidence starts at zero, its containments are released and its findings closed";
}

/// Without Kafka: on the file that the service follows, and what that made of it.
std::expected<std::string, Fault> give_by_file(const Command& command, const ScopeParts& scope, const Settings& settings,
                                               const SigningKey& key, const TrustedKeys& trusted) {
  const auto spoke = speak(command, scope, settings, key, trusted, Engine::Takes);
  if (!spoke) return std::unexpected(spoke.error());
  CommandAnswers answers(audit_file(settings).string());
  const Signed order = sign(command, settings, key);
  if (const auto put = append_command(settings, order.key, order.jws); !put)
    return std::unexpected(Fault{ExitCode::Unreachable, put.error().message});
  const std::string done = *spoke ? "published by the writer operator; " : "";
  const std::string recorded = done + "recorded in " + command_file(settings).string();
  if (!rocksdb_in_use(settings.state.directory.string())) return recorded + ": no service is running, the next start takes it";
  const auto answer = answers.wait(order.jti, kAnswerWithin);
  if (!answer) return recorded + ": the service takes it once it has judged what lies in its input";
  if (!answer->done && !*spoke) return std::unexpected(Fault{ExitCode::Unusable, answer->words});
  return done + words_of(command, *answer);
}

/// Where no engine reads commands: what the operator's own writer can do alone.
std::expected<std::string, Fault> give_without_engine(const Command& command, const ScopeParts& scope, const Settings& settings,
                                                      const SigningKey& key, const TrustedKeys& trusted) {
  const auto spoke = speak(command, scope, settings, key, trusted, Engine::TakesNone);
  if (!spoke) return std::unexpected(spoke.error());
  if (*spoke) return "published by the writer operator";
  const std::string engine = "an engine over Kafka takes commands from the context topic only (context.source)";
  if (command.command == "halt") return std::unexpected(Fault{ExitCode::Unusable, "halted by an operator already"});
  if (command.command == "release") return std::unexpected(Fault{ExitCode::Unusable, "no operator has halted this scope, and " + engine});
  return std::unexpected(Fault{ExitCode::Unusable, engine});
}

/// What was done about such a command, on record in a chain of the operators' own.
Done put_on_record(const Command& command, const Settings& settings, const std::string& kid,
                   const std::expected<std::string, Fault>& answer) {
  const std::string file = operators_audit_file(settings).string();
  std::error_code ignored;
  std::filesystem::create_directories(operators_audit_file(settings).parent_path(), ignored);
  // Several people may command at once: each waits for its place in the one chain.
  auto sink = FileSink::open(file, 0, kTurnWithin);
  if (!sink) return std::unexpected(Fault{ExitCode::Unreachable, sink.error().message});
  auto key = SigningKey::load(settings.control.key_file);
  if (!key) return std::unexpected(Fault{ExitCode::Unusable, key.error().message});
  auto trusted = operators_keys(settings);
  if (!trusted) return std::unexpected(Fault{trusted.error().exit, trusted.error().message});
  auto trail = AuditTrail::open({.writer = std::string(kOperatorWriter), .instance = "people", .note = {}, .adopt = true}, std::move(*key),
                                std::move(*trusted), **sink, audit_past_of_file(file));
  if (!trail) return std::unexpected(Fault{ExitCode::Unreachable, trail.error()});
  const WallTime now = wall_now();
  const std::string jti = "cmd-" + sha256_hex(cause_of(command) + std::to_string(now.value)).substr(0, 16);
  const AuditEntry entry = audit_of_given({command, jti, kid}, answer.has_value(), answer ? *answer : answer.error().message, now);
  if (const auto said = (*trail)->say(entry, {kNoInput, Offset{0}}); !said)
    return std::unexpected(Fault{ExitCode::Unreachable, said.error().message});
  if (const auto stored = (*sink)->flush(seconds(2)); !stored) return std::unexpected(Fault{ExitCode::Unreachable, stored.error().message});
  return {};
}

std::expected<std::string, Fault> give(const Command& command, const std::string& config) {
  const SettingsLoad load = load_settings(config);
  for (const SettingsError& e : load.errors) std::fprintf(stderr, "%s\n", to_string(e).c_str());
  if (!load.settings) return std::unexpected(Fault{ExitCode::Unusable, "the settings have errors: nothing was done"});
  const Settings& settings = *load.settings;
  const auto scope = check_command(command);
  if (!scope) return std::unexpected(Fault{ExitCode::Unusable, scope.error()});
  const auto key = SigningKey::load(settings.control.key_file);
  if (!key) return std::unexpected(Fault{ExitCode::Unusable, key.error().message});
  const auto pinned = operators_keys(settings);
  if (!pinned) return std::unexpected(Fault{pinned.error().exit, pinned.error().message});
  const TrustedKeys& trusted = *pinned;
  const TrustedKey* known = trusted.find(key->kid());
  if (known == nullptr || !known->may_speak_as(kOperatorWriter))
    return std::unexpected(Fault{ExitCode::Unusable, "the key of control.key_file may not speak as operator (gate.keys_file)"});

  std::unique_ptr<ContextLog> context;
  if (settings.context.source == ContextSource::Topic) {
    auto opened = ContextLog::open(kafka_of(settings), settings.topics.context);
    if (!opened) return std::unexpected(Fault{exit_of(opened.error()), opened.error().message});
    context = std::move(*opened);
  }
  if (!context) {
    const auto give_it = settings.input.kind == SourceKind::Kafka ? give_without_engine : give_by_file;
    auto answer = give_it(command, *scope, settings, *key, trusted);
    const auto put = put_on_record(command, settings, key->kid(), answer);
    if (answer && !put) return std::unexpected(Fault{put.error().exit, *answer + ", and not put on record: " + put.error().message});
    return answer;
  }
  const auto spoke = speak(command, *scope, settings, *key, trusted, Engine::Takes, context.get());
  if (!spoke) return std::unexpected(spoke.error());
  if (auto put = put_on_context(command, settings, *key, *context); !put) return std::unexpected(put.error());
  return std::string(*spoke ? "published by the writer operator, and " : "") + "put on the context topic";
}

struct Options {
  Command command;
  std::string config;
};

void add_one(CLI::App& app, Subcommand& action, const std::string& word, const std::string& what) {
  auto options = std::make_shared<Options>();
  options->command.command = word;
  CLI::App* command = app.add_subcommand(word, what);
  command->add_option("SCOPE", options->command.scope, "type:tenant/id, both parts percent-encoded, as `ringfence status` prints it")
      ->required();
  command->add_option("--reason", options->command.reason, "Why; it is in the record and in the findings")->required()->type_name("TEXT");
  command->add_option("--by", options->command.by, "Who gives the command")->required()->type_name("WHO");
  command->add_option("--approver", options->command.approver, "Who approves it; tier 4 is released only with one other than --by")
      ->type_name("WHO");
  command->add_option("--ticket", options->command.ticket, "Where it is written down")->type_name("T");
  command->add_option("--config", options->config, "Settings file: the signing key, the control log, and where engines read commands")
      ->required()
      ->type_name("FILE");
  command->footer(
      "Exit codes: 0 the command is stored: engines obey it and say so in their logs; a service without Kafka says so here, where one\n"
      "is running; 2 wrong scope, settings or key, or it is not allowed; 3 the cluster or the control log is not reachable.");
  command->callback([options, &action] { action = [options] { return give_command(options->command, options->config); }; });
}

}  // namespace

ExitCode give_command(const Command& command, const std::string& config) {
  const auto done = give(command, config);
  if (!done) {
    std::fprintf(stderr, "%s: %s\n", command.command.c_str(), printable(done.error().message, kMessageChars).c_str());
    return done.error().exit;
  }
  std::printf("%s %s: %s\n", command.command.c_str(), printable(command.scope, kMessageChars).c_str(), done->c_str());
  return ExitCode::Done;
}

void add_operators(CLI::App& app, Subcommand& action) {
  add_one(app, action, "halt", "Halts an agent, a session or a wider scope at once, in the name of a person");
  add_one(app, action, "approve", "Lets a halt go out that waits as a hold because it lay beyond the blast radius");
  add_one(app, action, "release", "Ends a containment: the evidence of its scope starts at zero and its findings are closed");
}

}  // namespace ringfence
