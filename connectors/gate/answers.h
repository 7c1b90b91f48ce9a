// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "connectors/gate/ask_request.h"
#include "connectors/gate/asker.h"
#include "connectors/gate/follower.h"
#include "connectors/gate/http_message.h"
#include "connectors/gate/subject_places.h"
#include "engine/event/published.h"

namespace ringfence {

/// What a gate has answered. Any thread counts, any thread reads.
struct GateTally {
  /// Upper bounds of the decision's time, in nanoseconds; what took longer has a bucket of its own.
  static constexpr std::array<std::int64_t, 10> kBounds{2'000,   5'000,   10'000,    20'000,    50'000,
                                                        100'000, 200'000, 1'000'000, 5'000'000, 20'000'000};
  std::array<std::atomic<std::uint64_t>, kLevels> allowed{}, denied{};  // by the level that stood
  std::atomic<std::uint64_t> unidentified{0};                           // denied: who calls could not be told
  std::atomic<std::uint64_t> unready{0};                                // denied: the gate does not know
  std::atomic<std::uint64_t> unusable{0};                               // requests that are no question
  std::array<std::atomic<std::uint64_t>, kBounds.size() + 1> took{};
  std::atomic<std::uint64_t> took_ns{0};

  void took_time(std::chrono::nanoseconds time);
};

/// Answers the questions of gateways (docs/design/enforcement.md §1), each form under a path of its own:
///
/// | path | asked by | the call's method | answer |
/// |---|---|---|---|
/// | `/nginx` | nginx `auth_request` | `X-Original-Method` | 200, or 403 with the real status in `X-Ringfence-Status` |
/// | `/denied` | nginx, for the body of a denial | its own | the denial as `/envoy` gives it, never an allowance |
/// | `/envoy…` | Envoy and its kin, HTTP `ext_authz` with this path prefix | its own | 200, or the denial with its status and body |
/// | `/forward` | Traefik `forwardAuth`, Caddy `forward_auth` | `X-Forwarded-Method` | likewise |
/// | `/toolhive` | ToolHive's validating webhook, `v0.1.0` | MCP | 200 with `allowed`; 422, which ToolHive never lets pass, for what is no
/// question | | `/outcome` | a gateway that can say what became of a call | | 204; `X-Ringfence-Outcome` is the status the caller got |
///
/// A call that may pass and is an act to ask about first is answered later, when the engine has answered or the deadline has passed; by
/// then the table is looked at again. `answer` is for one thread; everything else for any.
class GateAnswers {
 public:
  struct Settings {
    SubjectPlaces places;
    bool allow_unidentified = false;  // calls in which no place holds anything
    std::vector<std::string> read_tools;
    std::string toolhive_secret;  // empty: unsigned webhooks are answered
  };
  /// Asking before acts; without it nothing is asked. While there is no policy nobody knows whose acts to ask about, and every call is
  /// answered as by a gate that does not know.
  struct Asking {
    AskWriter writer;
    std::unique_ptr<Asker> asker;
    std::shared_ptr<const AskPolicy> policy;
  };
  GateAnswers(Settings settings, const Follower& follower, std::optional<Asking> asking = std::nullopt)
      : settings_(std::move(settings)), follower_(follower), asking_(std::move(asking)) {
    if (asking_) policy_.store(std::move(asking_->policy));
  }

  [[nodiscard]] HttpAnswer answer(const HttpRequest& request);
  /// Personas have changed. Any thread.
  void adopt(std::shared_ptr<const AskPolicy> policy) { policy_.store(std::move(policy)); }
  /// Null where nothing is asked.
  [[nodiscard]] const AskTally* asks() const { return asking_ ? &asking_->asker->tally() : nullptr; }
  [[nodiscard]] const GateTally& tally() const { return tally_; }

 private:
  /// A decision in the words of an answer.
  struct Answer {
    bool allowed = true;
    Denial denial;
    std::string reason, finding;
    int retry_after_s = 0;
  };
  /// What is to be asked before it may pass, and by whom.
  struct Question {
    AskRequest request;
    WithoutAnswer without{};
    Identified who;
  };
  /// A call as the gateway shows it.
  struct Shown {
    std::string_view method, body;
    bool hidden = false;  // another method may be what is done, or calls that no gate will see
  };
  struct Ruling {
    Answer answer;
    std::optional<Question> question;  // only where the answer would let the call pass
  };
  [[nodiscard]] Ruling decide(const HttpRequest& request, std::string_view method, std::string_view body);
  [[nodiscard]] Answer judged(const GateDecision& decision);
  [[nodiscard]] static Shown shown(const HttpRequest& request, std::string_view method, std::string_view body);
  [[nodiscard]] static Answer policy_unknown();
  /// What becomes of the call without an answer, where it is one to be asked about.
  [[nodiscard]] static std::optional<WithoutAnswer> before(const AskPolicy& policy, const Identified& who, const Shown& shown);
  [[nodiscard]] Call call_of(const Identified& who, const Shown& shown) const;
  /// Adds the question to a call that the table lets pass, or settles what cannot be asked.
  void look_before(Ruling& ruling, const HttpRequest& request, const Identified& who, const Shown& shown);
  [[nodiscard]] Answer answer_of(const AskResult& result, const Identified& who) const;
  template <class Form>
  [[nodiscard]] HttpAnswer ruled(Ruling ruling, std::string_view text, Form form);
  [[nodiscard]] HttpReply plain(const Answer& answer, std::string_view body) const;
  [[nodiscard]] HttpReply nginx(const HttpRequest& request);
  [[nodiscard]] HttpReply denied(const HttpRequest& request);
  [[nodiscard]] Answer denied_again(const Identified& who, const HttpRequest& request) const;
  [[nodiscard]] HttpAnswer toolhive(const HttpRequest& request);
  [[nodiscard]] HttpReply outcome(const HttpRequest& request);
  [[nodiscard]] HttpReply unusable(int status, std::string_view why);

  Settings settings_;
  const Follower& follower_;
  GateTally tally_;
  Published<AskPolicy> policy_;
  std::optional<Asking> asking_;  // last: what still waits is ended by means of the rest
};

/// `sha256=` and the hex of HMAC-SHA256 over `timestamp.body`, as ToolHive signs its webhooks.
[[nodiscard]] std::string toolhive_signature(std::string_view secret, std::string_view timestamp, std::string_view body);

}  // namespace ringfence
