// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

namespace ringfence::testing {

/// A file of deploy/gateways with a test's own addresses and paths in it, and nothing else of it changed. What is to be replaced must be
/// there: a file that has changed would otherwise be tested with what nobody meant.
class ShippedFile {
 public:
  /// `name` is that of the file. Throws where there is none.
  explicit ShippedFile(const std::string& name);
  /// Replaces every `from`; throws where there is none.
  ShippedFile& put(const std::string& from, const std::string& to);
  /// Replaces a port wherever it stands.
  ShippedFile& put_port(std::uint16_t shipped, std::uint16_t own);

  [[nodiscard]] const std::string& text() const { return text_; }
  /// The gate's settings that stand in the file's head, with `own` lines of section `gate` before the others of that section. Section `ask`
  /// comes last, and only `with_asking`.
  [[nodiscard]] std::string gate_settings(const std::string& own, bool with_asking) const;

 private:
  std::string name_, text_;
};

}  // namespace ringfence::testing
