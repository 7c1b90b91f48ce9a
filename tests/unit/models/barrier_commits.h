// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <ostream>
#include <string>

#include "tests/unit/models/barrier_story.h"

namespace ringfence {

inline void PrintTo(BarrierClass cls, std::ostream* out) { *out << "class " << static_cast<int>(cls); }

}  // namespace ringfence

/// Reads of commits and files in one repository, the first of which is denied.
namespace ringfence::story {

inline const std::string kSha = "9fceb02d0ae598e95dc970b74767f19372d61af8";
inline const std::string kRepo = "repos/billing-core/";

inline Call commit(const std::string& ref) { return {.uri = kRepo + "commits/" + ref, .args = {{"ref", ref}}, .action = kRead}; }
inline Call file(const std::string& path) {
  return {.tool = "git/get_file", .uri = kRepo + "files/" + path, .args = {{"path", path}}, .action = kRead};
}
inline std::string changed(std::string text, std::size_t at) {
  text[at] = text[at] == '7' ? '8' : '7';
  return text;
}

/// A session whose user named the commit, which was then denied.
inline Story after_denial() {
  Story story;
  story.task("Upgrade the parser, start from commit " + kSha + ".");
  EXPECT_EQ(story.cls(denied(commit(kSha))), BarrierClass::NewTarget);
  return story;
}

}  // namespace ringfence::story
