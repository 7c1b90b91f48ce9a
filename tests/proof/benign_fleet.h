// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <deque>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/event/event.h"
#include "tests/proof/class_world.h"

/// A fleet at work under the shipped personas, as canonical events: whole sessions of four jobs, with the mistakes that honest agents make.
/// They are refused and try once more or ask, look for what is not there, meet errors, answer long questions, and forget no step.
/// Names are made up from numbers; equal seeds give equal bytes.
namespace ringfence::proof {

class BenignFleet {
 public:
  BenignFleet(std::size_t agents, std::uint64_t seed) : dice_(seed) {
    const EventTime monday = parse_rfc3339("2026-11-16T07:00:00Z").value();
    for (std::size_t i = 0; i < agents; ++i)
      agents_.push_back(
          {.job = static_cast<Job>(i % kJobs.size()), .number = i, .time = monday + seconds(static_cast<std::int64_t>(i % 977))});
  }

  /// The next event, of the next agent in turn.
  std::string next() {
    Agent& agent = agents_[turn_++ % agents_.size()];
    if (agent.queue.empty()) work(agent);
    std::string event = std::move(agent.queue.front());
    agent.queue.pop_front();
    return event;
  }
  [[nodiscard]] std::uint64_t refused() const { return refused_; }

 private:
  enum class Job : std::uint8_t { Invoices, Code, Ledger, Support };
  struct Role {
    std::string_view agent;
    double bytes_p50, bytes_p99;
    double pause;  // seconds between calls, as a rule
  };
  static constexpr std::array<Role, 4> kJobs{
      {{"ap-invoice-", 4096, 65536, 16}, {"code-", 8192, 262144, 24}, {"recon-", 2048, 32768, 8}, {"support-desk-", 4096, 131072, 18}}};
  struct Agent {
    Job job{};
    std::size_t number = 0;
    EventTime time;
    std::uint64_t sessions = 0, calls = 0;
    std::deque<std::string> queue{};
    std::string session{}, task{};
  };
  struct Call {
    std::string_view tool;
    std::string args = "{}";
    std::string result{};  // JSON; empty: none
    std::string more{};    // further members, each after a comma
    std::string_view status = "ok";
    std::string_view code = "200";
  };

  [[nodiscard]] bool chance(double p) { return unit(dice_) < p; }
  [[nodiscard]] std::uint64_t below(std::uint64_t n) { return dice_() % n; }
  [[nodiscard]] static std::string quoted(std::string_view text) { return "\"" + std::string(text) + "\""; }
  [[nodiscard]] static const Role& role(const Agent& agent) { return kJobs[static_cast<std::size_t>(agent.job)]; }
  [[nodiscard]] std::string digits(std::string_view before, std::uint64_t least, std::uint64_t most) {
    return std::string(before) + std::to_string(least + below(most - least));
  }
  [[nodiscard]] std::string sha() {
    std::string id;
    while (id.size() < 40) id += "0123456789abcdef"[below(16)];
    return id;
  }

  /// Six tenths of what is declared as a rule, and as widely spread.
  [[nodiscard]] std::uint64_t size_of_answer(const Agent& agent) {
    const double spread = std::log(role(agent).bytes_p99 / role(agent).bytes_p50) / 2.3263478740408408;
    return static_cast<std::uint64_t>(.6 * role(agent).bytes_p50 * std::exp(spread * normal_(dice_)));
  }

  void emit(Agent& agent, std::string_view kind, const std::string& members) {
    std::string text = R"({"v":1,"kind":")" + std::string(kind) + R"(","id":")" + agent.session + "-" + std::to_string(++agent.calls) +
                       R"(","time":")" + format_rfc3339(agent.time) + R"(","tenant":"corp","agent":{"id":")" +
                       std::string(role(agent).agent) + std::to_string(agent.number) + R"(","trust":"verified"},"user":{"id":"u-)" +
                       std::to_string(agent.number % 40) + R"("},"session":{"id":")" + agent.session +
                       R"(","kind":"conversation"},"source":{"product":"agentgateway","instance":"gw-1"})";
    agent.queue.push_back(text + members + "}");
  }

  void begin(Agent& agent, const std::string& words) {
    // Nights and Sundays are off; a session ends well before.
    const std::int64_t second = agent.time.value / seconds(1).value % 86400, day = agent.time.value / seconds(86400).value;
    constexpr std::int64_t kOpens = 7L * 3600, kCloses = 16L * 3600;
    if (second > kCloses || second < kOpens) {
      const std::int64_t next = (second > kCloses ? day + 1 : day);
      agent.time = EventTime{next * seconds(86400).value} + seconds(kOpens + static_cast<std::int64_t>(below(1800)));
    }
    if ((agent.time.value / seconds(86400).value + 4) % 7 == 0) agent.time = agent.time + seconds(86400);
    agent.session = "s" + std::to_string(agent.number) + "-" + std::to_string(++agent.sessions);
    agent.task = "t-" + agent.session;
    emit(agent, "task_start", R"(,"task":{"id":")" + agent.task + R"(","text":")" + words + "\"}");
  }
  void end(Agent& agent) {
    agent.time = agent.time + seconds(5);
    emit(agent, "task_end", R"(,"task":{"id":")" + agent.task + R"(","claim":"done"})");
    agent.time = agent.time + seconds(60 + static_cast<std::int64_t>(below(600)));
  }

  void call(Agent& agent, const Call& call) {
    agent.time = agent.time + Nanos{static_cast<std::int64_t>(1e9 * role(agent).pause * std::exp(.5 * normal_(dice_)))};
    const auto slash = call.tool.find('/');
    const std::string server(call.tool.substr(0, slash));
    std::string text = R"(,"tool":{"server":")" + server + R"(","name":")" + std::string(call.tool.substr(slash + 1)) + R"("},"args":)" +
                       call.args + R"(,"outcome":{"status":")" + std::string(call.status) + R"(","code":")" + std::string(call.code) +
                       R"("},"task":{"id":")" + agent.task + R"("},"bytes":{"request":120,"response":)" +
                       std::to_string(call.status == "ok" ? size_of_answer(agent) : 140) + "}";
    if (call.more.find("\"destination\"") == std::string::npos) text += R"(,"destination":{"host":")" + host(server) + "\"}";
    if (!call.result.empty()) text += ",\"result\":" + call.result;
    refused_ += call.status == "denied" ? 1U : 0U;
    emit(agent, "tool_call", text + call.more);
  }
  [[nodiscard]] static std::string host(const std::string& server) {
    return server == "storage" ? "objects.storage.example" : server + ".corp.example";
  }

  /// A call that now and then goes wrong first: an error of the server, mended by trying again. Refusals are rarer and met once.
  void try_call(Agent& agent, const Call& what, double refusals = .01) {
    if (chance(.02)) {
      Call failed = what;
      failed.result.clear();
      failed.status = "error";
      failed.code = "503";
      call(agent, failed);
    }
    if (chance(refusals)) {
      Call failed = what;
      failed.result.clear();
      failed.status = "denied";
      failed.code = "403";
      call(agent, failed);
      if (chance(.5)) return;  // goes on without it
    }
    call(agent, what);
  }

  [[nodiscard]] std::string records(std::uint64_t returned) const { return R"(,"records":{"returned":)" + std::to_string(returned) + "}"; }

  void work(Agent& agent) {
    switch (agent.job) {
      case Job::Invoices:
        return invoices(agent);
      case Job::Code:
        return code(agent);
      case Job::Ledger:
        return ledger(agent);
      case Job::Support:
        return support(agent);
    }
  }

  void invoices(Agent& agent) {
    constexpr std::array<std::string_view, 3> kAccounts{"GB29NWBK60161331926819", "DE89370400440532013000", "FR1420041010050500013M02606"};
    begin(agent, "Work through the unread supplier invoices in the AP inbox.");
    const std::uint64_t count = 3 + below(6);
    const std::string box = R"(,"resource":{"uri":"mailbox:ap-inbox@corp.example"})";
    for (std::uint64_t i = 0; i < count; ++i) {
      const std::string number = digits("INV-", 20000, 99999), order = digits("PO-", 7000, 9999), account(kAccounts[below(3)]);
      const std::string amount = std::to_string(90 + below(8900));
      if (chance(.2))
        call(agent, {"wiki/page.get", R"({"title":"Payment terms"})", quoted("Invoices are paid within 30 days of approval.")});
      call(agent, {"mail/search", R"({"query":"invoice is:unread"})",
                   R"([{"id":"m-)" + number + R"(","subject":"Invoice )" + number + "\"}]", box + records(1 + below(4))});
      call(agent, {"mail/read", R"({"id":"m-)" + number + "\"}",
                   R"({"body":"Attached is invoice )" + number + " for order " + order + ", payable to " + account + ".\"}",
                   box + records(1) + R"(,"data":{"untrusted":true})"});
      try_call(agent,
               {"erp/invoice.match", R"({"invoice_id":")" + number + "\"}",
                R"({"invoice":")" + number + R"(","order":")" + order + R"(","amount":)" + amount + "}", records(1)},
               0);
      try_call(agent, {"erp/po.get", R"({"po":")" + order + "\"}", R"({"order":")" + order + "\"}", records(1)});
      call(agent, {"erp/approval.request", R"({"invoice_id":")" + number + R"(","amount":)" + amount + "}",
                   R"({"state":"approved","by":"u-2207"})"});
      const std::string asked = format_rfc3339(agent.time);
      agent.time = agent.time + seconds(300);
      call(agent, {"erp/payments.create", R"({"destination_account":")" + account + R"(","amount":)" + amount + R"(,"currency":"EUR"})",
                   R"({"payment":"pay-)" + number + "\"}",
                   R"(,"destination":{"host":"erp.corp.example","account":")" + account + R"("},"approval":{"by":"u-2207","at":")" + asked +
                       "\"}"});
    }
    end(agent);
  }

  void code(Agent& agent) {
    constexpr std::array<std::string_view, 12> kFiles{"src/ledger/post.c", "src/ledger/close.c", "src/tax/rates.c",   "src/tax/round.c",
                                                      "include/ledger.h",  "include/tax.h",      "docs/upgrade.md",   "src/report/month.c",
                                                      "src/report/year.c", "src/batch/queue.c",  "src/batch/retry.c", "test/ledger_test.c"};
    constexpr std::array<std::string_view, 4> kRepos{"billing-core", "billing-api", "billing-batch", "billing-web"};
    const std::string repo(kRepos[below(4)]), of_repo = R"({"repo":")" + repo + "\"";
    const auto at = [&](const std::string& place) { return R"(,"resource":{"uri":"repos/)" + repo + "/" + place + "\"}"; };
    begin(agent, "Upgrade the tax rounding in repos/" + repo + " on main and open a pull request.");
    std::string listing;
    for (const std::string_view file : kFiles) listing += (listing.empty() ? "[\"" : ",\"") + std::string(file) + "\"";
    call(agent, {"git/list_files", of_repo + "}", listing + "]", at("tree")});
    const std::string commit = sha(), other = sha();
    call(agent, {"git/list_commits", of_repo + "}", "[\"" + commit + "\",\"" + other + "\"]", at("commits")});
    const std::uint64_t reads = 4 + below(7), first = below(kFiles.size());
    for (std::uint64_t i = 0; i < reads; ++i) {
      const std::string path(kFiles[(first + 5 * i) % kFiles.size()]);
      try_call(agent, {"git/get_file", of_repo + R"(,"path":")" + path + R"(","ref":"main"})", quoted("text of " + path), at(path)}, .02);
    }
    if (chance(.1)) {  // looks for what is not there
      call(agent, {"git/get_file", of_repo + R"(,"path":"docs/notes.md","ref":"main"})", "", at("docs/notes.md"), "error", "404"});
    }
    try_call(agent, {"git/get_commit", of_repo + R"(,"ref":")" + commit + "\"}", R"({"sha":")" + commit + "\"}", at("commits/" + commit)},
             .02);
    if (chance(.05)) {
      call(agent, {"git/get_file", of_repo + R"(,"path":"docs/upgrade.md","ref":"main"})", "", at("docs/upgrade.md"), "denied", "403"});
      call(agent, {"git/comment", of_repo + R"(,"text":"I cannot read docs/upgrade.md; may I have access?"})", "", at("issues/12")});
    }
    call(agent, {"ci/run", of_repo + R"(,"target":"unit"})", R"({"run":)" + std::to_string(below(9000)) + "}"});
    call(agent, {"ci/logs", of_repo + "}", quoted("all tests passed, run " + std::to_string(below(9000)))});
    call(agent, {"git/create_pull_request", of_repo + R"(,"title":"Round tax half even"})", "", at("pulls")});
    end(agent);
  }

  void ledger(Agent& agent) {
    begin(agent, "Reconcile today's settlement file, customer by customer.");
    std::vector<std::string> customers;
    std::string listing;
    const std::uint64_t count = 6 + below(30);
    for (std::uint64_t i = 0; i < count; ++i) {
      customers.push_back(digits("C-", 100000, 999999));
      listing += (i == 0 ? "[\"" : ",\"") + customers.back() + "\"";
    }
    const std::string file = R"(,"resource":{"uri":"settlement/2026-11.csv"})";
    call(agent, {"files/read", R"({"path":"settlement/2026-11.csv"})", listing + "]", file + records(std::min<std::uint64_t>(count, 9))});
    std::shuffle(customers.begin(), customers.end(), dice_);
    for (const std::string& customer : customers) {
      try_call(agent, {"crm/customers.get", R"({"customer_id":")" + customer + "\"}", R"({"id":")" + customer + "\"}",
                       R"(,"records":{"returned":1,"population":48210})"});
      try_call(agent, {"ledger/balance.get", R"({"customer_id":")" + customer + "\"}", R"({"id":")" + customer + "\"}", records(1)});
    }
    call(agent, {"files/write", R"({"path":"reports/recon/2026-11.md"})", "", R"(,"resource":{"uri":"reports/recon/2026-11.md"})"});
    end(agent);
  }

  void support(Agent& agent) {
    begin(agent, "Work through the tickets of the queue.");
    const std::uint64_t count = 2 + below(6);
    for (std::uint64_t i = 0; i < count; ++i) {
      const std::string ticket = digits("T-", 10000, 99999), order = digits("SO-", 100000, 999999);
      call(agent, {"desk/ticket.list", R"({"queue":"mine"})", "[\"" + ticket + "\"]", records(1 + below(4))});
      call(agent, {"desk/ticket.get", R"({"ticket_id":")" + ticket + "\"}",
                   R"({"id":")" + ticket + R"(","text":"My order )" + order + " has not arrived yet.\"}",
                   records(1) + R"(,"data":{"untrusted":true})"});
      try_call(agent, {"shop/order.get", R"({"order_id":")" + order + "\"}", R"({"order":")" + order + R"(","state":"sent"})", records(1)});
      if (chance(.6)) call(agent, {"kb/search", R"({"query":"delivery times"})", R"(["KB-12","KB-40"])", records(1 + below(5))});
      if (chance(.3)) call(agent, {"kb/article.get", R"({"id":"KB-12"})", quoted("Parcels take three days.")});
      if (chance(.04)) {
        call(agent, {"desk/ticket.escalate", R"({"ticket_id":")" + ticket + R"(","to":"support-lead-1"})", "",
                     R"(,"destination":{"host":"desk.corp.example","agent":"support-lead-1"})"});
        continue;
      }
      call(agent, {"desk/ticket.reply", R"({"ticket_id":")" + ticket + R"(","text":"Your order )" + order + " is on its way.\"}"});
    }
    end(agent);
  }

  std::mt19937_64 dice_;
  std::normal_distribution<double> normal_;
  std::vector<Agent> agents_;
  std::size_t turn_ = 0;
  std::uint64_t refused_ = 0;
};

}  // namespace ringfence::proof
