// SPDX-License-Identifier: Apache-2.0
#include "models/identity.h"

#include <gmock/gmock.h>

#include <random>

#include "models/detector.h"
#include "models/identity_memory.h"
#include "models/identity_secrets.h"
#include "models/numeraire.h"
#include "tests/unit/models/scope_world.h"

namespace ringfence::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Le;
using ::testing::Not;

constexpr auto kSlot = static_cast<std::size_t>(ChannelId::Identity);

Made shown(std::string key, std::string session = "s1") {
  Made made = call("files/read").session(std::move(session));
  made.event().credential.fingerprint = made.own(std::move(key));
  return made;
}

struct Identity : ::testing::Test {
  World world{identity_channel()};
};

TEST_F(Identity, SilentAndWithoutMemoryWhereNothingIsShown) {
  const Reading reading = world.read(call("files/read"));
  EXPECT_EQ(reading.kind, Reading::Kind::Silent);
  EXPECT_THAT(reading.breaches, IsEmpty());
  EXPECT_EQ(world.agent.memory.at(kSlot), nullptr);
  EXPECT_EQ(world.session("s1").memory.at(kSlot), nullptr);
}

TEST_F(Identity, ListedKeyIsDeclaredAndAnyOtherIsNewOnItsFirstCall) {
  world.job.credentials = {"a", "b"};
  EXPECT_EQ(world.read(shown("b")).cls, 0);
  const Reading reading = world.read(shown("x"));
  EXPECT_EQ(reading.cls, 3);
  EXPECT_THAT(World::uids(reading), ElementsAre("credential.new"));
}

TEST_F(Identity, WhereKeysAreListedAnActWithoutOneIsNotEvaluable) {
  world.job.credentials = {"a"};
  EXPECT_EQ(world.read(call("files/read")).kind, Reading::Kind::NotEvaluable);
}

TEST_F(Identity, SessionIsPinnedToItsFirstKeyAlsoOverARestart) {
  EXPECT_THAT(world.breaks(shown("a")), IsEmpty());
  world.restart();
  EXPECT_THAT(world.breaks(shown("b")), ElementsAre("credential.new"));
  EXPECT_THAT(world.breaks(shown("b")), IsEmpty()) << "told once";
  EXPECT_THAT(world.breaks(shown("b", "s2")), IsEmpty()) << "another session begins with it";
}

TEST_F(Identity, OtherKeysHashOrderOfManySessionsIsBounded) {
  for (int i = 0; i < 1000; ++i) world.read(shown("key-" + std::to_string(i)));
  EXPECT_LT(world.session("s1").memory.at(kSlot)->bytes(), 400U);
}

/// One rotation covers a key that leaves the list: the one in force when it left, or the first behind it.
struct IdentityRotations : ::testing::Test {
  AgentState agent;
  SessionState session;
  Persona job;
  const PersonaSet none;
  IdentityRotations() { job.credential_rotation = hours(24); }

  int cls(const char* listed, std::string key, Nanos since, std::optional<Nanos> fact) {
    job.credentials = {listed};
    Made made = shown(std::move(key));
    made.event().time = kFriday + since;
    const Act act{.event = made.done(),
                  .persona = job,
                  .set = none,
                  .match = {},
                  .effect = {},
                  .agent = agent,
                  .session = session,
                  .credential_changed = fact ? std::optional(kFriday + *fact) : std::nullopt};
    const int seen = static_cast<int>(identity_channel().read(act).cls);
    Writer out;
    agent.memory.at(kSlot)->encode(out);
    Reader in(out.bytes());
    agent.memory.at(kSlot) = identity_channel().decode_memory(MemoryScope::Agent, in);
    return seen;
  }
};

TEST_F(IdentityRotations, KeyThatLeftTheListStaysValidForItsWindow) {
  job.credential_rotation = hours(2);
  EXPECT_EQ(cls("old", "old", hours(0), std::nullopt), 0);
  EXPECT_EQ(cls("new", "old", hours(1), std::nullopt), 3) << "nobody announced a rotation";
  EXPECT_EQ(cls("new", "old", hours(1), hours(0)), 1);
  EXPECT_EQ(cls("new", "stranger", hours(1), hours(0)), 3) << "it never was on the list";
  EXPECT_EQ(cls("new", "old", hours(3), hours(0)), 3) << "after the window";
}

TEST_F(IdentityRotations, AKeyThatLeftWithAnEarlierOneIsNotValidAgain) {
  EXPECT_EQ(cls("k0", "k0", hours(0), std::nullopt), 0);
  EXPECT_EQ(cls("k1", "k1", hours(2), hours(1)), 0);
  EXPECT_EQ(cls("k1", "k0", hours(3), hours(1)), 1);
  EXPECT_EQ(cls("k1", "k0", hours(72), hours(1)), 3);
  EXPECT_EQ(cls("k2", "k2", hours(121), hours(120)), 0);
  EXPECT_EQ(cls("k2", "k1", hours(121), hours(120)), 1);
  EXPECT_EQ(cls("k2", "k0", hours(121), hours(120)), 3) << "it was taken off days ago";
  EXPECT_EQ(cls("k0", "k0", hours(130), hours(120)), 0) << "listed again";
  EXPECT_EQ(cls("k3", "k0", hours(140), hours(135)), 1) << "and has left with this one";
}

TEST_F(IdentityRotations, ARotationSaidSoonAfterTheListChangedCoversTheKeyAndALaterOneDoesNot) {
  EXPECT_EQ(cls("k0", "k0", hours(0), std::nullopt), 0);
  EXPECT_EQ(cls("k1", "k1", hours(1), std::nullopt), 0);
  EXPECT_EQ(cls("k1", "k0", hours(2), std::nullopt), 3);
  EXPECT_EQ(cls("k1", "k0", hours(5), hours(4)), 1);
  EXPECT_EQ(cls("k2", "k2", hours(6), hours(4)), 0);
  EXPECT_EQ(cls("k2", "k0", hours(29), hours(27)), 3) << "it left with the one before";
  EXPECT_EQ(cls("k3", "k3", hours(60), std::nullopt), 0);
  EXPECT_EQ(cls("k3", "k2", hours(200), hours(199)), 3) << "nobody announced that it would leave";
}

TEST_F(IdentityRotations, AKeyNeverSeenOnTheListIsTakenForTheOneThatLeftItOnce) {
  EXPECT_EQ(cls("k1", "before", hours(1), hours(0)), 1);
  EXPECT_EQ(cls("k1", "another", hours(1), hours(0)), 3);
  EXPECT_EQ(cls("k1", "before", hours(101), hours(100)), 3);
}

TEST(IdentityShared, KeyThatAnotherJobListsIsForeignOnTheFirstCall) {
  Persona mine, other;
  mine.id = "a";
  other.id = "b";
  other.credentials = {"theirs", "both"};
  const auto read = [&](const std::optional<std::vector<std::string>>& own, std::string key) {
    mine.credentials = own;
    const PersonaSet set({mine, other}, {}, false);
    std::vector<std::unique_ptr<const ChannelPlan>> plans(kChannels);
    plans[kSlot] = identity_channel().prepare(set.personas().front(), set);
    AgentState agent;
    SessionState session;
    Made made = shown(std::move(key));
    return identity_channel().read({.event = made.done(),
                                    .persona = set.personas().front(),
                                    .set = set,
                                    .match = {},
                                    .effect = {},
                                    .agent = agent,
                                    .session = session,
                                    .plans = plans});
  };
  const Reading unlisted = read(std::nullopt, "theirs");
  EXPECT_EQ(unlisted.cls, 2);
  EXPECT_THAT(World::uids(unlisted), ElementsAre("credential.foreign"));
  EXPECT_EQ(read({{"mine", "both"}}, "theirs").cls, 2);
  EXPECT_EQ(read({{"mine", "both"}}, "both").cls, 0) << "declared by both";
  EXPECT_EQ(read(std::nullopt, "mine").cls, 0);
  other.tenants = GlobSet({"corp"});
  EXPECT_EQ(read(std::nullopt, "theirs").cls, 2) << "the job of the same tenant";
  other.tenants = GlobSet({"acme"});
  EXPECT_EQ(read(std::nullopt, "theirs").cls, 0) << "tenants never meet";
}

TEST_F(Identity, PlacesOfKeysAreKnownByShapeAndTheirHarmlessNeighboursAreNot) {
  using identity::credential_store;
  for (const char* path : {"/home/x/.ssh/id_rsa", "C:\\Users\\x\\.ssh\\ID_ED25519", "file:///root/.aws/credentials", "~/.netrc", "app/.env",
                           "app/.env.production", "/etc/shadow", "certs/tls-KEY.pem", "/etc/ssl/private/server.pem", "live/privkey.pem",
                           "http://169.254.169.254/latest/meta-data", "x/.kube/config", "db.kdbx"})
    EXPECT_THAT(credential_store(path), Not(IsEmpty())) << path;
  for (const char* path : {"", "id_rsa.pub", ".env.example", "docs/env.md", "process.env", "src/shadow.c", "etc/shadows",
                           "my169.254.169.254x", "pem", ".pem", "network/config", "notes about keys", "/etc/ssl/certs/ca-certificates.pem",
                           "https://trust.example/global-bundle.pem", "certs/tls.pem", "public_key.pem", ".env.example?raw=1", "keys.md/"})
    EXPECT_THAT(credential_store(path), IsEmpty()) << path;
  EXPECT_THAT(credential_store(std::string(100'000, '/')), IsEmpty());
}

TEST_F(Identity, PlacesOfKeysAreKnownHoweverTheyAreWritten) {
  for (const char* path :
       {"~/.aws//credentials", "/home/u/.aws/./credentials", "/home/u/.aws/x/../credentials", "/etc//shadow", "/home/u/.ssh/id_rsa/",
        "/home/u/.ssh/id_rsa/.", "file:///home/u/%2Eaws/credentials", "file:///home/u/.ssh/id%5Frsa", "http://169.254.169.254./latest",
        "/app/.env?raw=1", "/app/.env#x", "C:\\Users\\x\\.ssh\\\\id_rsa\\"})
    EXPECT_THAT(identity::credential_store(path), Not(IsEmpty())) << path;
  EXPECT_THAT(identity::credential_store("/etc/" + std::string(600, '/') + "shadow"), Not(IsEmpty()));
}

TEST_F(Identity, LongCommandsAreReadAndLongTextsAreOnlyWords) {
  world.job.actions.push_back(action("run", {"shell/run"}, Effect::Execute));
  world.job.actions.push_back(action("ask", {"llm/ask"}, Effect::Read));
  const std::string more(1000, 'x');
  EXPECT_THAT(world.breaks(call("shell/run").with("command", "cat ~/.ssh/id_rsa # " + more)), ElementsAre("credential.ambient"));
  EXPECT_THAT(world.breaks(call("llm/ask").with("prompt", "what belongs into app/.env ? " + more)), IsEmpty());
}

TEST_F(Identity, CommandLinesAreReadByTheirWordsAndMessagesAreNot) {
  world.job.actions.push_back(action("run", {"shell/run"}, Effect::Execute));
  world.job.actions.push_back(action("say", {"chat/say"}, Effect::Send));
  EXPECT_THAT(world.breaks(call("shell/run").with("command", "cat ~/.ssh/id_rsa | wc")), ElementsAre("credential.ambient"));
  EXPECT_THAT(world.breaks(call("chat/say").with("text", "please put it into .env and tell me")), IsEmpty());
  EXPECT_THAT(world.breaks(call("shell/run").with("command", "cat README.md")), IsEmpty());
}

TEST_F(Identity, EveryConnectionHasAnotherPortAndIsTheSameClient) {
  const auto from = [](std::string address) {
    Made made = call("files/read");
    made.event().client.address = made.own(std::move(address));
    return made;
  };
  EXPECT_THAT(world.breaks(from("10.0.0.7:51000")), IsEmpty());
  EXPECT_THAT(world.breaks(from("10.0.0.7:51001")), IsEmpty());
  EXPECT_THAT(world.breaks(from("10.0.0.7")), IsEmpty());
  EXPECT_THAT(world.breaks(from("10.0.0.8:51000")), ElementsAre("session.binding"));
  EXPECT_THAT(world.breaks(from("[2001:db8::1]:443")), ElementsAre("session.binding"));
  EXPECT_THAT(world.breaks(from("[2001:db8::1]:444")), IsEmpty());
  EXPECT_THAT(world.breaks(from("2001:db8::2")), ElementsAre("session.binding"));
}

struct From {
  std::optional<std::string> address, name, fingerprint;
};

struct IdentityClients : Identity {
  /// What the call of a run breaks, by what the event says of its client.
  std::vector<std::string> act(const From& from, std::string run = "run-1", Nanos after = {}) {
    Made made = call("files/read").after(after);
    Event& event = made.event();
    event.agent.instance = made.own(std::move(run));
    if (from.address) event.client.address = made.own(*from.address);
    if (from.name) event.client.name = made.own(*from.name);
    if (from.fingerprint) event.client.fingerprint = made.own(*from.fingerprint);
    return world.breaks(std::move(made));
  }
};

TEST_F(IdentityClients, WhatAnEventLeavesOutMakesNoOtherClient) {
  for (int i = 0; i < 4; ++i) {
    EXPECT_THAT(act({.address = "10.0.0.1", .name = "desk"}), IsEmpty());
    EXPECT_THAT(act({.address = "10.0.0.1"}), IsEmpty());
    EXPECT_THAT(act({.name = "desk"}), IsEmpty());
    EXPECT_THAT(act({}), IsEmpty());
    EXPECT_THAT(act({.name = "desk", .fingerprint = "ja4"}), IsEmpty());
    world.restart();
  }
  EXPECT_THAT(act({.address = "10.0.0.1", .name = "other"}), ElementsAre("session.binding"));
  EXPECT_THAT(act({.name = "desk", .fingerprint = "curl"}), ElementsAre("session.binding"));
}

TEST_F(IdentityClients, RunThatReturnsToTwoAddressesIsTwoWhateverElseIsSaid) {
  std::vector<std::string> found;
  for (int i = 0; i < 3; ++i) {
    for (const From& from : {From{.address = "10.0.0.1", .name = "desk"}, From{.address = "10.0.0.2"}})
      for (const std::string& uid : act(from)) found.push_back(uid);
    world.restart();
  }
  EXPECT_THAT(found, ElementsAre("session.binding", "identity.clone"));
}

TEST_F(IdentityClients, RunThatSaysItsClientNowAndThenIsInOnePlace) {
  world.job.credentials = {"key"};
  for (int i = 0; i < 6; ++i) EXPECT_THAT(act(i % 2 == 0 ? From{.address = "10.0.0.1"} : From{}), IsEmpty());
  for (int i = 0; i < 6; ++i) EXPECT_THAT(act(i % 2 == 0 ? From{} : From{.name = "desk"}, i % 2 == 0 ? "run-1" : "run-2"), IsEmpty()) << i;
}

/// A client was one hash of all that was said of it.
TEST_F(IdentityClients, OfAStateOfVersionOneAreKnownByAllThatWasSaid) {
  std::uint64_t desk = 1;
  for (const Text& part : {Text(), Text("10.0.0.1"), Text("desk")}) desk = hash64(part.value_or(""), desk + (part ? 1 : 0));
  const auto remember = [&](std::unique_ptr<ChannelMemory>& memory, MemoryScope scope, const Writer& bytes) {
    Reader in(bytes.bytes());
    memory = identity_channel().decode_memory(scope, in);
    ASSERT_NE(memory, nullptr);
  };
  Writer session, agent;
  session.u8(1);
  for (const int none : {0, 0}) session.varint(static_cast<std::uint64_t>(none));
  session.varint(1);
  session.u64(desk);
  agent.u8(1);
  agent.varint(0);
  agent.u64(0);
  agent.varint(1);  // steps
  agent.varint(1);
  agent.u64(desk);
  agent.u64(hash64("run-1"));
  agent.time(kFriday);
  agent.varint(1);
  agent.varint(0);
  agent.u8(0);
  act({});
  remember(world.session("s1").memory.at(kSlot), MemoryScope::Session, session);
  remember(world.agent.memory.at(kSlot), MemoryScope::Agent, agent);
  world.restart();
  EXPECT_THAT(act({.address = "10.0.0.1", .name = "desk"}), IsEmpty());
  EXPECT_THAT(act({.address = "10.0.0.1"}), IsEmpty()) << "its parts are known from now on";
  EXPECT_THAT(act({.address = "10.0.0.2", .name = "desk"}), ElementsAre("session.binding"));
  EXPECT_THAT(act({.address = "10.0.0.1"}), IsEmpty());
  EXPECT_THAT(act({.address = "10.0.0.2"}), ElementsAre("identity.clone"));
}

TEST_F(Identity, HostileSessionIdsAreEscaped) {
  const auto from = [](std::string client) {
    Made made = call("files/read").session("s\x1b[2J");
    made.event().client.fingerprint = made.own(std::move(client));
    return made;
  };
  world.read(from("a"));
  const Reading reading = world.read(from("b"));
  ASSERT_EQ(reading.breaches.size(), 1U);
  EXPECT_THAT(reading.breaches.front().what, Not(HasSubstr("\x1b")));
}

/// An agent that shows every class exactly as often as its cap allows.
TEST(IdentityFalseAlarms, StayUnderTheBoundExactlyOnTheCaps) {
  constexpr int kCalls = 2'000'000;
  constexpr double kThreshold = 1e3;
  Persona persona;
  const std::array<const Channel*, 1> alone{&identity_channel()};
  const Tables tables(persona, alone);
  std::mt19937_64 rng(11);
  for (const Null null : {Null::Alert, Null::Declared}) {
    std::discrete_distribution<int> draw{1 - tables.cap(null, {ChannelId::Identity, 0, 1}) - tables.cap(null, {ChannelId::Identity, 0, 2}) -
                                             tables.cap(null, {ChannelId::Identity, 0, 3}),
                                         tables.cap(null, {ChannelId::Identity, 0, 1}), tables.cap(null, {ChannelId::Identity, 0, 2}),
                                         tables.cap(null, {ChannelId::Identity, 0, 3})};
    const double weight = static_cast<double>(tables.prior(null)[static_cast<std::size_t>(Threat::CredentialAbuse)]);
    Evidence evidence;
    int alarms = 0;
    bool up = false;
    for (int n = 0; n < kCalls; ++n) {
      const std::array<RowId, 1> marks{RowId{ChannelId::Identity, 0, static_cast<std::uint8_t>(draw(rng))}};
      update(evidence, tables, marks);
      const double score = scope_score(evidence, tables, null) / weight;
      if (up) up = score >= kThreshold / 100;
      if (!up && score >= kThreshold) up = ++alarms > 0;
    }
    EXPECT_THAT(alarms, Le(1.011 * kCalls / kThreshold));
    EXPECT_GT(alarms, 0) << "a channel that never speaks would pass";
  }
}

}  // namespace
}  // namespace ringfence::testing
