// SPDX-License-Identifier: Apache-2.0
// What must hold for any bytes at all: no crash, the same answer every time, agreement with another JSON parser, no allocation once warm.
#include <random>

#include <gmock/gmock.h>

#include "tests/unit/event/allocations.h"
#include "tests/unit/event/events.h"

namespace ringfence {
namespace {

using namespace testing_events;

/// An event that has every kind of value in it; no surrogates in args, where they are read and the other parser refuses them alone.
std::string rich_event() {
  return R"({"v":1,"kind":"tool_call","id":"r-1","time":"2026-11-20T10:20:00.5+01:00","tenant":"corp","agent":{"id":"spiffe://corp/a\u002fb","name":"\u00e9\ud83d\ude00","trust":"verified","extra":[1,{"x":null}]},)"
         R"("session":{"id":"s"},"delegation":{"chain":["a","b"]},"tool":{"server":"erp","name":"pay","effect":"transfer"},)"
         R"("args":{"to":"GB29","amount":48210.0,"memo":"\u00e9","nested":{"a":[1,-2.5e-3,true,null],"a":[]}},"result":[{"id":"x"},"y"],)"
         R"("destination":{"host":["h1","h2"],"account":"acc"},"outcome":{"status":"ok","code":"200"},"bytes":{"request":212,"response":480},)"
         R"("arg_ids":["id=dec-5:0123456789abcdef","bad"],"tokens":{"input":12.5},"cost_usd":1e-3,"source":{"product":"gw"}})";
}

/// All that a decoding says, as text.
std::string summary(const std::expected<Event, Refusal>& event) {
  if (!event)
    return std::string(name_of(event.error().reason)) + '|' + event.error().detail + '|' + event.error().agent_id + '|' +
           event.error().tenant;
  std::string out(event->id);
  out += format_rfc3339(event->time);
  out += event->tenant;
  out += event->agent.id;
  for (const auto& value : {event->args, event->result}) {
    if (!value) continue;
    out += value->raw;
    for (const JsonLeaf& leaf : value->leaves) (((out += leaf.pointer) += ' ') += leaf.text) += static_cast<char>(leaf.kind);
    out += std::to_string(value->hash.low);
  }
  for (const auto host : event->destination.hosts) out += host;
  return out + std::to_string(event->unknown_fields) + '/' + std::to_string(event->ignored_elements);
}

TEST(AnyBytes, AnEventCutAnywhereIsRefusedAndNeverCrashes) {
  const std::string whole = rich_event();
  Decoding decode;
  ASSERT_TRUE(decode(whole).has_value());
  for (std::size_t length = 0; length < whole.size(); ++length) {
    // On the heap at its exact size, so that a read past the end is seen by the sanitiser.
    const std::string cut(whole.data(), length);
    const auto event = decode(cut);
    ASSERT_FALSE(event.has_value()) << length;
    EXPECT_EQ(event.error().reason, length == 0 ? RefusalReason::Empty : RefusalReason::InvalidJson)
        << length << ' ' << event.error().detail;
  }
}

TEST(AnyBytes, EveryByteReplacedGivesOneAnswerAndAgreesWithAnotherParser) {
  const std::string whole = rich_event();
  Decoding fresh;
  Decoding used;
  for (std::size_t at = 0; at < whole.size(); ++at) {
    for (const char c : {'"', '\\', '{', '}', '[', ']', ',', ':', '0', '-', 'e', '.', ' ', '\0', '\x1f', '\x80', '\xff'}) {
      std::string changed = whole;
      changed[at] = c;
      const auto event = used(changed);
      ASSERT_EQ(summary(event), summary(fresh(changed))) << at << ' ' << static_cast<int>(c);
      const bool json = nlohmann::json::accept(changed);
      if (event) {
        ASSERT_TRUE(json) << "accepted, but is no JSON: " << changed;
      } else if (event.error().reason == RefusalReason::InvalidJson) {
        ASSERT_FALSE(json) << event.error().detail << " but is JSON: " << changed;
      }
    }
  }
}

TEST(AnyBytes, RandomSplicesAgreeWithAnotherParser) {
  std::mt19937_64 random(20261120);  // NOLINT: seeded, so that a failure repeats
  const std::string whole = rich_event();
  const std::vector<std::string> pieces{"\"",  "{",     "}",           "[",  "]", ",",  ":",  "1",  "-1",       "null",    "true",
                                        "tru", "\"a\"", "\"\\u0041\"", "\\", " ", "\n", "{}", "[]", "\"x\":1,", "\xC3\xA9"};
  Decoding decode;
  for (int round = 0; round < 20'000; ++round) {
    std::string changed = whole;
    for (std::size_t edits = 1 + random() % 3; edits > 0; --edits) {
      const std::size_t at = random() % changed.size();
      changed.replace(at, random() % 4, pieces[random() % pieces.size()]);
    }
    const auto event = decode(changed);
    const bool json = nlohmann::json::accept(changed);
    if (event) {
      ASSERT_TRUE(json) << changed;
    } else if (event.error().reason == RefusalReason::InvalidJson) {
      ASSERT_FALSE(json) << event.error().detail << ": " << changed;
    }
  }
}

TEST(AnyBytes, ASteadyStreamAllocatesNothing) {
  Decoding decode;
  const std::string one = rich_event();
  const std::string other(kAct);
  ASSERT_TRUE(decode(one).has_value());
  const std::size_t before = testing_allocations::count();
  bool all = true;
  for (int i = 0; i < 100; ++i) all = decode(one).has_value() && decode(other).has_value() && all;
  EXPECT_EQ(testing_allocations::count(), before);
  EXPECT_TRUE(all);
}

TEST(AnyBytes, AnOutsizedEventDoesNotKeepItsMemory) {
  Decoding decode;
  std::string wide = "[0";
  for (int i = 1; i < 60'000; ++i) wide += ",0";
  const std::string large = with("/result", wide + "]");
  ASSERT_TRUE(decode(large).has_value());
  ASSERT_TRUE(decode(kAct).has_value());
  const std::string known = rich_event();
  EXPECT_EQ(summary(decode(known)), summary(Decoding{}(known)));
}

}  // namespace
}  // namespace ringfence
