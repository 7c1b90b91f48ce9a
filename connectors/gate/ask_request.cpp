// SPDX-License-Identifier: Apache-2.0
#include "connectors/gate/ask_request.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <random>
#include <utility>

#include "connectors/encoders/answer.h"
#include "connectors/gate/call_text.h"
#include "engine/event/decode.h"
#include "engine/event/limits.h"

namespace ringfence {
namespace {

using Json = nlohmann::ordered_json;
using Question = std::variant<NothingToAsk, Unaskable, AskRequest>;

std::string random_hex() {
  constexpr std::string_view kHex = "0123456789abcdef";
  std::random_device device;
  std::string out(32, '0');
  for (char& c : out) c = kHex[device() & 15U];
  return out;
}

bool is_tool_call(const Json& message) {
  const auto method = message.is_object() ? message.find("method") : message.end();
  return message.is_object() && method != message.end() && *method == "tools/call";
}

/// A JSON-RPC message that calls no tool: another method, or the answer to a question of the server.
bool calls_nothing(const Json& message) {
  if (!message.is_object() || !message.contains("jsonrpc") || is_tool_call(message)) return false;
  return message.contains("method") ? message.at("method").is_string() : message.contains("result") || message.contains("error");
}

/// A place as one of a subject's: what is found there is who or what it names.
std::expected<std::optional<SubjectPlaces>, std::string> place_of(const std::string& place, const std::string& jwt_header) {
  if (place.empty()) return std::optional<SubjectPlaces>();
  if (auto fault = SubjectPlaces::fault_of(place)) return std::unexpected(std::move(*fault));
  auto parsed = SubjectPlaces::parse({{"instance", place}}, jwt_header);
  if (!parsed) return std::unexpected(parsed.error());
  return std::optional(*std::move(parsed));
}

std::expected<std::string, std::string> at(const std::optional<SubjectPlaces>& place, const HttpRequest& request) {
  if (!place) return std::string();
  auto found = place->identify(request);
  if (!found) return std::unexpected(found.error());
  return std::move(found->texts[static_cast<std::size_t>(SubjectField::Instance)]);
}

void put(Json& event, const char* object, const char* name, const std::string& text) {
  if (!text.empty()) event[object][name] = text;
}

}  // namespace

AskWriter::AskWriter(std::string gate) : gate_(std::move(gate)), nonce_(random_hex()) {}

std::expected<AskWriter, std::string> AskWriter::open(std::string gate, const std::string& server, const std::string& act,
                                                      const std::string& jwt_header) {
  AskWriter out(std::move(gate));
  auto found = place_of(server, jwt_header);
  if (!found) return std::unexpected("ask.server: " + found.error());
  out.server_ = *std::move(found);
  found = place_of(act, jwt_header);
  if (!found) return std::unexpected("ask.act: " + found.error());
  out.act_ = *std::move(found);
  return out;
}

std::expected<AskedAct, std::string> AskWriter::act_of(const HttpRequest& request) const {
  auto id = at(act_, request);
  if (!id) return std::unexpected(id.error());
  auto server = at(server_, request);
  if (!server) return std::unexpected(server.error());
  return AskedAct{std::move(*id), std::move(*server)};
}

Question AskWriter::question(const HttpRequest& request, const Identified& who, std::string_view body, const AskPolicy& policy,
                             EventTime now) {
  const auto message = body.empty() ? std::unexpected(std::string()) : parse_call_text(body);
  if (message && calls_nothing(*message)) return NothingToAsk{};
  if (message && message->is_array() && !message->empty() && std::ranges::all_of(*message, calls_nothing)) return NothingToAsk{};
  if (!message || !is_tool_call(*message) || who.subject()[SubjectField::Agent].empty()) return Unaskable{};
  const auto params = message->find("params");
  if (params == message->end() || !params->is_object() || !params->contains("name") || !params->at("name").is_string()) return Unaskable{};
  auto act = act_of(request);
  if (!act) return Unaskable{};

  const Subject subject = who.subject();
  const std::string question = "ask-" + nonce_ + "-" + std::to_string(next_++);
  Json event{
      {"v", 1}, {"kind", "tool_call"}, {"phase", "request"}, {"id", act->id.empty() ? question : act->id}, {"time", format_rfc3339(now)}};
  const auto known = [&who](SubjectField field) -> const std::string& { return who.texts[static_cast<std::size_t>(field)]; };
  if (!known(SubjectField::Tenant).empty()) event["tenant"] = known(SubjectField::Tenant);
  event["agent"] = {{"id", subject[SubjectField::Agent]}, {"trust", "verified"}};
  put(event, "agent", "instance", known(SubjectField::Instance));
  put(event, "user", "id", known(SubjectField::User));
  put(event, "session", "id", known(SubjectField::Session));
  put(event, "credential", "fingerprint", known(SubjectField::Credential));
  put(event, "delegation", "root", known(SubjectField::Root));
  event["tool"] = {{"name", params->at("name")}, {"call_id", question}};
  put(event, "tool", "server", act->server);
  if (params->contains("arguments")) event["args"] = params->at("arguments");
  event["outcome"] = {{"status", "unknown"}};
  event["source"] = {{"product", kAskingProduct}, {"instance", gate_}};

  AskRequest out{.agent = known(SubjectField::Agent), .event = event.dump(-1, ' ', false, Json::error_handler_t::replace)};
  // What the engine would refuse to read cannot be asked.
  EventDecoder decoder;
  EventArena arena;
  const auto decoded = decoder.decode(out.event, now, arena);
  if (!decoded) return Unaskable{};
  if (!policy.asks(*decoded)) return NothingToAsk{};
  return out;
}

}  // namespace ringfence
