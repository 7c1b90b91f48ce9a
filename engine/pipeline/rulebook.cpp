// SPDX-License-Identifier: Apache-2.0
#include "engine/pipeline/rulebook.h"

#include <algorithm>
#include <limits>

#include "engine/event/hash.h"
#include "engine/persona/delegated.h"

namespace ringfence {
namespace {

constexpr double kWiderForAdopted = 2;  // detection.md §3.6

/// A job as it binds an agent that only seems to do it: people are told, nothing is stopped.
Persona to_adopt(Persona job) {
  job.response.mode = std::min(job.response.mode, Mode::Alert);
  job.response.scores.throttle = job.response.scores.halt = std::numeric_limits<double>::max();
  job.response.analytics.clear();
  job.response.holds_to_halt = 0;
  return job;
}

PersonaSet adopted_set(const PersonaSet& set) {
  std::vector<Persona> jobs;
  for (const Persona& persona : set.personas()) {
    if (jobs.size() == Rulebook::kAdopted) break;
    jobs.push_back(to_adopt(persona));
  }
  return {std::move(jobs), {}, false};
}

}  // namespace

Rulebook::Rulebook(PersonaSet set, std::span<const Channel* const> channels) : set_(std::move(set)), channels_(channels) {
  compile(1);
  for (std::size_t i = 0; i < set_.personas().size(); ++i) narrow(i);
  adopted_.reset(new Rulebook(Adopted{}, *this));
}

Rulebook::Rulebook(Adopted /*tag*/, const Rulebook& own) : set_(adopted_set(own.set_)), channels_(own.channels_) {
  compile(kWiderForAdopted);
  for (std::uint64_t& name : names_) name = hash64("adopted", name);
}

void Rulebook::compile(double loosened) {
  tables_.reserve(set_.personas().size());
  for (const Persona& persona : set_.personas()) {
    tables_.emplace_back(persona, channels_, loosened);
    plans_.push_back(prepared(persona));
    names_.push_back(hash64(persona.sha256));
    stamp_ = hash64(persona.sha256, stamp_);
  }
  narrowed_.resize(set_.personas().size());
}

Rulebook::Plans Rulebook::prepared(const Persona& persona) const {
  Plans plans(kChannels);
  for (const Channel* channel : channels_) plans[static_cast<std::size_t>(channel->info().id)] = channel->prepare(persona, set_);
  return plans;
}

/// 0 where none of them narrows others.
std::uint64_t Rulebook::chain_key(std::size_t index, std::span<const Persona* const> parents) const {
  std::vector<std::uint64_t> names;
  for (const Persona* const parent : parents) {
    const auto at = static_cast<std::size_t>(parent - set_.personas().data());
    if (at != index && parent->delegation.declared && !parent->delegation.to.empty()) names.push_back(names_[at]);
  }
  std::ranges::sort(names);
  names.erase(std::ranges::unique(names).begin(), names.end());
  std::uint64_t key = 0;
  for (const std::uint64_t name : names) key = hash64("delegated", key ^ name);
  return key;
}

/// Chains from the nearest parent upwards, shorter ones first.
void Rulebook::narrow(std::size_t index) {
  const std::vector<Persona>& all = set_.personas();
  const auto known = [&](std::uint64_t key) { return std::ranges::find(narrowed_[index], key, &Narrowed::key) != narrowed_[index].end(); };
  std::vector<std::vector<const Persona*>> chains{{}};
  for (std::size_t at = 0; at < chains.size() && narrowed_[index].size() < kNarrowed; ++at) {
    const std::vector<const Persona*> below = chains[at];
    const Persona& last = below.empty() ? all[index] : *below.back();
    for (const Persona& parent : all) {
      if (narrowed_[index].size() == kNarrowed) break;
      if (&parent == &all[index] || std::ranges::find(below, &parent) != below.end() || !may_delegate(parent, last)) continue;
      std::vector<const Persona*> chain = below;
      chain.push_back(&parent);
      const std::uint64_t key = chain_key(index, chain);
      if (known(key)) continue;
      std::optional<Persona> job;
      for (const Persona* const above : chain)
        if (std::optional<Persona> both = delegated(job ? *job : all[index], *above)) job = std::move(both);
      Narrowed made{.key = key, .name = names_[index]};
      if (job) {
        made.name = hash64("delegated", names_[index] ^ key);
        made.job = std::make_unique<const Persona>(std::move(*job));
        made.tables = std::make_unique<const Tables>(*made.job, channels_);
        made.plans = prepared(*made.job);
      }
      narrowed_[index].push_back(std::move(made));
      if (chain.size() < kChainJobs) chains.push_back(std::move(chain));
    }
  }
}

Rulebook::Basis Rulebook::basis(std::size_t index, std::span<const Persona* const> parents) const {
  const Basis own{&persona(index), &tables_[index], plans_[index], names_[index]};
  if (parents.empty() || narrowed_[index].empty()) return own;
  auto found = std::ranges::find(narrowed_[index], chain_key(index, parents), &Narrowed::key);
  if (found == narrowed_[index].end()) found = std::ranges::find(narrowed_[index], chain_key(index, parents.first(1)), &Narrowed::key);
  if (found == narrowed_[index].end() || !found->job) return own;
  return {found->job.get(), found->tables.get(), found->plans, found->name};
}

const Tables& Rulebook::tables_named(std::size_t index, std::uint64_t name) const {
  const auto both = std::ranges::find(narrowed_[index], name, &Narrowed::name);
  return both == narrowed_[index].end() || !both->tables ? tables_[index] : *both->tables;
}

std::size_t Rulebook::persona_named(std::uint64_t name) const {
  const auto named = [name](const Narrowed& both) { return both.name == name; };
  for (std::size_t i = 0; i < names_.size(); ++i)
    if (names_[i] == name || std::ranges::any_of(narrowed_[i], named)) return i;
  return kNoPersona;
}

}  // namespace ringfence
