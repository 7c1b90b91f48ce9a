// SPDX-License-Identifier: Apache-2.0
#include "models/breadth_memory.h"

#include <algorithm>
#include <array>
#include <string>

#include "engine/event/char_set.h"

namespace ringfence::breadth {

namespace {

constexpr std::uint8_t kVersion = 2;
constexpr std::uint8_t kWholeHashes = 1;  // the version before: of listed values all 64 bits

constexpr std::uint32_t low(std::uint64_t hash) { return static_cast<std::uint32_t>(hash); }

constexpr std::size_t kIdentifierBytes = 128;
constexpr std::size_t kDigitsMost = 18;
/// A quarter of the listing leaves at once, so that a long result does not move it value by value.
constexpr std::size_t kLeaveAtOnce = Session::kListedMost / 4;
constexpr std::size_t kStep = 16;
constexpr std::size_t kLeavesMost = 8 * Session::kListedMost;
constexpr std::uint32_t kTaskPath = 1, kHashedPath = 2;

constexpr bool digit(char c) { return c >= '0' && c <= '9'; }

/// The pointer with its array indices taken away: one field of all rows.
std::uint32_t path_of(std::string_view pointer) {
  std::array<char, 256> small;  // NOLINT(cppcoreguidelines-pro-type-member-init): written before it is read
  std::string large(pointer.size() > small.size() ? pointer.size() : 0, '\0');
  char* const field = large.empty() ? small.data() : large.data();
  char* to = field;
  for (std::size_t begin = 0; begin < pointer.size();) {
    const std::size_t end = std::min(pointer.find('/', begin + 1), pointer.size());
    const std::string_view segment = pointer.substr(begin + 1, end - begin - 1);
    *to++ = '/';
    if (!std::ranges::all_of(segment, digit)) to = std::ranges::copy(segment, to).out;
    begin = end;
  }
  return static_cast<std::uint32_t>(hash64({field, static_cast<std::size_t>(to - field)}));
}

/// Not `/` and not `,`: what a path or a line of a table holds is looked at piece by piece.
constexpr CharSet kWordParts("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_.@");
bool part_of_word(char c) { return kWordParts.has(c); }

/// What a look at every byte tells of a value.
struct Looks {
  bool digits = false, one_word = true;
};
Looks looks_of(std::string_view text) {
  static constexpr std::array<std::uint8_t, 256> kBits = [] {
    std::array<std::uint8_t, 256> bits{};
    for (std::size_t c = 0; c < bits.size(); ++c) bits[c] = digit(static_cast<char>(c)) ? 1 : kWordParts.has(static_cast<char>(c)) ? 0 : 2;
    return bits;
  }();
  unsigned seen = 0;
  for (const char c : text) seen |= kBits[static_cast<unsigned char>(c)];
  return {.digits = (seen & 1U) != 0, .one_word = (seen & 2U) == 0};
}

}  // namespace

std::optional<Numbered> numbered(std::string_view identifier) {
  std::size_t end = identifier.size();
  while (end > 0 && !digit(identifier[end - 1])) --end;
  std::size_t begin = end;
  while (begin > 0 && digit(identifier[begin - 1])) --begin;
  if (begin == end || end - begin > kDigitsMost) return std::nullopt;
  Numbered out;
  for (const char c : identifier.substr(begin, end - begin)) out.number = out.number * 10 + static_cast<std::uint64_t>(c - '0');
  out.around = std::max<std::uint64_t>(1, hash64(identifier.substr(end), hash64(identifier.substr(0, begin))));
  return out;
}

void Session::give(std::uint64_t value, std::uint32_t path) {
  if (listed_.size() == kListedMost) {
    listed_.erase(listed_.begin(), listed_.begin() + static_cast<std::ptrdiff_t>(kLeaveAtOnce));
    gone_ += static_cast<std::uint32_t>(kLeaveAtOnce);
  }
  if (listed_.size() == listed_.capacity()) listed_.reserve(std::min(kListedMost, listed_.size() + listed_.size() / 2 + kStep));
  listed_.push_back({low(value), path});
}

void Session::learn_result(const Event& call) {
  if (call.result) {
    const auto& leaves = call.result->leaves;
    const std::size_t first = leaves.size() > kLeavesMost ? leaves.size() - kLeavesMost : 0;
    lost_ = lost_ || first > 0;
    for (const JsonLeaf& leaf : leaves.subspan(first)) {
      const bool value = leaf.kind == JsonLeaf::Kind::String || leaf.kind == JsonLeaf::Kind::Number;
      if (!value) continue;
      const Looks looks = looks_of(leaf.text);
      if (!looks.digits) continue;
      const std::uint32_t path = path_of(leaf.pointer);
      if (leaf.text.size() <= kIdentifierBytes) give(hash64(leaf.text), path);
      if (!looks.one_word) give_words(leaf.text, path + 1);
    }
  } else if (call.result_ids) {
    const std::size_t first = call.result_ids->size() > kListedMost ? call.result_ids->size() - kListedMost : 0;
    lost_ = lost_ || first > 0;
    for (const std::string_view id : call.result_ids->subspan(first)) give(hash64(id.substr(id.rfind('=') + 1)), kHashedPath);
  }
}

void Session::learn_task(const Event& task_start) { give_words(task_start.task.text.value_or(""), kTaskPath); }

/// Only words with a digit are looked for, so what lies between two of them is passed over.
void Session::give_words(std::string_view text, std::uint32_t path) {
  const char* at = text.data();
  const char* const last = at + text.size();
  while ((at = std::find_if(at, last, digit)) != last) {
    const char *begin = at, *end = at;
    while (begin != text.data() && part_of_word(begin[-1])) --begin;
    while (end != last && part_of_word(*end)) ++end;
    at = end;
    std::string_view word(begin, static_cast<std::size_t>(end - begin));
    while (word.ends_with('.') || word.ends_with('-')) word.remove_suffix(1);
    if (word.size() <= kIdentifierBytes) give(hash64(word), path);
  }
}

Session::Walk* Session::walk(std::uint64_t kind) {
  const auto known = std::ranges::find(walks_, kind, &Walk::kind);
  if (known != walks_.end()) return &*known;
  if (walks_.size() == kKindsMost) return nullptr;
  return &walks_.emplace_back(Walk{.kind = kind});
}

bool Session::gave(std::uint64_t value) const { return std::ranges::find(listed_, low(value), &Listed::value) != listed_.end(); }

const Session::Listed* Session::at(std::uint32_t place) const {
  return place == kNowhere || place < gone_ || place - gone_ >= listed_.size() ? nullptr : &listed_[place - gone_];
}

std::uint32_t Session::next_after(std::uint32_t place) const {
  const Listed* const from = at(place);
  if (from == nullptr) return kNowhere;
  for (std::uint32_t next = place + 1; const Listed* const to = at(next); ++next)
    if (to->path == from->path && to->value != from->value) return next;
  return kNowhere;
}

std::uint32_t Session::place_of(std::uint64_t value, std::uint32_t after) const {
  const std::uint32_t next = next_after(after);
  if (const Listed* const expected = at(next); expected != nullptr && expected->value == low(value)) return next;
  const auto found = std::ranges::find(listed_, low(value), &Listed::value);
  return found == listed_.end() ? kNowhere : gone_ + static_cast<std::uint32_t>(found - listed_.begin());
}

bool Session::follows(std::uint32_t from, std::uint32_t to) const { return to != kNowhere && next_after(from) == to; }

void Session::encode(Writer& out) const {
  out.u8(kVersion);
  out.varint(gone_);
  out.u8(lost_ ? 1 : 0);
  out.varint(listed_.size());
  for (const Listed& one : listed_) {
    out.varint(one.value);
    out.varint(one.path);
  }
  out.varint(walks_.size());
  for (const Walk& walk : walks_) {
    out.u64(walk.kind);
    out.u64(walk.last);
    out.u64(walk.around);
    out.u64(walk.number);
    for (const std::uint32_t length : {walk.counted, walk.listed, walk.place, walk.distinct}) out.varint(length);
    out.u8(walk.down ? 1 : 0);
  }
}

std::size_t Session::bytes() const { return sizeof(*this) + listed_.capacity() * sizeof(Listed) + walks_.capacity() * sizeof(Walk); }

std::unique_ptr<ChannelMemory> Session::decode(Reader& in) {
  const std::uint8_t version = in.u8();
  if (version != kVersion && version != kWholeHashes) return nullptr;
  auto memory = std::make_unique<Session>();
  memory->gone_ = in.varint32();
  memory->lost_ = in.u8() == 1;
  memory->listed_.resize(in.count(2, kListedMost));
  for (Listed& one : memory->listed_) {
    one.value = version == kWholeHashes ? low(in.u64()) : in.varint32();
    one.path = in.varint32();
  }
  memory->walks_.resize(in.count(4 * sizeof(std::uint64_t) + 5, kKindsMost));
  for (Walk& walk : memory->walks_) {
    walk.kind = in.u64();
    walk.last = in.u64();
    walk.around = in.u64();
    walk.number = in.u64();
    for (std::uint32_t* length : {&walk.counted, &walk.listed, &walk.place, &walk.distinct}) *length = in.varint32();
    const std::uint8_t down = in.u8();
    if (down > 1) in.fail();
    walk.down = down == 1;
  }
  return in.ok() ? std::move(memory) : nullptr;
}

}  // namespace ringfence::breadth
