// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <expected>
#include <filesystem>
#include <string>

namespace ringfence::testing {

/// What a certificate of a test says besides its name.
struct CertificateOf {
  std::string issuer;  // one made before in the same directory; empty: it signs itself
  std::string names;   // as `IP:127.0.0.1,URI:spiffe://…`; empty: none
};
/// Makes `NAME.pem` and its key `NAME.key`, which is the owner's alone, in the directory; valid for a day.
[[nodiscard]] std::expected<void, std::string> make_certificate(const std::filesystem::path& directory, const std::string& name,
                                                                const CertificateOf& of = {});

}  // namespace ringfence::testing
