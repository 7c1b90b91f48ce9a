// SPDX-License-Identifier: Apache-2.0
#include "engine/app/finding_file.h"

#include <filesystem>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <optional>

#include "connectors/encoders/strict_json.h"
#include "engine/event/escape.h"

namespace ringfence {
namespace {

/// The finding that a record is of; nothing where it is none.
std::optional<std::string> uid_in(std::string_view record) {
  static const nlohmann::ordered_json::json_pointer kUid("/finding_info/uid");
  const auto json = parse_strict_json(record);
  if (!json || !json->is_object()) return std::nullopt;
  if (!json->contains(kUid) || !json->at(kUid).is_string()) return std::string();
  return json->at(kUid).get<std::string>();
}

}  // namespace

std::expected<FindingInFile, std::string> find_finding(const std::string& path, const std::string& uid) {
  std::ifstream file;
  if (path != "-") {
    file.open(path);
    if (!file || std::filesystem::is_directory(path)) return std::unexpected(printable(path) + ": cannot be read");
  }
  std::istream& in = path == "-" ? std::cin : file;
  std::vector<std::string> lines;
  std::string whole;
  for (std::string line; std::getline(in, line);) {
    whole += line + "\n";
    if (!line.empty()) lines.push_back(std::move(line));
  }
  if (lines.empty()) return std::unexpected("no finding in this file");
  std::string wanted = uid;
  if (wanted.empty()) {
    auto last = uid_in(lines.back());
    if (!last) {
      last = uid_in(whole);
      lines = {whole};
    }
    if (!last) return std::unexpected("not a finding: the last line is no JSON object");
    wanted = *last;
  }
  FindingInFile found{.uid = wanted};
  for (const std::string& line : lines)
    if (line.find(wanted) != std::string::npos && uid_in(line) == wanted) found.records.push_back(line);
  if (found.records.empty() && lines.size() > 1 && uid_in(whole) == wanted) found.records.push_back(std::move(whole));
  if (found.records.empty()) return std::unexpected("no such finding in this file: " + printable(wanted, 80));
  found.lines = std::move(lines);
  return found;
}

std::expected<std::vector<std::string>, std::string> records_of_finding(const std::string& path, const std::string& uid) {
  auto found = find_finding(path, uid);
  if (!found) return std::unexpected(std::move(found.error()));
  return std::move(found->records);
}

}  // namespace ringfence
