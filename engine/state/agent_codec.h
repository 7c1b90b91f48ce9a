// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/state/agent_state.h"

/// An AgentState as bytes. A small one is whole in one part, the core, because what a row costs the store is the row; a larger one is in
/// parts, so that a small change writes little: the core, one part per session, chunks of known acts. Which of the two is a function of the
/// state alone.
///
///   part = schema u8 | model version varint | body | XXH3-64 of all before, seeded with the agent's key and the part's name
///
/// The seed ties a part to its place: a part that stands under another agent or name does not decode. Numbers are those of codec.h; the
/// bodies are written out in agent_codec.cpp. Evidence is sparse (a mask of nonzero slots, then their bits), so a clean scope costs 8
/// bytes.
///
/// Schemas, all read for ever, the newest written:
///   0  before arrivals were counted: no `arrivals`, `acts_forgotten_early` and `seen_verified` in the core, no `arrival` in a session (all
///   read as 0)
///   1  always in parts
///   2  nothing of what gates have confirmed of a containment, and of the calls that passed it
///   3  no `action` of a known act
///   4  no `severity` of a finding
///   5  nothing of the past that a session under a borrowed name has to itself, and no `broken` of a known act
///   6  the present
namespace ringfence {

inline constexpr std::uint8_t kStateSchema = 6;
/// Raised when evidence or channel memories change their meaning without changing their form.
inline constexpr std::uint32_t kModelVersion = 1;
inline constexpr std::size_t kActsPerChunk = 64;
/// A state of up to so many bytes is kept whole: what an event changes of one in parts (core, a session, half a chunk) is no less.
inline constexpr std::size_t kWholeBytes = 2048;

/// An act as it is stored, and the most that `action` and `broken` add; bits of `seen` say whether they follow.
inline constexpr std::size_t kActBytes = 33, kMoreBytes = 6;
inline constexpr std::uint8_t kActionFollows = 0x80, kBrokenFollows = 0x40;

/// On the level of a finding: its `severity` follows.
inline constexpr std::uint8_t kSeverityFollows = 0x80;

/// The byte behind the core's own fields (from schema 2 on): what follows it, or where else to look.
enum class CoreForm : std::uint8_t {
  InParts,  // nothing follows: sessions and acts are parts of their own
  Whole     // the sessions' bodies in order and the acts follow
};

/// Name of a part within its agent.
struct PartId {
  enum class Kind : std::uint8_t { Core, Session, Acts } kind{};
  std::uint64_t number = 0;  // Session: its key; Acts: number of the first act / kActsPerChunk
  auto operator<=>(const PartId&) const = default;
};

/// A part to be written, or to be deleted where `bytes` is absent.
struct PartChange {
  PartId id;
  std::optional<std::string> bytes;
};

/// A part as the store gave it.
struct PartView {
  PartId id;
  std::string_view bytes;
};

/// Checksums of an agent's parts as the store holds them (or will, once all that is on its way is written): what a change is measured
/// against.
struct WrittenParts {
  std::uint64_t core = 0;                                         // 0: none
  std::vector<std::pair<std::uint64_t, std::uint64_t>> sessions;  // key and checksum, in order of slots
  std::uint64_t first_chunk = 0;
  std::vector<std::uint64_t> chunks;
  [[nodiscard]] std::size_t heap_bytes() const;
  /// The parts may have gone from the store meanwhile: those that are still wanted are to be written again, the others deleted.
  void doubt();
};

/// Why bytes are no state. The message names the part and never repeats its content.
struct CodecError {
  enum class Kind : std::uint8_t { Malformed, Checksum, Version, MissingPart } kind{};
  std::string message;
};

struct DecodedAgent {
  AgentState state;
  WrittenParts written;
  std::uint32_t memories_dropped = 0;  // of channels this build does not know, or that refused their bytes
};

/// Encodes states one after another, in buffers that it keeps. One thread.
class AgentEncoder {
 public:
  /// The parts that differ from `written`, which is brought up to date: the core last, deletions included.
  /// Encodes everything once and compares checksums, so no one has to say what changed; about 1 us for an idle agent, 60 us for the
  /// largest.
  [[nodiscard]] std::vector<PartChange> changes(const AgentState& state, WrittenParts& written);

 private:
  Writer core_, part_;
  std::vector<Writer> sessions_;
};
/// The same for one state alone.
[[nodiscard]] std::vector<PartChange> encode_changes(const AgentState& state, WrittenParts& written);

/// The state of `key` from its parts, in any order; parts the core does not name are ignored. Bytes of any schema up to ours.
/// MissingPart where the core names a part that is not among them: fetch all and ask again.
/// Hostile bytes give an error and cost no more than a constant times their size.
[[nodiscard]] std::expected<DecodedAgent, CodecError> decode_agent(const AgentKey& key, std::span<const PartView> parts,
                                                                   const MemoryFactory& memories);

/// What a core comes to when its agent was last heard of before `before`: that of AgentState::start_afresh, with the time it was last heard
/// of, so that it is read as expired again. Nothing for an agent heard of since, a contained one, or bytes that are no core of `key`.
[[nodiscard]] std::optional<std::string> remainder_of(const AgentKey& key, std::string_view core, EventTime before);

/// Of a core: how far its agent's partition is in the state. Nothing for bytes that are no core of `key`.
[[nodiscard]] std::optional<std::int64_t> lsn_of(const AgentKey& key, std::string_view core);

/// What stands in a part whose frame and checksum are right.
struct OpenedPart {
  std::uint8_t schema = 0;
  std::uint64_t model = 0;
  std::uint64_t checksum = 0;
  std::string_view body;
};
[[nodiscard]] std::expected<OpenedPart, CodecError> open_part(const AgentKey& key, const PartView& part);

/// Puts the frame and checksum around a body; `schema` is for tests that write older layouts.
[[nodiscard]] std::string seal_part(const AgentKey& key, PartId id, std::string_view body, std::uint8_t schema = kStateSchema);

/// The same without a copy: `begin_part` makes it a part without a body, `end_part` signs it. Gives the checksum, 8 bytes at the end.
void begin_part(Writer& part);
std::uint64_t end_part(const AgentKey& key, PartId id, Writer& part);

}  // namespace ringfence
