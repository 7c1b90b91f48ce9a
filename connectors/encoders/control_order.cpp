// SPDX-License-Identifier: Apache-2.0
#include "connectors/encoders/control_order.h"

namespace ringfence {
namespace {

std::unexpected<ControlRefusal> stale(const char* what) { return std::unexpected(ControlRefusal{AckStatus::Stale, what}); }

}  // namespace

std::expected<void, ControlRefusal> ControlOrder::admit_claim(const Claim& claim) {
  Writer& writer = writers_[claim.writer];
  if (claim.generation > writer.generation) {
    writer = {claim.generation, claim.claimant};
    return {};
  }
  if (claim.generation == writer.generation && claim.claimant == writer.claimant) return {};
  return stale("generation: claimed before, or lower than the writer's");
}

/// A record may speak for a generation whose claim compaction has removed; that raises the floor all the same.
bool ControlOrder::admit_generation(const std::string& writer, std::uint64_t generation) {
  Writer& known = writers_[writer];
  if (generation < known.generation) return false;
  if (generation > known.generation) known = {generation, ""};
  return true;
}

std::expected<void, ControlRefusal> ControlOrder::admit(std::string_view key, const ControlMessage& message) {
  if (const auto* claim = std::get_if<Claim>(&message.body)) return admit_claim(*claim);
  if (const auto* beat = std::get_if<Heartbeat>(&message.body)) {
    if (!admit_generation(beat->writer, beat->generation)) return stale("generation: lower than the writer's");
    return {};
  }
  const auto* containment = std::get_if<SignedContainment>(&message.body);
  if (containment == nullptr) return std::unexpected(ControlRefusal{AckStatus::Unsupported, "events: not a control record"});
  if (!admit_generation(containment->writer, containment->generation)) return stale("generation: lower than the writer's");
  Key& known = keys_[std::string(key)];
  const std::uint64_t epoch = containment->record.epoch;
  if (epoch < known.epoch || (epoch == known.epoch && message.jti != known.jti)) return stale("epoch: not above the key's");
  known = {epoch, message.jti};
  return {};
}

void ControlOrder::forget(std::string_view key) {
  if (const auto known = keys_.find(key); known != keys_.end()) keys_.erase(known);
}

std::uint64_t ControlOrder::generation(std::string_view writer) const {
  const auto found = writers_.find(writer);
  return found == writers_.end() ? 0 : found->second.generation;
}

std::uint64_t ControlOrder::epoch(std::string_view key) const {
  const auto found = keys_.find(key);
  return found == keys_.end() ? 0 : found->second.epoch;
}

std::string_view ControlOrder::claimant(std::string_view writer) const {
  const auto found = writers_.find(writer);
  return found == writers_.end() ? std::string_view() : found->second.claimant;
}

}  // namespace ringfence
