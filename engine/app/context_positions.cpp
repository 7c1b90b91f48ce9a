// SPDX-License-Identifier: Apache-2.0
#include "engine/app/context_positions.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>

#include "connectors/encoders/strict_json.h"
#include "connectors/sinks/posix_file.h"
#include "engine/event/escape.h"

namespace ringfence {
namespace {

constexpr std::string_view kShape = "expected {\"partition\":P,\"after\":N,\"record\":\"…\"}";

/// Stands in every line of a command, whose record is a text in a text.
constexpr std::string_view kCommandMark = R"(\"kind\":\"command\")";

/// Null where the line is not of this shape.
std::optional<nlohmann::ordered_json> placed(const std::string& line) {
  auto json = parse_strict_json(line);
  if (!json || !json->is_object()) return std::nullopt;
  const auto whole = [&](const char* key) { return json->contains(key) && json->at(key).is_number_integer(); };
  if (!whole("partition") || !whole("after") || !json->contains("record") || !json->at("record").is_string()) return std::nullopt;
  const auto partition = json->at("partition").get<std::int64_t>();
  if (partition < 0 || partition > std::numeric_limits<std::int32_t>::max()) return std::nullopt;
  return std::move(*json);
}

}  // namespace

std::filesystem::path context_log_file(const Settings& settings) {
  return settings.context.log.empty() ? settings.state.directory / "context.ndjson" : settings.context.log;
}

std::expected<std::unique_ptr<ContextPositions>, SinkError> ContextPositions::open(const std::filesystem::path& path) {
  const std::string name = path.string();
  Descriptor file(::open(name.c_str(), O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0600));
  if (!file.valid()) return std::unexpected(posix_file::fault(name, "open"));
  if (::flock(file.number(), LOCK_EX | LOCK_NB) != 0)
    return std::unexpected(SinkError{SinkError::Kind::InUse, printable(name) + " is being written by another process"});
  const auto size = posix_file::whole_lines(file.number(), name);
  if (!size) return std::unexpected(size.error());
  if (::ftruncate(file.number(), static_cast<off_t>(*size)) != 0) return std::unexpected(posix_file::fault(name, "cut"));
  if (*size == 0) posix_file::sync_directory_of(name);
  std::unique_ptr<ContextPositions> positions(new ContextPositions(name, std::move(file), *size));
  std::ifstream in(name);
  for (std::string line; std::getline(in, line);) {
    if (line.find(kCommandMark) == std::string::npos) continue;
    if (const auto json = placed(line)) {
      const Partition partition{json->at("partition").get<std::int32_t>()};
      positions->commands_.insert_or_assign({partition, json->at("record").get<std::string>()},
                                            Offset{json->at("after").get<std::int64_t>()});
    }
  }
  return positions;
}

std::optional<Offset> ContextPositions::place_of(Partition partition, std::string_view command) const {
  const auto found = commands_.find({partition, std::string(command)});
  return found == commands_.end() ? std::nullopt : std::optional(found->second);
}

bool ContextPositions::places(std::string_view command) const {
  return std::ranges::any_of(commands_, [&](const auto& row) { return row.first.second == command; });
}

std::expected<void, SinkError> ContextPositions::write(std::span<const Line> lines) {
  std::string text;
  for (const Line& line : lines) {
    const nlohmann::ordered_json json{{"partition", line.partition.value}, {"after", line.after.value}, {"record", line.record}};
    text += json.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace) + '\n';
  }
  if (text.empty()) return {};
  const std::lock_guard lock(mutex_);
  // What an earlier write left behind when it failed.
  if (::ftruncate(file_.number(), static_cast<off_t>(size_)) != 0) return std::unexpected(posix_file::fault(name_, "cut"));
  const bool written = posix_file::write_all(file_.number(), text).whole;
  if (!written || ::fdatasync(file_.number()) != 0) {
    const SinkError fault = posix_file::fault(name_, written ? "sync" : "write");
    [[maybe_unused]] const int cut = ::ftruncate(file_.number(), static_cast<off_t>(size_));
    return std::unexpected(fault);
  }
  size_ += text.size();
  return {};
}

std::expected<std::vector<PlacedChange>, std::string> read_context_log(const std::string& file,
                                                                       const std::vector<std::string>& internal_hosts) {
  std::ifstream in(file);
  if (!in) return std::unexpected(printable(file) + ": cannot be read");
  std::vector<PlacedChange> changes;
  std::map<std::string, ContextContent> known;  // a set comes once for each partition
  std::string line;
  for (int number = 1; std::getline(in, line); ++number) {
    if (line.empty()) continue;
    const auto fail = [&](const std::string& why) { return std::unexpected(printable(file) + ":" + std::to_string(number) + ": " + why); };
    const auto json = placed(line);
    if (!json) return fail(std::string(kShape));
    const auto record = json->at("record").get<std::string>();
    auto found = known.find(record);
    if (found == known.end()) {
      ContextRead read = read_context_record(record, internal_hosts);
      if (!read.content) return fail(read.errors.empty() ? "neither a persona set nor a fact" : read.errors.front());
      found = known.emplace(record, std::move(*read.content)).first;
    }
    changes.push_back({Partition{json->at("partition").get<std::int32_t>()}, Offset{json->at("after").get<std::int64_t>()}, found->second});
  }
  return changes;
}

std::expected<std::vector<PlacedChange>, std::string> load_context_log(const std::string& file,
                                                                       const std::vector<std::string>& internal_hosts) {
  auto changes = read_context_log(file, internal_hosts);
  if (changes) std::ranges::stable_sort(*changes, {}, [](const PlacedChange& c) { return std::pair(c.partition, c.after); });
  return changes;
}

}  // namespace ringfence
