// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/app/finding_file.h"
#include "engine/event/ids.h"

/// What is on record of what was done about an agent: nothing here is worked out anew, because what a replay would publish is not what was.
namespace ringfence {

struct ContainmentOnRecord {
  std::vector<std::string> lines;  // with their times, in the order of the files; as they came from outside
  std::string note;                // whose word that is; empty where there is nothing to tell and no file of control records
};

/// Of the containments that go back to the finding: what its own records say (gates' confirmations, a person's release), what findings
/// about containment in the same file say of it, and where `control` is not empty the control records of that file, written by `run` (their
/// signatures are not checked) or `replay --control`. The error names that file. Memory: the lines that are told.
[[nodiscard]] std::expected<ContainmentOnRecord, std::string> containment_on_record(const FindingInFile& finding,
                                                                                    const std::string& control);

/// A person freed an agent, or had it forgotten.
struct ReleaseOnRecord {
  EventTime time;        // in milliseconds: of the last act before it
  std::string sentence;  // who and why
};
/// The first of which the file tells, by the findings that it closed.
[[nodiscard]] std::optional<ReleaseOnRecord> first_release(const FindingInFile& finding, std::string_view tenant, std::string_view agent);

}  // namespace ringfence
