// SPDX-License-Identifier: Apache-2.0
#include "engine/event/arena.h"

#include <algorithm>
#include <cstring>

namespace ringfence {
namespace {

// What an arena keeps between events. Above it the event was an exception, and its memory is given back.
constexpr std::size_t kBlockBytes = 16U << 10U;
constexpr std::size_t kInputKept = 128U << 10U;
constexpr std::size_t kBlocksKept = 8;
constexpr std::size_t kElementsKept = 4096;

template <class T>
void free_outsized(std::vector<T>& elements) {
  if (elements.capacity() > kElementsKept) elements = {};
}

}  // namespace

/// The next block with room for `least` bytes; what is left of those before it stays unused.
void Bump::open_block(std::size_t least) {
  while (opened_ < blocks_.size() && blocks_[opened_].size < least) ++opened_;
  if (opened_ == blocks_.size()) {
    const std::size_t length = std::max(least, kBlockBytes);
    blocks_.push_back({std::make_unique_for_overwrite<char[]>(length), length});  // NOLINT(cppcoreguidelines-avoid-c-arrays)
  }
  next_ = blocks_[opened_].bytes.get();
  left_ = blocks_[opened_].size;
  ++opened_;
}

void Bump::reset() {
  if (blocks_.size() > kBlocksKept) blocks_.resize(kBlocksKept);
  std::erase_if(blocks_, [](const Block& block) { return block.size > kInputKept; });
  opened_ = blocks_.empty() ? 0 : 1;
  next_ = blocks_.empty() ? nullptr : blocks_[0].bytes.get();
  left_ = blocks_.empty() ? 0 : blocks_[0].size;
}

std::string_view EventArena::Body::load(std::string_view bytes, std::size_t padding) {
  bump.reset();
  for (auto& values : leaves) free_outsized(values);
  free_outsized(members);
  free_outsized(replaced_keys);
  free_outsized(list);
  replaced_keys.clear();  // a refusal leaves them
  if (pointer.size() > kInputKept) std::string().swap(pointer);

  const std::size_t needed = bytes.size() + padding;
  if (needed > input_capacity || (input_capacity > kInputKept && needed <= kInputKept)) {
    const std::size_t capacity = std::max<std::size_t>(needed + needed / 2, 4096);
    input = std::make_unique_for_overwrite<char[]>(capacity);  // NOLINT(cppcoreguidelines-avoid-c-arrays)
    input_capacity = capacity;
  }
  std::memcpy(input.get(), bytes.data(), bytes.size());
  std::memset(input.get() + bytes.size(), ' ', padding);
  return {input.get(), bytes.size()};
}

EventArena::EventArena() : body_(std::make_unique<Body>()) {}
EventArena::~EventArena() = default;
EventArena::EventArena(EventArena&&) noexcept = default;
EventArena& EventArena::operator=(EventArena&&) noexcept = default;

}  // namespace ringfence
