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
/// State: only agents that have read untrusted content, 0.6 KiB (64 values of 8 bytes), and up to 4 KiB more where acts recur;
/// 0.3 KiB a session of theirs. Cost: 2 ns for others; the words of an untrusted result (at most 64) and of the first acts are hashed.
/// Blind to: acts on hosts of the job's own; what users point the agent at again and again; content that is rephrased before it is used;
/// sessions of less than a call; reads nobody marks as untrusted.
[[nodiscard]] const Channel& recurrence_channel();

}  // namespace ringfence
