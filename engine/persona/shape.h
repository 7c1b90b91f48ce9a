// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace ringfence {

/// The shape of an identifier (docs/contracts/event.md, `arg_ids`): what is left of it when its value is taken away.
/// A uuid is looked for first, in the whole text, where no letter or digit touches it; the rest is cut at `/ . : - _` and each piece
/// becomes `dec-N` (digits only), `hex-N` (8 and more hex digits), `word` (letters only) or `mixed`; the pieces are joined by `.`, empty
/// pieces vanish. Letters are those of ASCII and every byte above it, so a name in any script is a word. Of `INV-20441` it is `word.dec-5`.
[[nodiscard]] std::string shape_of(std::string_view id);

/// True for a text `shape_of` can give: pieces `uuid`, `dec-N`, `hex-N` (N from 8), `word`, `mixed`, joined by `.`.
[[nodiscard]] bool is_shape(std::string_view text);

}  // namespace ringfence
