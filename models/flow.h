// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "models/channel.h"

namespace ringfence {

/// Where the worst value of a call comes from (docs/design/flow.md §2). The order is the table's.
enum class FlowClass : std::uint8_t { Given, Record, Mention, Nowhere, CommandedAct, Command, AddressedCommand };

/// Where the values of a consequential call came from: the user, the persona, a record, a mention, nowhere, or an order in something the
/// agent read (docs/design/flow.md, the specification). Judged at the request where there is one; results are learned when they come, after
/// the call that brought them is judged. Contexts: a read, a sink (write, send, transfer, admin, delete, delegate). Classes: FlowClass; a
/// sink is always marked, a read where it carries a value the persona marks. 4 and 5 are `flow.toxic` at alert, 6 at hold; 2 and 3 are
/// evidence only. Beside them `data.flows`: a label that `allow: false` keeps from a destination holds, in any session of the agent.
///
/// Bytes: nothing for a persona without sinks, marked arguments and labels; a session up to 32 KiB, made as the task and results need it
/// (2 KiB task, 8 KiB leaves, 8 KiB words of prose, of which a new one costs some 18 bytes at first, 8.5 KiB orders, 2 KiB orders
/// forgotten, 1 KiB values); an agent up to 64 labels. Hashes only: no text of an outsider is at rest, whatever `privacy.keep_text` says.
/// Where more is read than fits, a record may look like a mention or like nothing; an order never looks like less, it is kept as a filter
/// of its words. Cost: one pass over a result, some 500 instructions a new word of prose and 300 one of a bare value, and a few look-ups a
/// call; figures in docs/real_traces.md.
///
/// Interpretations beyond the table:
/// - two texts are the same where their words are: case, marks and spaces between words do not count; numbers are values like strings;
/// - "please find the invoice enclosed" is no order;
/// - a number in groups is one word; ` at ` and ` dot ` stand for their signs; a URL with a query is traced without it too;
/// - a text of fields is read field by field; what a title or sender has of the user's words is what the user pointed at;
/// - caps of 2 and 3 are of sinks: what a read looks at is often what a page mentions, so there only commands bear evidence;
/// - not evaluable: a session whose calls bring no results; an invented value or an act not asked for where task or results are missing, or
///   a result was too large to read; a call to where the user may have sent it by a list that is lost (models/scope_task.h).
/// Blind to: an order without a foreign value ("the most expensive one"); an order that is no imperative ("our new account is X" is a
/// mention); orders of three words and less, in pictures, in languages without a file in config/words, or cut off by short excerpts; values
/// that the agent writes in other words than it read; plain orders in what the user spoke of or handed over to, where the user asked for
/// such acts; a page that poses as records. What another agent read is asked of its artefacts (`ringfence.links`).
/// Source: docs/design/flow.md; lineage in docs/design/detection.md §3.5.
[[nodiscard]] const Channel& flow_channel();

}  // namespace ringfence
