// SPDX-License-Identifier: Apache-2.0
#include "engine/state/inputs.h"

#include <algorithm>
#include <set>
#include <string>

#include "engine/state/codec.h"
#include "engine/state/records.h"

namespace ringfence {
namespace {

constexpr std::string_view kInputsRecord = "inputs";

/// An input as the store remembers it; one entry for each identity, in order of ordinals.
struct KnownInput {
  Hash128 identity;
  std::int64_t ordinal = 0;
  std::int64_t first = 0;     // the record this ordinal begins at
  std::int64_t records = -1;  // up to where it was read when it was ended or given up; -1: neither yet
  bool given_up = false;      // some states may hold records beyond
};

std::string encode(const std::vector<KnownInput>& inputs) {
  Writer out;
  out.varint(inputs.size());
  for (const auto& input : inputs) {
    out.u64(input.identity.high);
    out.u64(input.identity.low);
    out.svarint(input.ordinal);
    out.svarint(input.first);
    out.svarint(input.records);
    out.u8(input.given_up ? 1 : 0);
  }
  return out.take();
}

std::expected<std::vector<KnownInput>, StoreError> load(Store& store) {
  const auto record = get_record(store, kInputsRecord);
  if (!record) return std::unexpected(record.error());
  std::vector<KnownInput> inputs;
  if (!*record) return inputs;
  Reader in(**record);
  inputs.resize(in.count(20, kOrdinalMax));
  for (auto& input : inputs) {
    input.identity = {in.u64(), in.u64()};
    input.ordinal = in.svarint();
    input.first = in.svarint();
    input.records = in.svarint();
    input.given_up = in.u8() != 0;
  }
  if (!in.ok() || !in.at_end())
    return std::unexpected(StoreError{StoreError::Kind::Corrupt, "the state store's table of inputs cannot be read"});
  return inputs;
}

const KnownInput* find(const std::vector<KnownInput>& known, const Hash128& identity) {
  const auto found = std::ranges::find(known, identity, &KnownInput::identity);
  return found == known.end() ? nullptr : &*found;
}

/// The place in the list of the file that `low` stands in, if the list is one that a run could have followed up to there.
std::optional<std::size_t> continued_at(const std::vector<KnownInput>& known, std::span<const Hash128> identities,
                                        std::optional<InputPosition> low) {
  std::int64_t last = -1;
  for (std::size_t i = 0; low && i < identities.size(); ++i) {
    const KnownInput* input = find(known, identities[i]);
    if (!input || input->ordinal <= last) return std::nullopt;
    if (input->ordinal == low->ordinal) return i;
    last = input->ordinal;
  }
  return std::nullopt;
}

/// Whether the store holds all that was read of a file, to its end.
bool is_stored(const KnownInput& input, InputPosition low) {
  if (input.records < 0 || input.given_up) return false;
  if (input.ordinal == low.ordinal) return input.records <= low.record;
  return input.ordinal < low.ordinal || input.records <= input.first;
}

/// A file that will not be read on under its ordinal: what of it is surely in the store.
void give_up(KnownInput& input, InputPosition low) {
  if (input.ordinal < low.ordinal) return;
  const std::int64_t stored = input.ordinal == low.ordinal ? low.record : input.first;
  if (input.records >= 0 && input.records <= stored) return;
  input.records = stored;
  input.given_up = true;
}

}  // namespace

std::optional<Offset> to_offset(InputPosition position) {
  if (position.ordinal < 0 || position.ordinal > kOrdinalMax || position.record < 0 || position.record > kRecordMax) return std::nullopt;
  return Offset{position.ordinal << kRecordBits | position.record};
}

InputPosition to_input_position(Offset offset) { return {offset.value >> kRecordBits, offset.value & kRecordMax}; }

std::expected<InputPlan, StoreError> begin_inputs(Store& store, Partition partition, std::span<const Hash128> identities, unsigned lanes) {
  auto loaded = load(store);
  if (!loaded) return std::unexpected(std::move(loaded.error()));
  const auto stored = read_low(store, partition);
  if (!stored) return std::unexpected(stored.error());
  const auto low = stored->transform(to_input_position);

  std::vector<KnownInput>& known = *loaded;
  auto current = continued_at(known, identities, low);
  // A run that came to its end is not continued: whichever file grew since is read on from its own end.
  const bool finished = current && std::ranges::all_of(identities, [&](const Hash128& identity) {
                          const KnownInput* input = find(known, identity);
                          return input != nullptr && is_stored(*input, *low);
                        });
  if (finished && *current > 0) current.reset();
  std::int64_t next = known.empty() ? 0 : known.back().ordinal + 1;
  std::int64_t last = -1;
  InputPlan plan;
  std::vector<KnownInput> kept, fresh;  // read on under their ordinal; under a new one
  for (std::size_t i = 0; i < identities.size(); ++i) {
    const auto before = std::ranges::find(identities.first(i), identities[i]);
    if (before != identities.begin() + static_cast<std::ptrdiff_t>(i)) {
      plan.inputs.push_back(plan.inputs[static_cast<std::size_t>(before - identities.begin())]);
      plan.inputs.back().done = true;
      continue;
    }
    const KnownInput* input = find(known, identities[i]);
    if (current && input && input->ordinal > last && (i <= *current || input->ordinal > low->ordinal)) {
      plan.inputs.push_back({input->ordinal, i == *current ? low->record : input->first, i < *current, false});
      last = input->ordinal;
      kept.push_back(*input);
      continue;
    }
    KnownInput made{identities[i], next++, 0, -1, false};
    InputStart start{made.ordinal, 0, false, false};
    if (input) {
      KnownInput former = *input;
      if (low) give_up(former, *low);
      start.first_record = made.first = std::max(former.records, former.first);
      start.overlaps = former.given_up || former.records < 0;
    }
    last = made.ordinal;
    plan.inputs.push_back(start);
    fresh.push_back(made);
  }
  if (next > kOrdinalMax)
    return std::unexpected(StoreError{StoreError::Kind::Version, "the state store has seen more inputs than it can number"});

  // Entries in order of ordinals, each identity once, those not read on as they were left.
  std::erase_if(known, [&](const KnownInput& k) { return find(fresh, k.identity) != nullptr; });
  for (KnownInput& input : known)
    if (low && !find(kept, input.identity)) give_up(input, *low);
  known.insert(known.end(), fresh.begin(), fresh.end());
  std::size_t surplus = known.size() > kInputsRemembered ? known.size() - kInputsRemembered : 0;
  std::set<std::int64_t> of_this_run;
  for (const InputStart& input : plan.inputs) of_this_run.insert(input.ordinal);
  std::erase_if(known, [&](const KnownInput& k) {  // the oldest first, and none of this run
    const bool goes = surplus > 0 && !of_this_run.contains(k.ordinal);
    surplus -= goes ? 1 : 0;
    return goes;
  });

  const auto first = std::ranges::find(plan.inputs, false, &InputStart::done);
  plan.low = first == plan.inputs.end() ? stored->value_or(Offset{0}) : *to_offset({first->ordinal, first->first_record});
  std::vector<StoreWrite> batch = lane_writes(partition, plan.low, lanes);
  batch.push_back(record_write(kInputsRecord, encode(known)));
  if (auto done = store.write(batch); !done) return std::unexpected(std::move(done.error()));
  if (auto done = store.sync(); !done) return std::unexpected(std::move(done.error()));
  return plan;
}

std::expected<void, StoreError> end_input(Store& store, std::int64_t ordinal, std::int64_t records) {
  auto known = load(store);
  if (!known) return std::unexpected(std::move(known.error()));
  const auto input = std::ranges::find(*known, ordinal, &KnownInput::ordinal);
  if (input == known->end())
    return std::unexpected(StoreError{StoreError::Kind::Corrupt, "an input was ended that the state store does not know"});
  input->records = records;
  input->given_up = false;
  return put_record(store, kInputsRecord, encode(*known));
}

}  // namespace ringfence
