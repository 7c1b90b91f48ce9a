// SPDX-License-Identifier: Apache-2.0
#include "engine/pipeline/window.h"

#include <memory>
#include <new>

namespace ringfence {
namespace {

std::expected<Event, Refusal> decode_one(EventDecoder& decoder, const Record& record, EventArena& arena) {
  if (record.cut()) return std::unexpected(too_large(record));
  return decoder.decode(record.bytes, record.arrival, arena);
}

}  // namespace

void Window::begin(std::span<const Record> records) {
  records_ = records;
  facts_.clear();
  // Kept when a batch is smaller: an event is large, and batches vary.
  if (entries_.size() < records.size()) entries_.resize(records.size());
  if (arenas_.size() < records.size()) arenas_.resize(records.size());
}

void Window::add_fact(EventDecoder& decoder, std::size_t index, std::string record) {
  auto fact = std::make_unique<Fact>();
  fact->index = index;
  fact->record = std::move(record);
  auto event = decoder.decode(fact->record, std::nullopt, fact->arena);
  if (!event || event->kind != EventKind::ContextChange) return;
  fact->event = *event;
  facts_.push_back(std::move(fact));
}

void Window::decode(EventDecoder& decoder, std::size_t from, std::size_t to) {
  for (std::size_t i = from; i < to; ++i) {
    Entry& entry = entries_[i];
    entry.has_agent = false;
    // In its place: an assignment would copy the event.
    std::destroy_at(&entry.event);
    ::new (static_cast<void*>(&entry.event)) std::expected<Event, Refusal>(decode_one(decoder, records_[i], arenas_[i]));
    if (entry.event) {
      entry.has_agent = entry.event->kind != EventKind::ContextChange;
      if (entry.has_agent) entry.key = agent_key(entry.event->tenant, entry.event->agent.id);
    } else if (!entry.event.error().agent_id.empty()) {
      entry.has_agent = true;
      entry.key = agent_key(entry.event.error().tenant, entry.event.error().agent_id);
    }
  }
}

}  // namespace ringfence
