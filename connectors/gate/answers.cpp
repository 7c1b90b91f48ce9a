// SPDX-License-Identifier: Apache-2.0
#include "connectors/gate/answers.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "connectors/encoders/strict_json.h"
#include "connectors/gate/call_facts.h"
#include "engine/event/drill.h"

namespace ringfence {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kCreditReturnsSeconds = 60;
constexpr std::int64_t kWebhookAgeSeconds = 300;
constexpr std::string_view kWebhookVersion = "v0.1.0";
constexpr std::size_t kUidChars = 128;
constexpr int kRefusedCode = -32010;
constexpr int kAskAgainSeconds = 1;

std::string written(const Json& value) { return value.dump(-1, ' ', /*ensure_ascii=*/true, Json::error_handler_t::replace); }

/// A finding's uid may go into a header; anything that is none may not.
std::string header_safe(std::string_view text) {
  const auto safe = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.' || c == ':';
  };
  return !text.empty() && text.size() <= 128 && std::ranges::all_of(text, safe) ? std::string(text) : std::string();
}

std::optional<std::int64_t> number_of(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

void GateTally::took_time(std::chrono::nanoseconds time) {
  const auto bound = std::ranges::lower_bound(kBounds, time.count());
  took[static_cast<std::size_t>(bound - kBounds.begin())].fetch_add(1, std::memory_order_relaxed);
  took_ns.fetch_add(static_cast<std::uint64_t>(time.count()), std::memory_order_relaxed);
}

std::string toolhive_signature(std::string_view secret, std::string_view timestamp, std::string_view body) {
  std::string message(timestamp);
  message += '.';
  message += body;
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()), reinterpret_cast<const unsigned char*>(message.data()), message.size(),
       digest.data(), &size);
  std::string out = "sha256=";
  constexpr std::string_view kHex = "0123456789abcdef";
  for (unsigned int i = 0; i < size; ++i) {
    out += kHex[digest[i] >> 4U];
    out += kHex[digest[i] & 15U];
  }
  return out;
}

HttpAnswer GateAnswers::answer(const HttpRequest& request) {
  const auto form = [this](const Answer& answer, std::string_view body) { return plain(answer, body); };
  if (request.path == "/nginx") return nginx(request);
  if (request.path == "/forward") return ruled(decide(request, request.header("x-forwarded-method"), request.body), request.body, form);
  if (request.path == "/envoy" || request.path.starts_with("/envoy/"))
    return ruled(decide(request, request.method, request.body), request.body, form);
  if (request.path == "/denied" || request.path.starts_with("/denied/")) return denied(request);
  if (request.path == "/toolhive") return toolhive(request);
  if (request.path == "/outcome") return outcome(request);
  return unusable(404, "here are /nginx, /denied, /envoy, /forward, /toolhive and /outcome");
}

/// The reply, or where the engine is to be asked first, the promise of one. `form` makes the reply of an answer and the text given here.
template <class Form>
HttpAnswer GateAnswers::ruled(Ruling ruling, std::string_view text, Form form) {
  if (!ruling.question) return form(ruling.answer, text);
  return HttpLater([this, form, text = std::string(text), question = std::move(*ruling.question)](const auto& reply) {
    const auto done = [this, form, text, who = question.who, reply](const AskResult& result) { reply(form(answer_of(result, who), text)); };
    asking_->asker->ask(question.request.agent, question.request.event, question.without, done);
  });
}

GateAnswers::Shown GateAnswers::shown(const HttpRequest& request, std::string_view method, std::string_view body) {
  const bool tunnels = opens_a_tunnel(request);
  return {method, tunnels ? std::string_view() : body, tunnels || hides_its_method(request)};
}

/// `who` and what is shown outlive it.
Call GateAnswers::call_of(const Identified& who, const Shown& shown) const {
  return {.subject = who.subject(),
          .effect = [this, shown] { return shown.hidden ? std::nullopt : effect_of(shown.method, shown.body, settings_.read_tools); },
          .now = EventTime{Follower::wall_now().value},
          .minute = Follower::minute_now()};
}

GateAnswers::Answer GateAnswers::policy_unknown() {
  return {false, {503, -32013, "the gate does not know whose acts to ask about"}, "gate.unready", "", 1};
}

std::optional<WithoutAnswer> GateAnswers::before(const AskPolicy& policy, const Identified& who, const Shown& shown) {
  // Reads by their method alone: what a tool does is for the persona to say.
  if (!shown.hidden && effect_of(shown.method, shown.body, {}) == Effect::Read) return std::nullopt;
  const Subject subject = who.subject();
  const std::string_view tenant = subject[SubjectField::Tenant];
  const std::string_view agent = subject[SubjectField::Agent];
  return agent.empty() ? policy.strictest() : policy.concerns(tenant.empty() ? kDefaultTenant : tenant, agent);
}

void GateAnswers::look_before(Ruling& ruling, const HttpRequest& request, const Identified& who, const Shown& shown) {
  const auto policy = policy_.load();
  if (!policy) {
    tally_.unready.fetch_add(1, std::memory_order_relaxed);
    ruling.answer = policy_unknown();
    return;
  }
  const auto without = before(*policy, who, shown);
  if (!without) return;
  auto question = asking_->writer.question(request, who, shown.body, *policy, EventTime{Follower::wall_now().value});
  // A text that asks for nothing clears no act that is done by another method.
  const bool told = !shown.hidden && does_what_it_shows(shown.method);
  if (std::holds_alternative<Unaskable>(question) || (std::holds_alternative<NothingToAsk>(question) && !told))
    ruling.answer = answer_of(asking_->asker->unaskable(*without), who);
  else if (auto* asked = std::get_if<AskRequest>(&question))
    ruling.question = Question{std::move(*asked), *without, who};
}

GateAnswers::Answer GateAnswers::answer_of(const AskResult& result, const Identified& who) const {
  if (!result.allowed && result.end == AskEnd::Answered)
    return {false, {403, kRefusedCode, "refused by security policy before it happened"}, "ask.refused", result.finding, 0};
  if (!result.allowed && result.end == AskEnd::Unaskable)
    return {false, {403, kRefusedCode, "an act that must be asked about first, and cannot be read"}, "ask.unaskable", "", 0};
  if (!result.allowed)
    return {false, {503, -32013, "no verdict on the act in time"}, "ask." + std::string(name_of(result.end)), "", kAskAgainSeconds};
  // What was contained while it waited is contained.
  const auto table = follower_.table();
  const GateContainment* by = table->strictest(who.subject(), EventTime{Follower::wall_now().value});
  if (by == nullptr || by->level < Level::Hold) return {};
  return {false, by->denial, "containment." + std::string(name_of(by->level)), by->finding_uid, 0};
}

GateAnswers::Ruling GateAnswers::decide(const HttpRequest& request, std::string_view method, std::string_view body) {
  const auto began = std::chrono::steady_clock::now();
  const auto refused = [this](std::atomic<std::uint64_t>& counter, Denial denial, std::string reason, int retry_after_s) {
    counter.fetch_add(1, std::memory_order_relaxed);
    return Ruling{{.allowed = false, .denial = std::move(denial), .reason = std::move(reason), .retry_after_s = retry_after_s}, {}};
  };
  if (!follower_.answers()) return refused(tally_.unready, {503, -32013, "the gate does not know what is contained"}, "gate.unready", 1);
  const auto who = settings_.places.identify(request);
  if (!who) return refused(tally_.unidentified, {403, -32014, who.error()}, "gate.unidentified", 0);
  if (!settings_.allow_unidentified && !settings_.places.says_who(who->subject()))
    return refused(tally_.unidentified, {403, -32014, "the call does not say who makes it"}, "gate.unidentified", 0);
  const Shown seen = shown(request, method, body);
  const auto table = follower_.table();
  Ruling out{judged(table->decide(call_of(*who, seen))), {}};
  tally_.took_time(std::chrono::steady_clock::now() - began);
  if (asking_ && out.answer.allowed) look_before(out, request, *who, seen);
  return out;
}

GateAnswers::Answer GateAnswers::judged(const GateDecision& decision) {
  auto& counters = decision.allowed ? tally_.allowed : tally_.denied;
  const bool drill = decision.by != nullptr && is_drill(decision.by->tenant);  // nobody was denied anything
  if (!drill) counters[static_cast<std::size_t>(decision.level)].fetch_add(1, std::memory_order_relaxed);
  Answer out{.allowed = decision.allowed};
  if (out.allowed) return out;
  out.denial = decision.by->denial;
  out.reason = "containment." + std::string(name_of(decision.level));
  out.finding = decision.by->finding_uid;
  if (decision.level == Level::Throttle) {
    out.denial.http_status = 429;
    out.retry_after_s = kCreditReturnsSeconds;
  }
  return out;
}

/// The denial in the caller's form: a JSON-RPC error for what is JSON-RPC, a small JSON object for the rest.
HttpReply GateAnswers::plain(const Answer& answer, std::string_view body) const {
  if (answer.allowed) return {.status = 200};
  HttpReply out{.status = answer.denial.http_status, .type = "application/json"};
  Json data{{"reason", answer.reason}};
  if (!answer.finding.empty()) data["finding"] = answer.finding;
  if (const auto call = read_json_rpc(body, settings_.read_tools)) {
    const std::string error =
        written({{"code", answer.denial.jsonrpc_code}, {"message", answer.denial.message}, {"data", std::move(data)}});
    std::string errors;
    for (const std::string& id : call->ids) {
      if (!errors.empty()) errors += ',';
      errors += R"({"jsonrpc":"2.0","id":)";
      errors += id;
      errors += R"(,"error":)";
      errors += error;
      errors += '}';
    }
    out.body = call->batch ? "[" + errors + "]" : errors;
  } else {
    data["message"] = answer.denial.message;
    out.body = written({{"error", std::move(data)}});
  }
  out.headers.emplace_back("X-Ringfence-Reason", answer.reason);
  if (auto finding = header_safe(answer.finding); !finding.empty()) out.headers.emplace_back("X-Ringfence-Finding", std::move(finding));
  if (answer.retry_after_s > 0) out.headers.emplace_back("Retry-After", std::to_string(answer.retry_after_s));
  return out;
}

/// nginx knows 2xx, 401 and 403; anything else it turns into a fault of its own.
HttpReply GateAnswers::nginx(const HttpRequest& request) {
  // Without a body nothing can be asked, so there is never a question.
  HttpReply out = plain(decide(request, request.header("x-original-method"), {}).answer, {});
  if (out.status == 200) return out;
  out.headers.emplace_back("X-Ringfence-Status", std::to_string(out.status));
  out.status = 403;
  out.body.clear();
  return out;
}

HttpReply GateAnswers::denied(const HttpRequest& request) {
  if (!follower_.answers())
    return plain({false, {503, -32013, "the gate does not know what is contained"}, "gate.unready", "", 1}, request.body);
  const auto who = settings_.places.identify(request);
  if (!who) return plain({false, {403, -32014, who.error()}, "gate.unidentified", "", 0}, request.body);
  return plain(denied_again(*who, request), request.body);
}

/// As `/nginx` has answered, but that nothing is counted and no credit taken: a throttled call must not pay for its own refusal.
GateAnswers::Answer GateAnswers::denied_again(const Identified& who, const HttpRequest& request) const {
  const std::string_view original = request.header("x-original-method");
  const Shown seen = shown(request, !original.empty() ? original : request.body.empty() ? request.method : "POST", {});
  const auto table = follower_.table();
  if (const GateContainment* by = table->refusing(call_of(who, seen)))
    return {false, by->denial, "containment." + std::string(name_of(by->level)), by->finding_uid,
            by->level == Level::Throttle ? kCreditReturnsSeconds : 0};
  if (!settings_.allow_unidentified && !settings_.places.says_who(who.subject()))
    return {false, {403, -32014, "the call does not say who makes it"}, "gate.unidentified", "", 0};
  if (asking_) {
    const auto policy = policy_.load();
    if (!policy) return policy_unknown();
    if (before(*policy, who, seen) == WithoutAnswer::Closed) return answer_of({.end = AskEnd::Unaskable, .allowed = false}, who);
  }
  // Asked again it may be allowed by now, and then the caller has to ask anew.
  return {false, {503, -32013, "the decision has changed: ask again"}, "gate.changed", "", 1};
}

HttpAnswer GateAnswers::toolhive(const HttpRequest& request) {
  constexpr int kNeverPasses = 422;
  if (request.method != "POST") return unusable(kNeverPasses, "a webhook is POSTed");
  if (!settings_.toolhive_secret.empty()) {
    const std::string timestamp(request.header("x-toolhive-timestamp"));
    const auto at = number_of(timestamp);
    const std::string expected = toolhive_signature(settings_.toolhive_secret, timestamp, request.body);
    const std::string_view given = request.header("x-toolhive-signature");
    const std::int64_t now = Follower::wall_now().value / 1'000'000'000;
    const bool holds = given.size() == expected.size() && CRYPTO_memcmp(given.data(), expected.data(), expected.size()) == 0;
    if (!at || !holds || *at < now - kWebhookAgeSeconds || *at > now + kWebhookAgeSeconds)
      return unusable(kNeverPasses, "the webhook's signature does not hold");
  }
  const auto document = parse_strict_json(request.body);
  const auto text = [&](const char* name) {
    const auto* found =
        document && document->is_object() && document->contains(name) ? document->at(name).get_ptr<const std::string*>() : nullptr;
    return found == nullptr ? std::string() : *found;
  };
  const std::string uid = text("uid");
  if (text("version") != kWebhookVersion || uid.empty() || uid.size() > kUidChars || !document->contains("mcp_request"))
    return unusable(kNeverPasses, "expected a webhook of version v0.1.0 with uid and mcp_request");
  return ruled(decide(request, "POST", written(document->at("mcp_request"))), uid, [](const Answer& answer, std::string_view asked) {
    Json out{{"version", kWebhookVersion}, {"uid", asked}, {"allowed", answer.allowed}};
    if (!answer.allowed) {
      out["code"] = answer.denial.http_status;
      out["message"] = answer.denial.message;
      out["reason"] = answer.reason;
      if (!answer.finding.empty()) out["details"] = {{"finding", answer.finding}};
    }
    return HttpReply{.status = 200, .body = written(out), .type = "application/json"};
  });
}

HttpReply GateAnswers::outcome(const HttpRequest& request) {
  const auto status = number_of(request.header("x-ringfence-outcome"));
  const auto who = settings_.places.identify(request);
  if (!status || !who) return unusable(400, "expected a status in X-Ringfence-Outcome and a caller");
  const bool done = *status >= 200 && *status < 400;
  const bool denied = *status == 401 || *status == 403;
  if (done || denied) follower_.table()->settle(who->subject(), denied, Follower::minute_now());
  return {.status = 204};
}

HttpReply GateAnswers::unusable(int status, std::string_view why) {
  tally_.unusable.fetch_add(1, std::memory_order_relaxed);
  return {.status = status, .body = written({{"error", {{"reason", "gate.unusable"}, {"message", why}}}}), .type = "application/json"};
}

}  // namespace ringfence
