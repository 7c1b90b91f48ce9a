// SPDX-License-Identifier: Apache-2.0
#include "connectors/encoders/dead_letter.h"

#include <openssl/evp.h>

#include <limits>
#include <nlohmann/json.hpp>

#include "engine/event/escape.h"
#include "engine/event/limits.h"
#include "engine/event/sha256.h"
#include "engine/event/utf8.h"

namespace ringfence {
namespace {

std::string base64(std::string_view bytes) {
  std::string out(4 * ((bytes.size() + 2) / 3) + 1, '\0');
  const int length = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()), reinterpret_cast<const unsigned char*>(bytes.data()),
                                     static_cast<int>(bytes.size()));
  out.resize(static_cast<std::size_t>(length));
  return out;
}

std::optional<std::string> base64_decoded(const std::string& text) {
  if (text.size() % 4 != 0 || text.size() > static_cast<std::size_t>(std::numeric_limits<int>::max())) return std::nullopt;
  std::string out(text.size() / 4 * 3, '\0');
  const int length = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(out.data()), reinterpret_cast<const unsigned char*>(text.data()),
                                     static_cast<int>(text.size()));
  if (length != static_cast<int>(out.size())) return std::nullopt;
  // The library counts the zero bits of padding as bytes.
  const std::size_t padding = text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0;
  out.resize(out.size() - padding);
  return out;
}

/// An excerpt may end within a character: then without what is left of it.
std::string_view without_cut_character(std::string_view excerpt) {
  for (std::size_t drop = 0; drop < 4 && drop < excerpt.size(); ++drop) {
    const std::string_view shorter = excerpt.substr(0, excerpt.size() - drop);
    if (utf8::valid(shorter)) return shorter;
  }
  return excerpt;
}

void append_member(std::string& out, std::string_view name, std::string_view text) {
  out += ",\"";
  out += name;
  out += "\":";
  out += json_quoted(text);
}

void append_bytes(std::string& out, const std::string& name, std::string_view bytes) {
  if (utf8::valid(bytes)) {
    append_member(out, name, bytes);
  } else {
    append_member(out, name + "_base64", base64(bytes));
  }
}

using Json = nlohmann::json;

/// Takes members of known types; keeps the first complaint.
class Members {
 public:
  explicit Members(const Json& object) : object_(object) {}

  std::string text(const char* name, bool required = false) {
    const auto found = object_.find(name);
    if (found == object_.end()) return complain(required, name, "required"), std::string();
    if (!found->is_string()) return complain(true, name, "expected a string"), std::string();
    return found->get<std::string>();
  }
  std::optional<std::int64_t> integer(const char* name, bool required = false) {
    const auto found = object_.find(name);
    if (found == object_.end()) return complain(required, name, "required"), std::nullopt;
    const bool fits = found->is_number_integer() &&
                      (!found->is_number_unsigned() || found->get<std::uint64_t>() <= std::numeric_limits<std::int64_t>::max());
    if (!fits) return complain(true, name, "expected an integer"), std::nullopt;
    return found->get<std::int64_t>();
  }
  /// `name`, or `name_base64` decoded.
  std::optional<std::string> bytes(const std::string& name) {
    const std::string encoded = name + "_base64";
    if (object_.contains(encoded)) {
      auto decoded = base64_decoded(text(encoded.c_str()));
      if (!decoded) complain(true, encoded.c_str(), "expected base64");
      return decoded;
    }
    if (!object_.contains(name)) return std::nullopt;
    return text(name.c_str());
  }
  void complain(bool really, const char* name, const char* what) {
    if (really && complaint_.empty()) complaint_ = std::string(name) + ": " + what;
  }
  [[nodiscard]] const std::string& complaint() const { return complaint_; }

 private:
  const Json& object_;
  std::string complaint_;
};

/// What a letter's record may take of one record of the topic, beside its other members: Kafka takes a million bytes where nothing else is
/// set. A file takes any.
constexpr std::size_t kTopicRecordBytes = 900'000;

bool fits(std::string_view bytes, InputKind kind) {
  if (kind == InputKind::File || bytes.size() <= limits::kDeadLetterExcerpt) return true;
  if (bytes.size() > kTopicRecordBytes) return false;
  std::string escaped;
  append_bytes(escaped, "record", bytes);
  return escaped.size() <= kTopicRecordBytes;
}

}  // namespace

DeadLetter dead_letter(const Record& record, const Refusal& refusal, std::string_view topic, InputKind kind) {
  DeadLetter letter;
  letter.topic = topic;
  letter.position = record.position;
  if (kind == InputKind::File) letter.line = record.position.offset.value + 1;
  letter.stage = refusal.stage;
  letter.reason = name_of(refusal.reason);
  letter.detail = refusal.detail;
  letter.agent_id = refusal.agent_id;
  letter.tenant = refusal.tenant;
  letter.arrival = record.arrival;
  letter.key = record.key;
  letter.size = record.cut() ? record.size : record.bytes.size();
  if (record.cut()) {
    letter.record = without_cut_character(record.bytes.substr(0, limits::kDeadLetterExcerpt));
    letter.sha256 = record.sha256;
  } else if (!fits(record.bytes, kind)) {
    letter.record = without_cut_character(record.bytes.substr(0, limits::kDeadLetterExcerpt));
    letter.sha256 = sha256_hex(record.bytes);
  } else {
    letter.record = record.bytes;
  }
  return letter;
}

std::string encode_dead_letter(const DeadLetter& letter) {
  std::string out = "{\"topic\":" + json_quoted(letter.topic);
  out += ",\"partition\":" + std::to_string(letter.position.partition.value);
  out += ",\"offset\":" + std::to_string(letter.position.offset.value);
  if (letter.line) out += ",\"line\":" + std::to_string(*letter.line);
  append_member(out, "stage", letter.stage);
  append_member(out, "reason", letter.reason);
  append_member(out, "detail", letter.detail);
  if (!letter.agent_id.empty()) append_member(out, "agent_id", letter.agent_id);
  if (!letter.tenant.empty()) append_member(out, "tenant", letter.tenant);
  if (letter.arrival) append_member(out, "arrival", format_rfc3339(*letter.arrival));
  if (!letter.key.empty()) append_bytes(out, "key", letter.key);
  out += ",\"size\":" + std::to_string(letter.size);
  if (!letter.whole()) append_member(out, "sha256", letter.sha256);
  append_bytes(out, "record", letter.record);
  out += '}';
  return out;
}

std::expected<DeadLetter, std::string> parse_dead_letter(std::string_view json) {
  const Json object = Json::parse(json, nullptr, /*allow_exceptions=*/false);
  if (!object.is_object()) return std::unexpected("expected a JSON object");
  Members members(object);
  DeadLetter letter;
  letter.topic = members.text("topic", true);
  const std::int64_t partition = members.integer("partition", true).value_or(0);
  if (partition < 0 || partition > std::numeric_limits<std::int32_t>::max()) members.complain(true, "partition", "out of range");
  letter.position = {Partition{static_cast<std::int32_t>(partition)}, Offset{members.integer("offset", true).value_or(0)}};
  letter.line = members.integer("line");
  letter.stage = members.text("stage", true);
  letter.reason = members.text("reason", true);
  letter.detail = members.text("detail");
  letter.agent_id = members.text("agent_id");
  letter.tenant = members.text("tenant");
  if (object.contains("arrival")) {
    letter.arrival = parse_rfc3339(members.text("arrival"));
    if (!letter.arrival) members.complain(true, "arrival", "expected an RFC 3339 time");
  }
  letter.key = members.bytes("key").value_or("");
  const std::int64_t size = members.integer("size", true).value_or(0);
  letter.size = static_cast<std::uint64_t>(size);
  letter.sha256 = members.text("sha256");
  auto record = members.bytes("record");
  if (!record) members.complain(true, "record", "required");
  letter.record = std::move(record).value_or("");
  if (size < 0 || letter.size < letter.record.size() || (letter.whole() && letter.size != letter.record.size())) {
    members.complain(true, "size", "does not fit the record");
  }
  if (!members.complaint().empty()) return std::unexpected(members.complaint());
  return letter;
}

std::string dead_letter_key(const DeadLetter& letter) {
  return letter.topic + '/' + std::to_string(letter.position.partition.value) + '/' + std::to_string(letter.position.offset.value);
}

}  // namespace ringfence
