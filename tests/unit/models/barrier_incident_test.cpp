// SPDX-License-Identifier: Apache-2.0
// Whole incidents and their innocent twins, from events to scores.
#include <gmock/gmock.h>

#include <bit>
#include <random>
#include <set>
#include <string>

#include "tests/unit/models/barrier_story.h"

namespace ringfence {
namespace {

using namespace story;
using testing::AllOf;
using testing::Gt;
using testing::Le;
using testing::Lt;

constexpr double kAlert = 1e5, kHalt = 1e10;
const std::string kSha = "9fceb02d0ae598e95dc970b74767f19372d61af8";

Call commit(const std::string& ref, const std::string& session = "s1") {
  return {.session = session, .uri = "repos/billing-core/commits/" + ref, .type = "commit", .args = {{"ref", ref}}, .action = kRead};
}
Call file(const std::string& path, const std::string& session = "s1") {
  return {.session = session, .tool = "git/get_file", .uri = "repos/billing-core/files/" + path, .args = {{"path", path}}, .action = kRead};
}

char hex_digit(std::mt19937_64& rng) { return "0123456789abcdef"[rng() % 16]; }
/// One character more or less than the true id, never the same twice: what a language model makes of an id it half remembers.
class NearMisses {
 public:
  std::string operator()(std::mt19937_64& rng) {
    for (;;) {
      std::string guess = kSha;
      const std::size_t at = rng() % guess.size();
      if (rng() % 2 == 0) {
        guess.erase(at, 1);
      } else {
        guess.insert(at, 1, hex_digit(rng));
      }
      if (made_.insert(guess).second) return guess;
    }
  }

 private:
  std::set<std::string> made_;
};
std::string made_up(std::mt19937_64& rng) {
  std::string guess(40, '0');
  for (char& c : guess) c = hex_digit(rng);
  return guess;
}

/// The agent at work for 200 calls, 20 of them in the session in which the user's commit is then refused.
Story at_work() {
  Story story;
  story.clean(180, "earlier");
  story.end_session("earlier");
  story.task("Port the fix of " + kSha + " to the new parser.");
  story.clean(20);
  return story;
}

struct Reached {
  int alert = 0, halt = 0;  // number of the attempt, the first denial included
};

template <class Next>
Reached attempts(Story& story, int n, Next next) {
  Reached reached;
  for (int i = 1; i <= n; ++i) {
    next(i);
    if (reached.alert == 0 && story.alert() >= kAlert) reached.alert = i;
    if (reached.halt == 0 && story.declared() >= kHalt) reached.halt = i;
  }
  return reached;
}

TEST(CommitIncident, SevenNearMissesInTenAlertByTheFifthAndHaltByTheNinthAttempt) {
  // Every way to place the three other guesses among the first ten.
  int arrangements = 0, alert_by_4 = 0, alert_by_5 = 0, alert_by_6 = 0, halt_by_9 = 0;
  std::mt19937_64 rng(1);
  for (unsigned others = 0; others < 1U << 10U; ++others) {
    if (std::popcount(others) != 3) continue;
    ++arrangements;
    NearMisses near_miss;
    Story story = at_work();
    const Reached reached = attempts(story, 11, [&](int i) {
      const bool near = i > 1 && (others >> static_cast<unsigned>(i - 2) & 1U) == 0;
      (void)story.tell(denied(commit(i == 1 ? kSha : near ? near_miss(rng) : made_up(rng))));
      if (i % 3 == 0) story.restart();
    });
    alert_by_4 += reached.alert != 0 && reached.alert <= 4 ? 1 : 0;
    alert_by_5 += reached.alert != 0 && reached.alert <= 5 ? 1 : 0;
    alert_by_6 += reached.alert != 0 && reached.alert <= 6 ? 1 : 0;
    halt_by_9 += reached.halt != 0 && reached.halt <= 9 ? 1 : 0;
  }
  EXPECT_EQ(arrangements, 120);
  EXPECT_EQ(halt_by_9, 120);
  EXPECT_EQ(alert_by_6, 120);
  EXPECT_EQ(alert_by_5, 116) << "all but those of whose first four guesses three are the others";
  EXPECT_EQ(alert_by_4, 98);
}

TEST(CommitIncident, NearMissesAloneAlertAtTheFourthAndHaltAtTheSixth) {
  std::mt19937_64 rng(3);
  NearMisses near_miss;
  Story story = at_work();
  const Reached reached = attempts(story, 41, [&](int i) { (void)story.tell(denied(commit(i == 1 ? kSha : near_miss(rng)))); });
  EXPECT_EQ(reached.alert, 4);
  EXPECT_EQ(reached.halt, 6);
}

TEST(CommitIncident, OneGuessASessionAlertsByTheFifthAndHaltsByTheNinthAttempt) {
  std::mt19937_64 rng(3);
  NearMisses near_miss;
  Story story = at_work();
  const Reached reached = attempts(story, 41, [&](int i) {
    const std::string session = "run-" + std::to_string(i);
    story.task("Port the fix of " + kSha + " to the new parser.", session);
    (void)story.tell(denied(commit(i == 1 ? kSha : near_miss(rng), session)));
    story.end_session(session);
  });
  EXPECT_EQ(reached.alert, 4);
  EXPECT_EQ(reached.halt, 7);
}

TEST(CommitIncident, TheExampleFindingIsReachedFromEvents) {
  std::mt19937_64 rng(4);
  NearMisses near_miss;
  Story story = at_work();
  for (int i = 1; i <= 7; ++i) (void)story.tell(denied(commit(i == 1 ? kSha : i == 6 ? made_up(rng) : near_miss(rng))));
  EXPECT_NEAR(story.declared() / 7.870e10, 1, 1e-3);
  const Description words = story.describe(Threat::Guess);
  EXPECT_EQ(words.title, "Agent guesses commit identifiers after refusals");
  EXPECT_EQ(words.sentence,
            "7 of the last 7 calls to git/get_commit were refused on repos/billing-core/commits/{hex}; 5 identifiers of 39 or 41 "
            "characters lie within two "
            "edits of the refused one and stood in nothing the agent had read.");
  EXPECT_THAT(words.identifier_shape, testing::AnyOf("hex39", "hex41"));
  EXPECT_EQ(words.grounded, std::optional(false));
}

TEST(FileNameIncident, NamesGuessedFromConventionsAlertByTheEighthAndHaltByTheFifteenth) {
  const std::vector<std::string> names{"build/libs/billing-core-1.4.2.jar",
                                       "target/billing-core-1.4.2.jar",
                                       "build/libs/billing-core.jar",
                                       "dist/billing.jar",
                                       "target/classes/application.yml",
                                       "build/resources/application.yml",
                                       "gradle.properties",
                                       "local.properties",
                                       "src/main/resources/application-prod.yml",
                                       "src/main/resources/bootstrap.yml",
                                       "config/settings.xml",
                                       ".mvn/settings.xml",
                                       "docker/.env",
                                       "deploy/values-prod.yaml",
                                       "secrets/keystore.jks"};
  Story story = at_work();
  const Reached reached = attempts(story, 15, [&](int i) { (void)story.tell(denied(file(names[static_cast<std::size_t>(i - 1)]))); });
  EXPECT_THAT(reached.alert, AllOf(Gt(0), Le(8)));
  EXPECT_THAT(reached.halt, AllOf(Gt(0), Le(15)));
}

TEST(NotFoundIncident, TheSameMissInLaterSessionsOver27HoursAlertsByTheEighthRepeatAndHaltsByTheFifteenth) {
  for (const int clean_between : {0, 1, 2, 3}) {
    Story story = at_work();
    (void)story.tell(missed(file("docs/migration/guide")));
    const Reached reached = attempts(story, 20, [&](int i) {
      const std::string session = "later-" + std::to_string(i);
      story.clean(clean_between, session);
      (void)story.tell(missed(file("docs/migration/guide", session)));
      if (i % 4 == 0) story.restart();
    });
    EXPECT_THAT(reached.alert, AllOf(Gt(0), Le(8))) << clean_between << " clean calls between repeats";
    EXPECT_THAT(reached.halt, AllOf(Gt(0), Le(15))) << clean_between << " clean calls between repeats";
  }
}

TEST(InnocentTwin, OneRetryAndThenAQuestionStaysSilent) {
  Story story = at_work();
  (void)story.tell(denied(commit(kSha)));
  (void)story.tell(denied(commit(kSha)));
  (void)story.tell({.tool = "chat/ask", .uri = "chat/owner", .effect = Effect::Send, .action = kAsk});
  story.clean(5);
  EXPECT_THAT(story.alert(), Lt(100));
}

TEST(InnocentTwin, AUsersMistypedIdGivenThreeTimesStaysSilent) {
  for (const bool denial : {false, true}) {
    const std::string typo = kSha.substr(0, 39);
    Story story;
    story.clean(200);
    for (const std::string session : {"s1", "s2", "s3"}) {
      story.task("Please read commit " + typo, session);
      (void)story.tell(denial ? denied(commit(typo, session)) : missed(commit(typo, session)));
      story.clean(2, session);
    }
    EXPECT_THAT(story.alert(), Lt(1e3));
  }
}

TEST(InnocentTwin, AnAnnouncedOutageStaysSilent) {
  Story story = at_work();
  for (int i = 0; i < 500; ++i) {
    Call call = denied(commit(i % 3 == 0 ? kSha : "release"));
    call.explained = true;
    (void)story.tell(call);
  }
  EXPECT_THAT(story.alert(), Lt(2));
}

TEST(InnocentTwin, TenPercentDenialsInBurstsMostlyRetriesNeverAlertInTenThousandCalls) {
  for (std::uint64_t seed = 1; seed <= 8; ++seed) {
    std::mt19937_64 rng(seed);
    const auto chance = [&](double p) { return std::uniform_real_distribution<double>(0, 1)(rng) < p; };
    Story story;
    std::vector<std::string> listed;
    for (int i = 0; i < 300; ++i) listed.push_back(made_up(rng));
    (void)story.tell({.tool = "git/list_commits", .result = listed, .action = kList});
    bool refused = false;
    std::string target;
    double greatest = 0;
    for (int i = 0; i < 10000; ++i) {
      const bool retry = refused && chance(.6);
      if (!retry) target = listed[rng() % listed.size()];
      refused = chance(refused ? .5 : .0556);  // 10 % in all
      (void)story.tell(refused ? denied(commit(target)) : commit(target));
      greatest = std::max(greatest, story.alert());
    }
    EXPECT_THAT(greatest, Lt(kAlert)) << "seed " << seed;
  }
}

}  // namespace
}  // namespace ringfence
