// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <expected>
#include <string>
#include <string_view>

#include "engine/pipeline/link.h"

namespace ringfence {

inline constexpr std::size_t kLinkBytes = std::size_t{768} * 1024;

/// One link as the value of a record of `ringfence.links`, without line feeds:
///
///   {"v":1,"kind":"root_session","tenant":"corp","subject":"chief/run-1","partition":3,"lsn":17,"index":0,"deed":"act",
///    "marks":[[2,0,0]],"agent":"…","event":"…","time":"…","persona":"<16 hex>",…}
///
/// The same link gives the same bytes.
[[nodiscard]] std::string encode_link(const Link& link);
/// The error names the fault, never the content. At most 768 KiB; the bounds on what a link holds are those of link.h.
[[nodiscard]] std::expected<Link, std::string> decode_link(std::string_view text);

/// Key of the record: links of one subject stand in one partition, in order.
[[nodiscard]] std::string link_record_key(const Link& link);

}  // namespace ringfence
