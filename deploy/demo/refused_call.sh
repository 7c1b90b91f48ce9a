#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# From a halt to a refused call with the embedded default, as `./dev run` shows it: a gate is started, the engine judges the example fleet's
# day and signs its halts, the gate follows and acknowledges, and is then asked about a halted agent's next call as a gateway asks.
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
"$ringfence" keys show out/live/signing.pem >out/live/trusted_keys.json
: >out/live/control.ndjson # nothing is contained yet: the gate may answer before the engine speaks

"$ringfence" gate --config "$config" 2>out/live/gate.log &
gate=$!
trap 'kill "$gate" 2>/dev/null || true; wait "$gate" || true' EXIT

# Waits until a command succeeds; the gate must live meanwhile.
until_true() {
  local what=$1 until=$((SECONDS + patience_s))
  shift
  until "$@"; do
    kill -0 "$gate" 2>/dev/null || die "the gate has ended: $(tail -n 1 out/live/gate.log)"
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

acknowledged() { grep -q '"key":"demo|agent:corp/code-4#.*\\"epoch\\":2,\\"status\\":200' out/live/acks.ndjson 2>/dev/null; }

tell() { printf '%-8s %s\n' "$@"; }

echo
until_true "the gate's port" listening
tell gate "answers at 127.0.0.1:$port and follows out/live/control.ndjson"
until_true "the gate's first answer" knows
tell code-4 "may it call git/get_commit?  ${answer[0]}"
"$ringfence" run --config "$config" 2>out/live/engine.log || die "the engine failed: $(tail -n 1 out/live/engine.log)"
tell engine "has judged the day; its signed halts are in out/live/control.ndjson"
until_true "an acknowledgement" acknowledged
tell gate "has applied and acknowledged them in out/live/acks.ndjson"
ask code-4
tell code-4 "may it call git/get_commit?  ${answer[0]}"
printf '         %s\n' "${answer[@]:1}" | grep -E 'X-Ringfence|jsonrpc'
ask code-2
tell code-2 "may it call git/get_commit?  ${answer[0]}"
