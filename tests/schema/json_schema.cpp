// SPDX-License-Identifier: Apache-2.0
#include "tests/schema/json_schema.h"

#include <fstream>
#include <utility>
#include <valijson/adapters/nlohmann_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validation_results.hpp>
#include <valijson/validator.hpp>

namespace ringfence::testing {
namespace {

using nlohmann::json;
using valijson::adapters::NlohmannJsonAdapter;

json read(const std::string& name) { return json::parse(std::ifstream(std::string(RINGFENCE_SOURCE_DIR) + "/config/" + name)); }

json finding_document() { return read("ocsf_detection_finding_1.8.0.schema.json"); }

json audit_document() {
  json document = read("ocsf_audit_1.8.0.schema.json");
  const json shared = finding_document();
  for (const auto& [name, object] : shared.at("$defs").items()) document["$defs"].emplace(name, object);
  return document;
}

}  // namespace

struct JsonSchema::Compiled {
  valijson::Schema schema;
};

JsonSchema::JsonSchema(json document) : document_(std::move(document)), compiled_(std::make_unique<Compiled>()) {
  valijson::SchemaParser(valijson::SchemaParser::kDraft7).populateSchema(NlohmannJsonAdapter(document_), compiled_->schema);
}

JsonSchema::~JsonSchema() = default;

std::string JsonSchema::faults(const json& value) const {
  valijson::Validator validator;
  valijson::ValidationResults results;
  if (validator.validate(compiled_->schema, NlohmannJsonAdapter(value), &results)) return "";
  std::string out;
  valijson::ValidationResults::Error error;
  while (results.popError(error)) {
    for (const std::string& part : error.context) out += part;
    out += ": " + error.description + "\n";
  }
  return out.empty() ? "refused without a reason\n" : out;
}

const JsonSchema& finding_schema() {
  static const JsonSchema loaded(finding_document());
  return loaded;
}

const JsonSchema& audit_schema() {
  static const JsonSchema loaded(audit_document());
  return loaded;
}

}  // namespace ringfence::testing
