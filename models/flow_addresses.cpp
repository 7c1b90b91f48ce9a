// SPDX-License-Identifier: Apache-2.0
#include "models/flow_addresses.h"

#include <algorithm>
#include <cstddef>
#include <string>

#include "engine/event/char_set.h"
#include "models/byte_masks.h"
#include "models/flow_text.h"

namespace ringfence::flow {

namespace {

constexpr std::size_t kAccountGroup = 4;

constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }
constexpr bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

constexpr bytes::Set kAddressSigns(".@0123456789");
constexpr CharSet kAddressBreaks(" \t\r\n\v\f,;<>\"'()[]{}\\|`*!"), kAroundAddress(".,:;?!*_~-#=");
constexpr std::size_t kIbanLeast = 12, kIbanMost = 34;

bool spells_host(std::string_view host, const Words& lexicon) {
  const std::size_t dot = host.rfind('.');
  if (dot == std::string_view::npos || dot == 0 || host.find("..") != std::string_view::npos) return false;
  if (!std::ranges::all_of(host, [](char c) { return is_letter(c) || is_digit(c) || c == '-' || c == '.'; })) return false;
  const WordEntry* const entry = lexicon.find(word_hash(lower_case(host.substr(dot + 1))));
  return entry != nullptr && (entry->classes & WordEntry::HostEnding) != 0;
}

bool spells_mailbox(std::string_view text) {
  const std::size_t at = text.find('@');
  const std::string_view domain = at == std::string_view::npos ? std::string_view{} : text.substr(at + 1);
  const std::size_t dot = domain.rfind('.');
  return at > 0 && dot != std::string_view::npos && dot > 0 && dot + 1 < domain.size() && is_letter(domain.back());
}

bool spells_account(std::string_view text) {
  return text.size() >= kIbanLeast && text.size() <= kIbanMost && is_letter(text[0]) && is_letter(text[1]) && is_digit(text[2]) &&
         is_digit(text[3]) && std::ranges::all_of(text, [](char c) { return is_letter(c) || is_digit(c); });
}

/// An account number that begins the text, as people write them: in groups of four, the last one shorter.
std::string_view account_in_groups(std::string_view text) {
  constexpr std::size_t kStep = kAccountGroup + 1;
  const auto group = [&](std::size_t at) {
    std::size_t size = 0;
    while (size <= kAccountGroup && at + size < text.size() &&
           (is_digit(text[at + size]) || (text[at + size] >= 'A' && text[at + size] <= 'Z')))
      ++size;
    return size;
  };
  if (group(0) != kAccountGroup || !is_letter(text[0]) || !is_letter(text[1]) || !is_digit(text[2]) || !is_digit(text[3])) return {};
  std::size_t end = kAccountGroup, letters = end;
  for (std::size_t at = kStep; end < text.size() && text[end] == ' ' && group(at) > 0 && group(at) <= kAccountGroup; at += kStep) {
    letters += group(at);
    end = at + group(at);
    if (group(at) < kAccountGroup) break;
  }
  return letters >= kIbanLeast && letters <= kIbanMost ? text.substr(0, end) : std::string_view{};
}

/// `link:shop.example` and `mailto:ann@shop.example`: what stands before the last of a few colons is no part of it.
constexpr int kColonsMost = 4;

/// The address within a piece of text without breaks; empty where there is none.
std::string_view address_of(std::string_view piece, const Words& lexicon) {
  if (const std::size_t slashes = piece.find("://"); slashes != std::string_view::npos) {
    std::size_t begin = slashes;
    while (begin > 0 && is_letter(piece[begin - 1])) --begin;
    return begin < slashes ? piece.substr(begin) : std::string_view{};
  }
  for (int colons = 0; colons < kColonsMost; ++colons) {
    const std::size_t colon = piece.find(':');
    if (lower_case(piece.substr(0, 4)) == "www." || spells_account(piece)) return piece;
    if (colon == std::string_view::npos && spells_mailbox(piece)) return piece;
    if (spells_host(piece.substr(0, std::min({piece.find('/'), colon, piece.size()})), lexicon)) return piece;
    if (colon == std::string_view::npos) break;
    piece.remove_prefix(colon + 1);
  }
  return {};
}

}  // namespace

std::vector<std::string_view> addresses_in(const Words& lexicon, std::string_view text) {
  std::vector<std::string_view> found;
  if (bytes::find_in<kAddressSigns>(text) == text.size()) return found;
  for (std::size_t at = 0; at < text.size();) {
    if (const std::string_view account = account_in_groups(text.substr(at)); !account.empty()) {
      found.push_back(account);
      at += account.size();
      continue;
    }
    const std::size_t end = kAddressBreaks.find(text, at);
    std::string_view piece = text.substr(at, end - at);
    at = end + 1;
    while (!piece.empty() && kAroundAddress.has(piece.front())) piece.remove_prefix(1);
    while (!piece.empty() && kAroundAddress.has(piece.back())) piece.remove_suffix(1);
    if (const std::string_view address = address_of(piece, lexicon); !address.empty()) found.push_back(address);
  }
  return found;
}

}  // namespace ringfence::flow
