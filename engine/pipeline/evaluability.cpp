// SPDX-License-Identifier: Apache-2.0
#include "engine/pipeline/evaluability.h"

#include <algorithm>
#include <functional>
#include <utility>

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

void join(Evaluability::Row& to, const Evaluability::Row& more) {
  to.events += more.events;
  std::ranges::transform(to.channels, more.channels, to.channels.begin(), std::plus<>());
  std::ranges::transform(to.lacking, more.lacking, to.lacking.begin(), std::plus<>());
  to.ignoring += more.ignoring;
  to.unknown_fields += more.unknown_fields;
  to.ignored_elements += more.ignored_elements;
  to.more_names = to.more_names || more.more_names;
  for (const std::string& name : more.unknown_names)
    if (!holds(to.unknown_names, name) && !keep(to.unknown_names, name)) to.more_names = true;
}

}  // namespace

void Evaluability::Slot::begin(std::string name) {
  source = std::move(name);
  const auto reset = [](Count& count) { count.store(0, std::memory_order_relaxed); };
  for (Count* const count : {&events, &ignoring, &unknown_fields, &ignored_elements}) reset(*count);
  std::ranges::for_each(channels, reset);
  std::ranges::for_each(lacking, reset);
  unknown_names.clear();
  more_names = false;
}

Evaluability::Row Evaluability::Slot::row() const {
  const auto value = [](const Count& count) { return count.load(std::memory_order_relaxed); };
  Row row{.source = source,
          .events = value(events),
          .ignoring = value(ignoring),
          .unknown_fields = value(unknown_fields),
          .ignored_elements = value(ignored_elements),
          .unknown_names = unknown_names,
          .more_names = more_names};
  std::ranges::transform(channels, row.channels.begin(), value);
  std::ranges::transform(lacking, row.lacking.begin(), value);
  return row;
}

/// Only this thread changes which source a slot is of. A name that gives way to an earlier one does not come back: those that stand go
/// before it.
Evaluability::Slot& Evaluability::slot(std::string_view source) {
  std::string name = source.empty() ? std::string(kUnnamed) : printable(source, kNameChars);
  const auto used = std::span(named_).first(used_);
  if (const auto known = std::ranges::find(used, name, &Slot::source); known != used.end()) return *known;
  if (name == kOthers) return others_;
  if (used_ < kNamed) {
    const std::lock_guard lock(naming_);
    named_.at(used_).begin(std::move(name));
    return named_.at(used_++);
  }
  Slot& last = *std::ranges::max_element(named_, {}, &Slot::source);
  if (name > last.source) return others_;
  const std::lock_guard lock(naming_);
  join(before_, last.row());
  last.begin(std::move(name));
  return last;
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
    const std::lock_guard lock(naming_);
    of.more_names = true;
  };
  if (event.unknown_fields > event.unknown_names.size()) more();
  for (const std::string_view raw : event.unknown_names) {
    std::string name = quoted_field(raw);
    if (holds(of.unknown_names, name)) continue;
    if (of.unknown_names.size() == kNames) more();
    if (of.unknown_names.size() == kNames && name > of.unknown_names.back()) continue;
    const std::lock_guard lock(naming_);
    keep(of.unknown_names, std::move(name));
  }
}

std::vector<Evaluability::Row> Evaluability::rows() const {
  const std::lock_guard lock(naming_);
  std::vector<Row> rows;
  for (const Slot& of : std::span(named_).first(used_)) rows.push_back(of.row());
  Row others = others_.row();
  join(others, before_);
  others.source = kOthers;
  if (others.events > 0 || others.ignoring > 0) rows.push_back(std::move(others));
  return rows;
}

void Evaluability::add(std::vector<Row>& to, const std::vector<Row>& more) {
  for (const Row& row : more) {
    const auto known = std::ranges::find(to, row.source, &Row::source);
    if (known == to.end())
      to.push_back(row);
    else
      join(*known, row);
  }
  std::ranges::sort(to, {}, [](const Row& row) { return std::pair(row.source == kOthers, std::string_view(row.source)); });
  if (to.size() <= kNamed) return;
  Row others{.source = std::string(kOthers)};
  for (const Row& row : std::span(to).subspan(kNamed)) join(others, row);
  to.resize(kNamed);
  to.push_back(std::move(others));
}

}  // namespace ringfence
