// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace ringfence::decoding {

struct Salvaged {
  std::string agent_id, tenant;
  bool foreign = false;  // read to its end, and neither `v` nor `kind` was there: it does not say that it is an event of ours
};

/// The agent and tenant a refused record still shows, whatever is wrong elsewhere in it: reads only quotes, brackets and commas, takes the
/// first of two equal keys. `tenant` is `default` where the record was read to its end and names none. Bounded by `limits::kEventBytes`.
[[nodiscard]] Salvaged salvage(std::string_view record);

}  // namespace ringfence::decoding
