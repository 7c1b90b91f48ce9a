// SPDX-License-Identifier: Apache-2.0
#include "engine/pipeline/evaluability.h"

#include <algorithm>
#include <functional>

#include "engine/event/escape.h"

namespace ringfence {
namespace {

constexpr std::size_t kNameChars = 64;

void raise(std::atomic<std::uint64_t>& count) { count.store(count.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed); }

}  // namespace

Evaluability::Slot& Evaluability::slot(std::string_view source) {
  const std::string name = source.empty() ? std::string(kUnnamed) : printable(source, kNameChars);
  const std::size_t used = used_.load(std::memory_order_relaxed);
  for (std::size_t i = 0; i < used; ++i)
    if (slots_.at(i).source == name) return slots_.at(i);
  if (used == kSources) return slots_.back();
  slots_.at(used).source = used + 1 == kSources ? std::string(kOthers) : name;
  used_.store(used + 1, std::memory_order_release);
  return slots_.at(used);
}

void Evaluability::note(std::string_view source, std::span<const ChannelId> not_evaluable, std::uint32_t lacking) {
  if (not_evaluable.empty() && lacking == 0) return;
  Slot& of = slot(source);
  raise(of.events);
  for (const ChannelId channel : not_evaluable) raise(of.channels.at(static_cast<std::size_t>(channel)));
  for (std::size_t i = 0; i < of.lacking.size(); ++i)
    if ((lacking >> i & 1U) != 0) raise(of.lacking.at(i));
}

std::vector<Evaluability::Row> Evaluability::rows() const {
  std::vector<Row> rows(used_.load(std::memory_order_acquire));
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const Slot& of = slots_.at(i);
    rows[i].source = of.source;
    rows[i].events = of.events.load(std::memory_order_relaxed);
    const auto value = [](const Count& count) { return count.load(std::memory_order_relaxed); };
    std::ranges::transform(of.channels, rows[i].channels.begin(), value);
    std::ranges::transform(of.lacking, rows[i].lacking.begin(), value);
  }
  return rows;
}

void Evaluability::add(std::vector<Row>& to, const std::vector<Row>& more) {
  for (const Row& row : more) {
    auto known = std::ranges::find(to, row.source, &Row::source);
    if (known == to.end()) {
      to.push_back(row);
      continue;
    }
    known->events += row.events;
    std::ranges::transform(known->channels, row.channels, known->channels.begin(), std::plus<>());
    std::ranges::transform(known->lacking, row.lacking, known->lacking.begin(), std::plus<>());
  }
}

}  // namespace ringfence
