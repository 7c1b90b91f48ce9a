// SPDX-License-Identifier: Apache-2.0
// Any bytes as a persona file, and as the texts that are matched for every event. A set comes back exactly where no error does.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "engine/persona/glob.h"
#include "engine/persona/load.h"
#include "engine/persona/selective.h"
#include "engine/persona/shape.h"

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

void load(const std::string& text) {
  using namespace ringfence;
  const FileTree tree{{{"p.yaml", text}, {"lists/l.txt", "ONE\nTWO\n"}, {"tests/e.ndjson", "{}\n"}, {"entitlements/e.yaml", text}}};
  const PersonaLoad first = load_personas(tree);
  bool failed = false;
  for (const Diagnostic& d : first.diagnostics) {
    failed = failed || d.kind == Diagnostic::Kind::Error;
    require(d.line >= 0 && d.column >= 0 && !d.message.empty());
    for (const char c : to_string(d)) require(static_cast<unsigned char>(c) >= 0x20);
  }
  require(first.set.has_value() != failed);
  FileTree alone = tree;
  alone.files.erase("entitlements/e.yaml");
  const PersonaLoad once = load_personas(alone), again = load_personas(alone);
  require(once.set.has_value() == again.set.has_value());
  if (once.set) require(once.set->sha256() == again.set->sha256());
}

void match(std::string_view text) {
  using namespace ringfence;
  const std::size_t half = text.find('\n');
  const Glob glob{std::string(text.substr(0, half))};
  const std::string_view other = half == std::string_view::npos ? text : text.substr(half + 1);
  // What a glob matches, it shares with that text taken literally.
  if (glob.matches(other) && other.find('*') == std::string_view::npos) require(glob.overlaps(Glob{std::string(other)}));
  require(Glob{"**"}.matches(other));
  const std::string shape = shape_of(other);
  require(shape.empty() || other.size() > 999999 || is_shape(shape));
  static_cast<void>(matches_everything(other));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(data, data + size);
  load(text);
  if (text.size() < 4096) match(text);
  return 0;
}
