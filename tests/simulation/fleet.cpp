// SPDX-License-Identifier: Apache-2.0
#include "tests/simulation/fleet.h"

#include <random>
#include <utility>
#include <vector>

#include "engine/event/decode.h"

namespace ringfence::simulation {
namespace {

class Fleet {
 public:
  Fleet(std::uint64_t seed, std::size_t agents) : random_(seed), sessions_(agents, 0), refused_(agents) {}

  std::string next(std::size_t number) {
    now_ = now_ + milliseconds(200 + pick(800));
    const std::size_t agent = pick(sessions_.size());
    const unsigned roll = pick(1000);
    if (roll == 0) return R"({"v":1,"kind":"tool_call","id":)";
    if (roll == 1) return fact(number);
    if (roll == 2 && !last_.empty()) return last_;
    if (roll == 3) return requested(number, agent);
    if (roll == 4 && !waiting_.empty()) return std::exchange(waiting_, {});
    if (pick(200) == 0) ++sessions_[agent];
    if (agent % 17 == 3 && pick(3) == 0) return guess(number, agent);
    if (agent % 29 == 5 && roll < 20) return call(number, agent, "crm", "export_all", "crm/customers", "", "ok", "200");
    if (roll < 80) return call(number, agent, "git", "get_file", path(agent), path(agent), "denied", "403");
    return call(number, agent, "git", roll < 300 ? "list_files" : "get_file", path(agent), path(agent), "ok", "200");
  }

 private:
  unsigned pick(std::size_t below) { return static_cast<unsigned>(std::uniform_int_distribution<std::size_t>(0, below - 1)(random_)); }

  std::string path(std::size_t agent) { return "repos/billing-core/files/src/f" + std::to_string(pick(40) + agent % 7) + ".cpp"; }

  std::string hex(std::size_t length) {
    std::string out;
    for (std::size_t i = 0; i < length; ++i) out += "0123456789abcdef"[pick(16)];
    return out;
  }

  std::string guess(std::size_t number, std::size_t agent) {
    std::string& known = refused_[agent];
    std::string id = known.empty() ? hex(40) : known;
    if (!known.empty() && pick(10) < 7) {
      id.erase(pick(40), 1);
    } else if (!known.empty()) {
      id = hex(40);
    } else {
      known = id;
    }
    return call(number, agent, "git", "get_commit", id, "repos/billing-core/commits/" + id, "denied", "403");
  }

  /// A request now; its completion comes some records later.
  std::string requested(std::size_t number, std::size_t agent) {
    const std::string at = path(agent);
    const std::string whole = call(number, agent, "git", "get_file", at, at, "ok", "200");
    waiting_ = whole;
    std::string request = whole.substr(0, whole.size() - 1) + R"(,"phase":"request"})";
    last_ = request;
    return request;
  }

  std::string fact(std::size_t number) {
    return R"({"v":1,"kind":"context_change","id":"fact-)" + std::to_string(number) + R"(","time":")" + format_rfc3339(now_) +
           R"(","change":"outage_start","scope":"agent:code-)" + std::to_string(pick(sessions_.size())) + "\"}";
  }

  std::string call(std::size_t number, std::size_t agent, const std::string& server, const std::string& tool, const std::string& ref,
                   const std::string& uri, const std::string& status, const std::string& code) {
    const std::string result = status == "ok" ? R"(,"result":"int main() { return )" + std::to_string(pick(1000)) +
                                                    R"(; }","bytes":{"response":)" + std::to_string(100 + pick(9000)) + "}"
                                              : "";
    // One in a hundred comes late.
    const EventTime time = pick(100) == 0 ? now_ + seconds(-static_cast<std::int64_t>(pick(7200))) : now_;
    last_ = R"({"v":1,"kind":"tool_call","id":"c)" + std::to_string(number) + R"(","time":")" + format_rfc3339(time) +
            R"(","agent":{"id":"code-)" + std::to_string(agent) + R"(","trust":"verified"},"session":{"id":"s)" +
            std::to_string(sessions_[agent]) + R"("},"tool":{"server":")" + server + R"(","name":")" + tool + R"("},"args":{"ref":")" +
            ref + "\"}" + (uri.empty() ? "" : R"(,"resource":{"uri":")" + uri + "\"}") + result + R"(,"outcome":{"status":")" + status +
            R"(","code":")" + code + "\"}}";
    return last_;
  }

  std::mt19937_64 random_;
  EventTime now_ = *parse_rfc3339("2026-11-20T00:00:00Z");
  std::vector<unsigned> sessions_;
  std::vector<std::string> refused_;
  std::string last_, waiting_;
};

}  // namespace

std::string fleet(std::uint64_t seed, std::size_t records, std::size_t agents) {
  Fleet source(seed, agents);
  std::string out;
  for (std::size_t i = 0; i < records; ++i) out += source.next(i) + "\n";
  return out;
}

}  // namespace ringfence::simulation
