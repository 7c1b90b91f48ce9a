// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/state/channel_memory.h"
#include "models/byte_masks.h"
#include "models/flow_filter.h"
#include "models/flow_text.h"

/// What the flow channel remembers (docs/design/flow.md §3): of one session at most 32 KiB, each part made when a task or a result first
/// needs it. No text of an outsider is kept, only hashes of its words: what `privacy.keep_text` would permit nobody needs. Nothing here
/// can be looked up without the state; writing and reading it back is exact.
namespace ringfence::flow {

/// Where a value of a call comes from, in the order in which one answer beats the next (flow.md §2, rule 6; a fitting order beats a
/// record).
enum class Origin : std::uint8_t { User, Listed, Record, Mention, Nowhere, Command };

/// Hashes, cut to 32 bits: at most 2,048, in rows of four, each in the emptier of its two rows; where both are full the oldest of one goes.
/// One that is not there is found once in five hundred million times. Grows by doubling.
class LeafSet {
 public:
  static constexpr std::size_t kMost = 2048;
  /// How many others had to go for it: 0, in a full set mostly 1.
  std::uint32_t add(std::uint64_t hash) {
    const std::uint32_t half = cut(hash);
    return has(half) ? 0 : add_cut(half);
  }
  [[nodiscard]] bool holds(std::uint64_t hash) const { return has(cut(hash)); }
  [[nodiscard]] std::size_t bytes() const { return places_.capacity() * sizeof(std::uint32_t); }
  void fetch_parts() const { fetch_ahead(places_, 1024); }
  void encode(Writer& out) const;
  [[nodiscard]] bool decode(Reader& in);
  /// The form of the version before, with all 64 bits.
  [[nodiscard]] bool decode_whole(Reader& in);

 private:
  static constexpr std::size_t kRow = 4;  // written out in `put`
  static constexpr std::size_t kFirst = 64;

  /// Never 0.
  static std::uint32_t cut(std::uint64_t hash) {
    const auto half = static_cast<std::uint32_t>(hash ^ hash >> 32U);
    return half == 0 ? 1 : half;
  }
  [[nodiscard]] bool has(std::uint32_t half) const {
    if (places_.empty()) return false;
    const std::uint32_t* const all = places_.data();
    return bytes::any_equal(all + first_row(half), all + second_row(half), half);
  }
  [[nodiscard]] std::size_t rows() const { return places_.size() / kRow; }
  [[nodiscard]] std::size_t first_row(std::uint32_t hash) const { return (hash & (rows() - 1)) * kRow; }
  [[nodiscard]] std::size_t second_row(std::uint32_t hash) const { return (hash * 0x9E3779B1U >> 16U & (rows() - 1)) * kRow; }
  /// How many places of the row are taken, which are those in front.
  [[nodiscard]] std::size_t used(std::size_t row) const {
    return static_cast<std::size_t>(std::countr_zero(bytes::where_equal(places_.data() + row, 0) | 1U << kRow));
  }
  /// One that is not there.
  std::uint32_t add_cut(std::uint32_t hash);
  void put(std::size_t row, std::uint32_t hash);
  std::uint32_t grow();
  std::vector<std::uint32_t> places_;  // 0: empty; of a row the newest first
};

/// A commanding sentence, or a part of a long one, as hashes of its words.
struct Order {
  static constexpr std::size_t kWords = 48, kOverlap = 8, kSourceBytes = 40;
  struct Word {
    std::uint32_t word = 0, stem = 0;
    bool operator==(const Word&) const = default;
  };
  bool addressed = false;  // its leaf speaks to the agent
  bool pointed = false;    // every call it came from had an argument that the user wrote
  bool untrusted = false;  // outsiders can write there
  std::uint64_t kin = 0, nouns = 0;
  std::string source;  // id of the first call it came from, shortened
  std::vector<Word> words;
};

/// What is settled of a value that a call has carried.
struct Settled {
  Origin origin{};
  bool addressed = false, pointed = false;
};

/// What the finding's sentence tells of the most suspicious value so far.
struct Told {
  std::uint8_t cls = 0;
  std::string argument;  // escaped and short
  std::string source;    // id of the call whose result it stood in; empty where that is not known
};

class FlowSession final : public ChannelMemory {
 public:
  static constexpr std::size_t kOrders = 16, kSettled = 128, kTaskWords = 512, kPending = 32, kClasses = 7;

  explicit FlowSession(std::uint64_t seed) : seed_(seed) {}

  // The task.
  void hear_task(const TaskText& task);
  [[nodiscard]] bool task_known() const { return task_known_; }
  [[nodiscard]] bool has_task_words() const { return !task_.empty(); }
  /// The user wrote the value: its words stand in the task's text in a row.
  [[nodiscard]] bool user_wrote(WordSpan value) const;
  [[nodiscard]] bool task_holds_any(const std::vector<std::uint64_t>& words) const;
  [[nodiscard]] bool task_holds(std::uint64_t word) const { return user_wrote({&word, 1}); }
  std::uint64_t task_kin = 0, task_nouns = 0;
  bool follows = false, follows_all = false;  // as TaskText has them

  // Results.
  void learn_record(WordSpan whole) { leaf(run_hash(whole) ^ kWhole); }
  /// Runs of up to three words of a bare leaf of a trusted result.
  void learn_trusted(WordSpan words);
  void learn_mention(WordSpan words);
  void learn_order(Order order);
  [[nodiscard]] bool is_record(WordSpan value) const;
  [[nodiscard]] bool is_mentioned(WordSpan value) const;
  [[nodiscard]] const std::vector<Order>& orders() const { return orders_; }
  /// Among orders that had to go, one held the value: addressed, pointed at. Rarely true of a value that none held, never false of one.
  [[nodiscard]] bool gone_order_held(WordSpan value, bool addressed, bool pointed) const;
  [[nodiscard]] static bool holds(const Order& order, WordSpan value);

  // Values, by their hashes, of which 32 bits are kept: one of 128 that is not among them passes for one once in 30 million times.
  [[nodiscard]] std::optional<Settled> settled(std::uint64_t value) const;
  /// The same of a value that this call carries.
  [[nodiscard]] std::optional<Settled> used(std::uint64_t value);
  void settle(std::uint64_t value, Settled what);

  // Calls whose completion may lack their arguments.
  void await(std::uint64_t act, bool pointed);
  /// True if the act was awaited and an argument of its request was the user's.
  bool arrived(std::uint64_t act);

  /// Answers are still to come.
  [[nodiscard]] bool waiting() const { return waiting_ > 0; }
  /// What the feed has shown so far is at hand: a task or a result, no answer still to come, and nothing forgotten.
  [[nodiscard]] bool current() const { return (task_known_ || results > 0) && !waiting() && lost_leaves == 0; }
  /// And each call that worked came with its result: everything that could have given a value was seen.
  [[nodiscard]] bool complete() const { return current() && unheard == 0; }
  [[nodiscard]] bool blind() const { return calls > 0 && results == 0; }

  std::uint32_t calls = 0, results = 0;
  std::uint32_t unheard = 0;  // calls that worked without a result
  std::uint32_t lost_leaves = 0, lost_orders = 0, lost_values = 0, lost_task = 0;
  std::array<std::uint32_t, kClasses> seen{};  // calls per class
  Told told;

  void encode(Writer& out) const override;
  [[nodiscard]] std::size_t bytes() const override;
  void fetch_parts() const override {
    fetch_rest(*this);
    leaves_.fetch_parts();
    fetch_ahead(values_, 512);
    if (prose_) fetch_ahead(prose_.get(), sizeof *prose_);
  }
  [[nodiscard]] static std::unique_ptr<ChannelMemory> decode(Reader& in);

 private:
  static constexpr std::uint64_t kWhole = 0xA5A5'0001'5A5A'0002ULL;
  using Prose = GramFilter<1024>;
  using Gone = GramFilter<256>;

  bool decode_values(Reader& in, bool whole);
  /// What the words tables say of the words kept, where they were other ones when it was written.
  void look_up_anew();
  [[nodiscard]] std::uint32_t task_hash(std::uint64_t word) const;
  void leaf(std::uint64_t hash) { lost_leaves += leaves_.add(hash); }
  void forget_oldest_order();

  std::uint64_t seed_;  // an outsider who could know the hashes of the task's words could forge a match of 32 bits
  bool task_known_ = false;
  std::vector<std::uint32_t> task_;
  LeafSet leaves_;
  std::unique_ptr<Prose> prose_;
  std::unique_ptr<Gone> gone_;
  std::vector<Order> orders_;  // least recently read first
  /// What is settled of a value, and the number of the call that used it last.
  class Use {
   public:
    Use() = default;
    Use(Settled what, std::uint32_t call)
        : bits_(static_cast<std::uint32_t>(what.origin) | (what.addressed ? 8U : 0U) | (what.pointed ? 16U : 0U)) {
      use(call);
    }
    void use(std::uint32_t call) { bits_ = (bits_ & 31U) | std::min(call, ~std::uint32_t{0} >> 5U) << 5U; }
    [[nodiscard]] std::uint32_t call() const { return bits_ >> 5U; }
    [[nodiscard]] Settled what() const { return {static_cast<Origin>(bits_ & 7U), (bits_ & 8U) != 0, (bits_ & 16U) != 0}; }

   private:
    std::uint32_t bits_ = 0;
  };

  std::vector<std::uint32_t> values_;   // settled ones
  std::vector<Use> uses_;               // of each
  std::vector<std::uint64_t> pointed_;  // awaited acts whose request had an argument of the user's
  std::uint32_t waiting_ = 0;           // requests judged whose completion has not come
};

/// Labels of data that the agent has read, over all its sessions, at most 64 of 64 bytes, and whether it has read any artefact, whose
/// labels others may know. Of up to 8 writes under way what they write, for completions that do not repeat it.
class FlowAgent final : public ChannelMemory {
 public:
  static constexpr std::size_t kLabels = 64, kLabelBytes = 64, kArtefactBytes = 512, kWrites = 8;
  struct Label {
    std::string name;
    std::string source;  // id of the call that read it first, shortened
  };

  void carry(std::string_view label, std::string_view source);
  [[nodiscard]] const Label* carried(std::string_view label) const;
  [[nodiscard]] const std::vector<Label>& labels() const { return labels_; }
  void read() { reads_ = true; }
  [[nodiscard]] bool reads() const { return reads_; }
  /// Keeps what a request is about to write; false where there is no room.
  [[nodiscard]] bool await(std::uint64_t act, std::string_view artefact);
  /// What the awaited act writes; nothing where it is none.
  [[nodiscard]] std::optional<std::string> arrived(std::uint64_t act);

  void encode(Writer& out) const override;
  [[nodiscard]] std::size_t bytes() const override;
  void fetch_parts() const override { fetch_ahead(labels_); }
  [[nodiscard]] static std::unique_ptr<ChannelMemory> decode(Reader& in);

 private:
  struct Write {
    std::uint64_t act = 0;  // hash of its id
    std::string artefact;
  };
  std::vector<Label> labels_;  // in order of name
  bool reads_ = false;
  std::vector<Write> writes_;  // under way, oldest first
};

/// An id as findings may show it: at most `Order::kSourceBytes`, cut at a character.
[[nodiscard]] std::string short_id(std::string_view id);

}  // namespace ringfence::flow
