// SPDX-License-Identifier: Apache-2.0
#include "engine/state/changelog_record.h"

#include <utility>

#include "engine/state/codec.h"
#include "engine/state/keyspace.h"

namespace ringfence {
namespace {

constexpr std::uint8_t kChangelogSchema = 1;
/// Sessions and chunks of acts of the largest state are far fewer.
constexpr std::size_t kRowsMost = 1U << 16U;
constexpr std::size_t kRowBytesLeast = 2;

enum class Kind : std::uint8_t { State = 1, Row, Claim };

Writer begin(Kind kind, std::uint64_t generation) {
  Writer out;
  out.u8(kChangelogSchema);
  out.u8(static_cast<std::uint8_t>(kind));
  out.varint(generation);
  return out;
}

StateRecord read_state(Reader& in, std::string_view agent) {
  StateRecord state{.lsn = in.svarint(), .rows = {}};
  state.rows.resize(in.count(kRowBytesLeast, kRowsMost));
  for (StoreWrite& row : state.rows) {
    row.key = std::string(agent);
    row.key += in.text();
    row.value = in.text();
  }
  return state;
}

ClaimRecord read_claim(Reader& in) {
  ClaimRecord claim{.claimant = std::string(in.text()), .low = {}};
  if (in.u8() != 0) claim.low = Offset{in.svarint()};
  return claim;
}

}  // namespace

std::string encode_state_record(std::uint64_t generation, std::int64_t lsn, std::string_view agent_prefix,
                                const std::vector<StoreWrite>& rows) {
  Writer out = begin(Kind::State, generation);
  out.svarint(lsn);
  out.varint(rows.size());
  for (const StoreWrite& row : rows) {
    out.text(std::string_view(row.key).substr(agent_prefix.size()));
    out.text(row.value);
  }
  return out.take();
}

std::string encode_row_record(std::uint64_t generation, std::string_view bytes) {
  Writer out = begin(Kind::Row, generation);
  out.raw(bytes);
  return out.take();
}

std::string encode_claim_record(std::uint64_t generation, const ClaimRecord& claim) {
  Writer out = begin(Kind::Claim, generation);
  out.text(claim.claimant);
  out.u8(claim.low ? 1 : 0);
  if (claim.low) out.svarint(claim.low->value);
  return out.take();
}

std::optional<ChangelogRecord> decode_changelog_record(std::string_view key, std::string_view value) {
  Reader in(value);
  if (in.u8() != kChangelogSchema) return std::nullopt;
  const auto kind = static_cast<Kind>(in.u8());
  ChangelogRecord record{.generation = in.varint(), .body = {}};
  if (!in.ok()) return std::nullopt;
  switch (kind) {
    case Kind::State:
      record.body = read_state(in, key);
      break;
    case Kind::Row:
      record.body = RowRecord{std::string(value.substr(value.size() - in.left()))};
      return record;
    case Kind::Claim:
      record.body = read_claim(in);
      break;
    default:
      return std::nullopt;
  }
  if (!in.ok() || !in.at_end()) return std::nullopt;
  return record;
}

std::string claim_key(Partition partition) { return partition_prefix(partition) + "claim"; }

std::string takeover_key(Partition partition, std::uint64_t generation) {
  std::string key = claim_key(partition);
  for (unsigned i = sizeof generation; i-- > 0;) key.push_back(static_cast<char>(static_cast<unsigned char>(generation >> (8 * i))));
  return key;
}

}  // namespace ringfence
