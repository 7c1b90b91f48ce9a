// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <string>
#include <vector>

#include "connectors/kafka/topics.h"

namespace ringfence {
namespace {

/// Single quotes, so that a shell takes the name as it is.
std::string quoted(const std::string& text) {
  std::string result = "'";
  for (const char c : text) result += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return result + "'";
}

class Lines {
 public:
  void component(const std::string& what) { lines_.push_back("# " + what); }
  void allow(const std::string& principal, const std::string& operations, const std::string& kind, const std::string& name) {
    lines_.push_back("kafka-acls.sh --bootstrap-server \"$BOOTSTRAP\" --add --allow-principal " + quoted(principal) + operations + " --" +
                     kind + " " + quoted(name));
  }
  void read(const std::string& principal, const std::string& topic) {
    allow(principal, " --operation Read --operation Describe", "topic", topic);
  }
  void write(const std::string& principal, const std::string& topic) {
    allow(principal, " --operation Write --operation Describe", "topic", topic);
  }
  [[nodiscard]] std::vector<std::string> take() { return std::move(lines_); }

 private:
  std::vector<std::string> lines_;
};

}  // namespace

std::vector<std::string> acl_lines(const TopicNames& names, const TopicPrincipals& principals, const std::string& group) {
  Lines lines;
  lines.component("engine: reads what is judged and where its audit chain ends, writes what it decided");
  for (const auto& topic : {names.events, names.links, names.context, names.control, names.control_acks, names.state, names.audit})
    lines.read(principals.engine, topic);
  for (const auto& topic :
       {names.findings, names.control, names.verdicts, names.links, names.state, names.context, names.audit, names.deadletter})
    lines.write(principals.engine, topic);
  lines.allow(principals.engine, " --operation Read --operation Describe", "group", group);
  lines.allow(principals.engine, " --operation Read --operation Describe", "group", group + "-links");

  lines.component("gate: follows control, acknowledges, and asks about an act beforehand");
  lines.read(principals.gate, names.control);
  lines.write(principals.gate, names.control_acks);
  lines.read(principals.gate, names.verdicts);
  lines.read(principals.gate, names.context);  // whose acts to ask about, where `publish` says so
  lines.write(principals.gate, names.events);

  lines.component("feeder (gateways and agents' platforms): writes events and nothing else");
  lines.write(principals.feeder, names.events);

  lines.component("SIEM: reads findings and the audit chain");
  lines.read(principals.reader, names.findings);
  lines.read(principals.reader, names.audit);
  lines.allow(principals.reader, " --operation Read", "group", group + "-siem");

  lines.component("operators: publish personas and commands, halt and release in their own name, see what is in force");
  lines.write(principals.operators, names.context);
  lines.write(principals.operators, names.control);
  for (const auto& topic : {names.events, names.links}) lines.write(principals.operators, topic);  // `deadletter resend`
  for (const auto& topic :
       {names.context, names.control, names.control_acks, names.verdicts, names.findings, names.audit, names.deadletter})
    lines.read(principals.operators, topic);  // verdicts: `drill`
  lines.component("whoever runs `topics check` and `topics create`");
  for (const auto& topic : {names.events, names.findings, names.control, names.control_acks, names.verdicts, names.links, names.state,
                            names.context, names.audit, names.deadletter})
    lines.allow(principals.operators, " --operation Create --operation DescribeConfigs --operation Describe", "topic", topic);
  return lines.take();
}

}  // namespace ringfence
