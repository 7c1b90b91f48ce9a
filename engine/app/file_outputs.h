// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

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

  /// What follows comes from this input, by its name.
  void begin_input(std::string name) { reading_ = std::move(name); }
  [[nodiscard]] std::expected<void, OutputError> publish(const Judgement& judgement) override;
  [[nodiscard]] std::expected<void, OutputError> refuse(const Record& record, const Refusal& refusal) override;
  /// One more finding, behind those of the judgement published last.
  [[nodiscard]] std::expected<void, OutputError> add(const FindingRecord& finding);
  [[nodiscard]] Offset acknowledged(Partition partition) const override;

  /// Shows readers everything published so far; the process may be killed then, not the machine.
  void hand_over();
  /// Everything published so far to disk.
  [[nodiscard]] std::expected<void, OutputError> flush();
  /// Records written so far by this process.
  [[nodiscard]] std::uint64_t findings() const { return outputs_[kFindings].records; }
  [[nodiscard]] std::uint64_t dead_letters() const { return outputs_[kDeadLetter].records; }
  /// Paths, durable lengths and identities of the files, as a record of the checkpoint.
  [[nodiscard]] std::string lengths() const;
  struct Resuming {
    bool keep_more = false;  // what was written behind those lengths stays: nobody will say it again
    bool append = false;     // what `lengths` does not know stays too: it is an earlier run's
  };
  /// Cuts each output to its length in `lengths`, or to nothing where that does not name it: an output starts with its run. A new, empty
  /// file in the place of one it names is begun: that one was moved away, whole.
  [[nodiscard]] std::expected<void, OutputError> resume(const std::optional<std::string>& lengths, Resuming how);

 private:
  struct Output {
    std::string path;
    std::unique_ptr<ResumableSink> sink;  // null: not wanted
    std::uint64_t records = 0;            // written to it by this process
  };
  enum Kind : std::size_t { kFindings, kControl, kVerdicts, kDeadLetter, kKinds };
  struct Known {
    std::string_view path;
    std::uint64_t size = 0, identity = 0;
  };
  /// The length at which an output goes on.
  [[nodiscard]] static std::uint64_t kept_of(const Output& output, const Known& known, Resuming how);
  [[nodiscard]] std::expected<void, OutputError> write(Kind kind, const std::string& line, Position cause);

  std::array<Output, kKinds> outputs_;
  Level least_ = Level::Observe;
  std::string input_;    // the first, for the writer of control payloads
  std::string reading_;  // the one being read, for dead letters
};

}  // namespace ringfence
