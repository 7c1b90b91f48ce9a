// SPDX-License-Identifier: Apache-2.0
#include "models/subject_memory.h"

#include <algorithm>
#include <iterator>
#include <limits>

#include "engine/event/event.h"

namespace ringfence {
namespace {

std::uint32_t hash_of(std::string_view agent) { return static_cast<std::uint32_t>(hash64(agent)); }

}  // namespace

bool SubjectMemory::news(const Seen& link) {
  const auto at = std::ranges::lower_bound(seen_, link.partition, {}, &Seen::partition);
  if (at != seen_.end() && at->partition == link.partition) {
    const bool above = link.offset > at->offset || (link.offset == at->offset && link.index > at->index);
    if (above) *at = link;
    return above;
  }
  if (seen_.size() < kPartitions) seen_.insert(at, link);
  return true;
}

bool SubjectMemory::join(std::string_view agent) {
  const std::uint32_t hash = hash_of(agent);
  auto at = std::ranges::lower_bound(places_, hash, {}, &Place::hash);
  for (; at != places_.end() && at->hash == hash; ++at)
    if (members_[at->member] == agent) return false;
  if (members_.size() >= kMembers) return false;
  places_.insert(at, {hash, static_cast<std::uint32_t>(members_.size())});
  members_.emplace_back(agent);
  return true;
}

void SubjectMemory::leave(std::string_view agent) {
  const auto at = std::ranges::find(members_, agent);
  if (at == members_.end()) return;
  members_.erase(at);
  place_members();
}

void SubjectMemory::place_members() {
  places_.clear();
  for (std::uint32_t i = 0; i < members_.size(); ++i) places_.push_back({hash_of(members_[i]), i});
  std::ranges::sort(places_);
}

void SubjectMemory::store(std::span<const std::string> labels, std::string_view from) {
  if (!from.empty()) from_.resize(labels_.size());
  for (const std::string& label : labels) {
    const auto at = std::ranges::lower_bound(labels_, label);
    if ((at != labels_.end() && *at == label) || labels_.size() >= kLabels) continue;
    if (!from.empty() || !from_.empty()) from_.insert(from_.begin() + (at - labels_.begin()), std::string(from));
    labels_.insert(at, label);
  }
}

std::string_view SubjectMemory::from(std::string_view label) const {
  const auto at = std::ranges::find(labels_, label);
  const auto place = static_cast<std::size_t>(at - labels_.begin());
  return place < from_.size() ? std::string_view(from_[place]) : std::string_view{};
}

void SubjectMemory::did(Late deed) {
  if (deeds_.size() == kDeeds) deeds_.erase(deeds_.begin());
  if (deed.labels.size() > kLabels) deed.labels.resize(kLabels);
  deeds_.push_back(std::move(deed));
}

std::vector<std::string> SubjectMemory::carry(Late& deed, std::span<const std::string> labels) {
  std::vector<std::string> more;
  std::ranges::set_difference(labels, deed.labels, std::back_inserter(more));
  more.resize(std::min(more.size(), kLabels - std::min(kLabels, deed.labels.size())));
  deed.labels.insert(deed.labels.end(), more.begin(), more.end());
  std::ranges::sort(deed.labels);
  return more;
}

std::string_view SubjectMemory::first_of(std::span<const std::string> forbidden) const {
  for (const std::string& label : forbidden)
    if (std::ranges::binary_search(labels_, label)) return label;
  return {};
}

void SubjectMemory::encode(Writer& out) const {
  out.varint(seen_.size());
  for (const Seen& one : seen_) {
    out.svarint(one.partition);
    out.svarint(one.offset);
    out.varint(one.index);
  }
  for (const auto* texts : {&members_, &labels_}) {
    out.varint(texts->size());
    for (const std::string& text : *texts) out.text(text);
  }
  if (from_.empty() && deeds_.empty()) return;
  out.varint(from_.size());
  for (const std::string& text : from_) out.text(text);
  out.varint(deeds_.size());
  for (const Late& deed : deeds_) {
    out.svarint(deed.time.value);
    out.u8(deed.sent ? 1 : 0);
    out.text(deed.what);
    out.varint(deed.labels.size());
    for (const std::string& label : deed.labels) out.text(label);
  }
}

std::size_t SubjectMemory::bytes() const {
  std::size_t total = sizeof *this + seen_.capacity() * sizeof(Seen) + places_.capacity() * sizeof(Place);
  for (const auto* texts : {&members_, &labels_, &from_})
    for (const std::string& text : *texts) total += sizeof(std::string) + text.capacity();
  for (const Late& deed : deeds_) {
    total += sizeof deed + deed.what.capacity();
    for (const std::string& label : deed.labels) total += sizeof(std::string) + label.capacity();
  }
  return total;
}

std::unique_ptr<ChannelMemory> SubjectMemory::decode(Reader& in) {
  auto memory = std::make_unique<SubjectMemory>();
  memory->seen_.resize(in.count(3, kPartitions));
  for (Seen& one : memory->seen_) {
    const std::int64_t partition = in.svarint();
    if (partition < std::numeric_limits<std::int32_t>::min() || partition > std::numeric_limits<std::int32_t>::max()) in.fail();
    one.partition = static_cast<std::int32_t>(partition);
    one.offset = in.svarint();
    const std::uint64_t index = in.varint();
    if (index > std::numeric_limits<std::uint16_t>::max()) in.fail();
    one.index = static_cast<std::uint16_t>(index);
  }
  const auto texts = [&in](std::vector<std::string>& to, std::size_t most) {
    to.resize(in.count(1, most));
    for (std::string& text : to) text = in.text();
  };
  texts(memory->members_, kMembers);
  memory->place_members();
  texts(memory->labels_, kLabels);
  if (in.ok() && !in.at_end()) {  // what readers need; earlier states end before it
    texts(memory->from_, kLabels);
    memory->deeds_.resize(in.count(4, kDeeds));
    for (Late& deed : memory->deeds_) {
      deed.time = EventTime{in.svarint()};
      const std::uint8_t sent = in.u8();
      if (sent > 1) in.fail();
      deed.sent = sent == 1;
      deed.what = in.text();
      texts(deed.labels, kLabels);
    }
  }
  if (!memory->from_.empty() && memory->from_.size() != memory->labels_.size()) return nullptr;
  if (!in.ok() || !std::ranges::is_sorted(memory->labels_)) return nullptr;
  return memory;
}

}  // namespace ringfence
