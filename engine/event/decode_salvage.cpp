// SPDX-License-Identifier: Apache-2.0
#include "engine/event/decode_salvage.h"

#include <optional>

#include "engine/event/json_text.h"
#include "engine/event/limits.h"
#include "engine/event/utf8.h"

namespace ringfence::decoding {
namespace {

/// Steps through broken JSON without ever failing: at the end of the text there is just nothing more.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  char peek() {
    const std::size_t start = text_.find_first_not_of(" \t\r\n");
    text_.remove_prefix(start == std::string_view::npos ? text_.size() : start);
    return text_.empty() ? '\0' : text_[0];
  }
  bool take(char c) {
    if (peek() != c || text_.empty()) return false;
    text_.remove_prefix(1);
    return true;
  }
  /// The inside of a closed string as written.
  std::optional<std::string_view> quoted() {
    if (!take('"')) return std::nullopt;
    for (std::size_t i = 0; i < text_.size(); ++i) {
      if (text_[i] == '\\') {
        ++i;
      } else if (text_[i] == '"') {
        const std::string_view inside = text_.substr(0, i);
        text_.remove_prefix(i + 1);
        return inside;
      }
    }
    text_ = {};
    return std::nullopt;
  }
  /// Goes on to the comma or bracket that ends the value.
  void skip_value() {
    std::size_t depth = 0;
    while (!text_.empty()) {
      const char c = peek();
      if (c == '"') {
        (void)quoted();
        continue;
      }
      if (depth == 0 && (c == ',' || c == '}' || c == ']')) return;
      if (c == '{' || c == '[') ++depth;
      if (c == '}' || c == ']') --depth;
      if (!text_.empty()) text_.remove_prefix(1);
    }
  }

 private:
  std::string_view text_;
};

std::optional<std::string> plain(std::optional<std::string_view> raw) {
  if (!raw) return std::nullopt;
  std::string out(raw->size(), '\0');
  const json_text::Unescaped done = json_text::unescape(*raw, json_text::LoneSurrogate::Refuse, out.data());
  if (done.fault != json_text::Unescaped::Fault::None) return std::nullopt;
  out.resize(done.length);
  return out;
}

/// The string ahead, where it could be an identifier of at most `most` characters.
std::string identifier(Scanner& in, std::size_t most) {
  if (in.peek() != '"') return {};
  const auto text = plain(in.quoted());
  if (!text || !utf8::valid(*text) || utf8::characters(*text) > most) return {};
  return *text;
}

/// Calls `member` with each key of the object ahead, up to its end; false where the text ends or breaks before.
template <class Member>
bool members(Scanner& in, Member member) {
  if (!in.take('{')) return false;
  while (!in.take('}')) {
    const auto key = plain(in.quoted());
    if (!in.take(':')) return false;
    if (key) member(*key);
    in.skip_value();
    if (!in.take(',') && in.peek() != '}') return false;
  }
  return true;
}

}  // namespace

Salvaged salvage(std::string_view record) {
  if (record.starts_with("\xEF\xBB\xBF")) record.remove_prefix(3);
  Scanner in(record.substr(0, limits::kEventBytes));
  Salvaged found;
  bool tenant_named = false, ours = false;
  const bool whole = members(in, [&](std::string_view key) {
    ours = ours || key == "v" || key == "kind";
    if (key == "tenant" && !tenant_named) {
      tenant_named = true;
      if (in.peek() == 'n') tenant_named = false;  // null means absent
      found.tenant = identifier(in, limits::kTenantChars);
    } else if (key == "agent" && found.agent_id.empty() && in.peek() == '{') {
      members(in, [&](std::string_view inner) {
        if (inner == "id" && found.agent_id.empty()) found.agent_id = identifier(in, limits::kAgentIdChars);
      });
    }
  });
  if (whole && !tenant_named) found.tenant = "default";
  found.foreign = whole && !ours;
  return found;
}

}  // namespace ringfence::decoding
