// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace ringfence {

/// A file of a run and what it is to it, in the user's words; `-` is standard input or output, an empty path no file at all.
struct FileInUse {
  std::string role, path;
};

/// Says which output is also an input, or an output twice; nothing where all are files of their own. To be asked before any is opened: an
/// output begins by cutting what it finds. Two names of one file count as one, through links too. Only regular files can clash; two outputs
/// may share standard output.
[[nodiscard]] std::optional<std::string> clash_of(std::span<const FileInUse> inputs, std::span<const FileInUse> outputs);

/// Inputs of `clash_of` that are many: the persona files, entitlements, lists and events of tests of a set (`lists` may be empty: below
/// `personas`, which may be one file), and what a state directory keeps for itself. Of a folder that is not there or cannot be read
/// nothing.
void add_set_files(std::vector<FileInUse>& inputs, const std::filesystem::path& personas, const std::filesystem::path& lists);
void add_state_files(std::vector<FileInUse>& inputs, const std::filesystem::path& state);

}  // namespace ringfence
