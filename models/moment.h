// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>
#include <cstdint>

#include "engine/event/ids.h"
#include "engine/state/codec.h"

namespace ringfence {

/// A point of an agent's stream: where its clock stood, and how many acts it had been heard of. Points compare as the stream runs, also
/// where many events bear one time.
struct Moment {
  EventTime clock;
  std::uint64_t acts = 0;
  auto operator<=>(const Moment&) const = default;
};

inline void encode_moment(Writer& out, const Moment& moment) {
  out.time(moment.clock);
  out.varint(moment.acts);
}

inline Moment decode_moment(Reader& in) {
  const EventTime clock = in.time();
  return {clock, in.varint()};
}

}  // namespace ringfence
