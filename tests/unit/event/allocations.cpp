// SPDX-License-Identifier: Apache-2.0
// In a file of its own: where the compiler could inline one half of the pair, it would take the other for a mismatch.
#include "tests/unit/event/allocations.h"

#include <atomic>
#include <cstdlib>
#include <new>

namespace {
std::atomic<std::size_t> allocations = 0;  // NOLINT: the counter of a replaced global operator
}

void* operator new(std::size_t size) {
  ++allocations;
  if (void* const memory = std::malloc(size == 0 ? 1 : size)) return memory;  // NOLINT
  throw std::bad_alloc();
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  ++allocations;
  return std::malloc(size == 0 ? 1 : size);  // NOLINT
}
void operator delete(void* memory) noexcept { std::free(memory); }                         // NOLINT
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }            // NOLINT
void operator delete(void* memory, const std::nothrow_t&) noexcept { std::free(memory); }  // NOLINT

namespace ringfence::testing_allocations {

std::size_t count() { return allocations; }

}  // namespace ringfence::testing_allocations
