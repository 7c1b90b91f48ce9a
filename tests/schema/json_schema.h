// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <string>

namespace ringfence::testing {

/// A JSON Schema (draft 7) that documents are held against. One thread.
class JsonSchema {
 public:
  explicit JsonSchema(nlohmann::json document);
  ~JsonSchema();

  /// What the schema finds wrong, a line each; empty where it accepts.
  [[nodiscard]] std::string faults(const nlohmann::json& value) const;
  [[nodiscard]] const nlohmann::json& document() const { return document_; }

 private:
  struct Compiled;

  nlohmann::json document_;
  std::unique_ptr<Compiled> compiled_;
};

/// The project's OCSF schemas: of findings, and of audit records, whose shared objects stand in the former.
[[nodiscard]] const JsonSchema& finding_schema();
[[nodiscard]] const JsonSchema& audit_schema();

}  // namespace ringfence::testing
