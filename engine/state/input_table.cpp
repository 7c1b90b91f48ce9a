// SPDX-License-Identifier: Apache-2.0
#include "engine/state/input_table.h"

#include <algorithm>
#include <string>

#include "engine/event/event.h"
#include "engine/state/codec.h"
#include "engine/state/records.h"

namespace ringfence {
namespace {

constexpr std::string_view kInputsRecord = "inputs";
constexpr std::string_view kReachedRecord = "inputs.reached";
/// Of both. The first release wrote no version: its table begins with the number of its entries, which is never 0, and it has no mark of
/// how far it had come.
constexpr std::uint64_t kVersion = 2;
constexpr std::uint8_t kGivenUp = 1, kFormer = 2;
constexpr std::size_t kLeast = 46, kFormerLeast = 20;  // bytes of an entry

StoreError unreadable(const char* what) {
  return {StoreError::Kind::Corrupt, std::string("the state store's ") + what + " of inputs cannot be read"};
}
StoreError too_new() { return {StoreError::Kind::Version, "the state store's table of inputs was written by a newer release"}; }

void write_proof(Writer& out, const InputProof& proof) {
  out.varint(proof.bytes);
  out.u64(proof.digest.high);
  out.u64(proof.digest.low);
}
Hash128 read_hash(Reader& in) {
  const std::uint64_t high = in.u64();
  return {high, in.u64()};
}
InputProof read_proof(Reader& in) {
  const std::uint64_t bytes = in.varint();
  return {bytes, read_hash(in)};
}

KnownInput read_former_input(Reader& in) {
  KnownInput input{.former = true};
  input.proof.digest = read_hash(in);
  input.ordinal = in.svarint();
  input.first = in.svarint();
  input.records = in.svarint();
  input.given_up = in.u8() != 0;
  return input;
}

KnownInput read_input(Reader& in) {
  KnownInput input{.name = in.u64()};
  input.file = read_hash(in);
  input.proof = read_proof(in);
  input.ordinal = in.svarint();
  input.first = in.svarint();
  input.records = in.svarint();
  input.size = in.varint();
  const std::uint8_t marks = in.u8();
  input.given_up = (marks & kGivenUp) != 0;
  input.former = (marks & kFormer) != 0;
  return input;
}

std::expected<void, StoreError> decode(std::string_view bytes, InputTable& table) {
  Reader in(bytes);
  table.former = !bytes.starts_with('\0');
  if (!table.former) {
    (void)in.varint();
    if (in.varint() > kVersion) return std::unexpected(too_new());
  }
  table.inputs.resize(in.count(table.former ? kFormerLeast : kLeast, kOrdinalMax));
  for (KnownInput& input : table.inputs) input = table.former ? read_former_input(in) : read_input(in);
  if (!in.ok() || !in.at_end()) return std::unexpected(unreadable("table"));
  return {};
}

/// How far a release may have come that did not say: it began a file only once the one before it was in the store, to its end.
std::optional<InputPosition> former_reached(const std::vector<KnownInput>& inputs, std::optional<InputPosition> low) {
  if (!low) return std::nullopt;
  const auto at = std::ranges::find(inputs, low->ordinal, &KnownInput::ordinal);
  const bool ended = at == inputs.end() || (at->records >= 0 && !at->given_up && at->records <= low->record);
  if (!ended) return InputPosition{low->ordinal, kRecordMax};
  const auto next = std::ranges::find_if(inputs, [&](const KnownInput& k) { return k.ordinal > low->ordinal && k.records < 0; });
  return next == inputs.end() ? *low : InputPosition{next->ordinal, kRecordMax};
}

}  // namespace

Hash128 former_identity(std::string_view name, const Hash128& beginning) {
  return {hash64(name, beginning.high), hash64(name, beginning.low)};
}

std::expected<InputTable, StoreError> load_inputs(Store& store, Partition partition) {
  InputTable table;
  const auto low = read_low(store, partition);
  if (!low) return std::unexpected(low.error());
  table.low = low->transform(to_input_position);
  const auto record = get_record(store, kInputsRecord);
  if (!record) return std::unexpected(record.error());
  if (!*record) return table;
  if (auto decoded = decode(**record, table); !decoded) return std::unexpected(std::move(decoded.error()));

  const auto reached = get_record(store, kReachedRecord);
  if (!reached) return std::unexpected(reached.error());
  if (!*reached) {
    if (table.former) table.reached = former_reached(table.inputs, table.low);
    return table;
  }
  Reader in(**reached);
  if (in.varint() > kVersion) return std::unexpected(too_new());
  const std::int64_t ordinal = in.svarint();
  table.reached = InputPosition{ordinal, in.svarint()};
  const InputProof proof = read_proof(in);
  if (!in.ok() || !in.at_end()) return std::unexpected(unreadable("mark"));
  const auto input = std::ranges::find(table.inputs, ordinal, &KnownInput::ordinal);
  if (input != table.inputs.end() && !input->former && proof.bytes > input->proof.bytes) input->proof = proof;
  return table;
}

StoreWrite inputs_write(const std::vector<KnownInput>& inputs) {
  Writer out;
  out.varint(0);
  out.varint(kVersion);
  out.varint(inputs.size());
  for (const KnownInput& input : inputs) {
    out.u64(input.name);
    out.u64(input.file.high);
    out.u64(input.file.low);
    write_proof(out, input.proof);
    out.svarint(input.ordinal);
    out.svarint(input.first);
    out.svarint(input.records);
    out.varint(input.size);
    out.u8(static_cast<std::uint8_t>((input.given_up ? kGivenUp : 0) | (input.former ? kFormer : 0)));
  }
  return record_write(kInputsRecord, out.bytes());
}

StoreWrite reached_write(InputPosition next, const InputProof& proof) {
  Writer out;
  out.varint(kVersion);
  out.svarint(next.ordinal);
  out.svarint(next.record);
  write_proof(out, proof);
  return record_write(kReachedRecord, out.bytes());
}

}  // namespace ringfence
