// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <expected>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "connectors/gate/state_store.h"
#include "connectors/sinks/control_memory.h"
#include "engine/app/file_run.h"
#include "engine/app/service_log.h"

namespace ringfence {

/// A process's own words on the control log beside its states, `control/` in the state directory, as a gate keeps what it has verified.
class StoredControlMemory final : public ControlMemory {
 public:
  /// Checks what is kept as its writers will. An error where the directory is another process's, or damaged; what is whole and will not be
  /// said again, because its key is trusted no more or the audience is another, is logged.
  [[nodiscard]] static std::expected<std::unique_ptr<ControlMemory>, RunError> open(const std::filesystem::path& state_directory,
                                                                                    const TrustedKeys& trusted, std::string_view audience,
                                                                                    const ServiceLog& log);

  [[nodiscard]] std::vector<ControlEntry> entries() const override;
  [[nodiscard]] std::expected<void, SinkError> keep(std::span<const ControlEntry> entries) override;

 private:
  explicit StoredControlMemory(StateStore store) : store_(std::move(store)) {}
  bool note(const ControlEntry& entry);

  StateStore store_;
  struct Last {
    std::uint64_t place = 0;
    std::string value;
  };
  std::map<std::string, Last> last_;  // by key
  std::uint64_t said_ = 0;
  bool rewrite_ = false;  // the file may lack what is noted
};

}  // namespace ringfence
