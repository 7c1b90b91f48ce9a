// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "models/channel.h"

namespace ringfence {

/// What an agent carries from one session into the next: `memory.recurring`.
///
/// An act that is no read, made among the first five calls of a session after a read of untrusted content in an earlier one, and that names
/// a place or value (destination, resource, string of its arguments) which that content gave. What the session's task names does not
/// count, nor what a read that the task points at gave before the act, nor what lies on a host that the job lists: that explains it. A
/// read that nobody pointed at explains nothing: a poisoned memory is read too. Where a collector sent the read without its content, a
/// send, transfer or delegation counts by its destination alone. The fifth session in which the same (tool and value) recurs is the
/// finding, which names all five; every later one adds to it.
///
/// Kept are 320 values of what untrusted content gave, of a session the first 64 that are new, so that however much a session reads, what
/// came before it stays: for four sessions more, and longer where it is given again. It counts for the session that gave it first.
///
/// State: only agents that have read untrusted content, up to 4 KiB (320 values of 8 bytes), and up to 4 KiB more where acts recur;
/// 0.3 KiB a session of theirs. Cost: 2 ns for others; the words of an untrusted result (at most 64) and of the first acts are hashed and
/// looked for among the values.
/// Blind to: acts on hosts of the job's own; what users point the agent at again and again; content that is rephrased before it is used;
/// values behind the first 64 names of a result or of a session (an address is two) that are new to the agent; sessions of less than a
/// call; reads nobody marks as untrusted.
[[nodiscard]] const Channel& recurrence_channel();

}  // namespace ringfence
