// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>
#include <vector>

#include "models/flow_words.h"

namespace ringfence::flow {

/// URLs, e-mail addresses, host names and account numbers (IBAN, also in groups of four) inside a text, as it has them, without the marks
/// around them. Views of the text.
[[nodiscard]] std::vector<std::string_view> addresses_in(const Words& lexicon, std::string_view text);

}  // namespace ringfence::flow
