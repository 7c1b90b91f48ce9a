// SPDX-License-Identifier: Apache-2.0
#include "models/subject_memory.h"

#include <algorithm>
#include <limits>

namespace ringfence {

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
  if (std::ranges::find(members_, agent) != members_.end()) return false;
  if (members_.size() >= kMembers) return false;
  members_.emplace_back(agent);
  return true;
}

void SubjectMemory::store(std::span<const std::string> labels) {
  for (const std::string& label : labels) {
    const auto at = std::ranges::lower_bound(labels_, label);
    if ((at != labels_.end() && *at == label) || labels_.size() >= kLabels) continue;
    labels_.insert(at, label);
  }
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
}

std::size_t SubjectMemory::bytes() const {
  std::size_t total = sizeof *this + seen_.capacity() * sizeof(Seen);
  for (const auto* texts : {&members_, &labels_})
    for (const std::string& text : *texts) total += sizeof text + text.capacity();
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
  texts(memory->labels_, kLabels);
  if (!in.ok() || !std::ranges::is_sorted(memory->labels_)) return nullptr;
  return memory;
}

}  // namespace ringfence
