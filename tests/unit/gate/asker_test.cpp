// SPDX-License-Identifier: Apache-2.0
#include "connectors/gate/asker.h"

#include <gmock/gmock.h>

#include <future>

#include "connectors/encoders/base64url.h"
#include "tests/unit/gate/ask_fakes.h"

namespace ringfence {
namespace {

using namespace std::chrono_literals;
using testing::answer_for;
using testing::answers_issuer;
using testing::asker_settings;
using testing::AskWire;
using testing::signed_answer;
using testing::WireAskFeed;

class Askers : public ::testing::Test {
 protected:
  void start(Asker::Settings settings = asker_settings()) {
    asker_ = std::make_unique<Asker>(std::move(settings), std::make_unique<WireAskFeed>(wire_));
  }
  std::future<AskResult> ask(const std::string& question, WithoutAnswer without = WithoutAnswer::Closed) {
    auto promise = std::make_shared<std::promise<AskResult>>();
    asker_->ask("payer-1", question, without, [promise](const AskResult& result) { promise->set_value(result); });
    return promise->get_future();
  }
  /// Says it, then answers the question truly, so that all before has been read.
  AskResult after(const std::string& token) {
    auto end = ask("the question behind it");
    wire_.say(token);
    wire_.say(signed_answer(answer_for("the question behind it", true)));
    return end.get();
  }
  AskWire wire_;
  std::unique_ptr<Asker> asker_;
};

TEST_F(Askers, EachQuestionHearsItsOwnAnswerInWhateverOrderTheyCome) {
  start();
  auto first = ask("pay 900"), second = ask("pay 5");
  wire_.say(signed_answer(answer_for("pay 5", true)));
  wire_.say(signed_answer(answer_for("pay 900", false)));
  EXPECT_TRUE(second.get().allowed);
  const AskResult refused = first.get();
  EXPECT_FALSE(refused.allowed);
  EXPECT_EQ(refused.end, AskEnd::Answered);
  EXPECT_EQ(refused.finding, "rf-1");
}

TEST_F(Askers, WithoutAnAnswerByTheDeadlineTheSettingDecidesAndIsCounted) {
  start(asker_settings(1ms));
  const AskResult closed = ask("a").get(), open = ask("b", WithoutAnswer::Open).get();
  EXPECT_EQ(closed.end, AskEnd::Late);
  EXPECT_FALSE(closed.allowed);
  EXPECT_TRUE(open.allowed);
  EXPECT_EQ(asker_->tally().refused[static_cast<std::size_t>(AskEnd::Late)], 1U);
  EXPECT_EQ(asker_->tally().allowed[static_cast<std::size_t>(AskEnd::Late)], 1U);
  // Its answer comes all the same, and is nobody's.
  wire_.say(signed_answer(answer_for("a", true)));
  while (asker_->tally().stray == 0) std::this_thread::yield();
}

TEST_F(Askers, AQuestionThatCannotBeSentEndsAtOnce) {
  start();
  wire_.closed = true;
  EXPECT_EQ(ask("a").get().end, AskEnd::Unsent);
  EXPECT_TRUE(ask("b", WithoutAnswer::Open).get().allowed);
  EXPECT_EQ(asker_->tally().waiting, 0U);
}

TEST_F(Askers, NoMoreWaitThanAreAllowed) {
  auto settings = asker_settings();
  settings.waiting_max = 2;
  start(std::move(settings));
  auto first = ask("a"), second = ask("b");
  EXPECT_EQ(ask("c").get().end, AskEnd::Full);
  EXPECT_TRUE(ask("d", WithoutAnswer::Open).get().allowed);
  wire_.say(signed_answer(answer_for("a", true)));
  EXPECT_TRUE(first.get().allowed);
  auto third = ask("c");
  wire_.say(signed_answer(answer_for("c", true)));
  EXPECT_TRUE(third.get().allowed) << "the place is free again";
  asker_.reset();
  EXPECT_FALSE(second.get().allowed) << "what waits at the end is late";
}

TEST_F(Askers, AnAnswerPlayedAgainIsNobodys) {
  start();
  const std::string token = signed_answer(answer_for("a", true));
  auto first = ask("a");
  wire_.say(token);
  ASSERT_TRUE(first.get().allowed);
  EXPECT_TRUE(after(token).allowed);
  EXPECT_EQ(asker_->tally().stray, 1U);
}

/// What somebody says who can write to the verdicts topic but is not the engine: the question goes on waiting.
TEST_F(Askers, NoForgedAnswerOpens) {
  start();
  auto waits = ask("pay 900");
  const AskAnswer yes = answer_for("pay 900", true);
  const std::string good = signed_answer(yes);
  const auto with_header = [&](const std::string& header) { return base64url(header) + good.substr(good.find('.')); };
  const std::string kid = testing::key_from('\x11').kid();
  AskAnswer other_gate = yes, operators = yes, old = yes;
  other_gate.gate = "another";
  operators.writer = "operator";
  old.generation = 0;
  Issuer audience = answers_issuer(), issuer = answers_issuer();
  audience.aud = {"somebody-else"};
  issuer.iss = "https://attacker.example/";
  testing::Speaker engine;
  const std::vector<std::pair<const char*, std::string>> tries{
      {"signed by a key nobody pinned", signed_answer(yes, answers_issuer(), '\x77')},
      {"an operator's key", signed_answer(operators, answers_issuer(), '\x22')},
      {"an operator's key that speaks as the engine", signed_answer(yes, answers_issuer(), '\x22')},
      {"for another gate", signed_answer(other_gate)},
      {"for another audience", signed_answer(yes, audience)},
      {"of another issuer", signed_answer(yes, issuer)},
      {"of a generation that is past", signed_answer(old)},
      {"alg none", with_header(R"({"alg":"none","typ":"secevent+jwt","kid":")" + kid + "\"}")},
      {"an HMAC under the public key", with_header(R"({"alg":"HS256","typ":"secevent+jwt","kid":")" + kid + "\"}")},
      {"a kid that names another key",
       with_header(R"({"alg":"EdDSA","typ":"secevent+jwt","kid":")" + testing::key_from('\x22').kid() + "\"}")},
      {"without a signature", good.substr(0, good.rfind('.') + 1)},
      {"cut", good.substr(0, good.size() / 2)},
      {"never signed", encode_answer(yes, answers_issuer())},
      {"a control record", engine.say(testing::Speaker::release("payer-1", 9)).value},
      {"too long", std::string(100'000, 'A')},
      {"empty", ""},
  };
  for (const auto& [what, token] : tries) {
    SCOPED_TRACE(what);
    const auto before = asker_->tally().untrusted.load();
    EXPECT_TRUE(after(token).allowed);
    EXPECT_EQ(asker_->tally().untrusted, before + 1);
    ASSERT_EQ(waits.wait_for(0s), std::future_status::timeout);
  }
  wire_.say(good);
  EXPECT_TRUE(waits.get().allowed);
}

TEST(Answers, AreReadAsTheyWereWritten) {
  const AskAnswer answer = answer_for("q", false);
  const auto read = verify_answer(signed_answer(answer), testing::pinned(), testing::kAudience, testing::kIssuer);
  ASSERT_TRUE(read.has_value()) << read.error().detail;
  EXPECT_EQ(*read, answer);
}

TEST(Answers, OneWordOpensAndNoOther) {
  std::string payload = encode_answer(answer_for("q", true), answers_issuer());
  const auto at = payload.find("\"allow\"");
  ASSERT_NE(at, std::string::npos);
  for (const char* word : {"\"Allow\"", "\"allow \"", "\"yes\"", "\"\""}) {
    const std::string token = sign_jws(testing::key_from('\x11'), std::string(payload).replace(at, 7, word));
    const auto read = verify_answer(token, testing::pinned(), testing::kAudience, testing::kIssuer);
    EXPECT_TRUE(read && !read->allowed) << word;
  }
  for (const char* word : {"true", "1", "null", "[\"allow\"]"}) {
    const std::string token = sign_jws(testing::key_from('\x11'), std::string(payload).replace(at, 7, word));
    EXPECT_FALSE(verify_answer(token, testing::pinned(), testing::kAudience, testing::kIssuer).has_value()) << word;
  }
}

}  // namespace
}  // namespace ringfence
