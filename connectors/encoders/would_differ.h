// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "connectors/encoders/explain.h"

/// What would have to be otherwise for a finding to weigh less, or not to be, in words.
namespace ringfence {

/// Fills `Account::would_differ`. Of evidence what its ledger says (engine/verdict/counterfactual.h): "without 2 of the 5 \"barrier:
/// denied, near-miss\": about 3.1e6, throttle", "no finding" for no level; where the record does not say it, because a former build wrote
/// it, that. Of a declared break the acts that broke it, and beside them what the evidence alone would need; of a halt by the number of
/// held acts, one of them. A record counts no act that came after it.
void say_what_would_differ(Account& account);

}  // namespace ringfence
