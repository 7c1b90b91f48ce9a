// SPDX-License-Identifier: Apache-2.0
#include "models/result_shown.h"

#include <algorithm>

namespace ringfence {
namespace {

constexpr std::int64_t kNothingBytes = 4;
constexpr std::int64_t kWrappingBytes = 512, kEscaped = 2;

std::int64_t entries_of(const JsonValue& result) {
  std::int64_t entries = 0;
  for (const JsonLeaf& leaf : result.leaves)
    if (leaf.kind != JsonLeaf::Kind::Key) entries += 1 + std::ranges::count(leaf.text, '\n');
  return entries;
}

}  // namespace

bool returns_values(const Event& call) { return call.bytes.response.value_or(kNothingBytes + 1) > kNothingBytes; }

bool shows_result(const Event& call) {
  const std::int64_t records = call.records.returned.value_or(0);
  if (call.result) {
    const auto shown = static_cast<std::int64_t>(call.result->raw.size());
    return call.bytes.response.value_or(0) <= kEscaped * shown + kWrappingBytes && records <= entries_of(*call.result);
  }
  if (call.result_ids) return records <= static_cast<std::int64_t>(call.result_ids->size());
  return !returns_values(call);
}

}  // namespace ringfence
