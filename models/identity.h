// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "models/channel.h"

namespace ringfence {

/// Who acts: with whose credential and from which client (docs/design/detection.md §3.6).
///
/// Breaches, judged when the act is first seen:
/// - `credential.foreign`: a permitted host with an account, or a key, that is not the job's, and a key that another job of the tenant
/// lists
///   and this one does not, on the very first call;
/// - `credential.new`: a fingerprint that `credentials.fingerprints` does not list, or, where it lists none, one other than the session
/// began
///   with (each once a session). One that left the list stays valid for `credentials.rotation` after the `credential` fact it left with,
///   and after no later one; a session without a list may change for that long, by default 15 min;
/// - `credential.ambient`: the act reads a place where keys lie (identity_secrets.h), or the session goes over to another kind of
/// credential;
/// - `session.binding`: one session from a second client, each client once. Clients are told apart by what is said of both: fingerprint,
///   address (without the port), name;
/// - `identity.clone`: one run acts from two clients in turn, or an agent whose job lists its keys acts from more places at once than it
/// has
///   keys. At once: each of two places returns within 5 minutes of the other's acts. A second place alone is a handover.
/// Marks: class of the fingerprint, declared, rotated, shared (another job's), never seen; caps 1, .05, .005, .01.
///
/// State: a session of an agent that shows credentials or clients up to 0.5 KiB, its agent up to 0.7 KiB, else nothing. Cost: 5 ns without
/// these fields; a few hashes and a short scan with them; texts are searched for places of keys, 0.1 us each, a long command up to 15 us
/// (identity_secrets.h says how long they may be). Blind to: a stolen key used from the same client; what no field of the event shows; keys
/// read under a name of the attacker's choice, through a wildcard or from a directory that was entered before; addresses of metadata
/// services in other numbers; paths over 1 KiB and commands over 4 KiB. Source: docs/design/detection.md §3.6, identity.
[[nodiscard]] const Channel& identity_channel();

}  // namespace ringfence
