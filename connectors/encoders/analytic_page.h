// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/verdict/analytics.h"

/// The reference of analytics for people, `docs/analytics/`: generated, so that it says what findings say.
namespace ringfence {

/// A threat whose evidence is found under an analytic.
struct AnalyticThreat {
  std::string_view id, family;
  double weight = 0;
  bool may_halt = true;
};

/// What the sources know of an analytic beside its row in the table.
struct AnalyticSources {
  std::vector<AnalyticThreat> threats;
  std::vector<std::string> files;     // globs from the root: "models/barrier*"; empty: nothing judges it yet
  std::vector<std::string> blind_to;  // as the channels' headers say it
  std::vector<std::string> lineage;   // the same of their source
};

/// One page, Markdown.
[[nodiscard]] std::string analytic_page(const AnalyticInfo& info, const AnalyticSources& sources);
/// The index over all pages; `unjudged` are the uids that no file judges.
[[nodiscard]] std::string analytic_index(std::span<const AnalyticInfo> analytics, std::span<const std::string> unjudged);

}  // namespace ringfence
