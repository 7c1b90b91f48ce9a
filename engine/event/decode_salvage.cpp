// SPDX-License-Identifier: Apache-2.0
#include "engine/event/decode_salvage.h"

#include <optional>

#include "engine/event/json_text.h"
#include "engine/event/limits.h"
#include "engine/event/utf8.h"

namespace ringfence::decoding {
namespace {

/// The longest identifier, written in escapes of surrogate pairs.
constexpr std::size_t kKeptBytes = 12 * limits::kAgentIdChars;
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

std::optional<std::string> plain(std::string_view raw) {
  std::string out(raw.size(), '\0');
  const json_text::Unescaped done = json_text::unescape(raw, json_text::LoneSurrogate::Refuse, out.data());
  if (done.fault != json_text::Unescaped::Fault::None) return std::nullopt;
  out.resize(done.length);
  return out;
}

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

}  // namespace

void AgentSearch::read(std::string_view bytes) {
  for (const char c : bytes) {
    if (next_ == Next::Nothing) return;
    if (in_string_) {
      take_of_string(c);
    } else if (!is_space(c)) {
      take(c);
    }
  }
}

Shown AgentSearch::shown() const { return found_; }

void AgentSearch::take_of_string(char c) {
  const bool ends = c == '"' && !escaped_;
  escaped_ = c == '\\' && !escaped_;
  if (ends) return end_string();
  if (keeps_ && kept_.size() <= kKeptBytes) kept_ += c;
}

void AgentSearch::take(char c) {
  if (depth_ > 0) {  // within a value that nobody looks into
    if (c == '"') return begin_string(false);
    if (c == '{' || c == '[') ++depth_;
    if (c == '}' || c == ']') --depth_;
    return;
  }
  switch (next_) {
    case Next::Record:
      if (kByteOrderMark.find(c) == std::string_view::npos) next_ = c == '{' ? Next::KeyOrEnd : Next::Nothing;
      break;
    case Next::KeyOrEnd:
      if (c == '"') return begin_string(true);
      c == '}' ? close() : void(next_ = Next::Nothing);
      break;
    case Next::Colon:
      next_ = c == ':' ? Next::Value : Next::Nothing;
      break;
    case Next::Value:
      begin_value(c);
      break;
    case Next::CommaOrEnd:
      if (c == ',') next_ = Next::KeyOrEnd;
      if (c == '}') close();
      if (c == ']') next_ = Next::Nothing;
      if (c == '"') begin_string(false);
      if (c == '{' || c == '[') ++depth_;
      break;
    case Next::Nothing:
      break;
  }
}

void AgentSearch::begin_value(char c) {
  if (member_ == Member::Tenant && c == 'n') tenant_named_ = false;  // null means absent
  next_ = Next::CommaOrEnd;
  if (c == '{' && member_ == Member::Agent) {
    in_agent_ = true;
    next_ = Next::KeyOrEnd;
  } else if (c == '"') {
    begin_string(member_ == Member::Tenant || member_ == Member::AgentId);
  } else {
    take(c);  // a bracket or a literal
  }
}

void AgentSearch::begin_string(bool wanted) {
  in_string_ = true;
  escaped_ = false;
  keeps_ = wanted;
  kept_.clear();
}

void AgentSearch::end_string() {
  in_string_ = false;
  if (!keeps_) return;
  if (next_ == Next::KeyOrEnd) {
    const auto key = plain(kept_);
    member_ = key ? member_named(*key) : Member::Other;
    if (!in_agent_ && (key == "v" || key == "kind")) ours_ = true;
    if (member_ == Member::Tenant) tenant_named_ = true;
    next_ = Next::Colon;
  } else if (member_ == Member::Tenant) {
    found_.tenant = identifier(limits::kTenantChars);
  } else {
    found_.agent_id = identifier(limits::kAgentIdChars);
  }
}

void AgentSearch::close() {
  next_ = in_agent_ ? Next::CommaOrEnd : Next::Nothing;
  if (!in_agent_ && !tenant_named_) found_.tenant = "default";
  if (!in_agent_) found_.foreign = !ours_;
  in_agent_ = false;
}

AgentSearch::Member AgentSearch::member_named(std::string_view key) const {
  if (in_agent_) return key == "id" && found_.agent_id.empty() ? Member::AgentId : Member::Other;
  if (key == "tenant" && !tenant_named_) return Member::Tenant;
  return key == "agent" && found_.agent_id.empty() ? Member::Agent : Member::Other;
}

std::string AgentSearch::identifier(std::size_t most) const {
  const auto text = kept_.size() <= kKeptBytes ? plain(kept_) : std::nullopt;
  if (!text || !utf8::valid(*text) || utf8::characters(*text) > most) return {};
  return *text;
}

Shown salvage(std::string_view record) {
  AgentSearch search;
  search.read(record.substr(0, limits::kEventBytes));
  return search.shown();
}

}  // namespace ringfence::decoding
