// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "models/channel.h"
#include "models/detector.h"

namespace ringfence::simulation {

/// What bounds the classes of one context under a null: their caps as the table prints them, 0 for a class that counts as another one
/// there, whose cap bounds both and whose factor both have.
inline std::vector<double> bounds_of(const Tables& tables, const Channel& channel, const Persona& persona, Null null, std::size_t context) {
  const auto as = null == Null::Alert ? std::vector<std::vector<std::uint8_t>>{} : channel.declared_classes(persona);
  std::vector<double> v(channel.info().classes.size());
  for (std::size_t cls = 0; cls < v.size(); ++cls)
    if (as.empty() || as[context][cls] == cls)
      v[cls] = tables.cap(null, {channel.info().id, static_cast<std::uint8_t>(context), static_cast<std::uint8_t>(cls)});
  return v;
}

}  // namespace ringfence::simulation
