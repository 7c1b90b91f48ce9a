// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <utility>

#include "models/flow_memory.h"

namespace ringfence::flow {

namespace {

/// Versions before: with the names of up to 16 artefacts read last; without the writes under way.
constexpr std::uint8_t kVersion = 3, kNamesOfRead = 1, kWithoutWrites = 2;

}  // namespace

void FlowAgent::carry(std::string_view label, std::string_view source) {
  if (std::ranges::find(labels_, label, &Label::name) != labels_.end()) return;  // most calls read what others read before
  const auto place = std::ranges::lower_bound(labels_, label, {}, &Label::name);
  if (labels_.size() == kLabels || label.size() > kLabelBytes) return;
  labels_.insert(place, {std::string(label), short_id(source)});
}

const FlowAgent::Label* FlowAgent::carried(std::string_view label) const {
  const auto place = std::ranges::lower_bound(labels_, label, {}, &Label::name);
  return place != labels_.end() && place->name == label ? &*place : nullptr;
}

bool FlowAgent::await(std::uint64_t act, std::string_view artefact) {
  if (writes_.size() == kWrites || artefact.size() > kArtefactBytes) return false;
  writes_.push_back({act, std::string(artefact)});
  return true;
}

std::optional<std::string> FlowAgent::arrived(std::uint64_t act) {
  const auto write = std::ranges::find(writes_, act, &Write::act);
  if (write == writes_.end()) return std::nullopt;
  std::string artefact = std::move(write->artefact);
  writes_.erase(write);
  return artefact;
}

void FlowAgent::encode(Writer& out) const {
  out.u8(kVersion);
  out.varint(labels_.size());
  for (const Label& label : labels_) {
    out.text(label.name);
    out.text(label.source);
  }
  out.u8(reads_ ? 1 : 0);
  out.varint(writes_.size());
  for (const Write& write : writes_) {
    out.u64(write.act);
    out.text(write.artefact);
  }
}

std::size_t FlowAgent::bytes() const {
  std::size_t bytes = sizeof(*this) + labels_.capacity() * sizeof(Label) + writes_.capacity() * sizeof(Write);
  for (const Write& write : writes_) bytes += write.artefact.capacity();
  for (const Label& label : labels_) bytes += label.name.capacity() + label.source.capacity();
  return bytes;
}

std::unique_ptr<ChannelMemory> FlowAgent::decode(Reader& in) {
  const std::uint8_t version = in.u8();
  if (version < kNamesOfRead || version > kVersion) return nullptr;
  auto memory = std::make_unique<FlowAgent>();
  memory->labels_.resize(in.count(2, kLabels));
  for (Label& label : memory->labels_) {
    label.name = in.text();
    label.source = in.text();
    if (label.name.size() > kLabelBytes || label.source.size() > Order::kSourceBytes) return nullptr;
  }
  if (version == kNamesOfRead) {
    const std::size_t names = in.count(1, 16);
    for (std::size_t i = 0; i < names; ++i) (void)in.text();
    memory->reads_ = names > 0;
  } else {
    const std::uint8_t reads = in.u8();
    if (reads > 1) return nullptr;
    memory->reads_ = reads == 1;
  }
  if (version > kWithoutWrites) memory->writes_.resize(in.count(sizeof(std::uint64_t) + 1, kWrites));
  for (Write& write : memory->writes_) {
    write.act = in.u64();
    write.artefact = in.text();
    if (write.artefact.size() > kArtefactBytes) return nullptr;
  }
  if (!in.ok() || !std::ranges::is_sorted(memory->labels_, {}, &Label::name)) return nullptr;
  return memory;
}

}  // namespace ringfence::flow
