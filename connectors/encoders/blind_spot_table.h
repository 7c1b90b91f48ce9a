// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "engine/verdict/blind_spots.h"

/// A persona's blind spots for its owner (engine/verdict/blind_spots.h says what the figures mean).
namespace ringfence {

/// What the columns mean, a few lines: printed once above any number of tables.
[[nodiscard]] std::string blind_spot_legend();
/// A table of fixed columns, lines ending in a line feed, escaped for a terminal; no colour. Calls are rounded up, acts a day down.
[[nodiscard]] std::string blind_spot_table(const BlindSpots& spots, std::string_view persona);
/// One JSON object, ASCII only; `null` where a level is never reached.
[[nodiscard]] std::string blind_spot_json(const BlindSpots& spots, std::string_view persona);

}  // namespace ringfence
