// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "models/channel.h"
#include "models/flow_memory.h"

namespace ringfence::flow {

/// Learns the result of a call that took place, or did not: everything in it, by sentence, leaf and, of a text that a tool printed, field.
/// `pointed`: the call was the user's idea. What stands in a record that the user spoke of is the user's idea too.
void learn_result(const Act& act, FlowSession& session, bool pointed);

}  // namespace ringfence::flow
