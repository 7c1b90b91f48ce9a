// SPDX-License-Identifier: Apache-2.0
// Facts about the fleet that a run over files finds itself.
#include <utility>

#include "engine/app/file_run.h"
#include "engine/state/codec.h"

namespace ringfence {

/// Facts of the fleet act at the next line, whatever the number of shards. A recorded run has its own.
void FileRun::observe(const Origin& origin) {
  if (options_.recorded) return;
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
