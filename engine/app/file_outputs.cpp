// SPDX-License-Identifier: Apache-2.0
#include "engine/app/file_outputs.h"

#include <algorithm>

#include "connectors/encoders/control.h"
#include "connectors/encoders/dead_letter.h"
#include "connectors/encoders/ocsf.h"
#include "connectors/encoders/verdict_line.h"
#include "connectors/sinks/file_sink.h"
#include "engine/state/codec.h"

namespace ringfence {
namespace {

constexpr Nanos kFlushWithin = seconds(60);

OutputError error_of(const SinkError& error) { return {.no_space = error.kind == SinkError::Kind::NoSpace, .message = error.message}; }

}  // namespace

std::expected<std::unique_ptr<FileOutputs>, OutputError> FileOutputs::open(const FileOutputPaths& paths, Level least, std::string input) {
  auto out = std::make_unique<FileOutputs>();
  out->least_ = least;
  out->input_ = std::move(input);
  const std::array<const std::string*, kKinds> wanted{&paths.findings, &paths.control, &paths.verdicts, &paths.dead_letter};
  for (std::size_t kind = 0; kind < kKinds; ++kind) {
    if (wanted[kind]->empty()) continue;
    auto sink = FileSink::open(*wanted[kind]);
    if (!sink) return std::unexpected(error_of(sink.error()));
    out->outputs_[kind] = {.path = *wanted[kind], .sink = std::move(*sink)};
  }
  return out;
}

std::expected<void, OutputError> FileOutputs::write(Kind kind, const std::string& line, Position cause) {
  if (const auto done = outputs_[kind].sink->publish(line, {}, cause); !done) return std::unexpected(error_of(done.error()));
  ++outputs_[kind].records;
  return {};
}

std::expected<void, OutputError> FileOutputs::publish(const Judgement& judgement) {
  if (outputs_[kControl].sink) {
    for (const ContainmentRecord& record : judgement.containments) {
      const Issuer issuer{.iss = "https://ringfence.invalid/",
                          .aud = {"ringfence-gates"},
                          .writer = engine_writer(input_, record.position.partition),
                          .generation = 1};
      if (auto done = write(kControl, encode_containment(record, issuer), judgement.position); !done) return done;
    }
  }
  if (outputs_[kFindings].sink) {
    for (const FindingRecord& finding : judgement.findings) {
      if (auto done = write(kFindings, encode_finding(finding), judgement.position); !done) return done;
    }
  }
  const bool told = !judgement.copy && !judgement.fact && !judgement.verdict.event_id.empty();
  if (outputs_[kVerdicts].sink && told && judgement.verdict.level >= least_) {
    return write(kVerdicts, encode_verdict(judgement.verdict), judgement.position);
  }
  return {};
}

std::expected<void, OutputError> FileOutputs::refuse(const Record& record, const Refusal& refusal) {
  if (!outputs_[kDeadLetter].sink) return {};
  return write(kDeadLetter, encode_dead_letter(dead_letter(record, refusal, reading_, InputKind::File)), record.position);
}

std::expected<void, OutputError> FileOutputs::add(const FindingRecord& finding) {
  if (!outputs_[kFindings].sink) return {};
  return write(kFindings, encode_finding(finding), finding.position);
}

Offset FileOutputs::acknowledged(Partition partition) const {
  Offset least = kAllAcknowledged;
  for (const Output& output : outputs_) {
    if (output.sink) least = std::min(least, output.sink->acknowledged(partition));
  }
  return least;
}

void FileOutputs::hand_over() {
  for (const Output& output : outputs_)
    if (output.sink) output.sink->hand_over();
}

std::expected<void, OutputError> FileOutputs::flush() {
  for (const Output& output : outputs_) {
    if (!output.sink) continue;
    if (const auto done = output.sink->flush(kFlushWithin); !done) return std::unexpected(error_of(done.error()));
  }
  return {};
}

std::string FileOutputs::lengths() const {
  Writer out;
  for (const Output& output : outputs_) {
    out.text(output.sink ? output.path : "");
    out.varint(output.sink ? output.sink->size() : 0);
  }
  for (const Output& output : outputs_) out.varint(output.sink ? output.sink->identity() : 0);
  return out.take();
}

std::uint64_t FileOutputs::kept_of(const Output& output, const Known& known, Resuming how) {
  const std::uint64_t identity = output.sink->identity();
  const bool same_file = known.identity != 0 && known.identity == identity;
  const bool other_file = known.identity != 0 && identity != 0 && known.identity != identity;
  if (!same_file && known.path != output.path) return how.append ? output.sink->size() : 0;
  if (other_file && (how.append || output.sink->size() == 0)) return output.sink->size();
  return how.keep_more ? std::max(known.size, output.sink->size()) : known.size;
}

std::expected<void, OutputError> FileOutputs::resume(const std::optional<std::string>& lengths, Resuming how) {
  Reader in(lengths ? *lengths : std::string_view());
  std::array<Known, kKinds> known{};
  for (Known& each : known) {
    each.path = in.text();
    each.size = in.varint();
  }
  // A release before rotation was understood did not tell files apart.
  if (!in.at_end())
    for (Known& each : known) each.identity = in.varint();
  if (!in.ok()) known = {};
  for (std::size_t kind = 0; kind < kKinds; ++kind) {
    const Output& output = outputs_[kind];
    if (!output.sink) continue;
    if (const auto done = output.sink->resume(kept_of(output, known[kind], how)); !done) return std::unexpected(error_of(done.error()));
  }
  return {};
}

}  // namespace ringfence
