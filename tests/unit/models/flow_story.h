// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <utility>

#include "models/flow.h"
#include "models/flow_memory.h"
#include "tests/unit/models/scope_world.h"

/// An office assistant that reads mail, files and contacts and sends, pays and invites: what the flow channel says of each call.
namespace ringfence::testing {

class FlowStory {
 public:
  FlowStory() {
    Persona& job = world.job;
    job.actions.clear();
    Action mail = action("mail", {"mail/read_mail"});
    mail.returns = {"untrusted"};
    mail.arguments.push_back(rule("id"));
    mail.arguments.back().identifier = true;
    job.actions.push_back(mail);
    Action page = action("page", {"web/get_webpage"});
    page.returns = {"untrusted"};
    page.arguments.push_back(rule("url"));
    page.arguments.back().identifier = true;
    job.actions.push_back(page);
    job.actions.push_back(action("contacts", {"crm/get_contacts"}));
    for (const auto& [id, tool, effect] :
         {std::tuple{"pay", "bank/send_money", Effect::Transfer}, std::tuple{"write", "chat/send_message", Effect::Send},
          std::tuple{"invite", "chat/invite_user", Effect::Admin}}) {
      job.actions.push_back(action(id, {tool}, effect));
      job.actions.back().arguments.push_back(rule("to"));
      job.actions.back().arguments.back().destination = true;
    }
    job.actions.push_back(action("remove", {"drive/delete"}, Effect::Delete));
    job.actions.back().arguments.push_back(rule("file_id"));
    job.actions.back().arguments.back().identifier = true;
  }

  World world{flow_channel()};

  void user(const std::string& text) {
    (void)world.read(task_start("t1").but([&](Event& event) { event.task.text = text; }));
  }
  /// Reads what outsiders can write; the call names nothing the user did.
  Reading mail(std::string text) { return world.read(call("mail/read_mail").with("id", "m-4711").result(std::move(text))); }
  /// A mail as an object with its sender and what it says.
  Reading mail_of(std::string sender, std::string text) {
    return world.read(
        call("mail/read_mail").with("id", "m-4711").gives("/from/name", std::move(sender)).gives("/body/text", std::move(text)));
  }
  /// What a tool printed, all of it one text.
  Reading printed(std::string text) { return world.read(call("mail/read_mail").with("id", "m-4711").gives("", std::move(text))); }
  Reading page(std::string url, std::string text) {
    return world.read(call("web/get_webpage").with("url", std::move(url)).result(std::move(text)));
  }
  /// Reads a trusted record.
  Reading contacts(std::string name) { return world.read(call("crm/get_contacts").result(std::move(name))); }
  Reading pay(std::string to) { return world.read(call("bank/send_money").with("to", std::move(to)).result("done")); }
  Reading write(std::string to, std::string body = "hello") {
    return world.read(call("chat/send_message").with("to", std::move(to)).with("body", std::move(body)).result("sent"));
  }
  Reading invite(std::string to) { return world.read(call("chat/invite_user").with("to", std::move(to)).result("invited")); }

  Reading open(std::string id) { return world.read(call("mail/read_mail").with("id", std::move(id)).result("read")); }
  /// A tool whose name is a verb and nothing else.
  Reading remove(std::string id) { return world.read(call("drive/delete").with("file_id", std::move(id)).result("deleted")); }

  flow::FlowSession& memory() {
    return static_cast<flow::FlowSession&>(*world.session("s1").memory.at(static_cast<std::size_t>(ChannelId::Flow)));
  }
};

/// The class of a marked reading; nothing for one that is silent or not evaluable.
inline std::optional<FlowClass> class_of(const Reading& reading) {
  if (reading.kind != Reading::Kind::Marked) return std::nullopt;
  return static_cast<FlowClass>(reading.cls);
}
inline std::optional<Level> level_of(const Reading& reading) {
  return reading.breaches.empty() ? std::nullopt : reading.breaches.front().level;
}

}  // namespace ringfence::testing
