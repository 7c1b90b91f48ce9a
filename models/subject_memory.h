// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/event/ids.h"
#include "engine/event/limits.h"
#include "engine/state/channel_memory.h"

namespace ringfence {

/// What is remembered of a subject (a root session, a user, an artefact, a credential, a reader, a tree) beside its evidence. At most 258
/// members of 512 bytes, 64 labels, 1,024 source partitions; beyond that members are counted and no longer told apart, labels are left out.
class SubjectMemory final : public ChannelMemory {
 public:
  /// A root, as many children as may be declared, and the one that is too many.
  static constexpr std::size_t kMembers = limits::kChildrenDeclared + 2;
  static constexpr std::size_t kLabels = 64, kPartitions = 1024, kDeeds = 8;

  /// The last link taken of one source partition: what is not above it has been here before.
  struct Seen {
    std::int32_t partition = 0;
    std::int64_t offset = -1;
    std::uint16_t index = 0;
  };

  /// What a reader did with what it had read. Its labels come over the artefact and may be told of only after the deed.
  struct Late {
    EventTime time;
    bool sent = false;                // else written
    std::string what;                 // where to, or the artefact
    std::vector<std::string> labels;  // sent: those forbidden there; written: those that passed already
  };

  /// Takes note of a link's source; false where it is not above the last one of its partition.
  [[nodiscard]] bool news(const Seen& link);
  /// Takes the agent in; true where it is new.
  bool join(std::string_view agent);
  /// Forgets the agent; another takes its place.
  void leave(std::string_view agent);
  /// Labels put there, sorted and bounded, and where they come from; the artefact a label came from first is kept.
  void store(std::span<const std::string> labels, std::string_view from = {});
  [[nodiscard]] const std::vector<std::string>& labels() const { return labels_; }
  /// Where a label that is stored came from; empty where nothing is known.
  [[nodiscard]] std::string_view from(std::string_view label) const;
  /// Keeps a deed of the last eight.
  void did(Late deed);
  /// Adds what a deed did not carry, as far as there is room; gives what was added. `labels` in order.
  [[nodiscard]] static std::vector<std::string> carry(Late& deed, std::span<const std::string> labels);
  [[nodiscard]] std::vector<Late>& deeds() { return deeds_; }
  /// The first of `forbidden` that was stored; empty where none was.
  [[nodiscard]] std::string_view first_of(std::span<const std::string> forbidden) const;
  [[nodiscard]] const std::vector<std::string>& members() const { return members_; }

  void encode(Writer& out) const override;
  [[nodiscard]] std::size_t bytes() const override;
  void fetch_parts() const override {
    fetch_ahead(seen_);
    fetch_ahead(places_);
    fetch_ahead(members_);
  }
  /// Null where the bytes are not a subject's.
  [[nodiscard]] static std::unique_ptr<ChannelMemory> decode(Reader& in);

 private:
  void place_members();

  std::vector<Seen> seen_;            // by partition
  std::vector<std::string> members_;  // in order of appearance

  /// Derived, not encoded: members by hash, so that one out of hundreds is found without reading the others.
  struct Place {
    std::uint32_t hash = 0, member = 0;
    auto operator<=>(const Place&) const = default;
  };
  std::vector<Place> places_;        // sorted
  std::vector<std::string> labels_;  // sorted
  std::vector<std::string> from_;    // of each label, or none at all
  std::vector<Late> deeds_;          // the earliest first
};

}  // namespace ringfence
