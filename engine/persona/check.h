// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <vector>

#include "engine/persona/form.h"
#include "engine/persona/load.h"
#include "engine/persona/yaml_tree.h"

namespace ringfence {

/// What names in a file may refer to.
struct References {
  std::vector<std::string> actions;  // ids of this persona
  std::vector<std::string> lists;    // names of the lists at hand
};

/// `unknown LABEL 'x'WHERE; did you mean 'y'?`, or what is known where nothing is near and the known are few.
[[nodiscard]] std::string unknown_name(const std::string& label, const std::string& name, const std::string& where,
                                       std::span<const std::string> known);

/// Holds a file against its form: unknown keys (with the nearest known one), missing keys, values of another kind, references to what is
/// not declared. Reports everything in one pass, with positions; never throws.
void check_form(const std::string& file, const YamlNode& root, const Form& form, const References& references,
                std::vector<Diagnostic>& diagnostics);

}  // namespace ringfence
