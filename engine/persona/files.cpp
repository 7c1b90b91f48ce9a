// SPDX-License-Identifier: Apache-2.0
// Reads the files of a persona set; everything else about loading is pure.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <expected>
#include <iterator>
#include <set>
#include <string>
#include <utility>

#include "engine/event/limits.h"
#include "engine/persona/compile.h"
#include "engine/persona/load.h"
#include "engine/persona/paths.h"

namespace ringfence {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kEventFileBytes = std::size_t{16} << 20U;
constexpr std::size_t kFiles = 65536;
constexpr int kFolderDepth = 16;

/// The bytes of a regular file, at most one more than `limit`; never blocks on a pipe or a device.
std::expected<std::string, std::string> read_file(const fs::path& path, std::size_t limit) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file < 0) return std::unexpected("cannot be read: " + std::string(std::strerror(errno)));
  struct Closer {
    int file;
    ~Closer() { ::close(file); }
  } const closer{file};
  struct stat info{};
  if (::fstat(file, &info) != 0 || !S_ISREG(info.st_mode)) return std::unexpected("is not a regular file");
  std::string bytes;
  std::string chunk(std::size_t{64} << 10U, '\0');
  while (bytes.size() <= limit) {
    const ssize_t got = ::read(file, chunk.data(), std::min(chunk.size(), limit + 1 - bytes.size()));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return std::unexpected("cannot be read: " + std::string(std::strerror(errno)));
    if (got == 0) break;
    bytes.append(chunk.data(), static_cast<std::size_t>(got));
  }
  return bytes;
}

bool is_below(const fs::path& path, const fs::path& root) {
  const auto [at_root, at_path] = std::ranges::mismatch(root, path);
  return at_root == root.end();
}

class TreeReader {
 public:
  /// Diagnostics about the folder itself are told under `name`.
  TreeReader(const fs::path& root, const std::string& name, PersonaLoad& load) : load_(load) {
    std::error_code fault;
    root_ = fs::canonical(root, fault);
    if (fault) unread(name, "cannot be read: " + fault.message());
  }
  [[nodiscard]] bool ok() const { return !root_.empty(); }

  /// Takes every file of `folder` and below that `wanted` names, under `prefix`.
  template <class Wanted>
  void take_folder(const fs::path& folder, const std::string& prefix, const Wanted& wanted, int depth = 0) {
    std::error_code fault;
    const fs::path real = fs::canonical(folder, fault);
    if (fault) return unread(prefix, "cannot be read: " + fault.message());
    if (!is_below(real, root_)) return fail(prefix, "a link that leaves the folder");
    if (!folders_.insert(real).second) return;  // a link back up, or one to a folder read already
    if (depth > kFolderDepth) return fail(prefix, "folders nested deeper than " + std::to_string(kFolderDepth));
    std::vector<fs::path> entries;
    for (auto it = fs::directory_iterator(real, fault); !fault && it != fs::directory_iterator(); it.increment(fault)) {
      entries.push_back(it->path());
      if (entries.size() > kFiles) return fail(prefix, "more than " + std::to_string(kFiles) + " entries");
    }
    if (fault) return unread(prefix, "cannot be read: " + fault.message());
    std::ranges::sort(entries);
    for (const fs::path& entry : entries) {
      const std::string name = entry.filename().string();
      if (name.starts_with('.')) continue;
      const std::string path = prefix.empty() ? name : prefix + "/" + name;
      if (fs::is_directory(entry, fault)) {
        take_folder(entry, path, wanted, depth + 1);
      } else if (wanted(path)) {
        take(entry, path);
      } else if (fs::is_symlink(entry, fault)) {
        static_cast<void>(target_below(entry, path));
      }
    }
  }

  void take(const fs::path& file, const std::string& path) {
    if (tree_.files.contains(path)) return;
    const auto real = target_below(file, path);
    if (!real) return;
    const bool yaml = is_persona_path(path) || is_entitlements_path(path), list = list_name(path).has_value();
    const std::size_t limit = yaml ? limits::kPersonaFileBytes : list ? limits::kListFileBytes : kEventFileBytes;
    auto bytes = read_file(*real, limit);
    if (!bytes) return unread(path, bytes.error());
    // The loader refuses personas and lists that are too large by itself.
    if (!yaml && !list && bytes->size() > limit) return fail(path, "larger than 16 MiB");
    tree_.files.emplace(path, std::move(*bytes));
  }

  /// Event files that tests of the personas read so far name.
  void take_event_files() {
    std::vector<Diagnostic> told_later;
    std::set<std::string> named;
    for (const auto& [path, text] : tree_.files) {
      if (!is_persona_path(path) || text.size() > limits::kPersonaFileBytes) continue;
      if (const auto root = parse_yaml(path, text, told_later)) {
        for (std::string& file : named_event_files(path, *root)) named.insert(std::move(file));
      }
    }
    std::error_code fault;
    for (const std::string& path : named)
      if (fs::exists(fs::symlink_status(root_ / path, fault))) take(root_ / path, path);
  }

  [[nodiscard]] const fs::path& root() const { return root_; }
  [[nodiscard]] const FileTree& tree() const { return tree_; }

 private:
  void fail(const std::string& path, std::string message) {
    load_.diagnostics.push_back({Diagnostic::Kind::Error, path, 0, 0, std::move(message)});
  }
  void unread(const std::string& path, std::string message) {
    fail(path, std::move(message));
    load_.unread = true;
  }

  std::optional<fs::path> target_below(const fs::path& file, const std::string& path) {
    std::error_code fault;
    fs::path real = fs::canonical(file, fault);
    if (fault) {
      unread(path, "cannot be read: " + fault.message());
      return std::nullopt;
    }
    if (!is_below(real, root_)) {
      fail(path, "a link that leaves the folder");
      return std::nullopt;
    }
    return real;
  }

  fs::path root_;
  FileTree tree_;
  std::set<fs::path> folders_;
  PersonaLoad& load_;
};

/// Diagnostics name files as the caller does: the folder as given, then the path below it.
void name_as_given(std::vector<Diagnostic>& diagnostics, const fs::path& directory, const std::optional<fs::path>& lists) {
  for (Diagnostic& d : diagnostics) {
    const bool in_lists = d.file == kListsFolder || d.file.starts_with(std::string(kListsFolder) + "/");
    const fs::path base = lists && in_lists ? *lists : directory;
    const std::string below = lists && in_lists     ? d.file.substr(std::min(d.file.size(), kListsFolder.size() + 1))
                              : d.file == kWholeSet ? ""
                                                    : d.file;
    d.file = below.empty() ? base.string() : (base / below).string();
  }
}

}  // namespace

PersonaLoad load_personas(const fs::path& given, const std::optional<fs::path>& lists, const std::set<std::string>& left_out) {
  PersonaLoad result;
  std::error_code fault;
  const bool one_file = fs::exists(given, fault) && !fs::is_directory(given, fault);
  if (one_file && !is_persona_path(given.filename().string())) {
    result.diagnostics.push_back({Diagnostic::Kind::Error, given.string(), 0, 0, "no persona file: its name must end in .yaml or .yml"});
    return result;
  }
  const fs::path parent = given.has_parent_path() ? given.parent_path() : fs::path(".");
  const fs::path directory = one_file ? parent : given;
  TreeReader reader(directory, "", result);
  FileTree tree;
  if (reader.ok()) {
    if (one_file) {
      reader.take(given, given.filename().string());
    } else {
      reader.take_folder(reader.root(), "", [&](const std::string& path) {
        return (is_persona_path(path) || is_entitlements_path(path)) && !left_out.contains(path);
      });
    }
    reader.take_event_files();
    tree = reader.tree();
  }
  const fs::path list_folder = lists.value_or(directory / kListsFolder);
  if (reader.ok() && (lists || fs::exists(list_folder, fault))) {
    // Lists may lie elsewhere: then what they link to stays below their own folder.
    TreeReader list_reader(lists ? *lists : directory, std::string(kListsFolder), result);
    if (list_reader.ok())
      list_reader.take_folder(list_folder, std::string(kListsFolder), [](const std::string& path) { return list_name(path).has_value(); });
    tree.files.insert(list_reader.tree().files.begin(), list_reader.tree().files.end());
  }
  const bool faulty = !result.diagnostics.empty();
  if (reader.ok()) {
    PersonaLoad loaded = load_personas(tree);
    if (faulty) std::erase_if(loaded.diagnostics, [](const Diagnostic& d) { return d.file == kWholeSet; });  // it may be what is not read
    std::ranges::move(loaded.diagnostics, std::back_inserter(result.diagnostics));
    if (!faulty) result.set = std::move(loaded.set);
    result.read = std::move(tree);
  }
  name_as_given(result.diagnostics, directory, lists);
  return result;
}

}  // namespace ringfence
