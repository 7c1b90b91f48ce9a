// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <string>

#include "connectors/sinks/sink.h"
#include "engine/event/level.h"
#include "engine/pipeline/outputs.h"

namespace ringfence {

/// Where a run over files writes to; an empty path writes nothing, `-` is standard output.
struct FileOutputPaths {
  std::string findings, control, verdicts, dead_letter;
};

/// The outputs of a run over files: a line a record, in order of the input, whose lengths belong to the checkpoint.
class FileOutputs final : public Outputs {
 public:
  /// Opens all of them. Lines of `verdicts` are written from `least` on. `input` names the writer of control payloads.
  [[nodiscard]] static std::expected<std::unique_ptr<FileOutputs>, OutputError> open(const FileOutputPaths& paths, Level least,
                                                                                     std::string input);

  [[nodiscard]] std::expected<void, OutputError> publish(const Judgement& judgement) override;
  [[nodiscard]] std::expected<void, OutputError> refuse(const Record& record, const Refusal& refusal) override;
  /// One more finding, behind those of the judgement published last.
  [[nodiscard]] std::expected<void, OutputError> add(const FindingRecord& finding);
  [[nodiscard]] Offset acknowledged(Partition partition) const override;

  /// Shows readers everything published so far; the process may be killed then, not the machine.
  void hand_over();
  /// Everything published so far to disk.
  [[nodiscard]] std::expected<void, OutputError> flush();
  /// Paths and durable lengths, as a record of the checkpoint.
  [[nodiscard]] std::string lengths() const;
  /// Cuts each output to its length in `lengths`, or to nothing where that does not name it: an output starts with its run. With `keep_more`
  /// what was written behind that length stays, because nobody will say it again.
  [[nodiscard]] std::expected<void, OutputError> resume(const std::optional<std::string>& lengths, bool keep_more = false);

 private:
  struct Output {
    std::string path;
    std::unique_ptr<ResumableSink> sink;  // null: not wanted
  };
  enum Kind : std::size_t { kFindings, kControl, kVerdicts, kDeadLetter, kKinds };
  [[nodiscard]] std::expected<void, OutputError> write(Kind kind, const std::string& line, Position cause);

  std::array<Output, kKinds> outputs_;
  Level least_ = Level::Observe;
  std::string input_;
};

}  // namespace ringfence
