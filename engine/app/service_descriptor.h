// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <unistd.h>

#include <utility>

namespace ringfence {

/// Owns a file descriptor of the system; -1 owns nothing.
class ServiceDescriptor {
 public:
  ServiceDescriptor() = default;
  explicit ServiceDescriptor(int fd) : fd_(fd) {}
  ServiceDescriptor(ServiceDescriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  ServiceDescriptor& operator=(ServiceDescriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~ServiceDescriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  [[nodiscard]] int get() const { return fd_; }
  [[nodiscard]] bool valid() const { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

}  // namespace ringfence
