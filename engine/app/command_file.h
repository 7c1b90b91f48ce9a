// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <expected>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "config/settings.h"
#include "connectors/encoders/keys.h"
#include "connectors/sinks/file_control_log.h"
#include "engine/app/command_book.h"
#include "engine/app/context_positions.h"
#include "engine/app/context_record.h"
#include "engine/app/service_log.h"
#include "engine/state/store.h"

namespace ringfence {

/// The file on which people's signed commands stand where there is no context topic.
[[nodiscard]] std::filesystem::path command_file(const Settings& settings);

/// Puts a signed command on that file, for good.
[[nodiscard]] std::expected<void, SinkError> append_command(const Settings& settings, std::string_view key, std::string_view jws);

/// Follows that file for a run without Kafka. It may appear late, and be replaced: then it is read from its beginning, and what stood on
/// the former one counts as before. A command counts once, whoever puts it there again; which ones have lies in `store`. One thread.
class CommandFile {
 public:
  /// Told of each entry that counts as none; the command is null where nobody who may command signed it. `at` is the entry's number, which
  /// goes on from file to file.
  using PassedOver = std::function<void(const OperatorCommand*, Offset at, std::string_view why)>;
  [[nodiscard]] static std::expected<std::unique_ptr<CommandFile>, std::string> open(const Settings& settings, Store& store,
                                                                                     const ContextPositions& positions,
                                                                                     const ServiceLog& log, PassedOver passed_over);

  /// The next command that counts and stands on no context log yet, as soon as there is one; waits for nothing. The same one again until it
  /// was `placed`. A file that cannot be read is logged once and tried again.
  [[nodiscard]] std::expected<std::optional<OperatorCommand>, std::string> next();
  /// The command that `next` gave stands on the context log.
  [[nodiscard]] std::expected<void, std::string> placed();

 private:
  CommandFile(const Settings& settings, TrustedKeys operators, Store& store, const ContextPositions& positions, const ServiceLog& log,
              PassedOver passed_over);
  void look();
  [[nodiscard]] std::optional<OperatorCommand> counted(const ControlEntry& entry, Offset at);
  [[nodiscard]] std::expected<void, std::string> keep();
  [[nodiscard]] std::string encode() const;
  [[nodiscard]] bool restore(std::string_view bytes);

  const std::filesystem::path path_;
  const TrustedKeys operators_;
  const std::string audience_;
  Store& store_;
  const ContextPositions& positions_;
  const ServiceLog& log_;
  const PassedOver passed_over_;

  std::unique_ptr<FileControlLog> file_;
  std::deque<ControlEntry> ahead_;          // read, and neither placed nor passed over
  std::int64_t at_ = 0;                     // number of the first of them in its file
  std::optional<OperatorCommand> waiting_;  // the first of them, once it counts
  CommandBook book_;                        // of those placed, and the waiting one
  std::uint64_t file_name_ = 0;             // digest of the file's first entry: tells it from one that takes its place
  std::int64_t done_ = 0;                   // entries of that file placed or passed over,
  std::int64_t before_ = 0;                 // and of those before it
  std::int64_t counted_ = 0;                // commands that have counted
  std::string fault_;                       // logged last
};

}  // namespace ringfence
