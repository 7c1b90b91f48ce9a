// SPDX-License-Identifier: Apache-2.0
#include "engine/app/command_book.h"

#include <algorithm>
#include <utility>

#include "engine/state/codec.h"

namespace ringfence {
namespace {

constexpr std::size_t kMost = 16'384;
constexpr std::size_t kEntryLeast = 4;  // bytes
/// Clocks of two people's machines differ by no more than this.
constexpr std::int64_t kSkewSeconds = 60;
constexpr std::uint64_t kVersion = 1;

}  // namespace

CommandBook::Answer CommandBook::see(std::string_view jti, std::int64_t iat, const std::string& scope, Offset at) {
  if (!taken_.emplace(jti).second) return {Sighting::Again, at};
  if (const auto known = known_.find(jti); known != known_.end()) return {Sighting::Counts, entries_[known->second - forgotten_].first};
  const auto latest = latest_.find(scope);
  if (iat <= floor_ || (latest != latest_.end() && iat + kSkewSeconds < latest->second)) return {Sighting::Late, at};
  remember({std::string(jti), scope, iat, at});
  return {Sighting::Counts, at};
}

void CommandBook::remember(Entry entry) {
  known_.emplace(entry.jti, forgotten_ + entries_.size());
  auto& latest = latest_[entry.scope];
  latest = std::max(latest, entry.iat);
  entries_.push_back(std::move(entry));
  if (entries_.size() <= kMost) return;
  const Entry& oldest = entries_.front();
  floor_ = std::max(floor_, oldest.iat);
  known_.erase(oldest.jti);
  if (const auto found = latest_.find(oldest.scope); found != latest_.end() && found->second == oldest.iat) latest_.erase(found);
  entries_.pop_front();
  ++forgotten_;
}

std::string CommandBook::encode() const {
  Writer out;
  out.varint(kVersion);
  out.svarint(floor_);
  out.varint(entries_.size());
  for (const Entry& entry : entries_) {
    out.text(entry.jti);
    out.text(entry.scope);
    out.svarint(entry.iat);
    out.svarint(entry.first.value);
  }
  return out.take();
}

bool CommandBook::restore(std::string_view bytes) {
  *this = {};
  Reader in(bytes);
  if (in.varint() != kVersion) return false;
  floor_ = in.svarint();
  const std::size_t count = in.count(kEntryLeast, kMost);
  for (std::size_t i = 0; i < count && in.ok(); ++i) {
    std::string jti(in.text()), scope(in.text());
    const std::int64_t iat = in.svarint();
    remember({std::move(jti), std::move(scope), iat, Offset{in.svarint()}});
  }
  if (in.ok()) return true;
  *this = {};
  return false;
}

}  // namespace ringfence
