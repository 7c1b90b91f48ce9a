// SPDX-License-Identifier: Apache-2.0
#include "engine/app/enforcement_feed.h"

#include <chrono>
#include <condition_variable>
#include <filesystem>

#include "connectors/encoders/keys.h"
#include "connectors/kafka/control_feed.h"
#include "engine/app/kafka_settings.h"
#include "engine/app/pinned_keys.h"
#include "engine/app/wall_clock.h"

namespace ringfence {
namespace {

constexpr std::chrono::milliseconds kWait{20};
constexpr std::chrono::milliseconds kPause{200};
constexpr std::chrono::seconds kReadWithin{20};    // to the end
constexpr std::chrono::seconds kAnswerWithin{10};  // of what cannot be read at all
constexpr std::size_t kBatch = 1000;

constexpr std::string_view kEngine = "engine-";

/// Without the partition's number.
std::string input_of(std::string_view writer) { return std::string(writer.substr(0, writer.rfind('-'))); }

/// A person's, or one that links led this engine to: no agent's state answers for it. A twin's is the twin's business.
bool stands_apart(const std::string& own, std::string_view writer) {
  if (!writer.starts_with(kEngine)) return true;
  return input_of(writer) == input_of(engine_writer(input_of(own).substr(kEngine.size()), kLinksPartition));
}

/// Some engine's, about an agent of its own.
bool of_own_agents(const std::string& writer) {
  return writer.starts_with(kEngine) && !writer.starts_with(std::string(kEngine) + std::string(kLinksTopic));
}

std::filesystem::path file_of(const OutputTarget& target) { return target.topic ? std::filesystem::path() : target.file; }

}  // namespace

std::optional<GatesWord> word_for(const std::string& own, const std::string& writer, Enforcement what) {
  if (stands_apart(own, writer)) {
    what.writer = writer;
    return gates_word(std::move(what));
  }
  what.finding_uid.clear();
  return writer == own ? gates_word(std::move(what)) : std::nullopt;
}

EnforcementLogs enforcement_logs(const Settings& settings) {
  EnforcementLogs out;
  if (settings.outputs.control.topic)
    out.control = std::make_unique<KafkaControlFeed>(kafka_of(settings), settings.topics.control);
  else
    out.control = std::make_unique<FileControlFeed>(settings.outputs.control.file.string());
  if (settings.gate.acks.topic)
    out.acks = std::make_unique<KafkaControlFeed>(kafka_of(settings), settings.topics.acks, KafkaLog{}, KafkaControlFeed::Order::ByKey);
  else
    out.acks = std::make_unique<FileControlFeed>(settings.gate.acks.file.string());
  return out;
}

EnforcementBoard::Settings board_settings(const Settings& settings, TrustedKeys trusted) {
  return {.trusted = std::move(trusted),
          .audience = settings.control.audience.empty() ? "" : settings.control.audience.front(),
          .gates = settings.control.gates,
          .skew = settings.control.clock_skew};
}

std::expected<std::unique_ptr<EnforcementFeed>, std::string> EnforcementFeed::open(const Settings& settings, const ServiceLog& log) {
  auto trusted = board_keys(settings);
  if (!trusted) return std::unexpected(std::move(trusted.error().message));
  std::unique_ptr<EnforcementFeed> feed(new EnforcementFeed(settings, std::move(*trusted), log));
  if (auto read = feed->read_to_end(); !read) return std::unexpected(std::move(read.error()));
  feed->thread_ = std::jthread([raw = feed.get()](const std::stop_token& stop) { raw->follow(stop); });
  return feed;
}

EnforcementFeed::~EnforcementFeed() {
  if (!thread_.joinable()) return;
  thread_.request_stop();
  thread_.join();
}

std::vector<EnforcementFeed::Entry> EnforcementFeed::since(std::size_t from) const {
  const std::lock_guard lock(mutex_);
  return {entries_.begin() + static_cast<std::ptrdiff_t>(std::min(from, entries_.size())), entries_.end()};
}

EnforcementBoard::Standing EnforcementFeed::standing(std::size_t most) const {
  const std::lock_guard lock(mutex_);
  return board_.standing(most);
}

std::optional<EventTime> EnforcementFeed::last_of(const std::string& scope) const {
  const std::lock_guard lock(mutex_);
  std::optional<EventTime> last;
  for (const auto& [key, row] : board_.rows())
    if (row.record.scope == scope && (!last || row.record.effective_at > *last)) last = row.record.effective_at;
  return last;
}

std::vector<FindingRecord> EnforcementFeed::alarms(const EnforcementBoard::Mine& mine) {
  const std::lock_guard lock(mutex_);
  // Who cannot hear cannot say that somebody is silent.
  return away_ ? std::vector<FindingRecord>() : board_.alarms(wall_now(), mine);
}

EnforcementFeed::EnforcementFeed(const Settings& settings, TrustedKeys trusted, const ServiceLog& log)
    : log_(log),
      logs_(enforcement_logs(settings)),
      control_file_(file_of(settings.outputs.control)),
      acks_file_(file_of(settings.gate.acks)),
      board_(board_settings(settings, std::move(trusted))) {}

std::expected<void, std::string> EnforcementFeed::read_to_end() {
  const auto begun = std::chrono::steady_clock::now();
  for (const Side side : {Side::Control, Side::Acks}) {
    while (true) {
      const auto at_end = read(side, kPause);
      if (at_end == true) break;
      if (std::chrono::steady_clock::now() < begun + (at_end ? kReadWithin : kAnswerWithin)) continue;
      return std::unexpected((side == Side::Acks ? "the acknowledgements were" : "the control log was") +
                             std::string(" not read to the end in time") + (fault_.empty() ? "" : ": " + fault_));
    }
  }
  board_.caught_up(wall_now());
  return {};
}

std::optional<bool> EnforcementFeed::read(Side side, std::chrono::milliseconds wait) {
  const bool acks = side == Side::Acks;
  const auto batch = (acks ? logs_.acks : logs_.control)->read(kBatch, wait);
  if (!batch) {
    fault_ = batch.error().message;
    // A file that nobody has written to yet is at its end.
    const std::filesystem::path& file = acks ? acks_file_ : control_file_;
    return !file.empty() && !std::filesystem::exists(file) ? std::optional(true) : std::nullopt;
  }
  const std::lock_guard lock(mutex_);
  for (const ControlEntry& entry : batch->entries) {
    if (acks)
      board_.acknowledge(entry, wall_now());
    else
      board_.observe(entry, wall_now());
  }
  std::size_t lifted = lifted_.load(std::memory_order_relaxed);
  for (EnforcementBoard::Confirmed& confirmed : board_.take_confirmed()) {
    if (confirmed.what.lifted() && of_own_agents(confirmed.writer)) continue;  // who published it knows
    lifted += confirmed.what.lifted() ? 1U : 0U;
    entries_.push_back({std::move(confirmed.writer), std::move(confirmed.what)});
  }
  size_.store(entries_.size(), std::memory_order_release);
  lifted_.store(lifted, std::memory_order_release);
  return batch->caught_up;
}

void EnforcementFeed::follow(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    const bool control = read(Side::Control, kWait).has_value();
    const bool acks = read(Side::Acks, kWait).has_value();
    const bool away = !control || !acks;
    if (away != away_) {
      if (away)
        log_.warning("acknowledgements cannot be followed", {{"error", fault_}});
      else
        log_.info("acknowledgements are followed again");
      const std::lock_guard lock(mutex_);
      away_ = away;
    }
    if (!away) continue;
    std::mutex waiting;
    std::condition_variable_any pause;
    std::unique_lock lock(waiting);
    pause.wait_for(lock, stop, kPause, [] { return false; });
  }
}

}  // namespace ringfence
