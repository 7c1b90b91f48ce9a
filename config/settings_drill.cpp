// SPDX-License-Identifier: Apache-2.0
// The section `drill` of the settings table.
#include "config/settings_table.h"

namespace ringfence {
namespace {

const Setting kDrill[] = {
    {.path = "drill.ask",
     .type = SettingType::TextMap,
     .fallback = "{}",
     .slot = [](Settings& s) -> auto& { return s.drill.ask; },
     .doc = "Where a drill asks about its agent's next call: the name of a gate, to `HOST:PORT/PATH` of that gate, such as "
            "`127.0.0.1:9465/envoy/drill`, or of a gateway in front of it; with `https://` in front over TLS. A gate that is not listed in "
            "`control.gates` must acknowledge a drill's halt too."},
    {.path = "drill.ca_file",
     .type = SettingType::Path,
     .fallback = "\"\"",
     .slot = [](Settings& s) -> auto& { return s.drill.ca_file; },
     .doc = "PEM file of the authorities that gates' certificates come from, for `https://`. Empty: those of the system. A certificate is "
            "always checked, also for the host that `drill.ask` names.",
     .may_be_empty = true},
    {.path = "drill.headers",
     .type = SettingType::TextMap,
     .fallback = "{x-agent-id: \"{agent}\"}",
     .slot = [](Settings& s) -> auto& { return s.drill.headers; },
     .doc =
         "Headers of that question, by which gates know who calls (`gate.subject`); `{agent}` stands for the agent that the drill plays."},
    {.path = "drill.within",
     .type = SettingType::Duration,
     .fallback = "10s",
     .slot = [](Settings& s) -> auto& { return s.drill.within; },
     .doc = "How long each stage of a drill may take.",
     .least = in_ns(milliseconds(10)),
     .most = in_ns(minutes(5))},
    {.path = "drill.every",
     .type = SettingType::Duration,
     .fallback = "0s",
     .slot = [](Settings& s) -> auto& { return s.drill.every; },
     .doc = "How often `run` over Kafka drills by itself, in the process that owns partition 0 of the events. 0: never.",
     .least = 0,
     .most = in_ns(hours(30L * 24))},
};

}  // namespace

std::span<const Setting> drill_settings() { return kDrill; }

}  // namespace ringfence
