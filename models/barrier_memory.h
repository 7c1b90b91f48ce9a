// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/event/event.h"
#include "engine/state/channel_memory.h"
#include "models/moment.h"
#include "models/seen_ids.h"

/// What the barrier channel remembers. Nothing is allocated for an agent that is never refused but the ids its sessions have read.
namespace ringfence {

/// A few numbers, in the object itself.
template <class T, std::size_t Most>
class Handful {
 public:
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] const T* begin() const { return numbers_.data(); }
  [[nodiscard]] const T* end() const { return numbers_.data() + size_; }
  [[nodiscard]] bool has(T number) const { return std::find(begin(), end(), number) != end(); }
  /// One that there is no room for is left out.
  void add(T number) {
    if (size_ < Most) numbers_[size_++] = number;
  }

 private:
  std::array<T, Most> numbers_{};
  std::uint8_t size_ = 0;
};

/// A refused object, as long as its session lives and seven others have not been refused since.
struct Refused {
  /// An identifier kept for comparison by edit distance. Raw, because a hash has no distance: it never leaves the state.
  struct Value {
    std::string text;  // at most 64 bytes
    std::uint32_t template_hash = 0;
  };
  static constexpr std::size_t kValues = 3;
  static constexpr std::size_t kKeys = 4;
  static constexpr std::size_t kPaths = 4;

  std::uint64_t target = 0;
  std::uint32_t tool = 0;
  std::uint32_t credential = 0;  // 0: none named
  std::optional<Effect> effect;
  Handful<std::uint32_t, kKeys> keys;  // of the object, whatever tool or directory leads to it
  std::vector<Value> values;
  Handful<std::uint16_t, kPaths> paths;  // other ways that worked and have been counted
  Moment since;                          // who was asked before knew nothing of it
};

/// Counts for the finding's sentence: one tool of this session since its first refusal.
struct Conduct {
  std::uint32_t tool = 0;
  std::uint32_t calls = 0, refused = 0;
  std::uint32_t near = 0;    // near-misses and other identifiers within two edits of a refused one
  std::uint32_t unread = 0;  // identifiers that stood in nothing the agent had read
  std::uint32_t malformed = 0;
  std::uint64_t near_lengths = 0;  // bit n-1: a near one had n characters
  bool grounds_known = true;       // every near one was known to stand in nothing the agent had read
  static constexpr std::size_t kNamed = 4;
  std::uint32_t place = 0;               // of the target in words, the same for every refused call; 0: it was not, or that is not known
  Handful<std::uint32_t, kNamed> named;  // kinds and values of the first identifiers of the first refused call
};

/// What a request asked for, until its completion comes: a gateway may say it only once. Up to four identifiers as they were written.
struct Asked {
  struct Said {
    std::string text;  // at most 64 bytes; where `hashed`, the element of `arg_ids`, at most 128
    bool hashed = false;
  };
  static constexpr std::size_t kSaid = 4;

  std::uint64_t event = 0;  // hash of its id
  std::uint64_t target = 0;
  std::uint32_t tool = 0;
  std::uint32_t credential = 0;
  Handful<std::uint32_t, Refused::kKeys> keys;
  std::vector<Said> said;
};

/// Of one session: 70 bytes, the ids read (2 KiB at most), and from the first refusal on the ring and the counts (2.8 KiB at most); while
/// requests are open 0.1 KiB each, of at most 8.
class BarrierSession final : public ChannelMemory {
 public:
  static constexpr std::size_t kRing = 8;
  static constexpr std::size_t kCredentials = 4;
  static constexpr std::size_t kConducts = 4;
  static constexpr std::size_t kAsked = 8;
  static constexpr std::size_t kRuns = 8;
  /// A run of refusals that is over: when the first became known, and the success that ended it.
  struct Run {
    Moment began, ended;
  };
  struct Refusals {
    std::vector<Refused> ring;      // oldest first
    std::vector<Conduct> conducts;  // least recently refused first
    std::vector<Run> runs;          // oldest first; in the place of more than eight, the two oldest are one
  };

  bool after_refusal = false;              // the context of the next call
  Moment run_began;                        // when the refusal that the present run of them began with became known
  Moment refused_last;                     // when the latest refusal became known
  bool text_known = false;                 // task text or results have been read: groundedness of values is evaluable
  bool hashes_known = false;               // result_ids have been read: groundedness of hashed ids is evaluable
  std::uint32_t serial = 0;                // the session's number within the agent; 0 until its first refusal
  std::vector<std::uint32_t> credentials;  // seen in this session, the first four
  SeenIds seen;
  std::unique_ptr<Refusals> refusals;
  std::unique_ptr<std::vector<Asked>> asked;  // oldest first; null where nothing is open

  void encode(Writer& out) const override;
  [[nodiscard]] std::size_t bytes() const override;
  void fetch_parts() const override { seen.fetch_parts(); }
  [[nodiscard]] static std::unique_ptr<BarrierSession> decode(Reader& in);

  /// Remembers the refused object; the same tool, target and credential again only becomes the newest, known since it was first refused.
  void push(Refused refused);
  /// The tool reached the object after all.
  void forget(std::uint32_t tool, std::uint64_t target);
  /// The present run of refusals is over.
  void end_run(Moment now);
  /// At that moment a run was under way that is over now.
  [[nodiscard]] bool ran_at(Moment moment) const;
  /// The counts of a tool, new ones if `make` is set; null where there are none.
  [[nodiscard]] Conduct* conduct(std::uint32_t tool, bool make);
  /// Keeps what a request asked for; the oldest of more than eight leaves.
  void keep(Asked request);
  /// Hands out what the request of this event asked for, once.
  [[nodiscard]] std::optional<Asked> take(std::uint64_t event);
};

/// Of one agent, from its first refusal on: targets refused or missed, over all its sessions, 64 at most, least recently met out; 12 bytes
/// each. Of a target 32 bits are kept: one that is not among them passes for one once in 60 million times. Beside them the last eight
/// identifiers it was refused that can be compared, 0.1 KiB each, so that one made up from another is known in a later session.
class BarrierAgent final : public ChannelMemory {
 public:
  static constexpr std::size_t kDeadEnds = 64;
  static constexpr std::size_t kValues = 8;
  struct DeadEnd {
    std::uint32_t target = 0;
    std::uint32_t first = 0;     // serial of the session that met it first
    std::uint16_t sessions = 1;  // how many sessions met it
    std::uint16_t last = 0;      // low bits of the serial of the latest of them
  };
  struct RefusedValue {
    std::uint32_t target = 0;  // of the act that named it
    Refused::Value value;
  };

  /// The dead end of this target met before in another session than `serial`; null where there is none.
  [[nodiscard]] const DeadEnd* earlier(std::uint64_t target, std::uint32_t serial) const;
  /// The target is a dead end that the session of this serial met, and none after it.
  [[nodiscard]] bool met_last_in(std::uint64_t target, std::uint32_t serial) const;
  void note(std::uint64_t target, std::uint32_t serial);
  /// An act on this target was refused with these values; the same value again only becomes the newest.
  void keep(std::uint64_t target, const std::vector<Refused::Value>& values);
  [[nodiscard]] const std::vector<RefusedValue>& values() const { return values_; }
  /// The target was reached after all.
  void forget(std::uint64_t target);
  [[nodiscard]] std::uint32_t next_serial() { return ++serials_; }
  [[nodiscard]] bool empty() const { return dead_ends_.empty(); }

  void encode(Writer& out) const override;
  [[nodiscard]] std::size_t bytes() const override;
  void fetch_parts() const override { fetch_ahead(dead_ends_); }
  [[nodiscard]] static std::unique_ptr<BarrierAgent> decode(Reader& in);

 private:
  std::vector<DeadEnd> dead_ends_;    // least recently met first
  std::vector<RefusedValue> values_;  // oldest first
  std::uint32_t serials_ = 0;
};

}  // namespace ringfence
