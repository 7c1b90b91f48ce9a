// SPDX-License-Identifier: Apache-2.0
#include "engine/pipeline/evaluability.h"

#include <algorithm>
#include <functional>

#include "engine/event/escape.h"

namespace ringfence {
namespace {

constexpr std::size_t kNameChars = 64, kFieldBytes = 64;

void raise(std::atomic<std::uint64_t>& count, std::uint64_t by = 1) {
  count.store(count.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);
}

std::string quoted_field(std::string_view name) {
  return json_quoted(name.substr(0, kFieldBytes)) + (name.size() > kFieldBytes ? "\u2026" : "");
}

bool holds(const std::vector<std::string>& sorted, const std::string& name) { return std::ranges::binary_search(sorted, name); }

/// Keeps the first `kNames` by the alphabet; false where one has no place.
bool keep(std::vector<std::string>& sorted, std::string name) {
  sorted.insert(std::ranges::lower_bound(sorted, name), std::move(name));
  if (sorted.size() <= Evaluability::kNames) return true;
  sorted.pop_back();
  return false;
}

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

void Evaluability::note_ignored(const Event& event) {
  if (event.unknown_fields == 0 && event.ignored_elements == 0) return;
  Slot& of = slot(event.source.product.value_or(""));
  raise(of.ignoring);
  raise(of.unknown_fields, event.unknown_fields);
  raise(of.ignored_elements, event.ignored_elements);
  note_names(event, of);
}

/// What is known already, as in most events of a source, is found without the lock: only this thread changes it.
void Evaluability::note_names(const Event& event, Slot& of) {
  const auto more = [&] {
    if (of.more_names) return;
    const std::lock_guard lock(of.naming);
    of.more_names = true;
  };
  if (event.unknown_fields > event.unknown_names.size()) more();
  for (const std::string_view raw : event.unknown_names) {
    std::string name = quoted_field(raw);
    if (holds(of.unknown_names, name)) continue;
    if (of.unknown_names.size() == kNames) more();
    if (of.unknown_names.size() == kNames && name > of.unknown_names.back()) continue;
    const std::lock_guard lock(of.naming);
    keep(of.unknown_names, std::move(name));
  }
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
    rows[i].ignoring = value(of.ignoring);
    rows[i].unknown_fields = value(of.unknown_fields);
    rows[i].ignored_elements = value(of.ignored_elements);
    const std::lock_guard lock(of.naming);
    rows[i].unknown_names = of.unknown_names;
    rows[i].more_names = of.more_names;
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
    known->ignoring += row.ignoring;
    known->unknown_fields += row.unknown_fields;
    known->ignored_elements += row.ignored_elements;
    known->more_names = known->more_names || row.more_names;
    for (const std::string& name : row.unknown_names)
      if (!holds(known->unknown_names, name) && !keep(known->unknown_names, name)) known->more_names = true;
  }
}

}  // namespace ringfence
