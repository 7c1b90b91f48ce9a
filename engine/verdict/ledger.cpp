// SPDX-License-Identifier: Apache-2.0
#include "engine/verdict/ledger.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "engine/event/short_list.h"
#include "models/totals_channel.h"

namespace ringfence {
namespace {

constexpr double kClosingFactor = 1.1;
constexpr float kClamp = 1e30F;
constexpr double kRounded = 1e-6;        // nats; what factors in single precision differ by
constexpr double kClampedBelow = -1e-3;  // nats; more than the rounding of the factors comes to
constexpr std::size_t kMostlyMarked = 2 * kChannels;
/// The next acts stand in some other contexts.
constexpr std::size_t kRowsToCome = 4;

/// Rows in the order of ids, compared as one number.
constexpr std::uint32_t place_of(RowId id) {
  return static_cast<std::uint32_t>(id.channel) << 16U | std::uint32_t{id.context} << 8U | std::uint32_t{id.cls};
}

/// Finds the rows of one event, or makes them. Channels are asked in order, so each is looked for from where the last one was.
class Rows {
 public:
  explicit Rows(std::vector<Ledger::Row>& rows) : rows_(rows) {}

  Ledger::Row& operator[](RowId id) {
    const std::uint32_t place = place_of(id);
    if (at_ > 0 && place_of(rows_[at_ - 1].id) >= place) at_ = 0;
    while (at_ < rows_.size() && place_of(rows_[at_].id) < place) ++at_;
    if (at_ == rows_.size() || rows_[at_].id != id) rows_.insert(rows_.begin() + static_cast<std::ptrdiff_t>(at_), Ledger::Row{.id = id});
    return rows_[at_];
  }

 private:
  std::vector<Ledger::Row>& rows_;
  std::size_t at_ = 0;
};

/// The rows of the event that opens it, in order from the start: none is put between others.
void open_rows(Ledger& ledger, std::span<const RowId> marks, std::span<const Wagered> wagers) {
  ShortList<RowId, kMostlyMarked> ids;
  for (const RowId id : marks) ids.push_back(id);
  for (const Wagered& made : wagers) ids.push_back(made.row());
  std::ranges::sort(ids, {}, place_of);
  ledger.rows.reserve(ids.size() + kRowsToCome);
  for (const RowId id : ids)
    if (ledger.rows.empty() || ledger.rows.back().id != id) ledger.rows.emplace_back().id = id;
}

void count(Ledger& ledger, Ledger::Row& row, std::string_view event_id) {
  ledger.keep(row, std::min<std::size_t>(row.count, 2), event_id);
  ++row.count;
}

double ln_factor(const Wagered& made, Null null) { return std::log(static_cast<double>(std::min(made.factor(null), kGreatestWager))); }

const ChannelInfo* info_of(std::span<const Channel* const> channels, ChannelId id) {
  const auto found = std::ranges::find_if(channels, [id](const Channel* c) { return c->info().id == id; });
  return found == channels.end() ? nullptr : &(*found)->info();
}

const std::array<float, kThreatSlots>& values(const Evidence& evidence, Null null) {
  return null == Null::Alert ? evidence.alert : evidence.declared;
}

/// The threat has ticked since the ledger opened: the one that its first tick added belongs to the start.
bool ticked(const Ledger& ledger, const Tables& tables, Null null, std::size_t slot) {
  return std::ranges::any_of(ledger.rows, [&](const Ledger::Row& row) { return row_ticks(row, tables, null, slot); });
}

/// Factors moved what the ledger opened with before the threat's first tick: the one of that tick joined later.
bool early(const Ledger& ledger, std::size_t slot) {
  return std::ranges::any_of(ledger.rows,
                             [&](const Ledger::Row& row) { return row.stake && row.stake->threat == slot && row.stake->early; });
}

/// One event's wager, once its marks are in the ledger. Without a tick it moves nothing where there was nothing.
void stake(Ledger& ledger, Rows& rows, const Wagered& made, const Evidence& before, const Tables& tables, std::string_view event_id) {
  const auto slot = static_cast<std::size_t>(made.wager.threat);
  const auto had_ticked = [&](Null null) { return made.wager.ticks || ticked(ledger, tables, null, slot); };
  const auto moves = [&](Null null) { return had_ticked(null) || values(before, null)[slot] > 0; };
  const bool first = !had_ticked(Null::Alert) && !had_ticked(Null::Declared);
  Ledger::Row& row = rows[made.row()];
  count(ledger, row, event_id);
  if (!row.stake) row.stake.emplace(static_cast<std::uint8_t>(made.wager.threat));
  row.stake->early = row.stake->early || (first && (moves(Null::Alert) || moves(Null::Declared)));
  row.stake->ticked = row.stake->ticked || made.wager.ticks;
  if (moves(Null::Alert)) row.stake->alert_nats += ln_factor(made, Null::Alert);
  if (moves(Null::Declared)) row.stake->declared_nats += ln_factor(made, Null::Declared);
}

/// What says nothing of a threat, one way or the other, is no row of its explanation.
bool bears_on(const Ledger::Row& row, const Tables& tables, Null null, std::size_t slot) {
  return row.stake ? row.stake->threat == slot : (tables.ticking(null, row.id) >> slot & 1U) != 0;
}

EvidenceRow readable(const Ledger& ledger, const Ledger::Row& row, const Tables& tables, Null null, std::size_t slot,
                     std::span<const Channel* const> channels) {
  const RowWords words = words_of(row.id, channels);
  EvidenceRow out{.channel = std::string(words.channel), .cls = std::string(words.cls), .context = std::string(words.context)};
  std::uint32_t in_context = 0;
  for (const Ledger::Row& other : ledger.rows) {
    if (other.id.channel == row.id.channel && other.id.context == row.id.context) in_context += other.count;
  }
  out.count = row.count;
  out.nats = nats_of(row, tables, null, slot);
  out.cap = tables.cap(null, row.id);
  if (in_context > 0 && !counts_each_rung(row.id)) out.seen = static_cast<double>(row.count) / in_context;
  for (std::size_t i = 0; i < row.samples.size(); ++i) {
    if (const std::string_view id = ledger.sample(row, i); !id.empty()) out.samples.emplace_back(id);
  }
  return out;
}

}  // namespace

void record(std::unique_ptr<Ledger>& ledger, const Evidence& before, const Evidence& after, const Tables& tables,
            std::span<const RowId> marks, std::string_view event_id, EventTime time, std::span<const Wagered> wagers) {
  const bool contributes = std::ranges::any_of(marks, [&](RowId id) { return tables.contributes(id); }) ||
                           std::ranges::any_of(wagers, [&](const Wagered& made) { return raises(made, tables); });
  if (!ledger) {
    if (!contributes) return;
    ledger = std::make_unique<Ledger>();
    open_rows(*ledger, marks, wagers);
    ledger->start = before;
    ledger->opened = time;
  }
  Rows rows(ledger->rows);
  for (const RowId id : marks) count(*ledger, rows[id], event_id);
  for (const Wagered& made : wagers) stake(*ledger, rows, made, before, tables, event_id);
  if (contributes) {
    ++ledger->contributions;
    ledger->last = time;
    return;
  }
  const bool clean = scope_score(after, tables, Null::Alert) < kClosingFactor * tables.clean_value(Null::Alert) &&
                     scope_score(after, tables, Null::Declared) < kClosingFactor * tables.clean_value(Null::Declared);
  if (clean) ledger.reset();
}

void rebase(std::unique_ptr<Ledger>& ledger, const Evidence& now) {
  if (!ledger) return;
  ledger->start = now;
  ledger->clear_rows();
}

double nats_of(const Ledger::Row& row, const Tables& tables, Null null, std::size_t slot) {
  if (!row.stake) return row.count * std::log(static_cast<double>(tables.row(null, row.id)[slot]));
  if (row.stake->threat != slot) return 0;
  return null == Null::Alert ? row.stake->alert_nats : row.stake->declared_nats;
}

bool row_ticks(const Ledger::Row& row, const Tables& tables, Null null, std::size_t slot) {
  if (row.stake) return row.stake->threat == slot && row.stake->ticked;
  return (tables.ticking(null, row.id) >> slot & 1U) != 0;
}

RowWords words_of(RowId id, std::span<const Channel* const> channels) {
  RowWords words;
  const ChannelInfo* const info = info_of(channels, id.channel);
  if (info == nullptr) return words;
  words.channel = info->name;
  if (id.cls < info->classes.size()) words.cls = info->classes[id.cls];
  const std::uint8_t context = plain_context(id.context);
  if (context < info->contexts.size()) words.context = info->contexts[context];
  return words;
}

const Ledger* leading_ledger(const AgentState& agent, const Leader& leader) {
  return leader.session ? agent.sessions[*leader.session].ledger.get() : agent.ledger.get();
}

std::optional<Explanation> explain(const Scored& scored, const Persona& persona, double threshold,
                                   std::span<const Channel* const> channels) {
  const auto& [agent, tables, null, alone, among] = scored;
  const Leader lead = leader(agent, tables, null, alone, among);
  const Ledger* ledger = leading_ledger(agent, lead);
  const auto slot = static_cast<std::size_t>(lead.threat);
  const Evidence& scope = lead.session ? agent.sessions[*lead.session].evidence : agent.evidence;
  const double prior = static_cast<double>(tables.prior(null)[slot]);
  const double value = static_cast<double>(values(scope, null)[slot]);
  if (ledger == nullptr || !(prior > 0 && value > 0)) return std::nullopt;

  Explanation out;
  out.threat = kThreats[slot].id;
  out.family = kThreats[slot].family;
  out.bounded = kThreats[slot].bounded;
  out.null = null == Null::Alert ? "alert" : "declared";
  out.scope = lead.session ? "session" : "agent";
  out.score = score(agent, tables, null, alone);
  out.ln_score = std::log(out.score);
  out.share = lead.share;
  out.tolerance = null == Null::Alert ? 1.0 : persona.tolerance();
  out.threshold = threshold;
  out.halt_threshold = persona.response.scores.halt;
  out.declared_tolerance = persona.tolerance();
  out.prior = std::log(prior / 2);
  const double opened_with = static_cast<double>(values(ledger->start, null)[slot]);
  const bool joined_late = opened_with > 0 && early(*ledger, slot);
  out.start = std::log(opened_with + (ticked(*ledger, tables, null, slot) && !joined_late ? 1 : 0));
  for (const Ledger::Row& row : ledger->rows) {
    if (!bears_on(row, tables, null, slot)) continue;
    out.rows.push_back(readable(*ledger, row, tables, null, slot, channels));
    if (null == Null::Alert || row.count == 0) continue;
    const double more = (nats_of(row, tables, Null::Alert, slot) - out.rows.back().nats) / row.count;
    if (more > std::log(out.tolerance) + kRounded) out.rows.back().alerts_more = more;
  }
  std::ranges::stable_sort(out.rows, std::greater{}, &EvidenceRow::nats);
  const double contributions =
      std::accumulate(out.rows.begin(), out.rows.end(), 0.0, [](double sum, const EvidenceRow& row) { return sum + row.nats; });
  out.late_starts = std::log(value) - (out.start + contributions);
  // What was once clamped lies below its own factors for as long as the ledger is open.
  out.clamped = values(scope, null)[slot] >= kClamp || out.late_starts < kClampedBelow;
  out.others = out.ln_score - std::log(prior * value / 2);
  return out;
}

void settle(Ledger* ledger, EventTime now) {
  if (ledger == nullptr) return;
  ledger->contributions = 0;
  ledger->opened = now;
}

void take_back_contribution(Ledger* ledger) {
  if (ledger != nullptr && ledger->contributions > 0) --ledger->contributions;
}

}  // namespace ringfence
