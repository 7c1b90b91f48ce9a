#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# From a halt to a refused call and back with the embedded default, as `./dev run` shows it: a gate is started, the engine judges the example
# fleet's day and signs its halts, the gate follows and acknowledges, and is then asked about a halted agent's next call as a gateway asks;
# a person releases the agent, and its call is let through again.
# Usage: deploy/demo/refused_call.sh [RINGFENCE]. Works in the current directory, which needs config/; all it writes is in out/live.
set -euo pipefail

ringfence=${1:-build/release/ringfence}
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
config=$here/ringfence.yaml
readonly patience_s=30

die() {
  printf 'refused_call.sh: %s\n' "$*" >&2
  exit 1
}

rm -rf -- out/live
mkdir -p -- out/live
"$ringfence" keys generate out/live/signing.pem >out/live/kid
# In an installation people have a key of their own (docs/operations.md).
"$ringfence" keys show out/live/signing.pem --writer 'engine-*' --writer operator >out/live/trusted_keys.json
: >out/live/control.ndjson # nothing is contained yet: the gate may answer before the engine speaks
gzip -dc config/fleet/telemetry.ndjson.gz >out/live/telemetry.ndjson

declare -A started=()
trap 'kill "${started[@]}" 2>/dev/null || true; wait' EXIT
start() {
  "$ringfence" "$2" --config "$config" 2>"out/live/$1.log" &
  started[$1]=$!
}
start gate gate

# Waits until a command succeeds; what was started must live meanwhile.
until_true() {
  local what=$1 until=$((SECONDS + patience_s)) name
  shift
  until "$@"; do
    for name in "${!started[@]}"; do
      kill -0 "${started[$name]}" 2>/dev/null || die "the $name has ended: $(tail -n 1 "out/live/$name.log")"
    done
    ((SECONDS < until)) || die "$what did not come within $patience_s s"
  done
}

listening() {
  port=$(sed -n 's/.*"gate answers".*"port":\([0-9]*\).*/\1/p' out/live/gate.log)
  [[ -n $port ]]
}

# Asks about an agent's call of an MCP tool, in the form of Envoy's ext_authz; the answer's lines in `answer`.
ask() {
  local body='{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"get_commit","arguments":{"sha":"4f1c9e2"}}}'
  exec 3<>"/dev/tcp/127.0.0.1/$port"
  printf 'POST /envoy/mcp HTTP/1.1\r\nHost: gate\r\nConnection: close\r\nX-Agent-Id: %s\r\nContent-Length: %d\r\n\r\n%s' "$1" "${#body}" "$body" >&3
  mapfile -t answer < <(tr -d '\r' <&3)
  exec 3<&- 3>&-
}

knows() {
  ask code-4
  [[ ${answer[0]} != *" 503 "* ]]
}

passes() {
  ask code-4
  [[ ${answer[0]} == *" 200 "* ]]
}

acknowledged() { grep -q '"key":"demo|agent:corp/code-4#.*\\"epoch\\":2,\\"status\\":200' out/live/acks.ndjson 2>/dev/null; }

tell() { printf '%-8s %s\n' "$@"; }

echo
until_true "the gate's port" listening
tell gate "answers at 127.0.0.1:$port and follows out/live/control.ndjson"
until_true "the gate's first answer" knows
tell code-4 "may it call git/get_commit?  ${answer[0]}"
start engine run
until_true "an acknowledgement" acknowledged
tell engine "judges the day; its signed halts are in out/live/control.ndjson"
tell gate "has applied and acknowledged them in out/live/acks.ndjson"
ask code-4
tell code-4 "may it call git/get_commit?  ${answer[0]}"
printf '         %s\n' "${answer[@]:1}" | grep -E 'X-Ringfence|jsonrpc'
ask code-2
tell code-2 "may it call git/get_commit?  ${answer[0]}"
released=$("$ringfence" release agent:corp/code-4 --reason "the ids came from a runbook" --by ada --config "$config") || die "nothing was released"
tell ada "$released"
until_true "the gate's answer to the release" passes
tell code-4 "may it call git/get_commit?  ${answer[0]}"
