// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <expected>
#include <map>
#include <string>
#include <string_view>

#include "connectors/encoders/control.h"

namespace ringfence {

/// What a reader of the control topic knows of its order: the highest epoch per key and generation per writer. It says which verified
/// message is news, so an old signed record cannot undo a newer one and a former owner of a writer cannot speak. One thread.
class ControlOrder {
 public:
  /// Judges a message that `verify_control` accepted, in the topic's order, and remembers it where it counts. A repeat (same epoch and
  /// `jti`) counts; of several claims of one generation only the first does. Otherwise 409.
  [[nodiscard]] std::expected<void, ControlRefusal> admit(std::string_view key, const ControlMessage& message);
  /// Of a key under which nothing is in force: what comes next under it is the first word.
  void forget(std::string_view key);
  /// 0 where the writer is not known.
  [[nodiscard]] std::uint64_t generation(std::string_view writer) const;
  [[nodiscard]] std::uint64_t epoch(std::string_view key) const;
  /// Claimant that holds the writer's generation; empty where no claim of it has been read.
  [[nodiscard]] std::string_view claimant(std::string_view writer) const;

 private:
  struct Writer {
    std::uint64_t generation = 0;
    std::string claimant;
  };
  struct Key {
    std::uint64_t epoch = 0;
    std::string jti;
  };
  [[nodiscard]] std::expected<void, ControlRefusal> admit_claim(const Claim& claim);
  [[nodiscard]] bool admit_generation(const std::string& writer, std::uint64_t generation);

  std::map<std::string, Writer, std::less<>> writers_;
  std::map<std::string, Key, std::less<>> keys_;
};

}  // namespace ringfence
