// SPDX-License-Identifier: Apache-2.0
#include "engine/app/report_containment.h"

#include <chrono>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <set>
#include <tuple>

#include "connectors/encoders/base64url.h"
#include "connectors/encoders/control.h"
#include "connectors/encoders/strict_json.h"
#include "connectors/sources/file_source.h"
#include "engine/event/decode.h"
#include "engine/event/escape.h"

namespace ringfence {
namespace {

using Json = nlohmann::ordered_json;
using Pointer = Json::json_pointer;

constexpr std::size_t kBatch = 1024;
constexpr std::chrono::milliseconds kReadWait{1000};

std::string text_at(const Json& json, const char* pointer) {
  const Pointer at(pointer);
  return json.contains(at) && json.at(at).is_string() ? json.at(at).get<std::string>() : std::string();
}

EventTime time_of(const Json& finding) {
  const Pointer at("/time");
  const bool told = finding.contains(at) && finding.at(at).is_number_integer();
  return told ? EventTime{} + milliseconds(finding.at(at).get<std::int64_t>()) : EventTime{};
}

/// A person freed the agent with this record, or had it forgotten.
bool is_release(const Json& finding) {
  const std::string why = text_at(finding, "/unmapped/ringfence/close_reason");
  return why == "released" || why == "purged";
}

/// What one record of the file says of containments that go back to the finding; empty where nothing.
std::string told_by(const Json& record, const std::string& uid) {
  const std::string sentence = text_at(record, "/finding_info/desc");
  const bool own = text_at(record, "/finding_info/uid") == uid;
  const std::string when = format_rfc3339(time_of(record)) + "  ";
  if (own) return record.contains(Pointer("/unmapped/ringfence/gates")) || is_release(record) ? when + sentence : "";
  const bool about = text_at(record, "/finding_info/analytic/uid").starts_with("containment.") && sentence.find(uid) != std::string::npos;
  return about ? when + sentence : "";
}

/// The payload of one line: of the control log, or of what `replay --control` writes.
std::optional<std::string> payload_of(std::string_view line) {
  const auto json = parse_strict_json(line);
  if (!json || !json->is_object()) return std::nullopt;
  const std::string token = text_at(*json, "/value");
  if (token.empty()) return std::string(line);
  const auto first = token.find('.'), second = token.find('.', first + 1);
  if (first == std::string::npos || second == std::string::npos) return std::nullopt;
  return base64url_decoded(std::string_view(token).substr(first + 1, second - first - 1));
}

std::string line_of(const SignedContainment& said) {
  const ContainmentRecord& r = said.record;
  std::string out = format_rfc3339(r.effective_at) + "  " + (r.contained ? std::string(name_of(r.level)) : "release") + " of " + r.scope;
  if (r.pending_approval) out += ", a " + std::string(name_of(r.wanted)) + " that waits for approval";
  if (!r.approver.empty()) out += ", answered for by " + r.approver;
  return out + ": " + r.reason + " (epoch " + std::to_string(r.epoch) + " of " + said.writer + ")";
}

/// The control records of a file that go back to a finding, each word once however often it was said again.
class ControlLines {
 public:
  explicit ControlLines(std::string uid) : uid_(std::move(uid)) {}

  void hear(std::string_view line) {
    const auto payload = payload_of(line);
    const auto message = payload ? decode_control(*payload, UnknownWords::Strictest) : std::unexpected(ControlRefusal{});
    if (!message) {
      ++unread_;
      return;
    }
    const auto* said = std::get_if<SignedContainment>(&message->body);
    if (said == nullptr || said->record.finding_uid != uid_) return;
    if (told_.emplace(said->record.scope, said->writer, said->record.epoch).second) lines_.push_back(line_of(*said));
  }
  [[nodiscard]] const std::vector<std::string>& lines() const { return lines_; }
  [[nodiscard]] std::uint64_t unread() const { return unread_; }

 private:
  std::string uid_;
  std::set<std::tuple<std::string, std::string, std::uint64_t>> told_;
  std::vector<std::string> lines_;
  std::uint64_t unread_ = 0;
};

std::expected<ControlLines, std::string> read_control(const std::string& file, const std::string& uid) {
  auto source = open_file_source(file, {});
  if (!source) return std::unexpected(source.error().message);
  ControlLines out(uid);
  while (true) {
    const auto batch = (*source)->next(kBatch, kReadWait);
    if (!batch) return std::unexpected(batch.error().message);
    for (const Record& record : batch->records) out.hear(record.bytes);
    if (batch->state == Batch::State::Ended || batch->state == Batch::State::Stopped) return out;
  }
}

std::string note_of(const ControlLines& control, const std::string& file) {
  std::string out = control.lines().empty()
                        ? "No control record of " + file + " goes back to this finding."
                        : "By the control records of " + file + ", whose signatures are not checked here, and the findings file.";
  if (control.unread() > 0) out += " " + std::to_string(control.unread()) + " of its lines are no control records.";
  return out;
}

}  // namespace

std::expected<ContainmentOnRecord, std::string> containment_on_record(const FindingInFile& finding, const std::string& control) {
  ContainmentOnRecord out;
  if (!control.empty()) {
    auto records = read_control(control, finding.uid);
    if (!records) return std::unexpected(std::move(records.error()));
    out.lines = records->lines();
    out.note = note_of(*records, control);
  }
  for (const std::string& line : finding.lines) {
    if (line.find(finding.uid) == std::string::npos) continue;
    const auto record = parse_strict_json(line);
    if (!record) continue;
    if (std::string said = told_by(*record, finding.uid); !said.empty()) out.lines.push_back(std::move(said));
  }
  if (control.empty() && !out.lines.empty())
    out.note = "By the findings file. --control FILE adds the control records: what was published, of which scopes.";
  return out;
}

std::optional<ReleaseOnRecord> first_release(const FindingInFile& finding, std::string_view tenant, std::string_view agent) {
  std::optional<ReleaseOnRecord> first;
  for (const std::string& line : finding.lines) {
    if (line.find("\"close_reason\"") == std::string::npos) continue;
    const auto record = parse_strict_json(line);
    if (!record || !is_release(*record) || text_at(*record, "/unmapped/ringfence/agent") != agent ||
        text_at(*record, "/unmapped/ringfence/tenant") != tenant)
      continue;
    if (const EventTime time = time_of(*record); !first || time < first->time) first = {time, text_at(*record, "/finding_info/desc")};
  }
  return first;
}

}  // namespace ringfence
