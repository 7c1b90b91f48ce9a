// SPDX-License-Identifier: Apache-2.0
#include "engine/app/file_clash.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <tuple>

#include "engine/event/escape.h"
#include "engine/persona/paths.h"

namespace ringfence {
namespace {

namespace fs = std::filesystem;

/// What tells one file from another: where there is none yet, where it would be.
struct Place {
  std::tuple<dev_t, ino_t> file;
  std::string path;
  auto operator<=>(const Place&) const = default;
};

/// Nothing for what many may write to at once, a terminal, pipe or device.
std::optional<Place> place_of(const std::string& path, int standard) {
  struct stat status{};
  const int found = path == "-" ? ::fstat(standard, &status) : ::stat(path.c_str(), &status);
  if (found == 0) return S_ISREG(status.st_mode) ? std::optional(Place{{status.st_dev, status.st_ino}, {}}) : std::nullopt;
  std::error_code fault;
  const fs::path whole = fs::weakly_canonical(fs::absolute(path, fault), fault);
  return Place{{}, fault ? path : whole.string()};
}

/// Calls `use` with each regular file of a folder and below, and its path from there.
template <class Use>
void each_file(const fs::path& folder, const Use& use) {
  constexpr int kDepth = 16;
  std::error_code fault;
  fs::recursive_directory_iterator at(folder, fs::directory_options::skip_permission_denied, fault);
  for (; !fault && at != fs::recursive_directory_iterator(); at.increment(fault)) {
    if (at.depth() >= kDepth) at.disable_recursion_pending();
    std::error_code unknown;
    if (at->is_regular_file(unknown)) use(at->path(), at->path().lexically_relative(folder).generic_string());
  }
}

/// What RocksDB and the memory of control records keep, by their path below the state directory.
bool is_of_state(std::string_view path) {
  static constexpr std::array<std::string_view, 4> kNames{"CURRENT", "IDENTITY", "LOCK", "LOG"};
  const bool named = std::ranges::find(kNames, path) != kNames.end();
  const bool numbered = path.starts_with("MANIFEST-") || path.starts_with("OPTIONS-") || path.ends_with(".sst") || path.ends_with(".log");
  return named || path.starts_with("control/") || (numbered && path.find('/') == std::string_view::npos);
}

std::string said(const FileInUse& file, const char* standard) {
  return file.role + " " + (file.path == "-" ? standard : printable(file.path, 512));
}

}  // namespace

std::optional<std::string> clash_of(std::span<const FileInUse> inputs, std::span<const FileInUse> outputs) {
  std::vector<std::optional<Place>> read, written;
  for (const FileInUse& input : inputs) read.push_back(input.path.empty() ? std::nullopt : place_of(input.path, STDIN_FILENO));
  for (const FileInUse& output : outputs) {
    const auto place = output.path.empty() ? std::nullopt : place_of(output.path, STDOUT_FILENO);
    for (std::size_t i = 0; place && i < read.size(); ++i)
      if (read[i] == place)
        return said(output, "(standard output)") + " is the " + said(inputs[i], "(standard input)") + ": it would be destroyed";
    for (std::size_t i = 0; place && i < written.size(); ++i)
      if (written[i] == place && (output.path != "-" || outputs[i].path != "-"))
        return said(output, "(standard output)") + " is the file of " + said(outputs[i], "(standard output)") +
               " too: each needs one of its own";
    written.push_back(place);
  }
  return std::nullopt;
}

void add_set_files(std::vector<FileInUse>& inputs, const fs::path& personas, const fs::path& lists) {
  std::error_code fault;
  const bool one_file = fs::is_regular_file(personas, fault);
  if (one_file) inputs.push_back({"persona file", personas.string()});
  const fs::path parent = personas.has_parent_path() ? personas.parent_path() : fs::path(".");
  const fs::path folder = one_file ? parent : personas;
  const auto tests = std::string(kTestsFolder) + "/";
  each_file(folder, [&](const fs::path& file, const std::string& path) {
    const bool of_tests = path.starts_with(tests) || path.find("/" + tests) != std::string::npos;
    const bool of_set = is_persona_path(path) || is_entitlements_path(path) || list_name(path) || of_tests;
    if (of_set) inputs.push_back({"persona set's file", file.string()});
  });
  if (lists.empty()) return;
  each_file(lists, [&](const fs::path& file, const std::string& path) {
    if (list_name(std::string(kListsFolder) + "/" + path)) inputs.push_back({"list", file.string()});
  });
}

void add_state_files(std::vector<FileInUse>& inputs, const fs::path& state) {
  each_file(state, [&](const fs::path& file, const std::string& path) {
    if (is_of_state(path)) inputs.push_back({"state's own file", file.string()});
  });
}

}  // namespace ringfence
