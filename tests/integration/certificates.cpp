// SPDX-License-Identifier: Apache-2.0
#include "tests/integration/certificates.h"

#include <vector>

#include "tests/integration/process.h"

namespace ringfence::testing {

std::expected<void, std::string> make_certificate(const std::filesystem::path& directory, const std::string& name,
                                                  const CertificateOf& of) {
  std::vector<std::string> command{"openssl", "req",        "-x509", "-newkey", "ec",          "-pkeyopt", "ec_paramgen_curve:P-256",
                                   "-nodes",  "-days",      "1",     "-keyout", name + ".key", "-out",     name + ".pem",
                                   "-subj",   "/CN=" + name};
  if (!of.issuer.empty()) command.insert(command.end(), {"-CA", of.issuer + ".pem", "-CAkey", of.issuer + ".key"});
  if (!of.names.empty()) command.insert(command.end(), {"-addext", "subjectAltName=" + of.names});
  const auto made = Process::start(command, directory, true);
  if (!made) return std::unexpected("cannot start openssl");
  const std::string said = made->read_all();
  if (made->wait() != 0) return std::unexpected("openssl made no certificate: " + said);
  std::filesystem::permissions(directory / (name + ".key"), std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  return {};
}

}  // namespace ringfence::testing
