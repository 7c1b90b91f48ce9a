#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A Kafka broker of one process for the walk in README.md, from the jars the tests use. No part of an installation: any cluster does as well.
# Usage: deploy/walk/kafka.sh start DIRECTORY   with data and log in DIRECTORY; prints its process id once it answers, ends with TERM
#        deploy/walk/kafka.sh send TOPIC        every line of standard input: a key, a tab, a value
# The broker listens at 127.0.0.1:9092. RINGFENCE_BROKER_LIBS names jars that are elsewhere than where fetch.sh puts them.
set -euo pipefail

root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd)
libs=${RINGFENCE_BROKER_LIBS:-$root/build/broker/libs}
readonly broker=127.0.0.1:9092 controller=127.0.0.1:9093

if [[ -n ${RINGFENCE_BROKER_LIBS:-} && ! -d $libs ]]; then
  printf 'kafka.sh: no jars in %s: tests/integration/broker/fetch.sh brings them\n' "$libs" >&2
  exit 3
fi

java_of() { java -Dorg.slf4j.simpleLogger.defaultLogLevel=warn -cp "$libs/*" "$@"; }

start() {
  [[ -n ${RINGFENCE_BROKER_LIBS:-} ]] || "$root/tests/integration/broker/fetch.sh"
  mkdir -p -- "$1"
  local directory
  directory=$(cd -- "$1" && pwd)
  cat >"$directory/server.properties" <<PROPERTIES
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@$controller
listeners=PLAINTEXT://$broker,CONTROLLER://$controller
advertised.listeners=PLAINTEXT://$broker
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
log.dirs=$directory/data
offsets.topic.num.partitions=4
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
auto.create.topics.enable=false
PROPERTIES
  if [[ ! -d $directory/data ]]; then
    java_of kafka.tools.StorageTool format -t cmluZ2ZlbmNlLXdhbGstMQ -c "$directory/server.properties" >"$directory/format.log" 2>&1
  fi
  local log=$directory/kafka.log process
  : >"$log"  # there before it is followed: the broker's own shell may come to it later
  java -Xms512m -Xmx512m -XX:+UseG1GC -Dorg.slf4j.simpleLogger.defaultLogLevel=warn \
    -Dorg.slf4j.simpleLogger.log.kafka.server.KafkaRaftServer=info -cp "$libs/*" kafka.Kafka "$directory/server.properties" \
    >>"$log" 2>&1 </dev/null &
  process=$!
  # Follows the log until that line comes or the process has ended.
  if ! grep -q -m1 'Kafka Server started' < <(exec tail -n +1 -f --pid="$process" -- "$log"); then
    tail -n 5 "$log" >&2
    exit 3
  fi
  echo "$process"
}

case ${1:-} in
  start) start "${2:?a directory}" ;;
  send) java_of org.apache.kafka.tools.ConsoleProducer --bootstrap-server "$broker" --topic "${2:?a topic}" \
    --reader-property parse.key=true --reader-property $'key.separator=\t' ;;
  *)
    sed -n '3,7s/^# //p' "${BASH_SOURCE[0]}" >&2
    exit 2
    ;;
esac
