// SPDX-License-Identifier: Apache-2.0
#include "tests/integration/gate/shipped.h"

#include <cctype>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <stdexcept>

namespace ringfence::testing {

ShippedFile::ShippedFile(const std::string& name) : name_("deploy/gateways/" + name) {
  std::ifstream in(std::filesystem::path(RINGFENCE_SOURCE_DIR) / name_, std::ios::binary);
  text_ = {std::istreambuf_iterator<char>(in), {}};
  if (text_.empty()) throw std::runtime_error("no " + name_);
}

ShippedFile& ShippedFile::put(const std::string& from, const std::string& to) {
  auto at = text_.find(from);
  if (at == std::string::npos) throw std::runtime_error(name_ + " does not say `" + from + "`");
  for (; at != std::string::npos; at = text_.find(from, at + to.size())) text_.replace(at, from.size(), to);
  return *this;
}

ShippedFile& ShippedFile::put_port(std::uint16_t shipped, std::uint16_t own) {
  const std::string from = std::to_string(shipped), to = std::to_string(own);
  const auto digit = [this](std::size_t at) { return at < text_.size() && std::isdigit(static_cast<unsigned char>(text_[at])) != 0; };
  bool found = false;
  for (auto at = text_.find(from); at != std::string::npos; at = text_.find(from, at + to.size())) {
    if (digit(at - 1) || digit(at + from.size())) continue;
    text_.replace(at, from.size(), to);
    found = true;
  }
  if (!found) throw std::runtime_error(name_ + " names no port " + from);
  return *this;
}

std::string ShippedFile::gate_settings(const std::string& own, bool with_asking) const {
  constexpr std::string_view kMark = "#   ", kGate = "gate:\n", kAsk = "ask:";
  std::istringstream lines(text_);
  std::string out;
  for (std::string line; std::getline(lines, line);)
    if (line.starts_with(kMark)) out += line.substr(kMark.size()) + "\n";
  if (!out.starts_with(kGate)) throw std::runtime_error(name_ + " has no settings of a gate in its head");
  if (!with_asking) out.resize(std::min(out.size(), out.find(kAsk)));
  return out.insert(kGate.size(), own);
}

}  // namespace ringfence::testing
