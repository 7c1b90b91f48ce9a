// SPDX-License-Identifier: Apache-2.0
// `ringfence run` whose control topic was deleted and made anew: halts hold at gates that remember, and at new ones.
#include <signal.h>

#include <optional>

#include "connectors/encoders/control_order.h"
#include "tests/integration/service_fixture.h"
#include "tests/integration/support.h"

namespace ringfence::testing {
namespace {

/// What a gate holds of the agents that it has heard of, in the order of the log.
class Remembered {
 public:
  void hear(const ControlBoard& board) {
    for (std::size_t i = 0; i < board.messages.size(); ++i) {
      if (!order_.admit(board.keys[i], board.messages[i])) continue;
      const auto* said = std::get_if<SignedContainment>(&board.messages[i].body);
      if (said != nullptr) contained_[said->record.agent_id] = said->record.contained;
    }
  }
  [[nodiscard]] bool refuses(const std::string& agent) const {
    const auto known = contained_.find(agent);
    return known != contained_.end() && known->second;
  }

 private:
  ControlOrder order_;
  std::map<std::string, bool> contained_;
};

TEST_F(Services, AControlTopicThatWasLostFreesNobodyAndSilencesNobody) {
  Installation at(broker(), 1);
  const auto config = at.member("a");
  Remembered old_gate;
  {
    TopicTail control(broker(), at.topic("control"));
    for (int start = 1; start <= 3; ++start) {
      ServiceProcess service(config);
      at.feed({forbidden_call("code-71", std::to_string(start))});
      ASSERT_TRUE(control.until([&](const auto& records) {
        return heartbeats_of(read_board(at, records), at.writer(0)) >= static_cast<std::size_t>(start);
      })) << service.log();
      ASSERT_TRUE(control.until([&](const auto& records) { return containments_read(read_board(at, records)) > 0; })) << service.log();
      EXPECT_EQ(service.end(SIGTERM), 0) << service.log();
    }
    old_gate.hear(read_board(at, control.all()));
  }
  ASSERT_TRUE(old_gate.refuses("code-71"));
  const auto deleted = delete_topic(broker(), at.topic("control"));
  ASSERT_TRUE(deleted.has_value()) << deleted.error();
  const auto made = make_topic(broker(), plain_topic(at.topic("control"), 1));
  ASSERT_TRUE(made.has_value()) << made.error();

  ServiceProcess service(config);
  TopicTail control(broker(), at.topic("control"));
  Remembered new_gate;
  EXPECT_TRUE(control.until([&](const auto& records) {
    new_gate.hear(read_board(at, records));
    return new_gate.refuses("code-71");
  })) << "what stood is on the log again: "
      << service.log();
  at.feed({forbidden_call("code-72", "1")});
  EXPECT_TRUE(control.until([&](const auto& records) {
    old_gate.hear(read_board(at, records));
    return old_gate.refuses("code-72");
  })) << "the next halt is in force where generations are remembered: "
      << service.log();
  EXPECT_EQ(service.end(SIGTERM), 0) << service.log();
}

}  // namespace
}  // namespace ringfence::testing
