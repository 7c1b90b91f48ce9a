// SPDX-License-Identifier: Apache-2.0
// Any bytes as an event: never a crash, one answer, and what is accepted keeps the limits of the contract.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "engine/event/decode.h"
#include "engine/event/limits.h"
#include "engine/event/utf8.h"

namespace {

using namespace ringfence;

void must(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "broken: %s\n", what);
  std::abort();
}

void check(const Event& event) {
  must(!event.id.empty() && utf8::characters(event.id) <= limits::kEventIdChars, "length of id");
  must(!event.tenant.empty() && utf8::characters(event.tenant) <= limits::kTenantChars, "length of tenant");
  must(utf8::characters(event.agent.id) <= limits::kAgentIdChars, "length of agent.id");
  must(!event.agent.id.empty() || event.kind == EventKind::ContextChange, "agent.id is there");
  must(event.kind != EventKind::ToolCall || event.tool.name, "tool.name is there");
  must(event.destination.hosts.size() <= limits::kDestinations, "number of hosts");
  must(event.bytes.request.value_or(0) >= 0 && event.records.returned.value_or(0) >= 0, "counts are at least 0");
  must(event.cost_usd.value_or(0) >= 0 && event.signal.score.value_or(0) <= 1, "numbers in range");
  must(!event.approval.at || *event.approval.at <= event.time, "approval before the act");
  for (const auto& value : {event.args, event.result}) {
    if (!value) continue;
    must(value->leaves.size() <= limits::kLeavesPerValue, "number of leaves");
    for (const JsonLeaf& leaf : value->leaves) {
      must(leaf.text.size() <= limits::kStringBytes || leaf.kind == JsonLeaf::Kind::Number, "length of a string");
      must(utf8::valid(leaf.text) && utf8::valid(leaf.pointer), "leaves are UTF-8");
      must(leaf.pointer.empty() || leaf.pointer[0] == '/', "pointers start with a slash");
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static EventDecoder decoder;
  static EventArena arena;
  static EventArena again;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto event = decoder.decode(bytes, std::nullopt, arena);
  const auto repeated = decoder.decode(bytes, std::nullopt, again);
  must(event.has_value() == repeated.has_value(), "one answer");
  if (event) {
    check(*event);
    must(event->id == repeated->id && event->unknown_fields == repeated->unknown_fields, "one answer");
  } else {
    must(event.error().detail == repeated.error().detail && !event.error().detail.empty(), "one reason");
    must(utf8::valid(event.error().agent_id) && utf8::valid(event.error().tenant), "what is shown is UTF-8");
  }
  return 0;
}
