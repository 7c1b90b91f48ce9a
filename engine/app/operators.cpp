// SPDX-License-Identifier: Apache-2.0
// halt, approve, release: what a person commands, signed as the writer `operator` (docs/contracts/control.md, Operators' commands).
#include "engine/app/operators.h"

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "connectors/encoders/strict_json.h"
#include "connectors/kafka/context_log.h"
#include "connectors/sinks/file_sink.h"
#include "engine/app/audit_trail.h"
#include "engine/app/command_answer.h"
#include "engine/app/command_file.h"
#include "engine/app/commands.h"
#include "engine/app/context_feed.h"
#include "engine/app/context_past.h"
#include "engine/app/fault.h"
#include "engine/app/kafka_settings.h"
#include "engine/app/operator_voice.h"
#include "engine/app/operator_word.h"
#include "engine/app/pinned_keys.h"
#include "engine/app/wall_clock.h"
#include "engine/event/escape.h"
#include "engine/event/sha256.h"
#include "engine/pipeline/operate.h"
#include "engine/state/store.h"
#include "engine/verdict/command.h"

namespace ringfence {
namespace {

constexpr std::chrono::seconds kWithin{20};
constexpr std::chrono::seconds kAnswerWithin{10}, kTopicAnswerWithin{5};
constexpr Nanos kTurnWithin = seconds(20);

using Done = std::expected<void, Fault>;

/// A command as engines read it.
struct Signed {
  std::string key, jws, jti;
};
Signed sign(const Command& command, const Settings& settings, const SigningKey& key, WallTime at) {
  const Issuer issuer{.iss = settings.control.issuer, .aud = settings.control.audience, .writer = std::string(kOperatorWriter)};
  const std::string payload = encode_command(command, issuer, at);
  return {std::string(kCommandKeys) + sha256_hex(payload).substr(0, 16), sign_jws(key, payload),
          parse_strict_json(payload)->at("jti").get<std::string>()};
}

/// Where engines read commands, and what they say.
struct Engines {
  std::function<Done(const Signed&)> put;
  std::function<std::optional<CommandAnswers::Answer>(const std::string& jti)> wait;  // null: nobody would say in time
};

/// What a person needs to command at all.
struct Desk {
  Settings settings;
  SigningKey key;
  TrustedKeys trusted;
  std::unique_ptr<ContextLog> context;  // null: commands go by file, or to no engine
  ContextPast past{settings, trusted, context.get()};

  Desk(Settings its_settings, SigningKey its_key, TrustedKeys its_trusted, std::unique_ptr<ContextLog> its_context)
      : settings(std::move(its_settings)), key(std::move(its_key)), trusted(std::move(its_trusted)), context(std::move(its_context)) {}
  Desk(const Desk&) = delete;
  Desk& operator=(const Desk&) = delete;
};

constexpr const char* kPublished = "published by the writer operator";

/// Each writer frees its own alone: who else has contained the scope, as a twin that does not serve now.
std::string words_of_others(OperatorWord& word) {
  const auto left = word.still_contained_by();
  if (!left) return "; whether others contain it still is not known: " + left.error().message;
  std::string writers;
  for (const std::string& writer : *left) writers += (writers.empty() ? "" : ", ") + writer;
  return writers.empty() ? "" : "; still contained by " + writers + ", which frees its own once it takes the command";
}

std::string words_of(const Command& command, const ScopeParts& scope, OperatorWord& word, const CommandAnswers::Answer& answer) {
  if (!answer.done || command.command != "release") return answer.words;
  if (is_wide(scope)) return answer.words + ": it stands no longer, and what calls had made of it is closed";
  return answer.words + ": its evidence starts at zero, its containments are released and its findings closed" + words_of_others(word);
}

/// What a command came to, for whoever gave it, and what else is to be released with it.
struct Given {
  std::string words, jti;
  std::vector<std::string> by_people;
};
using Giving = std::expected<Given, Fault>;

Given given(std::string words, const Command& command, std::string jti, const OperatorWord& word) {
  Given out{std::move(words), std::move(jti), {}};
  if (command.command == "release" && word.standing()) out.by_people = word.standing()->by_people;
  return out;
}

/// Of an order that no engine has answered, ahead of why people's own word is not said.
constexpr std::string_view kStoredUnheard =
    "stored, and not answered: engines that take it free what they have contained; what people have contained stays: ";

/// What came of both ways of a command: the word of people, and what engines make of it.
struct Told {
  Signed order;
  bool said = false;
  std::optional<CommandAnswers::Answer> answer;
};

/// What became of an order that was signed is put on record under its name.
std::unexpected<Fault> refused(const Signed& order, Fault fault) {
  fault.jti = order.jti;
  return std::unexpected(std::move(fault));
}

/// An engine knows what job its gateway bound the agent to, and what of a command counts: against that nothing is freed.
bool forbids(const CommandAnswers::Answer& answer) {
  return answer.passed_over || answer.words == words_of(CommandAnswer::NeedsApprover) || answer.words == words_of(CommandAnswer::OwnHalt);
}

/// Of an agent that no engine knows, none has said what its job is.
bool tells_the_job(const std::optional<CommandAnswers::Answer>& answer) {
  return answer && answer->words != words_of(CommandAnswer::UnknownAgent);
}

/// A halt is in force by its own word, ahead of all else. A release is said once engines have been heard; where none answers or knows the
/// agent, under the rule that asks most.
std::expected<Told, Fault> tell(OperatorWord& word, const Command& command, Signed order, const Engines& engines) {
  Told out{std::move(order), false, std::nullopt};
  const auto say = [&]() -> Done {
    if (auto said = word.say(out.order.jti); !said) return refused(out.order, said.error());
    out.said = true;
    return {};
  };
  const bool halt = command.command == "halt";
  if (halt && word.due())
    if (auto said = say(); !said) return std::unexpected(said.error());
  if (!halt && !engines.wait)
    if (auto allowed = word.check_unheard(); !allowed) return refused(out.order, allowed.error());
  if (engines.put)
    if (auto put = engines.put(out.order); !put) return refused(out.order, put.error());
  if (engines.wait) out.answer = engines.wait(out.order.jti);
  if (halt || !word.due()) return out;
  if (out.answer && forbids(*out.answer)) return refused(out.order, {ExitCode::Unusable, out.answer->words});
  if (!tells_the_job(out.answer))
    if (auto allowed = word.check_unheard(); !allowed)
      return refused(out.order, {allowed.error().exit, std::string(out.answer ? "" : kStoredUnheard) + allowed.error().message});
  if (auto said = say(); !said) return std::unexpected(said.error());
  return out;
}

/// Without Kafka: on the file that the service follows, and what that made of it.
Giving give_by_file(const Command& command, OperatorWord& word, const Desk& desk, const ScopeParts& scope) {
  const Settings& settings = desk.settings;
  FileAnswers answers(audit_file(settings).string());
  const bool running = rocksdb_in_use(settings.state.directory.string());
  Engines engines{.put = [&](const Signed& order) -> Done {
                    if (const auto put = append_command(settings, order.key, order.jws); !put)
                      return std::unexpected(Fault{ExitCode::Unreachable, put.error().message});
                    return {};
                  },
                  .wait = {}};
  if (running) engines.wait = [&](const std::string& jti) { return answers.wait(jti, kAnswerWithin); };
  const auto told = tell(word, command, sign(command, settings, desk.key, word.at()), engines);
  if (!told) return std::unexpected(told.error());
  const auto tell_them = [&](std::string words) { return given(std::move(words), command, told->order.jti, word); };
  const std::string done = told->said ? std::string(kPublished) + "; " : "";
  const std::string recorded = done + "recorded in " + command_file(settings).string();
  if (!running) return tell_them(recorded + ": no service is running, the next start takes it");
  if (!told->answer) return tell_them(recorded + ": the service takes it once it has judged what lies in its input");
  if (told->answer->done) return tell_them(done + words_of(command, scope, word, *told->answer));
  if (!told->said) return refused(told->order, {ExitCode::Unusable, told->answer->words});
  return tell_them(std::string(kPublished) + ", and so in force; in the states of the engine: " + told->answer->words);
}

/// Where no engine reads commands: what the operator's own writer can do alone.
Giving give_without_engine(const Command& command, OperatorWord& word, const Desk& desk, const ScopeParts& /*scope*/) {
  const auto told = word.due() ? tell(word, command, sign(command, desk.settings, desk.key, word.at()), {}) : Told{};
  if (!told) return std::unexpected(told.error());
  if (told->said || (word.standing() && !word.standing()->by_people.empty()))
    return given(told->said ? kPublished : "no operator has halted this scope itself", command, told->order.jti, word);
  const std::string engine = "an engine over Kafka takes commands from the context topic only (context.source)";
  if (command.command == "halt") return std::unexpected(Fault{ExitCode::Unusable, "halted by an operator already"});
  if (command.command == "release") return std::unexpected(Fault{ExitCode::Unusable, "no operator has halted this scope, and " + engine});
  return std::unexpected(Fault{ExitCode::Unusable, engine});
}

/// What was done about such a command, on record in a chain of the operators' own.
Done put_on_record(const Command& command, const Settings& settings, const std::string& kid, const Giving& answer) {
  const std::string file = operators_audit_file(settings).string();
  std::error_code ignored;
  const std::filesystem::path note = operators_audit_note(settings);
  for (const std::filesystem::path& each : {operators_audit_file(settings), note})
    std::filesystem::create_directories(each.parent_path(), ignored);
  // Several people may command at once: each waits for its place in the one chain.
  auto sink = FileSink::open(file, 0, kTurnWithin);
  if (!sink) return std::unexpected(Fault{ExitCode::Unreachable, sink.error().message});
  auto key = SigningKey::load(settings.control.key_file);
  if (!key) return std::unexpected(Fault{ExitCode::Unusable, key.error().message});
  auto trusted = operators_keys(settings);
  if (!trusted) return std::unexpected(Fault{trusted.error().exit, trusted.error().message});
  auto trail = AuditTrail::open({.writer = std::string(kOperatorWriter), .instance = "people", .note = note, .adopt = true},
                                std::move(*key), std::move(*trusted), **sink, audit_past_of_file(file));
  if (!trail) return std::unexpected(Fault{ExitCode::Unreachable, trail.error()});
  if (!(*trail)->warning().empty()) std::fprintf(stderr, "audit trail %s: %s\n", printable(file).c_str(), (*trail)->warning().c_str());
  const WallTime now = wall_now();
  const std::string& signed_as = answer ? answer->jti : answer.error().jti;
  const std::string jti = !signed_as.empty() ? signed_as : "cmd-" + sha256_hex(cause_of(command) + std::to_string(now.value)).substr(0, 16);
  const AuditEntry entry = audit_of_given({command, jti, kid}, answer.has_value(), answer ? answer->words : answer.error().message, now);
  if (const auto said = (*trail)->say(entry, {kNoInput, Offset{0}}); !said)
    return std::unexpected(Fault{ExitCode::Unreachable, said.error().message});
  if (const auto stored = (*sink)->flush(seconds(2)); !stored) return std::unexpected(Fault{ExitCode::Unreachable, stored.error().message});
  (*trail)->note();
  if (!(*trail)->noted())
    std::fprintf(stderr, "audit trail %s: %s cannot be written, and a tail that is taken off would not be noticed\n",
                 printable(file).c_str(), printable(note.string()).c_str());
  return {};
}

std::expected<std::unique_ptr<Desk>, Fault> open_desk(const std::string& config) {
  SettingsLoad load = load_settings(config);
  for (const SettingsError& e : load.errors) std::fprintf(stderr, "%s\n", to_string(e).c_str());
  if (!load.settings) return std::unexpected(Fault{ExitCode::Unusable, "the settings have errors: nothing was done"});
  const Settings& settings = *load.settings;
  auto key = SigningKey::load(settings.control.key_file);
  if (!key) return std::unexpected(Fault{ExitCode::Unusable, key.error().message});
  auto trusted = operators_keys(settings);
  if (!trusted) return std::unexpected(Fault{trusted.error().exit, trusted.error().message});
  const TrustedKey* known = trusted->find(key->kid());
  if (known == nullptr || !known->may_speak_as(kOperatorWriter))
    return std::unexpected(Fault{ExitCode::Unusable, "the key of control.key_file may not speak as operator (gate.keys_file)"});
  std::unique_ptr<ContextLog> context;
  if (settings.context.source == ContextSource::Topic) {
    auto opened = ContextLog::open(kafka_of(settings), settings.topics.context);
    if (!opened) return std::unexpected(Fault{exit_of(opened.error()), opened.error().message});
    context = std::move(*opened);
  }
  return std::make_unique<Desk>(std::move(*load.settings), std::move(*key), std::move(*trusted), std::move(context));
}

/// On the context topic, and what engines put on record of it. A halt is in force by its own word: nobody waits for theirs.
Giving give_by_topic(const Command& command, OperatorWord& word, const Desk& desk, const ScopeParts& scope) {
  const Settings& settings = desk.settings;
  std::unique_ptr<CommandAnswers> answers;
  if (command.command != "halt" && settings.outputs.audit.topic) answers = TopicAnswers::open(kafka_of(settings), settings.topics.audit);
  Engines engines{.put = [&](const Signed& order) -> Done {
                    if (const auto sent = desk.context->append(order.key, order.jws, kWithin); !sent)
                      return std::unexpected(Fault{ExitCode::Unreachable, sent.error().message});
                    return {};
                  },
                  .wait = {}};
  if (answers) engines.wait = [&](const std::string& jti) { return answers->wait(jti, kTopicAnswerWithin); };
  const auto told = tell(word, command, sign(command, settings, desk.key, word.at()), engines);
  if (!told) return std::unexpected(told.error());
  const auto& [order, said, answer] = *told;
  const bool unknown = word.standing() && !word.standing()->any && !said;
  const auto tell_them = [&](const std::string& words) { return given(words, command, told->order.jti, word); };
  const std::string done = std::string(said ? std::string(kPublished) + ", and " : "") + "put on the context topic";
  if (answer && answer->done) return tell_them(done + "; " + words_of(command, scope, word, *answer));
  if (answer && said) return tell_them(done + "; in the states of the engines: " + answer->words);
  if (answer) return refused(order, {ExitCode::Unusable, answer->words});
  return tell_them(done + (answers ? "; no engine has put on record yet what came of it" : "") +
                   (unknown ? "; the control log knows of nothing that is contained there" : ""));
}

Giving give(const Command& command, const ScopeParts& scope, Desk& desk) {
  const Settings& settings = desk.settings;
  const bool by_file = !desk.context && settings.input.kind != SourceKind::Kafka;
  auto word = OperatorWord::open({command, scope, settings, desk.key, desk.trusted, desk.past},
                                 desk.context || by_file ? Engine::Takes : Engine::TakesNone);
  const auto give_it = desk.context ? give_by_topic : by_file ? give_by_file : give_without_engine;
  auto answer = word ? give_it(command, *word, desk, scope) : Giving(std::unexpected(word.error()));
  const auto taken = word ? word->take_over() : Done{};
  if (answer && !taken)
    answer = std::unexpected(Fault{taken.error().exit,
                                   answer->words + "; and what stands under a former key was not said again: " + taken.error().message,
                                   answer->jti});
  if (desk.context) return answer;
  const auto put = put_on_record(command, settings, desk.key.kid(), answer);
  if (answer && !put) return std::unexpected(Fault{put.error().exit, answer->words + ", and not put on record: " + put.error().message});
  return answer;
}

/// Gives it and says what came of it.
Giving give_and_tell(const Command& command, const ScopeParts& scope, Desk& desk) {
  auto done = give(command, scope, desk);
  const std::string where = command.command + " " + printable(command.scope, kMessageChars) + ": ";
  if (done)
    std::printf("%s%s\n", where.c_str(), printable(done->words, kMessageChars).c_str());
  else
    std::fprintf(stderr, "%s%s\n", where.c_str(), printable(done.error().message, kMessageChars).c_str());
  return done;
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
      "Exit codes: 0 it was done, or is stored and no engine has said yet what came of it; 2 wrong scope, settings or key, or it is not\n"
      "allowed, or changes nothing (`stored, and not answered`: engines that take it later do their part); 3 the cluster or the control\n"
      "log is not reachable.");
  command->callback([options, &action] { action = [options] { return give_command(options->command, options->config); }; });
}

}  // namespace

ExitCode give_command(const Command& command, const std::string& config) {
  const auto refuse = [&](const Fault& fault) {
    std::fprintf(stderr, "%s: %s\n", command.command.c_str(), printable(fault.message, kMessageChars).c_str());
    return fault.exit;
  };
  const auto scope = check_command(command);
  if (!scope) return refuse({ExitCode::Unusable, scope.error()});
  auto desk = open_desk(config);
  if (!desk) return refuse(desk.error());
  const auto done = give_and_tell(command, *scope, **desk);
  if (!done) return done.error().exit;
  // What people have halted within it, each by a word of its own.
  ExitCode exit = ExitCode::Done;
  for (const std::string& narrower : done->by_people) {
    Command also = command;
    also.scope = narrower;
    if (const auto each = give_and_tell(also, *parse_scope(narrower), **desk); !each) exit = each.error().exit;
  }
  return exit;
}

void add_operators(CLI::App& app, Subcommand& action) {
  add_one(app, action, "halt", "Halts an agent, a session or a wider scope at once, in the name of a person");
  add_one(app, action, "approve", "Lets a halt go out that waits as a hold because it lay beyond the blast radius");
  add_one(app, action, "release", "Ends a containment: the evidence of its scope starts at zero and its findings are closed");
}

}  // namespace ringfence
