// SPDX-License-Identifier: Apache-2.0
// The section `ask` of the settings table.
#include "config/settings_table.h"

namespace ringfence {
namespace {

const Setting kAsk[] = {
    {.path = "ask.tiers",
     .type = SettingType::TextMap,
     .fallback = "{}",
     .slot = [](Settings& s) -> auto& { return s.ask.tiers; },
     .doc =
         "Tiers of personas whose acts the gate asks about, each with what becomes of an act that has no answer by the deadline or cannot "
         "be asked about: `closed` refuses it, `open` lets it pass. `{\"4\": closed}` is a beginning. Empty: nothing is asked. The "
         "personas are "
         "those of `personas`, read at start and on SIGHUP."},
    {.path = "ask.effects",
     .type = SettingType::TextList,
     .fallback = "[transfer, admin, delete]",
     .slot = [](Settings& s) -> auto& { return s.ask.effects; },
     .doc = "Effects of acts that are asked about, as the persona declares them; what it does not declare is asked about too."},
    {.path = "ask.deadline",
     .type = SettingType::Duration,
     .fallback = "50ms",
     .slot = [](Settings& s) -> auto& { return s.ask.deadline; },
     .doc = "How long an answer is waited for. Shorter than the gateway waits for the gate.",
     .least = in_ns(milliseconds(1)),
     .most = in_ns(seconds(5))},
    {.path = "ask.waiting",
     .type = SettingType::Integer,
     .fallback = "1024",
     .slot = [](Settings& s) -> auto& { return s.ask.waiting; },
     .doc = "Acts that wait for an answer at once; what becomes of further ones stands in `ask.tiers`.",
     .least = 1,
     .most = 65536},
    {.path = "ask.server",
     .type = SettingType::Text,
     .fallback = "\"\"",
     .slot = [](Settings& s) -> auto& { return s.ask.server; },
     .doc = "Where a request says which server a tool belongs to, as personas name it: a place as in `gate.subject`.",
     .may_be_empty = true},
    {.path = "ask.act",
     .type = SettingType::Text,
     .fallback = "\"\"",
     .slot = [](Settings& s) -> auto& { return s.ask.act; },
     .doc =
         "Where a request gives the id under which the gateway also reports the completed act, so that the two count once: a place as in "
         "`gate.subject`. It must come from the gateway: an id that was used before is refused. Empty: ids of the gate's own.",
     .may_be_empty = true},
};

}  // namespace

std::span<const Setting> ask_settings() { return kAsk; }

}  // namespace ringfence
