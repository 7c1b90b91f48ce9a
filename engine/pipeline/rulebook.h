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
/// A delegate is held to the elementwise minimum of its own job and those along the chain it was delegated over
/// (engine/persona/delegated.h): jobs, tables and plans of their own are compiled for each chain that the declarations allow and that
/// narrows anything, at most 16 a delegate and 4 jobs long. Of a chain that is not among them the nearest parent counts.
///
/// An agent without a persona may be held to the caps of the job that its calls fit, twice as wide and for an alert at most: `adopted`, for
/// the first 64 personas.
class Rulebook {
 public:
  static constexpr std::size_t kNoPersona = static_cast<std::size_t>(-1);
  static constexpr std::size_t kNarrowed = 16, kChainJobs = 4, kAdopted = 64;

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

  /// What an act is held against, and the name under which an agent's state remembers the tables (`AgentState::persona`).
  struct Basis {
    const Persona* job = nullptr;
    const Tables* tables = nullptr;
    std::span<const std::unique_ptr<const ChannelPlan>> plans;
    std::uint64_t name = 0;
  };
  /// The persona itself, or a delegate's narrower one; `parents` are jobs of this set, nearest first.
  [[nodiscard]] Basis basis(std::size_t index, std::span<const Persona* const> parents) const;
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

  using Plans = std::vector<std::unique_ptr<const ChannelPlan>>;
  [[nodiscard]] Plans prepared(const Persona& persona) const;
  void narrow(std::size_t index);
  [[nodiscard]] std::uint64_t chain_key(std::size_t index, std::span<const Persona* const> parents) const;

  /// A delegate's job under those it was delegated from. Apart from the vector, so that what plans borrow stays where it is.
  struct Narrowed {
    std::uint64_t key = 0;   // of the jobs above it, whatever their order
    std::uint64_t name = 0;  // of the tables; the same as the persona's own where nothing is narrower
    std::unique_ptr<const Persona> job;
    std::unique_ptr<const Tables> tables;
    Plans plans;
  };

  PersonaSet set_;
  std::span<const Channel* const> channels_;
  std::vector<Tables> tables_;
  std::vector<Plans> plans_;                     // [persona][channel]
  std::vector<std::uint64_t> names_;             // of tables_
  std::vector<std::vector<Narrowed>> narrowed_;  // [persona], most are empty
  std::uint64_t stamp_ = 1;
  std::unique_ptr<const Rulebook> adopted_;
};

}  // namespace ringfence
