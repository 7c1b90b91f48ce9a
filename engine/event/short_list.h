// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <initializer_list>
#include <memory>
#include <type_traits>

namespace ringfence {

/// A list whose first `kNear` elements lie in itself, so that one that stays short allocates nothing; a longer one moves to the heap.
/// For lists that live as long as one call: it is as large as its near part whatever it holds. One thread; moved, not copied.
template <class T, std::size_t kNear>
class ShortList {
  static_assert(std::is_trivially_copyable_v<T> && std::is_trivially_destructible_v<T>);

 public:
  using value_type = T;

  ShortList() {}  // NOLINT(modernize-use-equals-default,cppcoreguidelines-pro-type-member-init): `= default` would set `near_` to zeros
  ShortList(std::initializer_list<T> elements) {
    for (const T& element : elements) push_back(element);
  }
  ShortList(ShortList&& other) noexcept { take(other); }
  ShortList& operator=(ShortList&& other) noexcept {
    if (this != &other) take(other);
    return *this;
  }
  ShortList(const ShortList&) = delete;
  ShortList& operator=(const ShortList&) = delete;
  ~ShortList() = default;

  void push_back(T element) {
    if (size_ == capacity_) grow();
    data_[size_++] = element;
  }
  void clear() { size_ = 0; }
  [[nodiscard]] bool empty() const { return size_ == 0; }
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] T* data() { return data_; }
  [[nodiscard]] const T* data() const { return data_; }
  [[nodiscard]] T* begin() { return data_; }
  [[nodiscard]] T* end() { return data_ + size_; }
  [[nodiscard]] const T* begin() const { return data_; }
  [[nodiscard]] const T* end() const { return data_ + size_; }
  [[nodiscard]] T& operator[](std::size_t i) { return data_[i]; }
  [[nodiscard]] const T& operator[](std::size_t i) const { return data_[i]; }
  [[nodiscard]] T& back() { return data_[size_ - 1]; }

 private:
  [[nodiscard]] T* near() { return reinterpret_cast<T*>(near_.data()); }

  void take(ShortList& other) {
    if (other.far_) {
      far_ = std::move(other.far_);
      data_ = far_.get();
      capacity_ = other.capacity_;
    } else {
      std::copy_n(other.data_, other.size_, data_);  // fits: no list has less room than its near part
    }
    size_ = other.size_;
    other.data_ = other.near();
    other.size_ = 0;
    other.capacity_ = kNear;
  }

  void grow() {
    auto larger = std::make_unique_for_overwrite<T[]>(capacity_ * 2);  // NOLINT(cppcoreguidelines-avoid-c-arrays)
    std::copy_n(data_, size_, larger.get());
    far_ = std::move(larger);
    data_ = far_.get();
    capacity_ *= 2;
  }

  alignas(T) std::array<std::byte, sizeof(T) * kNear> near_;  // not set to anything before it is used
  T* data_ = near();
  std::size_t size_ = 0, capacity_ = kNear;
  std::unique_ptr<T[]> far_;  // NOLINT(cppcoreguidelines-avoid-c-arrays)
};

}  // namespace ringfence
