// SPDX-License-Identifier: Apache-2.0
#include "engine/app/audit_trail.h"

#include <unistd.h>

#include <fstream>
#include <random>
#include <utility>

#include "connectors/encoders/audit_verifier.h"
#include "connectors/kafka/topic_reader.h"
#include "connectors/sinks/file_sink.h"
#include "connectors/sinks/posix_file.h"
#include "engine/app/kafka_settings.h"
#include "engine/app/wall_clock.h"
#include "engine/event/escape.h"
#include "engine/event/event.h"
#include "engine/event/sha256.h"

namespace ringfence {
namespace {

constexpr std::chrono::seconds kNoteAgain{1};
constexpr Nanos kEndWithin = seconds(2);
constexpr std::int64_t kNanosPerMs = 1'000'000;
constexpr std::size_t kBatch = 1000;
constexpr std::chrono::milliseconds kWait{500};
constexpr std::chrono::seconds kStuckAfter{30};  // nothing read for so long, and not at the end
constexpr Nanos kPurgesWithin = seconds(10);
constexpr std::string_view kPurges = "audit.purges";
constexpr std::size_t kScopeChars = 1024;
constexpr std::size_t kSaidMost = 65'536;
constexpr std::size_t kUnderWayMost = 65'536;
constexpr std::streamoff kFileTail = 16 << 20;
/// Records older than this before the note are not said again: the low-water marks are not that far behind it.
constexpr Nanos kBefore = hours(1);
/// Of a process, and of one that ended: no input caused them.
constexpr Position kNobody{kNoInput, Offset{0}};

struct Note {
  AuditHead head;
  WallTime time;
};

/// `CHAIN NUMBER SHA256 TIME`; nothing where there is none or it cannot be read.
std::optional<Note> read_note(const std::filesystem::path& file) {
  std::ifstream in(file);
  Note note;
  if (!(in >> note.head.chain >> note.head.number >> note.head.sha256 >> note.time.value) || note.head.sha256.size() != 64) return {};
  return note;
}

/// False where it cannot be written: less is known of the tail, nothing else.
bool write_note(const std::filesystem::path& file, const AuditHead& head) {
  const std::string text =
      head.chain + " " + std::to_string(head.number) + " " + head.sha256 + " " + std::to_string(wall_now().value) + "\n";
  return posix_file::replace(file.string(), text).has_value();
}

std::string new_name() {
  std::random_device device;
  const std::string seed = std::to_string(device()) + "-" + std::to_string(device()) + "-" + std::to_string(getpid());
  return sha256_hex(seed).substr(0, 12);
}

}  // namespace

bool AuditTrail::Said::knows(std::string_view uid) const { return known_.contains(hash64(uid)); }

void AuditTrail::Said::add(std::string_view uid) {
  const std::uint64_t digest = hash64(uid);
  if (!known_.insert(digest).second) return;
  order_.push_back(digest);
  if (order_.size() <= kSaidMost) return;
  known_.erase(order_.front());
  order_.pop_front();
}

std::expected<AuditTrail::Found, std::string> AuditTrail::find(const Settings& settings, const TrustedKeys& trusted,
                                                               const AuditPast& past) {
  const auto note = settings.note.empty() ? std::nullopt : read_note(settings.note);
  Found found{beginning_of(settings.writer + "/" + settings.instance + "-" + new_name()), {}, {}};
  if (!note && !settings.adopt) return found;
  if (note) found.head = note->head;
  const std::string prefix = settings.writer + "/";
  bool seen = false, other = false;
  const auto take = [&](std::string_view line) {
    // The cheap look first: others' chains may lie there too.
    if (line.find(note ? note->head.chain : prefix) == std::string_view::npos) return;
    const auto record = read_audit_line(line, trusted);
    if (!record || (note ? record->at.chain != note->head.chain : !record->at.chain.starts_with(prefix))) return;
    if (!note && record->at.chain != found.head.chain) found = {beginning_of(record->at.chain), {}, {}};
    found.said.add(record->uid);
    seen = seen || (note && record->at == note->head);
    other = other || (note && record->at.number == note->head.number && record->at != note->head);
    if (record->at.number > found.head.number) found.head = record->at;
  };
  const WallTime since{note ? note->time.value - kBefore.value : 0};
  if (auto read = past(since, take); !read) return std::unexpected(std::move(read.error()));
  if (note && other) found = {note->head, std::move(found.said), "it is another trail than the one this state directory has written"};
  if (note && !seen && note->head.number > 0 && found.warning.empty())
    found.warning = "record " + std::to_string(note->head.number) + " of the chain, which was stored, is not there";
  return found;
}

std::expected<std::unique_ptr<AuditTrail>, std::string> AuditTrail::open(Settings settings, SigningKey key, TrustedKeys trusted, Sink& sink,
                                                                         const AuditPast& past) {
  trusted.add(key, {settings.writer});
  auto found = find(settings, trusted, past);
  if (!found) return std::unexpected("audit trail: " + found.error());
  // Its name is kept before its first record: whoever is killed before the next note goes on in the same chain.
  const bool noted = found->head.number > 0 || settings.note.empty() || write_note(settings.note, found->head);
  std::unique_ptr<AuditTrail> trail(new AuditTrail(std::move(settings), std::move(key), sink, std::move(*found)));
  trail->noted_ = noted;
  return trail;
}

std::expected<void, SinkError> AuditTrail::say(const AuditEntry& entry, Position cause) {
  const std::lock_guard lock(mutex_);
  if (auto sent = send_unsent(); !sent) return sent;
  if (said_.knows(entry.uid)) return {};
  unsent_ = Unsent{entry.uid, chain_.next(entry), cause};
  return send_unsent();
}

std::expected<void, SinkError> AuditTrail::send_unsent() {
  if (!unsent_) return {};
  if (auto sent = sink_.publish(unsent_->line, chain_.head().chain, unsent_->cause); !sent) return sent;
  said_.add(unsent_->uid);
  under_way_.push_back({chain_.head(), unsent_->cause});
  if (under_way_.size() > kUnderWayMost) under_way_.pop_front();
  unsent_.reset();
  note_progress(false);
  return {};
}

/// A record is stored once its partition's horizon has passed its cause. One that was noted and never arrived would be a gap for good.
void AuditTrail::note_progress(bool at_once) {
  const auto now = std::chrono::steady_clock::now();
  if (settings_.note.empty() || (!at_once && now < note_due_)) return;
  note_due_ = now + kNoteAgain;
  std::optional<AuditHead> newest;
  while (!under_way_.empty() && sink_.acknowledged(under_way_.front().cause.partition) > under_way_.front().cause.offset) {
    newest = std::move(under_way_.front().at);
    under_way_.pop_front();
  }
  if (newest) noted_ = write_note(settings_.note, *newest);
}

std::expected<void, SinkError> AuditTrail::start(std::string_view personas, WallTime now) {
  start_ = chain_.head().chain.substr(chain_.head().chain.find('/') + 1) + "@" + std::to_string(now.value);
  return say(audit_of_start({start_, key_.kid(), personas}, now), kNobody);
}

void AuditTrail::end(WallTime now) {
  if (start_.empty()) return;
  if (!say(audit_of_end({start_, key_.kid(), {}}, now), kNobody) || !sink_.flush(kEndWithin)) return;
  note();
}

void AuditTrail::note() {
  const std::lock_guard lock(mutex_);
  note_progress(true);
}

std::filesystem::path audit_file(const ringfence::Settings& settings) {
  const OutputTarget& target = settings.outputs.audit;
  return target.topic ? settings.state.directory / "audit.ndjson" : target.file;
}

std::filesystem::path operators_audit_file(const ringfence::Settings& settings) {
  const std::filesystem::path engines = audit_file(settings);
  return engines.parent_path() / (engines.stem().string() + "-operator" + engines.extension().string());
}

std::filesystem::path operators_audit_note(const ringfence::Settings& settings) { return settings.state.directory / "audit-operator.note"; }

std::expected<void, SinkError> note_purge(const std::filesystem::path& state_directory, std::string_view scope, WallTime now) {
  const std::string path = (state_directory / kPurges).string();
  auto notes = FileSink::open(path, 0);
  if (!notes) return std::unexpected(notes.error());
  const std::string line = std::to_string(now.value) + " " + printable(scope, kScopeChars);
  if (auto put = (*notes)->publish(line, {}, kNobody); !put) return put;
  return (*notes)->flush(kEndWithin);
}

std::expected<void, SinkError> tell_purges(const std::filesystem::path& state_directory, AuditTrail& trail, Sink& sink) {
  const std::filesystem::path path = state_directory / kPurges;
  std::ifstream notes(path);
  if (!notes) return {};
  std::int64_t time = 0;
  std::string scope;
  while (notes >> time >> scope)
    if (auto said = trail.say(audit_of_purge(scope, time / kNanosPerMs, wall_now()), kNobody); !said) return said;
  if (auto stored = sink.flush(kPurgesWithin); !stored) return stored;
  std::error_code ignored;  // else they are on record once more
  std::filesystem::remove(path, ignored);
  return {};
}

AuditPast audit_past_of_topic(const ringfence::Settings& settings) {
  return [&settings](WallTime since, const std::function<void(std::string_view line)>& take) -> std::expected<void, std::string> {
    auto reader = TopicReader::open({.kafka = kafka_of(settings), .topic = settings.topics.audit, .since_ms = since.value / kNanosPerMs});
    if (!reader) return std::unexpected(reader.error().message);
    auto heard = std::chrono::steady_clock::now();
    while (true) {
      const auto batch = (*reader)->read(kBatch, kWait);
      if (!batch) return std::unexpected(batch.error().message);
      for (const TopicRecord& record : batch->records) take(record.value);
      if (batch->caught_up && batch->records.empty()) return {};
      if (!batch->records.empty()) heard = std::chrono::steady_clock::now();
      if (std::chrono::steady_clock::now() - heard > kStuckAfter)
        return std::unexpected("topic " + settings.topics.audit + " could not be read to its end");
    }
  };
}

AuditPast audit_past_of_file(std::string path) {
  return [path = std::move(path)](WallTime, const std::function<void(std::string_view line)>& take) -> std::expected<void, std::string> {
    std::ifstream in(path, std::ios::binary | std::ios::ate);
    if (!in) return {};  // none yet
    const std::streamoff size = in.tellg();
    in.seekg(std::max<std::streamoff>(size - kFileTail, 0));
    std::string line;
    if (size > kFileTail) std::getline(in, line);  // a part of one
    while (std::getline(in, line)) take(line);
    if (in.bad()) return std::unexpected(printable(path) + " cannot be read");
    return {};
  };
}

}  // namespace ringfence
