// SPDX-License-Identifier: Apache-2.0
#include "engine/state/inputs.h"

#include <algorithm>
#include <ranges>
#include <set>

#include "engine/event/event.h"
#include "engine/state/input_table.h"
#include "engine/state/records.h"

namespace ringfence {
namespace {

/// What is known of each file of a list, by its place in it.
using Recognised = std::vector<std::optional<KnownInput>>;

/// Whether it is the file that was read. Nothing can be seen of one that was not: then it is the one that lies there.
std::expected<bool, StoreError> is_same(const KnownInput& known, const InputFile& file) {
  if (!known.former && known.proof.bytes == 0) return known.file == file.file && std::max(known.records, known.first) == 0;
  const std::uint64_t bytes = known.former ? std::min(file.size, kFormerBytes) : known.proof.bytes;
  if (bytes == 0 || file.size < bytes) return false;
  const auto digest = file.beginning(bytes);
  if (!digest) return std::unexpected(digest.error());
  return known.proof.digest == (known.former ? former_identity(file.name, *digest) : *digest);
}

/// Which of the known inputs a file is, of those that no other is (`taken`, by ordinal); of several the one of which most was read.
std::expected<std::optional<KnownInput>, StoreError> recognise(const InputTable& table, const InputFile& file, bool where_it_lies,
                                                               const std::set<std::int64_t>& taken) {
  std::optional<KnownInput> best;
  const std::uint64_t name = hash64(file.name);
  for (const KnownInput& known : std::views::reverse(table.inputs)) {
    if (where_it_lies ? known.file != file.file : !known.former && known.name != name) continue;
    if (taken.contains(known.ordinal) || (best && best->proof.bytes >= known.proof.bytes)) continue;
    const auto same = is_same(known, file);
    if (!same) return std::unexpected(same.error());
    if (*same) best = known;
  }
  if (!best) return best;
  best->name = name;
  best->file = file.file;
  if (!best->former) return best;
  const std::uint64_t bytes = std::min(file.size, kFormerBytes);
  const auto digest = file.beginning(bytes);
  if (!digest) return std::unexpected(digest.error());
  best->proof = {bytes, *digest};
  best->former = false;
  return best;
}

/// A file that lies where it lay is that one before any that has its name; `again`: those that count further on in the list.
std::expected<Recognised, StoreError> recognise_all(const InputTable& table, std::span<const InputFile> files,
                                                    const std::vector<bool>& again) {
  Recognised found(files.size());
  std::set<std::int64_t> taken;
  for (const bool where_it_lies : {true, false}) {
    for (std::size_t i = 0; i < files.size(); ++i) {
      if (again[i] || found[i] || files[i].file == Hash128{}) continue;
      auto known = recognise(table, files[i], where_it_lies, taken);
      if (!known) return std::unexpected(std::move(known.error()));
      if (*known) taken.insert((*known)->ordinal);
      found[i] = std::move(*known);
    }
  }
  return found;
}

/// The files of the list that stand in it once more, further on.
std::vector<bool> named_again(std::span<const InputFile> files) {
  std::vector<bool> again(files.size(), false);
  std::set<Hash128> behind;
  for (std::size_t i = files.size(); i-- > 0;) again[i] = files[i].file != Hash128{} && !behind.insert(files[i].file).second;
  return again;
}

/// Up to where a file is surely in the store.
std::int64_t stored_of(const InputTable& table, const KnownInput& input) {
  const InputPosition low = table.low.value_or(InputPosition{});
  if (input.ordinal == low.ordinal) return std::max(low.record, input.first);
  return input.ordinal < low.ordinal ? std::max(input.records, input.first) : input.first;
}

/// Whether there is more of a file than was read, by what can be seen without reading it.
bool has_more(const KnownInput& input, const InputFile& file) { return input.records < 0 || input.given_up || file.size > input.size; }

/// The place in the list of the file that was read last, if the list is one that a run could have followed up to there, and is to go on.
std::optional<std::size_t> continued_at(const InputTable& table, const Recognised& found, std::span<const InputFile> files,
                                        const std::vector<bool>& again) {
  if (!table.reached || !table.low || table.low->ordinal > table.reached->ordinal) return std::nullopt;
  std::int64_t last = -1;
  bool more = false;
  for (std::size_t i = 0; i < files.size(); ++i) {
    if (again[i]) continue;
    if (!found[i] || found[i]->ordinal <= last) return std::nullopt;
    last = found[i]->ordinal;
    if (last == table.reached->ordinal) {
      // Where the store holds all that was read, nothing binds the files to their ordinals, and whichever has more is read on from its end.
      const bool whole = stored_of(table, *found[i]) >= table.reached->record;
      return whole && more ? std::nullopt : std::optional(i);
    }
    more = more || has_more(*found[i], files[i]);
  }
  return std::nullopt;
}

/// A file that will not be read on under its ordinal: what of it is surely in the store. One that was not begun keeps what it has.
void leave(KnownInput& input, const InputTable& table) {
  if (!table.reached || input.ordinal != table.reached->ordinal) return;
  const std::int64_t stored = stored_of(table, input);
  const bool ended = input.records >= 0 && !input.given_up && input.records <= stored;
  if (ended) return;
  input.records = stored;
  input.size = 0;
  input.given_up = stored < table.reached->record;
}

/// Entries in order of ordinals, each file once, those not read on as they were left, and the oldest forgotten but none of this run.
std::vector<KnownInput> remembered(const InputTable& table, const Recognised& found, std::vector<KnownInput> of_this_run) {
  std::vector<KnownInput> out;
  std::set<std::int64_t> of_these;
  for (const auto& known : found)
    if (known) of_these.insert(known->ordinal);
  for (KnownInput input : table.inputs) {
    if (of_these.contains(input.ordinal)) continue;
    leave(input, table);
    out.push_back(input);
  }
  const std::size_t all = out.size() + of_this_run.size();
  const std::size_t surplus = std::min(out.size(), all > kInputsRemembered ? all - kInputsRemembered : 0);
  out.erase(out.begin(), out.begin() + static_cast<std::ptrdiff_t>(surplus));
  std::ranges::move(of_this_run, std::back_inserter(out));
  std::ranges::sort(out, {}, &KnownInput::ordinal);
  return out;
}

/// How each file is read, in their order.
class Planning {
 public:
  Planning(const InputTable& table, std::optional<std::size_t> current) : table_(table), current_(current) {
    next_ = table.inputs.empty() ? 0 : table.inputs.back().ordinal + 1;
    if (table.reached) unread_from_ = table.reached->ordinal + 1;
  }

  void named_again() { plan_.inputs.push_back({.ordinal = -1, .reading = InputReading::NamedAgain}); }
  void add(std::size_t i, const InputFile& file, const std::optional<KnownInput>& known) {
    const bool passed = current_ && i < *current_, on = current_ && i == *current_;
    if (known && (passed || on || known->ordinal >= unread_from_)) return keep(*known, file, passed, on);
    KnownInput made{.name = hash64(file.name), .file = file.file, .ordinal = next_++};
    InputReading reading = InputReading::On;
    if (known) {
      KnownInput former = *known;
      leave(former, table_);
      made.first = std::max(former.records, former.first);
      made.proof = former.proof;
      if (former.given_up) reading = InputReading::Overlapping;
    }
    take(made, made.first, reading);
  }

  [[nodiscard]] bool beyond_numbers() const { return next_ > kOrdinalMax; }
  [[nodiscard]] const std::vector<KnownInput>& inputs() const { return inputs_; }
  InputPlan finish() && {
    const auto first = std::ranges::find_if(plan_.inputs, [](const InputStart& input) { return !input.done(); });
    const bool stays = current_ || first == plan_.inputs.end();
    plan_.low = *to_offset(stays ? table_.low.value_or(InputPosition{}) : InputPosition{first->ordinal, first->first_record});
    if (table_.reached) plan_.reached = *table_.reached;
    return std::move(plan_);
  }

 private:
  void keep(KnownInput input, const InputFile& file, bool passed, bool on) {
    const std::int64_t first = passed || on ? stored_of(table_, input) : input.first;
    if (passed) return take(input, first, has_more(input, file) ? InputReading::Waiting : InputReading::Passed);
    input.records = -1;
    input.size = 0;
    input.given_up = false;
    take(input, first, InputReading::On);
  }
  void take(const KnownInput& input, std::int64_t first, InputReading reading) {
    plan_.inputs.push_back({input.ordinal, first, reading, input.proof});
    inputs_.push_back(input);
    unread_from_ = std::max(unread_from_, input.ordinal + 1);
  }

  const InputTable& table_;
  std::optional<std::size_t> current_;
  std::int64_t next_ = 0;         // the ordinal of a file that is new
  std::int64_t unread_from_ = 0;  // nothing was read under an ordinal from here on, nor will be by what is planned so far
  InputPlan plan_;
  std::vector<KnownInput> inputs_;
};

}  // namespace

std::optional<Offset> to_offset(InputPosition position) {
  if (position.ordinal < 0 || position.ordinal > kOrdinalMax || position.record < 0 || position.record > kRecordMax) return std::nullopt;
  return Offset{position.ordinal << kRecordBits | position.record};
}

InputPosition to_input_position(Offset offset) { return {offset.value >> kRecordBits, offset.value & kRecordMax}; }

std::expected<InputPlan, StoreError> begin_inputs(Store& store, Partition partition, std::span<const InputFile> files, unsigned lanes) {
  const auto table = load_inputs(store, partition);
  if (!table) return std::unexpected(table.error());
  const std::vector<bool> again = named_again(files);
  const auto found = recognise_all(*table, files, again);
  if (!found) return std::unexpected(found.error());

  Planning planning(*table, continued_at(*table, *found, files, again));
  for (std::size_t i = 0; i < files.size(); ++i) {
    if (again[i])
      planning.named_again();
    else
      planning.add(i, files[i], (*found)[i]);
  }
  if (planning.beyond_numbers())
    return std::unexpected(StoreError{StoreError::Kind::Version, "the state store has seen more inputs than it can number"});
  const StoreWrite inputs = inputs_write(remembered(*table, *found, planning.inputs()));
  InputPlan plan = std::move(planning).finish();
  std::vector<StoreWrite> batch = lane_writes(partition, plan.low, lanes);
  batch.push_back(inputs);
  if (table->former && table->reached) batch.push_back(reached_write(*table->reached, {}));
  if (auto done = store.write(batch); !done) return std::unexpected(std::move(done.error()));
  if (auto done = store.sync(); !done) return std::unexpected(std::move(done.error()));
  return plan;
}

std::expected<void, StoreError> end_input(Store& store, Partition partition, InputPosition end, const InputProof& proof,
                                          std::uint64_t size) {
  auto table = load_inputs(store, partition);
  if (!table) return std::unexpected(std::move(table.error()));
  const auto input = std::ranges::find(table->inputs, end.ordinal, &KnownInput::ordinal);
  if (input == table->inputs.end())
    return std::unexpected(StoreError{StoreError::Kind::Corrupt, "an input was ended that the state store does not know"});
  input->records = end.record;
  input->size = size;
  input->proof = proof;
  input->given_up = false;
  if (auto done = store.write({inputs_write(table->inputs), reached_write(end, proof)}); !done) return done;
  return store.sync();
}

}  // namespace ringfence
