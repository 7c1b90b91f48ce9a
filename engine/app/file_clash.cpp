// SPDX-License-Identifier: Apache-2.0
#include "engine/app/file_clash.h"

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <tuple>
#include <vector>

#include "engine/event/escape.h"

namespace ringfence {
namespace {

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
  const std::filesystem::path whole = std::filesystem::weakly_canonical(std::filesystem::absolute(path, fault), fault);
  return Place{{}, fault ? path : whole.string()};
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

}  // namespace ringfence
