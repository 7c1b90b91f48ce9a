// SPDX-License-Identifier: Apache-2.0
// Facts about the fleet in a run over files: those of a recorded run, and those found here.
#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <utility>

#include "connectors/encoders/strict_json.h"
#include "engine/app/file_run.h"
#include "engine/event/escape.h"
#include "engine/state/codec.h"

namespace ringfence {

std::expected<std::vector<RecordedFact>, std::string> load_recorded_facts(const std::string& file) {
  std::ifstream in(file);
  if (!in) return std::unexpected(printable(file) + ": cannot be read");
  std::vector<RecordedFact> facts;
  std::string line;
  for (int number = 1; std::getline(in, line); ++number) {
    if (line.empty()) continue;
    const auto json = parse_strict_json(line);
    const bool whole = json && json->is_object() && json->contains("after") && json->at("after").is_number_integer() &&
                       json->contains("record") && json->at("record").is_string();
    if (!whole)
      return std::unexpected(printable(file) + ":" + std::to_string(number) + ": expected {\"partition\":0,\"after\":N,\"record\":\"…\"}");
    facts.push_back({json->at("after").get<std::int64_t>(), json->at("record").get<std::string>()});
  }
  std::ranges::stable_sort(facts, {}, &RecordedFact::after);
  return facts;
}

/// Facts of the fleet act at the next line, whatever the number of shards. A recorded run has its own.
void FileRun::observe(const Origin& origin) {
  if (!options_.context.empty()) return;
  for (std::size_t i = 0; i < window_.size(); ++i) {
    const auto& event = window_.entry(i).event;
    if (!event) continue;
    if (auto fact = observer_.see(*event)) {
      facts_.add(origin.base + window_.records()[i].position.offset.value, *fact);
      window_.add_fact(fact_decoder_, i, std::move(*fact));
    }
  }
}

/// What the observer knew at the last two cuts: a kill during a cut leaves the low-water mark at one of them.
std::string FileRun::observed(std::int64_t lsn) {
  Writer out;
  out.svarint(observed_at_);
  out.text(observed_before_);
  observed_at_ = lsn;
  observed_before_ = observer_.encode();
  out.svarint(observed_at_);
  out.text(observed_before_);
  return out.take();
}

void FileRun::restore_observer(std::string_view bytes, std::int64_t last) {
  Reader in(bytes);
  for (int slot = 0; slot < 2 && in.ok(); ++slot) {
    const std::int64_t lsn = in.svarint();
    const std::string_view known = in.text();
    if (!in.ok() || lsn != last || !observer_.restore(known)) continue;
    observed_at_ = lsn;
    observed_before_ = known;
  }
}

}  // namespace ringfence
