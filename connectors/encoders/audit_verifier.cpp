// SPDX-License-Identifier: Apache-2.0
#include "connectors/encoders/audit_verifier.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <utility>

#include "connectors/encoders/jws.h"
#include "connectors/encoders/strict_json.h"
#include "engine/event/escape.h"
#include "engine/event/sha256.h"

namespace ringfence {
namespace {

using Json = nlohmann::ordered_json;
using Kind = AuditFault::Kind;

constexpr std::size_t kChainsMost = 4096;
constexpr std::size_t kSignatureChars = 1024;
constexpr std::string_view kTokenChars = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.";

std::unexpected<AuditFault> fault(Kind kind, std::string why) { return std::unexpected(AuditFault{kind, {}, 0, std::move(why)}); }
std::unexpected<AuditFault> fault(Kind kind, const AuditHead& at, std::string why) {
  return std::unexpected(AuditFault{kind, at.chain, at.number, std::move(why)});
}

std::string records(std::uint64_t from, std::uint64_t to) {
  return from == to ? "record " + std::to_string(from) : "records " + std::to_string(from) + " to " + std::to_string(to);
}

/// Where the line's signature stands; nothing where it has none.
struct Signed {
  std::string_view signature;
  std::string payload;  // the line without it
};
std::optional<Signed> signed_part(std::string_view line) {
  if (!line.ends_with(kAuditLineEnd)) return std::nullopt;
  const std::string_view text = line.substr(0, line.size() - kAuditLineEnd.size());
  const std::size_t before = text.find_last_not_of(kTokenChars);
  if (before == std::string_view::npos || text.size() - before > kSignatureChars || !text.substr(0, before + 1).ends_with(kAuditSignature))
    return std::nullopt;
  return Signed{text.substr(before + 1), std::string(text.substr(0, before + 1)).append(kAuditLineEnd)};
}

const Json* member(const Json& json, const char* name) {
  if (!json.is_object()) return nullptr;
  const auto found = json.find(name);
  return found == json.end() ? nullptr : &*found;
}
std::optional<std::string> text_at(const Json& json, const char* name) {
  const Json* found = member(json, name);
  const auto* text = found == nullptr ? nullptr : found->get_ptr<const std::string*>();
  return text == nullptr ? std::nullopt : std::optional(*text);
}

}  // namespace

std::string_view name_of(AuditFault::Kind kind) {
  static constexpr std::array<std::string_view, 9> kNames{"unreadable", "unknown key", "wrong key", "signature",      "gap",
                                                          "order",      "hash",        "tail",      "too many chains"};
  return kNames[static_cast<std::size_t>(kind)];
}

std::expected<AuditLine, AuditFault> read_audit_line(std::string_view line, const TrustedKeys& trusted) {
  if (line.size() > kAuditLineBytes) return fault(Kind::Unreadable, "longer than 64 KiB");
  const auto json = parse_strict_json(line);
  if (!json || !json->is_object()) return fault(Kind::Unreadable, "cut short, or no JSON object");
  const Json* unmapped = member(*json, "unmapped");
  const Json* own = unmapped == nullptr ? nullptr : member(*unmapped, "ringfence");
  const auto part = signed_part(line);
  if (own == nullptr || !part) return fault(Kind::Unreadable, "no record of an audit chain");
  auto chain = text_at(*own, "chain"), previous = text_at(*own, "previous");
  const Json* number = member(*own, "number");
  if (!chain || !previous || number == nullptr || !number->is_number_unsigned())
    return fault(Kind::Unreadable, "no record of an audit chain");
  AuditLine out{{std::move(*chain), number->get<std::uint64_t>(), {}}, std::move(*previous), {}, {}, {}};

  auto kid = kid_of_jws(part->signature);
  if (!kid) return fault(Kind::Signature, out.at, kid.error().detail);
  if (trusted.find(*kid) == nullptr) return fault(Kind::UnknownKey, out.at, "signed by a key that is not trusted");
  const auto verified = verify_detached(part->signature, part->payload, trusted);
  if (!verified) return fault(Kind::Signature, out.at, "changed since it was signed");
  if (!verified->key.may_speak_as(std::string_view(out.at.chain).substr(0, out.at.chain.find('/'))))
    return fault(Kind::WrongKey, out.at, "signed by a key that may not write this chain");
  out.at.sha256 = sha256_hex(line);
  out.kid = std::move(*kid);
  out.kind = text_at(*own, "kind").value_or("");
  const Json* metadata = member(*json, "metadata");
  if (metadata != nullptr) out.uid = text_at(*metadata, "uid").value_or("");
  return out;
}

/// The first record of a chain in the file. What came before it must not have been, or be known.
std::expected<void, AuditFault> AuditVerifier::begin(const AuditLine& record) {
  if (chains_.size() >= kChainsMost) return fault(Kind::TooMany, record.at, "more than 4096 chains");
  Chain chain{beginning_of(record.at.chain), record.at.number, false};
  for (const AuditHead& head : known_)
    if (head.chain == record.at.chain && head.number + 1 == record.at.number) chain.head = head;
  chains_.emplace(record.at.chain, std::move(chain));
  return {};
}

std::expected<void, AuditFault> AuditVerifier::take(std::string_view line) {
  const auto read = read_audit_line(line, trusted_);
  if (!read) return std::unexpected(read.error());
  const AuditHead& at = read->at;
  if (!chains_.contains(at.chain))
    if (auto begun = begin(*read); !begun) return begun;
  Chain& chain = chains_.find(at.chain)->second;
  const std::uint64_t expected = chain.head.number + 1;
  if (at.number > expected) return fault(Kind::Gap, at, records(expected, at.number - 1) + " of its chain should stand before it");
  if (at.number < expected) return fault(Kind::Order, at, "it stands here again, or behind a later one");
  if (read->previous != chain.head.sha256) return fault(Kind::Hash, at, "it does not follow the record before it");
  for (const AuditHead& head : known_)
    if (head.chain == at.chain && head.number == at.number && head.sha256 != at.sha256)
      return fault(Kind::Hash, at, "it is another than was noted");
  chain.head = at;
  chain.ended = read->kind == "ended";
  return {};
}

std::expected<void, AuditFault> AuditVerifier::end() const {
  for (const AuditHead& head : known_) {
    const auto found = chains_.find(head.chain);
    if (found == chains_.end()) return fault(Kind::Tail, head, "nothing of this chain is here");
    const AuditHead& last = found->second.head;
    if (last.number < head.number)
      return fault(Kind::Tail, head, records(last.number + 1, head.number) + " of its chain are missing at the end");
  }
  return {};
}

}  // namespace ringfence
