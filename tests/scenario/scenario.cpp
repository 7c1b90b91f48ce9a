// SPDX-License-Identifier: Apache-2.0
#include "tests/scenario/scenario.h"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>
#include <stdexcept>

#include "engine/event/decode.h"
#include "engine/event/ids.h"
#include "engine/event/level.h"

namespace ringfence::scenario {
namespace {

using nlohmann::json;

struct Fault {
  std::string message;
};

std::vector<std::string> words_of(const std::string& line) {
  std::vector<std::string> words;
  std::string word;
  bool quoted = false, any = false;
  for (const char c : line) {
    if (c == '"') {
      quoted = !quoted;
      any = true;
    } else if (c == '#' && !quoted && word.empty()) {
      break;
    } else if ((c == ' ' || c == '\t') && !quoted) {
      if (any || !word.empty()) words.push_back(word);
      word.clear();
      any = false;
    } else {
      word += c;
    }
  }
  if (any || !word.empty()) words.push_back(word);
  return words;
}

Nanos duration(const std::string& text) {
  std::int64_t n = 0;
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), n);
  const std::string unit(end, text.data() + text.size());
  if (fault != std::errc{}) throw Fault{"not a duration: " + text};
  if (unit == "ms") return milliseconds(n);
  if (unit == "s") return seconds(n);
  if (unit == "m") return minutes(n);
  if (unit == "h") return hours(n);
  if (unit == "d") return days(n);
  throw Fault{"not a duration: " + text};
}

/// The scenario as it is being told.
class Teller {
 public:
  explicit Teller(Scenario& out) : out_(out) {}

  void tell(const std::vector<std::string>& words, int line) {
    line_ = line;
    const std::string& verb = words[0];
    if (verb == "personas") {
      out_.personas = argument(words, 1);
    } else if (verb == "agent") {
      who_["agent"]["id"] = argument(words, 1);
      who_["agent"]["trust"] = words.size() > 2 ? words[2] : "asserted";
    } else if (verb == "session" || verb == "user") {
      who_[verb]["id"] = filled(argument(words, 1));
    } else if (verb == "tenant") {
      who_["tenant"] = argument(words, 1);
    } else if (verb == "instance") {
      who_["agent"]["instance"] = argument(words, 1);
    } else if (verb == "start") {
      const auto time = parse_rfc3339(argument(words, 1));
      if (!time) throw Fault{"not a time: " + words[1]};
      now_ = *time;
    } else if (verb == "every") {
      every_ = duration(argument(words, 1));
    } else if (verb == "wait") {
      now_ = now_ + duration(argument(words, 1));
    } else if (verb == "mark") {
      mark_ = out_.events.size();
    } else if (verb == "restart") {
      out_.restarts.push_back(out_.events.size());
    } else if (verb == "expect" || verb == "aim") {
      expect(words);
    } else if (verb == "halt" || verb == "approve" || verb == "release" || verb == "purge") {
      command(words);
    } else if (verb == "confirmed") {
      confirmed(words);
    } else if (verb == "lifted") {
      lifted(words);
    } else {
      act(words);
    }
  }

 private:
  static const std::string& argument(const std::vector<std::string>& words, std::size_t index) {
    if (index >= words.size()) throw Fault{"a word is missing after " + words.back()};
    return words[index];
  }

  void command(const std::vector<std::string>& words) {
    if (argument(words, 2) != "by") throw Fault{"who commands comes after `by`"};
    json command{
        {"command", words[0]}, {"scope", argument(words, 1)}, {"reason", "looked at"}, {"by", argument(words, 3)}, {"approver", ""}};
    if (words.size() > 4) command["approver"] = argument(words, 5);
    out_.events.push_back(json{{"operator", std::move(command)}}.dump());
  }

  void confirmed(const std::vector<std::string>& words) {
    if (argument(words, 3) != "by") throw Fault{"who confirms comes after `by`"};
    json gates = json::array();
    const auto of = std::find(words.begin() + 4, words.end(), "of");
    for (auto gate = words.begin() + 4; gate != of; ++gate) gates.push_back(*gate);
    if (gates.empty() || !level_named(words[2])) throw Fault{"a level and a gate are wanted"};
    json word{{"scope", words[1]}, {"level", words[2]}, {"gates", std::move(gates)}, {"at_ms", to_milliseconds(now_)}};
    word["writer"] = of == words.end() ? "" : argument(words, static_cast<std::size_t>(of - words.begin()) + 1);
    out_.events.push_back(json{{"gates", std::move(word)}}.dump());
  }

  void lifted(const std::vector<std::string>& words) {
    if (argument(words, 2) != "of") throw Fault{"whose it was comes after `of`"};
    json word{{"scope", words[1]}, {"level", "observe"}, {"gates", json::array()}, {"at_ms", to_milliseconds(now_)}};
    word["writer"] = argument(words, 3);
    out_.events.push_back(json{{"gates", std::move(word)}}.dump());
  }

  void act(const std::vector<std::string>& words) {
    std::size_t at = 0;
    int times = 1;
    if (words.size() > 2 && words[1] == "x") {
      times = std::stoi(words[0]);
      at = 2;
    }
    for (int i = 0; i < times; ++i) one(words, at);
  }

  void one(const std::vector<std::string>& words, std::size_t at) {
    ++counter_;
    now_ = now_ + every_;
    const std::string& verb = words[at];
    json event = who_;
    event["v"] = 1;
    event["id"] = "call-" + std::to_string(counter_);
    event["time"] = format_rfc3339(now_);
    if (verb == "call") {
      event["kind"] = "tool_call";
      call(event, words, at + 1);
    } else if (verb == "task") {
      event["kind"] = "task_start";
      event["task"] = {{"id", argument(words, at + 1)}, {"text", argument(words, at + 2)}};
      narrow(event["task"], words, at + 3);
    } else if (verb == "task-end") {
      event["kind"] = "task_end";
      event["task"] = {{"id", argument(words, at + 1)}, {"claim", argument(words, at + 2)}};
    } else if (verb == "fact") {
      event["kind"] = "context_change";
      event.erase("agent");
      event["change"] = argument(words, at + 1);
      event["scope"] = argument(words, at + 2);
      if (words.size() > at + 3 && words[at + 3] == "observed") event["source"] = {{"product", kObservingProduct}};
    } else if (verb == "signal") {
      event["kind"] = "signal";
      event["signal"] = {{"name", argument(words, at + 1)}, {"score", std::stod(argument(words, at + 2))}};
    } else if (verb == "define") {
      const std::string& tool = argument(words, at + 1);
      const std::size_t slash = tool.find('/');
      event["kind"] = "tool_definition";
      event["tool"] = {{"server", tool.substr(0, slash)}, {"name", tool.substr(slash + 1)}, {"definition_sha256", argument(words, at + 2)}};
    } else if (verb == "raw") {
      out_.events.push_back(argument(words, at + 1));
      return;
    } else {
      throw Fault{"unknown word: " + verb};
    }
    out_.events.push_back(event.dump());
  }

  static void narrow(json& task, const std::vector<std::string>& words, std::size_t at) {
    for (; at < words.size(); at += 2) {
      const std::string& what = words[at];
      const std::string& value = argument(words, at + 1);
      if (what == "expires") {
        task[what] = value;
        continue;
      }
      if (what != "actions" && what != "destinations" && what != "resources") throw Fault{"unknown part of a task: " + what};
      task[what] = json::array();
      std::istringstream list(value);
      for (std::string item; std::getline(list, item, ',');) task[what].push_back(item);
    }
  }

  std::string filled(std::string value) const {
    for (std::size_t at = value.find("{n}"); at != std::string::npos; at = value.find("{n}"))
      value.replace(at, 3, std::to_string(counter_));
    return value;
  }

  void call(json& event, const std::vector<std::string>& words, std::size_t at) const {
    const std::string tool = argument(words, at++);
    const std::size_t slash = tool.find('/');
    if (slash != std::string::npos) event["tool"]["server"] = tool.substr(0, slash);
    event["tool"]["name"] = slash == std::string::npos ? tool : tool.substr(slash + 1);
    event["args"] = json::object();
    while (at < words.size() && words[at] != "->") at = part(event, words, at);
    event["outcome"]["status"] = argument(words, at + 1);
    if (at + 2 < words.size()) event["outcome"]["code"] = words[at + 2];
  }

  std::size_t part(json& event, const std::vector<std::string>& words, std::size_t at) const {
    const std::string& word = words[at];
    if (word == "untrusted") {
      event["data"]["untrusted"] = true;
      return at + 1;
    }
    if (word == "bare") {
      event.erase("args");
      return at + 1;
    }
    if (word == "request") {
      event["phase"] = "request";
      return at + 1;
    }
    if (const std::size_t sign = word.find(":="); sign != std::string::npos) {
      event["args"][word.substr(0, sign)] = json::parse(filled(word.substr(sign + 2)));
      return at + 1;
    }
    if (const std::size_t sign = word.find('='); sign != std::string::npos) {
      event["args"][word.substr(0, sign)] = filled(word.substr(sign + 1));
      return at + 1;
    }
    const std::string value = filled(argument(words, at + 1));
    if (word == "late") {
      event["time"] = format_rfc3339(now_ + Nanos{-duration(value).value});
      return at + 2;
    }
    static const std::vector<std::pair<std::string, json::json_pointer>> kTexts{
        {"on", json::json_pointer("/resource/uri")},
        {"type", json::json_pointer("/resource/type")},
        {"to", json::json_pointer("/destination/host")},
        {"account", json::json_pointer("/destination/account")},
        {"effect", json::json_pointer("/tool/effect")},
        {"credential", json::json_pointer("/credential/fingerprint")},
        {"kind", json::json_pointer("/credential/kind")},
        {"client", json::json_pointer("/client/fingerprint")},
        {"under", json::json_pointer("/task/id")},
        {"root", json::json_pointer("/delegation/root")},
        {"result", json::json_pointer("/result")},
        {"approved", json::json_pointer("/approval/at")},
        {"parent", json::json_pointer("/delegation/parent")},
        {"chain", json::json_pointer("/delegation/chain/0")},
        {"id", json::json_pointer("/id")},
        {"persona", json::json_pointer("/agent/persona")},
        {"charter", json::json_pointer("/agent/charter_sha256")},
        {"definition", json::json_pointer("/tool/definition_sha256")}};
    static const std::vector<std::pair<std::string, json::json_pointer>> kNumbers{{"records", json::json_pointer("/records/returned")},
                                                                                  {"matched", json::json_pointer("/records/matched")},
                                                                                  {"population", json::json_pointer("/records/population")},
                                                                                  {"bytes", json::json_pointer("/bytes/response")}};
    for (const auto& [name, pointer] : kTexts) {
      if (word == name) event[pointer] = value;
    }
    for (const auto& [name, pointer] : kNumbers) {
      if (word == name) event[pointer] = std::stoll(value);
    }
    if (word == "bytes") event["bytes"]["request"] = 0;
    const auto named = [&](const auto& entry) { return entry.first == word; };
    if (std::ranges::none_of(kTexts, named) && std::ranges::none_of(kNumbers, named)) throw Fault{"unknown part of a call: " + word};
    return at + 2;
  }

  static Level level(const std::string& word) {
    const auto found = level_named(word);
    if (!found) throw Fault{"unknown level: " + word};
    return *found;
  }

  void expect(const std::vector<std::string>& words) {
    Expectation e{.aim = words[0] == "aim", .line = line_, .after = out_.events.size(), .since = mark_, .text = {}};
    const std::string& what = argument(words, 1);
    using Kind = Expectation::Kind;
    if (what == "level") {
      e.kind = Kind::LevelIs;
      e.level = level(argument(words, 2));
    } else if (what == "never") {
      e.kind = Kind::NeverAbove;
      e.level = level(argument(words, 3));
    } else if (what == "score") {
      e.kind = Kind::ScoreBelow;
      e.score = std::stod(argument(words, 3));
    } else if (what == "finding") {
      e.kind = Kind::Finding;
      e.text = argument(words, 2);
    } else if (what == "applied" || what == "control") {
      e.kind = what == "applied" ? Kind::AppliedIs : Kind::Control;
      e.level = level(argument(words, 2));
      if (words.size() > 3) e.text = argument(words, 4);
    } else if (what == "released") {
      e.kind = Kind::Released;
      if (words.size() > 2) e.text = argument(words, 3);
    } else if (what == "answer") {
      e.kind = Kind::Answer;
      e.text = argument(words, 2);
    } else if (what == "copy") {
      e.kind = Kind::Copy;
    } else if (what == "no" && argument(words, 2) == "control") {
      e.kind = Kind::NoControl;
      if (words.size() > 3) e.text = argument(words, 4);
    } else if (what == "no") {
      e.kind = Kind::NoFinding;
      e.text = argument(words, 3);
    } else if (what == "refused") {
      e.kind = Kind::Refused;
      e.text = argument(words, 2);
    } else if (words.size() == 5 && words[2] == "by" && words[3] == "call") {
      e.kind = Kind::LevelBy;
      e.level = level(what);
      e.calls = std::stoul(words[4]);
    } else {
      throw Fault{"unknown expectation: " + what};
    }
    out_.expectations.push_back(std::move(e));
  }

  Scenario& out_;
  json who_ = json::object();
  EventTime now_;
  Nanos every_ = seconds(1);
  std::size_t mark_ = 0;
  int counter_ = 0;
  int line_ = 0;
};

struct Line {
  int number = 0;
  std::vector<std::string> words;
};

/// Tells the lines in order, those between `loop N` and `end` N times; gives the fault of the first line that means nothing.
std::optional<std::string> tell_all(Teller& teller, const std::vector<Line>& lines) {
  std::size_t loop_begin = 0;
  int rounds_left = 0;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const auto& [number, words] = lines[i];
    try {
      if (words[0] == "loop" && words.size() == 2) {
        loop_begin = i;
        rounds_left = std::stoi(words[1]) - 1;
      } else if (words[0] == "end") {
        if (rounds_left-- > 0) i = loop_begin;
      } else {
        teller.tell(words, number);
      }
    } catch (const Fault& fault) {
      return std::to_string(number) + ": " + fault.message;
    } catch (const std::exception& fault) {
      return std::to_string(number) + ": " + fault.what();
    }
  }
  return std::nullopt;
}

}  // namespace

std::expected<Scenario, std::string> load(const std::filesystem::path& file) {
  Scenario scenario;
  scenario.name = file.stem().string();
  std::ifstream in(file);
  if (!in) return std::unexpected(file.string() + ": cannot be read");
  Teller teller(scenario);
  std::vector<Line> lines;
  std::string line;
  for (int number = 1; std::getline(in, line); ++number) {
    auto words = words_of(line);
    if (line.starts_with("raw ")) words = {"raw", line.substr(4)};
    if (!words.empty()) lines.push_back({number, std::move(words)});
  }
  if (auto fault = tell_all(teller, lines)) return std::unexpected(file.string() + ":" + *fault);
  return scenario;
}

}  // namespace ringfence::scenario
