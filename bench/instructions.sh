#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Instructions an event, which do not vary with what else a machine does: of decoding, of all channels' marks, of the evidence kernel and of a
# whole replay, each beside what decoding takes. Counted by callgrind within the named function; start, corpus and set-up are left out.
# Every program checks its answer in its `--tiny` mode, which the tests run. Usage: bench/instructions.sh [FOLDER OF THE PROGRAMS]
set -euo pipefail

programs=${1:-$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)/build/release/bench}

# Prints the instructions an event of one program: the function that is counted, how many events that is, the program and its arguments.
an_event() {
  local within=$1 events=$2 said total
  shift 2
  said=$(valgrind --tool=callgrind --callgrind-out-file=/dev/null --toggle-collect="$within" "$programs/$1" "${@:2}" 2>&1) || {
    printf '%s\n' "$said" >&2
    return 1
  }
  total=$(sed -n 's/.*Collected *: *//p' <<<"$said" | tail -n 1)
  if ((${total:-0} < events)); then
    printf 'instructions.sh: %s has no function %s to count\n' "$1" "$within" >&2
    return 1
  fi
  echo $((total / events))
}

decode=
row() {
  local what=$1 count
  shift
  count=$(an_event "$@")
  decode=${decode:-$count}
  awk -v what="$what" -v count="$count" -v decode="$decode" 'BEGIN {printf "%-62s %8d   %6.2f\n", what, count, count / decode}'
}

printf '%-62s %8s   %6s\n' "instructions" "an event" "/decode"
row "decoding, 768 bytes, arguments and no result" 'ringfence::EventDecoder::decode*' 2000 bench_decode --tiny
row "all marks of a call that succeeds" '*read_all*' 20000 bench_marks --success
row "all marks, one call in two refused" '*read_all*' 20000 bench_marks --refused
row "evidence kernel, agent and session, both nulls" '*::run_events*' 100000 bench_kernel --hot 100000
row "replay in memory, one shard, every channel" 'ringfence::FileRun::run()' 20000 bench_replay --instructions --memory
row "the same with states kept in RocksDB" 'ringfence::FileRun::run()' 20000 bench_replay --instructions
