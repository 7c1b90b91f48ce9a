// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "engine/state/channel_memory.h"
#include "models/channel.h"

namespace ringfence {

inline constexpr std::size_t kSequenceClasses = 16;
/// In place of a class: the session has none yet.
inline constexpr std::uint8_t kSequenceStart = kSequenceClasses;
using SequenceMix = std::array<float, kSequenceClasses>;

/// Declared weights of a persona's classes: the first 14 actions of the file, the others together, acts outside the persona.
class SequencePlan final : public ChannelPlan {
 public:
  explicit SequencePlan(const Persona& persona);

  [[nodiscard]] bool declares() const { return declares_; }
  [[nodiscard]] std::uint8_t class_of(std::optional<ActionIndex> action) const { return action ? class_of_[*action] : kForeign; }
  /// m_d in the context whose latest class is `before`; of order 0, `shares`.
  [[nodiscard]] const SequenceMix& after(std::uint8_t before) const { return after_[before]; }
  [[nodiscard]] const SequenceMix& shares() const { return shares_; }
  /// b_1 before anything is learned: nine parts in ten where `next` or `start` says what follows.
  [[nodiscard]] float first_weight(std::uint8_t before) const { return declared_[before] ? .9F : .5F; }
  /// P_off: the same for every class there is.
  [[nodiscard]] float off() const { return off_; }
  [[nodiscard]] std::uint64_t stamp() const { return stamp_; }
  /// The persona's own are the first so many; kForeign is the last.
  [[nodiscard]] std::size_t own() const { return own_; }
  static constexpr std::uint8_t kForeign = 15;

 private:
  static constexpr std::uint8_t kOthers = 14;
  void weigh_shares(const Persona& persona);
  void weigh_successors(const Persona& persona);

  bool declares_ = false;
  std::array<std::uint8_t, kActionsMax> class_of_{};
  SequenceMix shares_{};
  std::array<SequenceMix, kSequenceClasses + 1> after_{};
  std::array<bool, kSequenceClasses + 1> declared_{};
  float off_ = 0;
  std::uint64_t stamp_ = 1;
  std::size_t own_ = 0;
};

/// The two classes before, latest first.
struct SequenceContext {
  std::uint8_t one = kSequenceStart, two = kSequenceStart;
  void push(std::uint8_t cls) {
    two = one;
    one = cls;
  }
};

/// What an agent's acts taught. One row per context met, at most 24 (order 0 first): later ones are predicted by the shorter context.
class SequenceMemory final : public ChannelMemory {
 public:
  static constexpr std::size_t kRowsMost = 24;

  explicit SequenceMemory(std::uint64_t plan) : plan_(plan) {}
  [[nodiscard]] std::uint64_t plan() const { return plan_; }

  /// P_2 of a class in a context; above 0.
  [[nodiscard]] double predicted(const SequencePlan& plan, SequenceContext context, std::uint8_t cls) const;
  void learn(const SequencePlan& plan, SequenceContext context, std::uint8_t cls);

  void encode(Writer& out) const override;
  [[nodiscard]] std::size_t bytes() const override {
    return sizeof(*this) + rows_.capacity() * sizeof(Row) + counts_.capacity() * sizeof(float);
  }
  void fetch_parts() const override {
    fetch_ahead(rows_);
    fetch_ahead(counts_, 1024);
  }
  [[nodiscard]] static std::unique_ptr<SequenceMemory> decode(Reader& in);

 private:
  struct Row {
    std::uint16_t key = 0;
    float weight = .5F;  // b_d; of order 0 not used
  };
  static constexpr std::size_t kNone = kRowsMost;
  /// Number of the row of a context, kNone where it has none.
  [[nodiscard]] std::size_t row(std::uint16_t key) const;
  [[nodiscard]] std::size_t make_row(std::uint16_t key, float weight);
  [[nodiscard]] double estimate(const SequenceMix& declared, std::size_t row, std::uint8_t cls) const;
  /// n of a row, as long as it is.
  [[nodiscard]] const float* counts(std::size_t row) const { return counts_.data() + row * width_; }
  [[nodiscard]] float* counts(std::size_t row) { return counts_.data() + row * width_; }
  [[nodiscard]] std::size_t place(std::uint8_t cls) const { return cls == SequencePlan::kForeign ? width_ - 1 : cls; }
  /// Makes room for so many classes of the persona's own.
  void widen(std::size_t own);
  /// One more row, as it was encoded.
  void take(std::uint16_t key, float weight, const SequenceMix& mix);

  std::uint64_t plan_;
  std::size_t width_ = 1;      // classes that are counted: the persona's own as far as any was met, and kForeign
  std::vector<Row> rows_;      // in order of first use
  std::vector<float> counts_;  // of each row, `width_` of them
};

/// The latest classes of a session, and, under a borrowed name, what was learned of it.
class SequenceSession final : public ChannelMemory {
 public:
  std::uint64_t plan = 0;
  SequenceContext context;
  std::unique_ptr<SequenceMemory> own;

  void encode(Writer& out) const override;
  [[nodiscard]] std::size_t bytes() const override { return sizeof(*this) + (own ? own->bytes() : 0); }
  [[nodiscard]] static std::unique_ptr<ChannelMemory> decode(Reader& in);
};

}  // namespace ringfence
