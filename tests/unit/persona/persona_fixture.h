// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "engine/event/decode.h"
#include "engine/persona/load.h"

namespace ringfence::testing_persona {

inline const std::filesystem::path kSource = RINGFENCE_SOURCE_DIR;

/// A persona that loads; `more` is appended, so it must not repeat these keys.
inline std::string persona_text(const std::string& more = "", const std::string& id = "clerk") {
  return "schema: ringfence/persona/v1\nid: " + id +
         "\nversion: \"1\"\njob: files letters\nowner: {team: office, contact: office@corp.example}\napplies_to: {agents: [\"" + id +
         "-*\"]}\n" + more;
}
/// Line of the first line of `more` in persona_text.
inline constexpr int kMoreLine = 7;

inline PersonaLoad load_text(const std::string& text) { return load_personas(FileTree{{{"clerk.yaml", text}}}); }

inline std::vector<std::string> messages(const PersonaLoad& load, Diagnostic::Kind kind = Diagnostic::Kind::Error) {
  std::vector<std::string> out;
  for (const Diagnostic& d : load.diagnostics)
    if (d.kind == kind) out.push_back(to_string(d));
  return out;
}

/// The one persona of a text that must load.
struct Loaded {
  explicit Loaded(const std::string& text) : load(load_text(text)) { EXPECT_THAT(messages(load), ::testing::IsEmpty()); }
  explicit Loaded(const FileTree& tree) : load(load_personas(tree)) { EXPECT_THAT(messages(load), ::testing::IsEmpty()); }
  [[nodiscard]] const Persona& persona() const { return load.set->personas().front(); }
  PersonaLoad load;
};

/// A tool call made by hand; owns what it points to.
struct Call {
  explicit Call(std::string_view tool) {
    event.kind = EventKind::ToolCall;
    event.tenant = "default";
    event.agent.id = "clerk-1";
    const auto slash = tool.find('/');
    if (slash != std::string_view::npos) event.tool.server = keep(tool.substr(0, slash));
    event.tool.name = keep(slash == std::string_view::npos ? tool : tool.substr(slash + 1));
  }
  Call& on(std::string_view resource) {
    event.resource.uri = keep(resource);
    return *this;
  }
  Call& with(std::string_view pointer, std::string_view text, JsonLeaf::Kind kind = JsonLeaf::Kind::String) {
    leaves.push_back({keep(pointer), keep(text), kind});
    event.args = JsonValue{"", leaves, {}};
    return *this;
  }
  std::string_view keep(std::string_view text) { return texts.emplace_back(text); }

  std::deque<std::string> texts;
  std::vector<JsonLeaf> leaves;
  Event event;
};

}  // namespace ringfence::testing_persona
