// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "engine/persona/persona.h"
#include "models/channel.h"
#include "models/detector.h"

namespace ringfence {

/// A persona set with its compiled tables: what a shard judges by. Immutable, shared by all shards, replaced as a whole.
///
/// A delegate is held to its own caps or its parent's, whichever are narrower (persona.md, delegation): where both jobs declare a
/// delegation and the parent's share of refusals or its retries are narrower, tables of their own are compiled, at most 16 a delegate;
/// beyond that its own hold. What a cap says must mean the same in both jobs, so rungs and shares, which speak of a job's own actions,
/// stay the delegate's; the hard maxima of the parent are judged by the limits channel (`Act::parent`).
///
/// An agent without a persona may be held to the caps of the job that its calls fit, twice as wide and for an alert at most: `adopted`, for
/// the first 64 personas.
class Rulebook {
 public:
  static constexpr std::size_t kNoPersona = static_cast<std::size_t>(-1);
  static constexpr std::size_t kNarrowed = 16, kAdopted = 64;

  Rulebook(PersonaSet set, std::span<const Channel* const> channels);

  [[nodiscard]] const PersonaSet& set() const { return set_; }
  [[nodiscard]] std::span<const Channel* const> channels() const { return channels_; }
  /// Names the personas and their order: an index into one rulebook means the same in another of this stamp. Never 0. An address would not
  /// do: the next set but one may lie where this one lay.
  [[nodiscard]] std::uint64_t stamp() const { return stamp_; }
  [[nodiscard]] const Persona& persona(std::size_t index) const { return set_.personas()[index]; }
  [[nodiscard]] const Tables& tables(std::size_t index) const { return tables_[index]; }
  /// What each channel prepared for the persona, by ChannelId.
  [[nodiscard]] std::span<const std::unique_ptr<const ChannelPlan>> plans(std::size_t index) const { return plans_[index]; }
  /// Index of the persona this event is held against, or kNoPersona.
  [[nodiscard]] std::size_t match(const Event& event) const {
    const Persona* found = set_.match(event);
    return found == nullptr ? kNoPersona : static_cast<std::size_t>(found - set_.personas().data());
  }

  /// Tables and the name under which an agent's state remembers them (`AgentState::persona`).
  struct Basis {
    const Tables* tables = nullptr;
    std::uint64_t name = 0;
  };
  /// What an act is judged by: the persona's own tables, or the narrower ones of a delegate. `parent` may be null.
  [[nodiscard]] Basis basis(std::size_t index, const Persona* parent) const;
  /// The tables of that name for this persona, else its own.
  [[nodiscard]] const Tables& tables_named(std::size_t index, std::uint64_t name) const;
  /// The persona whose tables bear the name, or kNoPersona.
  [[nodiscard]] std::size_t persona_named(std::uint64_t name) const;

  /// The rules for agents without a persona: copies that never hold anything, in the order of `set`. Null in these rules themselves.
  [[nodiscard]] const Rulebook* adopted() const { return adopted_.get(); }

 private:
  struct Adopted {};
  Rulebook(Adopted, const Rulebook& own);
  void compile(double loosened);
  void narrow();

  /// Tables of a delegate under narrower barriers than its own.
  struct Narrowed {
    double denials = 0;
    int retries = 0;
    std::uint64_t name = 0;
    std::unique_ptr<const Tables> tables;
  };

  PersonaSet set_;
  std::span<const Channel* const> channels_;
  std::vector<Tables> tables_;
  std::vector<std::vector<std::unique_ptr<const ChannelPlan>>> plans_;  // [persona][channel]
  std::vector<std::uint64_t> names_;                                    // of tables_
  std::vector<std::vector<Narrowed>> narrowed_;                         // [persona], most are empty
  std::uint64_t stamp_ = 1;
  std::unique_ptr<const Rulebook> adopted_;
};

}  // namespace ringfence
