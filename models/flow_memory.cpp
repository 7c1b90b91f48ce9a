// SPDX-License-Identifier: Apache-2.0
#include "models/flow_memory.h"

#include <algorithm>
#include <unordered_set>

#include "engine/event/event.h"

namespace ringfence::flow {

namespace {

constexpr std::uint8_t kVersion = 4;
/// Versions before of a session: filters with all their words, leaves with all their bits; settled values with all theirs; bits of rows of
/// words without what they mean.
constexpr std::uint8_t kWholeForms = 1, kWholeValues = 2, kBareRows = 3;
constexpr std::uint64_t kTrusted = 0xC3C3'0003'3C3C'0004ULL;

constexpr std::uint32_t low(std::uint64_t hash) { return static_cast<std::uint32_t>(hash); }

std::uint64_t mixed(std::uint64_t v) {
  v = (v ^ (v >> 32U)) * 0xD6E8FEB86659FD93ULL;
  v = (v ^ (v >> 32U)) * 0xD6E8FEB86659FD93ULL;
  return v ^ (v >> 32U);
}

std::uint64_t gone_gram(std::uint64_t gram, bool addressed, bool pointed) {
  return mixed(gram + (addressed ? 1U : 0U) + (pointed ? 2U : 0U));
}

/// Calls `use` with every run of one to three of `count` words.
template <class WordAt, class Use>
void each_run(std::size_t count, const WordAt& word, const Use& use) {
  for (std::size_t i = 0; i < count; ++i) {
    RunHash run;
    run.add(word(i));
    use(run.value());
    if (i + 1 == count) return;
    run.add(word(i + 1));
    use(run.value());
    if (i + 2 == count) continue;
    run.add(word(i + 2));
    use(run.value());
  }
}

}  // namespace

std::string short_id(std::string_view id) {
  if (id.size() <= Order::kSourceBytes) return std::string(id);
  std::size_t cut = Order::kSourceBytes - 3;
  while (cut > 0 && (static_cast<unsigned char>(id[cut]) & 0xC0U) == 0x80) --cut;
  return std::string(id.substr(0, cut)) + "\xE2\x80\xA6";
}

// The task

std::uint32_t FlowSession::task_hash(std::uint64_t word) const { return static_cast<std::uint32_t>(mixed(word ^ seed_)); }

void FlowSession::hear_task(const TaskText& task) {
  task_known_ = true;
  task_kin |= task.kin;
  task_nouns |= task.nouns;
  follows = follows || task.follows;
  follows_all = follows_all || task.follows_all;
  const std::size_t fresh = std::min(task.words.size(), kTaskWords);
  lost_task += static_cast<std::uint32_t>(task.words.size() - fresh);
  if (task_.size() + fresh > kTaskWords) {  // the words of now are what calls will be held against
    lost_task += static_cast<std::uint32_t>(task_.size() + fresh - kTaskWords);
    task_.erase(task_.begin(), task_.begin() + static_cast<std::ptrdiff_t>(task_.size() + fresh - kTaskWords));
  }
  task_.reserve(task_.size() + fresh);
  for (std::size_t i = 0; i < fresh; ++i) task_.push_back(task_hash(task.words[i]));
}

bool FlowSession::user_wrote(WordSpan value) const {
  if (value.empty() || value.size() > task_.size()) return false;
  const std::uint32_t first = task_hash(value[0]);
  for (auto at = std::ranges::find(task_, first); at != task_.end(); at = std::find(at + 1, task_.end(), first)) {
    if (static_cast<std::size_t>(task_.end() - at) < value.size()) return false;
    if (std::equal(value.begin(), value.end(), at, [&](std::uint64_t word, std::uint32_t known) { return task_hash(word) == known; }))
      return true;
  }
  return false;
}

bool FlowSession::task_holds_any(const std::vector<std::uint64_t>& words) const {
  return std::ranges::any_of(words, [&](std::uint64_t word) { return user_wrote({&word, 1}); });
}

// Results

void FlowSession::learn_trusted(WordSpan words) {
  each_run(words.size(), [&](std::size_t i) { return words[i]; }, [&](std::uint64_t gram) { leaf(gram ^ kTrusted); });
}

void FlowSession::learn_mention(WordSpan words) {
  if (words.empty()) return;
  if (!prose_) prose_ = std::make_unique<Prose>();
  Prose& prose = *prose_;
  each_run(words.size(), [at = words.data()](std::size_t i) { return at[i]; }, [&](std::uint64_t gram) { prose.add(mixed(gram)); });
}

void FlowSession::learn_order(Order order) {
  const auto same = std::ranges::find(orders_, order.words, &Order::words);
  if (same != orders_.end()) {
    same->addressed = same->addressed || order.addressed;
    same->untrusted = same->untrusted || order.untrusted;
    same->pointed = same->pointed && order.pointed;
    std::rotate(same, same + 1, orders_.end());
    return;
  }
  if (orders_.size() == kOrders) forget_oldest_order();
  order.words.shrink_to_fit();
  orders_.push_back(std::move(order));
}

void FlowSession::forget_oldest_order() {
  ++lost_orders;
  if (!gone_) gone_ = std::make_unique<Gone>();
  const Order& oldest = orders_.front();
  each_run(
      oldest.words.size(), [&](std::size_t i) -> std::uint64_t { return oldest.words[i].word; },
      [&](std::uint64_t gram) { gone_->add(gone_gram(gram, oldest.addressed, oldest.pointed)); });
  orders_.erase(orders_.begin());
}

bool FlowSession::gone_order_held(WordSpan value, bool addressed, bool pointed) const {
  if (!gone_) return false;
  WordList words;
  for (const std::uint64_t word : value) words.push_back(static_cast<std::uint32_t>(word));
  return holds_run(words, [&](std::uint64_t gram) { return gone_->holds(gone_gram(gram, addressed, pointed)); });
}

bool FlowSession::holds(const Order& order, WordSpan value) {
  const auto equal = [](const Order::Word& word, std::uint64_t wanted) { return word.word == static_cast<std::uint32_t>(wanted); };
  // A value that is the whole sentence is the name of something that gives an order, not what the order is about.
  return !value.empty() && value.size() < order.words.size() &&
         std::search(order.words.begin(), order.words.end(), value.begin(), value.end(), equal) != order.words.end();
}

bool FlowSession::is_record(WordSpan value) const {
  return leaves_.holds(run_hash(value) ^ kWhole) || holds_run(value, [&](std::uint64_t gram) { return leaves_.holds(gram ^ kTrusted); });
}

bool FlowSession::is_mentioned(WordSpan value) const {
  return prose_ && holds_run(value, [&](std::uint64_t gram) { return prose_->holds(mixed(gram)); });
}

// Values

std::optional<Settled> FlowSession::settled(std::uint64_t value) const {
  const std::size_t at = bytes::find_equal(values_, low(value));
  return at == values_.size() ? std::nullopt : std::optional(uses_[at].what());
}

std::optional<Settled> FlowSession::used(std::uint64_t value) {
  const std::size_t at = bytes::find_equal(values_, low(value));
  if (at == values_.size()) return std::nullopt;
  uses_[at].use(calls);
  return uses_[at].what();
}

void FlowSession::settle(std::uint64_t value, Settled what) {
  if (values_.size() < kSettled) {
    if (values_.size() == values_.capacity()) {
      values_.reserve(values_.size() + values_.size() / 4 + 4);
      uses_.reserve(values_.capacity());
    }
    values_.push_back(low(value));
    uses_.emplace_back(what, calls);
    return;
  }
  // What an order gave is kept longest: forgetting it could make less of it than it is.
  ++lost_values;
  const auto keep = [](const Use& known) { return std::pair(known.what().origin == Origin::Command, known.call()); };
  const auto leaves = std::ranges::min_element(uses_, {}, keep);
  values_[static_cast<std::size_t>(leaves - uses_.begin())] = low(value);
  *leaves = Use(what, calls);
}

void FlowSession::await(std::uint64_t act, bool pointed) {
  ++waiting_;
  if (!pointed) return;
  if (pointed_.size() == kPending) pointed_.erase(pointed_.begin());
  pointed_.push_back(act);
}

bool FlowSession::arrived(std::uint64_t act) {
  if (waiting_ > 0) --waiting_;
  return std::erase(pointed_, act) > 0;
}

// Encoding

void FlowSession::encode(Writer& out) const {
  out.u8(kVersion);
  out.u64(seed_);
  out.u8(
      static_cast<std::uint8_t>((task_known_ ? 1 : 0) | (follows ? 2 : 0) | (prose_ ? 4 : 0) | (gone_ ? 8 : 0) | (follows_all ? 16 : 0)));
  out.varint(Words::built_in().rows_id());
  out.u64(task_kin);
  out.u64(task_nouns);
  out.varint(task_.size());
  for (const std::uint32_t word : task_) out.varint(word);
  leaves_.encode(out);
  if (prose_) prose_->encode(out);
  if (gone_) gone_->encode(out);
  out.varint(orders_.size());
  for (const Order& order : orders_) {
    out.u8(static_cast<std::uint8_t>((order.addressed ? 1 : 0) | (order.pointed ? 2 : 0) | (order.untrusted ? 4 : 0)));
    out.u64(order.kin);
    out.u64(order.nouns);
    out.text(order.source);
    out.varint(order.words.size());
    for (const Order::Word& word : order.words) out.u64((std::uint64_t{word.word} << 32U) | word.stem);
  }
  out.varint(values_.size());
  for (std::size_t i = 0; i < values_.size(); ++i) {
    out.f32(std::bit_cast<float>(values_[i]));  // four bytes
    const Settled what = uses_[i].what();
    out.varint(uses_[i].call());
    out.u8(static_cast<std::uint8_t>(static_cast<unsigned>(what.origin) | (what.addressed ? 16U : 0U) | (what.pointed ? 32U : 0U)));
  }
  out.varint(pointed_.size());
  for (const std::uint64_t act : pointed_) out.u64(act);
  for (const std::uint32_t count : {waiting_, calls, results, unheard, lost_leaves, lost_orders, lost_values, lost_task}) out.varint(count);
  for (const std::uint32_t count : seen) out.varint(count);
  out.u8(told.cls);
  out.text(told.argument);
  out.text(told.source);
}

namespace {

bool decode_order(Reader& in, Order& order) {
  const std::uint8_t flags = in.u8();
  order.addressed = (flags & 1U) != 0;
  order.pointed = (flags & 2U) != 0;
  order.untrusted = (flags & 4U) != 0;
  order.kin = in.u64();
  order.nouns = in.u64();
  order.source = in.text();
  order.words.resize(in.count(sizeof(std::uint64_t), Order::kWords));
  for (Order::Word& word : order.words) {
    const std::uint64_t both = in.u64();
    word = {static_cast<std::uint32_t>(both >> 32U), static_cast<std::uint32_t>(both)};
  }
  return in.ok() && flags < 8 && order.source.size() <= Order::kSourceBytes;
}

}  // namespace

bool FlowSession::decode_values(Reader& in, bool whole) {
  values_.resize(in.count(whole ? 10 : 6, kSettled));
  uses_.resize(values_.size());
  for (std::size_t i = 0; i < values_.size(); ++i) {
    values_[i] = whole ? low(in.u64()) : std::bit_cast<std::uint32_t>(in.f32());
    const std::uint32_t call = in.varint32();
    const unsigned packed = in.u8();
    if (packed >= 64 || (packed & 15U) > static_cast<unsigned>(Origin::Command)) return false;
    uses_[i] = Use({static_cast<Origin>(packed & 7U), (packed & 16U) != 0, (packed & 32U) != 0}, call);
  }
  return in.ok();
}

std::unique_ptr<ChannelMemory> FlowSession::decode(Reader& in) {
  const std::uint8_t version = in.u8();
  if (version < kWholeForms || version > kVersion) return nullptr;
  const auto read = [&](auto& filter) { version == kWholeForms ? filter.decode_whole(in) : filter.decode(in); };
  auto memory = std::make_unique<FlowSession>(in.u64());
  const std::uint8_t flags = in.u8();
  memory->task_known_ = (flags & 1U) != 0;
  memory->follows = (flags & 2U) != 0;
  memory->follows_all = (flags & 16U) != 0;
  const bool other_rows = version <= kBareRows || in.varint32() != Words::built_in().rows_id();
  memory->task_kin = in.u64();
  memory->task_nouns = in.u64();
  memory->task_.resize(in.count(1, kTaskWords));
  for (std::uint32_t& word : memory->task_) word = in.varint32();
  if (flags > 31 || !(version == kWholeForms ? memory->leaves_.decode_whole(in) : memory->leaves_.decode(in))) return nullptr;
  if ((flags & 4U) != 0) read(*(memory->prose_ = std::make_unique<Prose>()));
  if ((flags & 8U) != 0) read(*(memory->gone_ = std::make_unique<Gone>()));
  memory->orders_.resize(in.count(18, kOrders));
  for (Order& order : memory->orders_)
    if (!decode_order(in, order)) return nullptr;
  if (!memory->decode_values(in, version <= kWholeValues)) return nullptr;
  memory->pointed_.resize(in.count(sizeof(std::uint64_t), kPending));
  for (std::uint64_t& act : memory->pointed_) act = in.u64();
  for (std::uint32_t* count : {&memory->waiting_, &memory->calls, &memory->results, &memory->unheard, &memory->lost_leaves,
                               &memory->lost_orders, &memory->lost_values, &memory->lost_task})
    *count = in.varint32();
  for (std::uint32_t& count : memory->seen) count = in.varint32();
  memory->told.cls = in.u8();
  memory->told.argument = in.text();
  memory->told.source = in.text();
  if (!in.ok() || memory->told.cls >= kClasses) return nullptr;
  if (other_rows) memory->look_up_anew();
  return memory;
}

void FlowSession::look_up_anew() {
  const std::unordered_set<std::uint32_t> task(task_.begin(), task_.end());
  std::vector<std::unordered_set<std::uint32_t>> ordered(orders_.size());
  for (std::size_t i = 0; i < orders_.size(); ++i)
    for (const Order::Word& word : orders_[i].words) ordered[i].insert(word.word);
  task_kin = task_nouns = 0;
  for (Order& order : orders_) order.kin = order.nouns = 0;
  Words::built_in().each([&](const WordEntry& entry) {
    if ((entry.kin | entry.nouns) == 0) return;
    if (task.contains(task_hash(entry.hash))) {
      task_kin |= entry.kin;
      task_nouns |= entry.nouns;
    }
    for (std::size_t i = 0; i < orders_.size(); ++i) {
      if (!ordered[i].contains(low(entry.hash))) continue;
      orders_[i].kin |= entry.kin;
      orders_[i].nouns |= entry.nouns;
    }
  });
}

std::size_t FlowSession::bytes() const {
  std::size_t bytes = sizeof(*this) + task_.capacity() * sizeof(std::uint32_t) + leaves_.bytes() + (prose_ ? prose_->bytes() : 0) +
                      (gone_ ? gone_->bytes() : 0) + orders_.capacity() * sizeof(Order) + values_.capacity() * sizeof(std::uint32_t) +
                      uses_.capacity() * sizeof(Use) + pointed_.capacity() * sizeof(std::uint64_t) + told.argument.capacity() +
                      told.source.capacity();
  for (const Order& order : orders_) bytes += order.words.capacity() * sizeof(Order::Word) + order.source.capacity();
  return bytes;
}

}  // namespace ringfence::flow
