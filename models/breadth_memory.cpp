// SPDX-License-Identifier: Apache-2.0
#include "models/breadth_memory.h"

#include <algorithm>
#include <array>
#include <bit>
#include <limits>
#include <string>

#include "engine/event/char_set.h"
#include "engine/event/short_hash.h"
#include "models/byte_masks.h"
#include "models/result_shown.h"

namespace ringfence::breadth {

namespace {

constexpr std::uint8_t kVersion = 3;
/// Versions before: of listed values all 64 bits; of paths all 32.
constexpr std::uint8_t kWholeHashes = 1, kWholePaths = 2;

constexpr std::uint32_t low(std::uint64_t hash) { return static_cast<std::uint32_t>(hash); }

constexpr std::size_t kIdentifierBytes = 128;
constexpr std::size_t kDigitsMost = 18;
/// A quarter of the listing leaves at once, so that a long result does not move it value by value.
constexpr std::size_t kLeaveAtOnce = Session::kListedMost / 4;
constexpr std::size_t kStep = 16;
constexpr std::size_t kLeavesMost = 8 * Session::kListedMost;
constexpr std::uint32_t kTaskPath = 1, kHashedPath = 2;

constexpr bool digit(char c) { return c >= '0' && c <= '9'; }

/// Not `/` and not `,`: what a path or a line of a table holds is looked at piece by piece.
constexpr std::string_view kWordCharacters = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_.@";
constexpr bytes::Set kWordParts(kWordCharacters);
constexpr CharSet kWordPart(kWordCharacters);
constexpr bytes::Set kDigits("0123456789");

/// Calls `visit` with every word that has a digit. Only these are looked for: what lies between two of them is passed over.
template <class Visit>
inline void each_numbered_word(std::string_view text, const Visit& visit) {
  const auto from_on = [](std::size_t bit) { return bit < bytes::kBlock ? ~std::uint64_t{0} << bit : 0; };
  std::size_t behind = 0;  // the last one
  for (std::size_t from = 0; from < text.size(); from += bytes::kBlock) {
    const std::string_view block(text.data() + from, std::min(bytes::kBlock, text.size() - from));
    std::uint64_t digits = bytes::where_in<kDigits>(block) & from_on(std::max(behind, from) - from);
    if (digits == 0) continue;
    for (const std::uint64_t parts = bytes::where_in<kWordParts>(block); digits != 0; digits &= from_on(behind - from)) {
      const auto at = static_cast<unsigned>(std::countr_zero(digits));
      const std::uint64_t gaps_before = ~parts & ~from_on(at);
      std::size_t begin = from + static_cast<std::size_t>(std::bit_width(gaps_before));
      std::size_t end = from + at + static_cast<std::size_t>(std::countr_one(parts >> at));
      // Over the edges of the block byte by byte.
      while (gaps_before == 0 && begin > behind && kWordPart.has(text[begin - 1])) --begin;
      while (end >= from + bytes::kBlock && end < text.size() && kWordPart.has(text[end])) ++end;
      visit(std::string_view(text.data() + begin, end - begin));
      behind = end;
    }
  }
}

/// The pointer with its array indices taken away: one field of all rows.
std::uint32_t path_of(std::string_view pointer) {
  // Without a digit it has no index.
  if (pointer.starts_with('/') && bytes::find_in<kDigits>(pointer) == pointer.size()) return low(short_hash::of(pointer));
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

/// Paths of leaves in document order: of the elements of one array it is worked out once.
class Paths {
 public:
  std::uint32_t of(std::string_view pointer) {
    const std::size_t slash = pointer.rfind('/');
    const std::string_view array = pointer.substr(0, slash == std::string_view::npos ? 0 : slash);
    const bool element = slash != std::string_view::npos && std::ranges::all_of(pointer.substr(slash + 1), digit);
    if (!element || !known_ || array != array_) path_ = path_of(pointer);
    known_ = element;
    array_ = array;
    return path_;
  }

 private:
  bool known_ = false;  // path_ is that of the elements of array_
  std::string_view array_;
  std::uint32_t path_ = 0;
};

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

/// Of a full listing the oldest quarter leaves; one that is not full grows, never beyond the most it may have.
void Session::make_room() {
  if (values_.size() == kListedMost) {
    values_.erase(values_.begin(), values_.begin() + static_cast<std::ptrdiff_t>(kLeaveAtOnce));
    paths_.erase(paths_.begin(), paths_.begin() + static_cast<std::ptrdiff_t>(kLeaveAtOnce));
    gone_ += static_cast<std::uint32_t>(kLeaveAtOnce);
  } else {
    values_.reserve(std::min(kListedMost, values_.size() + values_.size() / 4 + kStep));
    paths_.reserve(values_.capacity());
  }
}

inline void Session::give(std::uint64_t value, std::uint32_t path) {
  if (values_.size() == values_.capacity()) make_room();
  values_.push_back(low(value));
  paths_.push_back(static_cast<std::uint16_t>(path));
}

inline void Session::give_word(std::string_view word, std::uint32_t path) {
  while (word.ends_with('.') || word.ends_with('-')) word.remove_suffix(1);
  if (word.size() <= kIdentifierBytes) give(short_hash::of(word), path);
}

void Session::learn_result(const Event& call) {
  lost_ = lost_ || !shows_result(call);
  if (call.result) {
    const auto& leaves = call.result->leaves;
    Paths paths;
    const std::size_t first = leaves.size() > kLeavesMost ? leaves.size() - kLeavesMost : 0;
    lost_ = lost_ || first > 0;
    for (const JsonLeaf& leaf : leaves.subspan(first)) {
      const bool value = leaf.kind == JsonLeaf::Kind::String || leaf.kind == JsonLeaf::Kind::Number;
      if (!value) continue;
      std::optional<std::uint32_t> path;  // a value without digits needs none
      each_numbered_word(leaf.text, [&](std::string_view word) {
        if (!path) {
          path = paths.of(leaf.pointer);
          if (leaf.text.size() <= kIdentifierBytes) give(short_hash::of(leaf.text), *path);
        }
        if (word.size() < leaf.text.size()) give_word(word, *path + 1);
      });
    }
  } else if (call.result_ids) {
    const std::size_t first = call.result_ids->size() > kListedMost ? call.result_ids->size() - kListedMost : 0;
    lost_ = lost_ || first > 0;
    for (const std::string_view id : call.result_ids->subspan(first)) give(hash64(id.substr(id.rfind('=') + 1)), kHashedPath);
  }
}

void Session::learn_task(const Event& task_start) {
  each_numbered_word(task_start.task.text.value_or(""), [&](std::string_view word) { give_word(word, kTaskPath); });
}

Session::Walk* Session::walk(std::uint64_t kind) {
  const auto known = std::ranges::find(walks_, kind, &Walk::kind);
  if (known != walks_.end()) return &*known;
  if (walks_.size() == kKindsMost) return nullptr;
  return &walks_.emplace_back(Walk{.kind = kind});
}

bool Session::gave(std::uint64_t value) const { return bytes::find_equal(values_, low(value)) < values_.size(); }

std::uint32_t Session::next_after(std::uint32_t place) const {
  if (place == kNowhere || place < gone_ || place - gone_ >= values_.size()) return kNowhere;
  const std::size_t from = place - gone_;
  for (std::size_t next = from + 1; next < values_.size(); ++next)
    if (paths_[next] == paths_[from] && values_[next] != values_[from]) return gone_ + static_cast<std::uint32_t>(next);
  return kNowhere;
}

std::uint32_t Session::place_of(std::uint64_t value, std::uint32_t after) const {
  const std::uint32_t next = next_after(after);
  if (next != kNowhere && values_[next - gone_] == low(value)) return next;
  const std::size_t found = bytes::find_equal(values_, low(value));
  return found == values_.size() ? kNowhere : gone_ + static_cast<std::uint32_t>(found);
}

bool Session::follows(std::uint32_t from, std::uint32_t to) const { return to != kNowhere && next_after(from) == to; }

void Session::encode(Writer& out) const {
  out.u8(kVersion);
  out.varint(gone_);
  out.u8(lost_ ? 1 : 0);
  out.varint(values_.size());
  for (std::size_t i = 0; i < values_.size(); ++i) {
    out.varint(values_[i]);
    out.varint(paths_[i]);
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

std::size_t Session::bytes() const {
  return sizeof(*this) + values_.capacity() * (sizeof(std::uint32_t) + sizeof(std::uint16_t)) + walks_.capacity() * sizeof(Walk);
}

std::unique_ptr<ChannelMemory> Session::decode(Reader& in) {
  const std::uint8_t version = in.u8();
  if (version < kWholeHashes || version > kVersion) return nullptr;
  auto memory = std::make_unique<Session>();
  memory->gone_ = in.varint32();
  memory->lost_ = in.u8() == 1;
  memory->values_.resize(in.count(2, kListedMost));
  memory->paths_.resize(memory->values_.size());
  for (std::size_t i = 0; i < memory->values_.size(); ++i) {
    memory->values_[i] = version == kWholeHashes ? low(in.u64()) : in.varint32();
    const std::uint32_t path = in.varint32();
    if (version > kWholePaths && path > std::numeric_limits<std::uint16_t>::max()) in.fail();
    memory->paths_[i] = static_cast<std::uint16_t>(path);
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
