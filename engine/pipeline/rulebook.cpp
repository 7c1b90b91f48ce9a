// SPDX-License-Identifier: Apache-2.0
#include "engine/pipeline/rulebook.h"

#include <algorithm>
#include <bit>
#include <limits>

#include "engine/event/hash.h"

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

/// What binds a delegate of `parent`: its own barriers where the parent's job delegates nothing.
Barriers narrower(const Persona& job, const Persona& parent) {
  Barriers both = job.barriers;
  if (!parent.delegation.declared || parent.delegation.to.empty()) return both;
  both.denials = std::min(both.denials, parent.barriers.denials);
  both.retries = std::min(both.retries, parent.barriers.retries);
  return both;
}

bool same(const Barriers& a, const Barriers& b) { return a.denials == b.denials && a.retries == b.retries; }

std::uint64_t name_of(const Barriers& barriers, std::uint64_t own) {
  return hash64(std::to_string(std::bit_cast<std::uint64_t>(barriers.denials)) + "/" + std::to_string(barriers.retries), own);
}

}  // namespace

Rulebook::Rulebook(PersonaSet set, std::span<const Channel* const> channels) : set_(std::move(set)), channels_(channels) {
  compile(1);
  narrow();
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
    plans_.emplace_back(kChannels);
    for (const Channel* channel : channels_) plans_.back()[static_cast<std::size_t>(channel->info().id)] = channel->prepare(persona, set_);
    names_.push_back(hash64(persona.sha256));
    stamp_ = hash64(persona.sha256, stamp_);
  }
  narrowed_.resize(set_.personas().size());
}

void Rulebook::narrow() {
  const std::vector<Persona>& all = set_.personas();
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (!all[i].delegation.declared || all[i].delegation.from.empty()) continue;
    for (const Persona& parent : all) {
      const Barriers both = narrower(all[i], parent);
      std::vector<Narrowed>& known = narrowed_[i];
      if (same(both, all[i].barriers) || known.size() == kNarrowed) continue;
      if (std::ranges::any_of(known, [&](const Narrowed& n) { return n.denials == both.denials && n.retries == both.retries; })) continue;
      Persona job = all[i];
      job.barriers = both;
      known.push_back({both.denials, both.retries, name_of(both, names_[i]), std::make_unique<const Tables>(job, channels_)});
    }
  }
}

Rulebook::Basis Rulebook::basis(std::size_t index, const Persona* parent) const {
  if (parent != nullptr && !narrowed_[index].empty()) {
    const Barriers both = narrower(persona(index), *parent);
    for (const Narrowed& one : narrowed_[index])
      if (one.denials == both.denials && one.retries == both.retries) return {one.tables.get(), one.name};
  }
  return {&tables_[index], names_[index]};
}

const Tables& Rulebook::tables_named(std::size_t index, std::uint64_t name) const {
  const auto both = std::ranges::find(narrowed_[index], name, &Narrowed::name);
  return both == narrowed_[index].end() ? tables_[index] : *both->tables;
}

std::size_t Rulebook::persona_named(std::uint64_t name) const {
  const auto named = [name](const Narrowed& both) { return both.name == name; };
  for (std::size_t i = 0; i < names_.size(); ++i)
    if (names_[i] == name || std::ranges::any_of(narrowed_[i], named)) return i;
  return kNoPersona;
}

}  // namespace ringfence
